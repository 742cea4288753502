import { expect, test } from "vitest";
import missingBaseline from "../../src/rules/missing-baseline.ts";
import { chainOf, evidence, fileOf, judge, phase, said, stop, toPaste } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"], ["c"]);

test("the revision that fails, and the lines that name a baseline", () => {
  const failed = stop("a", { message: 'relation "users" does not exist', sqlstate: "42P01" }, { file: fileOf("a"), line: 10 });
  const run = evidence([phase("base", { planned: ["a", "b"], stop: failed })], {
    order: ["a", "b", "c"],
    base: new Set(["a", "b"]),
  });
  const [draft] = judge(missingBaseline, graph, run);
  expect(draft).toMatchObject({ file: "alembic.ini", line: 1 });
  expect(said(draft!)).toContain(
    'the revision a, which the base branch has already, fails there (relation "users" does not exist)',
  );
  expect(toPaste(draft!)).toEqual(['baseline = "schema.sql"\nbaseline-revision = "b"']);
  expect(draft!.related).toMatchObject([{ file: fileOf("a"), line: 10 }]);
});

test("where there are models, they may stand for the revisions; what they lack needs a file", () => {
  const phases = [phase("base", { planned: ["a", "b"], stop: stop("a") })];
  const [draft] = judge(
    missingBaseline,
    graph,
    evidence(phases, { order: ["a", "b"], base: new Set(["a", "b"]), hasModels: true }),
  );
  expect(toPaste(draft!)).toEqual(['baseline = "models"', 'baseline = "schema.sql"\nbaseline-revision = "b"']);
});

test("a baseline that is given and too old", () => {
  const run = evidence([phase("base", { planned: ["b"], stop: stop("b") })], { order: ["a", "b"], base: new Set(["a", "b"]) });
  expect(said(judge(missingBaseline, graph, run)[0]!)).toContain("do not start with the baseline that is given: the revision b");
});

test("what a baseline would not mend is not this", () => {
  const base = (error: object, more: object = {}) => evidence([phase("base", { stop: stop("a", error, more) })]);
  expect(judge(missingBaseline, graph, base({ message: 'role "app" does not exist', sqlstate: "42704" }))).toEqual([]);
  expect(judge(missingBaseline, graph, base({}, { timedOut: { seconds: 1 } }))).toEqual([]);
  expect(judge(missingBaseline, graph, evidence([phase("base"), phase("upgrade", { stop: stop("b") })]))).toEqual([]);
});
