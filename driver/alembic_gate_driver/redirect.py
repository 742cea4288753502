"""Every database connection of the project leads to the scratch database.

Engines are caught by a plugin and by the `do_connect` event of SQLAlchemy, connections without an engine in the drivers
themselves (drivers.py), and programs such as psql by the environment variables of libpq.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import socket
import sys
import weakref
from contextlib import contextmanager, suppress
from copy import copy
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import CreateEnginePlugin
from sqlalchemy.engine.url import URL
from sqlalchemy.pool import NullPool

from . import drivers, session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .channel import Channel
    from .statements import Statements

_VERSION = tuple(int(number) for number in sqlalchemy.__version__.split(".")[:2])

_PLUGIN = "alembic_gate"
_WANTED = "alembic_gate_wanted"

# Who to connect to, as whom and how: everything else (search_path, time-outs, factories) is the project's business.
_IDENTITY = frozenset(
    """
    host hostaddr port user password passfile dbname database dsn conninfo service servicefile channel_binding
    require_auth target_session_attrs load_balance_hosts unix_sock direct_tls async_creator_fn
    """.split()  # noqa: SIM905 -- nineteen quoted names read worse
)
_SECURITY = ("ssl", "gss", "krb", "requiressl")

_POSTGRES = frozenset({"postgresql", "postgres"})
_OTHER_BACKENDS = frozenset({"sqlite", "mysql", "mariadb", "oracle", "mssql"})
_ASYNCHRONOUS = frozenset({"asyncpg", "psycopg_async", "aiosqlite", "aiomysql", "asyncmy", "aioodbc"})
_POOL_ARGUMENTS = ("creator", "pool", "poolclass", "pool_size", "max_overflow", "pool_timeout", "pool_use_lifo")

_LOOPBACK = frozenset({"localhost", "::1", ""})


class ForeignConnectionError(RuntimeError):
    """The project wants a database that the gate cannot stand in for."""


class Redirect:
    """Decides where connections go. There is one, since the hooks are global."""

    def __init__(self, channel: Channel, statements: Statements, *, sqlite: bool = False) -> None:
        self._sqlite = RedirectPlugin.keeps_sqlite = sqlite
        self._channel = channel
        self._statements = statements
        self._target: dict[str, Any] | None = None
        # By where they were to lead, where env.py opens several databases.
        self._targets: dict[str, dict[str, Any]] | None = None
        self.loading = True
        self._told: set[tuple[str, ...]] = set()
        self._homes: set[str] = set()
        self._opened: weakref.WeakSet[Any] = weakref.WeakSet()
        # Connections of sqlite3 cannot be referred to weakly.
        self._held: list[Any] = []
        event.listen(Engine, "do_connect", self._do_connect)
        _add_plugin()
        drivers.install(self)

    @contextmanager
    def to(self, target: dict[str, Any], *, several: bool) -> Iterator[None]:
        """Connect to this database while the block runs; what is open afterwards is closed, as at a process's end.

        `several`: each place that the project connects to has a database of its own, which Node is asked for.
        """
        self._target = target
        self._targets = {} if several else None
        self._told.clear()
        self._statements.place_of = place_of_connection if several else None
        os.environ.update(_libpq_environment(target))
        try:
            yield
        finally:
            self.finish()

    def finish(self) -> None:
        """Close what the project left open, and connect nowhere until the next run."""
        self._target = None
        self.loading = False
        orm = sys.modules.get("sqlalchemy.orm")
        if orm is not None:
            # A session of the application would go on with the old database in the next run.
            with suppress(Exception):
                orm.close_all_sessions()
        for connection in [*self._opened, *self._held]:
            session.close(connection)
        self._opened.clear()
        self._held.clear()

    def arguments(
        self, wanted: dict[str, Any], *, driver: str, database: str, url: URL | None = None
    ) -> dict[str, Any]:
        """Replace where a connection goes to and as whom, and keep the rest.

        `database` is the driver's own name for that argument; `url` is what an engine was made with. Raises
        ForeignConnectionError where the place is none that can be stood in for.
        """
        if self._sqlite:
            raise self.refuse(_place(wanted))
        target = self._expect_target()
        for known in (target, *(self._targets or {}).values()):
            if all(str(wanted.get(name)) == str(value) for name, value in _ours(known, database).items()):
                return wanted
        self._admit(wanted, driver, url)
        if self._targets is not None:
            target = self._target_of(_place(wanted) if url is None else _place_of(url))
        ours = _ours(target, database)
        kept = {
            name: value
            for name, value in wanted.items()
            if name not in _IDENTITY and not name.startswith(_SECURITY) and not _is_routing(name, value)
        }
        # Servers of our own do not speak TLS.
        local = _is_here(target["host"])
        if driver == "asyncpg":
            ours["ssl"] = False if local else "prefer"
        elif database == "dbname":
            ours["sslmode"] = "disable" if local else "prefer"
        return {**kept, **ours, "password": target["password"]}

    def opened(self, connection: Any) -> Any:
        """Remember a connection, to close it when the run ends; until then nothing holds it that did not before."""
        try:
            self._opened.add(session.inner(connection))
        except TypeError:
            self._held.append(connection)
        return connection

    def leads_to(self, host: str) -> bool:
        """Tell whether a host is that of a scratch server."""
        targets = ([self._target] if self._target else []) + list((self._targets or {}).values())
        return any(host == target["host"] or host in addresses_of(target["host"]) for target in targets)

    def refuse(self, wanted: str) -> ForeignConnectionError:
        """Report a connection that cannot be redirected; the caller raises what is returned."""
        self._channel.send("foreign-connection", wanted=wanted, **self._statements.place(sys._getframe(1)))
        return ForeignConnectionError(
            f"the connection to {wanted} was refused: migrations may reach the scratch database only"
        )

    def _expect_target(self) -> dict[str, Any]:
        if self._target is None and self.loading:
            # Importing the project already connects: ask for a database that may be thrown away afterwards.
            self._channel.send("need-connection", **self._statements.place(sys._getframe(2)))
            self._target = self._channel.receive().get("connection")
            os.environ.update(_libpq_environment(self._target) if self._target else {})
        if self._target is None:
            raise self.refuse("a database while no migrations run")
        return self._target

    def _target_of(self, place: str) -> dict[str, Any]:
        if place not in self._targets:
            self._channel.send("need-connection", wanted=place)
            self._targets[place] = self._channel.receive()["connection"]
        return self._targets[place]

    def _admit(self, wanted: dict[str, Any], driver: str, url: URL | None) -> None:
        """Learn from env.py where the project's database is; a revision that wants another host is refused."""
        host = _host(wanted)
        place = _place(wanted)
        dialect = "postgresql"
        if url is not None and url.get_backend_name() not in _POSTGRES:
            dialect, host, place = url.get_backend_name(), url.host or "", repr(url)
        if self._statements.revision is None:
            self._homes.add(host)
        elif not (host in self._homes or _is_here(host) or host.startswith("/")):
            raise self.refuse(place)
        if (driver, place) not in self._told:
            self._told.add((driver, place))
            self._channel.send("connect", dialect=dialect, driver=driver, wanted=place)

    def _do_connect(self, dialect: Any, _record: Any, positional: list[Any], named: dict[str, Any]) -> Any:
        url = getattr(dialect, _WANTED, None)
        if self._sqlite and dialect.name == "sqlite":
            return self._open_file(dialect, named, url)
        if dialect.name != "postgresql":
            raise self.refuse(f"a {dialect.name} database")
        wanted = {**named, **_parse_dsn(positional)}
        database = "dbname" if dialect.driver.startswith("psycopg") else "database"
        arguments = self.arguments(wanted, driver=dialect.driver, database=database, url=url)
        connection = self.opened(dialect.connect(**arguments))
        found = session.query(connection, "SELECT current_database()")
        if found != arguments[database]:
            message = f"connected to {found} instead of {arguments[database]}"
            raise RuntimeError(message)
        return connection

    def _open_file(self, dialect: Any, named: dict[str, Any], url: URL | None) -> Any:
        target = self._expect_target()
        self._admit({}, dialect.driver, url)
        if self._targets is not None:
            target = self._target_of(_place_of(url) if url is not None else "")
        # What belongs to the name of a file goes with it.
        return self.opened(dialect.connect(target["database"], **{k: v for k, v in named.items() if k != "uri"}))


