/** Databases of one run on a server of our own: in one cluster as long as none can meet another one's doings there. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type Server } from "../../src/postgres/server.ts";
import { mentionsServer, stoppedOnServer, touchesServer } from "../../src/run/shared.ts";
import type { Evidence } from "../../src/run/evidence.ts";
import { openAreas } from "../../src/run/areas.ts";
import { plain, text } from "../../src/text.ts";
import { alembicFiles, revision, syncEnv, type RevisionOptions } from "../support/alembic.ts";
import { table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { runProject } from "../support/migrations.ts";

let server: Server;

beforeAll(async () => {
  server = await startServer({ choice: "auto", env: process.env });
});
afterAll(() => server.stop());

const signal = new AbortController().signal;
const open = (apart: Promise<boolean>) => openAreas(Promise.resolve(server), { apart, signal, say: () => {} });

interface Case {
  head?: RevisionOptions;
  env?: string;
  files?: Record<string, string>;
  /** What is read of the files before anything runs. */
  sources?: string[];
  on?: Server;
  progress?: (step: string) => void;
}

/** Runs `a`, which the base branch has, and `b`; tells what failed or was left, and how many databases were copied with their cluster. */
async function run({ head, env = syncEnv(), files = {}, sources = [], on, progress = () => {} }: Case) {
  const all = {
    a: revision("a", { ...table("ta"), downgrade: 'op.drop_table("ta")' }),
    b: revision("b", { down: "a", ...table("tb"), ...head }),
  };
  const root = await writeFiles({ ...alembicFiles(all, env), ...files });
  let clusters = 0;
  const counted = (one: Server): Server => ({
    ...one,
    async another(content) {
      if (content === "same") clusters++;
      return counted(await one.another!(content));
    },
  });
  const evidence = (await runProject({
    root,
    progress,
    server: Promise.resolve(on ?? counted(server)),
    applied: Promise.resolve({ base: new Set(["a"]), changed: [], fromBaseFiles: false, editedDowngrades: [], sources }),
  }))!;
  const faults = evidence.phases.flatMap(({ id, state, stop, compared }) =>
    state !== "ok" || compared?.differences.length ? [[id, state, stop?.raised.message, compared?.differences]] : [],
  );
  return { faults, clusters, notes: evidence.notes.map(({ reason }) => plain(reason)) };
}

const dynamic = (statement: string) => `op.execute("DO $$ BEGIN EXECUTE '${statement.replace(" ", "' || ' ")}'; END $$")`;

test("plain revisions take no cluster but one", async () => {
  expect(await run({})).toMatchObject({ faults: [], clusters: 0 });
});

test("where a file speaks of roles, each database has a cluster of its own", async () => {
  const role = { upgrade: 'op.execute("CREATE ROLE reader")', downgrade: 'op.execute("DROP ROLE reader")' };
  const { faults, clusters } = await run({ head: role, sources: [revision("b", role)] });
  expect([faults, clusters > 0]).toEqual([[], true]);
});

test("where env.py speaks of them as well", async () => {
  const env = syncEnv().replace(
    "        context.configure",
    '        connection.exec_driver_sql("ALTER ROLE postgres SET lock_timeout = 7"); connection.commit()\n        context.configure',
  );
  let begun = 0;
  const { faults, clusters } = await run({
    env,
    progress: (step) => void (begun += step.endsWith("the base branch's revisions · 1 of 1 · a") ? 1 : 0),
  });
  expect([faults, clusters > 0, begun]).toEqual([[], true, 1]);
});

test.each<[string, Case]>([
  [
    "a helper that makes a role",
    {
      head: {
        head: "import helper",
        upgrade: 'helper.do(op, "CREATE ROLE reader")',
        downgrade: 'helper.do(op, "DROP ROLE reader")',
      },
      files: { "helper.py": "def do(op, sql):\n    op.execute(sql)\n" },
    },
  ],
  [
    "a role in SQL that only the server sees",
    { head: { upgrade: dynamic("CREATE ROLE reader"), downgrade: dynamic("DROP ROLE reader") } },
  ],
  [
    "a setting of the database in SQL that only the server sees",
    {
      head: {
        upgrade: `op.execute("DO $$ BEGIN EXECUTE format('ALTER ' || 'DATABASE %I SET lock_timeout = 7', current_database()); END $$")`,
        downgrade: `op.execute("DO $$ BEGIN EXECUTE format('ALTER ' || 'DATABASE %I RESET lock_timeout', current_database()); END $$")`,
      },
    },
  ],
])("all is run again with a cluster each: %s", async (_, project) => {
  const { faults, clusters } = await run(project);
  expect(faults).toEqual([]);
  expect(clusters).toBeGreaterThan(0);
});

