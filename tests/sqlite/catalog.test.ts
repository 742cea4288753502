/** What is seen of an SQLite file: every kind of change, and nothing else. */
import { beforeAll, expect, inject, test } from "vitest";
import { compareCatalogs } from "../../src/postgres/compare.ts";
import type { Database, Scratch } from "../../src/postgres/scratch.ts";
import { driverFolder } from "../../src/run/process.ts";
import { openSqliteScratch } from "../../src/sqlite/scratch.ts";

const options = { python: [inject("pythons").default], driver: driverFolder(), directory: "/", env: process.env };
let scratch: Scratch;
beforeAll(async () => {
  scratch = await openSqliteScratch(options);
  return () => scratch.close();
});

const snapshot = async (database: Database) =>
  scratch.parseCatalog(Object.values((await scratch.query(database, scratch.catalogQuery()))[0]!)[0] as string);

const START = `CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(50) NOT NULL, note TEXT DEFAULT 'x');
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id));
CREATE INDEX ix_note ON users (note);
CREATE INDEX ix_some ON orders (id ASC) WHERE id > 5;
CREATE VIEW v AS SELECT email FROM users;`;

/** The table again, as batch operations make it, with other columns and constraints. */
const again = (columns: string, rest = "") =>
  `CREATE TABLE other (${columns})${rest}; DROP VIEW v; DROP TABLE users; ALTER TABLE other RENAME TO users; CREATE INDEX ix_note ON users (note); CREATE VIEW v AS SELECT email FROM users`;
const SAME = "id INTEGER PRIMARY KEY, email VARCHAR(50) NOT NULL, note TEXT DEFAULT 'x'";

test.each<[sql: string, differences: string[]]>([
  ["CREATE TABLE t (id int)", ["added table main.t"]],
  ["DROP TABLE orders", ["removed table main.orders"]],
  ["ALTER TABLE users ADD COLUMN age INT", ["added column main.users.age"]],
  [
    "ALTER TABLE users RENAME COLUMN email TO mail",
    ["added column main.users.mail", "changed view main.v definition", "removed column main.users.email"],
  ],
  [
    "ALTER TABLE orders DROP COLUMN user_id; ALTER TABLE orders ADD COLUMN user_id INTEGER",
    ["changed table main.orders foreign keys"],
  ],
  ["CREATE UNIQUE INDEX ix_email ON users (email)", ["added index main.ix_email"]],
  ["DROP INDEX ix_note; CREATE INDEX ix_note ON users (note DESC)", ["changed index main.ix_note columns"]],
  ["DROP INDEX ix_note; CREATE UNIQUE INDEX ix_note ON users (note)", ["changed index main.ix_note unique"]],
  ["DROP INDEX ix_note; CREATE INDEX ix_note ON users (note) WHERE note > 'a'", ["changed index main.ix_note definition"]],
  ["DROP INDEX ix_note; CREATE INDEX ix_note ON users (lower(note))", ["changed index main.ix_note columns, definition"]],
  ["DROP INDEX ix_note", ["removed index main.ix_note"]],
  ["DROP VIEW v", ["removed view main.v"]],
  ["DROP VIEW v; CREATE VIEW v AS SELECT note FROM users", ["changed view main.v definition"]],
  ["CREATE TRIGGER tr AFTER INSERT ON users BEGIN SELECT 1; END", ["added trigger main.users.tr"]],
  [again(SAME), []],
  [again(`"id" INTEGER PRIMARY KEY,\n  "email" varchar(50) NOT NULL, -- where\n  note TEXT DEFAULT 'x'`), []],
  [again(SAME.replace("VARCHAR(50)", "TEXT")), ["changed column main.users.email type"]],
  [again(SAME.replace(" NOT NULL", "")), ["changed column main.users.email nullable"]],
  [again(SAME.replace("'x'", "'y'")), ["changed column main.users.note default"]],
  [again(`${SAME}, UNIQUE (email)`), ["changed table main.users unique constraints"]],
  [again(`${SAME}, CONSTRAINT uq UNIQUE (email)`), ["changed table main.users unique constraints, constraint names"]],
  [again(`${SAME}, CHECK (id > (1 + 2))`), ["changed table main.users check constraints"]],
  [again(`${SAME}, FOREIGN KEY (note) REFERENCES orders (id) ON DELETE CASCADE`), ["changed table main.users foreign keys"]],
  [again(SAME.replace("PRIMARY KEY", "PRIMARY KEY AUTOINCREMENT")), ["changed table main.users options"]],
  [
    again("id INTEGER, email VARCHAR(50) NOT NULL, note TEXT DEFAULT 'x', PRIMARY KEY (id, email)"),
    ["changed table main.users primary key"],
  ],
  [again(`${SAME}, twice INT GENERATED ALWAYS AS (id * 2)`), ["added column main.users.twice"]],
  ["INSERT INTO users (email) VALUES ('a')", []],
  ['DROP INDEX ix_some; CREATE INDEX ix_some ON "orders" ("id") WHERE id > 5', []],
  [
    "DROP INDEX ix_some; CREATE INDEX ix_some ON orders (id DESC) WHERE id > 5",
    ["changed index main.ix_some columns, definition"],
  ],
])("%s", async (sql, expected) => {
  const before = await scratch.create("before");
  await scratch.query(before, START);
  const after = await scratch.clone(before, "after");
  await scratch.query(after, `PRAGMA foreign_keys = OFF; ${sql}`.replace(/^PRAGMA/, "-- in one go\nPRAGMA"));
  const differences = compareCatalogs(await snapshot(before), await snapshot(after));
  const named = differences.map(
    ({ change, kind, name, properties }) =>
      `${change} ${kind} ${name}${change === "changed" ? ` ${properties.map((property) => property.name).join(", ")}` : ""}`,
  );
  expect(named.sort()).toEqual(expected);
});

test("rows come with parameters, errors with SQLite's words", async () => {
  const database = await scratch.create("rows");
  await scratch.query(database, START);
  await scratch.query(database, "INSERT INTO users (email) SELECT $1 WHERE $2 = 1", ["a@b", 1]);
  expect(await scratch.query(database, "SELECT email, note FROM users")).toEqual([{ email: "a@b", note: "x" }]);
  await expect(scratch.query(database, "SELECT nobody")).rejects.toThrow("no such column: nobody");
  expect(await scratch.tables(database, ["users", "v", "none"])).toEqual([{ schema: "main", name: "users" }]);
});

test("an interpreter that cannot be started is said", async () => {
  const opening = openSqliteScratch({ ...options, python: ["/nonexistent/python"] });
  await expect(opening).rejects.toMatchObject({ exitCode: 3 });
});
