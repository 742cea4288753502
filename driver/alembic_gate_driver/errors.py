"""Exceptions as data."""

from __future__ import annotations

import os
import sys
import traceback
from functools import lru_cache
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_LONGEST = 65_536
_LONGEST_SAID = 2000


class Sources:
    """Tells the project's own files from everybody else's."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._roots = tuple({os.path.join(folder, "") for folder in (root, os.path.realpath(root))})
        installed = (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))
        # The interpreter's prefix may be an ancestor of the project: /usr and /usr/src/app.
        self._installed = tuple(
            os.path.join(folder, "") for folder in installed if not any(r.startswith(folder) for r in self._roots)
        )
        self._directory = os.getcwd()
        self.locate = lru_cache(maxsize=None)(self._locate)

    def _locate(self, name: str) -> str | None:
        """Return the absolute path of a source file as code objects name it; None: it is not the project's."""
        if name.startswith("<"):
            return None
        file = os.path.normpath(os.path.join(self._directory, name))
        foreign = file.startswith(self._installed) or os.path.sep + "site-packages" + os.path.sep in file
        return file if file.startswith(self._roots) and not foreign else None


def describe(error: BaseException, sources: Sources) -> dict[str, Any]:
    """Make a `Raised` of an exception."""
    described: dict[str, Any] = {
        "type": type(error).__name__,
        "message": message_of(error)[:_LONGEST],
        "frames": list(_frames(error, sources)),
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__))[-_LONGEST:],
    }
    sqlstate = sqlstate_of(error)
    if sqlstate:
        described["sqlstate"] = sqlstate
    statement = getattr(error, "statement", None)
    if isinstance(statement, str):
        described["sql"] = statement[:_LONGEST]
    return described


def message_of(error: BaseException) -> str:
    """Say what happened, without the statement and the links that SQLAlchemy adds to what a driver says."""
    error = _original(error)
    if isinstance(error, SyntaxError):
        return error.msg or "invalid syntax"
    if isinstance(error, SystemExit):
        return f"exit status {error.code!r}"
    if isinstance(error, KeyError) and error.args:
        return repr(error.args[0])
    if isinstance(error, CalledProcessError):
        return "\n".join([str(error), *_said_by(error)])
    return str(error).strip()


def _said_by(error: CalledProcessError) -> Iterator[str]:
    """Yield what a program wrote, where the project kept it."""
    for said in (error.stderr, error.stdout):
        words = said.decode(errors="replace") if isinstance(said, bytes) else said
        if isinstance(words, str) and words.strip():
            yield words.strip()[-_LONGEST_SAID:]


def sqlstate_of(error: BaseException) -> str | None:
    """Return the five characters that the server gave, where it gave some."""
    original = _original(error)
    for name in ("sqlstate", "pgcode"):
        state = getattr(original, name, None)
        if isinstance(state, str):
            return state
    # pg8000 hands over the fields of the server's message.
    fields = original.args[0] if original.args else None
    return fields.get("C") if isinstance(fields, dict) else None


def _original(error: BaseException) -> BaseException:
    """Unwrap SQLAlchemy's error to the driver's, and its adapter's error to asyncpg's."""
    original = getattr(error, "orig", None)
    if not isinstance(original, BaseException):
        original = error
    if type(original).__module__.startswith("sqlalchemy.") and original.__cause__ is not None:
        return original.__cause__
    return original


def _frames(error: BaseException, sources: Sources) -> Iterator[dict[str, Any]]:
    """Yield the frames in the project's own files, outermost first; those of the cause where there are no others."""
    seen = set()
    while id(error) not in seen:
        seen.add(id(error))
        frames = list(_own_frames(error.__traceback__, sources))
        if isinstance(error, SyntaxError) and error.filename:
            file = sources.locate(error.filename)
            frames += [{"file": file, "line": error.lineno or 1, "function": "<module>"}] if file else []
        if frames or error.__cause__ is None:
            yield from frames
            return
        error = error.__cause__


def _own_frames(trace: TracebackType | None, sources: Sources) -> Iterator[dict[str, Any]]:
    for frame, line in traceback.walk_tb(trace):
        file = sources.locate(frame.f_code.co_filename)
        if file is not None:
            yield {"file": file, "line": line, "function": frame.f_code.co_name}
