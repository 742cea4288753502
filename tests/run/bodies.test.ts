/** Both versions of edited revisions, executed on rows. */
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { openScratch } from "../../src/postgres/scratch.ts";
import { executeBodies, type Body } from "../../src/run/bodies.ts";
import type { Effect } from "../../src/run/effect.ts";
import type { Evidence } from "../../src/run/evidence.ts";
import { driverFolder } from "../../src/run/process.ts";
import { openSqliteScratch } from "../../src/sqlite/scratch.ts";
import { plain } from "../../src/text.ts";
import { alembicFiles, revision, syncEnv, type RevisionOptions } from "../support/alembic.ts";
import { drive } from "../support/driver.ts";

type Function_ = string | { upgrade?: string; downgrade?: string };

const TABLE = `op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(80)), sa.Column("note", sa.Text), sa.Column("a", sa.Boolean), sa.Column("b", sa.Boolean), sa.Column("total", sa.Integer))`;
const loop = (query: string, ...body: string[]) =>
  ["bind = op.get_bind()", `for row in bind.execute(sa.text("${query}")):`, ...body.map((line) => `    ${line}`)].join("\n");
const update = (value: string) =>
  `bind.execute(sa.text("UPDATE t SET note = :note WHERE id = :id"), {"note": ${value}, "id": row.id})`;

interface More {
  /** Further revisions of both sides, that come before. */
  others?: Record<string, RevisionOptions>;
  directions?: Body["directions"];
  seed?: string;
  sqlite?: true;
}

/** Executes the revision `b`, which stands on the table `t`, in both versions. */
async function executeOn(before: Function_, after: Function_, more: More = {}) {
  const optionsOf = (one: Function_): RevisionOptions => ({ down: "a", ...(typeof one === "string" ? { upgrade: one } : one) });
  return executeAll({ b: [optionsOf(before), optionsOf(after)] }, more);
}

async function executeAll(
  edited: Record<string, [RevisionOptions, RevisionOptions]>,
  { directions = ["upgrade"], seed, sqlite }: More,
) {
  const filesOf = (side: 0 | 1) => ({
    a: revision("a", { upgrade: TABLE, downgrade: `op.drop_table("t")` }),
    ...Object.fromEntries(Object.entries(edited).map(([id, both]) => [id, revision(id, both[side])])),
  });
  const [old, now] = [filesOf(0), filesOf(1)] as Record<string, string>[];
  const files = { python: [inject("pythons").default], driver: driverFolder(), directory: "/", env: process.env };
  const scratch = await (sqlite ? openSqliteScratch(files) : openScratch({ ...inject("postgres"), stop: async () => {} }));
  onTestFinished(() => scratch.close());
  const notes: Evidence["notes"] = [];
  const start = (files: Record<string, string>) =>
    sqlite
      ? drive(alembicFiles(files, syncEnv('"sqlite:///app.db"')), { load: { sqlite, ports: [] } })
      : drive(alembicFiles(files));
  const found = await executeBodies(
    {
      bodies: Object.keys(edited).map((id) => ({
        id,
        directions,
        unknown: true,
        sources: { before: [old![id]!], after: [now![id]!] },
        opaque: false,
        reads: [],
      })),
      scratch,
      plan: { scripts: [] },
      base: async () => start(old!),
      head: async () => start(now!),
      ...(seed !== undefined && {
        seed: async (database) => {
          await scratch.query(database, seed);
          return undefined;
        },
      }),
      progress: () => {},
    },
    notes,
  );
  const of = (id: string, direction: "upgrade" | "downgrade" = "upgrade") => found.get(id)?.[direction];
  return { of, found, notes: notes.map(({ what, reason }) => `${what}: ${plain(reason)}`) };
}

const why = (effect: Effect | undefined) => (effect?.kind === "unknown" ? plain(effect.reason) : effect?.kind);

const execute = executeOn;

