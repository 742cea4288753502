/** What differs between kinds of databases where rows are made up. */
import { quote } from "./client.ts";
import { readShapes, type Column, type Query, type Shapes, type Table } from "./tables.ts";
import { literal, valueOf } from "./values.ts";

/** SQL of a value, or the server's own. */
export const NULL = "NULL";
export const DEFAULT = "DEFAULT";

/** SQL of values by the numbers of their columns. */
export type Row = ReadonlyMap<number, string>;

export interface RowDialect {
  /** Reads what these tables, and all that they refer to, ask of their rows. */
  readShapes(query: Query, ids: readonly string[]): Promise<Shapes>;
  /** Called once before the first row is put in. */
  prepare(query: Query, shapes: Shapes): Promise<void>;
  /** The n-th value of a type, as text; undefined where nothing is known of the type. */
  value: typeof valueOf;
  /** A value's text as SQL. */
  literal(text: string, column: Column): string;
  /** SQL of a value that has the type of a column wherever it stands. */
  typed(sql: string, column: Column): string;
  /** Puts rows in, those that would repeat what is unique aside, and tells how many are in. */
  insert(query: Query, table: Table, rows: readonly Row[]): Promise<number>;
  /** How many rows there are. */
  count(query: Query, table: Table): Promise<number>;
  /** What children may refer to, as SQL. */
  keysOf(query: Query, parent: Table, columns: readonly string[], most: number): Promise<string[][]>;
}

/** Lets sequences go on from 1000: what revisions insert with a number of their own is not to be in the way, nor is what they inserted so. */
const RAISE_SEQUENCES = `SELECT setval(s.seqrelid::regclass, 1000) FROM pg_sequence s
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  WHERE d.refobjid IN (SELECT x::oid FROM unnest(string_to_array($1, ',')) x) AND s.seqincrement = 1 AND s.seqmax > 2000
    AND s.seqmin < 1000 AND COALESCE(pg_sequence_last_value(s.seqrelid), 0) < 1000`;

export const postgresRows: RowDialect = {
  readShapes,
  async prepare(query, { tables }) {
    await query(RAISE_SEQUENCES, [[...tables.keys()].join(",")]).catch(() => {});
  },
  value: valueOf,
  literal,
  typed: (sql, column) => `${sql}::${column.sql}`,
  async insert(query, table, rows) {
    const given = table.columns.filter(({ number }) => rows.some((row) => row.has(number)));
    // A table of nothing but a number.
    const columns = given.length > 0 ? given : table.columns.filter(({ generated }) => !generated).slice(0, 1);
    const into = `INSERT INTO ${table.name}`;
    const statement =
      columns.length === 0
        ? `${into} DEFAULT VALUES`
        : `${into} (${columns.map(({ name }) => quote(name)).join(", ")}) OVERRIDING SYSTEM VALUE VALUES ${rows
            .map((row) => `(${columns.map(({ number }) => row.get(number) ?? DEFAULT).join(", ")})`)
            .join(", ")} ON CONFLICT DO NOTHING`;
    const [counted] = await query(`WITH made AS (${statement} RETURNING 1) SELECT count(*)::int AS rows FROM made`);
    return Number(counted!.rows);
  },
  async count(query, table) {
    const [there] = await query(`SELECT count(*)::int AS rows FROM ${table.name}`);
    return Number(there!.rows);
  },
  async keysOf(query, parent, names, most) {
    const columns = names.map((name) => `${quote(name)}::text`);
    const rows = await query(
      `SELECT json_build_array(${columns.join(", ")})::text AS key FROM ${parent.name}
       WHERE ${names.map((name) => `${quote(name)} IS NOT NULL`).join(" AND ")} ORDER BY ${columns.join(", ")} LIMIT ${most}`,
    );
    return rows.map(({ key }) => (JSON.parse(String(key)) as string[]).map((value) => literal(value)));
  },
};
