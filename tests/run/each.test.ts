/** A way down that stops keeps no other downgrade from being judged. */
import { describe, expect, inject, test } from "vitest";
import { asyncEnv, syncEnv } from "../support/alembic.ts";
import { table } from "../support/driver.ts";
import { runItinerary } from "../support/itinerary.ts";

const fails = 'op.execute("SELECT 1 / 0")';
const chain = (...ids: string[]) =>
  Object.fromEntries(ids.map((id, index) => [id, { ...(index > 0 && { down: ids[index - 1]! }), ...table(`t${id}`) }]));

describe("old downgrades", () => {
  test("that fail are all found in one run, each with its line", async () => {
    const base = chain("a", "b", "c", "d", "e");
    for (const id of ["a", "c", "d"]) base[id]!.downgrade = fails;
    const evidence = await runItinerary({ base, head: { f: { down: "e", ...table("tf") } } });
    expect(evidence.phase("history-downgrade").stop).toMatchObject({ revision: "d" });
    const each = evidence.phase("history-each");
    expect(each.planned).toEqual(["a", "b", "c", "d"]);
    expect(each.steps.map(({ revision, ended }) => [revision, ended])).toEqual([
      ["a", false],
      ["b", true],
      ["c", false],
      ["d", false],
    ]);
    expect(each.stops).toMatchObject(
      ["a", "c"].map((revision) => ({
        revision,
        file: `migrations/versions/${revision}.py`,
        line: 13,
        raised: { sqlstate: "22012" },
      })),
    );
    expect(evidence.notes.map(({ what }) => what).filter((what) => /downgrade/.test(what))).toEqual([
      "what downgrades of old revisions leave behind",
    ]);
  });

  test("that commit by themselves spoil nothing for the others", async () => {
    const base = chain("a", "b", "c", "d");
    base.a!.downgrade = fails;
    base.b!.downgrade = 'op.drop_table("tb")\nop.execute("COMMIT")';
    base.c!.downgrade = `op.drop_table("tc")\nwith op.get_context().autocommit_block():\n    ${fails}`;
    base.d!.downgrade = fails;
    const evidence = await runItinerary({ base });
    const each = evidence.phase("history-each");
    expect(each.planned).toEqual(["a", "b", "c", "d"]);
    expect(each.stops!.map(({ revision }) => revision)).toEqual(["a", "c"]);
    expect(each.steps.map(({ ended }) => ended)).toEqual([false, true, false, false]);
  });

  test("that commit by themselves make the way up no longer, whatever their number", async () => {
    const ids = ["a", "b", "c", "d", "e", "f"];
    const base = chain(...ids);
    for (const id of ids) base[id]!.downgrade = `op.drop_table("t${id}")\nop.execute("COMMIT")\n${fails}`;
    const evidence = await runItinerary({ base });
    const each = evidence.phase("history-each");
    expect(each.planned).toEqual(ids);
    expect(each.stops!.map(({ revision }) => revision)).toEqual(ids.slice(0, -1));
    const ups = (id: string) => evidence.progress.filter((said) => said === `${each.title} · ${id}`).length;
    expect(ids.map(ups)).toEqual([2, 2, 2, 2, 2, 1]);
  });

  test("that hang or end the process are named, and the others are tried", async () => {
    const base = chain("a", "b", "c", "d");
    base.a!.downgrade = fails;
    base.b!.downgrade = "import os\nos._exit(9)";
    base.c!.downgrade = 'op.execute("SELECT pg_sleep(600)")';
    base.d!.downgrade = fails;
    const evidence = await runItinerary({ base, timeout: 1.5 });
    const each = evidence.phase("history-each");
    const stops = Object.fromEntries(each.stops!.map((stop) => [stop.revision, stop]));
    expect(stops).toMatchObject({
      a: { raised: { sqlstate: "22012" } },
      b: { raised: { type: "ProcessDied" } },
    });
    // The one that hangs took all the time there was, or its own was up before.
    expect(stops.c?.timedOut ?? evidence.notes.find(({ what }) => what.startsWith("downgrade()"))).toBeDefined();
  });

  test("that only stumble over what a later one left behind are told from those that are broken", async () => {
    const base = chain("a", "b");
    base.b!.upgrade = 'op.execute("CREATE TABLE tb (a int REFERENCES ta)")';
    base.b!.downgrade = "pass";
    const evidence = await runItinerary({ base });
    expect(evidence.phase("history-downgrade").stop).toMatchObject({ revision: "a", passesAlone: true });
    expect(evidence.phase("history-each")).toMatchObject({ state: "ok", stops: [] });
  });

  test("are not tried where all of them ran", async () => {
    const evidence = await runItinerary({ base: chain("a", "b") });
    expect(evidence.phases.map(({ id }) => id)).not.toContain("history-each");
  });

  test("are tried with the base branch's own files as well, where it must be known whose fault they are", async () => {
    const base = chain("a", "b", "c");
    base.a!.downgrade = base.c!.downgrade = fails;
    const evidence = await runItinerary({
      base,
      head: { b: { down: "a", ...table("tb"), downgrade: fails } },
      plan: { fromBaseFiles: false },
    });
    const stopsOf = (phases: typeof evidence.phases) =>
      phases.find(({ id }) => id === "history-each")!.stops!.map(({ revision }) => revision);
    expect(stopsOf(evidence.phases)).toEqual(["a", "b"]);
    expect(stopsOf(evidence.onBase!.phases)).toEqual(["a"]);
  });

  test("start where the baseline stands", async () => {
    const base = chain("a", "b", "c", "d");
    base.a!.upgrade = fails;
    base.b!.downgrade = base.d!.downgrade = fails;
    const evidence = await runItinerary({
      base,
      plan: { scripts: [{ file: "schema.sql", sql: "CREATE TABLE ta (id int)" }], baseline: "a" },
    });
    expect(evidence.phase("history-each")).toMatchObject({ planned: ["b", "c", "d"], stops: [{ revision: "b" }] });
  });

  const external = syncEnv().replace("        context.configure(", "        connection.begin()\n        context.configure(");
  test.skipIf(inject("pythonMinor") < 10).each([
    ["asyncpg", asyncEnv()],
    ["psycopg", syncEnv('"postgresql+psycopg://app:secret@db.internal/app"')],
    ["pg8000", syncEnv('"postgresql+pg8000://app:secret@db.internal/app"')],
    ["env.py", external],
  ])("whatever holds the transaction: %s", async (_, env) => {
    const base = chain("a", "b", "c");
    base.a!.downgrade = base.c!.downgrade = fails;
    const evidence = await runItinerary({ base, env, driver: { python: [inject("pythons").newest] } });
    expect(evidence.phase("history-each")).toMatchObject({ planned: ["a", "b", "c"], stops: [{ revision: "a" }] });
  });
});

test("the pull request's downgrade that fails at the second of three revisions lets the third be judged, and the first", async () => {
  const head = chain("b", "c", "d");
  head.b!.downgrade = "pass";
  head.c!.downgrade = fails;
  head.d!.downgrade = 'op.drop_table("td")\nop.execute("CREATE TABLE stray (id int)")';
  const evidence = await runItinerary({ base: chain("a"), head: { ...head, b: { ...head.b!, down: "a" } } });
  expect(evidence.phase("downgrade").stop).toMatchObject({ revision: "c" });
  const { planned, unrestored, stops } = evidence.phase("history-each");
  expect({ planned, stops }).toEqual({ planned: ["a", "b", "c", "d"], stops: [] });
  expect(
    unrestored.map(({ revision, differences }) => [revision, differences.map(({ change, name }) => `${change} ${name}`)]),
  ).toEqual([
    ["b", ["added public.tb"]],
    ["d", ["added public.stray"]],
  ]);
});
