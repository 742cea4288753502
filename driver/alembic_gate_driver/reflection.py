"""Reading all tables of a database at once, where Alembic asks for one after the other."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine.reflection import Inspector

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of more a project may want but a few.
_MOST_TABLES = 500


@contextmanager
def at_once() -> Iterator[None]:
    """Let inspectors read a schema as `MetaData.reflect` does it, meanwhile; SQLAlchemy before 2.0 has no way to."""
    original = getattr(Inspector, "_get_reflection_info", None)
    if original is None:
        yield
        return

    @functools.wraps(original)
    def read(inspector: Any, schema: str | None = None, *rest: Any, **named: Any) -> Any:
        names = named.get("filter_names") or ()
        plain = not rest and not named.get("available") and not named.get("_reflect_info")
        if not plain or len(names) != 1 or len(inspector.get_table_names(schema)) > _MOST_TABLES:
            return original(inspector, schema, *rest, **named)
        others = {name: value for name, value in named.items() if name != "filter_names"}
        key = ("alembic-gate", schema, *map(str, sorted(others.items())))
        if key not in inspector.info_cache:
            inspector.info_cache[key] = original(inspector, schema, **others)
        known = inspector.info_cache[key]
        # What is not among them is temporary, or was made since.
        return known if (schema, names[0]) in known.columns else original(inspector, schema, **named)

    Inspector._get_reflection_info = read
    try:
        yield
    finally:
        Inspector._get_reflection_info = original