describe.each(["postgresql", "sqlite"] as const)("on made-up rows, %s", (dialect) => {
  const execute = (before: Function_, after: Function_, more: More = {}) =>
    executeOn(before, after, { ...more, ...(dialect === "sqlite" && { sqlite: true }) });

  test("a refactored loop is the same", async () => {
    const { of, notes } = await execute(
      loop("SELECT id, name FROM t", update("row.name")),
      `bind = op.get_bind()\nrows = bind.execute(sa.text("SELECT id, name FROM t")).fetchall()\nfor row in rows:\n    ${update("row.name")}`,
    );
    expect(of("b")).toMatchObject({
      kind: "same",
      executed: {
        rows: "made-up",
        tables: [dialect === "sqlite" ? "main.t" : "public.t"],
        sameRows: true,
        sameCatalog: true,
      },
    });
    expect(notes).toEqual([]);
  });

  test.for([
    [
      "a bound parameter",
      update("row.name"),
      `bind.execute(sa.text("UPDATE t SET note = :note WHERE id = :id"), {"note": row.name, "id": row.id + 1})`,
    ],
    ["another column of the same type", update("row.name"), update("row.other")],
    ["another truth of the same type", `if row.a:\n        ${update("'x'")}`, `if row.b:\n        ${update("'x'")}`],
    [
      "a value in a CASE",
      `bind.execute(sa.text("UPDATE t SET note = CASE WHEN id > 3 THEN 'x' END"))`,
      `bind.execute(sa.text("UPDATE t SET note = CASE WHEN id > 3 THEN 'y' END"))`,
    ],
  ] as const)("%s is an edit", async ([, before, after]) => {
    const query = "SELECT id, name, note AS other, a, b FROM t";
    const { of } = await execute(loop(query, before), loop(query, after));
    expect(of("b")).toMatchObject({ kind: "different", data: true });
  });

  test("another schema is an edit, and one that comes out the same is known to", async () => {
    const add = (type: string) =>
      `if op.get_bind().execute(sa.text("SELECT count(*) FROM t")).scalar() > 0:\n    op.execute("ALTER TABLE t ADD x ${type}")`;
    const { of } = await execute(add("integer"), add("bigint"));
    expect(of("b")).toMatchObject({ kind: "different", data: false, executed: { sameCatalog: false } });
    if (dialect === "sqlite") return;
    const again = await execute(add("integer"), add("int4"));
    expect(again.of("b")).toMatchObject({ kind: "different", data: false, executed: { sameCatalog: true } });
  });

  test("a number that decides what never comes up is not called the same", async () => {
    const cut = (length: number) =>
      loop("SELECT id, name FROM t WHERE name IS NOT NULL AND length(name) < 50", update(`row.name[:${length}]`));
    const { of } = await execute(cut(60), cut(70));
    expect(why(of("b"))).toBe("the value 70 in its code changed, and rows that it did not meet may show it");
    expect(of("b")).toMatchObject({ executed: { sameRows: true } });
  });

  test("a line that never runs is not called the same", async () => {
    const seldom = (value: string) => loop("SELECT id, name FROM t", `if row.name == "nobody":`, `    ${update(value)}`);
    expect(why((await execute(seldom("row.name"), seldom("row.id"))).of("b"))).toContain("never ran on the rows that it met");
  });

  test("values of chance are not compared", async () => {
    const chance = (query: string) => `import uuid\n${loop(query, update("uuid.uuid4().hex"))}`;
    expect(why((await execute(chance("SELECT id FROM t"), chance("SELECT id FROM t ORDER BY id"))).of("b"))).toBe("same");
  });

  test("plain rows take their place where the awkward ones stop both", async () => {
    const upper = loop("SELECT id, name FROM t", update("row.name.upper()"));
    const list = `bind = op.get_bind()\nfor row in list(bind.execute(sa.text("SELECT id, name FROM t"))):\n    ${update("row.name.upper()")}`;
    expect(why((await execute(upper, list)).of("b"))).toBe("same");
  });

  test("what mends the old version on awkward rows is the same on plain ones", async () => {
    const copy = (query: string) => loop(query, update("row.name or row.note.strip()"));
    const { of } = await execute(copy("SELECT id, name, note FROM t"), copy("SELECT id, name, 'Text' AS note FROM t"));
    expect(of("b")).toMatchObject({ kind: "same", executed: { mends: [expect.anything()] } });
  });

  test("what stops where the old version does not is an edit", async () => {
    const { of } = await execute(loop("SELECT id FROM t", update("'x'")), loop("SELECT id FROM t", update("row.nothing")));
    expect(of("b")).toMatchObject({ kind: "different" });
    expect((of("b") as Effect & { kind: "different" }).after.at(-1)).toContain("-- raises AttributeError");
  });

  test("what stops in both versions tells nothing", async () => {
    const broken = (name: string) => loop("SELECT id FROM t", `${name} = 1 / 0`);
    expect(why((await execute(broken("x"), broken("row"))).of("b"))).toContain(
      "both versions stop on made-up rows (ZeroDivisionError",
    );
  });

  test("what goes past SQLAlchemy was not seen", async () => {
    const raw = (name: string) => `${name} = op.get_bind().connection.cursor()\n${name}.execute("UPDATE t SET note = name")`;
    expect(why((await execute(raw("one"), raw("other"))).of("b"))).toContain("past SQLAlchemy");
  });
});

