"""Every statement that goes through SQLAlchemy, with the line that caused it."""

from __future__ import annotations

import reprlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from .errors import message_of, sqlstate_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .channel import Channel
    from .errors import Sources
    from .values import Canonical

_LONGEST_SQL = 65_536

# A loop over the rows of a table says nothing more after this many statements; then one a second shows that it moves.
_MOST = 1000

# Where two versions of a revision are compared, each statement counts.
_MOST_EXACT = 20_000

_repr = reprlib.Repr()
_repr.maxdict = _repr.maxlist = _repr.maxtuple = 50
_repr.maxstring = _repr.maxother = 200


class Statements:
    """Reports statements, and errors even when the project swallows them.

    While a revision's function runs, `revision` is its id and `file` its file. What Alembic does around it, such as
    updating the version table, belongs to no revision. `unreported` counts what was left out of the last revision.
    While `silent` is set nothing is reported. While `exact` is set parameters are told whole. `place_of`, where it is
    set, tells of a connection to which of several databases it leads.
    """

    def __init__(self, channel: Channel, sources: Sources) -> None:
        self.revision: str | None = None
        self.file: str | None = None
        self.unreported = 0
        self.silent = False
        self.exact: Canonical | None = None
        self._batched: Any = None
        self.place_of: Callable[[Any], str | None] | None = None
        self._reported = 0
        self._last_report = 0.0
        self._channel = channel
        self._sources = sources
        self._begun: dict[int, tuple[float, dict[str, Any]]] = {}
        event.listen(Engine, "before_cursor_execute", self._before)
        event.listen(Engine, "after_cursor_execute", self._after)
        event.listen(Engine, "handle_error", self._failed)
        channel.answer_at_once("where", self._tell_where)

    def forget(self) -> None:
        """Begin a run: forget statements that an earlier one did not end."""
        self._begun.clear()
        self.begin(None, None)

    def begin(self, revision: str | None, file: str | None) -> None:
        """Say whose function runs now."""
        self.revision, self.file = revision, file
        if revision is not None:
            self.unreported = self._reported = 0

    def place(self, frame: FrameType | None) -> dict[str, Any]:
        """Name the innermost line of the running revision's file, or else of the project, from a frame outwards."""
        nearest: dict[str, Any] = {}
        while frame is not None:
            name = frame.f_code.co_filename
            file = self._sources.locate(name)
            if name == self.file:
                return {"file": file or name, "line": frame.f_lineno}
            if file is not None and not nearest:
                nearest = {"file": file, "line": frame.f_lineno}
            frame = frame.f_back
        return nearest

    def _before(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if self.silent:
            return
        if self.exact is not None and executemany and context is self._batched:
            # The rest of the rows that were told with the first of them.
            return
        self._batched = context if self.exact is not None else None
        fields = self._describe(connection, statement, parameters, many=executemany, context=context)
        fields.update(self.place(sys._getframe(1)))
        self._begun[id(cursor)] = (time.perf_counter(), fields)

    def _after(self, _connection: Any, cursor: Any, *_: Any) -> None:
        begun, fields = self._begun.pop(id(cursor), (None, None))
        if begun is None:
            return
        now = time.perf_counter()
        most = _MOST if self.exact is None else _MOST_EXACT
        if self.revision is not None and self._reported >= most and now - self._last_report < 1:
            self.unreported += 1
            return
        self._reported += 1
        self._last_report = now
        rows = getattr(cursor, "rowcount", -1)
        self._channel.send(
            "statement",
            at_once=False,
            **fields,
            seconds=now - begun,
            rows=rows if isinstance(rows, int) and rows >= 0 else None,
        )

    def _failed(self, context: Any) -> None:
        if context.statement is None or self.silent:
            return
        cursor = getattr(context.execution_context, "cursor", None)
        _, fields = self._begun.pop(id(cursor), (None, None))
        if fields is None:
            # It failed before it reached the driver: parameters that cannot be bound.
            fields = self._describe(context.connection, context.statement, context.parameters)
            fields.update(self.place(sys._getframe(1)))
        error = context.original_exception
        self._channel.send("statement-error", **fields, message=message_of(error), sqlstate=sqlstate_of(error))

    def _describe(
        self, connection: Any, statement: str, parameters: Any, *, many: bool = False, context: Any = None
    ) -> dict[str, Any]:
        fields = {
            "revision": self.revision,
            "sql": statement[:_LONGEST_SQL],
            "parameters": _repr.repr(parameters) if parameters else None,
        }
        if self.exact is not None and self.revision is not None:
            sql, rows = self.exact.positional(statement, parameters, many=many, context=context)
            fields["exact"] = {"sql": sql, "parameters": rows}
        if self.place_of is not None:
            fields["database"] = self.place_of(connection)
        return fields

    def _tell_where(self) -> None:
        """Say what is being waited for; called from another thread than the one that waits."""
        running = list(self._begun.values())
        if running:
            begun, fields = running[-1]
            self._channel.send("where", **fields, seconds=time.perf_counter() - begun)
            return
        places = {thread: self.place(frame) for thread, frame in sys._current_frames().items()}
        place = places.get(threading.main_thread().ident, {})
        if self.file is not None:
            # Migrations may run in another thread than the main one.
            file = self._sources.locate(self.file) or self.file
            place = next((other for other in places.values() if other.get("file") == file), place)
        self._channel.send("where", revision=self.revision, **place)
