"""Runs env.py with revisions that were named one by one."""

from __future__ import annotations

import functools
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Callable

from alembic.runtime import migration
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import HeadMaintainer, MigrationStep
from alembic.util import CommandError
from sqlalchemy import bindparam

from . import session
from .errors import describe
from .lines import Lines
from .load import LoadError
from .trials import Trials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.runtime.migration import MigrationContext, RevisionStep

    from .channel import Channel, Message
    from .errors import Sources
    from .load import Project
    from .redirect import Redirect
    from .statements import Statements
    from .values import Canonical


class Aborted(BaseException):
    """Node wants no further step; no `except Exception` of the project may stop this."""


class Runner:
    """Carries out the request `run`."""

    def __init__(
        self, channel: Channel, project: Project, redirect: Redirect, statements: Statements, sources: Sources
    ) -> None:
        self._channel = channel
        self._project = project
        self._redirect = redirect
        self._statements = statements
        self._sources = sources
        self._run: _Run | None = None
        self._wrap_configure()

    def run(self, request: Message) -> None:
        """Run env.py once; the last event is `run-end`."""
        run = self._run = _Run(request, self._channel, self._project, self._statements)
        if "trials" in request:
            run.trials = Trials(request["trials"], self._channel, self._project, self._statements, self._sources)
        self._statements.forget()
        self._statements.exact = _canonical() if request.get("exact") else None
        escaped: BaseException | None = None
        started = time.perf_counter()
        with self._redirect.to(request["connection"], several=request.get("several", False)):
            try:
                with self._project.command(run.direction, run.target) as config:
                    script = self._project.script
                    options = {"fn": run.steps, "as_sql": False, "starting_rev": None, "tag": None}
                    with EnvironmentContext(config, script, destination_rev=run.target, **options):
                        script.run_env()
            except Aborted:
                pass
            except LoadError as error:
                escaped = error.__cause__
            except BaseException as error:
                escaped = error
        self._project.used(request["revisions"])
        self._run = None
        error = run.failure or escaped
        folders = self._project.moved_folders()
        self._channel.send(
            "run-end",
            **({} if folders is None else {"versionFolders": folders}),
            ok=escaped is None and not run.aborted,
            **({} if error is None else {"raised": describe(error, self._sources)}),
            expected=sorted(run.expected),
            contexts=run.contexts,
            seconds=time.perf_counter() - started,
        )

    def _wrap_configure(self) -> None:
        """Tell of every context that env.py configures, and force a transaction for each revision where asked to."""
        original = EnvironmentContext.configure

        @functools.wraps(original)
        def configure(environment: EnvironmentContext, *positional: Any, **named: Any) -> None:
            if self._run is not None and self._run.commits_each:
                named["transaction_per_migration"] = True
            original(environment, *positional, **named)
            context = environment.get_context()
            self._channel.send(
                "context",
                versionTable=context.version_table,
                versionTableSchema=context.version_table_schema,
                transactionPerMigration=bool(context._transaction_per_migration),
                dialect=context.dialect.name,
                models=context.opts.get("target_metadata") is not None,
            )

        EnvironmentContext.configure = configure


def _canonical() -> Canonical:
    from .values import Canonical

    return Canonical()


