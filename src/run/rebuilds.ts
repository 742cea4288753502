/**
 * What became of tables and columns on SQLite, as the statements tell that a revision executed: SQLite gives them no numbers that stay.
 *
 * Most changes copy a table: CREATE TABLE new, INSERT INTO new SELECT … FROM old, DROP TABLE old, RENAME new.
 */
import { inside, NAME, split, TABLE } from "./sql-pieces.ts";
import type { Statement } from "./evidence.ts";
import { lastName } from "./touched.ts";

const CREATE = new RegExp(`^\\s*create\\s+(?:temp(?:orary)?\\s+)?table\\s+(?:if\\s+not\\s+exists\\s+)?${TABLE}`, "i");
const DROP = new RegExp(`^\\s*drop\\s+table\\s+(?:if\\s+exists\\s+)?${TABLE}`, "i");
const RENAME = new RegExp(`^\\s*alter\\s+table\\s+${TABLE}\\s+rename\\s+to\\s+(${NAME})`, "i");
const RENAME_COLUMN = new RegExp(`^\\s*alter\\s+table\\s+${TABLE}\\s+rename\\s+(?:column\\s+)?(${NAME})\\s+to\\s+(${NAME})`, "i");
const DROP_COLUMN = new RegExp(`^\\s*alter\\s+table\\s+${TABLE}\\s+drop\\s+(?:column\\s+)?(${NAME})`, "i");
const COPY = new RegExp(`^\\s*insert\\s+(?:or\\s+\\w+\\s+)?into\\s+${TABLE}\\s*\\(`, "i");
const FROM_ONE = new RegExp(`^\\s*from\\s+${TABLE}\\s*(?:as\\s+)?(?:where\\b|order\\b|;|$)`, "i");
const COLUMN = new RegExp(`^(?!\\d)(?:${NAME}\\s*\\.\\s*)?(${NAME})(?:\\s+as\\s+${NAME})?$`, "i");
const CAST = new RegExp(
  `^cast\\s*\\(\\s*(?:${NAME}\\s*\\.\\s*)?(${NAME})\\s+as\\s+[^()]+(?:\\([^)]*\\))?\\s*\\)(?:\\s+as\\s+${NAME})?$`,
  "i",
);

/** A name for comparing: SQLite takes capitals for small letters. */
const key = (name: string): string => lastName(name).toLowerCase();

/** The table that a statement makes, as `key` has it. */
export const createdBy = (sql: string): string | undefined => {
  const name = CREATE.exec(sql)?.[1];
  return name === undefined ? undefined : key(name);
};

/** `INSERT INTO target (…) SELECT … FROM source`, with the plain column of the source that each column of the target gets, if it is one. */
export interface Copy {
  target: string;
  source: string;
  columns: Map<string, string | undefined>;
}

/** Reads a statement that copies one table into another; undefined where it is anything else. Names are as `key` has them. */
export function copyIn(sql: string): Copy | undefined {
  const into = COPY.exec(sql);
  const list = into && inside(sql, into[0].length - 1);
  const select = list && /^\s*select\s+(?:distinct\s+)?/i.exec(sql.slice(list.end));
  if (!into || !select) return undefined;
  const rest = sql.slice(list.end + select[0].length);
  const from = positionOfFrom(rest);
  const source = from === undefined ? undefined : FROM_ONE.exec(rest.slice(from))?.[1];
  if (source === undefined) return undefined;
  const targets = split(list.text).map(key);
  const given = split(rest.slice(0, from)).map((item) => COLUMN.exec(item)?.[1] ?? CAST.exec(item)?.[1]);
  if (targets.length !== given.length) return undefined;
  const columns = new Map(targets.map((target, index) => [target, given[index] === undefined ? undefined : key(given[index])]));
  return { target: key(into[1]!), source: key(source), columns };
}

/** Where FROM stands that is in no parentheses and no quotes. */
function positionOfFrom(sql: string): number | undefined {
  let depth = 0;
  for (const { 0: token, index } of sql.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|\bfrom\b/gi)) {
    if (token === "(") depth += 1;
    else if (token === ")") depth -= 1;
    else if (depth === 0 && token.toLowerCase() === "from") return index;
  }
  return undefined;
}

/** What a table is now: its name, and the names that its columns had at first by those that they have now. */
export interface Fate {
  /** Undefined: it was dropped. */
  name?: string;
  columns: Map<string, string>;
}

/**
 * @param tables the names of tables, with those of their columns, before the statements
 * @returns by the name that each had then; all names are as `key` has them
 */
export function fatesOf(
  tables: readonly { name: string; columns: readonly string[] }[],
  statements: readonly Pick<Statement, "sql" | "error">[],
): Map<string, Fate> {
  const fates = new Map<string, Fate>(
    tables.map(({ name, columns }) => [
      key(name),
      { name: key(name), columns: new Map(columns.map((column) => [column.toLowerCase(), column.toLowerCase()])) },
    ]),
  );
  const at = (name: string): Fate | undefined => [...fates.values()].find((fate) => fate.name === key(name));
  /** Copies into tables that were made meanwhile, by the name of the table. */
  const copies = new Map<string, { from: Fate; columns: Map<string, string> } | undefined>();
  for (const { sql, error } of statements) {
    if (error) continue;
    const [, created] = CREATE.exec(sql) ?? [];
    const [, dropped] = DROP.exec(sql) ?? [];
    const [, renamed, to] = RENAME.exec(sql) ?? [];
    const [, table, column, name] = RENAME_COLUMN.exec(sql) ?? [];
    const [, poorer, gone] = DROP_COLUMN.exec(sql) ?? [];
    const copy = copyIn(sql);
    if (created !== undefined) copies.set(key(created), undefined);
    else if (copy && copies.has(copy.target)) {
      const from = at(copy.source);
      const columns = [...copy.columns].flatMap(([target, source]) => {
        const first = source === undefined ? undefined : from?.columns.get(source);
        return first === undefined ? [] : [[target, first] as const];
      });
      if (from) copies.set(copy.target, { from, columns: new Map(columns) });
    } else if (dropped !== undefined) {
      const fate = at(dropped);
      const [target, next] = [...copies].find(([, one]) => fate && one?.from === fate) ?? [];
      copies.delete(key(dropped));
      if (fate) delete fate.name;
      if (fate && next) Object.assign(fate, { name: target, columns: next.columns });
    } else if (renamed !== undefined) {
      const fate = at(renamed);
      if (fate) fate.name = key(to!);
      if (copies.has(key(renamed))) {
        copies.set(key(to!), copies.get(key(renamed)));
        copies.delete(key(renamed));
      }
    } else if (table !== undefined) {
      const fate = at(table);
      const first = fate?.columns.get(key(column!));
      fate?.columns.delete(key(column!));
      if (first !== undefined) fate!.columns.set(key(name!), first);
    } else if (poorer !== undefined) at(poorer)?.columns.delete(key(gone!));
  }
  return fates;
}
