/** Tells the made-up values of different columns apart: in each row the n-th value of a type is the same in all columns that have it. */
import { quote } from "./client.ts";
import type { Query } from "./tables.ts";
import type { Manner } from "./values.ts";

const COLUMNS = `
SELECT c.oid::text AS oid, s.nspname AS schema, c.relname AS name, a.attname AS column, a.attnum::int AS number, t.typname AS type
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.oid::text = ANY (string_to_array($1, ',')) AND t.typname IN ('text', 'varchar', 'bool', 'int4', 'int8', 'numeric', 'float8', 'date', 'timestamp', 'timestamptz')
  AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND a.attnum = ANY (i.indkey::int2[]))
  AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE (k.conrelid = c.oid AND a.attnum = ANY (k.conkey)) OR (k.confrelid = c.oid AND a.attnum = ANY (k.confkey)))
ORDER BY c.oid, a.attnum`;

/** What a column's value becomes; as little as tells it apart, so that what reads it still can. */
function other(column: string, number: number, type: string, manner: Manner): string {
  switch (type) {
    case "text":
    case "varchar":
      // Plain texts are numbers, and what looks like an address stays one.
      return manner === "plain"
        ? `CASE WHEN ${column} ~ '^[0-9]{1,6}$' THEN (${column}::int + ${number * 10})::text ELSE ${column} END`
        : `CASE WHEN ${column} ~ '^Text ' AND length(${column}) < 20 THEN ${column} || ' ${number}' ELSE ${column} END`;
    case "bool":
      return `CASE WHEN (hashtext(ctid::text || '${number}') & 1) = 0 THEN ${column} ELSE NOT ${column} END`;
    case "date":
    case "timestamp":
    case "timestamptz":
      return `${column} + ${number} * interval '1 day'`;
    default:
      return `CASE WHEN abs(${column}) < 1000 THEN ${column} + ${number * 10} ELSE ${column} END`;
  }
}

/**
 * Gives each column of made-up rows values of its own, where no constraint says what they may be.
 *
 * @param oids of the tables
 */
export async function spread(query: Query, oids: readonly string[], manner: Manner): Promise<void> {
  const columns = await query(COLUMNS, [oids.join(",")]);
  for (const oid of new Set(columns.map((column) => column.oid))) {
    const all = columns.filter((column) => column.oid === oid);
    const table = `${quote(String(all[0]!.schema))}.${quote(String(all[0]!.name))}`;
    const settings = all.map(({ column, number, type }) => {
      const name = quote(String(column));
      return `${name} = ${other(name, Number(number), String(type), manner)}`;
    });
    await setFreely(query, table, settings);
  }
}

/**
 * Updates all rows of a table, as far as its constraints let it.
 *
 * @param table as SQL
 * @param settings one at least: `"name" = 'x'`
 */
export async function setFreely(query: Query, table: string, settings: readonly string[]): Promise<void> {
  const update = (parts: readonly string[]) => query(`UPDATE ${table} SET ${parts.join(", ")}`);
  await update(settings).catch(async () => {
    // What one of them may not be leaves the others as free as they were.
    for (const one of settings) await update([one]).catch(() => {});
  });
}
