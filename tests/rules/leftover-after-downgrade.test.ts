import { expect, test } from "vitest";
import leftoverAfterDowngrade from "../../src/rules/leftover-after-downgrade.ts";
import {
  added,
  chainOf,
  changed,
  evidence,
  fileOf,
  judge,
  phase,
  removed,
  said,
  statement,
  step,
  toPaste,
  wentDown,
} from "../support/evidence.ts";

const graph = chainOf(
  ["a", { downgrade: "op.drop_table('users')" }],
  ["b", { downgrade: "op.drop_table('tickets')" }],
  ["empty"],
);
const enumType = added("enum type", "public.status");
const create = statement("CREATE TYPE status AS ENUM ('a')", { file: fileOf("b"), line: 10 });

test("the object, the revision, the line that created it, and the line that drops it", () => {
  const run = evidence([
    phase("upgrade", { steps: [step("b", { effect: [enumType], statements: [create] })] }),
    wentDown("b", enumType),
  ]);
  const [draft, ...others] = judge(leftoverAfterDowngrade, graph, run);
  expect(others).toEqual([]);
  expect(draft).toMatchObject({
    file: fileOf("b"),
    line: 12,
    revision: "b",
    object: { kind: "enum type", name: "public.status" },
    related: [{ file: fileOf("b"), line: 10 }],
  });
  expect(draft).not.toHaveProperty("severity");
  expect(said(draft!)).toBe("downgrade() of b leaves enum type public.status; upgrade() created it at line 10.");
  expect(toPaste(draft!)).toEqual(['sa.Enum(name="status").drop(op.get_bind())']);
});

test("labels of an enum type, and extensions, are notices", () => {
  const drafts = judge(
    leftoverAfterDowngrade,
    graph,
    evidence([wentDown("b", added("extension", "citext"), changed("enum type", "public.mood", ["labels", "a", "b"]))]),
  );
  expect(drafts).toMatchObject([{ severity: "notice" }, { severity: "notice" }]);
  expect(drafts.map(said)).toEqual([
    "downgrade() of b leaves extension citext.",
    "downgrade() of b leaves the labels that upgrade() added to enum type public.mood.",
  ]);
});

test("what an old revision leaves is traced to the statement that created it", () => {
  const run = evidence([
    phase("base", { steps: [step("a", { statements: [statement("SELECT 'status'"), create] })] }),
    phase("history-downgrade", { compared: { with: "the empty database", differences: [enumType] } }),
  ]);
  expect(judge(leftoverAfterDowngrade, graph, run)).toMatchObject([{ revision: "a", file: fileOf("a"), line: 12 }]);
});

test("what a downgrade() creates itself is shown where it does", () => {
  const down = [
    step("b", { direction: "downgrade", statements: [{ ...create, line: 14 }] }),
    step("a", { direction: "downgrade" }),
  ];
  const run = evidence([
    phase("base", { steps: [step("a"), step("b")] }),
    phase("history-downgrade", { steps: down, compared: { with: "the empty database", differences: [enumType] } }),
  ]);
  const [draft] = judge(leftoverAfterDowngrade, graph, run);
  expect(draft).toMatchObject({ file: fileOf("b"), line: 14, revision: "b" });
  expect(said(draft!)).toBe("downgrade() of b leaves enum type public.status; it created it at line 14.");
  expect(toPaste(draft!)).toEqual([]);
});

test("what nobody is known to have created is put on downgrade base", () => {
  const run = evidence([phase("history-downgrade", { compared: { with: "the empty database", differences: [enumType] } })]);
  const [draft] = judge(leftoverAfterDowngrade, graph, run);
  expect(draft).not.toHaveProperty("revision");
  expect(said(draft!)).toBe("downgrade base leaves enum type public.status.");
});

test("what the pull request's own way down left is not told again for the whole history", () => {
  const run = evidence([
    wentDown("b", enumType),
    phase("history-downgrade", { compared: { with: "the empty database", differences: [enumType] } }),
  ]);
  expect(judge(leftoverAfterDowngrade, graph, run)).toHaveLength(1);
});

test("what is gone, and what an empty downgrade() leaves, is for other rules to tell", () => {
  expect(judge(leftoverAfterDowngrade, graph, evidence([wentDown("b", removed("table", "public.users"))]))).toEqual([]);
  expect(judge(leftoverAfterDowngrade, graph, evidence([wentDown("empty", enumType)]))).toEqual([]);
});