class RedirectPlugin(CreateEnginePlugin):
    """Gives an engine a dialect that the scratch server understands, and no pool that outlives a run."""

    keeps_sqlite = False

    def __init__(self, url: URL, kwargs: dict[str, Any]) -> None:
        super().__init__(url, kwargs)
        backend, _, driver = url.drivername.partition("+")
        asynchronous = bool(kwargs.get("_is_async")) or driver in _ASYNCHRONOUS
        self._wanted = copy(url)
        kept = backend == "sqlite" and self.keeps_sqlite
        self._drivername = (not kept and _usable(backend, driver, asynchronous=asynchronous)) or url.drivername
        self._translated = backend not in _POSTGRES and self._drivername != url.drivername
        for name in _POOL_ARGUMENTS + (("connect_args", "module") if self._translated else ()):
            kwargs.pop(name, None)
        kwargs["poolclass"] = NullPool
        if _VERSION < (1, 4):
            # There an URL is changed in its place.
            url.drivername = self._drivername
            if self._translated:
                url.query = {}

    def update_url(self, url: URL) -> URL:
        """Name the dialect and driver that are used; the query of another backend's URL means nothing to it."""
        if self._translated:
            return URL.create(self._drivername, database=url.database)
        return url.set(drivername=self._drivername)

    def engine_created(self, engine: Engine) -> None:
        """Let the dialect remember what was asked for."""
        setattr(engine.dialect, _WANTED, self._wanted)


