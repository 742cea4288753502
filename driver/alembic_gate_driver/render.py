"""What a revision would execute, told without env.py and without a database.

The revision runs on a real SQLAlchemy connection whose driver is made here: it notes statements and parameters, and has
no rows to give. A query for rows of a table finds none; one for anything else ends the rendering.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from alembic import util
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Engine
from sqlalchemy.engine.url import make_url
from sqlalchemy.pool import StaticPool

from .errors import describe
from .load import CapturedConfig, built_config
from .missing import Missing, UnknowableError, stood_in_for
from .values import Canonical, Returned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .channel import Channel, Message
    from .errors import Sources

_QUERY = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(?:select|with|values|table|show|explain)\b", re.I | re.S)
_CHANGES = re.compile(r"\b(?:insert|update|delete|merge)\b", re.I)
_RETURNING = re.compile(r"\breturning\b", re.I)
# Queries that have an answer in an empty table too, or that ask for the schema, the server or the session.
_ALWAYS_ANSWERED = re.compile(
    r"\bpg_|\binformation_schema\b|\balembic_version\b|\b(?:exists|count|sum|min|max|avg|coalesce|current_\w+|version|to_reg\w+)\b",
    re.I,
)
_FROM = re.compile(r"\bfrom\b", re.I)
_TOKEN = re.compile(r"'(?:[^']|'')*'|\w+|\s+|.", re.S)
_VARIES = "<varies>"


class Unanswerable(BaseException):
    """The revision asks the database something; no `except Exception` of the project may stop this."""


class _Recording:
    """What one rendering has executed so far."""

    def __init__(self) -> None:
        self.statements: list[dict[str, Any]] = []
        self.reads: str | None = None
        self.loaded = False
        self._canonical = Canonical()

    def add(self, sql: str, rows: list[Any]) -> dict[str, Any]:
        statement = {
            "sql": self._canonical.sql(sql),
            "parameters": self._canonical.parameters(rows),
        }
        self.statements.append(statement)
        return statement

    def read(self, what: str) -> None:
        """Remember the first thing whose content decides what follows."""
        self.reads = self.reads or what


class _Cursor:
    arraysize = 1
    rowcount = -1
    lastrowid = None

    def __init__(self, recording: _Recording) -> None:
        self.description: list[tuple[Any, ...]] | None = None
        self._recording = recording
        self._sql = ""
        self._noted: dict[str, Any] = {}
        self._rows: list[Any] = []
        self._ours = False

    def run(self, sql: str, rows: list[Any], context: Any) -> None:
        """Note a statement, and prepare the answer that SQLAlchemy expects by itself, if it does."""
        self._sql = sql
        self._noted = self._recording.add(sql, rows)
        self._ours = bool(getattr(context, "_is_implicit_returning", False))
        query = _QUERY.match(sql) or _RETURNING.search(sql)
        columns = _columns(context) or ["column"]
        self.description = [(name, None, None, None, None, None, None) for name in columns] if query else None
        self._rows = [tuple(Returned() for _ in columns)] if self._ours else []

    # What a project calls on a cursor of its own.
    def execute(self, sql: Any, parameters: Any = None, *_: Any, **__: Any) -> None:
        self.run(str(sql), [parameters] if parameters else [], None)

    def executemany(self, sql: Any, rows: Iterable[Any], *_: Any, **__: Any) -> None:
        self.run(str(sql), list(rows), None)

    def _answer(self) -> list[Any]:
        if not self._ours:
            self._recording.read(self._sql)
            changes = _CHANGES.search(self._sql) or not _QUERY.match(self._sql)
            if changes or _ALWAYS_ANSWERED.search(self._sql) or not _FROM.search(self._sql):
                self._noted["asks"] = not changes
                raise Unanswerable
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self) -> Any:
        return next(iter(self._answer()), None)

    def fetchmany(self, _size: int | None = None) -> list[Any]:
        return self._answer()

    def fetchall(self) -> list[Any]:
        return self._answer()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._answer())

    def close(self) -> None:
        pass


class _Connection:
    """What stands where a driver's connection would."""

    def __init__(self, recording: _Recording) -> None:
        self._recording = recording

    def cursor(self, *_: Any, **__: Any) -> _Cursor:
        return _Cursor(self._recording)

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Driver:
    """The module of a database driver."""

    apilevel = "2.0"
    paramstyle = "qmark"
    threadsafety = 0
    Error = DatabaseError = ProgrammingError = IntegrityError = OperationalError = type("Error", (Exception,), {})
    Binary = bytes


class RecordingDialect(PGDialect):
    """PostgreSQL without a server."""

    driver = "alembic_gate"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    use_insertmanyvalues = False
    implicit_returning = True
    server_version_info = (16, 0)
    default_schema_name = "public"
    default_isolation_level = "READ COMMITTED"

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Note a statement."""
        cursor.run(statement, [parameters] if parameters else [], context)

    def do_execute_no_params(self, cursor: Any, statement: str, *rest: Any) -> None:
        """Note a statement; SQLAlchemy before 2.1 gives parameters here as well."""
        cursor.run(statement, [], rest[-1] if rest else None)

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Note a statement that runs once for each row."""
        cursor.run(statement, list(parameters), context)

    def get_isolation_level(self, *_: Any) -> str:
        """Say what a server says that nobody has told otherwise."""
        return self.default_isolation_level

    def get_default_isolation_level(self, *_: Any) -> str:
        """Say what a server says that nobody has told otherwise."""
        return self.default_isolation_level

    def set_isolation_level(self, *_: Any) -> None:
        """Change nothing: which transaction a statement runs in is not a part of it."""

    def get_isolation_level_values(self, *_: Any) -> tuple[str, ...]:
        """Name those that SQLAlchemy lets projects choose."""
        return ("AUTOCOMMIT", "SERIALIZABLE", "READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ")


