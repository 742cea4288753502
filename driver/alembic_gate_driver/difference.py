"""What autogenerate finds, as data: an entry for each thing that differs, with the operations that it would write."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.autogenerate import render
from alembic.operations import Operations, ops

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.runtime.migration import MigrationContext

    from .places import Places

# How long it may take, in seconds, to try what the operations would change.
_TRYING = 1.0

_CONSTRAINTS = {
    "CreateUniqueConstraintOp": "unique constraint",
    "CreateForeignKeyOp": "foreign key",
    "CreateCheckConstraintOp": "check constraint",
    "CreatePrimaryKeyOp": "primary key",
}
_CONSTRAINT_TYPES = {
    "unique": "unique constraint",
    "foreignkey": "foreign key",
    "check": "check constraint",
    "primary": "primary key",
}

# All that a table is made of, names of unnamed things aside.
_DEFINITION = """
SELECT string_agg(line, chr(10) ORDER BY line) FROM (
  SELECT concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
    pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum), a.attcollation) AS line
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = to_regclass(:name) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass(:name)
  UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = to_regclass(:name)
  UNION ALL SELECT obj_description(to_regclass(:name), 'pg_class')
) AS lines
"""

# Of what rows can be read from, whatever it is.
_COLUMNS = """
SELECT a.attname, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
  ELSE 'table' END
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.oid = to_regclass(:name) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
"""


class Differences:
    """Collects operations of one context."""

    def __init__(self, context: MigrationContext, autogenerate: AutogenContext, places: Places) -> None:
        self._context = context
        self._autogenerate = autogenerate
        self._places = places
        self._tables = autogenerate.table_key_to_table
        self._until = time.monotonic() + _TRYING
        self._found: dict[tuple[Any, ...], dict[str, Any]] = {}

    def add(self, container: Any) -> None:
        """Take in what a list of operations consists of."""
        for operation in container.ops:
            if hasattr(operation, "ops"):
                self.add(operation)
            else:
                self._add(operation)

    def found(self, *, brief: bool) -> list[dict[str, Any]]:
        """Return the differences, those that would change nothing in the database marked, if that is not left out."""
        for key in [
            key for key, entry in self._found.items() if entry["kind"] == "table" and entry["change"] == "missing"
        ]:
            self._look_closer(key)
        for entry in self._found.values():
            operations = entry.pop("operations")
            entry.pop("columns", None)
            entry["operation"] = "" if brief else "\n".join(self._rendered(operation) for operation in operations)
            if entry["change"] == "differs" and not brief:
                entry["same"] = self._changes_nothing(entry["table"], operations)
        return list(self._found.values())

    def _add(self, operation: Any) -> None:
        name = type(operation).__name__
        if isinstance(operation, (ops.CreateTableOp, ops.DropTableOp)):
            self._add_table(operation, missing=isinstance(operation, ops.CreateTableOp))
        elif isinstance(operation, (ops.AddColumnOp, ops.DropColumnOp)):
            column = operation.column.name if isinstance(operation, ops.AddColumnOp) else operation.column_name
            change = "missing" if isinstance(operation, ops.AddColumnOp) else "extra"
            entry = self._enter(operation, "column", change, column)
            if change == "extra":
                entry["required"] = _is_required(operation)
                self._take_over(entry, column)
        elif isinstance(operation, ops.AlterColumnOp):
            self._add_alteration(operation)
        elif isinstance(operation, (ops.CreateIndexOp, ops.DropIndexOp)):
            missing = isinstance(operation, ops.CreateIndexOp)
            self._add_item(operation, "index", operation.index_name, _index(operation), missing=missing)
        elif name in _CONSTRAINTS:
            self._add_constraint(operation, _CONSTRAINTS[name], missing=True)
        elif isinstance(operation, ops.DropConstraintOp):
            kind = _CONSTRAINT_TYPES.get(operation.constraint_type or "", "constraint")
            self._add_constraint(operation, kind, missing=False)
        elif name in ("CreateTableCommentOp", "DropTableCommentOp"):
            entry = self._enter(operation, "table", "differs", None, "comment")
            entry["from"] = _text(operation.existing_comment)
            entry["to"] = _text(getattr(operation, "comment", None))
        else:
            # Of an extension of autogenerate: functions, views, enums.
            rendered = self._rendered(operation) or name
            self._found[("operation", rendered)] = {
                "kind": "operation",
                "change": "differs",
                "table": _key(operation) if getattr(operation, "table_name", None) else None,
                "name": rendered.split("\n", 1)[0],
                "operations": [operation],
            }

    def _take_over(self, entry: dict[str, Any], column: str) -> None:
        """Make what goes with a column that goes, and is dropped before it, a part of that."""
        taken = []
        for known, other in list(self._found.items()):
            if known[0] == entry["table"] and other["change"] == "extra" and column in other.get("columns", ()):
                taken += self._found.pop(known)["operations"]
        entry["operations"] = [*taken, *entry["operations"]]

    def _add_table(self, operation: Any, *, missing: bool) -> None:
        entry = self._enter(operation, "table", "missing" if missing else "extra", None)
        # Indexes of a table that goes are dropped before it.
        key = entry["table"]
        for known in [known for known in self._found if known[0] == key and known[1] != "table"]:
            entry["operations"] = [*self._found.pop(known)["operations"], *entry["operations"]]

    def _add_alteration(self, operation: Any) -> None:
        changes = (
            ("type", operation.modify_type is not None, operation.existing_type, operation.modify_type, self._type),
            (
                "nullable",
                operation.modify_nullable is not None,
                operation.existing_nullable,
                operation.modify_nullable,
                _nullable,
            ),
            (
                "default",
                operation.modify_server_default is not False,
                operation.existing_server_default,
                operation.modify_server_default,
                self._default,
            ),
            (
                "comment",
                operation.modify_comment is not False,
                operation.existing_comment,
                operation.modify_comment,
                _text,
            ),
        )
        for name, modified, before, after, words in changes:
            if modified:
                entry = self._enter(operation, "column", "differs", operation.column_name, name)
                entry["from"], entry["to"] = words(before), words(after)

    def _add_constraint(self, operation: Any, kind: str, *, missing: bool) -> None:
        definition: Any = None
        with suppress(Exception):
            definition = operation.to_constraint()
        words = _constraint(kind, definition)
        self._add_item(operation, kind, operation.constraint_name, words, missing=missing, definition=definition)

    def _add_item(
        self, operation: Any, kind: str, name: str | None, words: str, *, missing: bool, definition: Any = None
    ) -> None:
        key = _key(operation)
        whole = self._found.get((key, "table", "missing", None, None)) if missing else None
        if whole is not None:
            whole["operations"].append(operation)
            return
        columns = _columns(definition if definition is not None else operation)
        column = next((one for one in columns if (key, "column", "missing", one, None) in self._found), None)
        if missing and column is not None:
            # It comes with the column that is missing.
            self._found[(key, "column", "missing", column, None)]["operations"].append(operation)
            return
        identity = name or words
        if kind == "foreign key" and columns:
            # The same columns with other options: the names may differ, or there is none in the models.
            identity = f"({', '.join(columns)})"
        opposite = self._found.get((key, kind, "extra" if missing else "missing", identity, None))
        if opposite is not None:
            del self._found[(key, kind, opposite["change"], identity, None)]
            entry = self._enter(operation, kind, "differs", identity)
            entry["from"], entry["to"] = (opposite["to"], words) if missing else (words, opposite["to"])
            entry["operations"] = [*opposite["operations"], operation]
        else:
            entry = self._enter(operation, kind, "missing" if missing else "extra", identity)
            entry["to"], entry["columns"] = words, columns
        if name:
            entry["called"] = name
        table = self._tables.get(key)
        if table is not None:
            entry.update(self._places.item(table, name, columns))

    def _enter(
        self, operation: Any, kind: str, change: str, name: str | None, part: str | None = None
    ) -> dict[str, Any]:
        key = _key(operation)
        entry = self._found.setdefault(
            (key, kind, change, name, part),
            {"kind": kind, "change": change, "table": key, "name": name, "operations": []},
        )
        if part is not None:
            entry["property"] = part
        entry["operations"].append(operation)
        table = self._tables.get(key)
        if table is not None:
            entry.update(self._places.column(table, name) if kind == "column" else self._places.table(table))
            model = self._places.model(table)
            if model is not None:
                entry["model"] = model
        return entry

    def _rendered(self, operation: Any) -> str:
        with suppress(Exception):
            return "\n".join(render.render_op(self._autogenerate, operation))
        return ""

    def _type(self, value: Any) -> str | None:
        with suppress(Exception):
            return str(value.compile(dialect=self._context.dialect))
        return repr(value)

    def _default(self, value: Any) -> str | None:
        if value is None or value is False:
            return None
        argument = getattr(value, "arg", value)
        if isinstance(argument, str):
            return repr(argument)
        if not hasattr(argument, "compile"):
            return str(getattr(value, "sqltext", value))
        with suppress(Exception):
            return str(argument.compile(dialect=self._context.dialect, compile_kwargs={"literal_binds": True}))
        return str(argument)

    def _look_closer(self, found: tuple[Any, ...]) -> None:
        """Tell a table that is missing from what autogenerate does not see: views, and what env.py hides from it.

        Columns that are not there either are entries of their own.
        """
        entry = self._found[found]
        there: dict[str, str] = {}
        with suppress(Exception):
            there = dict(
                self._context.connection.execute(sa.text(_COLUMNS), {"name": _quoted(entry["table"])}).fetchall()
            )
        if not there:
            return
        create = next(one for one in entry["operations"] if isinstance(one, ops.CreateTableOp))
        missing = [column for column in create.columns if isinstance(column, sa.Column) and column.name not in there]
        if not missing:
            entry.update(same=True, there=next(iter(there.values())))
            return
        del self._found[found]
        for column in missing:
            self._enter(
                ops.AddColumnOp(create.table_name, column, schema=create.schema), "column", "missing", column.name
            )

    def _changes_nothing(self, key: str | None, operations: list[Any]) -> bool:
        """Try the operations and take them back: some differences are only in autogenerate's eyes."""
        connection = self._context.connection
        if key is None or connection is None or time.monotonic() > self._until:
            return False
        name = _quoted(key)
        with suppress(Exception):
            attempt = connection.begin_nested()
            try:
                before = connection.execute(sa.text(_DEFINITION), {"name": name}).scalar()
                invoke = Operations(self._context).invoke
                for operation in operations:
                    invoke(operation)
                return bool(before == connection.execute(sa.text(_DEFINITION), {"name": name}).scalar())
            finally:
                attempt.rollback()
        return False


