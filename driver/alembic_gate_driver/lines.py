"""Which lines of a function run, at next to no cost, and without being in the way of debuggers and coverage tools."""

from __future__ import annotations

import dis
import inspect
import sys
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

_NAME = "alembic-gate"

# Of the six tools that Python knows these two have no meaning of their own.
_FREE_TOOLS = (3, 4)


class Lines:
    """`every`: the lines that may run; `ran`: those that did. Both are empty where nobody can tell.

    `whole_file`: those of all functions of the function's file, and not of this one alone.
    """

    def __init__(self, function: Callable[..., Any], *, whole_file: bool = False) -> None:
        function = inspect.unwrap(function)
        code = getattr(function, "__code__", None)
        self._codes = [] if code is None else list(_with_inner(code))
        if code is not None and whole_file:
            self._codes += _codes_of(function.__globals__, {*self._codes}, code.co_filename)
        self.every: set[int] = set()
        self.ran: set[int] = set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note the lines that run meanwhile."""
        watch = _monitored if hasattr(sys, "monitoring") else _traced
        with watch(self._codes, self.ran) as watching:
            if watching:
                self.every.update(*map(_lines_of, self._codes))
            yield


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def _codes_of(names: Mapping[str, Any], known: set[CodeType], file: str) -> list[CodeType]:
    """Find the code of functions, and of those in classes, that stand in a file."""
    found: list[CodeType] = []
    for value in list(names.values()):
        if isinstance(value, type) and value.__module__ == names.get("__name__"):
            found += _codes_of(vars(value), known, file)
        if not isinstance(value, FunctionType):
            continue
        code = inspect.unwrap(value).__code__
        if code.co_filename == file and code not in known:
            inner = list(_with_inner(code))
            known.update(inner)
            found += inner
    return found


def _lines_of(code: CodeType) -> set[int]:
    # Where a function begins nothing runs when it is called.
    return {line for _, line in dis.findlinestarts(code) if line and line != code.co_firstlineno}


@contextmanager
def _monitored(codes: list[CodeType], ran: set[int]) -> Iterator[bool]:
    monitoring = sys.monitoring
    tool = next((tool for tool in _FREE_TOOLS if monitoring.get_tool(tool) is None), None)
    if tool is None:
        yield False
        return

    def note(_: CodeType, line: int) -> Any:
        ran.add(line)
        # Once is enough: from then on the line costs nothing.
        return monitoring.DISABLE

    monitoring.use_tool_id(tool, _NAME)
    monitoring.register_callback(tool, monitoring.events.LINE, note)
    for code in codes:
        monitoring.set_local_events(tool, code, monitoring.events.LINE)
    try:
        yield True
    finally:
        for code in codes:
            monitoring.set_local_events(tool, code, 0)
        monitoring.register_callback(tool, monitoring.events.LINE, None)
        monitoring.free_tool_id(tool)


@contextmanager
def _traced(codes: list[CodeType], ran: set[int]) -> Iterator[bool]:
    if sys.gettrace() is not None:
        yield False
        return
    wanted = set(codes)

    def note(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            ran.add(frame.f_lineno)
        return note

    def enter(frame: FrameType, _event: str, _: Any) -> Any:
        return note if frame.f_code in wanted else None

    sys.settrace(enter)
    try:
        yield True
    finally:
        # A debugger that the function has started stays.
        if sys.gettrace() is enter:
            sys.settrace(None)
