import { describe, expect, inject, test } from "vitest";
import { placeOf } from "../../src/run/driver.ts";
import { projectEnvironment } from "../../src/project/project-environment.ts";
import { alembicFiles, asyncEnv, revision, syncEnv } from "../support/alembic.ts";
import { drive, table } from "../support/driver.ts";
import { createDatabase } from "../support/postgres.ts";

const two = { a: revision("a", table("ta")), b: revision("b", { down: "a", ...table("tb") }) };
const psycopgEnv = syncEnv('"postgresql+psycopg://app:secret@db.internal:5432/app"');
const psycopgAsyncEnv = asyncEnv('"postgresql+psycopg://app:secret@db.internal:5432/app"');

const combinations = [
  ["default", "psycopg2", syncEnv()],
  ["default", "psycopg", psycopgEnv],
  ["default", "asyncpg", asyncEnv()],
  ["default", "psycopg", psycopgAsyncEnv],
  ["sqlalchemy13", "psycopg2", syncEnv()],
  ["oldest", "psycopg2", syncEnv()],
  ["oldest", "asyncpg", asyncEnv()],
  ["newest", "psycopg", syncEnv('"postgresql://app:secret@db.internal:5432/app"')],
  ["newest", "pg8000", syncEnv('"postgresql+pg8000://app:secret@db.internal:5432/app"')],
  ["newest", "asyncpg", asyncEnv()],
] as const;
/** SQLAlchemy 2.1 and pg8000 need Python 3.10. */
const possible = combinations.filter(([name, dbapi]) => inject("pythonMinor") >= 10 || name !== "newest" || dbapi === "asyncpg");

describe.each(possible)("with %s versions and %s", (name, dbapi, env) => {
  const python = () => ({ python: [inject("pythons")[name]] });

  test("runs up, down and up again in one process", async () => {
    const database = await createDatabase();
    const driver = await drive(alembicFiles(two, env), python());
    expect(await driver.loaded).toMatchObject({ order: ["a", "b"], heads: ["b"], bases: ["a"], warnings: [] });
    for (const [direction, revisions, expected] of [
      ["upgrade", ["a", "b"], ["b"]],
      ["downgrade", ["b", "a"], []],
      ["upgrade", ["a", "b"], ["b"]],
    ] as const) {
      const result = await driver.run({ direction, revisions, connection: database.connection });
      expect(result.raised).toBeUndefined();
      expect(result.steps.map((step) => [step.revision, step.ended])).toEqual(revisions.map((id) => [id, true]));
      expect(result.expected).toEqual(expected);
      const rows = await database.query("select version_num from alembic_version");
      expect(rows.map((row) => row.version_num)).toEqual(expected);
      expect(result.steps[0]!.statements).toMatchObject([
        { file: `migrations/versions/${revisions[0]}.py`, line: direction === "upgrade" ? 10 : 13 },
      ]);
      expect(result.connects).toEqual([{ dialect: "postgresql", driver: dbapi, wanted: "db.internal:5432/app" }]);
      expect(result).toMatchObject({ contexts: 1, foreign: [], swallowed: false, aborted: false, died: false });
      expect(result.versionTables).toEqual([{ schema: null, name: "alembic_version" }]);
    }
  });

  test("answers SQL between the steps, on the migration's own connection", async () => {
    const database = await createDatabase();
    const driver = await drive(alembicFiles(two, env), python());
    const seen: unknown[] = [];
    const result = await driver.run({
      direction: "upgrade",
      revisions: ["a", "b"],
      connection: database.connection,
      onStep: async ({ revision, inTransaction, query }) => {
        const committed = await database.query("select to_regclass($1) as name", [`t${revision}`]);
        await expect(query("select 1 / 0")).rejects.toThrow("division by zero");
        seen.push([revision, inTransaction, await query(`select to_regclass('t${revision}')::text`), committed[0]!.name]);
        return "go";
      },
    });
    expect(result.raised).toBeUndefined();
    expect(seen).toEqual([
      ["a", true, "ta", null],
      ["b", true, "tb", null],
    ]);
    expect(await database.query("select version_num from alembic_version")).toEqual([{ version_num: "b" }]);
  });

  test("commits each revision on its own where it is told to", async () => {
    const database = await createDatabase();
    const files = { ...two, b: revision("b", { down: "a", upgrade: 'op.execute("select broken")' }) };
    const driver = await drive(alembicFiles(files, env), python());
    const states: boolean[] = [];
    const result = await driver.run({
      direction: "upgrade",
      revisions: ["a", "b"],
      connection: database.connection,
      transactionPerMigration: true,
      onStep: async ({ inTransaction, query }) => {
        expect(await query("select 'outside a transaction'")).toBe("outside a transaction");
        states.push(inTransaction);
        return "go";
      },
    });
    expect(states).toEqual([false]);
    expect(result).toMatchObject({
      raised: { type: "ProgrammingError", sqlstate: "42703", message: expect.stringContaining('column "broken" does not exist') },
      place: { file: "migrations/versions/b.py", line: 10 },
      begunNotEnded: "b",
      expected: ["a"],
      freshProcessMayHelp: false,
    });
    expect(result.steps[1]!.statements).toMatchObject([
      { sql: "select broken", file: "migrations/versions/b.py", line: 10, error: { sqlstate: "42703" } },
    ]);
    expect(await database.query("select version_num from alembic_version")).toEqual([{ version_num: "a" }]);
  });

  // pg8000 cannot do this under Alembic, with or without us.
  test.skipIf(dbapi === "pg8000")("builds an index concurrently, and survives COMMIT", async () => {
    const database = await createDatabase();
    const concurrently = `with op.get_context().autocommit_block():
    op.create_index("ix", "ta", ["id"], postgresql_concurrently=True)`;
    const files = {
      a: two.a,
      b: revision("b", { down: "a", upgrade: concurrently }),
      c: revision("c", { down: "b", upgrade: 'op.execute("COMMIT")\nop.add_column("ta", sa.Column("x", sa.Integer))' }),
      d: revision("d", { down: "c", upgrade: 'op.add_column("ta", sa.Column("y", sa.Integer))' }),
    };
    const driver = await drive(alembicFiles(files, env), { ...python(), timeout: 10 });
    const result = await driver.run({
      direction: "upgrade",
      revisions: ["a", "b", "c", "d"],
      connection: database.connection,
      onStep: async ({ query }) => ((await query("select count(*) from pg_class")) ? "go" : "abort"),
    });
    expect(result).toMatchObject({ expected: ["d"] });
    expect(result.raised).toBeUndefined();
    expect(await database.query("select version_num from alembic_version")).toEqual([{ version_num: "d" }]);
    expect(await database.query("select indisvalid from pg_index where indexrelid = 'ix'::regclass")).toEqual([
      { indisvalid: true },
    ]);
  });
});

