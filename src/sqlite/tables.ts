/** What a table of SQLite asks of its rows, in the words that types of Postgres have: SQLite itself hardly has any. */
import type { Column, Query, Shapes, Table, Type, Unique } from "../postgres/tables.ts";
import { balanced, identifier, TOKEN } from "./catalog.ts";

const QUERY = `SELECT json_object(
  'objects', (SELECT json_group_array(json_array(type, name, tbl_name, sql)) FROM sqlite_master),
  'columns', (SELECT json_group_array(json_array(m.name, c.cid, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden))
    FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table'),
  'uniques', (SELECT json_group_array(json_array(m.name, i.name, i.partial,
      (SELECT json_group_array(x.cid) FROM pragma_index_xinfo(i.name) x WHERE x.key)))
    FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' AND i."unique"),
  'keys', (SELECT json_group_array(json_array(m.name, f.id, f.seq, f."table", f."from", f."to"))
    FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table')) AS shapes`;

interface Rows {
  objects: [type: string, name: string, table: string, sql: string | null][];
  columns: [
    table: string,
    number: number,
    name: string,
    type: string,
    notNull: number,
    byDefault: string | null,
    key: number,
    hidden: number,
  ][];
  uniques: [table: string, name: string, partial: number, columns: number[]][];
  keys: [table: string, id: number, seq: number, parent: string, from: string, to: string | null][];
}

/** Names of SQLite are the same in capitals and without. */
const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/**
 * Reads what these tables, all that they refer to, and all that refers to them ask of their rows: where foreign keys are enforced,
 * dropping a table deletes what refers to its rows.
 *
 * @param names of the tables, which are their ids as well
 */
export async function readSqliteShapes(query: Query, names: readonly string[]): Promise<Shapes> {
  const [row] = await query(QUERY);
  const rows = JSON.parse(String(row!.shapes)) as Rows;
  const needed = new Set(names);
  for (const [table, , , parent] of rows.keys) if (names.some((name) => same(name, parent))) needed.add(table);
  // A set that grows while it is gone through.
  for (const name of needed) {
    for (const [table, , , parent] of rows.keys) {
      const known = table === name && rows.objects.find(([type, other]) => type === "table" && same(other, parent));
      if (known) needed.add(known[1]);
    }
  }
  const types = new Map<string, Type>();
  const tables = new Map<string, Table>();
  for (const [type, name, , sql] of rows.objects)
    if (type === "table" && needed.has(name)) tables.set(name, tableOf(name, sql ?? "", rows, types));
  return { tables, types };
}

function tableOf(table: string, sql: string, rows: Rows, types: Map<string, Type>): Table {
  const own = rows.columns.filter(([of]) => of === table);
  const key = own.filter((column) => column[6] > 0).sort((a, b) => a[6] - b[6]);
  // Such a column is the number of its row.
  const counted = key.length === 1 && key[0]![3].toUpperCase() === "INTEGER" && !/\bwithout\s+rowid\b/i.test(tailOf(sql));
  const columns = own.map(([, number, name, declared, notNull, byDefault, part, hidden]): Column => {
    const { type, modifier } = typeOf(declared);
    types.set(type.oid, type);
    return {
      number,
      name,
      type: type.oid,
      modifier,
      sql: declared,
      notNull: notNull === 1 || part > 0,
      ...(byDefault !== null && byDefault.toUpperCase() !== "NULL" && { default: byDefault }),
      generated: hidden > 0,
      counted: counted && part > 0,
    };
  });
  const numbersOf = (text: string): number[] => {
    const words = new Set(wordsOf(text));
    return columns.filter(({ name }) => words.has(name.toLowerCase())).map(({ number }) => number);
  };
  const uniques = rows.uniques
    .filter(([of]) => of === table)
    .map(([, name, partial, numbers]): Unique => {
      const expressions = numbers.some((number) => number < 0);
      const text = rows.objects.find(([type, other]) => type === "index" && other === name)?.[3] ?? "";
      return {
        columns: expressions ? numbersOf(text.replace(/^.*?\bon\b\s*[^(]*/is, "")) : numbers,
        loose: expressions || partial === 1,
        nullsEqual: false,
      };
    });
  return {
    oid: table,
    name: `main.${identifier(table)}`,
    kind: /^\s*create\s+virtual\b/i.test(sql) ? "v" : "r",
    columns,
    checks: checksIn(sql).map(({ name, expression }) => ({ name, expression, columns: numbersOf(expression) })),
    foreignKeys: foreignKeysOf(table, rows, columns),
    uniques,
    key: key.map(([, number]) => number),
  };
}

function foreignKeysOf(table: string, rows: Rows, columns: readonly Column[]): Table["foreignKeys"] {
  const byId = new Map<number, Rows["keys"]>();
  for (const one of rows.keys) if (one[0] === table) byId.set(one[1], [...(byId.get(one[1]) ?? []), one]);
  return [...byId.values()].flatMap((parts) => {
    const ordered = parts.toSorted((a, b) => a[2] - b[2]);
    // Of a parent that is gone no row can be referred to.
    const parent = rows.objects.find(([type, name]) => type === "table" && same(name, parts[0]![3]))?.[1] ?? parts[0]![3];
    const theirs = rows.columns.filter(([of]) => of === parent);
    const key = theirs.filter((column) => column[6] > 0).sort((a, b) => a[6] - b[6]);
    const targets = ordered.flatMap(([, , , , , to], index) =>
      to === null ? (key[index]?.[2] ?? []) : (theirs.find((column) => same(column[2], to))?.[2] ?? []),
    );
    const numbers = ordered.flatMap(([, , , , from]) => columns.find(({ name }) => same(name, from))?.number ?? []);
    if (numbers.length < ordered.length || (theirs.length > 0 && targets.length < ordered.length)) return [];
    return [{ columns: numbers, parent, parentColumns: targets }];
  });
}

/** What stands behind the last parenthesis. */
const tailOf = (sql: string): string => sql.slice(sql.lastIndexOf(")") + 1);

/** The identifiers in SQL and its other words, in small letters; no text. */
const wordsOf = (sql: string): string[] =>
  [
    ...sql.matchAll(/'(?:[^']|'')*'|"((?:[^"]|"")+)"|`([^`]+)`|\[([^\]]+)\]|([A-Za-z_\u0080-\uFFFF][\w$\u0080-\uFFFF]*)/g),
  ].flatMap(([, ...found]) => found.find((one) => one !== undefined)?.toLowerCase() ?? []);

