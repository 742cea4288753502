import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, inject, test } from "vitest";
import { alembicFiles, asyncEnv, ini, revision, syncEnv } from "../support/alembic.ts";
import { drive, table } from "../support/driver.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";

/** No connection is left; a backend takes a moment to leave. */
async function nobodyStays(database: TestDatabase): Promise<void> {
  const others = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
  await expect.poll(() => database.query(others), { timeout: 5000 }).toEqual([]);
}

/** Runs one revision, up. */
async function up(files: Record<string, string>, options: Parameters<typeof drive>[1] = {}) {
  const database = await createDatabase();
  const driver = await drive(files, options);
  await driver.loaded;
  const result = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  const tables = await database.query(
    "select relname from pg_class where relkind = 'r' and relname ~ '^t' and relnamespace = 'public'::regnamespace order by 1",
  );
  return { driver, database, result, tables: tables.map((row) => row.relname) };
}

describe.each([
  ["a sqlite file", syncEnv('"sqlite:///./app.db"'), { dialect: "sqlite", driver: "psycopg2", wanted: "sqlite:///./app.db" }],
  [
    "an asynchronous sqlite file",
    asyncEnv('"sqlite+aiosqlite:///app.db"'),
    { dialect: "sqlite", driver: "asyncpg", wanted: "sqlite+aiosqlite:///app.db" },
  ],
  [
    "sqlite with its own arguments",
    syncEnv('"sqlite:///app.db?check_same_thread=true", connect_args={"check_same_thread": False, "timeout": 3}, creator=None'),
    { dialect: "sqlite", driver: "psycopg2", wanted: "sqlite:///app.db?check_same_thread=true" },
  ],
  [
    "a MySQL server",
    syncEnv('"mysql+pymysql://u:secret@db/app"'),
    { dialect: "mysql", driver: "psycopg2", wanted: "mysql+pymysql://u:***@db/app" },
  ],
  [
    "postgres://",
    syncEnv('"postgres://u:p@db.internal/app"'),
    { dialect: "postgresql", driver: "psycopg2", wanted: "db.internal/app" },
  ],
  [
    "a driver that is not installed",
    syncEnv('"postgresql+pg8000://u:p@db.internal/app"'),
    { dialect: "postgresql", driver: "psycopg2", wanted: "db.internal/app" },
  ],
  [
    "creator=",
    syncEnv('"postgresql://", creator=lambda: __import__("psycopg2").connect(host="db.internal")'),
    { dialect: "postgresql", driver: "psycopg2", wanted: "localhost/" },
  ],
  [
    "a pool of its own",
    syncEnv(
      '"postgresql://u@db.internal/app", pool_size=20, max_overflow=5, pool_timeout=3, pool_pre_ping=True, pool_recycle=60',
    ).replace(", poolclass=pool.NullPool", ""),
    { dialect: "postgresql", driver: "psycopg2", wanted: "db.internal/app" },
  ],
  [
    "TLS, a proxy's routing and several hosts",
    syncEnv(
      '"postgresql+psycopg2://u:p@/app?host=h1:1&host=h2:2&sslmode=verify-full&sslrootcert=/no/such&channel_binding=require&options=endpoint%3Dx"',
    ),
    { dialect: "postgresql", driver: "psycopg2", wanted: "h1,h2:1,2/app" },
  ],
  [
    "TLS with asyncpg",
    asyncEnv('"postgresql+asyncpg://u:p@db.internal/app?ssl=require", connect_args={"ssl": "verify-full"}'),
    { dialect: "postgresql", driver: "asyncpg", wanted: "db.internal/app" },
  ],
])("env.py names %s", (_, env, connect) => {
  test("and gets the scratch database", async () => {
    const { result, tables } = await up(alembicFiles({ a: revision("a", table("ta")) }, env));
    expect(result.raised).toBeUndefined();
    expect(tables).toEqual(["ta"]);
    expect(result.connects).toEqual([connect]);
  });
});

test.each(["sqlalchemy13", "oldest", "newest"] as const)("translates engines with %s versions", async (name) => {
  const url = "sqlite:///app.db?check_same_thread=true";
  const env = syncEnv(`"${url}", creator=lambda: 1 / 0, connect_args={"timeout": 3}`);
  const { result, tables } = await up(alembicFiles({ a: revision("a", table("ta")) }, env), {
    python: [inject("pythons")[name]],
  });
  expect(result.raised).toBeUndefined();
  expect(tables).toEqual(["ta"]);
  expect(result.connects).toEqual([{ dialect: "sqlite", driver: "psycopg2", wanted: url }]);
});

