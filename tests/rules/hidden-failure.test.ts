import { expect, test } from "vitest";
import hiddenFailure from "../../src/rules/hidden-failure.ts";
import { chainOf, evidence, fileOf, judge, phase, said, statement, step, stop } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"]);
const failed = statement("DROP INDEX ix_users", {
  file: fileOf("b"),
  line: 10,
  error: { message: '(x.Y) index "ix_users" does not exist', sqlstate: "42704" },
});

test("a statement that failed in a step that ended", () => {
  const [draft, ...others] = judge(
    hiddenFailure,
    graph,
    evidence([phase("upgrade", { steps: [step("b", { statements: [statement("SELECT 1"), failed] })] })]),
  );
  expect(others).toEqual([]);
  expect(draft).toMatchObject({ severity: "warning", file: fileOf("b"), line: 10, revision: "b" });
  expect(said(draft!)).toBe('A statement in upgrade() of b failed and the error was swallowed: index "ix_users" does not exist');
});

test("a statement that failed and ended its step is another rule's", () => {
  const open = step("b", { ended: false, statements: [failed] });
  expect(judge(hiddenFailure, graph, evidence([phase("upgrade", { steps: [open], stop: stop("b") })]))).toEqual([]);
});

test("a step that did not end although nothing was raised", () => {
  const run = evidence([
    phase("upgrade", { planned: ["a", "b"], state: "failed", steps: [step("a")], rows: { found: ["a"], expected: ["a"] } }),
  ]);
  const [draft] = judge(hiddenFailure, graph, run);
  expect(draft).toMatchObject({ file: fileOf("b"), line: 9, revision: "b", object: { kind: "version rows", name: "upgrade" } });
  expect(draft).not.toHaveProperty("severity");
  expect(said(draft!)).toContain("ended without an error, but b did not run to its end");
});

test("version rows that are not what the steps must leave", () => {
  const rows = { found: [], expected: ["b"] };
  const run = evidence([phase("downgrade", { planned: ["b"], steps: [step("b", { direction: "downgrade" })], rows })]);
  const [draft] = judge(hiddenFailure, graph, run);
  expect(draft).toMatchObject({ file: fileOf("b"), line: 12, revision: "b" });
  expect(said(draft!)).toBe(
    "After the phase downgrade the version table holds no row where b must stand: the next deployment starts from the wrong place.",
  );
});

test("a project that migrates by itself before anything was run", () => {
  const [draft] = judge(hiddenFailure, graph, evidence([phase("prepare", { rows: { found: ["b"], expected: [] } })]));
  expect(draft).not.toHaveProperty("revision");
  expect(said(draft!)).toBe(
    "Before any revision was run the version table holds b: env.py, or what it imports, migrates by itself, and a deployment would start from there.",
  );
});

test("phases that stopped, were not run, or went well, say nothing", () => {
  const rows = { found: ["a"], expected: ["b"] };
  const well = { found: ["b"], expected: ["b"] };
  expect(
    judge(
      hiddenFailure,
      graph,
      evidence([
        phase("upgrade", { stop: stop("b"), rows }),
        phase("downgrade", { state: "not-run" }),
        phase("base", { rows: well }),
      ]),
    ),
  ).toEqual([]);
});
