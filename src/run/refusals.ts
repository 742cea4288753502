/** Why the server refuses a statement as soon as there are rows, and the query that tells whether production has such rows. */
import type { Catalog } from "../postgres/catalog.ts";
import type { Statement, Stop } from "./evidence.ts";
import { inside, NAME, split, TABLE } from "./sql-pieces.ts";
import { lastName, words } from "./touched.ts";

export type RefusalKind =
  | "not-null"
  | "unique"
  | "foreign-key"
  | "check"
  | "exclusion"
  | "cast"
  | "too-long"
  | "range"
  | "pending"
  /** SQLite: a column with a default that is no constant, one that refers to others and has a default, one that is stored. */
  | "default"
  | "references"
  | "stored"
  /** SQLite: the rows of a table that is dropped are referred to; `columns` are the tables that do so. */
  | "parent"
  | "other";

/** What a statement asked of the rows that are there. */
export interface Refusal {
  kind: RefusalKind;
  /** As the statement writes it. */
  table?: string;
  columns: string[];
  /** The type that a column was to get. */
  type?: string;
  /** A change of the schema: rows that are there must fit it. Else it changes rows itself. */
  ddl: boolean;
  /** It concerns columns only that were added with nothing in them, or the same in all rows: any rows are refused. */
  anyRow: boolean;
  /** Tells whether a database has such rows. */
  select?: string;
}

const ALTER = new RegExp(`^\\s*alter\\s+table\\s+(?:if\\s+exists\\s+)?(?:only\\s+)?${TABLE}\\s+(.*)$`, "is");
const UNIQUE_INDEX = new RegExp(
  `^\\s*create\\s+unique\\s+index\\s+(?:concurrently\\s+)?(?:if\\s+not\\s+exists\\s+)?(?:${NAME}\\s+)?on\\s+(?:only\\s+)?${TABLE}\\s*(?:using\\s+\\w+\\s*)?\\(`,
  "is",
);
const CHANGES_SCHEMA = /^\s*(?:alter|create|drop|comment|reindex|cluster)\b/i;
export const CHANGES_ROWS = /^\s*(?:insert|update|delete|merge|copy|with|do|select|call)\b/i;

const KINDS: Record<string, RefusalKind> = {
  "23502": "not-null",
  "23503": "foreign-key",
  "23505": "unique",
  "23514": "check",
  "23P01": "exclusion",
  "22P02": "cast",
  "22007": "cast",
  "22008": "cast",
  "22001": "too-long",
  "22003": "range",
  "55006": "pending",
};

/** Statements in one text, unless a function's body is in it. */
const statementsIn = (sql: string): string[] => (sql.includes("$$") ? [sql] : split(sql, ";"));

/**
 * @param stop what stopped a phase that ran on rows
 * @param before what was executed before that statement, in this phase
 * @param catalog before the phase
 */
export function refusalOf(stop: Stop, before: readonly Statement[], catalog: Catalog): Refusal | undefined {
  const { sqlstate, sql, message } = stop.raised;
  if (sqlstate === undefined || sql === undefined) return undefined;
  const kind = KINDS[sqlstate] ?? "other";
  const read = statementsIn(sql).flatMap((statement) => readStatement(kind, statement, message, before) ?? []);
  const found = read[0];
  const ddl = CHANGES_SCHEMA.test(sql) && !statementsIn(sql).some((statement) => CHANGES_ROWS.test(statement));
  if (!found) return { kind, columns: [], ddl, anyRow: false };
  return { ...found, ddl, anyRow: ddl && isAnyRow(found, before, catalog) };
}

type Read = Omit<Refusal, "ddl" | "anyRow">;

