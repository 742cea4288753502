"""SQL on the connection of a running migration that neither the project nor SQLAlchemy notices.

Everything here takes the DBAPI connection, or what SQLAlchemy puts around an asynchronous one.
"""

from __future__ import annotations

from contextlib import suppress
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

IDLE, OPEN, FAILED = "idle", "open", "failed"


def of(connection: Connection) -> Any:
    """Return the DBAPI connection below a SQLAlchemy connection."""
    fairy = connection.connection
    return fairy.dbapi_connection if hasattr(fairy, "dbapi_connection") else fairy.connection


def state(dbapi: Any) -> str:
    """Say whether a transaction is open on the server, without asking it."""
    connection = inner(dbapi)
    if hasattr(connection, "is_in_transaction"):  # asyncpg
        return OPEN if connection.is_in_transaction() else IDLE
    if hasattr(connection, "in_transaction"):  # sqlite3 and aiosqlite
        return OPEN if connection.in_transaction else IDLE
    if hasattr(connection, "_transaction_status"):  # pg8000
        return {None: IDLE, b"I": IDLE, b"T": OPEN}.get(connection._transaction_status, FAILED)
    # psycopg2 and psycopg: PQTRANS_IDLE, _ACTIVE, _INTRANS, _INERROR, _UNKNOWN
    return {0: IDLE, 2: OPEN}.get(int(connection.info.transaction_status), FAILED)


def query(dbapi: Any, sql: str) -> str | None:
    """Return the first column of the first row as text; the transaction, open or not, stays as it is."""
    before = state(dbapi)
    if before == FAILED:
        message = "the transaction is aborted"
        raise RuntimeError(message)
    if before == OPEN:
        _fetch(dbapi, "SAVEPOINT alembic_gate")
        try:
            return _fetch(dbapi, sql)
        finally:
            _fetch(dbapi, "ROLLBACK TO SAVEPOINT alembic_gate")
            _fetch(dbapi, "RELEASE SAVEPOINT alembic_gate")
    try:
        return _fetch(dbapi, sql)
    finally:
        # The driver opened a transaction for it, unless it is in autocommit mode.
        if state(dbapi) != IDLE:
            dbapi.rollback()


def inner(dbapi: Any) -> Any:
    """Return the driver's own connection, without what SQLAlchemy puts around an asynchronous one."""
    return getattr(dbapi, "_connection", dbapi)


def close(connection: Any) -> None:
    """Drop a driver's own connection, if need be without the event loop that it was opened in."""
    with suppress(Exception):
        if hasattr(connection, "terminate"):  # asyncpg
            connection.terminate()
        elif iscoroutinefunction(connection.close):  # psycopg
            connection.pgconn.finish()
        else:
            connection.close()


def _fetch(dbapi: Any, sql: str) -> str | None:
    if hasattr(inner(dbapi), "fetchval"):
        # SQLAlchemy's cursor for asyncpg would begin a transaction of its own.
        value = dbapi.run_async(lambda connection: connection.fetchval(sql))
        return None if value is None else str(value)
    cursor = dbapi.cursor()
    try:
        cursor.execute(sql)
        row = cursor.fetchone() if cursor.description else None
    finally:
        cursor.close()
    if not row:
        return None
    # The project may have chosen a cursor whose rows are dictionaries.
    value = next(iter(row.values())) if isinstance(row, dict) else row[0]
    return None if value is None else str(value)