def _add_plugin() -> None:
    """Have every engine made with our plugin: all ways to make one pass through this method of URL."""
    plugins.register(_PLUGIN, __name__, RedirectPlugin.__name__)
    original = URL._instantiate_plugins

    def instantiate(url: URL, kwargs: dict[str, Any]) -> Any:
        kwargs["plugins"] = [*(kwargs.get("plugins") or ()), _PLUGIN]
        return original(url, kwargs)

    URL._instantiate_plugins = instantiate


def _usable(backend: str, driver: str, *, asynchronous: bool) -> str | None:
    """Return a dialect for Postgres with a driver that is installed, the wanted one where possible.

    None: it is no dialect that we know of, or no driver is installed; what SQLAlchemy says to that is clear enough.
    """
    if backend not in _POSTGRES and backend not in _OTHER_BACKENDS:
        return None
    if backend in _POSTGRES:
        module = driver or ("psycopg" if _VERSION >= (2, 1) else "psycopg2")
        if importlib.util.find_spec("psycopg" if module == "psycopg_async" else module):
            return f"postgresql+{driver}" if driver else "postgresql"
    candidates = ["asyncpg"] if asynchronous else ["psycopg2", "pg8000"]
    if _VERSION >= (2, 0):
        candidates.insert(1, "psycopg")
    return next((f"postgresql+{name}" for name in candidates if importlib.util.find_spec(name)), None)


def _libpq_environment(target: dict[str, Any]) -> dict[str, str]:
    """Lead programs that libpq serves to the scratch database, even if they name another host."""
    if not target["host"]:
        return {}
    environment = {
        "PGHOST": target["host"],
        "PGPORT": str(target["port"]),
        "PGUSER": target["user"],
        "PGPASSWORD": target["password"],
        "PGDATABASE": target["database"],
    }
    with suppress(OSError):
        environment["PGHOSTADDR"] = socket.gethostbyname(target["host"])
    return environment


@functools.cache
def addresses_of(host: str) -> frozenset[str]:
    """Return all addresses that a name stands for; none where it cannot be resolved."""
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(host, None))
    except OSError:
        return frozenset()


def _is_here(host: str) -> bool:
    return host in _LOOPBACK or host.startswith("127.")


def _is_routing(name: str, value: Any) -> bool:
    """Tell options that a proxy of a hosting service reads from those of the server."""
    return name == "options" and isinstance(value, str) and not value.lstrip().startswith("-")


def _ours(target: dict[str, Any], database: str) -> dict[str, Any]:
    return {"host": target["host"], "port": target["port"], "user": target["user"], database: target["database"]}


def place_of_connection(connection: Any) -> str | None:
    """Say where a connection was to go, as in `need-connection`; None where it belongs to no engine with an URL."""
    url = getattr(getattr(connection, "dialect", None), _WANTED, None)
    return None if url is None else _place_of(url)


def _place_of(url: URL) -> str:
    return _place({"host": url.host, "port": url.port, "database": url.database})


def _parse_dsn(positional: list[Any]) -> dict[str, Any]:
    """Read `host=… dbname=…`, as far as it is needed to say where it leads."""
    parts = " ".join(part for part in positional if isinstance(part, str)).split()
    return dict(part.split("=", 1) for part in parts if "=" in part)


def _host(wanted: dict[str, Any]) -> str:
    host = wanted.get("host") or wanted.get("hostaddr") or ""
    return ",".join(map(str, host)) if isinstance(host, (list, tuple)) else str(host)


def _place(wanted: dict[str, Any]) -> str:
    """Say where a connection was to go, without its password."""
    host = _host(wanted) or "localhost"
    port = wanted.get("port")
    database = wanted.get("dbname") or wanted.get("database") or wanted.get("user") or ""
    return f"{host}{f':{port}' if port else ''}/{database}"