export function readStatement(kind: RefusalKind, sql: string, message: string, before: readonly Statement[]): Read | undefined {
  const index = UNIQUE_INDEX.exec(sql);
  if (index && kind === "unique") {
    const list = inside(sql, index[0].length - 1);
    if (!list) return undefined;
    const where = /\bwhere\s+(.*)$/is.exec(sql.slice(list.end))?.[1];
    return uniqueOf(index[1]!, split(list.text).map(withoutOrder), where);
  }
  const alter = ALTER.exec(sql);
  if (!alter) return undefined;
  const [, table, rest] = alter as unknown as [string, string, string];
  for (const action of split(rest)) {
    const read = readAction(kind, table, action, message, before);
    if (read) return read;
  }
  return undefined;
}

/** An index's column without its order and operator class. */
const withoutOrder = (item: string): string => {
  const expression = item.startsWith("(") ? inside(item, 0) : undefined;
  if (expression) return item.slice(0, expression.end);
  const name = new RegExp(`^${NAME}`).exec(item)?.[0] ?? item;
  const call = item[name.length] === "(" ? inside(item, name.length) : undefined;
  return call ? item.slice(0, call.end) : name;
};

export function uniqueOf(table: string, columns: string[], where?: string): Read {
  const list = columns.join(", ");
  const nulls = columns.map((column) => `${column} IS NOT NULL`);
  const conditions = [...(where === undefined ? [] : [`(${where.trim()})`]), ...nulls].join(" AND ");
  return {
    kind: "unique",
    table,
    columns,
    select: `SELECT ${list}, count(*) FROM ${table} WHERE ${conditions} GROUP BY ${list} HAVING count(*) > 1;`,
  };
}

const match = (pattern: string, text: string): RegExpExecArray | null => new RegExp(pattern, "is").exec(text);

