import { expect, test } from "vitest";
import secondUpgradeFailed from "../../src/rules/second-upgrade-failed.ts";
import { chainOf, evidence, judge, phase, said, stop } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"]);
const error = { type: "ProgrammingError", message: 'type "status" already exists', sqlstate: "42710" };

test("each of the two second upgrades", () => {
  for (const id of ["upgrade-again", "history-upgrade"] as const) {
    const [draft] = judge(secondUpgradeFailed, graph, evidence([phase(id, { stop: stop("b", error) })]));
    expect(draft).toMatchObject({ revision: "b", file: "migrations/versions/b.py", line: 9 });
    expect(said(draft!)).toBe(
      'upgrade() of b fails after a downgrade: type "status" already exists. After a rollback nobody can deploy it again.',
    );
  }
});

test("a first upgrade that fails, or a second one that hangs, is not this", () => {
  const run = evidence([
    phase("upgrade", { stop: stop("b", error) }),
    phase("upgrade-again", { stop: stop("b", {}, { timedOut: { seconds: 1 } }) }),
  ]);
  expect(judge(secondUpgradeFailed, graph, run)).toEqual([]);
});
