import { expect, test } from "vitest";
import timedOut from "../../src/rules/timed-out.ts";
import { chainOf, evidence, fileOf, judge, phase, said, stop } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"]);
const hang = (revision: string | undefined, more: object, place: object = {}) =>
  stop(revision, { type: "Hang" }, { timedOut: { seconds: 120, ...more }, ...place });

test("who stood still, for how long, what it waits for and what it was executing", () => {
  const waiting = {
    statement: "ALTER TABLE users ADD x int",
    waitingFor: "AccessExclusiveLock on users, held by SELECT 1 (idle in transaction)",
  };
  const run = evidence([phase("upgrade", { stop: hang("b", waiting, { file: fileOf("b"), line: 10 }) })]);
  const [draft] = judge(timedOut, graph, run);
  expect(draft).toMatchObject({ file: fileOf("b"), line: 10, revision: "b" });
  expect(said(draft!)).toBe(`upgrade() of b stood still for 120 seconds and was ended: it waits for ${waiting.waitingFor}.`);
  expect(draft!.evidence).toContainEqual({ block: waiting.statement, language: "sql" });
});

test("a downgrade of the history, without a line", () => {
  const [draft] = judge(timedOut, graph, evidence([phase("history-downgrade", { stop: hang("a", {}) })]));
  expect(draft).toMatchObject({ file: fileOf("a"), line: 12 });
  expect(said(draft!)).toBe("downgrade() of a stood still for 120 seconds and was ended.");
  expect(draft).not.toHaveProperty("evidence");
});

test("env.py itself", () => {
  const [draft] = judge(timedOut, graph, evidence([phase("prepare", { stop: hang(undefined, {}) })]));
  expect(said(draft!)).toBe("env.py stood still for 120 seconds and was ended.");
  expect(draft).not.toHaveProperty("revision");
});

test("another stop is not this", () => {
  expect(judge(timedOut, graph, evidence([phase("upgrade", { stop: stop("b") })]))).toEqual([]);
});