/** The conditions in the text of CREATE TABLE, which is the only place that has them. */
export function checksIn(sql: string): { name: string; expression: string }[] {
  let plain = "";
  for (const [token] of sql.matchAll(TOKEN))
    plain += /^(?:--|\/\*)/.test(token) ? " ".repeat(token.length) : /^['"`[]./.test(token) ? "\0".repeat(token.length) : token;
  return [...plain.matchAll(/\bcheck\s*(?=\()/gi)].map(({ index, 0: found }) => {
    const expression = balanced(sql, index + found.length)
      .slice(1, -1)
      .trim();
    const named = /\bconstraint\s+("(?:[^"]|"")+"|[\w$]+)\s*$/i.exec(sql.slice(0, index))?.[1];
    return { name: named?.replace(/^"|"$/g, "") ?? expression, expression };
  });
}

/** A declared type as one of Postgres, by SQLAlchemy's names first, then by SQLite's rules of affinity. */
function typeOf(declared: string): { type: Type; modifier: number } {
  const upper = declared.toUpperCase().trim();
  const [first, second] = (/\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)/.exec(upper)?.slice(1) ?? []).map((part) =>
    part === undefined ? undefined : Number(part),
  );
  const bare = upper.replace(/\(.*$/s, "").trim();
  const name = NAMED[bare] ?? byAffinity(upper);
  const modifier =
    first === undefined
      ? -1
      : name === "numeric"
        ? ((first << 16) | (second ?? 0)) + 4
        : name === "varchar" || name === "bpchar"
          ? first + 4
          : -1;
  // A uuid is kept as text of that length.
  const kept = (name === "bpchar" || name === "varchar") && first === 36 && bare.startsWith("CHAR") ? "uuid" : name;
  const type = first === 32 && bare.startsWith("CHAR") ? "hex" : kept;
  return { type: { oid: type, name: type, builtIn: true, kind: "b", sql: declared, baseModifier: -1, notNull: false }, modifier };
}

const NAMED: Record<string, string> = {
  SMALLINT: "int2",
  TINYINT: "int2",
  BIGINT: "int8",
  BOOLEAN: "bool",
  BOOL: "bool",
  DATE: "date",
  DATETIME: "timestamp",
  TIMESTAMP: "timestamp",
  TIME: "time",
  JSON: "json",
  JSONB: "json",
  UUID: "uuid",
  NUMERIC: "numeric",
  DECIMAL: "numeric",
  VARCHAR: "varchar",
  NVARCHAR: "varchar",
  CHAR: "bpchar",
  CHARACTER: "bpchar",
  BINARY: "bytea",
  VARBINARY: "bytea",
};

function byAffinity(upper: string): string {
  if (upper.includes("INT")) return "int4";
  if (/CHAR|CLOB|TEXT/.test(upper)) return "text";
  if (upper.includes("BLOB")) return "bytea";
  if (/REAL|FLOA|DOUB/.test(upper)) return "float8";
  return "text";
}

/** Whether what looks like a number becomes one in such a column. */
export const isNumeric = (declared: string): boolean => {
  const upper = declared.toUpperCase();
  return upper.includes("INT") || !(upper === "" || /CHAR|CLOB|TEXT|BLOB/.test(upper));
};
