/** Made-up rows in real SQLite files. */
import fc from "fast-check";
import { beforeAll, describe, expect, inject, test } from "vitest";
import type { Scratch } from "../../src/postgres/scratch.ts";
import { fill, type Filling, type Manner } from "../../src/postgres/synthetic.ts";
import { driverFolder } from "../../src/run/process.ts";
import { sqliteRows } from "../../src/sqlite/row-dialect.ts";
import { openSqliteScratch } from "../../src/sqlite/scratch.ts";
import { checksIn } from "../../src/sqlite/tables.ts";
import { plain } from "../../src/text.ts";

const options = { python: [inject("pythons").default], driver: driverFolder(), directory: "/", env: process.env };
let scratch: Scratch;
beforeAll(async () => {
  scratch = await openSqliteScratch(options);
  return () => scratch.close();
});

async function filled(sql: string, names: readonly string[], manner: Manner = "varied") {
  const database = await scratch.create("t");
  await scratch.query(database, sql);
  const query = (text: string, parameters: readonly unknown[] = []) => scratch.query(database, text, parameters);
  const filling = await fill(query, names, manner, sqliteRows);
  // A declared foreign key holds, whether it is enforced or not.
  expect(await query("SELECT * FROM pragma_foreign_key_check")).toEqual([]);
  expect(await query("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
  return { query, filling };
}

const outline = ({ filled, unfilled }: Filling) =>
  Object.fromEntries([
    ...filled.map(({ table, rows }) => [table.replace("main.", ""), rows]),
    ...unfilled.map(({ table, reason }) => [table.replace("main.", ""), plain(reason)]),
  ]);

describe("what a table asks of its rows", () => {
  test("NULLs, equal values and long texts are there wherever they are allowed", async () => {
    const { query, filling } = await filled(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b VARCHAR(20) NOT NULL, c INT NOT NULL)",
      ["t"],
    );
    expect(outline(filling)).toEqual({ t: 8 });
    expect(
      await query(
        "SELECT sum(a IS NULL) AS nulls, max(length(a)) AS long, max(length(b)) AS whole, count(*) - count(DISTINCT c) AS equal, min(id) AS first FROM t",
      ),
    ).toEqual([{ nulls: 1, long: 300, whole: 20, equal: 2, first: 1001 }]);
  });

  test("plain rows have none of these, and are numbers where their column is", async () => {
    const { query } = await filled("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b NUMERIC(8, 2), c REAL)", ["t"], "plain");
    expect(await query("SELECT a, typeof(b) AS b, c FROM t ORDER BY id")).toEqual(
      [1, 2, 3, 4].map((n) => ({ a: String(n), b: "integer", c: n })),
    );
  });

  test("types as SQLAlchemy keeps them", async () => {
    const columns = "d DATE, t TIME, at DATETIME, ok BOOLEAN, j JSON, u CHAR(32), b BLOB, n NUMERIC(10, 2)";
    const { query } = await filled(`CREATE TABLE t (id INTEGER PRIMARY KEY, ${columns})`, ["t"]);
    const [row] = await query("SELECT d, t, at, ok, json_type(j) AS j, u, hex(b) AS b, n FROM t WHERE id = 1002");
    expect(row).toEqual({
      d: "2024-01-02",
      t: "01:07:15.000000",
      at: "2024-01-02 01:07:15.250000",
      ok: 0,
      j: "object",
      u: "00000000000040008000000000000002",
      b: "0001",
      n: 2.25,
    });
  });

  test("parents come first; and what refers to a table is filled with it", async () => {
    const { filling } = await filled(
      `CREATE TABLE a (id INTEGER PRIMARY KEY, code TEXT UNIQUE NOT NULL);
       CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT, a_id INT NOT NULL REFERENCES A, a_code TEXT REFERENCES a (code));
       CREATE TABLE c (a_id INT REFERENCES a, b_id BIGINT REFERENCES b (id), PRIMARY KEY (a_id, b_id)) WITHOUT ROWID;
       CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES tree);
       CREATE TABLE lost (x INTEGER REFERENCES gone (id));
       CREATE TABLE other (id INT)`,
      ["b", "tree", "lost"],
    );
    expect(outline(filling)).toEqual({ a: 8, b: 8, c: 8, tree: 8, lost: 8 });
    expect(filling.filled.map(({ table }) => table).filter((table) => /\.[abc]$/.test(table))).toEqual([
      "main.a",
      "main.b",
      "main.c",
    ]);
  });

  test("conditions, generated columns, indexes on expressions, strict tables, keywords as names", async () => {
    const { query, filling } = await filled(
      `CREATE TABLE "Order" ("select" TEXT NOT NULL CHECK ("select" IN ('new', 'paid')), qty INT NOT NULL CONSTRAINT enough CHECK (qty > 5 AND qty < 50), /* CHECK (0) */
         low INT, high INT, twice AS (qty * 2) STORED, ok BOOLEAN NOT NULL CHECK (ok IN (0, 1)), doc TEXT CHECK (json_valid(doc)), CHECK (low < high));
       CREATE UNIQUE INDEX ix ON "Order" (lower("select"), qty) WHERE qty > 0;
       CREATE TABLE s (id INTEGER PRIMARY KEY, a INT NOT NULL, b REAL, c BLOB, d TEXT, e ANY) STRICT;
       CREATE TABLE k (name TEXT COLLATE NOCASE PRIMARY KEY, at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID;
       CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT)`,
      ["Order", "s", "k", "n"],
    );
    expect(outline(filling)).toEqual({ Order: 8, s: 8, k: 8, n: 8 });
    expect(await query('SELECT min(qty) > 5 AS ok FROM "Order"')).toEqual([{ ok: 1 }]);
  });

  test("a virtual table is left alone", async () => {
    const { filling } = await filled("CREATE VIRTUAL TABLE v USING fts5 (body)", ["v"]);
    expect(outline(filling)).toEqual({ v: "it is no table" });
  });
});

const column = fc.record({
  type: fc.constantFrom(
    ..."INTEGER BIGINT TEXT VARCHAR(3) CHAR(32) NUMERIC(5,2) REAL DATE DATETIME TIME BOOLEAN JSON BLOB STUFF".split(" "),
    "",
  ),
  notNull: fc.boolean(),
  unique: fc.boolean(),
  check: fc.constantFrom(
    "",
    "",
    "CHECK (length(#) > 0)",
    "CHECK (# IS NULL OR # <> 'x')",
    "CHECK (typeof(#) <> 'blob' OR length(#) > 1)",
  ),
});
const table = fc.record({
  key: fc.constantFrom(
    "INTEGER PRIMARY KEY",
    "INTEGER PRIMARY KEY AUTOINCREMENT",
    "TEXT PRIMARY KEY NOT NULL",
    "BIGINT PRIMARY KEY",
  ),
  columns: fc.array(column, { maxLength: 4 }),
  parents: fc.array(fc.record({ index: fc.nat({ max: 3 }), notNull: fc.boolean() }), { maxLength: 2 }),
});

test("any tables are filled, whatever refers to whatever", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(table, { minLength: 1, maxLength: 4 }),
      fc.constantFrom<Manner>("varied", "plain"),
      async (tables, manner) => {
        const statements = tables.map(({ key, columns, parents }, index) => {
          const own = columns.map(({ type, notNull, unique, check }, number) =>
            // Of two truth values there are only two rows.
            [
              `c${number} ${type}`,
              notNull && "NOT NULL",
              unique && type !== "BOOLEAN" && "UNIQUE",
              check.replaceAll("#", `c${number}`),
            ]
              .filter(Boolean)
              .join(" "),
          );
          const references = parents.map(({ index: wanted, notNull }, number) => {
            const parent = Math.min(wanted, index);
            return `p${number} ${tables[parent]!.key.split(" ")[0]}${notNull && parent !== index ? " NOT NULL" : ""} REFERENCES t${parent}`;
          });
          return `CREATE TABLE t${index} (id ${[key, ...own, ...references].join(", ")});`;
        });
        const names = tables.map((_, index) => `t${index}`);
        const { filling } = await filled(statements.join("\n"), names, manner);
        expect(filling.unfilled.map(({ table, reason }) => `${table}: ${plain(reason)}`)).toEqual([]);
        expect(filling.filled.map(({ rows }) => rows > 0)).toEqual(names.map(() => true));
      },
    ),
    { numRuns: 100 },
  );
});

test.for([
  ["a int check (a > 0)", [{ name: "a > 0", expression: "a > 0" }]],
  [
    `a int, CONSTRAINT "c k" CHECK (a IN (')', 'CHECK (1)')), -- check (2)\n "check" int CHECK("check" > (1))`,
    [
      { name: "c k", expression: "a IN (')', 'CHECK (1)')" },
      { name: '"check" > (1)', expression: '"check" > (1)' },
    ],
  ],
  ["a text DEFAULT 'check (1)'", []],
] as const)("conditions in %s", ([columns, checks]) => {
  expect(checksIn(`CREATE TABLE t (${columns})`)).toEqual(checks);
});
