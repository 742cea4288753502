"""Where in the project's files models stand."""

from __future__ import annotations

import ast
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .errors import Sources


class Places:
    """Finds the class or the variable of each table, and lines in them."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._classes: dict[str, list[tuple[Any, type]]] = {}
        self._variables: dict[str, list[tuple[Any, str, str]]] = {}
        self._trees: dict[str, ast.Module | None] = {}
        self._files: dict[type, str] = {}
        self.files: set[str] = set()
        # env.py is no module that can be found, but it is being executed.
        for variables in [*(vars(module) for module in list(sys.modules.values())), *_outer_variables()]:
            file = sources.locate(variables.get("__file__") or "<none>")
            if file is not None:
                self._look_through(variables.get("__name__"), file, variables)

    def model(self, table: Any) -> str | None:
        """Return the name of the class that is mapped to a table."""
        owner = self._class(table)
        return owner.__name__ if owner is not None else None

    def table(self, table: Any) -> dict[str, Any]:
        """Say where a table is declared."""
        owner = self._class(table)
        if owner is not None:
            return self._place(owner, self._class_node(owner))
        for _, file, variable in self._of(self._variables, table):
            return {"file": file, "line": _line_of(self._assignment(file, variable))}
        return {}

    def column(self, table: Any, name: str) -> dict[str, Any]:
        """Say where a column is declared; where that cannot be told, where its table is."""
        owner = self._class(table)
        if owner is not None:
            key = _attribute(owner, name)
            for base in (*owner.__mro__, *_below(owner)):
                node = self._class_node(base)
                found = node and (_member(node, key) or _call_with(node, name))
                if found:
                    return self._place(base, found)
        return self._named(table, name) or self.table(table)

    def item(self, table: Any, name: str | None, columns: list[str]) -> dict[str, Any]:
        """Say where an index or a constraint is declared: by its name, or on the only column that it is about."""
        found = self._named(table, name) if name else None
        if found:
            return found
        return self.column(table, columns[0]) if len(columns) == 1 else self.table(table)

    def tree(self, file: str) -> ast.Module | None:
        """Parse a file, once."""
        if file not in self._trees:
            self._trees[file] = parse(file)
        return self._trees[file]

    def _named(self, table: Any, name: str) -> dict[str, Any] | None:
        """Find the call that is given a name, `Index("name", …)`, in what declares the table."""
        owner = self._class(table)
        for base in owner.__mro__ if owner is not None else ():
            node = self._class_node(base)
            found = node and _call_with(node, name)
            if found:
                return self._place(base, found)
        for _, file, variable in self._of(self._variables, table):
            node = self._assignment(file, variable)
            found = node and _call_with(node, name)
            if found:
                return {"file": file, "line": found.lineno}
        return None

    def _look_through(self, name: str | None, file: str, variables: dict[str, Any]) -> None:
        for variable, value in list(variables.items()):
            # isinstance() would ask proxies, which may need a context.
            kind = type(value)
            if issubclass(kind, type):
                table = _table_of(value) if value.__module__ == name else None
                if table is not None:
                    self.files.add(file)
                    self._files[value] = file
                    self._classes.setdefault(table.key, []).append((table, value))
            elif issubclass(kind, Table):
                self.files.add(file)
                self._variables.setdefault(value.key, []).append((value, file, variable))

    def _class(self, table: Any) -> type | None:
        return next((owner for _, owner in self._of(self._classes, table)), None)

    @staticmethod
    def _of(known: dict[str, list[Any]], table: Any) -> list[Any]:
        """Prefer the very table; env.py may have made copies of them."""
        entries = known.get(table.key, [])
        return [entry for entry in entries if entry[0] is table] or entries

    def _place(self, owner: type, node: ast.AST | None) -> dict[str, Any]:
        file = self._file_of(owner)
        return {"file": file, "line": _line_of(node)} if file else {}

    def _file_of(self, owner: type) -> str | None:
        if owner in self._files:
            return self._files[owner]
        module = sys.modules.get(owner.__module__)
        return self._sources.locate(getattr(module, "__file__", None) or "<none>")

    def _class_node(self, owner: type) -> ast.ClassDef | None:
        file = self._file_of(owner)
        node: Any = self.tree(file) if file else None
        for part in owner.__qualname__.split("."):
            node = next(
                (one for one in _statements(node) if isinstance(one, ast.ClassDef) and one.name == part),
                None,
            )
        return node

    def _assignment(self, file: str, variable: str) -> ast.AST | None:
        return _member(self.tree(file), variable)


def parse(file: str) -> ast.Module | None:
    """Read a file's syntax; None: it has none."""
    with suppress(OSError, SyntaxError, ValueError), open(file, "rb") as stream:
        return ast.parse(stream.read())
    return None


def _outer_variables() -> Iterator[dict[str, Any]]:
    """Yield the globals of what is being executed."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals is not globals():
            yield frame.f_globals
        frame = frame.f_back


def _table_of(value: type) -> Any:
    """Return the table that a class is mapped to, if it is."""
    with suppress(Exception):
        mapper = value.__dict__.get("__mapper__") or value.__dict__["_sa_class_manager"].mapper
        table = mapper.local_table
        # A class that shares its parent's table declares columns, and not the table.
        shared = mapper.inherits is not None and table is mapper.inherits.local_table
        return table if isinstance(table, Table) and not shared else None
    return None


def _below(owner: type) -> Iterator[type]:
    """Yield the classes that may share a table and add columns to it."""
    for child in type.__subclasses__(owner):
        yield child
        yield from _below(child)


def _attribute(owner: type, column: str) -> str:
    with suppress(Exception):
        mapper = owner.__dict__.get("__mapper__") or owner.__dict__["_sa_class_manager"].mapper
        return next(key for key, value in mapper.columns.items() if value.name == column)
    return column


def _statements(node: ast.AST | None) -> Iterator[ast.stmt]:
    """Yield what a module or a class consists of, blocks such as `if TYPE_CHECKING` included."""
    for one in getattr(node, "body", []):
        yield one
        if isinstance(one, (ast.If, ast.Try, ast.With)):
            yield from _statements(one)


def _member(node: ast.AST | None, name: str) -> ast.stmt | None:
    for one in _statements(node):
        targets = one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return one
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and one.name == name:
            return one
    return None


def _call_with(node: ast.AST, name: str) -> ast.Call | None:
    """Find a call that has a name among its arguments."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            values = [*one.args[:1], *(keyword.value for keyword in one.keywords if keyword.arg == "name")]
            if any(isinstance(value, ast.Constant) and value.value == name for value in values):
                return one
    return None


def _line_of(node: ast.AST | None) -> int:
    return getattr(node, "lineno", 1)
