/** What the itinerary promises, sentence by sentence, where no other test says it. */
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { startServer } from "../../src/postgres/server.ts";
import type { Phase } from "../../src/run/evidence.ts";
import { plain } from "../../src/text.ts";
import { alembicFiles, asyncEnv, revision, syncEnv } from "../support/alembic.ts";
import { table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { runProject } from "../support/migrations.ts";
import { runItinerary, type Revisions } from "../support/itinerary.ts";

const a: Revisions = { a: table("ta") };
const states = (phases: Phase[]) => [...new Set(phases.map(({ state }) => state))];
const stopsOf = (phases: Phase[]) => phases.flatMap(({ id, stop }) => (stop ? [[id, stop.revision, stop.raised.message]] : []));
const sql = (...statements: string[]) => statements.map((statement) => `op.execute("${statement}")`).join("\n");

describe("a concurrent index", () => {
  const concurrently = (what: string) => `with op.get_context().autocommit_block():\n    op.execute("${what}")`;
  test.skipIf(inject("pythonMinor") < 10).each([
    ["psycopg2", syncEnv()],
    ["psycopg", syncEnv('"postgresql+psycopg://app:secret@db.internal/app"')],
    ["asyncpg", asyncEnv()],
  ])("waits for no transaction of ours: %s", async (_, env) => {
    const evidence = await runItinerary({
      base: a,
      head: {
        b: { down: "a", ...table("tb") },
        c: {
          down: "b",
          upgrade: concurrently("CREATE INDEX CONCURRENTLY ix ON tb (id)"),
          downgrade: concurrently("DROP INDEX CONCURRENTLY ix"),
        },
        d: { down: "c", ...table("td") },
      },
      env,
      timeout: 10,
      driver: { python: [inject("pythons").newest] },
    });
    expect([states(evidence.phases), stopsOf(evidence.phases)]).toEqual([["ok"], []]);
  });
});

describe("B0 is production", () => {
  test("each applied revision is committed on its own, the pull request's run in one transaction of the project's", async () => {
    const mark = (id: string) => ({
      upgrade: sql(`CREATE TABLE x${id} AS SELECT txid_current() AS x`),
      downgrade: sql(`DROP TABLE x${id}`),
    });
    const same = (one: string, other: string) =>
      `assert op.get_bind().exec_driver_sql("SELECT x FROM x${one}").scalar() ${other}`;
    const now = 'op.get_bind().exec_driver_sql("SELECT txid_current()").scalar()';
    const evidence = await runItinerary({
      base: { a: mark("a"), b: { down: "a", ...mark("b") } },
      head: {
        c: {
          down: "b",
          ...mark("c"),
          upgrade: `${mark("c").upgrade}\n${same("a", '!= op.get_bind().exec_driver_sql("SELECT x FROM xb").scalar()')}`,
        },
        d: { down: "c", upgrade: same("c", `== ${now}`) },
      },
    });
    // The whole history once more is one transaction of the project's own: there a and b are together.
    expect(evidence.phase("upgrade")).toMatchObject({ state: "ok" });
    expect(evidence.phase("base")).toMatchObject({ state: "ok" });
  });

  test("where env.py begins the transaction itself as well", async () => {
    const env = syncEnv().replace("        context.configure(", "        connection.begin()\n        context.configure(");
    const evidence = await runItinerary({
      base: {
        a: { upgrade: sql("CREATE TYPE kind AS ENUM ('x')"), downgrade: sql("DROP TYPE kind") },
        b: { down: "a", upgrade: sql("ALTER TYPE kind ADD VALUE 'y'") },
      },
      head: { c: { down: "b", upgrade: sql("CREATE TABLE t (k kind DEFAULT 'y')"), downgrade: sql("DROP TABLE t") } },
      env: env.replace(
        "            context.run_migrations()",
        "            context.run_migrations()\n        connection.commit()",
      ),
    });
    expect(evidence.phase("base").state).toBe("ok");
    expect(evidence.phase("upgrade").state).toBe("ok");
  });
});

describe("what one phase does another does not see", () => {
  test("its roles, on a server of our own", async () => {
    const server = await startServer({ choice: "auto", env: process.env });
    onTestFinished(() => server.stop());
    const role = {
      upgrade: sql("CREATE ROLE reader", "CREATE TABLE t (id int)", "GRANT SELECT ON t TO reader"),
      downgrade: sql("DROP TABLE t", "DROP ROLE reader"),
    };
    const evidence = await runItinerary({ base: a, head: { b: { down: "a", ...role } }, server });
    expect([states(evidence.phases), stopsOf(evidence.phases)]).toEqual([["ok"], []]);
  });

  test("a role that a downgrade leaves: the upgrade after it fails, as it will", async () => {
    const server = await startServer({ choice: "auto", env: process.env });
    onTestFinished(() => server.stop());
    const evidence = await runItinerary({ base: a, head: { b: { down: "a", upgrade: sql("CREATE ROLE reader") } }, server });
    expect(evidence.phase("upgrade-again").stop).toMatchObject({ revision: "b", raised: { sqlstate: "42710" } });
  });

  test("its connections: a pooled engine of the application's does not lead the next phase to the old database", async () => {
    const app = `import sqlalchemy as sa\nengine = sa.create_engine("postgresql+psycopg2://app:secret@db.internal/app", pool_size=5)\nkept = []\n`;
    const env = syncEnv().replace(
      'connectable = create_engine("postgresql+psycopg2://app:secret@db.internal:5432/app", poolclass=pool.NullPool)',
      "connectable = app.engine",
    );
    const evidence = await runItinerary({
      base: a,
      head: {
        b: {
          down: "a",
          ...table("tb"),
          head: "import app",
          upgrade: `${table("tb").upgrade}\napp.kept.append(app.engine.connect())`,
        },
      },
      env: `import os, sys\nsys.path.insert(0, os.getcwd())\nimport app\n${env}`,
      files: { "app.py": app },
    });
    expect([states(evidence.phases), stopsOf(evidence.phases)]).toEqual([["ok"], []]);
  });
});

test("a difference after one step is none where it is gone at the end", async () => {
  const evidence = await runItinerary({
    base: a,
    head: {
      b: { down: "a", upgrade: sql("CREATE TABLE tb (id int)"), downgrade: sql("DROP TABLE tb", "DROP TABLE IF EXISTS late") },
      c: { down: "b", upgrade: sql("CREATE TABLE late (id int)"), downgrade: "pass" },
    },
  });
  expect(evidence.phase("downgrade").compared!.differences).toEqual([]);
});

test("what env.py makes with no revision at all is part of the empty database", async () => {
  const env = syncEnv().replace(
    "        context.configure(",
    '        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS audit")\n        connection.commit()\n        context.configure(',
  );
  const evidence = await runItinerary({ base: a, head: { b: { down: "a", ...table("tb") } }, env });
  expect(states(evidence.phases)).toEqual(["ok"]);
  expect(evidence.phase("history-downgrade").compared!.differences).toEqual([]);
});

test("what a phase ends in is told by the version rows and the steps, not by the exit of env.py", async () => {
  const env = syncEnv().replace(
    "\nrun_migrations_online()\n",
    "\ntry:\n    run_migrations_online()\nexcept BaseException:\n    pass\n",
  );
  const evidence = await runItinerary({
    base: a,
    head: { b: { down: "a", ...table("tb"), downgrade: "raise SystemExit(0)" } },
    env,
  });
  expect(evidence.phase("downgrade")).toMatchObject({ state: "failed", stop: { revision: "b" }, rows: { found: ["b"] } });
});

test("a dependency leaves its version row beside that of the head", async () => {
  const evidence = await runItinerary({
    base: { ...a, x: table("tx") },
    head: { y: { down: "x", ...table("ty") }, b: { down: "a", dependsOn: "y", ...table("tb") } },
  });
  expect([states(evidence.phases), evidence.phase("upgrade").rows!.found]).toEqual([
    ["ok"],
    evidence.phase("upgrade").rows!.expected,
  ]);
});

test("the driver is asked which database it is in", async () => {
  const env = syncEnv().replace(
    "    with connectable.connect()",
    `    from sqlalchemy import event
    @event.listens_for(connectable, "do_connect", insert=True)
    def elsewhere(dialect, record, positional, named):
        named["database"] = named["dbname"] = "postgres"
    with connectable.connect()`,
  );
  const evidence = await runItinerary({ base: a, env });
  // Whatever env.py changes last, the connection is the scratch database's.
  expect(evidence.phase("prepare").state).toBe("ok");
  expect(evidence.phase("base").rows!.found).toEqual(["a"]);
});

test("where the base branch's own files do not load, B0 is built from the pull request's, and the report says so", async () => {
  const write = (revisions: Revisions) =>
    writeFiles(alembicFiles(Object.fromEntries(Object.entries(revisions).map(([id, options]) => [id, revision(id, options)]))));
  const root = await write({ ...a, b: { down: "a", ...table("tb") } });
  const baseRoot = await write({ a: { ...table("ta"), head: "import a_module_that_is_gone" } });
  const evidence = await runProject({
    root,
    applied: Promise.resolve({
      base: new Set(["a"]),
      changed: ["migrations/versions/a.py"],
      fromBaseFiles: true,
      sources: [],
      editedDowngrades: [],
      baseRoot: async () => baseRoot,
    }),
  });
  expect(evidence!.baseFiles).toBeUndefined();
  expect(evidence!.phases.find(({ id }) => id === "base")).toMatchObject({ state: "ok", planned: ["a"] });
  expect(evidence!.notes.map(({ reason }) => plain(reason)).join("\n")).toContain(
    "the base branch's own files cannot be loaded here, so old revisions were judged by the pull request's",
  );
});
