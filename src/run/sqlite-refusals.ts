/** Why SQLite refuses a statement as soon as there are rows: it gives no codes, only sentences. */
import type { Catalog, CatalogObject } from "../postgres/catalog.ts";
import { checksIn } from "../sqlite/tables.ts";
import type { Statement, Stop } from "./evidence.ts";
import { copyIn, type Copy } from "./rebuilds.ts";
import { CHANGES_ROWS, readStatement, uniqueOf, type Refusal, type RefusalKind } from "./refusals.ts";
import { NAME, TABLE } from "./sql-pieces.ts";
import { lastName, words } from "./touched.ts";

const ADD_COLUMN = new RegExp(`^\\s*alter\\s+table\\s+${TABLE}\\s+add\\s+(?:column\\s+)?(${NAME})\\s`, "i");
const DROP_TABLE = new RegExp(`^\\s*drop\\s+table\\s+(?:if\\s+exists\\s+)?${TABLE}`, "i");
const CREATE_INDEX = /^\s*create\s+unique\s+index\b/i;

/** What ADD COLUMN says only where there are rows. */
const ON_ADDING: [RegExp, RefusalKind][] = [
  [/NOT NULL column with default value NULL/i, "not-null"],
  [/non-constant default/i, "default"],
  [/REFERENCES column with non-NULL default/i, "references"],
  [/STORED column/i, "stored"],
];

const sameName = (one: string, other: string): boolean => lastName(one).toLowerCase() === lastName(other).toLowerCase();
const found = (message: string, what: string): string | undefined =>
  new RegExp(`${what} constraint failed(?:: (.*))?$`, "im").exec(message)?.[1]?.trim();

/**
 * @param stop what stopped a phase that ran on rows
 * @param before what was executed before that statement, in this phase
 * @param catalog before the phase
 */
export function sqliteRefusalOf(stop: Stop, before: readonly Statement[], catalog: Catalog): Refusal | undefined {
  const { sql, message } = stop.raised;
  if (sql === undefined) return undefined;
  const [, table, added] = ADD_COLUMN.exec(sql) ?? [];
  if (table !== undefined) {
    const kind = ON_ADDING.find(([pattern]) => pattern.test(message))?.[1] ?? (/^CHECK/m.test(message) ? "check" : undefined);
    if (!kind) return undefined;
    // A condition may name other columns as well, whose values decide.
    const anyRow = kind !== "check" || checksIn(sql).every(({ expression }) => !namesOthers(expression, added!, table, catalog));
    return { kind, table, columns: [added!], ddl: true, anyRow };
  }
  if (CREATE_INDEX.test(sql)) {
    if (found(message, "UNIQUE") === undefined) return undefined;
    const read = readStatement("unique", sql, message, before);
    if (!read) return undefined;
    const isNew = read.columns.flatMap(words).every((column) => isNewColumn(read.table!, column, before, catalog));
    return { ...read, ddl: true, anyRow: isNew };
  }
  const [, dropped] = DROP_TABLE.exec(sql) ?? [];
  if (dropped !== undefined) {
    if (!/FOREIGN KEY constraint failed/i.test(message)) return undefined;
    return { kind: "parent", table: dropped, columns: childrenOf(dropped, catalog), ddl: true, anyRow: true };
  }
  const copy = copyIn(sql);
  // The table that is copied into was made by this revision, to take the place of the other one.
  const creation =
    copy && before.findLast(({ sql }) => /^\s*create\b/i.test(sql) && words(sql).some((word) => sameName(word, copy.target)));
  return creation && copy ? refusedCopy(copy, creation.sql, sql, message, before, catalog) : undefined;
}

/** As the catalog of SQLite has them: `(note_id) → notes(id) ON DELETE CASCADE`. */
const foreignKeysIn = (properties: CatalogObject["properties"]): string[] => {
  const keys = properties["foreign keys"];
  return Array.isArray(keys) ? keys.filter((key) => typeof key === "string") : [];
};

