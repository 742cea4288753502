"""Models that stand in the project's files and that env.py never imports: autogenerate knows nothing of them."""

from __future__ import annotations

import ast
import os
import re
import sys
from contextlib import suppress
from importlib.util import resolve_name
from typing import TYPE_CHECKING, Any

from .places import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .errors import Sources

# A repository with more Python files than this is not searched.
_MOST_FILES = 5000

_IGNORED_FOLDERS = frozenset(
    {"node_modules", "site-packages", "__pycache__", "venv", "env", "build", "dist", "test", "tests"}
)

_MISSING = object()


class Unimported:
    """Looks for them in files that were not loaded."""

    def __init__(self, sources: Sources, targets: list[Any]) -> None:
        self._sources = sources
        self._targets = targets
        files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        self._loaded = {sources.locate(file) for file in files if file}

    def explain(self, extra: list[dict[str, Any]], changed: list[str]) -> list[dict[str, Any]]:
        """Say for tables without a model where one stands; return models of changed files that nothing imports.

        Such a file need not have a table in the database: then autogenerate is silent, and nothing would tell.
        """
        found = []
        wanted = {entry["table"].rpartition(".")[2]: entry for entry in extra}
        for file in changed:
            for table, name, line in self._models(file):
                entry = wanted.pop(table, None)
                if entry is not None:
                    entry["unimported"] = {"file": file, "line": line, "model": name}
                elif not any(table in (key, key.rpartition(".")[2]) for key in self._known()):
                    found.append(
                        {"kind": "module", "change": "missing", "table": None, "name": file, "model": name}
                        | {"to": table, "file": file, "line": line, "operation": ""}
                    )
        if wanted:
            self._search(wanted)
        return found

    def _known(self) -> Iterator[str]:
        for metadata in self._targets:
            yield from metadata.tables

    def _search(self, wanted: dict[str, dict[str, Any]]) -> None:
        for file in self._files():
            for table, name, line in self._models(file, wanted):
                entry = wanted.pop(table, None)
                if entry is not None:
                    entry["unimported"] = {"file": file, "line": line, "model": name}
            if not wanted:
                return

    def _files(self) -> Iterator[str]:
        seen = 0
        for folder, folders, files in os.walk(self._sources.root):
            folders[:] = sorted(one for one in folders if one[0] != "." and one not in _IGNORED_FOLDERS)
            for name in files:
                if name.endswith(".py"):
                    seen += 1
                    yield os.path.join(folder, name)
            if seen > _MOST_FILES:
                return

    def _models(self, file: str, wanted: Any = None) -> Iterator[tuple[str, str, int]]:
        """Yield table, class and line of models in a file that was not loaded, of this project's metadata alone."""
        if self._sources.locate(file) in self._loaded or not file.endswith(".py"):
            return
        with suppress(OSError):
            with open(file, encoding="utf-8", errors="replace") as stream:
                text = stream.read()
            if not re.search(r"__tablename__|\bTable\(|table\s*=\s*True|\.Model\b", text):
                return
            if wanted is not None and not any(_bare(table) in _bare(text) for table in wanted):
                return
            tree = parse(file)
            if tree is not None:
                yield from self._declared(tree, _package(file))

    def _declared(self, tree: ast.Module, package: str | None) -> Iterator[tuple[str, str, int]]:
        names = _Names(tree, package)
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                table = _table_name(node)
                if table is not None and any(self._is_ours(names.value(base)) for base in names.bases(node)):
                    yield table, node.name, node.lineno
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                arguments = node.value.args
                called = ast.unparse(node.value.func) if hasattr(ast, "unparse") else ""
                if (
                    called.rpartition(".")[2] == "Table"
                    and len(arguments) > 1
                    and isinstance(arguments[0], ast.Constant)
                ):
                    value = names.value(arguments[1])
                    if any(value is target for target in self._targets):
                        target = node.targets[0]
                        name = target.id if isinstance(target, ast.Name) else str(arguments[0].value)
                        yield str(arguments[0].value), name, node.lineno

    def _is_ours(self, base: Any) -> bool:
        with suppress(Exception):
            return any(base.metadata is target for target in self._targets)
        return False


class _Names:
    """What names in a file stand for, as far as that is loaded."""

    def __init__(self, tree: ast.Module, package: str | None) -> None:
        self._imports: dict[str, Any] = {}
        self._classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                module = self._module(node, package)
                for alias in node.names:
                    value = getattr(module, alias.name, _MISSING) if module is not None else _MISSING
                    self._imports[alias.asname or alias.name] = value
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._imports[alias.asname or name] = sys.modules.get(name, _MISSING)

    def bases(self, node: ast.ClassDef, depth: int = 0) -> Iterator[ast.expr]:
        """Yield what a class is made from, classes of the same file looked through."""
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in self._classes and depth < 5:
                yield from self.bases(self._classes[base.id], depth + 1)
            else:
                yield base

    def value(self, node: ast.expr) -> Any:
        """Return what a dotted name stands for."""
        if isinstance(node, ast.Name):
            return self._imports.get(node.id, _MISSING)
        if isinstance(node, ast.Attribute):
            with suppress(Exception):
                return getattr(self.value(node.value), node.attr)
        return _MISSING

    @staticmethod
    def _module(node: ast.ImportFrom, package: str | None) -> Any:
        name = node.module or ""
        if node.level:
            if package is None:
                return None
            with suppress(ImportError, ValueError):
                name = resolve_name("." * node.level + name, package)
        return sys.modules.get(name)


def _package(file: str) -> str | None:
    """Return the name of the loaded package that a file would belong to."""
    folder = os.path.dirname(file)
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__path__", None)
        with suppress(Exception):
            if path is not None and any(os.path.realpath(entry) == os.path.realpath(folder) for entry in path):
                return name
    return None


def _table_name(node: ast.ClassDef) -> str | None:
    """Return the table of a class that is mapped; a name that is made from the class's is guessed."""
    values = {
        target.id: one.value
        for one in node.body
        if isinstance(one, (ast.Assign, ast.AnnAssign))
        for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
        if isinstance(target, ast.Name)
    }
    abstract = values.get("__abstract__")
    if isinstance(abstract, ast.Constant) and abstract.value:
        return None
    name = values.get("__tablename__")
    if name is not None:
        return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None
    is_sqlmodel = any(one.arg == "table" and getattr(one.value, "value", None) is True for one in node.keywords)
    if is_sqlmodel:
        return node.name.lower()
    if any(isinstance(base, ast.Attribute) and base.attr == "Model" for base in node.bases):
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", node.name).lower()
    return None


def _bare(text: str) -> str:
    return text.replace("_", "").lower()
