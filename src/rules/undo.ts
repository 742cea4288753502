/** How to take back by hand what a migration left behind, as lines of Python for downgrade(). */
import type { Difference } from "../postgres/catalog.ts";
import { nameParts, unquoted } from "./observed.ts";

/** `"name", "table", schema="billing"`: a Python call's arguments; the schema that is the default, in Postgres or SQLite, is left out. */
const call = (names: readonly string[], schema: string | undefined): string =>
  [
    ...names.map((name) => JSON.stringify(name)),
    ...(schema === undefined || schema === "public" || schema === "main" ? [] : [`schema=${JSON.stringify(schema)}`]),
  ].join(", ");

/** What stands behind DROP where it is not the kind itself. */
const COMMANDS: Record<string, string> = {
  "enum type": "TYPE",
  "composite type": "TYPE",
  "range type": "TYPE",
  "base type": "TYPE",
  "shell type": "TYPE",
  "foreign server": "SERVER",
};

/** Kinds whose DROP names the table that they are on. */
const ON_TABLE = new Set(["trigger", "rule", "policy"]);

/**
 * The line that drops an object, with Alembic's own operations where there are some.
 *
 * @returns undefined where no plain DROP does it
 */
export function dropping({ kind, name }: Pick<Difference, "kind" | "name">): string | undefined {
  const parts = nameParts(name);
  const bare = parts.map(unquoted);
  const [last, before, first] = [bare.at(-1)!, bare.at(-2), bare.at(-3)];
  if (kind === "table") return `op.drop_table(${call([last], before)})`;
  if (kind === "index") return `op.drop_index(${call([last], before)})`;
  if (kind === "enum type") return `sa.Enum(name=${call([last], before)}).drop(op.get_bind())`;
  if (kind === "column") return `op.drop_column(${call([before!, last], first)})`;
  if (kind === "not-null constraint")
    return `op.execute(${JSON.stringify(`ALTER TABLE ${parts.slice(0, -1).join(".")} DROP CONSTRAINT ${parts.at(-1)}`)})`;
  if (/constraint$|^primary key$|^foreign key$/.test(kind)) return `op.drop_constraint(${call([last, before!], first)})`;
  if (ON_TABLE.has(kind))
    return `op.execute(${JSON.stringify(`DROP ${kind.toUpperCase()} ${parts.at(-1)} ON ${parts.slice(0, -1).join(".")}`)})`;
  if (["default privileges", "published table"].includes(kind)) return undefined;
  return `op.execute(${JSON.stringify(`DROP ${COMMANDS[kind] ?? kind.toUpperCase()} ${name}`)})`;
}
