/** The pull request's revisions on rows, on scratch SQLite files. */
import { describe, expect, inject, test } from "vitest";
import type { Evidence } from "../../src/run/evidence.ts";
import { seedOf } from "../../src/run/seed.ts";
import { plain } from "../../src/text.ts";
import { syncEnv } from "../support/alembic.ts";
import { writeFiles } from "../support/files.ts";
import { runItinerary } from "../support/itinerary.ts";

const plainEnv = syncEnv('"sqlite:///data.db"');
const enforcing = `from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "connect")
def foreign_keys(connection, record):
    connection.execute("PRAGMA foreign_keys = ON")

${plainEnv}`;

const sql = (...statements: string[]) => statements.map((statement) => `op.execute("""${statement} """)`).join("\n");
const batch = (table: string, ...lines: string[]) =>
  `with op.batch_alter_table("${table}") as batch:\n${lines.map((line) => `    ${line}`).join("\n")}`;
const notesTable = `op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text), sa.Column("size", sa.Integer, nullable=False))`;
const base = { a: { upgrade: notesTable, downgrade: 'op.drop_table("notes")' } };
const comments = (action: string) => ({
  a: {
    upgrade: `${notesTable}\n${sql(`CREATE TABLE comments (id INTEGER PRIMARY KEY, note_id INTEGER REFERENCES notes (id) ${action}, text TEXT)`)}`,
    downgrade: sql("DROP TABLE comments", "DROP TABLE notes"),
  },
});
const run = (upgrade: string, downgrade = "pass", more: Partial<Parameters<typeof runItinerary>[0]> = {}) =>
  runItinerary({ env: plainEnv, sqlite: true, base, head: { b: { down: "a", upgrade, downgrade } }, ...more });

const phases = ({ rows }: Evidence) =>
  rows?.phases.map(({ id, state, reason }) => `${id} ${state}${reason ? `: ${plain(reason)}` : ""}`);
const ran = ["rows-upgrade ok", "rows-downgrade ok", "rows-upgrade-again ok"];
const notes = ({ notes }: Evidence) =>
  notes.flatMap(({ what, reason }) => (what.includes("rows") ? [`${what}: ${plain(reason)}`] : []));

test("go up, down and up again, in tables with capitals in their names as well", async () => {
  const odd = {
    a: { upgrade: sql(`CREATE TABLE "Odd Name" ("Key" TEXT PRIMARY KEY)`), downgrade: sql(`DROP TABLE "Odd Name"`) },
  };
  const evidence = await run(sql("ALTER TABLE [odd name] ADD x INTEGER"), sql("ALTER TABLE [odd name] DROP x"), { base: odd });
  expect(phases(evidence)).toEqual(ran);
  expect(evidence.rows).toMatchObject({
    source: "made-up",
    filled: [{ table: 'main."Odd Name"', rows: 8 }],
    failures: [],
    losses: [],
    schema: [],
  });
  expect(notes(evidence)).toEqual([]);
});

test("are put nowhere where nothing old is touched", async () => {
  const evidence = await run(sql("CREATE TABLE other (id INTEGER)"), sql("DROP TABLE other"));
  expect([evidence.rows, notes(evidence)]).toEqual([undefined, []]);
});

