import { describe, expect, test } from "vitest";
import { graphReport, linesReports, phaseReports, schemaReport } from "../src/digest.ts";
import type { Difference } from "../src/postgres/catalog.ts";
import { compareHistory, type Base } from "../src/history/history.ts";
import type { Graph } from "../src/project/graph.ts";
import { plain, text } from "../src/text.ts";
import { added, chainOf, evidence, graphOf, phase, statement, step } from "./support/evidence.ts";

const base: Base = { commit: "0".repeat(40), label: "main" };
const historyOf = (baseGraph: Graph, headGraph: Graph) => compareHistory({ base, baseGraph, headGraph, changedFiles: [] });

describe("the graph", () => {
  test("shows what is new, its parents and the heads", () => {
    const before = chainOf(["a"], ["b"], ["c"]);
    const after = graphOf({ a: {}, b: { down: "a" }, c: { down: "b" }, d: { down: "c" } });
    expect(graphReport(after, historyOf(before, after))).toEqual({
      nodes: [
        { id: "d", label: "", parents: ["c"], state: "new", head: true },
        { id: "c", label: "", parents: [], state: "base", head: false, earlier: true },
      ],
      omitted: 2,
    });
  });

  test("shows what was edited, reparented or deleted", () => {
    const before = chainOf(["a"], ["b"], ["c"], ["d"]);
    const after = graphOf({ a: {}, b: { down: "a", upgrade: 'op.execute("x")' }, d: { down: "b" } });
    const { nodes, omitted } = graphReport(after, historyOf(before, after));
    expect(Object.fromEntries(nodes.map(({ id, state }) => [id, state]))).toEqual({
      a: "base",
      b: "edited",
      c: "deleted",
      d: "edited",
    });
    expect(nodes.find(({ id }) => id === "c")!.parents).toEqual(["b"]);
    expect(omitted).toBe(0);
  });

  test("names nobody as a parent who is not shown", () => {
    const count = 100;
    const ids = Array.from({ length: count }, (_, index) => `r${index}`);
    const after = chainOf(...ids.map((id): [string] => [id]));
    const { nodes, omitted } = graphReport(after, historyOf(chainOf(["r0"]), after));
    expect([nodes.length, omitted]).toEqual([40, count - 40]);
    const shown = new Set(nodes.map(({ id }) => id));
    expect(nodes.flatMap(({ parents }) => parents).every((id) => shown.has(id))).toBe(true);
  });

  test("without a history shows the heads alone", () => {
    expect(graphReport(chainOf(["a"], ["b"]), undefined).nodes.map(({ id, state }) => [id, state])).toEqual([
      ["b", "base"],
      ["a", "base"],
    ]);
  });
});

describe("what differs", () => {
  const changed = {
    change: "changed" as const,
    kind: "column",
    name: "public.t.a",
    properties: [
      { name: "nullable", before: false, after: true },
      { name: "default", before: null, after: "0" },
      { name: "comment", before: "x".repeat(5000), after: null },
    ],
  };
  const compared = (differences: Difference[]) =>
    phaseReports(evidence([phase("downgrade", { planned: ["b"], steps: [step("b")], compared: { with: "x", differences } })]))[0]!
      .compared;

  test("is told object by object, in words, what is unset left out and what is long cut", () => {
    expect(compared([changed])).toEqual({
      with: "x",
      differences: 1,
      objects: [
        {
          change: "changed",
          kind: "column",
          name: "public.t.a",
          properties: [
            { name: "nullable", before: "no", after: "yes" },
            { name: "default", after: "0" },
            { name: "comment", before: `${"x".repeat(2000)}…` },
          ],
        },
      ],
    });
    expect(compared([])).toEqual({ with: "x", differences: 0 });
  });
  test("is counted as a whole where it is too much to tell", () => {
    const many = compared(Array.from({ length: 250 }, () => changed))!;
    expect([many.differences, many.objects?.length]).toEqual([250, 100]);
  });
  test("a phase that was stopped says by which revision", () => {
    const stop = { revision: "b", raised: { type: "E", message: "", frames: [], traceback: "" } };
    expect(phaseReports(evidence([phase("upgrade", { planned: ["b"], state: "failed", stop })]))[0]!.stoppedAt).toBe("b");
  });
});