test("what a project makes while it is imported is copied under its connections", async () => {
  const app = `import psycopg2\nkept = psycopg2.connect("postgresql://app:secret@db.internal/app")\nkept.autocommit = True\nkept.cursor().execute("CREATE TABLE IF NOT EXISTS made_at_import (id int)")\n`;
  const { faults, clusters } = await run({ head: { ...table("tb"), head: "import app" }, files: { "app.py": app } });
  expect(faults).toEqual([]);
  expect(clusters).toBeGreaterThan(0);
});

test("all areas of a run share a cluster, which no other run has, until they are parted", async () => {
  const [one, other] = [open(Promise.resolve(false)), open(Promise.resolve(false))];
  const hostOf = async (scratch: ReturnType<typeof one.own>) => {
    const { connection } = await (await scratch).create("main");
    return `${connection.host}:${connection.port}`;
  };
  const [own, beside, others] = [await hostOf(one.own()), await hostOf(one.another()), await hostOf(other.own())];
  expect([beside === own, others === own]).toEqual([true, false]);
  const parted = await one.own();
  await one.separate();
  await expect(parted.create("late")).rejects.toThrow("the run is over");
  const [first, second] = [await hostOf(one.own()), await hostOf(one.own())];
  expect(new Set([own, others, first, second]).size).toBe(4);
  await Promise.all([one.close(), other.close()]);
});

test("what there is to say of a server is said by all runs on it", async () => {
  const on = { ...server, note: text`Wanted another one.` };
  for (const { notes } of [await run({ on }), await run({ on })]) expect(notes).toContain("Wanted another one.");
});

test("where nobody can know, each database gets a cluster of its own", async () => {
  const areas = open(Promise.reject(new Error("no history")));
  const scratch = await areas.own();
  expect([scratch.inOne, scratch.haveMet]).toEqual([false, undefined]);
  await areas.close();
});

test("what databases of a server have in common is known in code and in statements", () => {
  const about = [
    "CREATE ROLE app",
    "DROP OWNED BY app",
    "alter database app set search_path = x",
    "GRANT CONNECT ON DATABASE app TO public",
    "COMMENT ON DATABASE app IS 'x'",
    "CREATE TABLESPACE fast LOCATION '/x'",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
    "SELECT pg_terminate_backend(17)",
    "SELECT count(*) FROM pg_stat_activity",
    "SELECT * FROM pg_locks",
  ];
  const local = ["CREATE TABLE database (id int)", "DROP TABLE system", "GRANT SELECT ON t TO app", "SELECT current_database()"];
  const touches = (sql: string) => touchesServer([{ statements: [{ sql }] }] as never);
  const mentions = (sql: string) => mentionsServer(`op.execute(\n    "${sql.replace(" ", ' "\n    f"')}"\n)`);
  for (const sql of about) expect([sql, touches(sql), mentions(sql)]).toEqual([sql, true, true]);
  for (const sql of local) expect([sql, touches(sql), mentions(sql)]).toEqual([sql, false, false]);
});

test("a stop on something of the whole server is told from one of the project's", () => {
  const stopped = (message: string) => stoppedOnServer({ phases: [{ stops: [{ raised: { message } }] }] } as unknown as Evidence);
  for (const message of [
    'role "app" already exists',
    'role "app" cannot be dropped because some objects depend on it',
    'duplicate key value violates unique constraint "pg_authid_rolname_index"',
    "tuple concurrently updated",
    "terminating connection due to administrator command",
  ])
    expect([message, stopped(message)]).toEqual([message, true]);
  for (const message of [
    'role "app" does not exist',
    'relation "t" already exists',
    'duplicate key value violates unique constraint "t_pkey"',
  ])
    expect([message, stopped(message)]).toEqual([message, false]);
});