test("commits each revision although env.py holds a transaction around all of them", async () => {
  const database = await createDatabase();
  const env = syncEnv().replace("connectable.connect()", "connectable.begin()");
  const driver = await drive(alembicFiles({ ...two, b: revision("b", { down: "a", upgrade: "raise ValueError('no')" }) }, env));
  const result = await driver.run({
    direction: "upgrade",
    revisions: ["a", "b"],
    connection: database.connection,
    transactionPerMigration: true,
  });
  expect(result).toMatchObject({ raised: { type: "ValueError", message: "no" }, place: { line: 10 }, expected: ["a"] });
  expect(await database.query("select version_num from alembic_version")).toEqual([{ version_num: "a" }]);
});

test("leaves env.py its own transaction where it is not told otherwise", async () => {
  const database = await createDatabase();
  const driver = await drive(alembicFiles({ ...two, b: revision("b", { down: "a", upgrade: "raise ValueError('no')" }) }));
  await driver.run({ direction: "upgrade", revisions: ["a", "b"], connection: database.connection });
  expect(await database.query("select to_regclass('ta') as name")).toEqual([{ name: null }]);
});

test("names merges, several heads and dependencies one by one", async () => {
  const database = await createDatabase();
  const driver = await drive(
    alembicFiles({
      a: revision("a", table("ta")),
      b1: revision("b1", { down: "a", ...table("tb1") }),
      b2: revision("b2", { down: "a", ...table("tb2") }),
      c: revision("c", { down: ["b1", "b2"], ...table("tc") }),
      x: revision("x", { dependsOn: "b1", ...table("tx") }),
    }),
  );
  const { order, ancestors, heads } = await driver.loaded;
  expect([...heads].sort()).toEqual(["c", "x"]);
  expect(ancestors("c").sort()).toEqual(["a", "b1", "b2", "c"]);
  expect(ancestors("x").sort()).toEqual(["a", "b1", "x"]);
  const rows = async () =>
    (await database.query("select version_num from alembic_version order by 1")).map((row) => row.version_num);
  const run = (direction: "upgrade" | "downgrade", revisions: readonly string[]) =>
    driver.run({ direction, revisions, connection: database.connection });
  for (const _ of [1, 2]) {
    const up = await run("upgrade", order);
    expect([up.raised, up.expected]).toEqual([undefined, await rows()]);
    const merge = await run("downgrade", ["c"]);
    expect([merge.raised, merge.expected]).toEqual([undefined, await rows()]);
    const down = await run(
      "downgrade",
      [...order].reverse().filter((id) => id !== "c"),
    );
    expect([down.raised, down.expected, await rows()]).toEqual([undefined, [], []]);
  }
});

test("a dependency may leave one row for two heads", async () => {
  const database = await createDatabase();
  const driver = await drive(alembicFiles({ a: revision("a"), x: revision("x", { dependsOn: "a" }) }));
  const { order, heads } = await driver.loaded;
  expect([...heads].sort()).toEqual(["a", "x"]);
  const { expected } = await driver.run({ direction: "upgrade", revisions: order, connection: database.connection });
  const rows = await database.query("select version_num from alembic_version");
  expect(expected).toEqual(rows.map((row) => row.version_num));
  expect(expected).toEqual(["x"]);
});

