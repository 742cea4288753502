import { expect, inject, test } from "vitest";
import { alembicFiles, asyncEnv, ini, revision, syncEnv } from "../support/alembic.ts";
import { drive, table } from "../support/driver.ts";
import { createDatabase } from "../support/postgres.ts";

/** Runs revisions, up, in a new database. */
async function up(files: Record<string, string>, revisions: string[], options: Parameters<typeof drive>[1] = {}) {
  const database = await createDatabase();
  const driver = await drive(files, options);
  const result = await driver.run({ direction: "upgrade", revisions, connection: database.connection });
  return { database, driver, result };
}

const broken = revision("b", { down: "a", upgrade: 'op.execute("select 1")\nop.execute("select broken")' });

test.each([
  ["swallows every exception", "try:\n    run_migrations_online()\nexcept Exception as error:\n    print(error)\n", true],
  ["ends with sys.exit", "try:\n    run_migrations_online()\nexcept Exception:\n    raise SystemExit(1)\n", false],
  [
    "wraps it",
    'try:\n    run_migrations_online()\nexcept Exception as error:\n    raise RuntimeError("failed") from error\n',
    false,
  ],
])("tells what went wrong although env.py %s", async (_, ending, swallowed) => {
  const env = syncEnv().replace(/run_migrations_online\(\)\n$/, ending);
  const { result } = await up(alembicFiles({ a: revision("a", table("ta")), b: broken }, env), ["a", "b"]);
  expect(result).toMatchObject({
    swallowed,
    raised: {
      type: "ProgrammingError",
      sqlstate: "42703",
      sql: "select broken",
      message: expect.stringMatching(/^column "broken" does not exist/),
    },
    place: { file: "migrations/versions/b.py", line: 11 },
    begunNotEnded: "b",
  });
  expect(result.steps.map((step) => step.ended)).toEqual([true, false]);
});

test("sees a statement that failed inside a step that ended well", async () => {
  const upgrade = `try:
    with op.get_bind().begin_nested():
        op.execute("select broken")
except Exception:
    pass`;
  for (const python of [inject("pythons").default, inject("pythons").oldest]) {
    const { result } = await up(alembicFiles({ a: revision("a", { upgrade }) }), ["a"], { python: [python] });
    expect(result.raised).toBeUndefined();
    expect(result.steps[0]!.ended).toBe(true);
    expect(result.steps[0]!.statements.filter((statement) => statement.error)).toMatchObject([
      { line: 12, sql: "select broken", error: { sqlstate: "42703" } },
    ]);
  }
});

test("asyncpg's messages come without the adapter's words", async () => {
  const { result } = await up(alembicFiles({ a: revision("a"), b: broken }, asyncEnv()), ["a", "b"]);
  expect(result).toMatchObject({ raised: { message: 'column "broken" does not exist', sqlstate: "42703" }, place: { line: 11 } });
});

test("an exception that is none of the database's", async () => {
  const head = "def helper():\n    return {}['key']";
  const { result } = await up(alembicFiles({ a: revision("a", { head, upgrade: "helper()" }) }), ["a"]);
  expect(result).toMatchObject({
    raised: { type: "KeyError", message: "'key'" },
    place: { file: "migrations/versions/a.py", line: 4 },
  });
  expect(result.raised!.frames.map((frame) => frame.function)).toEqual([
    "<module>",
    "run_migrations_online",
    "upgrade",
    "helper",
  ]);
  expect(result.raised!.sqlstate).toBeUndefined();
});

test("env.py that raises is a run that failed, with its line", async () => {
  const { result } = await up(alembicFiles({ a: revision("a") }, "import os\nos.environ['NO_SUCH_URL']\n"), ["a"]);
  expect(result).toMatchObject({
    raised: { type: "KeyError", message: "'NO_SUCH_URL'" },
    place: { file: "migrations/env.py", line: 2 },
    steps: [],
    contexts: 0,
  });
});

test("an error at the commit belongs to no step", async () => {
  const upgrade = `op.execute("create table t (id int primary key, r int references t deferrable initially deferred)")
op.execute("insert into t values (1, 2)")`;
  const { result } = await up(alembicFiles({ a: revision("a", { upgrade }) }), ["a"]);
  expect(result).toMatchObject({
    raised: { type: "IntegrityError", sqlstate: "23503" },
    steps: [{ ended: true }],
    swallowed: false,
  });
  expect(result.begunNotEnded).toBeUndefined();
});

