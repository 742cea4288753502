"""Compares the models with the database, as `alembic revision --autogenerate` does."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.autogenerate import RevisionContext
from alembic.runtime.environment import EnvironmentContext
from alembic.util import to_list
from sqlalchemy.schema import CreateIndex, CreateTable

from . import session
from .difference import Differences
from .errors import Sources, describe
from .load import LoadError
from .places import Places
from .redirect import place_of_connection
from .reflection import at_once
from .unimported import Unimported

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

    from .channel import Channel, Message
    from .load import Project
    from .redirect import Redirect
    from .statements import Statements

_ARGUMENTS = {
    "message": None,
    "autogenerate": True,
    "sql": False,
    "head": "head",
    "splice": False,
    "branch_label": None,
    "version_path": None,
    "rev_id": None,
    "depends_on": None,
}


class Comparer:
    """Carries out the request `check`."""

    def __init__(
        self,
        channel: Channel,
        project: Project,
        redirect: Redirect,
        statements: Statements,
        sources: Sources,
        other: str | None,
    ) -> None:
        self._channel = channel
        self._project = project
        self._redirect = redirect
        self._statements = statements
        self._sources = sources
        self._other = Sources(other) if other else None

    def check(self, request: Message) -> None:
        """Answer with `differences`."""
        started = time.perf_counter()
        comparison = _Comparison(request, self._project, self._sources, self._other)
        found: dict[str, Any] = dict(_NOTHING)
        # Reflection executes hundreds of them.
        self._statements.silent = True
        try:
            with self._redirect.to(request["connection"], several=request.get("several", False)), at_once():
                found = comparison.run()
        except LoadError as error:
            found["raised"] = describe(error.__cause__ or error, self._sources)
        except BaseException as error:
            found["raised"] = describe(error, self._sources)
        finally:
            self._statements.silent = False
        self._channel.send("differences", **found, seconds=time.perf_counter() - started)


_NOTHING: dict[str, Any] = {"contexts": 0, "differences": [], "declared": {}, "sources": [], "strays": []}


class _Comparison:
    """One run of env.py, which may configure several contexts."""

    def __init__(self, request: Message, project: Project, sources: Sources, other: Sources | None) -> None:
        self._request = request
        self._project = project
        self._sources = sources
        self._other = other
        self._contexts = 0
        self._differences: list[dict[str, Any]] = []
        self._declared: dict[str, str] = {}
        self._files: set[str] = set()
        self._strays: set[str] = set()
        self._config: Any = None

    def run(self) -> dict[str, Any]:
        script = self._project.script
        with self._project.command("revision", "--autogenerate", "-m", "check") as self._config:
            template_args: dict[str, Any] = {"config": self._config}
            options = {"fn": self._collect, "as_sql": False, "template_args": template_args}
            with EnvironmentContext(self._config, script, revision_context=self._revision_context(), **options):
                script.run_env()
        return {
            "contexts": self._contexts,
            "differences": self._differences,
            "declared": self._declared,
            "sources": sorted(self._files),
            "strays": sorted(self._strays - self._files),
        }

    def _revision_context(self) -> RevisionContext:
        return RevisionContext(self._config, self._project.script, dict(_ARGUMENTS))

    def _collect(self, _heads: Any, context: MigrationContext) -> list[Any]:
        """Stand in for the function that yields revisions; one context's differences are added to those before."""
        targets = to_list(context.opts.get("target_metadata"), default=[])
        if not targets or context.connection is None:
            return []
        self._contexts += 1
        if self._request.get("create"):
            _create(targets, context.connection)
            return []
        revision_context = self._revision_context()
        # The database may stand below the heads: what is asked is whether it is as the models are.
        revision_context.run_autogenerate(self._project.script.get_heads(), context)
        places = Places(self._sources)
        self._files.update(places.files)
        if self._other is not None:
            self._strays.update(Places(self._other).files)
        differences = Differences(context, revision_context._last_autogen_context, places)
        for migration in revision_context.generated_revisions:
            for operations in migration.upgrade_ops_list:
                differences.add(operations)
        place = place_of_connection(context.connection) if self._request.get("several") else None
        seen = {json.dumps(known, sort_keys=True) for known in self._differences}
        every = differences.found(brief=self._request.get("brief", False))
        # In a search_path of its own Alembic takes its own table for a forgotten one.
        found = [one for one in every if not _is_version_table(one, context)]
        unimported = Unimported(self._sources, targets)
        extra = [one for one in found if one["kind"] == "table" and one["change"] == "extra"]
        modules = unimported.explain(extra, self._request["changed"])
        tables = {table.key: table for metadata in targets for table in metadata.tables.values()}
        asked = {table.rpartition("] ")[2] for table in self._request["tables"]}
        for key in {*asked, *(one["table"] for one in found if one.get("table"))}:
            if key in tables:
                self._declared[_placed(key, place)] = _definition(tables[key], context.dialect)
        for one in found:
            one["table"] = _placed(one["table"], place)
        found += modules
        self._differences += [one for one in found if json.dumps(one, sort_keys=True) not in seen]
        return []


def _placed(table: str | None, place: str | None) -> str | None:
    """Name a table with its database, where env.py opens several."""
    return table if table is None or place is None else f"[{place}] {table}"


def _is_version_table(difference: dict[str, Any], context: MigrationContext) -> bool:
    is_table = difference["kind"] == "table" and difference["change"] == "extra"
    return is_table and difference["table"].rpartition(".")[2] == context.version_table


def _create(targets: list[Any], connection: Any) -> None:
    """Make all tables of the models, and the schemas that they are in, for good."""
    for schema in sorted({table.schema for metadata in targets for table in metadata.tables.values() if table.schema}):
        connection.execute(sa.text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    for metadata in targets:
        metadata.create_all(connection)
    dbapi = session.of(connection)
    if session.state(dbapi) == session.OPEN:
        # Where each migration has a transaction of its own, nobody commits this one.
        dbapi.commit()


def _definition(table: Any, dialect: Any) -> str:
    """Say what a model declares, to tell whether two versions of it are the same."""
    with suppress(Exception):
        parts = [str(CreateTable(table).compile(dialect=dialect))]
        parts += sorted(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
        parts += [f"{column.name}: {column.comment}" for column in table.columns if column.comment]
        return "\n".join([*parts, table.comment or ""])
    return repr(table)
