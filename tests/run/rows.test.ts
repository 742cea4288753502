/** The pull request's revisions on rows, from end to end. */
import { describe, expect, inject, test } from "vitest";
import type { Evidence } from "../../src/run/evidence.ts";
import { seedOf } from "../../src/run/seed.ts";
import { plain, text } from "../../src/text.ts";
import { table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { runItinerary as run } from "../support/itinerary.ts";

const base = {
  a: {
    upgrade: `op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(80), nullable=False), sa.Column("note", sa.Text))`,
    downgrade: `op.drop_table("t")`,
  },
};
const sql = (...statements: string[]) => statements.map((statement) => `op.execute("""${statement}""")`).join("\n");
const revision = (upgrade: string, downgrade = "pass") => ({ b: { down: "a", upgrade, downgrade } });

const outline = ({ rows }: Evidence) =>
  rows?.phases.map(({ id, state, reason }) => `${id} ${state}${reason ? `: ${plain(reason)}` : ""}`);
const notes = ({ notes }: Evidence) =>
  notes.flatMap(({ what, reason }) => (what.includes("rows") ? [`${what}: ${plain(reason)}`] : []));

describe("where nothing old is touched", () => {
  test.for([
    ["a new table", table("u").upgrade, table("u").downgrade],
    ["a new table that refers to an old one", sql("CREATE TABLE u (t_id integer REFERENCES t)"), sql("DROP TABLE u")],
    ["a type", sql("CREATE TYPE mood AS ENUM ('x')"), sql("DROP TYPE mood")],
  ] as const)("%s: no rows are put anywhere", async ([, upgrade, downgrade]) => {
    const evidence = await run({ base, head: revision(upgrade, downgrade) });
    expect(evidence.rows).toBeUndefined();
    expect(notes(evidence)).toEqual([]);
  });

  test("nor where there is nothing to run", async () => {
    expect((await run({ base })).rows).toBeUndefined();
    expect((await run({ base: {}, head: base })).rows).toBeUndefined();
  });
});

describe("made-up rows", () => {
  test("go up, down and up again", async () => {
    const evidence = await run({ base, head: revision(sql("ALTER TABLE t ADD x integer"), sql("ALTER TABLE t DROP x")) });
    expect(outline(evidence)).toEqual(["rows-upgrade ok", "rows-downgrade ok", "rows-upgrade-again ok"]);
    expect(evidence.rows).toMatchObject({
      source: "made-up",
      filled: [{ table: "public.t", rows: 8 }],
      failures: [],
      losses: [],
      schema: [],
    });
  });

  test("say which table has none where only a database of the base branch shows that it is touched", async () => {
    // It waits, so that the empty database is the first to tell.
    const up = `if op.get_bind().scalar(sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND datname LIKE '%main%'")):
    op.execute("SELECT pg_sleep(2)")
    op.execute("ALTER TABLE t ADD x integer")`;
    const down = sql("ALTER TABLE t DROP COLUMN IF EXISTS x");
    const evidence = await run({ base, head: revision(up, down) });
    expect(notes(evidence)).toContainEqual(
      "rows in public.t: the revisions leave this table alone when they begin with an empty database, so it was not filled",
    );
  });

  test("tell nothing where the revisions do not even go up without them", async () => {
    const up = `op.execute("ALTER TABLE t ADD x integer")
if op.get_bind().scalar(sa.text("SELECT current_database()")).find("_main") >= 0:
    op.execute("SELECT 1 / 0")`;
    const evidence = await run({ base, head: revision(up, sql("ALTER TABLE t DROP x")) });
    expect(evidence.phase("upgrade").stop?.raised.sqlstate).toBe("22012");
    expect(evidence.rows).toBeUndefined();
    expect(notes(evidence)).toEqual([]);
  });

  test("that stop it make room for plain ones, so that what comes after is seen as well", async () => {
    const up = sql(
      "ALTER TABLE t ADD UNIQUE (name)",
      "ALTER TABLE t ALTER note SET NOT NULL",
      "ALTER TABLE t ADD x integer NOT NULL",
    );
    const evidence = await run({ base, head: revision(up) });
    const told = evidence.rows!.failures.map(({ rows, refusal, stop }) => [rows, refusal!.kind, refusal!.anyRow, stop.line]);
    expect(told).toEqual([
      ["varied", "unique", false, 10],
      ["plain", "not-null", true, 12],
    ]);
    expect(outline(evidence)![0]).toBe("rows-upgrade failed");
  });

  test("that stop it say so, and show the row", async () => {
    const evidence = await run({
      base,
      head: revision(sql("ALTER TABLE t ALTER note SET NOT NULL"), sql("ALTER TABLE t ALTER note DROP NOT NULL")),
    });
    const [failure] = evidence.rows!.failures;
    expect(failure).toMatchObject({ passesOnPlain: true, refusal: { select: "SELECT count(*) FROM t WHERE note IS NULL;" } });
    expect(JSON.parse(failure!.row!)).toMatchObject({ note: null });
    expect(outline(evidence)).toEqual(["rows-upgrade ok", "rows-downgrade ok", "rows-upgrade-again ok"]);
  });

  test("prove nothing where Python or a change of rows stumbles over them", async () => {
    const loop = `for row in op.get_bind().execute(sa.text("SELECT name FROM t")):\n    int(row.name.split("-")[1])`;
    const evidence = await run({ base, head: revision(loop) });
    expect(evidence.rows!.failures).toEqual([]);
    expect(notes(evidence).join()).toMatch(/upgrade\(\) of b stops \(IndexError.*give it rows of yours with seed/);
    const update = await run({ base, head: revision(sql("UPDATE t SET note = (1 / position('-' in name))::text")) });
    expect(update.rows!.failures).toEqual([]);
    expect(notes(update).join()).toMatch(/division by zero/);
  });

  test("what could not be filled is named", async () => {
    const odd = {
      a: {
        upgrade: sql("CREATE TABLE t (id integer CHECK (id % 1009 = 3 AND id > 5000) NOT NULL)"),
        downgrade: sql("DROP TABLE t"),
      },
    };
    const evidence = await run({ base: odd, head: revision(sql("ALTER TABLE t ADD x integer"), sql("ALTER TABLE t DROP x")) });
    expect(evidence.rows).toBeUndefined();
    expect(notes(evidence)).toEqual(["rows in public.t: none could be made up: no values were found that satisfy t_id_check"]);
  });

  test("show a schema that depends on them", async () => {
    const up = `if not op.get_bind().execute(sa.text("SELECT 1 FROM t LIMIT 1")).first():\n    op.execute("CREATE INDEX ix ON t (name)")`;
    const evidence = await run({ base, head: revision(up, sql("DROP INDEX IF EXISTS ix")) });
    expect(evidence.rows!.schema.map(({ change, name }) => `${change} ${name}`)).toEqual(["removed public.ix"]);
  });

  test("a downgrade that fails without rows is not tried with them", async () => {
    const evidence = await run({ base, head: revision(sql("ALTER TABLE t DROP note"), sql("SELECT 1 / 0")) });
    expect(outline(evidence)).toEqual([
      "rows-upgrade ok",
      "rows-downgrade not-run: the downgrade fails without any rows",
      "rows-upgrade-again not-run: the downgrade fails without any rows",
    ]);
    expect(evidence.rows!.losses).toMatchObject([{ how: "dropped", column: "note" }]);
  });
});

describe("a seed", () => {
  const head = revision(sql("ALTER TABLE t ADD UNIQUE (name)"), sql("ALTER TABLE t DROP CONSTRAINT t_name_key"));
  const options = async (files: Record<string, string>) => ({
    root: await writeFiles(files),
    directory: await writeFiles(files),
    interpreter: { command: [inject("pythons").default] },
    env: process.env,
    signal: new AbortController().signal,
    settings: { timeout: 30 },
  });

  test("is believed", async () => {
    const evidence = await run({
      base,
      head,
      seed: (scratch) => async (database) => {
        await scratch.query(database, "INSERT INTO t VALUES (1, 'x'), (2, 'x')");
        return undefined;
      },
    });
    expect(evidence.rows).toMatchObject({
      source: "seed",
      filled: [{ table: "public.t", rows: 2 }],
      failures: [{ rows: "seed" }],
    });
  });

  test("that fails is told, and rows are made up", async () => {
    const evidence = await run({ base, head, seed: () => async () => text`line 3 is wrong` });
    expect(evidence.rows!.source).toBe("made-up");
    expect(notes(evidence)[0]).toBe(
      "the project's own rows: the seed fails on a database of the base branch, so rows were made up: line 3 is wrong",
    );
  });

  test.for([
    ["a file", "rows.sql", undefined],
    ["the base branch's file, where it is another", "rows.sql", "INSERT INTO t VALUES (1, 'base'), (2, 'base')"],
    ["a command", "python seed.py", undefined],
  ] as const)("%s", async ([, seed, before]) => {
    const files = {
      "rows.sql": "INSERT INTO t VALUES (1, 'x'), (2, 'x')",
      "seed.py": `import os, psycopg2\nc = psycopg2.connect(os.environ["DATABASE_URL"])\nc.cursor().execute("INSERT INTO t VALUES (1, 'x'), (2, 'x')")\nc.commit()`,
    };
    const more = await options(files);
    const evidence = await run({
      base,
      head,
      seed: (scratch) => seedOf(seed, { ...more, scratch, ...(before !== undefined && { before }) }),
    });
    expect(notes(evidence)).toEqual([]);
    expect(evidence.rows!.failures).toMatchObject([{ rows: "seed", refusal: { kind: "unique" } }]);
    expect(JSON.parse(evidence.rows!.failures[0]!.row!)).toMatchObject({ name: before === undefined ? "x" : "base" });
  });

  test.for([
    ["rows.sql", { "rows.sql": "SELECT 1;\nINSERT INTO missing VALUES (1)" }, 'rows.sql:2: relation "missing" does not exist'],
    ["gone.sql", {}, "gone.sql cannot be read"],
    ["echo no luck >&2; exit 3", {}, "echo no luck >&2; exit 3 ended with status 3, and said: \nno luck"],
  ] as const)("%s: what is wrong is told", async ([seed, files, said]) => {
    const more = await options({ "x.txt": "", ...files });
    const evidence = await run({ base, head, seed: (scratch) => seedOf(seed, { ...more, scratch }) });
    expect(notes(evidence)[0]).toContain(said);
  });
});
