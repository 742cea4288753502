import { expect, test } from "vitest";
import rule from "../../src/rules/fails-on-rows.ts";
import type { Evidence } from "../../src/run/evidence.ts";
import type { Refusal, RowFailure, RowsEvidence } from "../../src/run/rows.ts";
import { plain } from "../../src/text.ts";
import { added, chainOf, evidence, fileOf, said, stop, toPaste } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"]);
const run = (rows: Partial<RowsEvidence>): Evidence =>
  evidence([], {
    order: ["a", "b"],
    base: new Set(["a"]),
    rows: { source: "made-up", filled: [], phases: [], failures: [], losses: [], schema: [], ...rows },
  });
const refusal = (more: Partial<Refusal>): Refusal => ({
  kind: "not-null",
  table: "t",
  columns: ["c"],
  ddl: true,
  anyRow: false,
  ...more,
});
const failure = (more: Partial<RowFailure>): RowFailure => ({
  direction: "upgrade",
  stop: stop("b", { message: "no", sqlstate: "23502", sql: "ALTER TABLE t …" }, { file: fileOf("b"), line: 10 }),
  rows: "varied",
  ...more,
});
const judge = (facts: Partial<RowsEvidence>, downgrades?: "optional") =>
  rule.judge({ graph, run: run(facts), ...(downgrades && { settings: { downgrades } }) } as never);

test("without rows there is nothing to say", () => {
  expect(rule.judge({ graph, run: evidence([]) } as never)).toEqual([]);
  expect(judge({})).toEqual([]);
});

test("what fails on any row is an error, what fails on ours a warning with the SELECT", () => {
  const select = "SELECT count(*) FROM t WHERE c IS NULL;";
  const [sure, maybe] = judge({
    failures: [failure({ refusal: refusal({ anyRow: true }) }), failure({ refusal: refusal({ select }), row: '{"c":null}' })],
  });
  expect(sure).toMatchObject({ severity: "error", file: fileOf("b"), line: 10, object: { kind: "not-null", name: "t c" } });
  expect(said(sure!)).toBe("upgrade() of b fails as soon as t has a row: no");
  expect(toPaste(sure!)[0]).toContain("nullable=True");
  expect(maybe!.severity).toBe("warning");
  expect(said(maybe!)).toBe("upgrade() of b fails where c of t is NULL in some row: no");
  expect(toPaste(maybe!)[0]).toBe(select);
});

test("of several databases the finding names the one that is meant", () => {
  const select = "SELECT count(*) FROM t WHERE c IS NULL;";
  const [draft] = judge({ failures: [failure({ database: "billing", refusal: refusal({ select }) })] });
  expect(draft!.object).toEqual({ kind: "not-null", name: "[billing] t c" });
  expect(said(draft!)).toBe("upgrade() of b fails where c of [billing] t is NULL in some row: no");
  expect(plain(draft!.help)).toContain("Ask production's billing whether it has such rows");
  expect(toPaste(draft!)[0]).toBe(select);
});

test("what only SQLite refuses", () => {
  const [parent, byDefault, left] = judge({
    failures: [
      failure({ refusal: refusal({ kind: "parent", columns: ["u", "v"], anyRow: true }) }),
      failure({ refusal: refusal({ kind: "default", anyRow: true }) }),
      failure({ refusal: refusal({}), left: ["_alembic_tmp_t"] }),
    ],
  });
  expect(parent).toMatchObject({ severity: "error", object: { kind: "parent", name: "t" } });
  expect(said(parent!)).toBe("upgrade() of b fails as soon as u and v have a row that refers to t, which it drops: no");
  expect(toPaste(parent!)[0]).toContain("PRAGMA foreign_keys = OFF");
  expect(said(byDefault!)).toBe("upgrade() of b fails as soon as t has a row: no");
  expect(toPaste(byDefault!)[0]).toContain('recreate="always"');
  expect(plain(left!.evidence!)).toContain("_alembic_tmp_t stays, and must be dropped before the next try.");
});

test("a seed is believed", () => {
  const [draft] = judge({ failures: [failure({ rows: "seed", refusal: refusal({}) })] });
  expect(draft!.severity).toBe("error");
  expect(said(draft!)).toBe("upgrade() of b fails on the project's own rows: no");
});

test("a team that never goes back gets a notice of what fails on the way down, and of nothing else", () => {
  const failures = [
    failure({ direction: "downgrade", refusal: refusal({ anyRow: true }) }),
    failure({ refusal: refusal({ anyRow: true }) }),
  ];
  expect(judge({ failures }, "optional").map(({ severity }) => severity)).toEqual(["notice", "error"]);
});

test.for([
  ["unique", "two rows of t have the same c"],
  ["foreign-key", "a row of t refers by c to nothing that is there"],
  ["check", "a row of t does not satisfy the condition"],
  ["exclusion", "two rows of t exclude each other"],
  ["cast", "a value of c in t cannot be read as the new type"],
  ["too-long", "a value of c in t is longer than the new type allows"],
  ["range", "a value of c in t does not fit the new type"],
  ["pending", "rows of t were changed before in the same transaction"],
] as const)("%s", ([kind, condition]) => {
  const [draft] = judge({ failures: [failure({ refusal: refusal({ kind }) })] });
  expect(said(draft!)).toBe(`upgrade() of b fails where ${condition}: no`);
  expect(draft!.help.length).toBeGreaterThan(0);
});

test("a schema that depends on rows is a warning", () => {
  const [draft] = judge({ schema: [{ ...added("index", "public.ix"), change: "removed" }] });
  expect(draft).toMatchObject({
    severity: "warning",
    revision: "b",
    file: fileOf("b"),
    object: { kind: "index", name: "public.ix" },
  });
  expect(said(draft!)).toContain("index public.ix is missing");
});
