import type { Draft, Severity } from "../finding.ts";
import { describeState } from "../postgres/describe.ts";
import type { Evidence } from "../run/evidence.ts";
import type { Refusal, RowFailure } from "../run/rows.ts";
import { block, code, listOf, text, type Text } from "../text.ts";
import { placeOf, placeOfStop } from "./observed.ts";
import { evidenceOf, firstLine } from "./raised.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "fails-on-rows",
  family: "data",
  severity: "error",
  summary: "A migration passes on empty tables and fails, or does something else, where there are rows",
  needs: ["run", "graph"],
  wants: ["settings"],
  judge({ run, graph, settings }) {
    if (!run.rows) return [];
    const failures = run.rows.failures.map((failure): Draft => {
      const { direction, stop, refusal } = failure;
      const optional = direction === "downgrade" && settings?.downgrades === "optional";
      const sure = failure.rows === "seed" || refusal?.anyRow;
      const severity: Severity = optional ? "notice" : sure ? "error" : "warning";
      return {
        ...placeOfStop(graph, stop, direction),
        severity,
        revision: stop.revision!,
        object: objectOf(failure),
        message: text`${direction}() of ${code(stop.revision!)} ${whatFails(withDatabase(failure))}: ${firstLine(stop.raised.message)}`,
        help: helpFor(failure, run.dialect === "sqlite"),
        evidence: text`${evidenceOf(stop)} ${rowText(failure)}`,
      };
    });
    return [
      ...failures,
      ...otherSchema(run, run.rows.source).map((draft) => ({ ...placeOf(graph, draft.revision, "upgrade"), ...draft })),
    ];
  },
});

/** Its table with the database's name in front, where that is not the first of several. */
const withDatabase = ({ refusal, ...failure }: RowFailure): RowFailure => ({
  ...failure,
  ...(refusal && {
    refusal:
      refusal.table === undefined || failure.database === undefined
        ? refusal
        : { ...refusal, table: `[${failure.database}] ${refusal.table}` },
  }),
});

function objectOf(failure: RowFailure): { kind: string; name: string } {
  const { refusal, stop } = withDatabase(failure);
  if (refusal?.table === undefined)
    return { kind: "statement", name: (stop.raised.sql ?? stop.raised.type).trim().split(/\s+/).slice(0, 3).join(" ") };
  const columns = refusal.kind === "check" || refusal.kind === "parent" ? [] : refusal.columns;
  return { kind: refusal.kind, name: [refusal.table, ...columns].join(" ") };
}

/** What the server asks of the rows, as the end of "fails where …". */
function conditionOf({ kind, table, columns, type }: Refusal): Text | undefined {
  if (table === undefined) return undefined;
  const [column] = columns;
  switch (kind) {
    case "not-null":
      return text`${code(column!)} of ${code(table)} is NULL in some row`;
    case "unique":
      return text`two rows of ${code(table)} have the same ${listOf(columns)}`;
    case "foreign-key":
      return text`a row of ${code(table)} refers by ${listOf(columns)} to nothing that is there`;
    case "check":
      return text`a row of ${code(table)} does not satisfy the condition`;
    case "exclusion":
      return text`two rows of ${code(table)} exclude each other`;
    case "cast":
      return text`a value of ${code(column!)} in ${code(table)} cannot be read as ${code(type ?? "the new type")}`;
    case "too-long":
      return text`a value of ${code(column!)} in ${code(table)} is longer than ${code(type ?? "the new type")} allows`;
    case "range":
      return text`a value of ${code(column!)} in ${code(table)} does not fit ${code(type ?? "the new type")}`;
    case "pending":
      return text`rows of ${code(table)} were changed before in the same transaction`;
    case "default":
    case "references":
    case "stored":
    case "parent":
    case "other":
      return undefined;
  }
}

function whatFails({ rows, refusal }: RowFailure): Text {
  if (refusal?.kind === "parent")
    return text`fails as soon as ${listOf(refusal.columns)} ${refusal.columns.length > 1 ? "have" : "has"} a row that refers to ${code(refusal.table!)}, which it drops`;
  if (refusal?.anyRow) {
    const several = refusal.kind === "unique" ? "more than one row" : "a row";
    return text`fails as soon as ${code(refusal.table!)} has ${several}`;
  }
  if (rows === "seed") return text`fails on the project's own rows`;
  const condition = refusal && conditionOf(refusal);
  return condition ? text`fails where ${condition}` : text`fails on tables with rows`;
}