registry.register("postgresql.alembic_gate", __name__, RecordingDialect.__name__)


class Renderer:
    """Answers the request `sql`."""

    def __init__(self, channel: Channel, request: Message, sources: Sources) -> None:
        self._channel = channel
        self._request = request
        self._sources = sources
        self._config = _config(request)
        self._script: Any = None

    def run(self) -> None:
        """Send one `sql` for each revision."""
        sys.path.append(os.getcwd())
        self._script = ScriptDirectory.from_config(self._config)
        # Many an env.py adds one of these, so that its revisions find their helpers.
        folder = os.path.abspath(self._script.dir)
        sys.path += [os.path.dirname(folder), folder, self._request["root"]]
        for revision in self._request["revisions"]:
            told = {direction: self._rendered(revision, direction) for direction in ("upgrade", "downgrade")}
            self._channel.send("sql", revision=revision["id"], **told)

    def _rendered(self, revision: dict[str, str], direction: str) -> dict[str, Any]:
        first, second = (self._once(revision, direction) for _ in range(2))
        return _steady(first, second)

    def _once(self, revision: dict[str, str], direction: str) -> dict[str, Any]:
        recording = _Recording()
        ended = False
        raised: dict[str, Any] = {}
        try:
            with stood_in_for(revision["file"]) as missing:
                self._execute(revision["file"], direction, recording)
            ended = True
        except Unanswerable:
            pass
        except BaseException as error:
            meant = self._is_meant(error, revision["file"])
            raised = {"raised": {**describe(error, self._sources), "meant": meant}}
        finally:
            Missing.called = Missing.read = None
        return {
            "statements": recording.statements,
            "reads": recording.reads,
            "loaded": recording.loaded,
            "missing": sorted(missing),
            "ended": ended,
            **raised,
        }

    def _execute(self, file: str, direction: str, recording: _Recording) -> None:
        dialect = RecordingDialect(dbapi=_Driver, paramstyle="qmark")
        pool = StaticPool(lambda: _Connection(recording))
        pool._dialect = dialect
        engine = Engine(pool, dialect, make_url("postgresql+alembic_gate://"))
        with engine.connect() as connection:
            _create_unconditionally(connection)
            with EnvironmentContext(self._config, self._script) as environment:
                environment.configure(connection=connection)
                context = environment.get_context()
                with context.begin_transaction(), Operations.context(context):
                    module = util.load_python_file(*os.path.split(file))
                    function = getattr(module, direction, None)
                    if isinstance(function, Missing):
                        raise UnknowableError(f"{direction}() is wrapped by something that is not there")
                    recording.loaded = True
                    Missing.called = lambda call: recording.statements.append({"sql": call, "parameters": []})
                    Missing.read = recording.read
                    if function is not None:
                        function()

    def _is_meant(self, error: BaseException, file: str) -> bool:
        """Say whether the revision raises this on purpose."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is None or os.path.abspath(trace.tb_frame.f_code.co_filename) != os.path.abspath(file):
            return False
        return linecache.getline(file, trace.tb_lineno).lstrip().startswith("raise")


def _config(request: Message) -> Config:
    file = os.path.relpath(request["config"])
    extra = [f"-x{argument}" for argument in request["x"]]
    if request["kind"] == "alembic":
        return CapturedConfig.of(["-c", file, "-n", request["section"], *extra, "upgrade", "heads"])
    if request["kind"] == "factory":
        sys.path += [os.getcwd(), os.path.join(os.getcwd(), "src")]
        return built_config(request["factory"], request["x"], ())
    config = Config(file, cmd_opts=Namespace(x=request["x"]))
    config.set_main_option("script_location", os.path.dirname(file) or ".")
    return config


def _create_unconditionally(connection: Any) -> None:
    """Have types and tables made without asking first whether they are there, as Alembic's own offline mode does."""
    name = "_run_ddl_visitor" if hasattr(connection, "_run_ddl_visitor") else "_run_visitor"
    original = getattr(connection, name)

    def visit(visitor: Any, element: Any, **named: Any) -> None:
        original(visitor, element, **{**named, "checkfirst": False})

    setattr(connection, name, visit)


def _columns(context: Any) -> list[str]:
    """Name the columns that SQLAlchemy expects, where it made the statement itself."""
    compiled = getattr(context, "compiled", None)
    return [str(column[0]) for column in getattr(compiled, "_result_columns", None) or ()]


def _steady(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Blank what differs between two renderings of the same code: it depends on the time or on chance."""
    if len(first["statements"]) != len(second["statements"]):
        return {**first, "ended": False, "reads": first["reads"], "unsteady": True}
    pairs = zip(first["statements"], second["statements"])
    return {**first, "statements": [_common(one, other) for one, other in pairs]}


def _common(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    if one == other:
        return one
    rows, others = one["parameters"], other["parameters"]
    return {
        **one,
        "sql": "".join(_agreed(_TOKEN.findall(one["sql"]), _TOKEN.findall(other["sql"]))),
        "parameters": [_agreed(row, second) for row, second in zip(rows, others)] if len(rows) == len(others) else [],
    }


def _agreed(one: list[str], other: list[str]) -> list[str]:
    if len(one) != len(other):
        return [_VARIES]
    return [text if text == second else _VARIES for text, second in zip(one, other)]
