import { describe, expect, test } from "vitest";
import { Failure } from "../src/failure.ts";
import type { EnvironmentReport, Finding, PhaseReport, Report } from "../src/finding.ts";
import { plain, text } from "../src/text.ts";
import { brokenReport, conclude, reported } from "../src/verdict.ts";

const finding = (message: string, blocks: boolean): Finding => ({
  rule: "upgrade-failed",
  severity: "error",
  message: text`${message}`,
  help: text``,
  environment: "alembic.ini",
  blocks,
  preexisting: !blocks,
  fingerprint: "",
  related: [],
});

const phases = (outcomes: Record<string, PhaseReport["outcome"]>): PhaseReport[] =>
  Object.entries(outcomes).map(([id, outcome]) => ({ id, title: id, revisions: 1, seconds: 1, outcome }));

const environment = (more: Partial<EnvironmentReport> & { added?: string[] } = {}): EnvironmentReport => ({
  name: "alembic.ini",
  config: "alembic.ini",
  heads: ["b"],
  revisions: { total: 2, added: more.added ?? [], changed: [] },
  phases: [],
  findings: [],
  notChecked: [],
  ...more,
});

const failure = (exitCode: 1 | 2 | 3): Report["failures"][number] => ({
  message: text`failure ${exitCode}`,
  help: text``,
  exitCode,
});
const end = (environments: EnvironmentReport[], failures: Report["failures"], failOn: "error" | "warning" | "never" = "error") =>
  conclude(environments, failures, { failOn }, {});

describe("the exit code", () => {
  const blocked = environment({ findings: [finding("it fails", true)] });
  const fine = environment({ findings: [finding("it failed before", false)] });

  test("0 where nothing blocks, 1 where something does", () => {
    expect(end([fine], [])).toMatchObject({ verdict: "pass", exitCode: 0 });
    expect(end([fine, blocked], [])).toMatchObject({ verdict: "fail", exitCode: 1 });
    expect(end([fine], [failure(1)])).toMatchObject({ verdict: "fail", exitCode: 1 });
    expect(end([], [])).toMatchObject({ verdict: "pass", exitCode: 0 });
  });

  test("3 outranks 2, and 2 outranks 1; what was found is reported all the same", () => {
    expect(end([blocked], [failure(1), failure(3), failure(2)])).toMatchObject({ verdict: "error", exitCode: 3 });
    expect(end([blocked], [failure(1), failure(2)])).toMatchObject({ verdict: "error", exitCode: 2 });
    expect(end([blocked], [failure(3)]).environments[0]!.findings).toHaveLength(1);
  });

  test("fail-on: never affects 1 alone, and not the verdict", () => {
    expect(end([blocked], [], "never")).toMatchObject({ verdict: "fail", exitCode: 0 });
    expect(end([], [failure(1)], "never")).toMatchObject({ verdict: "fail", exitCode: 0 });
    expect(end([blocked], [failure(2)], "never")).toMatchObject({ verdict: "error", exitCode: 2 });
    expect(end([blocked], [failure(3)], "never")).toMatchObject({ verdict: "error", exitCode: 3 });
  });
});

