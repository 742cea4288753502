/** The values of rows on SQLite, as text in which equal values are equal. */
import { createHash } from "node:crypto";
import { quote } from "../postgres/client.ts";
import type { Query } from "../postgres/tables.ts";
import { identifier } from "../sqlite/catalog.ts";
import type { Statement } from "./evidence.ts";
import { fatesOf } from "./rebuilds.ts";
import { LONGEST, MOST_ROWS, type Held, type Holding } from "./row-values.ts";

const COLUMNS = `SELECT m.name AS name, json_group_array(json_array(c.name, c.type, c.pk)) AS columns
  FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND c.hidden IN (0, 2, 3) GROUP BY m.name`;

/** Numbers are the same with a fraction of nothing and without, json is the same however it is written. */
function textOf(column: string): string {
  const name = quote(column);
  return `CASE typeof(${name}) WHEN 'blob' THEN 'x' || hex(${name})
    WHEN 'real' THEN CAST(CASE WHEN ${name} = CAST(${name} AS INTEGER) THEN CAST(${name} AS INTEGER) ELSE ${name} END AS TEXT)
    WHEN 'text' THEN CASE WHEN ${name} GLOB '[[{]*' AND json_valid(${name}) THEN json(${name}) || '' ELSE ${name} END
    ELSE CAST(${name} AS TEXT) END`;
}

const shortened = (value: string | null): string | null =>
  value === null || value.length <= LONGEST
    ? value
    : `${value.slice(0, 40)}… ${createHash("sha256").update(value).digest("hex").slice(0, 16)}`;

/**
 * Reads all rows of some tables.
 *
 * @param names of the tables, as they were at first
 * @param since what was executed since then, and what was read then: tables and columns that were renamed are still known by it
 */
export async function readSqliteHolding(
  query: Query,
  names: readonly string[],
  since?: { before: Holding; statements: readonly Statement[] },
): Promise<Holding> {
  const tables = new Map<string, [name: string, type: string, key: number][]>();
  for (const { name, columns } of await query(COLUMNS))
    tables.set(String(name), JSON.parse(String(columns)) as [string, string, number][]);
  const first = [...(since?.before.values() ?? [])];
  const fates = fatesOf(
    first.map(({ oid, columns }) => ({ name: quote(oid), columns: columns.map(({ name }) => name) })),
    since?.statements ?? [],
  );
  const holding = new Map<string, Held>();
  const parts: string[] = [];
  for (const [name, columns] of tables) {
    const origin = first.find(({ oid }) => fates.get(oid.toLowerCase())?.name === name.toLowerCase());
    if (!origin && !names.some((one) => one.toLowerCase() === name.toLowerCase())) continue;
    const fate = origin && fates.get(origin.oid.toLowerCase());
    const oid = origin?.oid ?? (since ? `new ${name}` : name);
    const numberOf = (column: string, index: number): number => {
      const was = fate?.columns.get(column.toLowerCase());
      return origin?.columns.find((one) => one.name.toLowerCase() === was)?.number ?? (since ? 10_000 + index : index);
    };
    holding.set(oid, {
      oid,
      name: `main.${identifier(name)}`,
      columns: columns.map(([column, type], index) => ({
        number: numberOf(column, index),
        name: column,
        type: type.toLowerCase(),
      })),
      key: columns
        .filter(([, , key]) => key > 0)
        .sort((a, b) => a[2] - b[2])
        .map(([column]) => column),
    });
    const values = columns.map(([column]) => textOf(column)).join(", ");
    parts.push(
      `SELECT '${oid.replaceAll("'", "''")}' AS oid, (SELECT json_group_array(json_array(${values})) FROM (SELECT * FROM ${quote(name)} LIMIT ${MOST_ROWS + 1})) AS rows`,
    );
  }
  if (parts.length === 0) return holding;
  for (const { oid, rows } of await query(parts.join(" UNION ALL "))) {
    const read = (JSON.parse(String(rows)) as (string | null)[][]).map((row) => row.map(shortened));
    if (read.length <= MOST_ROWS) holding.get(String(oid))!.rows = read;
  }
  return holding;
}
