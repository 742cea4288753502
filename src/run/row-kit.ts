/** What the phases with rows ask of a kind of database: how rows are put in and read, and what its refusals mean. */
import type { Catalog, CatalogObject } from "../postgres/catalog.ts";
import type { Scratch } from "../postgres/scratch.ts";
import { fill, type Filling, type Manner, type Query } from "../postgres/synthetic.ts";
import { spread } from "../postgres/spread.ts";
import { sqliteRows } from "../sqlite/row-dialect.ts";
import { spreadSqlite } from "../sqlite/spread.ts";
import type { Statement, Stop } from "./evidence.ts";
import { refusalOf, type Refusal } from "./refusals.ts";
import { readHolding, type Holding } from "./row-values.ts";
import { sqliteRefusalOf } from "./sqlite-refusals.ts";
import { readSqliteHolding } from "./sqlite-values.ts";
import { lastName, words } from "./touched.ts";

/** What was read before, and what was executed since. */
interface Since {
  before: Holding;
  statements: readonly Statement[];
}

export interface RowKit {
  /** How a table is told from others as long as it is there. */
  idOf(table: CatalogObject): string;
  /** Makes names that are the same equal. */
  fold(name: string): string;
  /** Fills tables, and all that they refer to. */
  fill(query: Query, ids: readonly string[], manner: Manner): Promise<Filling>;
  /** Gives each column of made-up rows values of its own. */
  spread(query: Query, ids: readonly string[], manner: Manner): Promise<void>;
  /** Reads all rows of some tables; later also those that took the place of one. */
  read(query: Query, ids: readonly string[], since?: Since): Promise<Holding>;
  /** Why a statement was refused; undefined where nobody can tell. */
  refusalOf(stop: Stop, before: readonly Statement[], catalog: Catalog): Refusal | undefined;
  /** The first row of a query, as JSON. */
  rowOf(query: Query, select: string): Promise<string | undefined>;
  /**
   * A moment for `takeOut`; undefined where rows cannot be told by when they came in, so that a fresh copy is needed to begin anew.
   */
  mark?(query: Query): Promise<string>;
  /** Deletes what came into a table since. */
  takeOut?(query: Query, table: string, mark: string): Promise<unknown>;
}

const postgres: RowKit = {
  idOf: ({ oid }) => String(oid),
  fold: (name) => name,
  fill,
  spread,
  read: (query, ids, since) =>
    readHolding(
      query,
      ids,
      [...(since?.before.values() ?? [])].map(({ name }) => lastName(name)),
    ),
  refusalOf,
  async rowOf(query, select) {
    const [found] = await query(`SELECT to_json(x)::text AS row FROM (${select} LIMIT 1) x`);
    return typeof found?.row === "string" ? found.row : undefined;
  },
  async mark(query) {
    const [{ id } = {}] = await query("SELECT (txid_current() % 4294967296)::text AS id");
    return String(id);
  },
  takeOut: (query, table, mark) => query(`DELETE FROM ${table} WHERE age(xmin) < age('${mark}'::xid)`),
};

const sqlite: RowKit = {
  // Names are kept as they were written, also by the catalog.
  idOf: ({ name }) => /^main\."(.*)"$/s.exec(name)?.[1]?.replaceAll('""', '"') ?? name.slice("main.".length),
  fold: (name) => name.toLowerCase(),
  fill: (query, ids, manner) => fill(query, ids, manner, sqliteRows),
  spread: spreadSqlite,
  read: readSqliteHolding,
  refusalOf: sqliteRefusalOf,
  async rowOf(query, select) {
    const [found] = await query(`${select} LIMIT 1`);
    return found && JSON.stringify(found);
  },
};

export const kitOf = ({ dialect }: Pick<Scratch, "dialect">): RowKit => (dialect === "sqlite" ? sqlite : postgres);

/** The table whose rows an UPDATE, INSERT or DELETE changes, by its last name in small letters. */
export const writtenBy = (sql: string): string | undefined => {
  const target = /^\s*(?:insert\s+(?:or\s+\w+\s+)?into|update(?:\s+or\s+\w+)?|delete\s+from|replace\s+into)\s+(\S+)/i.exec(
    sql,
  )?.[1];
  return target === undefined ? undefined : words(target.replace(/\(.*$/s, "")).at(-1)?.toLowerCase();
};
