/** Tells the made-up values of different columns apart, on SQLite: see ../postgres/spread.ts. */
import { quote } from "../postgres/client.ts";
import { setFreely } from "../postgres/spread.ts";
import type { Query } from "../postgres/tables.ts";
import type { Manner } from "../postgres/values.ts";
import { readSqliteShapes } from "./tables.ts";

/** What a column's value becomes; as little as tells it apart, so that what reads it still can. */
function other(column: string, number: number, type: string, manner: Manner): string | undefined {
  switch (type) {
    case "text":
    case "varchar":
      // Plain texts are numbers, and what looks like an address stays one.
      return manner === "plain"
        ? `CASE WHEN length(${column}) BETWEEN 1 AND 6 AND ${column} NOT GLOB '*[^0-9]*' THEN CAST(${column} + ${number * 10} AS TEXT) ELSE ${column} END`
        : `CASE WHEN ${column} GLOB 'Text *' AND length(${column}) < 20 THEN ${column} || ' ${number}' ELSE ${column} END`;
    case "bool":
      return `CASE WHEN ${column} IN (0, 1) AND ((rowid * 2654435761 + ${number} * 40503) >> 16) & 1 THEN 1 - ${column} ELSE ${column} END`;
    case "date":
    case "timestamp":
      return `CASE WHEN date(${column}) IS NULL THEN ${column} ELSE date(${column}, '+${number} days') || substr(${column}, 11) END`;
    case "int4":
    case "int8":
    case "numeric":
    case "float8":
      return `CASE WHEN typeof(${column}) IN ('integer', 'real') AND abs(${column}) < 1000 THEN ${column} + ${number * 10} ELSE ${column} END`;
    default:
      return undefined;
  }
}

/**
 * Gives each column of made-up rows values of its own, where no constraint says what they may be.
 *
 * @param names of the tables
 */
export async function spreadSqlite(query: Query, names: readonly string[], manner: Manner): Promise<void> {
  const { tables, types } = await readSqliteShapes(query, names);
  const keys = [...tables.values()].flatMap(({ foreignKeys }) => foreignKeys);
  for (const { oid, columns, checks, foreignKeys, uniques, key } of tables.values()) {
    if (!names.includes(oid)) continue;
    const bound = new Set([...key, ...[...checks, ...foreignKeys, ...uniques].flatMap((one) => one.columns)]);
    const referred = new Set(keys.flatMap(({ parent, parentColumns }) => (parent === oid ? parentColumns : [])));
    const settings = columns.flatMap(({ number, name, type, generated }) => {
      const free = !generated && !bound.has(number) && !referred.has(name);
      const value = free ? other(quote(name), number + 1, types.get(type)!.name, manner) : undefined;
      return value === undefined ? [] : [`${quote(name)} = ${value}`];
    });
    if (settings.length > 0) await setFreely(query, quote(oid), settings);
  }
}
