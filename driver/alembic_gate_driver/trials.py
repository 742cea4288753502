"""Tries downgrade() of a revision right after its upgrade() was committed, and takes back what it did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable

from alembic.runtime.migration import MigrationStep
from sqlalchemy import text

from . import session
from .errors import describe

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

    from .channel import Channel, Message
    from .errors import Sources
    from .load import Project
    from .statements import Statements


class _TakenBack(BaseException):
    """Ends a trial's transaction; no `except Exception` of the project may stop this."""


class Trials:
    """Carries out the trials of one run."""

    def __init__(
        self, request: Message, channel: Channel, project: Project, statements: Statements, sources: Sources
    ) -> None:
        self._revisions = frozenset(request["revisions"])
        self._watched = frozenset(request["watched"])
        self._end = time.monotonic() + request["seconds"]
        self._channel = channel
        self._project = project
        self._statements = statements
        self._sources = sources

    @property
    def over(self) -> bool:
        """Whether the time for them is up."""
        return time.monotonic() > self._end

    def run(
        self, identifier: str, context: MigrationContext, named: dict[str, Any], pause: Callable[[Any], None]
    ) -> bool:
        """Try one, if it is wanted; `named` are the arguments that env.py gives to the functions of revisions.

        Returns whether the database is as it was before.
        """
        if identifier not in self._revisions:
            return True
        dbapi = session.of(context.connection)
        raised: BaseException | None = None
        transaction = None
        seconds = 0.0
        started = time.perf_counter()
        self._channel.send("trial", revision=identifier)
        try:
            with context.begin_transaction(_per_migration=True):
                transaction = context.connection.execute(text("SELECT txid_current()")).scalar()
                raised = self._call(identifier, named)
                seconds = time.perf_counter() - started
                if raised is None and identifier in self._watched:
                    self._channel.send(
                        "step-end",
                        revision=identifier,
                        direction="downgrade",
                        seconds=seconds,
                        unreported=0,
                        inTransaction=session.state(dbapi) != session.IDLE,
                    )
                    pause(dbapi)
                raise _TakenBack
        except _TakenBack:
            pass
        except Exception as error:
            # The revision had ended the transaction itself.
            raised = raised or error
        if session.state(dbapi) != session.IDLE:
            # env.py began the transaction itself: Alembic leaves it alone then.
            dbapi.rollback()
        kept = transaction is None or session.query(dbapi, f"SELECT txid_status({transaction})") != "aborted"
        self._channel.send(
            "trial-end",
            revision=identifier,
            seconds=seconds,
            kept=kept,
            **({} if raised is None else {"raised": describe(raised, self._sources)}),
        )
        return not kept

    def _call(self, identifier: str, named: dict[str, Any]) -> BaseException | None:
        script = self._project.revision(identifier)
        self._statements.begin(identifier, script.module.__file__)
        try:
            MigrationStep.downgrade_from_script(self._project.script.revision_map, script).migration_fn(**named)
        except BaseException as error:
            return error
        finally:
            self._statements.begin(None, None)
        return None