describe("the headline", () => {
  const headline = (environments: EnvironmentReport[], failures: Report["failures"] = []) =>
    plain(end(environments, failures).headline);
  const well = phases({ base: "ok", upgrade: "ok", downgrade: "ok", "upgrade-again": "ok" });

  test("is the one finding, or their number", () => {
    const one = environment({ findings: [finding("old", false), finding("it fails", true)] });
    expect(headline([one])).toBe("it fails");
    expect(headline([one, one])).toBe("2 findings of this pull request block it.");
  });

  test("is the worst failure, unless that is a lesser fault of the project's and findings block", () => {
    const blocked = environment({ findings: [finding("it fails", true)] });
    expect(headline([blocked], [failure(1), failure(3), failure(2)])).toBe("failure 3");
    expect(headline([blocked], [failure(1)])).toBe("it fails");
    expect(headline([], [failure(1)])).toBe("failure 1");
  });

  test("says that heads of the base branch were repaired, where nothing blocks", () => {
    const repairs = environment({
      added: ["m"],
      repairedHeads: ["a", "b"],
      phases: phases({ upgrade: "ok", downgrade: "ok", "upgrade-again": "ok" }),
    });
    expect(plain(end([repairs], []).headline)).toBe(
      "No finding blocks, and the base branch's 2 heads are repaired: 1 new revision went up, down and up again.",
    );
    expect(plain(end([{ ...repairs, findings: [finding("no", true)] }], []).headline)).toBe("no");
  });

  test("says no more than what was run", () => {
    const of = (outcomes: Record<string, PhaseReport["outcome"]>, added = ["b"]) =>
      environment({ added, phases: phases(outcomes) });
    expect(headline([environment({ added: ["b", "c"], phases: well })])).toBe(
      "No finding blocks: 2 new revisions went up, down and up again.",
    );
    expect(headline([of({ base: "ok", upgrade: "ok", downgrade: "failed", "upgrade-again": "not-run" })])).toBe(
      "No finding blocks: 1 new revision went up, but not all the way down and up again.",
    );
    expect(headline([of({ base: "ok", upgrade: "not-run" })])).toBe("No finding blocks: 1 new revision, judged without running.");
    expect(headline([of({})])).toBe("No finding blocks: 1 new revision, judged without running.");
    expect(headline([environment({ added: ["b"], phases: well }), of({}, ["c"])])).toBe(
      "No finding blocks: 2 new revisions, not all of which were run.",
    );
    expect(headline([of({ base: "ok" }, [])])).toBe(
      "No finding blocks: this pull request adds no revision, and those that there are run.",
    );
    expect(headline([of({ base: "failed" }, [])])).toBe("No finding blocks: this pull request adds no revision.");
    expect(headline([environment({ added: ["b"], phases: well }), of({}, [])])).toBe(
      "No finding blocks: 1 new revision went up, down and up again.",
    );
    expect(headline([])).toBe("No finding blocks: this pull request adds no revision.");
  });
});

describe("failures", () => {
  test("keep their sentence, help, exit code and place", () => {
    const thrown = new Failure(2, text`It is wrong.`, text`Mend it.`, { file: "alembic.ini", line: 3 });
    expect(reported(thrown)).toEqual({
      message: text`It is wrong.`,
      help: text`Mend it.`,
      exitCode: 2,
      file: "alembic.ini",
      line: 3,
    });
  });

  test("anything else is a bug of ours, and says so with its trace", () => {
    const { message, help, exitCode } = reported(new TypeError("x is not a function"));
    expect(exitCode).toBe(3);
    expect(plain(message)).toBe("The gate itself has a bug: x is not a function");
    expect(plain(help)).toContain("verdict.test.ts");
    expect(plain(reported("nothing but a text").message)).toBe("The gate itself has a bug: nothing but a text");
  });

  test("after an interruption every failure is the interruption", () => {
    const controller = new AbortController();
    controller.abort("SIGTERM");
    const { message, exitCode } = reported(new TypeError("x"), controller.signal);
    expect([plain(message), exitCode]).toEqual(["The gate was interrupted (SIGTERM) and has cleaned up.", 3]);
    expect(reported(new Failure(2, text`a`, text`b`), new AbortController().signal).exitCode).toBe(2);
  });

  test("a gate that could not begin still gives a report", () => {
    expect(brokenReport(new Failure(2, text`It is wrong.`, text`Mend it.`), undefined, { total: 3 })).toEqual({
      version: 1,
      verdict: "error",
      exitCode: 2,
      headline: text`It is wrong.`,
      environments: [],
      failures: [{ message: text`It is wrong.`, help: text`Mend it.`, exitCode: 2 }],
      timings: { total: 3 },
    });
  });
});
