/** The values of rows before, between and after migrations: what is lost on the way. Values are compared by what they mean. */
import { identifier } from "../postgres/catalog.ts";
import { quote } from "../postgres/client.ts";
import type { Query } from "../postgres/tables.ts";

export interface Held {
  oid: string;
  /** As the catalog names it: `public.users`. */
  name: string;
  /** By number: dropped columns keep theirs. */
  columns: { number: number; name: string; type: string }[];
  /** Names of the primary key's columns. */
  key: string[];
  /** The values in the order of `columns`; text in which equal values are equal. Undefined: there are too many to look at. */
  rows?: (string | null)[][];
}

/** Tables by oid. */
export type Holding = ReadonlyMap<string, Held>;

/** What of a table's rows did not come back. */
export interface Loss {
  /**
   * `dropped`: upgrade() drops the table or the column · `deleted`: it deletes rows · `overwritten`: it writes other values ·
   * `converted`: it changes the type, and the values do not survive that · `downgrade`: they are lost on the way down alone ·
   * `cascaded`: SQLite deletes or clears them, since they refer to a table that is dropped, `by`.
   */
  how: "dropped" | "deleted" | "overwritten" | "converted" | "downgrade" | "cascaded";
  by?: string;
  table: string;
  /** Absent where whole rows are gone. */
  column?: string;
  /** How many rows lost it, of how many that had something to lose. */
  rows: number;
  of: number;
  /** Of one row; `after` null: nothing; absent: the rows have other keys, so that nobody knows which it is now. */
  example?: { before: string; after?: string | null };
  /** Whether a downgrade was run that could have brought it back. */
  wentDown: boolean;
}

/** Tables with more rows are not compared. */
export const MOST_ROWS = 5000;
export const LONGEST = 500;

const COLUMNS = `
SELECT c.oid::text AS oid, s.nspname AS schema, c.relname AS name,
  json_agg(json_build_object('number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'base', b.typname,
    'array', b.typcategory = 'A', 'element', e.typname) ORDER BY a.attnum)::text AS columns,
  COALESCE((SELECT json_agg(p.attname ORDER BY p.attnum) FROM pg_index i JOIN pg_attribute p ON p.attrelid = c.oid
    AND p.attnum::text = ANY (string_to_array(i.indkey::text, ' ')) WHERE i.indrelid = c.oid AND i.indisprimary), '[]')::text AS key
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid)
LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
WHERE c.relkind IN ('r', 'p') AND (c.oid::text = ANY (string_to_array($1, ',')) OR c.relname = ANY (string_to_array($2, chr(10))))
GROUP BY c.oid, s.nspname, c.relname`;

interface ColumnRow {
  number: number;
  name: string;
  type: string;
  base: string;
  array: boolean;
  element: string | null;
}

/** A value as text: whatever its type writes for equal values is equal. */
function textOf({ name, base, array, element }: ColumnRow): string {
  const column = quote(name);
  if (base === "json" || base === "jsonb") return `${column}::jsonb::text`;
  if (array && element === "json") return `to_jsonb(${column})::text`;
  if (base === "numeric") return `trim_scale(${column}::numeric)::text`;
  if (base === "bpchar") return `rtrim(${column}::text)`;
  if (base === "timestamptz") return `(${column}::timestamptz AT TIME ZONE 'UTC')::text || '+00'`;
  return `${column}::text`;
}

/**
 * Reads all rows of some tables.
 *
 * @param oids of the tables; `names` of others, in any schema, for those that were made anew meanwhile
 */
export async function readHolding(query: Query, oids: readonly string[], names: readonly string[] = []): Promise<Holding> {
  const tables = await query(COLUMNS, [oids.join(","), names.join("\n")]);
  const holding = new Map<string, Held>();
  if (tables.length === 0) return holding;
  const parts = tables.map(({ oid, schema, name, columns, key }) => {
    const list = JSON.parse(String(columns)) as ColumnRow[];
    const table = `${quote(String(schema))}.${quote(String(name))}`;
    holding.set(String(oid), {
      oid: String(oid),
      name: `${identifier(String(schema))}.${identifier(String(name))}`,
      columns: list.map(({ number, name, type }) => ({ number, name, type })),
      key: JSON.parse(String(key)) as string[],
    });
    const values = list.map((column) => {
      const value = textOf(column);
      return `CASE WHEN length(${value}) > ${LONGEST} THEN left(${value}, 40) || '… ' || md5(${value}) ELSE ${value} END`;
    });
    return `SELECT '${String(oid)}' AS oid, json_agg(x.row)::text AS rows FROM (SELECT to_json(ARRAY[${values.join(", ")}]::text[]) AS row FROM ${table} LIMIT ${MOST_ROWS + 1}) x`;
  });
  for (const { oid, rows } of await query(parts.join(" UNION ALL "))) {
    const read = rows === null ? [] : (JSON.parse(rows as string) as (string | null)[][]);
    if (read.length <= MOST_ROWS) holding.get(String(oid))!.rows = read;
  }
  return holding;
}

/** What is known of one column at a later time. */
type Fate =
  | { kind: "gone" }
  | { kind: "same" }
  | { kind: "other"; rows: number; example: { before: string; after?: string | null }; type: string };

/** The rows of a table in pairs with what became of them, where the primary key or else their number and order tells. */
interface Pairs {
  pairs: [before: (string | null)[], after: (string | null)[]][];
  missing: (string | null)[][];
}