function readAction(
  kind: RefusalKind,
  table: string,
  action: string,
  message: string,
  before: readonly Statement[],
): Read | undefined {
  const adding = match(
    `^add\\s+(?:column\\s+)?(?:if\\s+not\\s+exists\\s+)?(?!constraint\\b|unique\\b|primary\\b|foreign\\b|check\\b|exclude\\b)(${NAME})\\s`,
    action,
  )?.[1];
  const constraint = match(`^(?:add|validate)\\s+constraint\\s+(${NAME})`, action)?.[1];
  if (kind === "not-null") {
    const column = /column "((?:[^"]|"")+)" of relation/.exec(message)?.[1] ?? /column "((?:[^"]|"")+)"/.exec(message)?.[1];
    const altered = match(`^alter\\s+(?:column\\s+)?(${NAME})\\s+set\\s+not\\s+null`, action)?.[1] ?? adding;
    const key = /\bprimary\s+key\b/i.test(action);
    if (column === undefined || (altered === undefined && !key) || (altered !== undefined && lastName(altered) !== column))
      return undefined;
    const name = altered ?? column;
    return {
      kind,
      table,
      columns: [name],
      ...(adding === undefined && { select: `SELECT count(*) FROM ${table} WHERE ${name} IS NULL;` }),
    };
  }
  const definition = definitionOf(action, constraint, before);
  if (kind === "unique") {
    const list = match("\\b(?:unique(?:\\s+nulls\\s+(?:not\\s+)?distinct)?|primary\\s+key)\\s*\\(", definition);
    if (list) {
      const columns = inside(definition, list.index + list[0].length - 1);
      return columns && uniqueOf(table, split(columns.text));
    }
    return adding !== undefined && /\bunique\b|\bprimary\s+key\b/i.test(action) ? { kind, table, columns: [adding] } : undefined;
  }
  if (kind === "foreign-key") {
    const key = match(`\\bforeign\\s+key\\s*\\(([^)]*)\\)\\s*references\\s+${TABLE}\\s*(?:\\(([^)]*)\\))?`, definition);
    if (!key) return adding !== undefined && /\breferences\b/i.test(action) ? { kind, table, columns: [adding] } : undefined;
    const [columns, parents] = [split(key[1]!), split(key[3] ?? "id")];
    const pairs = columns.map((column, index) => `parent.${parents[index] ?? column} = child.${column}`).join(" AND ");
    const given = columns.map((column) => `child.${column} IS NOT NULL`).join(" AND ");
    return {
      kind,
      table,
      columns,
      select: `SELECT count(*) FROM ${table} AS child WHERE ${given} AND NOT EXISTS (SELECT FROM ${key[2]} AS parent WHERE ${pairs});`,
    };
  }
  if (kind === "check") {
    const check = match("\\bcheck\\s*\\(", definition);
    const expression = check && inside(definition, check.index + check[0].length - 1);
    if (!expression) return undefined;
    return {
      kind,
      table,
      columns: words(expression.text),
      select: `SELECT count(*) FROM ${table} WHERE NOT (${expression.text});`,
    };
  }
  if (kind === "cast" || kind === "too-long" || kind === "range") {
    const change = match(
      `^alter\\s+(?:column\\s+)?(${NAME})\\s+(?:set\\s+data\\s+)?type\\s+(.+?)(?:\\s+using\\s+(.+))?$`,
      action,
    );
    if (!change) return undefined;
    const [, column, type] = change as unknown as [string, string, string];
    const length = /\((\d+)\)/.exec(type)?.[1];
    const select =
      kind === "too-long" && length !== undefined && !change[3]
        ? `SELECT count(*), max(length(${column}::text)) FROM ${table} WHERE length(${column}::text) > ${length};`
        : kind === "range"
          ? `SELECT min(${column}), max(${column}) FROM ${table};`
          : uncastable(table, column, type);
    return { kind, table, columns: [column], type, ...(select !== undefined && { select }) };
  }
  return kind === "pending" ? { kind, table, columns: [] } : undefined;
}

/** The values that cannot be read as a type, where a plain condition tells them. */
function uncastable(table: string, column: string, type: string): string {
  const name = type.toLowerCase();
  const pattern = /^(?:small|big)?int(?:eger|[248])?$/.test(name)
    ? "^\\s*[-+]?\\d+\\s*$"
    : /^(?:numeric|decimal|real|float|double)/.test(name)
      ? "^\\s*[-+]?(\\d+\\.?\\d*|\\.\\d+)(e[-+]?\\d+)?\\s*$"
      : name === "uuid"
        ? "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
        : undefined;
  const where = pattern === undefined ? `${column} IS NOT NULL` : `${column}::text !~ '${pattern}'`;
  return `SELECT ${column}, count(*) FROM ${table} WHERE ${where} GROUP BY ${column} ORDER BY count(*) DESC;`;
}

/** What a constraint asks: where it is only validated, what was said when it was added. */
function definitionOf(action: string, constraint: string | undefined, before: readonly Statement[]): string {
  if (constraint === undefined || !/^validate\b/i.test(action)) return action;
  const added = new RegExp(`\\badd\\s+constraint\\s+"?${lastName(constraint).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}"?\\s`, "i");
  const statement = before.findLast(({ sql }) => added.test(sql))?.sql;
  return statement?.slice(statement.search(added)) ?? action;
}

/** Whether all columns that are concerned are new, and nothing was written to the table since they are there. */
function isAnyRow({ kind, table, columns }: Read, before: readonly Statement[], catalog: Catalog): boolean {
  if (table === undefined || columns.length === 0 || !["not-null", "unique", "check"].includes(kind)) return false;
  const name = lastName(table);
  const known = new Set<string>();
  for (const object of catalog.values()) {
    if (object.kind === "column" && lastName(object.parent!.slice("table ".length)) === name) known.add(lastName(object.name));
  }
  // A table that is new itself has the rows that the revision gave to it.
  if (known.size === 0) return false;
  const names = columns.flatMap(words);
  const written = before.some(({ sql }) => statementsIn(sql).some((one) => CHANGES_ROWS.test(one) && words(one).includes(name)));
  return !written && names.every((word) => !known.has(word));
}