/** The tables whose rows refer to those of a table. */
export const childrenOf = (parent: string, catalog: Catalog): string[] =>
  [...catalog.values()].flatMap(({ kind, name, properties }) => {
    const keys = kind === "table" ? foreignKeysIn(properties) : [];
    const refers = keys.some((key) => sameName(/→ (.*?)\(/.exec(key)?.[1] ?? "", parent));
    return refers && !sameName(name, parent) ? [lastName(name)] : [];
  });

function refusedCopy(
  { source, columns }: Copy,
  creation: string,
  sql: string,
  message: string,
  before: readonly Statement[],
  catalog: Catalog,
): Refusal | undefined {
  // As the statement writes it, with its quotes.
  const table = new RegExp(`\\bfrom\\s+${TABLE}`, "i").exec(sql.slice(sql.search(/\bselect\b/i)))?.[1] ?? source;
  const isNew = (column: string) => !columns.has(column) || isNewColumn(source, columns.get(column) ?? "", before, catalog);
  const quoted = (column: string): string => (/^[a-z_]\w*$/.test(column) ? column : `"${column}"`);
  /** Columns of the table that is copied; undefined where one of them is no plain column there. */
  const sources = (list: readonly string[]): string[] | undefined => {
    const plain = list.map((column) => columns.get(column));
    return plain.includes(undefined) ? undefined : plain.map((column) => quoted(column!));
  };
  const failed = (what: string): string[] =>
    (found(message, what) ?? "").split(",").map((part) => part.trim().split(".").at(-1)!.toLowerCase());

  if (found(message, "NOT NULL") !== undefined) {
    const [column] = failed("NOT NULL");
    if (column === undefined || column === "") return undefined;
    const [from] = sources([column]) ?? [];
    if (columns.has(column) && from === undefined) return undefined;
    const anyRow = isNew(column);
    return {
      kind: "not-null",
      table,
      columns: [quoted(column)],
      ddl: true,
      anyRow,
      ...(!anyRow && { select: `SELECT count(*) FROM ${table} WHERE ${from} IS NULL;` }),
    };
  }
  if (found(message, "UNIQUE") !== undefined) {
    const list = failed("UNIQUE");
    const anyRow = list.every(isNew);
    const from = sources(list.filter((column) => columns.has(column)));
    if (!anyRow && !from) return undefined;
    return { ...uniqueOf(table, anyRow ? list.map(quoted) : from!), ddl: true, anyRow };
  }
  if (found(message, "CHECK") !== undefined) {
    const name = found(message, "CHECK")!;
    const check = checksIn(creation).find((one) => one.name === name || one.expression === name);
    if (!check) return undefined;
    const list = [...columns.keys()].filter((column) => mentions(check.expression, column));
    const kept = list.every((column) => columns.get(column) === column);
    const anyRow = list.every(isNew);
    return {
      kind: "check",
      table,
      columns: words(check.expression),
      ddl: true,
      anyRow,
      ...(!anyRow && kept && { select: `SELECT count(*) FROM ${table} WHERE NOT (${check.expression});` }),
    };
  }
  if (/FOREIGN KEY constraint failed/i.test(message)) {
    const known = [...catalog.values()].find(({ kind, name }) => kind === "table" && sameName(name, source));
    const before = new Set(foreignKeysIn(known?.properties ?? {}).map((key) => words(key.replace(/→.*/, "")).join()));
    const keys = [
      ...creation.matchAll(new RegExp(`\\bforeign\\s+key\\s*\\(([^)]*)\\)\\s*references\\s+${TABLE}\\s*\\(([^)]*)\\)`, "gi")),
    ];
    const added = keys.filter(([, list]) => !before.has(words(list!).join()));
    const [key] = added.length > 0 ? added : keys;
    const list = key && sources(words(key[1]!).map((column) => column.toLowerCase()));
    if (!key || !list) return undefined;
    const parents = words(key[3]!).map(quoted);
    const pairs = list.map((column, index) => `parent.${parents[index]} = child.${column}`).join(" AND ");
    const given = list.map((column) => `child.${column} IS NOT NULL`).join(" AND ");
    return {
      kind: "foreign-key",
      table,
      columns: list,
      ddl: true,
      anyRow: false,
      select: `SELECT count(*) FROM ${table} AS child WHERE ${given} AND NOT EXISTS (SELECT 1 FROM ${key[2]} AS parent WHERE ${pairs});`,
    };
  }
  return undefined;
}

const mentions = (expression: string, column: string): boolean =>
  words(expression).some((word) => word.toLowerCase() === column.toLowerCase());

const columnsOf = (table: string, catalog: Catalog): string[] =>
  [...catalog.values()].flatMap(({ kind, name, parent }) =>
    kind === "column" && sameName(parent!.slice("table ".length), table) ? [lastName(name).toLowerCase()] : [],
  );

const namesOthers = (expression: string, added: string, table: string, catalog: Catalog): boolean =>
  columnsOf(table, catalog).some((column) => column !== lastName(added).toLowerCase() && mentions(expression, column));

/** Whether the base branch's table has no such column, and nothing was written to it since it is there. */
function isNewColumn(table: string, column: string, before: readonly Statement[], catalog: Catalog): boolean {
  const known = columnsOf(table, catalog);
  const written = before.some(
    ({ sql }) => CHANGES_ROWS.test(sql) && !copyIn(sql) && words(sql).some((word) => sameName(word, table)),
  );
  return known.length > 0 && !known.includes(column.toLowerCase()) && !written;
}