test("runs env.py without any revision", async () => {
  const database = await createDatabase();
  const driver = await drive(alembicFiles({}));
  expect(await driver.loaded).toMatchObject({ order: [], heads: [] });
  const result = await driver.run({ direction: "upgrade", revisions: [], connection: database.connection });
  expect(result).toMatchObject({ steps: [], expected: [], contexts: 1 });
  expect(result.outside.map((statement) => statement.sql)).toContainEqual(
    expect.stringContaining("CREATE TABLE alembic_version"),
  );
});

test("stops where onStep says so, and passes on what it throws", async () => {
  const database = await createDatabase();
  const driver = await drive(alembicFiles(two));
  const options = { direction: "upgrade", revisions: ["a", "b"], connection: database.connection } as const;
  const aborted = await driver.run({ ...options, onStep: async () => "abort" });
  expect(aborted).toMatchObject({ aborted: true, steps: [{ revision: "a", ended: true }] });
  const broken = driver.run({
    ...options,
    onStep: async () => {
      throw new Error("ours");
    },
  });
  await expect(broken).rejects.toThrow("ours");
  expect(await driver.run(options)).toMatchObject({ expected: ["b"], freshProcessMayHelp: false });
});

test("executes a revision's file anew in every run", async () => {
  const database = await createDatabase();
  const head = "calls = []";
  const upgrade = 'calls.append(1)\nassert len(calls) == 1, "ran before"\nop.execute("select 1")';
  const driver = await drive(alembicFiles({ a: revision("a", { head, upgrade }) }));
  for (const direction of ["upgrade", "downgrade", "upgrade"] as const) {
    const result = await driver.run({ direction, revisions: ["a"], connection: database.connection });
    expect(result.raised).toBeUndefined();
  }
});

test("names the line in the revision's file, not in the helper that it calls", async () => {
  const database = await createDatabase();
  const driver = await drive({
    ...alembicFiles({
      a: revision("a", { head: "import helpers", upgrade: "helpers.make(op)\nhelpers.fail(op)" }),
    }),
    "helpers.py": "def make(op):\n    op.execute('create table t (id int)')\n\ndef fail(op):\n    op.execute('select nothing')\n",
    "alembic.ini": "[alembic]\nscript_location = migrations\nprepend_sys_path = .\n",
  });
  const result = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  expect(result.steps[0]!.statements).toMatchObject([{ line: 10 }, { line: 11 }]);
  expect(result.place).toEqual({ file: "migrations/versions/a.py", line: 11 });
  expect(result.raised!.frames.at(-1)).toMatchObject({ function: "fail", line: 5 });
});

test("counts rows and shows parameters, shortened", async () => {
  const database = await createDatabase();
  const upgrade = `op.execute("create table t (a text)")
op.get_bind().execute(sa.text("insert into t values (:a), (:b)"), {"a": "x" * 5000, "b": "y"})`;
  const driver = await drive(alembicFiles({ a: revision("a", { upgrade }) }));
  const { steps } = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  const [, insert] = steps[0]!.statements;
  expect(insert!.parameters).toMatch(/^\{'a': 'x+\.\.\.x+', 'b': 'y'\}$/);
});

const frame = (file: string, line: number) => ({ file, line, function: "f" });

test("the place of an error is the innermost line of the revision", () => {
  const raised = {
    type: "E",
    message: "",
    traceback: "",
    frames: [frame("/tmp/env.py", 1), frame("/tmp/v/a.py", 2), frame("/tmp/v/a.py", 3), frame("/tmp/h.py", 4)],
  };
  expect(placeOf(raised, "/tmp", "v/a.py")).toEqual({ file: "v/a.py", line: 3 });
  expect(placeOf(raised, "/tmp")).toEqual({ file: "h.py", line: 4 });
  expect(placeOf({ ...raised, frames: [] }, "/tmp")).toBeUndefined();
});

test("a project's process gets nothing of the runner's, and no database of the caller's", () => {
  const kept = { PATH: "/bin", DATABASE_URL: "postgres://x", PG_HOST: "db", GITHUB_ACTIONS: "true" };
  const secrets = {
    INPUT_TOKEN: "1",
    "INPUT_POSTGRES-VERSION": "1",
    ACTIONS_RUNTIME_TOKEN: "1",
    GITHUB_TOKEN: "1",
    GH_TOKEN: "1",
    GITHUB_ENV: "1",
    GITHUB_STEP_SUMMARY: "1",
    PGSERVICE: "prod",
  };
  expect(projectEnvironment({ ...kept, ...secrets, PGHOST: "prod" })).toEqual({ ...kept, PGHOST: "127.0.0.1" });
});
