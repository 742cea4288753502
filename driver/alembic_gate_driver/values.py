"""Writes statements and their parameters so that no two different ones look the same."""

from __future__ import annotations

import datetime
import enum
import hashlib
import re
import time
from typing import TYPE_CHECKING, Any

from .missing import Missing

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 65_536
_MOST_ROWS = 1000

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NAMED = re.compile(r"%\(([^)]+)\)s")
_NUMBERED = re.compile(r"\$(\d+)")
_NOW = "<now>"


_ROWS = (dict, list, tuple)


class Returned(int):
    """A key that the server would have made."""

    def __repr__(self) -> str:
        return "<returned>"


class Canonical:
    """Writes statements and values; what is the time since it was made is `<now>`."""

    def __init__(self) -> None:
        self._since = time.time()

    def sql(self, sql: str) -> str:
        """Write a statement."""
        return _shortened(self._without_now(sql))

    def positional(
        self, sql: str, parameters: Any, *, many: bool = False, context: Any = None
    ) -> tuple[str, list[list[str]]]:
        """Write a statement as a driver gets it, with `?` for each of its parameters, and their rows in that order."""
        if many and not (isinstance(parameters, (list, tuple)) and all(isinstance(row, _ROWS) for row in parameters)):
            # SQLAlchemy has put many rows into one statement.
            sql, parameters = _single(sql, parameters, context)
        rows = list(parameters) if many else [parameters] if parameters else []
        if rows and all(isinstance(row, dict) for row in rows):
            names = _NAMED.findall(sql)
            return self.sql(_NAMED.sub("?", sql)), self.parameters([[row.get(name) for name in names] for row in rows])
        if rows:
            numbers = [int(number) - 1 for number in _NUMBERED.findall(sql)]
            if numbers and all(max(numbers) < len(row) for row in rows):
                return self.sql(_NUMBERED.sub("?", sql)), self.parameters([[row[at] for at in numbers] for row in rows])
            return self.sql(sql.replace("%s", "?")), self.parameters(rows)
        return self.sql(sql), []

    def parameters(self, rows: list[Any]) -> list[list[str]]:
        """Write rows of parameters; what follows after a thousand is written as a digest."""
        shown = [[_shortened(self._canonical(value)) for value in _values(row)] for row in rows[:_MOST_ROWS]]
        if len(rows) > _MOST_ROWS:
            rest = "\n".join(self._canonical(value) for row in rows[_MOST_ROWS:] for value in _values(row))
            shown.append([f"{len(rows) - _MOST_ROWS} more rows, {_digest(rest)}"])
        return [row for row in shown if row]

    def _canonical(self, value: Any) -> str:
        """Write a value so that no two different ones look the same, whatever the text of the statement shows."""
        if value is None or isinstance(value, (bool, Returned)):
            return repr(value)
        if isinstance(value, Missing):
            return str(value)
        if isinstance(value, enum.Enum):
            return f"{type(value).__name__}.{value.name}"
        if isinstance(value, str):
            return repr(self._without_now(str.__str__(value)))
        if isinstance(value, (int, float)):
            return _NOW if any(self._is_now(value / unit) for unit in (1, 1e3, 1e6, 1e9)) else repr(value)
        if isinstance(value, datetime.datetime):
            return self._moment(value)
        if isinstance(value, (list, tuple)):
            return f"{'[]' if isinstance(value, list) else '()'}{[self._canonical(item) for item in value]}"
        if isinstance(value, (set, frozenset)):
            return f"set{sorted(self._canonical(item) for item in value)}"
        if isinstance(value, dict):
            return str({self._canonical(key): self._canonical(item) for key, item in value.items()})
        if isinstance(value, (memoryview, bytearray)):
            return repr(bytes(value))
        for name in ("adapted", "obj"):
            # What drivers wrap around JSON, and whose own text says nothing of it.
            if type(value).__module__.startswith("psycopg") and hasattr(value, name):
                return f"{type(value).__name__}({self._canonical(getattr(value, name))})"
        return _ADDRESS.sub("", repr(value))

    def _is_now(self, seconds: float) -> bool:
        return self._since - 1 <= seconds <= time.time() + 1

    def _moment(self, value: datetime.datetime) -> str:
        if abs(value.year - datetime.date.today().year) > 1:
            # The first and the last years have no time stamp.
            return repr(value)
        if value.tzinfo is not None:
            return _NOW if self._is_now(value.timestamp()) else repr(value)
        local, utc = value.timestamp(), value.replace(tzinfo=datetime.timezone.utc).timestamp()
        return _NOW if self._is_now(local) or self._is_now(utc) else repr(value)

    def _without_now(self, sql: str) -> str:
        def told(match: re.Match[str]) -> str:
            try:
                moment = datetime.datetime.fromisoformat(match.group().replace("Z", "+00:00"))
            except ValueError:
                return match.group()
            return _NOW if self._moment(moment) == _NOW else match.group()

        return _TIMESTAMP.sub(told, sql)


def _single(sql: str, parameters: Any, context: Any) -> tuple[str, list[Any]]:
    """Return the statement for one row, and all rows."""
    compiled, rows = getattr(context, "compiled", None), getattr(context, "compiled_parameters", None)
    if compiled is None or not rows:
        return sql, [parameters]
    names = getattr(compiled, "positiontup", None)
    return str(compiled), [[row[name] for name in names] for row in rows] if names else list(rows)


def _values(row: Any) -> Iterable[Any]:
    return (item for pair in sorted(row.items()) for item in pair) if isinstance(row, dict) else row


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… {_digest(text)}"