test("env.py that runs nothing says so", async () => {
  const { result } = await up(
    alembicFiles({ a: revision("a") }, "from alembic import context\nfor tenant in []:\n    context.run_migrations()\n"),
    ["a"],
  );
  expect(result).toMatchObject({ contexts: 0, steps: [], expected: [], swallowed: false });
});

const tenants = syncEnv().replace(
  "        context.configure(connection=connection, target_metadata=None)\n        with context.begin_transaction():\n            context.run_migrations()\n",
  `        for tenant in ("one", "two"):
            connection.exec_driver_sql(f"create schema if not exists {tenant}")
            connection.exec_driver_sql(f"set search_path to {tenant}")
            connection.commit()
            context.configure(connection=connection, version_table_schema=tenant)
            with context.begin_transaction():
                context.run_migrations()
`,
);

test("env.py that migrates one schema after the other", async () => {
  const { database, driver, result } = await up(
    alembicFiles({ a: revision("a", table("ta")), b: revision("b", { down: "a", ...table("tb") }) }, tenants),
    ["a", "b"],
  );
  expect(result.raised).toBeUndefined();
  expect(result).toMatchObject({ contexts: 2, expected: ["b"] });
  expect(result.steps.map((step) => [step.revision, step.ended, step.statements.length])).toEqual([
    ["a", true, 2],
    ["b", true, 2],
  ]);
  expect(result.versionTables).toEqual([
    { schema: "one", name: "alembic_version" },
    { schema: "two", name: "alembic_version" },
  ]);
  const tables = "select schemaname || '.' || tablename as name from pg_tables where tablename like 't_' order by 1";
  expect((await database.query(tables)).map((row) => row.name)).toEqual(["one.ta", "one.tb", "two.ta", "two.tb"]);
  const down = await driver.run({ direction: "downgrade", revisions: ["b", "a"], connection: database.connection });
  expect([down.raised, down.expected, await database.query(tables)]).toEqual([undefined, [], []]);
});

test("env.py that migrates the same schema twice has nothing left to do the second time", async () => {
  const env = `${syncEnv()}\nrun_migrations_online()\n`;
  const files = alembicFiles({ a: revision("a", table("ta")), b: revision("b", { down: "a", ...table("tb") }) }, env);
  const { driver, database, result } = await up(files, ["a", "b"]);
  expect(result.raised).toBeUndefined();
  expect(result).toMatchObject({ contexts: 2, expected: ["b"], steps: [{ ended: true }, { ended: true }] });
  const down = await driver.run({ direction: "downgrade", revisions: ["b"], connection: database.connection });
  expect(down).toMatchObject({ contexts: 2, expected: ["a"] });
});

test("a project that cannot run twice in one process can be told from one that is broken", async () => {
  const files = {
    ...alembicFiles(
      { a: revision("a", table("ta")) },
      syncEnv().replace(
        "def run",
        "import sqlalchemy as sa\nfrom base import Base\nclass Thing(Base):\n    __tablename__ = 'thing'\n    id = sa.Column(sa.Integer, primary_key=True)\n\ndef run",
      ),
    ),
    "base.py": "from sqlalchemy.orm import declarative_base\nBase = declarative_base()\n",
    "alembic.ini": `${ini}prepend_sys_path = .\n`,
  };
  const { driver, database, result } = await up(files, ["a"]);
  expect(result.raised).toBeUndefined();
  const again = await driver.run({ direction: "downgrade", revisions: ["a"], connection: database.connection });
  expect(again).toMatchObject({
    raised: { type: "InvalidRequestError" },
    freshProcessMayHelp: true,
    steps: [],
    place: { file: "migrations/env.py" },
  });
});

test("a revision without downgrade()", async () => {
  const { driver, database } = await up(alembicFiles({ a: revision("a", { ...table("ta"), downgrade: null }) }), ["a"]);
  const down = await driver.run({ direction: "downgrade", revisions: ["a"], connection: database.connection });
  expect(down).toMatchObject({
    raised: { type: "AttributeError", message: expect.stringContaining("downgrade") },
    begunNotEnded: "a",
  });
});