def _quoted(key: str) -> str:
    schema, _, table = key.rpartition(".")
    return ".".join(f'"{part}"' for part in (schema, table) if part)


def _is_required(operation: Any) -> bool:
    """Say whether rows need a value of a column that is to be dropped."""
    with suppress(Exception):
        column = operation.to_column()
        given = column.server_default is not None or getattr(column, "identity", None) is not None
        return not (column.nullable or given)
    return False


def _key(operation: Any) -> str:
    # Constraints call it the source of a reference.
    table = getattr(operation, "table_name", None) or getattr(operation, "source_table", None)
    schema = getattr(operation, "schema", None) or getattr(operation, "kw", {}).get("source_schema")
    return f"{schema}.{table}" if schema else str(table)


def _index(operation: Any) -> str:
    with suppress(Exception):
        index = operation.to_index()
        unique = "UNIQUE " if index.unique else ""
        options = {
            name: value for name, value in index.dialect_options["postgresql"].items() if value and name != "include"
        }
        more = "".join(f" {name} {value}" for name, value in sorted(options.items()) if name in ("using", "where"))
        return f"{unique}({', '.join(_columns(index))}){more}"
    return ""


def _columns(item: Any) -> list[str]:
    with suppress(Exception):
        item = item.to_index()
    if isinstance(item, sa.ForeignKeyConstraint):
        return list(item.column_keys)
    expressions = getattr(item, "expressions", None) or getattr(item, "columns", ())
    with suppress(Exception):
        return [str(getattr(one, "name", None) or one) for one in expressions]
    return []


def _constraint(kind: str, constraint: Any) -> str:
    with suppress(Exception):
        if isinstance(constraint, sa.ForeignKeyConstraint):
            targets = [element.target_fullname for element in constraint.elements]
            options = "".join(
                f" ON {event} {action}"
                for event, action in (("DELETE", constraint.ondelete), ("UPDATE", constraint.onupdate))
                if action
            )
            deferred = " DEFERRABLE" if constraint.deferrable else ""
            return f"({', '.join(_columns(constraint))}) to {', '.join(targets)}{options}{deferred}"
        if isinstance(constraint, sa.CheckConstraint):
            return str(constraint.sqltext)
        if constraint is not None:
            return f"({', '.join(_columns(constraint))})"
    return kind


def _nullable(value: Any) -> str:
    return "NULL" if value else "NOT NULL"


def _text(value: Any) -> str | None:
    return None if value is None or value is False else repr(value)