describe("the phases", () => {
  test("that ran or should have run, with how far they came and what came out", () => {
    const phases = [
      phase("prepare"),
      phase("base", { planned: ["a"], steps: [step("a")] }),
      phase("upgrade", {
        planned: ["b"],
        steps: [step("b")],
        compared: { with: "the base branch", differences: [added("table", "public.t")] },
      }),
      phase("downgrade", {
        planned: ["b"],
        steps: [step("b", { direction: "downgrade" })],
        compared: { with: "the base branch", differences: [added("table", "public.t")] },
      }),
      phase("upgrade-again", { planned: ["b", "c"], state: "failed", steps: [step("b"), step("c", { ended: false })] }),
      phase("history-downgrade", { planned: ["b", "a"], state: "not-run", seconds: 0, reason: text`it failed` }),
      phase("history-upgrade", { state: "not-run", seconds: 0, reason: text`nothing to do` }),
    ];
    expect(
      phaseReports(evidence(phases)).map(({ id, revisions, outcome, compared }) => [
        id,
        revisions,
        outcome,
        compared?.differences,
      ]),
    ).toEqual([
      ["base", 1, "ok", undefined],
      ["upgrade", 1, "ok", undefined],
      ["downgrade", 1, "ok", 1],
      ["upgrade-again", 1, "failed", undefined],
      ["history-downgrade", 2, "not-run", undefined],
    ]);
  });
});

describe("the schema", () => {
  test("says what changes, and with which SQL of which revision", () => {
    const steps = [
      step("b", {
        statements: [statement(" CREATE TABLE t (id int)\n"), statement("UPDATE alembic_version SET version_num = 'x'")],
      }),
      step("c"),
    ];
    const run = evidence(
      [phase("base", { steps: [step("a", { statements: [statement("SELECT 1")] })] }), phase("upgrade", { steps })],
      { schema: [added("table", "public.t")] },
    );
    const { changes, sql } = schemaReport(run)!;
    expect(changes.map(plain)).toEqual(["adds table public.t"]);
    expect(sql).toEqual([
      { revision: "b", statement: "CREATE TABLE t (id int)" },
      { revision: "b", statement: "UPDATE alembic_version SET version_num = 'x'" },
    ]);
  });

  test("is not known where head was not reached", () => {
    expect(schemaReport(evidence([phase("upgrade", { state: "failed" })]))).toBeUndefined();
  });
});

describe("lines", () => {
  const upgrade =
    'if has_table("old"):\n    for row in rows:\n        move(row)\n        count()\n\nop.execute("x")\nreturn\nafter()';
  const graph = chainOf(["a"], ["b", { upgrade }]);
  const { source, file, upgrade: span } = graph.revisions.get("b")!;
  const at = (text: string) => source.split("\n").findIndex((line) => line.includes(text)) + 1;
  const every = [at("if has"), at("for row"), at("move"), at("count"), at('execute("x")'), at("return"), at("after()")];
  const run = (lines: { every: number[]; ran: number[] }, more: number[] = []) =>
    evidence(
      [
        phase("upgrade", { planned: ["b"], steps: [step("b", { lines })] }),
        phase("base", { steps: [step("a", { lines: { every: [1], ran: [] } })] }),
      ],
      {
        order: ["a", "b"],
        base: new Set(["a"]),
        rows: {
          source: "made-up",
          filled: [],
          phases: [phase("rows-upgrade", { steps: [step("b", { lines: { every, ran: more } })] })],
          failures: [],
          losses: [],
          schema: [],
        },
      },
    );

  test("that never ran are told with what they stand in, of the pull request's revisions alone", () => {
    expect(span?.line).toBe(9);
    const ran = [at("if has"), at('execute("x")'), at("return")];
    expect(linesReports(run({ every, ran }), graph)).toEqual([
      {
        revision: "b",
        function: "upgrade",
        file,
        lines: 7,
        ran: 3,
        never: [
          { line: at("for row"), endLine: at("count"), below: 'if has_table("old"):' },
          { line: at("after()"), endLine: at("after()") },
        ],
      },
    ]);
  });

  test("that ran on rows alone count", () => {
    const report = linesReports(run({ every, ran: [every[0]!] }, every), graph);
    expect(report).toMatchObject([{ lines: 7, ran: 7, never: [] }]);
  });

  test("of functions that did not come to their end are not told", () => {
    const broken = evidence([phase("upgrade", { steps: [step("b", { ended: false, lines: { every, ran: [9] } })] })], {
      order: ["b"],
    });
    expect(linesReports(broken, graph)).toEqual([]);
  });
});