describe("what any rows refuse", () => {
  test.for([
    ["a column that must not be NULL", `op.add_column("notes", sa.Column("x", sa.Integer, nullable=False))`, "not-null", "x"],
    [
      "the same in a copy",
      batch("notes", 'batch.add_column(sa.Column("x", sa.Integer, nullable=False))', 'batch.alter_column("size", nullable=True)'),
      "not-null",
      "x",
    ],
    [
      "a default that is no constant",
      `op.add_column("notes", sa.Column("at", sa.DateTime, server_default=sa.func.now()))`,
      "default",
      "at",
    ],
    [
      "one default for a unique column",
      batch(
        "notes",
        'batch.add_column(sa.Column("x", sa.Text, server_default="x"))',
        'batch.create_unique_constraint("uq", ["x"])',
      ),
      "unique",
      "x",
    ],
    [
      "a column that has just been added and is still empty",
      `${batch("notes", 'batch.add_column(sa.Column("x", sa.Text))')}\n${batch("notes", 'batch.alter_column("x", nullable=False)')}`,
      "not-null",
      "x",
    ],
    ["a condition on it", sql("ALTER TABLE notes ADD COLUMN x INTEGER DEFAULT 1 CHECK (x > 1)"), "check", "x"],
    ["a stored column", sql("ALTER TABLE notes ADD COLUMN x AS (size * 2) STORED"), "stored", "x"],
  ] as const)("%s", async ([, upgrade, kind, column]) => {
    const evidence = await run(upgrade);
    expect(evidence.rows!.failures).toMatchObject([
      { rows: "varied", refusal: { kind, table: "notes", columns: [column], ddl: true, anyRow: true } },
    ]);
    expect(JSON.parse(evidence.rows!.failures[0]!.row!)).toMatchObject({ id: 1001, size: 1 });
    expect(phases(evidence)![1]).toBe("rows-downgrade not-run: the upgrade before it failed");
  });
});

describe("what some rows refuse", () => {
  test.for([
    [
      "NULLs",
      batch("notes", 'batch.alter_column("body", nullable=False)'),
      { kind: "not-null", columns: ["body"], select: "SELECT count(*) FROM notes WHERE body IS NULL;" },
      { body: null },
    ],
    [
      "NULLs, in a copy that was written by hand",
      sql(
        "CREATE TABLE new (id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
        "INSERT INTO new (id, text) SELECT id, body FROM notes",
        "DROP TABLE notes",
        "ALTER TABLE new RENAME TO notes",
      ),
      { kind: "not-null", columns: ["text"], select: "SELECT count(*) FROM notes WHERE body IS NULL;" },
      { body: null },
    ],
    [
      "equal values",
      batch("notes", 'batch.create_unique_constraint("uq", ["size"])'),
      {
        kind: "unique",
        columns: ["size"],
        select: "SELECT size, count(*) FROM notes WHERE size IS NOT NULL GROUP BY size HAVING count(*) > 1;",
      },
      { size: 3, "count(*)": 3 },
    ],
    [
      "equal values in an index",
      `op.create_index("ix", "notes", ["body", "size"], unique=True)`,
      {
        kind: "unique",
        columns: ["body", "size"],
        select:
          "SELECT body, size, count(*) FROM notes WHERE body IS NOT NULL AND size IS NOT NULL GROUP BY body, size HAVING count(*) > 1;",
      },
      { body: "Text 2" },
    ],
    [
      "a condition",
      batch("notes", 'batch.create_check_constraint("ck", "size < 1000")'),
      { kind: "check", columns: ["size"], select: "SELECT count(*) FROM notes WHERE NOT (size < 1000);" },
      { size: 100_004 },
    ],
  ] as const)("%s", async ([, upgrade, refusal, row]) => {
    const evidence = await run(upgrade);
    expect(evidence.rows!.failures).toMatchObject([
      { rows: "varied", passesOnPlain: true, refusal: { table: "notes", ddl: true, anyRow: false, ...refusal } },
    ]);
    expect(JSON.parse(evidence.rows!.failures[0]!.row!)).toMatchObject(row);
    const copies = /batch|CREATE TABLE/.test(upgrade);
    expect(evidence.rows!.failures[0]!.left).toEqual(
      copies ? [upgrade.includes("batch") ? "_alembic_tmp_notes" : "new"] : undefined,
    );
    expect(phases(evidence)![0]).toBe("rows-upgrade ok");
  });

  test("what refers to nothing", async () => {
    const add = batch("comments", 'batch.create_foreign_key("fk", "notes", ["text"], ["id"])');
    const evidence = await run(add, "pass", { env: enforcing, base: comments("") });
    expect(evidence.rows!.failures).toMatchObject([
      {
        refusal: {
          kind: "foreign-key",
          columns: ["text"],
          select:
            "SELECT count(*) FROM comments AS child WHERE child.text IS NOT NULL AND NOT EXISTS (SELECT 1 FROM notes AS parent WHERE parent.id = child.text);",
        },
      },
    ]);
  });

  test("a change of rows that stumbles over made-up values proves nothing", async () => {
    const evidence = await run(sql("INSERT INTO notes (id, size) SELECT id, 1 FROM notes"));
    expect(evidence.rows!.failures).toEqual([]);
    expect(notes(evidence).join()).toMatch(/UNIQUE constraint failed: notes.id.*give it rows of yours with seed/);
  });
});

