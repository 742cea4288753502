"""Reading all tables of a database at once, where Alembic asks for one after the other."""

from __future__ import annotations

import copy
import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable

from sqlalchemy.engine.reflection import Inspector

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of more a project may want but a few.
_MOST_TABLES = 500

# What Alembic before 1.17 asks for once more, table by table.
_ASKED_AGAIN = {
    "get_indexes": "indexes",
    "get_unique_constraints": "unique_constraints",
    "get_foreign_keys": "foreign_keys",
}


@contextmanager
def at_once() -> Iterator[None]:
    """Let inspectors read a schema as `MetaData.reflect` does it, meanwhile; SQLAlchemy before 2.0 has no way to."""
    original = getattr(Inspector, "_get_reflection_info", None)
    if original is None:
        yield
        return

    def known_of(inspector: Any, schema: str | None, named: dict[str, Any]) -> Any:
        """Return what is known of all tables of a schema; None where there are too many."""
        if len(inspector.get_table_names(schema)) > _MOST_TABLES:
            return None
        key = ("alembic-gate", schema, *map(str, sorted(named.items())))
        if key not in inspector.info_cache:
            inspector.info_cache[key] = original(inspector, schema, **named)
        return inspector.info_cache[key]

    @functools.wraps(original)
    def read(inspector: Any, schema: str | None = None, *rest: Any, **named: Any) -> Any:
        names = named.get("filter_names") or ()
        plain = not rest and not named.get("available") and not named.get("_reflect_info")
        if not plain or len(names) != 1:
            return original(inspector, schema, *rest, **named)
        known = known_of(inspector, schema, {name: value for name, value in named.items() if name != "filter_names"})
        # What is not among them is temporary, or was made since.
        known_here = known is not None and (schema, names[0]) in known.columns
        return known if known_here else original(inspector, schema, **named)

    replaced = {"_get_reflection_info": read, **{name: _again(name, known_of) for name in _ASKED_AGAIN}}
    originals = {name: getattr(Inspector, name) for name in replaced}
    _set(replaced)
    try:
        yield
    finally:
        _set(originals)


def _again(method: str, known_of: Callable[..., Any]) -> Callable[..., Any]:
    """Answer a question of Inspector's about one table from what was read of all."""
    from sqlalchemy.engine.reflection import ObjectKind, ObjectScope

    original = getattr(Inspector, method)

    @functools.wraps(original)
    def answer(inspector: Any, table_name: str, schema: str | None = None, **named: Any) -> Any:
        # As it is asked for to reflect a table.
        known = None if named else known_of(inspector, schema, {"kind": ObjectKind.ANY, "scope": ObjectScope.ANY})
        place = (schema, table_name)
        if known is None or place not in known.columns:
            return original(inspector, table_name, schema, **named)
        # Who asks may change what it gets.
        return copy.deepcopy(getattr(known, _ASKED_AGAIN[method]).get(place, []))

    return answer


def _set(methods: dict[str, Any]) -> None:
    for name, method in methods.items():
        setattr(Inspector, name, method)