class _Run:
    """What is known of one run of env.py, which may run migrations more than once."""

    def __init__(self, request: Message, channel: Channel, project: Project, statements: Statements) -> None:
        self.direction: str = request["direction"]
        self.commits_each: bool = request.get("transactionPerMigration", False)
        self.expected: set[str] = set()
        self.contexts = 0
        self.aborted = False
        self.failure: BaseException | None = None
        self.trials: Trials | None = None
        self._arguments: dict[str, Any] = {}
        self._revisions: list[str] = request["revisions"]
        self._pauses: bool = request["pause"]
        self._tells_lines: bool = request.get("lines", False)
        self._exact: bool = request.get("exact", False)
        self._channel = channel
        self._project = project
        self._statements = statements

    @property
    def target(self) -> str:
        """What the user would have named in the command."""
        if self.direction == "upgrade":
            return "heads"
        below = self._project.script.get_revision(self._revisions[-1]) if self._revisions else None
        parents = below._versioned_down_revisions if below else ()
        return parents[0] if len(parents) == 1 else "base"

    def steps(self, heads: tuple[str, ...], context: MigrationContext) -> Iterator[RevisionStep]:
        """Yield the steps to Alembic, which comes back for the next one when a step has ended."""
        self.contexts += 1
        # Alembic has just made it for this context, and keeps it current from here on.
        maintainer = _LastHeads.made
        try:
            for identifier in self._due(heads):
                self._channel.send("step", revision=identifier, direction=self.direction)
                started = time.perf_counter()
                step = self._step(identifier)
                yield step
                self.failure = None
                dbapi = session.of(context.connection)
                if self.commits_each and session.state(dbapi) == session.OPEN:
                    # env.py began the transaction itself: Alembic leaves it alone then.
                    dbapi.commit()
                self._channel.send(
                    "step-end",
                    at_once=self._pauses,
                    revision=identifier,
                    direction=self.direction,
                    seconds=time.perf_counter() - started,
                    unreported=self._statements.unreported,
                    inTransaction=session.state(dbapi) != session.IDLE,
                )
                if self.trials is not None:
                    if not self.trials.run(identifier, context, self._arguments, self._pause) or self.trials.over:
                        return
                elif self._pauses:
                    self._pause(dbapi)
        finally:
            self.expected |= maintainer.heads

    def _due(self, heads: tuple[str, ...]) -> list[str]:
        """Leave out, when env.py migrates the same database once more, what the first time did."""
        if self.contexts == 1:
            return self._revisions
        applied = {script.revision for script in self._project.at_or_below(heads)}
        upgrade = self.direction == "upgrade"
        return [identifier for identifier in self._revisions if (identifier in applied) != upgrade]

    def _step(self, identifier: str) -> RevisionStep:
        script = self._project.revision(identifier)
        revision_map = self._project.script.revision_map
        if self.direction == "upgrade":
            step = MigrationStep.upgrade_from_script(revision_map, script)
        else:
            step = MigrationStep.downgrade_from_script(revision_map, script)
        step.migration_fn = self._watched(step.migration_fn, identifier, script.module.__file__)
        return step

    def _watched(self, function: Callable[..., None], identifier: str, file: str) -> Callable[..., None]:
        @functools.wraps(function)
        def watched(**named: Any) -> None:
            self._statements.begin(identifier, file)
            self._arguments = named
            lines = Lines(function, whole_file=self._exact)
            try:
                with lines.watched() if self._tells_lines else nullcontext():
                    function(**named)
            except BaseException as error:
                # env.py may swallow it, or wrap it in another.
                self.failure = error
                raise
            finally:
                self._statements.begin(None, None)
                if lines.every:
                    told = {"every": sorted(lines.every), "ran": sorted(lines.ran)}
                    self._channel.send("lines", at_once=False, revision=identifier, **told)

        return watched

    def _pause(self, dbapi: Any) -> None:
        while True:
            request = self._channel.receive()
            if request["type"] == "go":
                return
            if request["type"] == "abort":
                self.aborted = True
                raise Aborted
            try:
                self._channel.send("rows", value=session.query(dbapi, request["sql"]))
            except Exception as error:
                self._channel.send("rows", value=None, error=str(error))


class _LastHeads(HeadMaintainer):
    """Alembic's own bookkeeping of version rows; the one that was made last can be asked what it stands at."""

    made: HeadMaintainer

    def __init__(self, context: MigrationContext, heads: Any) -> None:
        super().__init__(context, heads)
        _LastHeads.made = self
        self._update = (
            context._version.update()
            .values(version_num=bindparam("upper"))
            .where(context._version.c.version_num == bindparam("lower"))
        )

    def _update_version(self, from_: str, to_: str) -> None:
        # Alembic writes the ids into the statement, which is then compiled anew at each step.
        self.heads.remove(from_)
        self.heads.add(to_)
        updated = self.context.connection.execute(self._update, {"lower": from_, "upper": to_})
        if self.context.dialect.supports_sane_rowcount and updated.rowcount != 1:
            message = (
                f"Online migration expected to match one row when updating '{from_}' to '{to_}' "
                f"in '{self.context.version_table}'; {updated.rowcount} found"
            )
            raise CommandError(message)


migration.HeadMaintainer = _LastHeads


def _shorten_unmerging() -> None:
    """Spare the search for all ancestors at each step down where the answer is plain: one parent, and no other head."""
    original = getattr(migration.RevisionStep, "_unmerge_to_revisions", None)
    if original is None:
        return

    @functools.wraps(original)
    def unmerge(step: Any, heads: Any) -> Any:
        if len(step.to_revisions) == 1 and not set(heads).difference([step.revision.revision]):
            return tuple(step.to_revisions)
        return original(step, heads)

    migration.RevisionStep._unmerge_to_revisions = unmerge


_shorten_unmerging()
