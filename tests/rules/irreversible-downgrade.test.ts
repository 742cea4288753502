import { expect, test } from "vitest";
import downgradeFailed from "../../src/rules/downgrade-failed.ts";
import irreversibleDowngrade from "../../src/rules/irreversible-downgrade.ts";
import { chainOf, evidence, judge, phase, said, stop } from "../support/evidence.ts";

const graph = chainOf(
  ["a", { downgrade: "op.drop_table('users')" }],
  ["raises", { downgrade: 'raise Exception("we never go back")' }],
);

test.for<[string, string, { type: string; message: string }]>([
  ["NotImplementedError", "a", { type: "NotImplementedError", message: "" }],
  ["a class of that name", "a", { type: "IrreversibleMigration", message: "no" }],
  ["raise NotImplemented()", "a", { type: "TypeError", message: "'NotImplementedType' object is not callable" }],
  ["raise NotImplemented", "a", { type: "TypeError", message: "exceptions must derive from BaseException" }],
  ["an exception that says so", "a", { type: "RuntimeError", message: "This migration is irreversible." }],
  ["an exception that says so in other words", "a", { type: "Exception", message: "Downgrades are not supported here" }],
  ["a body that only raises, whatever it says", "raises", { type: "Exception", message: "we never go back" }],
])("%s refuses", ([, revision, error]) => {
  const run = evidence([phase("downgrade", { stop: stop(revision, error) })]);
  const [draft] = judge(irreversibleDowngrade, graph, run);
  expect(draft).toMatchObject({ revision, file: `migrations/versions/${revision}.py`, line: 12 });
  expect(said(draft!)).toBe(`downgrade() of ${revision} refuses on purpose: this release cannot be rolled back past it.`);
  expect(judge(downgradeFailed, graph, run)).toEqual([]);
});

test("the database's error is none, even in a body that only raises", () => {
  const run = evidence([
    phase("downgrade", { stop: stop("raises", { type: "RaiseException", message: "irreversible", sqlstate: "P0001" }) }),
  ]);
  expect(judge(irreversibleDowngrade, graph, run)).toEqual([]);
  expect(judge(downgradeFailed, graph, run)).toHaveLength(1);
});

test("an upgrade that refuses is not this", () => {
  const run = evidence([phase("upgrade", { stop: stop("a", { type: "NotImplementedError", message: "" }) })]);
  expect(judge(irreversibleDowngrade, graph, run)).toEqual([]);
});