test("keeps what a connection asks for besides its place", async () => {
  const env = syncEnv(
    '"postgresql+psycopg2://u@db/app?application_name=shop&options=-csearch_path%3Dpg_temp,public", connect_args={"options": "-c lock_timeout=1234"}',
  );
  const upgrade =
    'op.execute("create table t as select current_setting($$application_name$$) as a, current_setting($$lock_timeout$$) as b")';
  const { database } = await up(alembicFiles({ a: revision("a", { upgrade }) }, env));
  expect(await database.query("select * from t")).toEqual([{ a: "shop", b: "1234ms" }]);
});

test("takes an engine that the application made when it was imported, with a pool", async () => {
  const files = {
    ...alembicFiles(
      { a: revision("a", table("ta")) },
      "from alembic import context\nfrom app import engine\nwith engine.connect() as c:\n    context.configure(connection=c)\n    with context.begin_transaction():\n        context.run_migrations()\n",
    ),
    "app.py": 'from sqlalchemy import create_engine\nengine = create_engine("postgresql://u@db/app", pool_size=3)\n',
    "alembic.ini": `${ini}prepend_sys_path = .\n`,
  };
  const driver = await drive(files);
  for (const _ of [1, 2, 3]) {
    const database = await createDatabase();
    const result = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
    expect(result.raised).toBeUndefined();
    expect(await database.query("select version_num from alembic_version")).toEqual([{ version_num: "a" }]);
    await nobodyStays(database);
  }
});

test("a connection that the application keeps open ends with the run", async () => {
  const files = {
    ...alembicFiles({ a: revision("a", { upgrade: 'import app\napp.session.execute(sa.text("select 1"))' }) }, syncEnv()),
    "app.py": `import sqlalchemy as sa
from sqlalchemy.orm import Session
session = Session(sa.create_engine("postgresql://u@db.internal/app"))
`,
    "alembic.ini": `${ini}prepend_sys_path = .\n`,
  };
  const driver = await drive(files);
  for (const _ of [1, 2]) {
    const database = await createDatabase();
    const result = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
    expect(result.raised).toBeUndefined();
    await nobodyStays(database);
  }
});

const psql = spawnSync("which", ["psql"], { encoding: "utf8" }).stdout.trim() || undefined;

const direct = {
  psycopg2: `import psycopg2
connection = psycopg2.connect("postgresql://u:p@db.internal:5432/app?sslmode=require")
connection.cursor().execute("create table tdirect (id int)")
connection.commit()`,
  "psycopg2 with keywords": `import psycopg2
connection = psycopg2.connect(host="db.internal", database="app", user="u", password="p")
connection.cursor().execute("create table tdirect (id int)")
connection.commit()`,
  psycopg: `import psycopg
with psycopg.connect("host=db.internal dbname=app", user="u", autocommit=True) as connection:
    connection.execute("create table tdirect (id int)")`,
  asyncpg: `import asyncio, asyncpg
async def main():
    connection = await asyncpg.connect("postgresql://u:p@db.internal/app", ssl="require", server_settings={"search_path": "public"})
    await connection.execute("create table tdirect (id int)")
    await connection.close()
asyncio.run(main())`,
  "an engine": `engine = sa.create_engine("postgresql://u@db.internal/app")
with engine.connect() as connection:
    connection.execute(sa.text("create table tdirect (id int)"))
    connection.commit()`,
  ...(psql !== undefined && {
    psql: `import subprocess
subprocess.run(["${psql}", "-qc", "create table tdirect (id int)"], check=True)`,
  }),
};

test.each(Object.entries(direct))("a revision that connects by itself through %s", async (_, upgrade) => {
  const { result, tables } = await up(alembicFiles({ a: revision("a", { upgrade }) }));
  expect(result.raised).toBeUndefined();
  expect(tables).toEqual(["tdirect"]);
  expect(result.foreign).toEqual([]);
});

test.each([
  ["psycopg2", 'import psycopg2\npsycopg2.connect("host=legacy.example.com dbname=old")', "legacy.example.com/old"],
  [
    "psycopg",
    'import psycopg\npsycopg.connect("postgresql://u:secret@legacy.example.com:6543/old")',
    "legacy.example.com:6543/old",
  ],
  [
    "asyncpg",
    'import asyncio, asyncpg\nasyncio.run(asyncpg.connect("postgresql://u:secret@legacy.example.com/old"))',
    "legacy.example.com/old",
  ],
  ["an engine", 'pass\nsa.create_engine("postgresql://u:secret@legacy.example.com/old").connect()', "legacy.example.com/old"],
])("refuses a revision another host through %s", async (_, upgrade, wanted) => {
  const { result, tables } = await up(alembicFiles({ a: revision("a", { upgrade }) }));
  const place = { file: "migrations/versions/a.py", line: 11 };
  expect(result.foreign).toEqual([{ wanted, ...place }]);
  expect(result).toMatchObject({ raised: { type: "ForeignConnectionError" }, place });
  expect(tables).toEqual([]);
});

