"""Lets a copy of the project be imported although another one is installed.

An editable install names the folder of the pull request's files: the base branch's process would import those.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


def install(there: str, here: str) -> None:
    """Have modules that are found in one tree taken from the other, where it has them."""
    move = _Move(there, here)
    sys.path[:] = [move(entry) for entry in sys.path]
    sys.meta_path.insert(0, _Finder(move))


# What an install builds beside the sources, and no commit has.
_BUILT = (*EXTENSION_SUFFIXES, "_version.py", "version.py")


class _Move:
    """Paths of one tree in the other."""

    def __init__(self, there: str, here: str) -> None:
        self._roots = [os.path.join(folder, "") for folder in dict.fromkeys((there, os.path.realpath(there)))]
        self._here = here

    def __call__(self, name: str) -> str:
        """Return the other tree's version of a path; the path itself where there is none."""
        for root in self._roots:
            if os.path.join(name, "").startswith(root) and "site-packages" not in name:
                moved = os.path.normpath(os.path.join(self._here, name[len(root) :]))
                if os.path.exists(moved):
                    return moved
        return name

    def back(self, name: str) -> str | None:
        """Return the path of the first tree that a path of the other one stands for."""
        inside = os.path.relpath(name, self._here)
        return None if inside.startswith(os.pardir) else os.path.normpath(os.path.join(self._roots[0], inside))


class _Finder:
    """Asks the other finders, and moves what they find."""

    def __init__(self, move: _Move) -> None:
        self._move = move
        self._asking: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        # Other finders ask all finders, too.
        if name in self._asking:
            return None
        self._asking.add(name)
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                spec = find(name, path, target) if find is not None and finder is not self else None
                if spec is not None:
                    return self._moved(spec)
        finally:
            self._asking.discard(name)
        return self._built(name, path)

    def _built(self, name: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """Find what is not part of a commit where it was built."""
        folders = [folder for folder in map(self._move.back, path or ()) if folder is not None]
        spec = PathFinder.find_spec(name, folders) if folders else None
        return spec if spec is not None and spec.origin is not None and spec.origin.endswith(_BUILT) else None

    def _moved(self, spec: Any) -> ModuleSpec | None:
        folders = spec.submodule_search_locations
        moved_folders = None if folders is None else [self._move(folder) for folder in folders]
        if spec.origin is None or spec.loader is None or not spec.has_location:
            if moved_folders is not None and moved_folders != list(folders):
                moved = ModuleSpec(spec.name, None, is_package=True)
                moved.submodule_search_locations = moved_folders
                return moved
            return spec
        origin = self._move(spec.origin)
        if origin == spec.origin:
            return spec
        return spec_from_file_location(spec.name, origin, submodule_search_locations=moved_folders)