function pairsOf(before: Held, after: Held): Pairs | undefined {
  if (!before.rows || !after.rows) return undefined;
  const places = (held: Held) => before.key.map((name) => held.columns.findIndex((column) => column.name === name));
  const [from, to] = [places(before), places(after)];
  if (before.key.length === 0 || to.includes(-1)) return undefined;
  const keyOf = (row: (string | null)[], at: number[]) => JSON.stringify(at.map((place) => row[place]));
  const later = new Map(after.rows.map((row) => [keyOf(row, to), row]));
  const result: Pairs = { pairs: [], missing: [] };
  for (const row of before.rows) {
    const match = later.get(keyOf(row, from));
    if (match) result.pairs.push([row, match]);
    else result.missing.push(row);
  }
  // All keys are others: they were given anew.
  return result.pairs.length === 0 && after.rows.length > 0 && before.rows.length > 0 ? undefined : result;
}

/** Moments of the run, such as a trigger writes for each change of a row: what was there before is no loss. */
const isNow = (value: string | null, type: string): boolean =>
  value !== null && /^(?:timestamp|date)/.test(type) && Math.abs(Date.parse(value.replace(/\+00$/, "Z")) - Date.now()) < DAY;
const DAY = 86_400_000;

/** @param survives the column was there all the time */
function fateOf(before: Held, at: number, after: Held | undefined, column: number | undefined, survives = false): Fate {
  if (!after || column === undefined || column === -1) return { kind: "gone" };
  const { type } = after.columns[column]!;
  const matched = pairsOf(before, after);
  const lost: { before: string; after?: string | null }[] = [];
  if (matched) {
    for (const [was, is] of matched.pairs) {
      const value = was[at];
      if (survives && isNow(is[column] ?? null, type)) continue;
      if (value !== null && value !== undefined && value !== is[column]) lost.push({ before: value, after: is[column] ?? null });
    }
  } else if (before.rows && after.rows) {
    // Without keys the values count, wherever they are.
    const there = new Map<string, number>();
    for (const row of after.rows) if (row[column] !== null) there.set(row[column]!, (there.get(row[column]!) ?? 0) + 1);
    let missing = Math.max(0, before.rows.length - after.rows.length);
    for (const row of before.rows) {
      const value = row[at];
      if (value === null || value === undefined) continue;
      const left = there.get(value) ?? 0;
      if (left > 0) there.set(value, left - 1);
      else if (missing > 0) missing -= 1;
      else lost.push({ before: value });
    }
  }
  return lost.length === 0 ? { kind: "same" } : { kind: "other", rows: lost.length, example: lost[0]!, type };
}

/**
 * What did not come back.
 *
 * @param before at B0, with rows
 * @param up after the upgrades
 * @param down after the downgrades; absent where they were not run
 */
export function lossesOf(before: Holding, up: Holding, down?: Holding): Loss[] {
  const losses: Loss[] = [];
  const named = (holding: Holding, name: string) => [...holding.values()].find((held) => held.name === name);
  for (const held of before.values()) {
    if (!held.rows || held.rows.length === 0) continue;
    const { oid, name: table, rows } = held;
    const above = up.get(oid) ?? named(up, table);
    const back = down && named(down, table);
    if (back && !back.rows) continue;
    if (!above && !(back && restored(held, back))) {
      losses.push({ how: "dropped", table, rows: rows.length, of: rows.length, wentDown: down !== undefined });
      continue;
    }
    const goneUp = above && pairsOf(held, above)?.missing.length;
    const goneDown = back ? pairsOf(held, back)?.missing.length : 0;
    const gone = down ? (goneDown ?? 0) : (goneUp ?? 0);
    if (gone > 0)
      losses.push({
        how: (goneUp ?? 0) >= gone ? "deleted" : "downgrade",
        table,
        rows: gone,
        of: rows.length,
        wentDown: down !== undefined,
      });
    for (const [at, { number, name: column, type }] of held.columns.entries()) {
      const of = rows.filter((row) => row[at] !== null).length;
      if (of === 0 || gone === rows.length) continue;
      const numberOf = (later: Held | undefined) => {
        const byNumber = later?.oid === oid ? later.columns.findIndex((one) => one.number === number) : -1;
        return byNumber === -1 ? later?.columns.findIndex((one) => one.name === column) : byNumber;
      };
      const upper = above ? fateOf(held, at, above, numberOf(above), true) : ({ kind: "gone" } as const);
      const again = back?.columns.findIndex((one) => one.name === column);
      const lower = back ? fateOf(held, at, back, again, upper.kind !== "gone") : undefined;
      // What the catalog misses is told by others.
      if (lower?.kind === "same" || (lower?.kind === "gone" && upper.kind !== "gone") || (down && !back)) continue;
      if (!lower && upper.kind !== "gone") continue;
      const detail = lower?.kind === "other" ? { rows: lower.rows, example: lower.example } : { rows: of };
      const how =
        upper.kind === "gone"
          ? "dropped"
          : upper.kind === "same"
            ? "downgrade"
            : upper.type === type
              ? "overwritten"
              : "converted";
      losses.push({ how, table, column, ...detail, of, wentDown: down !== undefined });
    }
  }
  return losses;
}

/** Whether a table that was dropped has come back with all its rows. */
const restored = (before: Held, back: Held): boolean =>
  (back.rows?.length ?? 0) >= before.rows!.length &&
  before.columns.every(
    ({ name }, at) =>
      fateOf(
        before,
        at,
        back,
        back.columns.findIndex((one) => one.name === name),
      ).kind === "same",
  );
