"""Connections that are made without SQLAlchemy: database drivers are patched as soon as they have been imported."""

from __future__ import annotations

import functools
import inspect
import sys
from importlib.abc import Loader, MetaPathFinder
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from .redirect import Redirect

    Patch = Callable[[ModuleType, Redirect], None]


def install(redirect: Redirect) -> None:
    """Patch each driver when the project imports it, and those that are there already."""
    sys.meta_path.insert(0, _Finder(redirect))
    for name, patch in _PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name], redirect)


class _Finder(MetaPathFinder):
    """Finds the drivers as everybody does, and adds the patch to what loads them."""

    def __init__(self, redirect: Redirect) -> None:
        self._redirect = redirect

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        patch = _PATCHES.get(fullname)
        if patch is None:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(fullname, path, target) if find is not None and finder is not self else None
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, functools.partial(patch, redirect=self._redirect))
                return spec
        return None


class _Loader(Loader):
    """Loads one module, patches it, and leaves no other trace."""

    def __init__(self, loader: Any, patch: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._patch = patch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._patch(module)


def _patch_psycopg2(module: ModuleType, redirect: Redirect) -> None:
    original = module._connect

    @functools.wraps(original)
    def connect(dsn: str, *positional: Any, **named: Any) -> Any:
        from psycopg2.extensions import make_dsn, parse_dsn

        arguments = redirect.arguments(parse_dsn(dsn), driver="psycopg2", database="dbname")
        return redirect.opened(original(make_dsn(**arguments), *positional, **named))

    module._connect = connect


def _patch_psycopg(module: ModuleType, redirect: Redirect) -> None:
    for cls in (module.Connection, module.AsyncConnection):
        _patch_psycopg_class(cls, redirect)
    module.connect = module.Connection.connect


def _patch_psycopg_class(cls: Any, redirect: Redirect) -> None:
    original = cls.connect.__func__
    options = {
        name
        for name, parameter in inspect.signature(original).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }

    @functools.wraps(original)
    def connect(cls: Any, conninfo: str = "", **named: Any) -> Any:
        from psycopg.conninfo import conninfo_to_dict

        wanted = conninfo_to_dict(conninfo, **{name: named.pop(name) for name in set(named) - options})
        connection = original(cls, **redirect.arguments(wanted, driver="psycopg", database="dbname"), **named)
        return connection if inspect.isawaitable(connection) else redirect.opened(connection)

    cls.connect = classmethod(connect)


def _patch_asyncpg(module: ModuleType, redirect: Redirect) -> None:
    original = module._connect

    @functools.wraps(original)
    async def connect(**named: Any) -> Any:
        dsn = urlsplit(named.get("dsn") or "")
        in_dsn = {"host": dsn.hostname, "port": dsn.port, "user": dsn.username, "database": dsn.path.lstrip("/")}
        wanted = {**named, **{name: named.get(name) or value for name, value in in_dsn.items()}}
        arguments = redirect.arguments(wanted, driver="asyncpg", database="database")
        # It knows no defaults here.
        return redirect.opened(await original(**{**dict.fromkeys(named), **arguments}))

    module._connect = connect


def _patch_pg8000(module: ModuleType, redirect: Redirect) -> None:
    original = module.CoreConnection.__init__
    signature = inspect.signature(original)

    @functools.wraps(original)
    def initialize(self: Any, *positional: Any, **named: Any) -> None:
        wanted = signature.bind(self, *positional, **named).arguments
        wanted.pop("self", None)
        original(self, **redirect.arguments(wanted, driver="pg8000", database="database"))
        redirect.opened(self)

    module.CoreConnection.__init__ = initialize


def _refuse(module: ModuleType, redirect: Redirect) -> None:
    name = module.__name__

    def connect(*_: Any, **named: Any) -> Any:
        host = named.get("host") or named.get("server") or named.get("dsn") or "its default host"
        raise redirect.refuse(f"{host} through {name}")

    module.connect = connect


_PATCHES: dict[str, Patch] = {
    "psycopg2": _patch_psycopg2,
    "psycopg": _patch_psycopg,
    "asyncpg.connect_utils": _patch_asyncpg,
    "pg8000.core": _patch_pg8000,
    "pymysql": _refuse,
    "MySQLdb": _refuse,
    "mysql.connector": _refuse,
    "oracledb": _refuse,
    "cx_Oracle": _refuse,
    "pyodbc": _refuse,
    "pymssql": _refuse,
}