test("downgrade() is compared on what upgrade() left", async () => {
  const upgrade = `op.execute("UPDATE t SET note = 'up'")`;
  const down = (value: string) => ({ upgrade, downgrade: loop("SELECT id, name, note FROM t", update(value)) });
  const { of } = await execute(down("row.name"), down("row.note"), { directions: ["downgrade"] });
  expect(of("b", "downgrade")).toMatchObject({ kind: "different" });
  expect(of("b", "upgrade")).toBeUndefined();
});

test("the project's own rows come first", async () => {
  const greet = (name: string) => loop("SELECT id, name FROM t", `${name} = row.name`, update(name));
  const { of } = await execute(greet("one"), greet("other"), { seed: "INSERT INTO t (id, name) VALUES (1, 'Ada')" });
  expect(of("b")).toMatchObject({ kind: "same", executed: { rows: "seed", tables: ["public.t"] } });
});

test("of many revisions the last ones are executed, and the rest is named", async () => {
  const ids = Array.from({ length: 12 }, (_, index) => `r${String(index).padStart(2, "0")}`);
  const edited = Object.fromEntries(
    ids.map((id, index): [string, [RevisionOptions, RevisionOptions]] => {
      const of = (value: string) => ({
        down: index === 0 ? "a" : ids[index - 1]!,
        upgrade: loop("SELECT id FROM t", update(value)),
      });
      return [id, [of("'x'"), of("'y'")]];
    }),
  );
  const { found, notes } = await executeAll(edited, {});
  expect([...found.keys()]).toEqual(ids.slice(2));
  expect([...found.values()].every(({ upgrade }) => upgrade?.kind === "different")).toBe(true);
  expect(notes).toEqual([
    "2 edited revisions on rows: of 12 that read from the database 10 were executed, with the old and with the new code; left out: r00 and r01",
  ]);
});

test("on SQLite the project's own rows come first, and what is renamed or rebuilt is compared as well", async () => {
  const rebuild = (name: string, type: string) =>
    `with op.batch_alter_table("t") as ${name}:\n    ${name}.alter_column("total", new_column_name="sum", type_=${type})`;
  const back = `with op.batch_alter_table("t") as batch:\n    batch.alter_column("sum", new_column_name="total", type_=sa.Integer())`;
  const side = (...parts: [string, string]) => ({ upgrade: rebuild(...parts), downgrade: back });
  const more: More = { sqlite: true, seed: "INSERT INTO t (id, name, total) VALUES (1, 'Ada', 7)" };
  const same = await execute(side("one", "sa.Numeric()"), side("other", "sa.Numeric()"), {
    ...more,
    directions: ["upgrade", "downgrade"],
  });
  expect(same.of("b")).toMatchObject({ kind: "same", executed: { rows: "seed", tables: ["main.t"] } });
  expect(same.of("b", "downgrade")).toMatchObject({ kind: "same" });
  const other = await execute(side("one", "sa.Numeric()"), side("one", "sa.Text()"), more);
  expect(other.of("b")).toMatchObject({ kind: "different", executed: { sameCatalog: false } });
});
