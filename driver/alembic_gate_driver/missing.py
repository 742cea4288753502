"""Stands in for modules that a revision imports and that are not there.

Much of what revisions import does not touch what they execute: types that are only annotations, models that only an
unused function needs. What does touch it shows in the statements under its name; a decision on it ends the rendering.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable

from sqlalchemy.types import UserDefinedType

if TYPE_CHECKING:
    from collections.abc import Iterator


class UnknowableError(ImportError):
    """What the revision does depends on something that is not there."""


class Missing(UserDefinedType):
    """An object of a missing module: a type for columns, a base of classes, a function, whatever it is taken for."""

    cache_ok = True
    called: Callable[[str], None] | None = None
    read: Callable[[str], None] | None = None

    def __init__(self, missing_name: str) -> None:
        # SQLAlchemy copies types by the names of these arguments.
        self.missing_name = missing_name

    def get_col_spec(self, **_: Any) -> str:
        """Show in a statement where it is used as a column's type."""
        return str(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return Missing(f"{self.missing_name}.{name}")

    def __call__(self, *positional: Any, **named: Any) -> Missing:
        """Tell of the call: it may be one that executes something."""
        values = [*map(repr, positional), *(f"{name}={value!r}" for name, value in named.items())]
        if not values:
            return self
        result = Missing(f"{self.missing_name}({', '.join(values)})")
        if Missing.called is not None:
            Missing.called(str(result))
        return result

    def __getitem__(self, key: Any) -> Missing:
        """Take part in an annotation, or be looked up."""
        return Missing(f"{self.missing_name}[{key!r}]")

    def __iter__(self) -> Iterator[Any]:
        """Hold nothing, as tables hold no rows."""
        if Missing.read is None:
            raise UnknowableError(f"{self.missing_name} is not there")
        Missing.read(str(self))
        return iter(())

    def __mro_entries__(self, _bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()

    def __bool__(self) -> bool:
        raise UnknowableError(f"{self.missing_name} is not there")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        raise UnknowableError(f"{self.missing_name} is not there")

    def __hash__(self) -> int:
        return hash(self.missing_name)

    def __repr__(self) -> str:
        return f"<missing {self.missing_name}>"

    __str__ = __repr__


class _Module(ModuleType):
    __path__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}")


class _Finder:
    """The last one to be asked for a module."""

    def __init__(self, file: str, names: set[str]) -> None:
        self._file = file
        self._names = names

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        parent = name.rpartition(".")[0]
        if not self._is_asked_by_the_revision() or (parent and parent not in self._names):
            return None
        self._names.add(name)
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass

    def _is_asked_by_the_revision(self) -> bool:
        frame = sys._getframe(2)
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        return frame is not None and frame.f_code.co_filename == self._file


@contextmanager
def stood_in_for(file: str) -> Iterator[set[str]]:
    """Let one file import what is not there; gives the names of such modules."""
    names: set[str] = set()
    finder = _Finder(file, names)
    sys.meta_path.append(finder)
    try:
        yield names
    finally:
        sys.meta_path.remove(finder)
        for name in names:
            sys.modules.pop(name, None)
