/** Which tables of the base branch a pull request's revisions touch. */
import { keyOf, type Catalog, type CatalogObject, type Difference } from "../postgres/catalog.ts";
import { valueText } from "../postgres/describe.ts";
import type { Step } from "./evidence.ts";

/** An identifier in SQL or in a qualified name, quoted or not. */
const IDENTIFIER = /"((?:[^"]|"")+)"|([A-Za-z_\u0080-\uFFFF][\w$\u0080-\uFFFF]*)/g;

/** The identifiers in SQL, and all other words, as the server reads them. */
export function words(sql: string): string[] {
  return [...sql.matchAll(IDENTIFIER)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!.toLowerCase());
}

/** The last part of a table's name, without quotes. */
export const lastName = (name: string): string => words(name).at(-1) ?? "";

/** What follows are values. */
const LONGEST_SQL = 16_384;

const CREATES_TABLE = /^\s*create\s+(?:(?:global|local|temp|temporary|unlogged)\s+)*table\b/i;
const FROM_OTHERS = /\bas\s+(?:\(|select|table|values|with)|\blike\s|\binherits\b|\bpartition\s+of\b/i;
/** Only the table's own keys refer to others: rows play no part. */
const makesTable = (sql: string): boolean => CREATES_TABLE.test(sql) && !FROM_OTHERS.test(sql);

/** What statements do without a word of it. */
interface Hidden {
  /** Of functions, procedures and views, by their last name. */
  bodies: Map<string, string[]>;
  /** Definitions of triggers, which name a function, by the key of their table. */
  triggers: Map<string, string[]>;
}

/** Words of statements that triggers and rules answer to. */
const WRITING = ["insert", "update", "delete", "merge", "copy", "truncate"];

function hiddenIn(catalog: Catalog): Hidden {
  const hidden: Hidden = { bodies: new Map(), triggers: new Map() };
  const add = (to: Map<string, string[]>, key: string, sql: unknown) => {
    if (typeof sql === "string") to.set(key, [...(to.get(key) ?? []), sql.slice(0, LONGEST_SQL)]);
  };
  for (const { kind, name, parent, properties } of catalog.values()) {
    if (kind === "function" || kind === "procedure")
      add(hidden.bodies, lastName(name.slice(0, name.indexOf("("))), properties.body);
    else if (kind === "view" || kind === "materialized view") add(hidden.bodies, lastName(name), properties.definition);
    else if ((kind === "trigger" || kind === "rule") && parent !== undefined) add(hidden.triggers, parent, properties.definition);
  }
  return hidden;
}

/**
 * The tables of `before` that statements name, also by way of functions, views and triggers that are there, or to whose parts something happened. It may be some more than were touched: the name of
 * a table may be a column's as well.
 *
 * @param steps what the revisions executed
 * @param differences what they did to the catalog
 * @param fold makes names that are the same equal
 */
export function touchedTables(
  before: Catalog,
  steps: readonly Pick<Step, "statements">[],
  differences: readonly Difference[],
  fold: (name: string) => string = (name) => name,
): CatalogObject[] {
  const tables = [...before.values()].filter(({ kind }) => kind === "table");
  const byName = new Map<string, CatalogObject[]>();
  for (const table of tables) {
    const name = fold(lastName(table.name));
    byName.set(name, [...(byName.get(name) ?? []), table]);
  }
  const touched = new Set<CatalogObject>();
  const hidden = hiddenIn(before);
  /** Adds what SQL names, and what that does in its turn; `seen`: names of which that is known. */
  const follow = (sql: string, seen: Set<string>) => {
    const named = new Set(words(sql));
    const writes = WRITING.some((verb) => named.has(verb));
    for (const word of named) {
      for (const table of byName.get(fold(word)) ?? []) {
        touched.add(table);
        for (const trigger of (writes && hidden.triggers.get(keyOf(table))) || []) followOnce(trigger, trigger, seen);
      }
      for (const body of hidden.bodies.get(word) ?? []) followOnce(word, body, seen);
    }
  };
  const followOnce = (name: string, sql: string, seen: Set<string>) => {
    const key = `${name}\n${sql}`;
    if (seen.has(key)) return;
    seen.add(key);
    follow(sql, seen);
  };
  const seen = new Set<string>();
  for (const { statements } of steps) {
    for (const sql of new Set(statements.map(({ sql }) => sql.slice(0, LONGEST_SQL)))) if (!makesTable(sql)) follow(sql, seen);
  }
  const tableOf = (key: string | undefined): CatalogObject | undefined => {
    const object = key === undefined ? undefined : before.get(key);
    return object?.kind === "table" ? object : object && tableOf(object.parent);
  };
  for (const { kind, name, parent, change } of differences) {
    const table = tableOf(parent ?? `${kind} ${name}`);
    if (table) touched.add(table);
    if (change !== "changed" || (kind !== "domain" && kind !== "enum type")) continue;
    // A stricter domain is checked on all columns that have it.
    for (const column of before.values()) {
      if (column.kind !== "column" || !words(valueText(column.properties.type ?? null)).includes(lastName(name))) continue;
      const of = tableOf(column.parent);
      if (of) touched.add(of);
    }
  }
  return [...touched];
}

/** Operations that make something new, or drop it again. */
const MAKES_NEW = new Set(["create_table", "drop_table", "f"]);
const HARMLESS =
  /^(?:alembic|sqlalchemy\w*|sqlmodel|pgvector|geoalchemy2|typing|typing_extensions|collections|datetime|uuid|enum|__future__)\b/;
const ON_TABLE = new Set(["create_index", "drop_index"]);

/**
 * Whether the source of a revision shows that it only makes tables and drops them: no row that is there before can play a part then.
 * False where it cannot be told.
 */
export function onlyMakesTables(source: string): boolean {
  if (
    /\bexecute\b|get_bind|get_context|batch|\bbind\b|__import__|getattr|import_module|bulk_insert|\bop\b(?![.\w])(?!\s*$)/m.test(
      source,
    )
  )
    return false;
  // What else is imported may do anything.
  if ([...source.matchAll(/^\s*(?:from|import)\s+([\w.]+)/gm)].some(([, module]) => !HARMLESS.test(module!))) return false;
  const made = new Set([...source.matchAll(/\bop\.create_table\(\s*["'](\w+)["']/g)].map(([, name]) => name!));
  return [...source.matchAll(/\bop\.(\w+)(?=(\([^\n]*(?:\n[^\n]*){0,2}))/g)].every(([, operation, rest]) => {
    if (MAKES_NEW.has(operation!)) return true;
    if (!ON_TABLE.has(operation!)) return false;
    const table =
      /^\(\s*(?:op\.f\(\s*)?["'][^"']+["']\s*\)?\s*,\s*(?:table_name\s*=\s*)?["'](\w+)["']/.exec(rest!)?.[1] ??
      /table_name\s*=\s*["'](\w+)["']/.exec(rest!)?.[1];
    return table !== undefined && made.has(table);
  });
}