test("nobody answers questions, and what is printed disturbs nothing", async () => {
  const env = `print('{"type":"run-end"}')\nimport os\nos.write(1, b'{"type":"run-end"}\\n')\nprint("x" * 200_000)\n${syncEnv()}`;
  const { result, driver } = await up(alembicFiles({ a: revision("a", { upgrade: 'input("YES?")' }) }, env), ["a"]);
  expect(result).toMatchObject({ raised: { type: "EOFError" }, place: { line: 10 } });
  await driver.stop();
  expect(driver.log.length).toBeLessThanOrEqual(65_536);
  expect(driver.log).toContain("xxx");
});

test("logging is configured as env.py wishes", async () => {
  const env = `from logging.config import fileConfig\nfrom alembic import context\nfileConfig(context.config.config_file_name)\n${syncEnv()}`;
  const logging = `[loggers]\nkeys = root, alembic\n[logger_alembic]\nlevel = INFO\nhandlers =\nqualname = alembic\n[handlers]\nkeys = console\n[formatters]\nkeys = generic\n[logger_root]\nlevel = INFO\nhandlers = console\n[handler_console]\nclass = StreamHandler\nargs = (sys.stderr,)\nlevel = NOTSET\nformatter = generic\n[formatter_generic]\nformat = %(levelname)s %(message)s\n`;
  const { driver } = await up({ ...alembicFiles({ a: revision("a") }, env), "alembic.ini": ini + logging }, ["a"]);
  await driver.stop();
  expect(driver.log).toContain("INFO Running upgrade  -> a");
});

test("a failed transaction answers no questions, and is not disturbed by them", async () => {
  const database = await createDatabase();
  const upgrade =
    'try:\n    op.execute("select broken")\nexcept Exception:\n    pass\nop.get_bind().connection.dbapi_connection.rollback()';
  const driver = await drive(
    alembicFiles(
      { a: revision("a", { upgrade }) },
      syncEnv().replace("connectable.connect()", "connectable.execution_options(isolation_level='AUTOCOMMIT').connect()"),
    ),
  );
  const states: unknown[] = [];
  const result = await driver.run({
    direction: "upgrade",
    revisions: ["a"],
    connection: database.connection,
    onStep: async ({ inTransaction, query }) => {
      states.push(inTransaction, await query("select 'fine'"));
      return "go";
    },
  });
  expect(result.raised).toBeUndefined();
  expect(states).toEqual([false, "fine"]);
});

test("thousands of statements are counted, not told", async () => {
  const upgrade = `for number in range(3000):
    op.execute(f"select {number}")
op.execute("select broken")`;
  const { result } = await up(
    alembicFiles({
      a: revision("a"),
      b: revision("b", { down: "a", upgrade: upgrade.replace(/\n.*$/, "") }),
      c: revision("c", { down: "b", upgrade }),
    }),
    ["a", "b", "c"],
  );
  const told = result.steps[1]!.statements.length;
  expect(told).toBeGreaterThanOrEqual(1000);
  expect(told + result.unreported).toBe(3000);
  expect(result.steps[2]!.statements.at(-1)).toMatchObject({ sql: "select broken", error: { sqlstate: "42703" } });
});

test.each([
  ["the ini", `${ini}databases = one, two\n`, syncEnv(), true],
  ["the arguments of revisions", ini, syncEnv().replace("run_migrations()", 'run_migrations(engine_name="one")'), true],
  ["neither", ini, syncEnv(), false],
])("env.py for several databases is told by %s", async (_, content, env, several) => {
  const driver = await drive({ ...alembicFiles({ a: revision("a") }, env), "alembic.ini": content });
  expect((await driver.loaded).several).toBe(several);
});

test("a syntax error in env.py has its line", async () => {
  const { result } = await up(alembicFiles({ a: revision("a") }, "from alembic import context\ndef f(:\n"), ["a"]);
  expect(result).toMatchObject({ raised: { type: "SyntaxError" }, place: { file: "migrations/env.py", line: 2 } });
});
