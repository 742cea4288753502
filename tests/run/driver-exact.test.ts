/** Statements with all their parameters, and the lines of a whole file, as the driver tells them where two versions are compared. */
import { expect, inject, onTestFinished, test } from "vitest";
import { openScratch } from "../../src/postgres/scratch.ts";
import { alembicFiles, asyncEnv, revision, syncEnv } from "../support/alembic.ts";
import { drive } from "../support/driver.ts";

const head = `import datetime

def helper(value):
    return value

def never():
    return 1
`;
const upgrade = `op.execute("CREATE TABLE t (id integer, name varchar, at timestamp)")
bind = op.get_bind()
insert = sa.text("INSERT INTO t (name, id, at) VALUES (:name, :id, :at)")
bind.execute(insert, {"id": 7, "name": helper("a" * 300), "at": datetime.datetime.now()})
t = sa.table("t", sa.column("id", sa.Integer), sa.column("name", sa.String))
bind.execute(t.insert(), [{"id": 1, "name": "x"}, {"id": 2, "name": None}])
op.execute("UPDATE t SET name = 'now'")`;

test.for([
  ["psycopg2", syncEnv()],
  ["psycopg", syncEnv('"postgresql+psycopg://app:secret@db.internal:5432/app"')],
  ["asyncpg", asyncEnv()],
] as const)("with %s", async ([, env]) => {
  const scratch = await openScratch({ ...inject("postgres"), stop: async () => {} });
  onTestFinished(() => scratch.close());
  const { connection } = await scratch.create("exact");
  const driver = await drive(alembicFiles({ a: revision("a", { head, upgrade }) }, env));
  await driver.loaded;
  const { steps } = await driver.run({ direction: "upgrade", revisions: ["a"], connection, exact: true, lines: true });
  const { statements, lines } = steps[0]!;
  const exact = statements.map(({ exact: told }) => told!);
  const plain = exact.map(({ sql, parameters }) => [sql.replaceAll(/::\w+(?: \w+)*/g, ""), parameters]);
  expect(plain).toEqual([
    ["CREATE TABLE t (id integer, name varchar, at timestamp)", []],
    ["INSERT INTO t (name, id, at) VALUES (?, ?, ?)", [[`'${"a".repeat(300)}'`, "7", "<now>"]]],
    [
      "INSERT INTO t (id, name) VALUES (?, ?)",
      [
        ["1", "'x'"],
        ["2", "None"],
      ],
    ],
    ["UPDATE t SET name = 'now'", []],
  ]);
  // helper() stands above upgrade(), and never() never ran.
  const above = (some: number[]) => some.filter((line) => line < 12).sort((a, b) => a - b);
  expect(above(lines!.every)).toEqual([6, 9]);
  expect(above(lines!.ran)).toEqual([6]);
  const again = await driver.run({ direction: "downgrade", revisions: ["a"], connection });
  expect(again.steps[0]!.statements.every(({ exact: told }) => told === undefined)).toBe(true);
});
