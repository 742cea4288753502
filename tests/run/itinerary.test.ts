/** The itinerary on a real Postgres, with small projects that each test writes. */
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Difference } from "../../src/postgres/catalog.ts";
import type { Evidence, Phase } from "../../src/run/evidence.ts";
import { plain } from "../../src/text.ts";
import { syncEnv } from "../support/alembic.ts";
import { table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { runItinerary as run, type Revisions } from "../support/itinerary.ts";

/** Each phase with its state and, where it was not run, the reason. */
const outline = ({ phases }: Evidence) =>
  Object.fromEntries(phases.map(({ id, state, reason }) => [id, reason ? plain(reason) : state]));
/** The steps of a phase that ended, and the one that did not with a `!`. */
const stepsOf = ({ steps }: Phase) => steps.map(({ revision, ended }) => (ended ? revision : `${revision}!`));
const differencesOf = ({ compared }: Phase) => compared?.differences.map(({ change, kind, name }) => `${change} ${kind} ${name}`);

const ok = {
  prepare: "ok",
  base: "ok",
  upgrade: "ok",
  downgrade: "ok",
  "upgrade-again": "ok",
  "history-downgrade": "ok",
  "history-upgrade": "ok",
};
const fails = { upgrade: 'op.execute("SELECT 1 / 0")' };
const a: Revisions = { a: table("ta") };

describe("a sound project", () => {
  test("goes the whole way, and every state that should come back does", async () => {
    const evidence = await run({
      base: { ...a, b: { down: "a", ...table("tb") } },
      head: { c: { down: "b", ...table("tc") }, d: { down: "c", ...table("td") } },
    });
    expect(outline(evidence)).toEqual(ok);
    expect(evidence.phases.map((phase) => [phase.id, phase.planned, stepsOf(phase)])).toEqual([
      ["prepare", [], []],
      ["base", ["a", "b"], ["a", "b"]],
      ["upgrade", ["c", "d"], ["c", "d"]],
      ["downgrade", ["d", "c"], ["d", "c"]],
      ["upgrade-again", ["c", "d"], ["c", "d"]],
      ["history-downgrade", ["d", "c", "b", "a"], ["d", "c", "b", "a"]],
      ["history-upgrade", ["a", "b", "c", "d"], ["a", "b", "c", "d"]],
    ]);
    expect(evidence.phases.flatMap((phase) => differencesOf(phase) ?? [])).toEqual([]);
    expect(evidence.phases.filter(({ compared }) => compared).map(({ id }) => id)).toEqual([
      "downgrade",
      "upgrade-again",
      "history-downgrade",
      "history-upgrade",
    ]);
    expect(evidence.phases.map(({ rows }) => rows?.found)).toEqual([[], ["b"], ["d"], ["b"], ["d"], [], ["d"]]);
    expect(
      evidence.phases.every(({ rows, stop, seconds }) => rows!.found.join() === rows!.expected.join() && !stop && seconds > 0),
    ).toBe(true);
    expect(evidence.schema!.map(({ name }) => name)).toEqual(["public.tc", "public.td"]);
    expect(evidence).toMatchObject({
      order: ["a", "b", "c", "d"],
      dbapi: "psycopg2",
      dialect: "postgresql",
      foreign: [],
      notes: [{ what: "whether the models match the migrations" }],
    });
    expect(evidence.progress).toContain("the pull request's revisions, up · d");
  });

  test("tells where each of several revisions does something", async () => {
    const evidence = await run({
      base: a,
      head: { b: { down: "a", ...table("tb") }, c: { down: "b", ...table("tc") }, d: { down: "c", ...table("td") } },
    });
    expect(evidence.phase("upgrade").steps[1]!.statements).toMatchObject([{ file: "migrations/versions/c.py", line: 10 }]);
  });

  test("where a downgrade leaves something, tells what each of several revisions does and which does not take it back", async () => {
    const evidence = await run({
      base: a,
      head: {
        b: { down: "a", ...table("tb") },
        c: { down: "b", ...table("tc"), downgrade: "pass" },
        d: { down: "c", ...table("td") },
      },
    });
    const told = (differences: readonly Difference[] = []) => differences.map(({ change, name }) => `${change} ${name}`);
    expect(evidence.phase("upgrade").steps.map(({ revision, effect }) => [revision, told(effect)])).toEqual([
      ["b", ["added public.tb"]],
      ["c", ["added public.tc"]],
      ["d", ["added public.td"]],
    ]);
    expect(
      evidence.phase("downgrade").unrestored.map(({ revision, differences }) => [revision, told(differences)]),
    ).toContainEqual(["c", ["added public.tc"]]);
  });

  test("with a single new revision, and with none", async () => {
    const one = await run({ base: a, head: { b: { down: "a", ...table("tb") } } });
    expect(one.phase("upgrade").steps[0]!.effect!.map(({ name }) => name)).toEqual(["public.tb"]);
    const none = await run({ base: a });
    const reason = "the pull request adds no revision";
    expect(outline(none)).toEqual({ ...ok, upgrade: reason, downgrade: reason, "upgrade-again": reason });
    expect(none.schema).toBeUndefined();
  });

  test("with no base at all: every revision is the pull request's", async () => {
    const evidence = await run({ base: {}, head: { ...a, b: { down: "a", ...table("tb") } } });
    expect(outline(evidence)).toEqual(ok);
    expect(evidence.phase("upgrade").planned).toEqual(["a", "b"]);
  });
});

describe("the graph's order", () => {
  const branches: Revisions = { ...a, b: { down: "a", ...table("tb") }, c: { down: "a", ...table("tc") } };

  test("a merge revision goes down to both of its parents", async () => {
    const evidence = await run({ base: branches, head: { m: { down: ["b", "c"], ...table("tm") } } });
    expect(outline(evidence)).toEqual(ok);
    expect(evidence.phase("base").rows!.found).toEqual(["b", "c"]);
    expect(evidence.phase("upgrade").rows!.found).toEqual(["m"]);
    expect(evidence.phase("downgrade").rows!.found).toEqual(["b", "c"]);
  });

  test("two heads go up one after the other", async () => {
    const evidence = await run({ base: a, head: { b: branches.b!, c: branches.c! } });
    expect(outline(evidence)).toEqual(ok);
    expect([...evidence.phase("upgrade").planned].sort()).toEqual(["b", "c"]);
    expect(evidence.phase("upgrade").rows!.found).toEqual(["b", "c"]);
  });

  test("what a revision depends on comes before it, and is gone after it", async () => {
    const evidence = await run({
      base: { ...a, x: { ...table("tx") } },
      head: {
        b: {
          down: "a",
          dependsOn: "x",
          upgrade: 'op.execute("ALTER TABLE tx ADD y int")',
          downgrade: 'op.execute("ALTER TABLE tx DROP y")',
        },
      },
    });
    expect(outline(evidence)).toEqual(ok);
    expect(evidence.order.indexOf("x")).toBeLessThan(evidence.order.indexOf("b"));
  });
});

describe("where it stops", () => {
  const after = { base: "env.py could not be run", upgrade: "the base branch's revisions do not run from an empty database" };
  const head = { b: { down: "a", ...table("tb") } };

  test("env.py that raises", async () => {
    const evidence = await run({ base: a, head, env: `${syncEnv()}\nraise RuntimeError("no moon")\n` });
    const { base: reason } = after;
    expect(outline(evidence)).toEqual({
      prepare: "failed",
      base: reason,
      upgrade: reason,
      downgrade: reason,
      "upgrade-again": reason,
      "history-downgrade": reason,
      "history-upgrade": reason,
    });
    expect(evidence.phase("prepare").stop).toMatchObject({
      file: "migrations/env.py",
      raised: { type: "RuntimeError", message: "no moon" },
    });
    expect(evidence.phase("prepare").stop).not.toHaveProperty("revision");
  });

  test("a base revision that fails", async () => {
    const evidence = await run({
      base: { ...a, broken: { down: "a", ...fails } },
      head: { b: { down: "broken", ...table("tb") } },
    });
    const { upgrade: reason } = after;
    expect(outline(evidence)).toEqual({
      ...ok,
      base: "failed",
      upgrade: reason,
      downgrade: reason,
      "upgrade-again": reason,
      "history-downgrade": reason,
      "history-upgrade": reason,
    });
    expect(evidence.phase("base").stop).toMatchObject({
      revision: "broken",
      file: "migrations/versions/broken.py",
      line: 10,
      raised: { sqlstate: "22012" },
    });
  });

  test("a base revision that only works in the project's own single transaction", async () => {
    const together = { upgrade: 'op.execute("CREATE TEMP TABLE handed ON COMMIT DROP AS SELECT 1 AS x")' };
    const uses = {
      down: "t",
      upgrade: 'op.execute("CREATE TABLE kept AS SELECT * FROM handed")',
      downgrade: 'op.drop_table("kept")',
    };
    const evidence = await run({ base: { t: together, u: uses }, head: { b: { down: "u", ...table("tb") } } });
    expect(outline(evidence)).toEqual(ok);
  });

  test("an upgrade that fails: what came before it in the same transaction is gone as well", async () => {
    const evidence = await run({ base: a, head: { ...head, c: { down: "b", ...fails } } });
    const reason = "upgrade head failed, so head was not reached";
    expect(outline(evidence)).toEqual({
      ...ok,
      upgrade: "failed",
      downgrade: reason,
      "upgrade-again": reason,
      "history-downgrade": reason,
      "history-upgrade": reason,
    });
    expect(stepsOf(evidence.phase("upgrade"))).toEqual(["b", "c!"]);
    expect(evidence.phase("upgrade").rows!.found).toEqual(["a"]);
    expect(evidence.schema).toBeUndefined();
  });

  test("a downgrade that fails hides nothing of the old history", async () => {
    const evidence = await run({
      base: { a: { ...table("ta"), downgrade: 'op.execute("SELECT 1 / 0")' } },
      head: { b: { down: "a", ...table("tb"), downgrade: 'op.drop_table("nothing")' } },
    });
    expect(outline(evidence)).toEqual({
      ...ok,
      downgrade: "failed",
      "upgrade-again": "the downgrade before it failed",
      "history-downgrade": "failed",
      "history-upgrade": "downgrade base failed, so there is nothing to upgrade from",
      "history-each": "failed",
    });
    expect(evidence.phase("downgrade").stop).toMatchObject({ revision: "b", line: 13 });
  });

  test("an old downgrade that fails leaves the pull request's own phases as they are", async () => {
    const evidence = await run({ base: { a: { ...table("ta"), downgrade: 'op.drop_table("nothing")' } }, head });
    expect(outline(evidence)).toEqual({
      ...ok,
      "history-downgrade": "failed",
      "history-upgrade": "downgrade base failed, so there is nothing to upgrade from",
      "history-each": "failed",
    });
    expect(evidence.phase("history-downgrade")).toMatchObject({ stop: { revision: "a" }, rows: { found: ["a"] } });
  });

  test("a second upgrade that fails on what was left behind", async () => {
    const kind = { down: "a", upgrade: "op.execute(\"CREATE TYPE kind AS ENUM ('x')\")", downgrade: "pass" };
    const evidence = await run({ base: a, head: { b: kind } });
    expect(outline(evidence)).toEqual({ ...ok, "upgrade-again": "failed", "history-upgrade": "failed" });
    expect(differencesOf(evidence.phase("downgrade"))).toEqual(["added enum type public.kind"]);
    expect(differencesOf(evidence.phase("history-downgrade"))).toEqual(["added enum type public.kind"]);
    expect(evidence.phase("upgrade-again").stop).toMatchObject({ revision: "b", raised: { sqlstate: "42710" } });
  });

  test("an env.py that swallows the error", async () => {
    const swallowing = syncEnv().replace(
      "            context.run_migrations()",
      "            try:\n                context.run_migrations()\n            except Exception:\n                pass",
    );
    const evidence = await run({ base: a, head: { b: { down: "a", ...fails } }, env: swallowing });
    expect(evidence.phase("upgrade")).toMatchObject({ state: "failed", stop: { revision: "b", raised: { sqlstate: "22012" } } });
  });

  test("a commit that never comes: the version rows say so", async () => {
    const rolledBack = syncEnv().replace(
      "            context.run_migrations()",
      "            context.run_migrations()\n            connection.connection.rollback()",
    );
    const evidence = await run({ base: a, head, env: rolledBack });
    expect(evidence.phase("base")).toMatchObject({ state: "ok" });
    expect(evidence.phase("upgrade").state).toBe("ok");
    expect(evidence.phase("upgrade").rows!.found).not.toEqual(evidence.phase("upgrade").rows!.expected);
    expect(outline(evidence).downgrade).toBe("upgrade head failed, so head was not reached");
  });

  test("a revision that hangs is ended, and the rest is still run", async () => {
    const mark = path.join(await writeFiles({}), "mark");
    const downgrade = `import pathlib
database = op.get_bind().scalar(sa.text("SELECT current_database()"))
if "main" in database and not pathlib.Path("${mark}").exists():
    pathlib.Path("${mark}").touch()
    op.execute("SELECT pg_sleep(600)")
op.drop_table("tb")`;
    const evidence = await run({ base: a, head: { b: { down: "a", ...table("tb"), downgrade } }, timeout: 4 });
    expect(outline(evidence)).toEqual({ ...ok, downgrade: "failed", "upgrade-again": "the downgrade before it failed" });
    expect(evidence.phase("downgrade").stop).toMatchObject({
      revision: "b",
      file: "migrations/versions/b.py",
      line: 17,
      timedOut: { statement: "SELECT pg_sleep(600)" },
    });
  });

  test("a process that dies hides nothing of what comes after", async () => {
    const evidence = await run({ base: a, head: { b: { down: "a", ...table("tb"), downgrade: "import os\nos._exit(9)" } } });
    expect(evidence.phase("downgrade").stop).toMatchObject({ revision: "b", raised: { type: "ProcessDied" } });
    expect(outline(evidence)).toMatchObject({ "upgrade-again": "the downgrade before it failed", "history-downgrade": "failed" });
    expect(evidence.phase("history-downgrade").stop).toMatchObject({ revision: "b" });
  });

  test("an env.py that can run only once in a process gets a new one, and so does the base branch's", async () => {
    const shared = "import sqlalchemy as sa\nmetadata = sa.MetaData()\n";
    const once = `import os, sys\nsys.path.insert(0, os.getcwd())\nimport sqlalchemy as sa, shared\nsa.Table("model", shared.metadata, sa.Column("id", sa.Integer))\n`;
    const kept = { a: { ...table("ta"), downgrade: 'op.execute("SELECT 1")' } };
    const evidence = await run({
      base: kept,
      head: { b: { down: "a", ...table("tb") } },
      env: once + syncEnv(),
      files: { "shared.py": shared },
      plan: { fromBaseFiles: false },
    });
    expect(outline(evidence)).toEqual({ ...ok, "history-upgrade": "failed" });
    expect(evidence.onBase!.phases.map(({ id, state, stop }) => [id, state, stop?.revision])).toEqual([
      ["base", "not-run", undefined],
      ["history-downgrade", "ok", undefined],
      ["history-upgrade", "failed", "a"],
    ]);
  });

  test("another database than Postgres", async () => {
    const url = '"sqlite:///app.db"';
    const evidence = await run({ base: a, env: syncEnv(url), plan: { postgresIsMeant: false } });
    expect(evidence.unsupported).toBe("sqlite");
    expect(outline(evidence)).toMatchObject({ prepare: "ok", base: "the project runs on sqlite" });
    expect(outline(await run({ base: a, env: syncEnv(url) }))).toMatchObject({ prepare: "ok", base: "ok" });
  });
});

describe("what does not come back", () => {
  const change = (what: string, back: string, down: string) => ({
    down,
    upgrade: `op.execute("""${what}""")`,
    downgrade: `op.execute("""${back}""")`,
  });

  test("is put on the revision whose downgrade did not bring it", async () => {
    const evidence = await run({
      base: a,
      head: {
        b: change("ALTER TABLE ta ADD note text; CREATE INDEX ix_note ON ta (note)", "DROP INDEX ix_note", "a"),
        c: change("ALTER TABLE ta ADD more text DEFAULT 'x'", "ALTER TABLE ta DROP more", "b"),
        d: change("ALTER TABLE ta ALTER more DROP DEFAULT", "SELECT 1", "c"),
      },
    });
    const { unrestored } = evidence.phase("downgrade");
    expect(unrestored.map(({ revision, differences }) => [revision, differences.map(({ name }) => name)])).toEqual([
      ["d", ["public.ta.more"]],
      ["b", ["public.ta.note"]],
    ]);
    expect(differencesOf(evidence.phase("downgrade"))).toEqual(["added column public.ta.note"]);
  });

  test("and a second upgrade may give another schema without a word", async () => {
    const sly = {
      down: "a",
      upgrade: 'op.execute("CREATE TABLE IF NOT EXISTS kept (id int)")\nop.execute("ALTER TABLE kept ALTER id SET DEFAULT 1")',
      downgrade: 'op.execute("ALTER TABLE kept ADD old int")',
    };
    const evidence = await run({ base: a, head: { b: sly } });
    expect(differencesOf(evidence.phase("upgrade-again"))).toEqual(["added column public.kept.old"]);
  });
});

describe("production is committed", () => {
  const enums = {
    k: {
      upgrade: "op.execute(\"CREATE TYPE kind AS ENUM ('x'); CREATE TABLE t (k kind)\")",
      downgrade: 'op.execute("DROP TABLE t; DROP TYPE kind")',
    },
  };

  test("an enum label that is added and used in one transaction fails as it will there", async () => {
    const head = {
      b: { down: "k", upgrade: "op.execute(\"ALTER TYPE kind ADD VALUE 'y'\")\nop.execute(\"INSERT INTO t VALUES ('y')\")" },
    };
    const evidence = await run({ base: enums, head });
    expect(evidence.phase("upgrade").stop).toMatchObject({ revision: "b", raised: { sqlstate: "55P04" } });
  });

  test("and so it does across two revisions of one run", async () => {
    const head = {
      b: { down: "k", upgrade: "op.execute(\"ALTER TYPE kind ADD VALUE 'y'\")" },
      c: { down: "b", upgrade: "op.execute(\"INSERT INTO t VALUES ('y')\")" },
    };
    const evidence = await run({ base: enums, head });
    expect(evidence.phase("upgrade").stop).toMatchObject({ revision: "c", raised: { sqlstate: "55P04" } });
  });
});

describe("the base branch's own files", () => {
  const edited = {
    a: {
      ...table("ta"),
      upgrade: 'op.create_table("ta", sa.Column("id", sa.Integer, primary_key=True), sa.Column("new", sa.Text))',
    },
  };

  test("build what production has, where the pull request changed an applied revision", async () => {
    const evidence = await run({
      base: a,
      head: { ...edited, b: { down: "a", upgrade: 'op.execute("SELECT new FROM ta")' } },
      plan: { fromBaseFiles: true },
    });
    expect(outline(evidence)).toMatchObject({ base: "ok", upgrade: "failed" });
    expect(evidence.phase("upgrade").stop).toMatchObject({ raised: { sqlstate: "42703" } });
  });

  test("are run by themselves where an old revision looks faulty, to tell whose fault it is", async () => {
    const old = { a: { ...table("ta"), downgrade: 'op.drop_table("nothing")' } };
    const evidence = await run({ base: old, head: { b: { down: "a", ...table("tb") } }, plan: { fromBaseFiles: false } });
    expect(evidence.onBase!.phases.map(({ id, state }) => [id, state])).toEqual([
      ["base", "not-run"],
      ["history-downgrade", "failed"],
      ["history-upgrade", "not-run"],
    ]);
    expect(evidence.onBase!.phases[1]!.stop).toMatchObject({ revision: "a" });
  });

  test("are left alone where nothing looks faulty", async () => {
    const evidence = await run({ base: a, head: { b: { down: "a", ...table("tb") } }, plan: { fromBaseFiles: false } });
    expect(evidence.onBase).toBeUndefined();
  });

  test("that stand at a revision which the pull request does not have stop the journey", async () => {
    const evidence = await run({
      base: { ...a, gone: { down: "a", ...table("tg") } },
      head: { b: { down: "a" } },
      deleted: ["gone"],
      plan: { fromBaseFiles: true },
    });
    const reason =
      'a database of the base branch stands at gone, which the pull request does not have: Alembic stops with "Can\'t locate revision"';
    expect(outline(evidence)).toMatchObject({ base: "ok", upgrade: reason, "history-upgrade": reason });
  });
});

describe("a squash", () => {
  const base = { ...a, b: { down: "a", ...table("tb") } };
  const both = (second: string) => ({
    upgrade: `op.create_table("ta", sa.Column("id", sa.Integer, primary_key=True)); op.create_table("${second}", sa.Column("id", sa.Integer, primary_key=True))`,
    downgrade: `op.drop_table("${second}"); op.drop_table("ta")`,
  });
  const squashed = (second: string) =>
    run({
      base,
      head: { n: both(second), c: { down: "n", ...table("tc") } },
      deleted: ["a", "b"],
      plan: { fromBaseFiles: true, squash: { substitute: "n", last: "b" } },
    });

  test("is proved by the catalog, and the journey goes on where databases are told the new name", async () => {
    const evidence = await squashed("tb");
    expect(evidence.phase("squash")).toMatchObject({ state: "ok", planned: ["n"], compared: { differences: [] } });
    expect(evidence.phase("upgrade")).toMatchObject({ state: "ok", planned: ["c"] });
    expect(evidence.phase("downgrade").rows!.found).toEqual(["n"]);
    expect(evidence.phase("history-upgrade").compared!.differences).toEqual([]);
  });

  test("is refuted by it", async () => {
    const { phase } = await squashed("tx");
    expect(
      phase("squash")
        .compared!.differences.filter(({ kind }) => kind === "table")
        .map(({ change, name }) => [change, name]),
    ).toEqual([
      ["removed", "public.tb"],
      ["added", "public.tx"],
    ]);
  });

  test("of the beginning is run with what remains, and not on databases that are beyond it", async () => {
    const evidence = await run({
      base: { ...base, c: { down: "b", ...table("tc") } },
      head: { n: both("tb"), c: { down: "n", ...table("tc") } },
      deleted: ["a", "b"],
      plan: { fromBaseFiles: true, squash: { substitute: "n", last: "b" } },
    });
    expect(evidence.phase("squash")).toMatchObject({ planned: ["n", "c"], compared: { differences: [] } });
    expect(evidence.phase("upgrade")).toMatchObject({ state: "not-run", planned: [] });
  });
});

test("a repair of heads goes on where the version table is tidied", async () => {
  const evidence = await run({
    base: { ...a, x: { down: "a", ...table("tx") }, y: { down: "a", ...table("ty") } },
    head: { y: { down: "x", ...table("ty") }, n: { down: "y", ...table("tn") } },
    plan: { fromBaseFiles: true },
  });
  expect(evidence.phase("base").rows!.found).toEqual(["x", "y"]);
  expect(evidence.phase("upgrade").rows!.found).toEqual(["n"]);
  expect(evidence.phase("downgrade").rows!.found).toEqual(["y"]);
  expect(outline(evidence)).toMatchObject({
    upgrade: "ok",
    "upgrade-again": "ok",
    "history-downgrade": "ok",
    "history-upgrade": "ok",
  });
});

describe("an edited downgrade", () => {
  test("has the base branch's run as well, where the pull request's shows nothing", async () => {
    const evidence = await run({
      base: { a: { ...table("ta"), downgrade: 'op.drop_table("nothing")' }, b: { down: "a", ...table("tb") } },
      head: { a: table("ta") },
      plan: { fromBaseFiles: true, editedDowngrades: ["a"] },
    });
    expect(evidence.phase("history-downgrade")).toMatchObject({ state: "ok" });
    expect(evidence.onBase!.phases.find(({ id }) => id === "history-downgrade")!.stop).toMatchObject({ revision: "a" });
  });

  test("is tried by itself on the base branch, where another one stops the way down", async () => {
    const evidence = await run({
      base: {
        a: { ...table("ta"), downgrade: 'op.drop_table("nothing")' },
        b: { down: "a", ...table("tb"), downgrade: 'op.drop_table("neither")' },
      },
      head: { a: table("ta") },
      plan: { fromBaseFiles: true, editedDowngrades: ["a"] },
    });
    expect(evidence.onBase!.phases.find(({ id }) => id === "history-each")!.stops).toMatchObject([{ revision: "a" }]);
  });
});

describe("a baseline", () => {
  test("stands for its revision and all below it", async () => {
    const sql = "CREATE TABLE ta (id serial PRIMARY KEY);";
    const evidence = await run({
      base: { a: fails, b: { down: "a", ...table("tb") } },
      head: { c: { down: "b", ...table("tc") } },
      plan: { scripts: [{ file: "schema.sql", sql }], baseline: "a" },
    });
    expect(outline(evidence)).toEqual(ok);
    expect(evidence.phase("base").planned).toEqual(["b"]);
    expect(evidence.phase("history-downgrade").rows!.found).toEqual(["a"]);
  });

  test("that is no SQL is wrong use, with the line", async () => {
    const scripts = [{ file: "schema.sql", sql: "SELECT 1;\nCREATE TABEL x ();" }];
    await expect(run({ base: a, plan: { scripts } })).rejects.toMatchObject({
      exitCode: 2,
      place: { file: "schema.sql", line: 2 },
    });
  });
});

describe("the whole history beside the rest", () => {
  const database = 'op.get_bind().scalar(sa.text("SELECT current_database()"))';

  test("counts for nothing where it fails: then it is run afterwards", async () => {
    const upgrade = `assert "history" not in ${database}\nop.create_table("tb", sa.Column("id", sa.Integer, primary_key=True))`;
    const evidence = await run({ base: a, head: { b: { down: "a", ...table("tb"), upgrade } } });
    expect(outline(evidence)).toEqual(ok);
    expect(stepsOf(evidence.phase("history-upgrade"))).toEqual(["a", "b"]);
    expect(differencesOf(evidence.phase("history-upgrade"))).toEqual([]);
  });

  test("counts for nothing where it leaves something behind: that is seen on the way back from H", async () => {
    const evidence = await run({
      base: { a: { ...table("ta"), downgrade: "pass" } },
      head: { b: { down: "a", ...table("tb") } },
    });
    expect(differencesOf(evidence.phase("history-downgrade"))).toEqual(["added table public.ta"]);
    expect(evidence.phase("history-upgrade").stop).toMatchObject({ revision: "a", raised: { sqlstate: "42P07" } });
  });

  test("is not in the way of the rest where both make the same role on one server", async () => {
    const role = `role_${Math.random().toString(36).slice(2)}`;
    const make = { upgrade: `op.execute("CREATE ROLE ${role}")`, downgrade: `op.execute("DROP ROLE ${role}")` };
    const evidence = await run({ base: { a: make }, head: { b: { down: "a", ...table("tb") } } });
    expect(outline(evidence)).toEqual(ok);
  });

  const late = `import time; time.sleep(0 if "history" in ${database} else 0.7)\n`;

  test.each<[string, boolean, string]>([
    ["side by side", true, ""],
    ["the history ends before the rest begins", true, late],
    ["in a row", false, ""],
  ])("drops a role with rights in the database, whatever copies there are: %s", async (_, together, first) => {
    const role = `role_${Math.random().toString(36).slice(2)}`;
    const make = {
      upgrade: `${first}op.execute("CREATE TABLE t (id int); CREATE ROLE ${role}; GRANT SELECT ON t TO ${role}")`,
      downgrade: `op.execute("DROP TABLE t; DROP ROLE ${role}")`,
    };
    const evidence = await run({
      base: { a: make },
      head: { b: { down: "a", ...table("tb") } },
      plan: { fromBaseFiles: false, editedDowngrades: ["a"], together },
      madeAhead: true,
    });
    expect(outline(evidence)).toEqual(ok);
    expect(evidence.onBase?.phases.map(({ id, state }) => [id, state])).toEqual([
      ["base", "not-run"],
      ["history-downgrade", "ok"],
      ["history-upgrade", "ok"],
    ]);
  });
});

test("what a trigger of the project does to the schema when made-up rows come in is not the pull request's doing", async () => {
  const once = `op.execute("""CREATE TABLE ta (id int PRIMARY KEY);
CREATE FUNCTION once() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN DROP FUNCTION once() CASCADE; RETURN NEW; END$$;
CREATE TRIGGER once AFTER INSERT ON ta FOR EACH STATEMENT EXECUTE FUNCTION once()""")`;
  const column = 'op.add_column("ta", sa.Column("note", sa.Text))';
  const evidence = await run({
    base: { a: { upgrade: once, downgrade: 'op.execute("DROP TABLE ta; DROP FUNCTION once")' } },
    head: { b: { down: "a", upgrade: column, downgrade: 'op.drop_column("ta", "note")' } },
  });
  expect(evidence.rows).toMatchObject({ filled: [{ table: "public.ta" }], failures: [], schema: [] });
});
