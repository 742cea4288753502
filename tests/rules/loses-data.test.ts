import { expect, test } from "vitest";
import dropsData from "../../src/rules/drops-data.ts";
import losesData from "../../src/rules/loses-data.ts";
import type { Rule } from "../../src/rules/rule.ts";
import type { Loss, RowsEvidence } from "../../src/run/rows.ts";
import { chainOf, evidence, fileOf, phase, said, statement, step } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"], ["c"]);
const up = (id: string, line: number, sql: string) => step(id, { statements: [statement(sql, { file: fileOf(id), line })] });
const phases = [
  phase("rows-upgrade", {
    planned: ["b", "c"],
    steps: [up("b", 10, "ALTER TABLE t ALTER COLUMN n TYPE INTEGER"), up("c", 10, "UPDATE t SET a = upper(a)")],
  }),
  phase("rows-downgrade", {
    planned: ["c", "b"],
    steps: [step("c"), step("b", { statements: [statement("DELETE FROM t", { file: fileOf("b"), line: 14 })] })],
  }),
];
const rows: RowsEvidence = { source: "made-up", filled: [], phases, failures: [], losses: [], schema: [] };
const loss = (more: Partial<Loss>): Loss => ({ how: "dropped", table: "public.t", rows: 2, of: 3, wentDown: true, ...more });
const judge = (rule: Rule, losses: Loss[], settings = {}) =>
  rule.judge({
    graph,
    settings,
    run: evidence([phase("upgrade", { planned: ["b", "c"], steps: phases[0]!.steps })], { rows: { ...rows, losses } }),
  } as never);

test("each loss belongs to one rule", () => {
  for (const how of ["dropped", "deleted", "overwritten", "converted", "downgrade"] as const)
    expect([...judge(losesData, [loss({ how })]), ...judge(dropsData, [loss({ how })])]).toHaveLength(1);
});

test("a conversion is shown where the type is changed, with a value", () => {
  const [draft] = judge(losesData, [loss({ how: "converted", column: "n", example: { before: "1.5", after: "2" } })]);
  expect(draft).toMatchObject({ revision: "b", file: fileOf("b"), line: 10, object: { kind: "column", name: "public.t.n" } });
  expect(said(draft!)).toContain("2 of 3 values, such as 1.5, in whose place there is 2 then.");
});

test("what SQLite deletes since it refers to a table that is copied is an error, where that table is dropped", () => {
  const copying = phase("rows-upgrade", { planned: ["b"], steps: [up("b", 12, 'DROP TABLE "Notes"')] });
  const run = evidence([], {
    rows: { ...rows, phases: [copying, phases[1]!], losses: [loss({ how: "cascaded", by: "notes" })] },
  });
  const [draft] = losesData.judge({ graph, run } as never);
  expect(draft).toMatchObject({ severity: "error", revision: "b", file: fileOf("b"), line: 12, object: { name: "public.t" } });
  expect(said(draft!)).toBe(
    "upgrade() of b drops notes while foreign keys are enforced, so SQLite deletes the rows of public.t that refer to it: 2 of 3 rows.",
  );
  expect(dropsData.judge({ graph, run } as never)).toEqual([]);
});

test("where all keys are others, it is said that no row has the value", () => {
  const [draft] = judge(losesData, [loss({ how: "converted", column: "n", example: { before: "1001" } })]);
  expect(said(draft!)).toContain("2 of 3 values, such as 1001, which no row has then.");
});

test("rows that the downgrade deletes are shown where it does", () => {
  const [draft] = judge(losesData, [loss({ how: "downgrade" })]);
  expect(draft).toMatchObject({ revision: "b", file: fileOf("b"), line: 14, object: { kind: "table", name: "public.t" } });
  expect(judge(losesData, [loss({ how: "downgrade" })], { downgrades: "optional" })[0]!.severity).toBe("notice");
});

test("what upgrades drop and overwrite is one notice for each revision", () => {
  const drafts = judge(dropsData, [
    loss({ how: "overwritten", column: "a" }),
    loss({ how: "overwritten", column: "a2" }),
    loss({ column: "odd name", wentDown: false }),
  ]);
  expect(drafts.map(({ revision }) => revision)).toEqual(["c"]);
  expect(said(drafts[0]!)).toBe(
    'upgrade() of c overwrites public.t.a, overwrites public.t.a2, drops column public.t."odd name" with what it holds; downgrade() does not bring back what was there.',
  );
  expect(said(judge(dropsData, [loss({ column: "z", wentDown: false })])[0]!)).toBe(
    "upgrade() of c drops column public.t.z with what it holds.",
  );
});