describe("where foreign keys are enforced", () => {
  const rebuild = batch("notes", 'batch.alter_column("size", type_=sa.BigInteger())');
  const back = batch("notes", 'batch.alter_column("size", type_=sa.Integer())');

  test.for([
    ["ON DELETE CASCADE", { table: "main.comments", rows: 7, of: 8, by: "notes" }],
    ["ON DELETE SET NULL", { table: "main.comments", column: "note_id", rows: 7, of: 7, by: "notes" }],
  ] as const)("a table that is copied takes with it what refers to it: %s", async ([action, loss]) => {
    const evidence = await run(rebuild, back, { env: enforcing, base: comments(action) });
    expect(evidence.rows!.losses).toMatchObject([{ how: "cascaded", ...loss }]);
  });

  test("or cannot be dropped", async () => {
    const evidence = await run(rebuild, back, { env: enforcing, base: comments("") });
    expect(evidence.rows!.failures).toMatchObject([
      { refusal: { kind: "parent", table: "notes", columns: ["comments"], anyRow: true }, stop: { line: 10 } },
    ]);
    expect(JSON.parse(evidence.rows!.failures[0]!.row!)).toMatchObject({ text: null });
  });

  test("where they are not, nothing is lost", async () => {
    const evidence = await run(rebuild, back, { base: comments("ON DELETE CASCADE") });
    expect(evidence.rows).toMatchObject({ failures: [], losses: [] });
  });
});

describe("what does not come back", () => {
  const renamed = batch("notes", 'batch.alter_column("body", new_column_name="text")');
  test.for([
    [
      "a column that is renamed, and made anew on the way back",
      renamed,
      batch("notes", 'batch.drop_column("text")', 'batch.add_column(sa.Column("body", sa.Text))'),
      [{ how: "downgrade", column: "body", rows: 7 }],
    ],
    [
      "a type that keeps nothing",
      batch("notes", 'batch.alter_column("body", type_=sa.DateTime())'),
      batch("notes", 'batch.alter_column("body", type_=sa.Text())'),
      [{ how: "converted", column: "body", rows: 7, example: { before: "Text 1", after: "0" } }],
    ],
    [
      "a column that is dropped",
      batch("notes", 'batch.drop_column("body")'),
      batch("notes", 'batch.add_column(sa.Column("body", sa.Text))'),
      [{ how: "dropped", column: "body" }],
    ],
    ["rows that are deleted", sql("DELETE FROM notes WHERE size > 1"), "pass", [{ how: "deleted", rows: 7, of: 8 }]],
    ["values that are overwritten", sql("UPDATE notes SET body = 'x'"), "pass", [{ how: "overwritten", column: "body" }]],
    ["not: a column that is renamed and back", renamed, renamed.replace('"body"', '"text"').replace('="text"', '="body"'), []],
    ["not: a table that is renamed and back", 'op.rename_table("notes", "papers")', 'op.rename_table("papers", "notes")', []],
    [
      "not: numbers that are text for a while",
      batch("notes", 'batch.alter_column("size", type_=sa.Text())'),
      batch("notes", 'batch.alter_column("size", type_=sa.Integer())'),
      [],
    ],
  ] as const)("%s", async ([, upgrade, downgrade, losses]) => {
    const evidence = await run(upgrade, downgrade);
    expect(phases(evidence)).toEqual(ran);
    expect(evidence.rows!.losses).toMatchObject(losses);
    expect(evidence.rows!.losses).toHaveLength(losses.length);
  });
});