test("what goes around our patches still ends on this machine", async () => {
  const upgrade = `import psycopg2.extensions
connection = psycopg2.extensions.connection("host=legacy.example.com dbname=postgres")
assert connection.info.dsn_parameters["hostaddr"] == "127.0.0.1", connection.info.dsn_parameters`;
  const { result } = await up(alembicFiles({ a: revision("a", { upgrade }) }));
  expect(result.raised).toBeUndefined();
});

test("lends a database to a project that connects while it is imported", async () => {
  const files = {
    ...alembicFiles({ a: revision("a", { head: "import app", ...table("ta") }) }),
    "app.py": `import sqlalchemy as sa
engine = sa.create_engine("postgresql://u@db/app")
with engine.begin() as connection:
    connection.execute(sa.text("create table timport (id int)"))
`,
    "alembic.ini": `${ini}prepend_sys_path = .\n`,
  };
  const lent = await createDatabase();
  const { driver, tables } = await up(files, { connection: async () => lent.connection });
  expect((await driver.loaded).connectsAtImport).toEqual({ file: "app.py", line: 3 });
  expect(tables).toEqual(["ta"]);
  expect(await lent.query("select to_regclass('timport')::text as name")).toEqual([{ name: "timport" }]);

  const refused = await drive(files);
  await expect(refused.loaded).rejects.toMatchObject({
    stage: "revisions",
    raised: { type: "ForeignConnectionError" },
    place: { file: "app.py", line: 3 },
  });
});

test("the project's own modules may be called as ours are", async () => {
  const names = ["load", "errors", "steps", "main", "redirect", "driver", "channel"];
  const files = {
    ...alembicFiles({ a: revision("a", { upgrade: names.map((name) => `import ${name}\nassert ${name}.mine`).join("\n") }) }),
    ...Object.fromEntries(names.map((name) => [`${name}.py`, "mine = True\n"])),
    "alembic.ini": `${ini}prepend_sys_path = .\n`,
  };
  const { result } = await up(files, { python: [inject("pythons").default] });
  expect(result.raised).toBeUndefined();
});

test("a connection that nobody holds any more is closed at once, with its locks", async () => {
  const upgrade = `import psycopg2
op.execute("create table t (id int)")
op.execute("commit")
psycopg2.connect("").cursor().execute("lock table t")
op.execute("set lock_timeout = '2s'")
op.execute("alter table t add x int")`;
  const { result } = await up(alembicFiles({ a: revision("a", { upgrade }) }));
  expect(result.raised).toBeUndefined();
});

test.each([
  ["psycopg2", "import psycopg2\nbuiltins.kept = psycopg2.connect('')"],
  ["psycopg", "import psycopg\nbuiltins.kept = psycopg.connect('')"],
  ["asyncpg", "import asyncio, asyncpg\nbuiltins.kept = asyncio.run(asyncpg.connect())"],
])("closes at the end of a run what is kept open through %s", async (_, code) => {
  const { result, database } = await up(alembicFiles({ a: revision("a", { upgrade: `import builtins\n${code}` }) }));
  expect(result.raised).toBeUndefined();
  await nobodyStays(database);
});

test("a thread of the application that connects between the runs is refused, and takes nobody's message", async () => {
  const files = {
    ...alembicFiles({ a: revision("a", { head: "import app" }) }),
    "app.py": `import threading, time
import sqlalchemy as sa
engine = sa.create_engine("postgresql://u@db/app")
def poll():
    while True:
        time.sleep(0.02)
        try:
            engine.connect().close()
        except Exception as error:
            print(error)
threading.Timer(0.5, poll).start()
`,
    "alembic.ini": `${ini}prepend_sys_path = .\n`,
  };
  const database = await createDatabase();
  const driver = await drive(files);
  await driver.loaded;
  for (const direction of ["upgrade", "downgrade", "upgrade"] as const) {
    await sleep(400);
    const result = await driver.run({ direction, revisions: ["a"], connection: database.connection });
    expect(result.raised).toBeUndefined();
  }
  await driver.stop();
  expect(driver.log).toContain("a database while no migrations run was refused");
});