/** What to do instead. */
function remedyOf({ kind, table, columns, anyRow }: Refusal, sqlite: boolean): Text {
  const [column] = columns;
  switch (kind) {
    case "not-null":
      return anyRow
        ? text`Add the column with a ${code("server_default")}, or add it as nullable, fill it, and make it NOT NULL last: ${block(
            `op.add_column("${bare(table!)}", sa.Column("${bare(column!)}", …, nullable=True))\nop.execute("UPDATE ${table!} SET ${column!} = …")\n${required(table!, column!, sqlite)}`,
            "python",
          )}`
        : text`Fill the NULLs before, in the same revision: ${block(`op.execute("UPDATE ${table!} SET ${column!} = … WHERE ${column!} IS NULL")`, "python")}`;
    case "unique":
      return anyRow
        ? text`Add the column as nullable, give each row a value of its own, and make it unique last.`
        : text`Merge or delete what is there twice before, in the same revision.`;
    case "foreign-key":
    case "check":
      return sqlite
        ? text`Mend${kind === "check" ? "" : " or delete"} such rows before, in the same revision.`
        : text`Mend${kind === "check" ? "" : " or delete"} such rows before; or add the constraint with ${code("postgresql_not_valid=True")}, which checks new rows only, and ${code("VALIDATE CONSTRAINT")} in a later revision.`;
    case "cast":
    case "range":
      return text`Convert or clear such values before, or say in ${code("postgresql_using")} what becomes of them.`;
    case "too-long":
      return text`Shorten such values before, or leave the column as long as it is.`;
    case "pending":
      return text`Change the rows in a revision of its own with ${code("transaction_per_migration=True")}, or check what is pending first: ${block('op.execute("SET CONSTRAINTS ALL IMMEDIATE")', "python")}`;
    case "default":
    case "references":
    case "stored":
      return text`Let the table be copied, which gives the rows that are there their values: ${block(
        `with op.batch_alter_table("${bare(table!)}", recreate="always") as batch:\n    batch.add_column(sa.Column("${bare(column!)}", …))`,
        "python",
      )}`;
    case "parent":
      return text`Switch foreign keys off in env.py while migrations run, before a transaction begins: ${block(
        `connection.exec_driver_sql("PRAGMA foreign_keys = OFF")\nconnection.commit()`,
        "python",
      )}`;
    case "exclusion":
    case "other":
      return text`Make the rows fit before.`;
  }
}

const required = (table: string, column: string, sqlite: boolean): string =>
  sqlite
    ? `with op.batch_alter_table("${bare(table)}") as batch:\n    batch.alter_column("${bare(column)}", nullable=False)`
    : `op.alter_column("${bare(table)}", "${bare(column)}", nullable=False)`;

const bare = (name: string): string => name.replaceAll('"', "");

function helpFor({ refusal, database }: RowFailure, sqlite: boolean): Text {
  if (!refusal) return text`Let it do the right thing for the rows that are there.`;
  const remedy = remedyOf(refusal, sqlite);
  const production = database === undefined ? text`production` : text`production's ${code(database)}`;
  return refusal.select === undefined || refusal.anyRow
    ? remedy
    : text`Ask ${production} whether it has such rows: ${block(refusal.select, "sql")}If it has: ${remedy}`;
}

function rowText({ row, rows, passesOnPlain, left }: RowFailure): Text {
  const whose = rows === "seed" ? text`The rows are the project's own.` : text`The rows were made up.`;
  const then = passesOnPlain ? text` On rows without NULLs and without equal values it ran through.` : text``;
  const still = left
    ? text` SQLite has not rolled back all of it: ${listOf(left)} ${left.length > 1 ? "stay" : "stays"}, and must be dropped before the next try.`
    : text``;
  return row === undefined ? text`${whose}${then}${still}` : text`It met ${block(row, "json")}${whose}${then}${still}`;
}

/** What upgrade() does only where there are rows, or only where there are none. */
function otherSchema({ rows, order, base }: Evidence, source: "seed" | "made-up"): (Draft & { revision: string })[] {
  const [first] = rows!.schema;
  const revision = order.findLast((id) => !base.has(id));
  if (!first || revision === undefined) return [];
  const whose = source === "seed" ? "the project's own rows" : "made-up rows";
  return [
    {
      severity: "warning",
      revision,
      object: { kind: first.kind, name: first.name },
      message: text`On ${whose} the pull request's upgrades leave another schema than on empty tables: ${describeState(first)}.`,
      help: text`What upgrade() does to the schema should not depend on the rows that it finds: databases then differ for good.`,
    },
  ];
}