test("json that is written otherwise, and numbers with a fraction of nothing, are no loss", async () => {
  const json = {
    a: { upgrade: sql("CREATE TABLE t (id INTEGER PRIMARY KEY, extra JSON, price REAL)"), downgrade: sql("DROP TABLE t") },
  };
  const rewrite = sql(
    "UPDATE t SET extra = replace(extra, ': ', ':    '), price = price * 2, id = id",
    "ALTER TABLE t RENAME price TO cost",
  );
  const back = sql("ALTER TABLE t RENAME cost TO price", "UPDATE t SET price = price / 2");
  const evidence = await run(rewrite, back, { base: json });
  expect([phases(evidence), evidence.rows!.losses]).toEqual([ran, []]);
});

test("what could not be filled is named", async () => {
  const odd = {
    a: {
      upgrade: sql("CREATE TABLE t (id INTEGER NOT NULL CHECK (id % 1009 = 3 AND id > 5000))"),
      downgrade: sql("DROP TABLE t"),
    },
  };
  const evidence = await run(sql("ALTER TABLE t ADD x INTEGER"), sql("ALTER TABLE t DROP x"), { base: odd });
  expect(evidence.rows).toBeUndefined();
  expect(notes(evidence)).toEqual([
    "rows in main.t: none could be made up: no values were found that satisfy id % 1009 = 3 AND id > 5000",
  ]);
});

describe("a seed", () => {
  const unique = batch("notes", 'batch.create_unique_constraint("uq", ["body"])');
  const seeded = async (seed: string, files: Record<string, string>) => {
    const root = await writeFiles({ "x.txt": "", ...files });
    const interpreter = { command: [inject("pythons").default] };
    const rest = { root, directory: root, interpreter, env: process.env, settings: { timeout: 30 } };
    return run(unique, "pass", {
      seed: (scratch) => seedOf(seed, { ...rest, scratch, signal: new AbortController().signal }),
    });
  };
  const python = `import os, sqlite3
c = sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///"))
c.execute("INSERT INTO notes VALUES (1, 'x', 1), (2, 'x', 2)")
c.commit()`;

  test.for([
    ["rows.sql", "-- rows\nINSERT INTO notes VALUES (1, 'x', 1);\nINSERT INTO notes VALUES (2, 'x;', 2), (3, 'x', 2);"],
    ["dump.sql", "BEGIN TRANSACTION;\nINSERT INTO notes VALUES (1, 'x', 1), (2, 'x', 2);\nCOMMIT;\n"],
    ["python seed.py", python],
  ] as const)("%s is believed", async ([seed, content]) => {
    const evidence = await seeded(seed, { [seed.split(" ").at(-1)!]: content });
    expect(notes(evidence)).toEqual([]);
    expect(evidence.rows).toMatchObject({ source: "seed", failures: [{ rows: "seed", refusal: { kind: "unique" } }] });
    expect(JSON.parse(evidence.rows!.failures[0]!.row!)).toMatchObject({ body: "x", "count(*)": 2 });
  });

  test("that fails is told, with its line, and rows are made up", async () => {
    const evidence = await seeded("rows.sql", { "rows.sql": "SELECT 1;\n\nINSERT INTO missing VALUES (1);" });
    expect(notes(evidence)[0]).toContain("rows.sql:3: no such table: missing");
    expect(evidence.rows!.source).toBe("made-up");
  });
});
