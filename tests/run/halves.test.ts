/** A long history in two halves: what it shows is what the whole of it shows, and how it comes to that. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { startServer } from "../../src/postgres/server.ts";
import type { Evidence, Phase } from "../../src/run/evidence.ts";
import { middleOf } from "../../src/run/halves.ts";
import { table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { runItinerary, type Revisions } from "../support/itinerary.ts";

/** What there is to be known of a phase, but how long it took. */
const told = ({ id, planned, state, steps, stop, rows, compared }: Phase) => ({
  id,
  planned,
  state,
  steps: steps.map(({ revision, direction, ended }) => `${direction} ${revision}${ended ? "" : "!"}`),
  stop: stop && [stop.revision, stop.raised.message.split("\n")[0], stop.file, stop.line, stop.passesAlone],
  rows: rows?.found,
  differences: compared?.differences.map(({ change, kind, name }) => `${change} ${kind} ${name}`),
});

type Project = Parameters<typeof runItinerary>[0];

/** Runs a history as a whole and in halves, which are to show the same; `log` names the databases of the halves and the steps there. */
async function expectSame(project: Project): Promise<{ whole: Evidence; halves: Evidence; log: string[] }> {
  const root = await writeFiles({ log: "" });
  const noting = (revisions: Revisions = {}): Revisions =>
    Object.fromEntries(
      Object.entries(revisions).map(([id, options]) => {
        const note = (direction: string) =>
          `open(${JSON.stringify(path.join(root, "log"))}, "a").write(op.get_bind().exec_driver_sql("SELECT current_database()").scalar() + " ${direction} ${id}\\n")\n`;
        const { upgrade = "pass", downgrade = "pass" } = options;
        return [id, { ...options, upgrade: note("up") + upgrade, downgrade: downgrade && note("down") + downgrade }];
      }),
    );
  const whole = await runItinerary(project);
  const halves = await runItinerary({
    ...project,
    base: noting(project.base),
    head: noting(project.head),
    plan: { ...project.plan, halvesFrom: 4 },
  });
  const log = (await readFile(path.join(root, "log"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => line.replace(/^alembic_gate_[0-9a-f]+_/, ""));
  const lines = (evidence: Evidence) => evidence.phases.map(told).map((phase) => ({ ...phase, stop: phase.stop?.slice(0, 2) }));
  expect(lines(halves)).toEqual(lines(whole));
  return { whole, halves, log };
}

const chain = (...bodies: Revisions[string][]): Revisions =>
  Object.fromEntries(bodies.map((body, at) => ["abcdef"[at]!, { ...(at > 0 && { down: "abcdef"[at - 1]! }), ...body }]));
const sound = chain(table("ta"), table("tb"), table("tc"), table("td"));
/** Revisions of all sorts, by their own name. */
const BODIES: ((id: string) => Revisions[string])[] = [
  (id) => table(`t${id}`),
  (id) => ({ ...table(`t${id}`), downgrade: "pass" }),
  (id) => ({ upgrade: `op.execute("CREATE SEQUENCE IF NOT EXISTS numbers_${id}")`, downgrade: "pass" }),
  (id) => ({ upgrade: `op.execute("CREATE TYPE kind_${id} AS ENUM ('x')")`, downgrade: "pass" }),
  () => ({
    upgrade: 'op.execute("CREATE TABLE IF NOT EXISTS kept (id int)")',
    downgrade: 'op.execute("ALTER TABLE kept ADD IF NOT EXISTS more int")',
  }),
  () => ({
    upgrade: 'op.execute("CREATE TABLE IF NOT EXISTS kept (id int); INSERT INTO kept VALUES (1)")',
    downgrade: 'op.execute("SELECT 1 / (3 - count(*)) FROM kept")',
  }),
  (id) => ({
    upgrade: 'op.execute("CREATE TABLE IF NOT EXISTS kept (id int)")',
    downgrade: `op.execute("ALTER TABLE kept ALTER id TYPE ${id < "c" ? "bigint" : "int"}")`,
  }),
  () => ({ upgrade: "pass", downgrade: 'op.execute("DROP TABLE kept")' }),
  () => ({ upgrade: "pass", downgrade: 'op.execute("SELECT 1 / 0")' }),
];
const head: Revisions = { e: { down: "d", ...table("te") } };

describe("a history in two halves shows the same", () => {
  test("where all is well: the lower half goes down once, while the upper one still goes up", async () => {
    const { log } = await expectSame({ base: sound, head });
    expect(log).toContain("lower down a");
    expect(log).not.toContain("history down b");
    expect(log).not.toContain("lower up a");
  });

  test("where something above the cut is not brought back: the lower half is gone through once more", async () => {
    const d = { down: "c", upgrade: 'op.alter_column("ta", "id", type_=sa.BigInteger)', downgrade: "pass" };
    const { log } = await expectSame({ base: { ...sound, d }, head });
    expect(log).toContain("lower down a");
    expect(log).toContain("history down a");
  });

  test("where something is left at base: the lower half has gone up from there, and nobody does so again", async () => {
    const b = { down: "a", upgrade: 'op.execute("CREATE SEQUENCE IF NOT EXISTS numbers")', downgrade: "pass" };
    const d = { down: "c", upgrade: 'op.alter_column("ta", "id", type_=sa.BigInteger)', downgrade: "pass" };
    const { whole, log } = await expectSame({ base: { ...sound, b, d }, head });
    expect(whole.phases.find(({ id }) => id === "history-downgrade")!.compared!.differences).toHaveLength(1);
    expect(log).toContain("lower up e");
    expect(log.filter((line) => line === "history up a")).toHaveLength(1);
  });

  test("where a revision above the cut leaves rows, on which a downgrade below it stops", async () => {
    const c = { down: "b", upgrade: 'op.execute("INSERT INTO ta VALUES (1)")', downgrade: "pass" };
    const b = { ...sound.b, downgrade: 'op.execute("SELECT 1 / (1 - count(*)) FROM ta")\nop.drop_table("tb")' };
    const { whole, log } = await expectSame({ base: { ...sound, b, c }, head });
    expect(whole.phases.find(({ id }) => id === "history-downgrade")!.stop!.revision).toBe("b");
    expect(log).toContain("lower down a");
  });

  test.each<[string, Revisions]>([
    ["a downgrade below the cut stops", { a: { ...sound.a, downgrade: 'op.execute("SELECT 1 / 0")' } }],
    ["a downgrade above the cut stops", { d: { ...sound.d, downgrade: 'op.execute("SELECT 1 / 0")' } }],
    ["a downgrade below the cut ends the process", { a: { ...sound.a, downgrade: "import os\nos._exit(3)" } }],
    [
      "the second upgrade stops below the cut",
      { b: { down: "a", upgrade: "op.execute(\"CREATE TYPE colour AS ENUM ('red')\")", downgrade: "pass" } },
    ],
    [
      "the second upgrade stops above the cut",
      { d: { down: "c", upgrade: "op.execute(\"CREATE TYPE colour AS ENUM ('red')\")", downgrade: "pass" } },
    ],
    [
      "each half leaves something",
      {
        b: { down: "a", upgrade: 'op.execute("CREATE SEQUENCE IF NOT EXISTS one")', downgrade: "pass" },
        d: { down: "c", upgrade: 'op.execute("CREATE SEQUENCE IF NOT EXISTS two")', downgrade: "pass" },
      },
    ],
    [
      "a part of what is left comes from above the cut",
      {
        b: { down: "a", upgrade: 'op.execute("CREATE TABLE IF NOT EXISTS kept (id int)")', downgrade: "pass" },
        d: { down: "c", upgrade: "pass", downgrade: 'op.execute("ALTER TABLE kept ADD more int")' },
      },
    ],
    ["no revision goes up below the cut", { b: { ...sound.b, upgrade: 'op.execute("SELECT 1 / 0")' } }],
    ["no revision goes up above the cut", { d: { ...sound.d, upgrade: 'op.execute("SELECT 1 / 0")' } }],
    [
      "those below the cut need the project's own transactions",
      {
        a: { upgrade: "op.execute(\"SET LOCAL gate.it = 'yes'\")" },
        b: { down: "a", upgrade: "op.execute(\"SELECT current_setting('gate.it')\")" },
      },
    ],
    ["a revision above the cut ends the process that goes down", { c: { ...sound.c, downgrade: "import os\nos._exit(3)" } }],
  ])("where %s", async (_, changed) => {
    await expectSame({ base: { ...sound, ...changed }, head });
  });

  test("where a schema stands for the revisions at the bottom", async () => {
    const d = { ...sound.d, downgrade: 'op.drop_table("td")\nop.execute("CREATE SEQUENCE numbers")' };
    const z = { z: { upgrade: "raise RuntimeError", downgrade: "raise RuntimeError" } };
    await expectSame({
      base: { ...z, ...sound, a: { ...sound.a, down: "z" }, d },
      head,
      plan: { scripts: [{ file: "schema.sql", sql: "CREATE TABLE tz (id int)" }], baseline: "z" },
    });
  });

  test("where the pull request's own upgrade stops", async () => {
    await expectSame({ base: sound, head: { e: { down: "d", upgrade: 'op.execute("SELECT 1 / 0")' } } });
  });

  test("whatever the revisions do, and leave", async () => {
    const bodies = fc.array(fc.integer({ min: 0, max: BODIES.length - 1 }), { minLength: 4, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(bodies, async (chosen) => {
        const all = Object.entries(chain(...chosen.map((kind, at) => BODIES[kind]!("abcdef"[at]!))));
        await expectSame({ base: Object.fromEntries(all.slice(0, -1)), head: Object.fromEntries(all.slice(-1)) });
      }),
      { numRuns: 5 },
    );
  });
});

test("on servers of our own, what the lower half leaves has the base branch's own history begin", async () => {
  const server = await startServer({ choice: "auto", env: process.env });
  onTestFinished(() => server.stop());
  const b = { down: "a", upgrade: 'op.execute("CREATE SEQUENCE IF NOT EXISTS numbers")', downgrade: "pass" };
  const files = { "helper.py": "NEW = True\n" };
  const { halves, log } = await expectSame({
    base: { ...sound, b },
    head,
    files,
    baseFiles: { "helper.py": "NEW = False\n" },
    plan: { fromBaseFiles: false },
    server,
  });
  const down = halves.onBase!.phases.find(({ id }) => id === "history-downgrade")!;
  expect(told(down)).toMatchObject({
    planned: ["d", "c", "b", "a"],
    state: "ok",
    differences: ["added sequence public.numbers"],
  });
  expect(log).toContain("proof down a");
});

describe("the second upgrade with the base branch's own files", () => {
  const kept = { down: "a", upgrade: 'op.execute("CREATE SEQUENCE IF NOT EXISTS numbers")', downgrade: "pass" };
  const stale = {
    down: "a",
    upgrade: 'op.execute("CREATE TABLE IF NOT EXISTS kept (id int)")',
    downgrade: 'op.execute("ALTER TABLE kept ADD x int")',
  };
  const upOf = (evidence: Evidence) => evidence.onBase!.phases.find(({ id }) => id === "history-upgrade")!;

  test("is not run where the pull request's shows nothing but what the way down has left", async () => {
    const evidence = await runItinerary({
      base: { a: table("ta"), b: kept },
      head: { c: { down: "b" } },
      plan: { fromBaseFiles: false },
    });
    expect(evidence.phase("history-downgrade").compared!.differences).toHaveLength(1);
    expect(upOf(evidence)).toMatchObject({ state: "ok", compared: { differences: [] }, steps: [] });
  });

  test("is run where the pull request's shows more", async () => {
    const evidence = await runItinerary({
      base: { a: table("ta"), b: stale },
      head: { c: { down: "b" } },
      plan: { fromBaseFiles: false },
    });
    expect(evidence.phase("history-upgrade").compared!.differences.map(({ name }) => name)).toEqual(["public.kept.x"]);
    expect(upOf(evidence).steps.map(({ revision }) => revision)).toEqual(["a", "b"]);
    expect(upOf(evidence).compared!.differences.map(({ name }) => name)).toEqual(["public.kept.x"]);
  });

  test("is run where applied revisions differ", async () => {
    const evidence = await runItinerary({
      base: { a: table("ta"), b: kept },
      head: { b: { ...kept, upgrade: 'op.execute("CREATE SEQUENCE IF NOT EXISTS numbers START 2")' } },
      plan: { fromBaseFiles: true },
    });
    expect(upOf(evidence).steps.map(({ revision }) => revision)).toEqual(["a", "b"]);
  });
});

describe("the middle of a history", () => {
  const linear = (...ids: string[]) => ids.map((id, at) => ({ id, down: at > 0 ? [ids[at - 1]!] : [], dependsOn: [] }));
  const middle = (headers: ReturnType<typeof linear>, applied: string[]) =>
    middleOf(
      headers.map(({ id }) => id),
      { revisions: headers } as never,
      new Set(applied),
    );
  const ids = ["a", "b", "c", "d", "e", "f"];

  test("is where half of the revisions are below", () => {
    expect(middle(linear(...ids), ids)).toBe(3);
  });

  test("has none below that the pull request adds", () => {
    expect(middle(linear(...ids), ["a", "b"])).toBe(2);
    expect(middle(linear(...ids), ["a"])).toBeUndefined();
  });

  test("is nowhere where two branches go side by side", () => {
    const branches = [
      ...linear("a"),
      ...["b", "d"].map((id, at) => ({ id, down: [["a", "b"][at]!], dependsOn: [] })),
      ...["c", "e"].map((id, at) => ({ id, down: [["a", "c"][at]!], dependsOn: [] })),
      { id: "f", down: ["d", "e"], dependsOn: [] },
    ];
    expect(middle(branches, ids)).toBeUndefined();
  });
});
