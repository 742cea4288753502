import { describe, expect, test } from "vitest";
import type { EnvironmentReport, Report, SliceReport } from "../src/finding.ts";
import { mergeReports } from "../src/merge.ts";
import { plain, text } from "../src/text.ts";
import { broken, environment, finding, green, red, two } from "./report/samples.ts";

const on = (server: string, findings = red.environments[0]!.findings) => ({
  ...red,
  environments: [environment({ server, findings })],
});

test("different environments stand side by side, and the worst verdict is the whole's", () => {
  const merged = mergeReports([green, { ...two, environments: two.environments.slice(0, 1) }]);
  expect(merged.environments.map(({ name }) => name)).toEqual([green.environments[0]!.name, two.environments[0]!.name]);
  expect(mergeReports([green, red])).toMatchObject({ verdict: "fail", exitCode: 1 });
  expect(mergeReports([green, broken])).toMatchObject({ verdict: "error", exitCode: broken.exitCode });
  expect(mergeReports([green])).toMatchObject({ verdict: "pass", exitCode: 0 });
  expect(mergeReports([])).toMatchObject({ verdict: "pass", exitCode: 0, environments: [] });
});

test("one environment on several majors: each has a name, and what both found is told once", () => {
  const only16 = finding("upgrade-failed", "error", text`fails on 16 alone`);
  const both = red.environments[0]!.findings;
  const { environments } = mergeReports([
    on("PostgreSQL 14.2 (installed)"),
    on("PostgreSQL 16.4 (installed)", [...both, only16]),
  ]);
  const [first, second] = environments;
  expect(environments.map(({ name }) => name)).toEqual([
    "backend/alembic.ini (PostgreSQL 14)",
    "backend/alembic.ini (PostgreSQL 16)",
  ]);
  expect(first!.findings).toHaveLength(both.length);
  expect(first!.findings.every(({ environment }) => environment === first!.name)).toBe(true);
  expect(plain(first!.findings[0]!.evidence!)).toMatch(/Found as well in backend\/alembic\.ini \(PostgreSQL 16\)\.$/);
  expect(second!.findings.map(({ rule }) => rule)).toEqual(["upgrade-failed"]);
});

test("parts that no server tells apart are numbered", () => {
  const { environments } = mergeReports([on("PostgreSQL 16.4"), on("PostgreSQL 16.4")]);
  expect(environments.map(({ name }) => name)).toEqual(["backend/alembic.ini (part 1)", "backend/alembic.ini (part 2)"]);
});

test("a part that was told never to fail does not fail the whole", () => {
  expect(mergeReports([{ ...red, exitCode: 0 }])).toMatchObject({ verdict: "fail", exitCode: 0 });
});

test("what stopped several parts alike is said once", () => {
  expect(mergeReports([broken, broken]).failures).toEqual(broken.failures);
});

describe("slices of a history", () => {
  const revisions = ["d", "c", "b", "a"];
  /** Slice `number` of three: each has one revision. */
  const slice = (number: number, more: Partial<EnvironmentReport> & { with?: Partial<SliceReport> } = {}): Report => {
    const { with: has, ...rest } = more;
    const [top, bottom] = [revisions[number - 1]!, number < 3 ? revisions[number]! : undefined];
    const cut = { parts: 3, revisions: 1, top, ...(bottom !== undefined && { bottom }) };
    const report: SliceReport = { number, of: 3, cut, way: "clean", whole: true, otherwise: {}, ...has };
    return { ...green, environments: [environment({ findings: [], notChecked: [], slice: report, ...rest })] };
  };
  const fault = (rule: string, revision: string) =>
    finding(rule, "error", text`${rule} of ${revision}`, { revision, preexisting: true, blocks: false });
  const rulesIn = (...reports: Report[]) =>
    mergeReports(reports).environments.flatMap(({ findings }) => findings.map(({ rule, revision }) => `${rule} ${revision}`));

  test("are one environment, whatever their order", () => {
    const merged = mergeReports([slice(3), slice(1), slice(2)]);
    expect(merged).toMatchObject({ verdict: "pass", exitCode: 0, failures: [] });
    expect(merged.environments).toHaveLength(1);
    expect(merged.environments[0]).not.toHaveProperty("slice");
  });

  test.for<[string, Report[], string]>([
    ["that is missing", [slice(1), slice(3)], "the slice 2/3 is missing"],
    ["that are missing", [slice(2)], "the slices 1/3 and 3/3 are missing"],
    ["that is there twice", [slice(1), slice(2), slice(2), slice(3)], "the slice 2/3 is there twice"],
    ["of another plan", [slice(1), slice(2, { with: { of: 2 } })], "was cut into 3 and into 2 slices"],
    [
      "of another commit",
      [slice(1), slice(2, { with: { cut: { parts: 3, revisions: 1, top: "x", bottom: "b" } } }), slice(3)],
      "The slice 2/3 of the history",
    ],
    ["on another server", [slice(1), slice(2), slice(3, { server: "PostgreSQL 12.1 (url)" })], "the slice 3/3 is missing"],
  ])("one %s is an error", ([, reports, said]) => {
    const merged = mergeReports(reports);
    expect(merged).toMatchObject({ verdict: "error", exitCode: 3 });
    expect(merged.failures.map(({ message }) => plain(message)).join("\n")).toContain(said);
  });

  test("one that there is nothing for may be missing, and is no part", () => {
    const two = (number: number) => {
      const { cut } = slice(number).environments[0]!.slice!;
      return slice(number, { with: { cut: { ...cut!, parts: 2 } } });
    };
    const none = slice(3, { with: { cut: { parts: 2, revisions: 0 }, way: undefined!, whole: false } });
    expect(mergeReports([two(1), two(2)])).toMatchObject({ exitCode: 0, failures: [] });
    expect(mergeReports([two(1), two(2), none])).toMatchObject({ exitCode: 0, failures: [] });
  });

  test("on several majors stay apart", () => {
    const on = (server: string) => [1, 2, 3].map((number) => slice(number, { server }));
    const merged = mergeReports([...on("PostgreSQL 14.2 (installed)"), ...on("PostgreSQL 16.4 (installed)")]);
    expect(merged.failures).toEqual([]);
    expect(merged.environments.map(({ name }) => name)).toEqual([
      "backend/alembic.ini (PostgreSQL 14)",
      "backend/alembic.ini (PostgreSQL 16)",
    ]);
  });

  test("below one that went on to base have nothing to add", () => {
    const base = slice(1, { findings: [fault("leftover", "a"), fault("leftover", "d")], with: { way: "base" } });
    expect(rulesIn(base, slice(2, { findings: [fault("leftover", "c")], with: { way: "left" } }), slice(3))).toEqual([
      "leftover a",
      "leftover d",
    ]);
  });

  test("where one stopped tell nothing of what is left, and below it what fails by itself", () => {
    const left: Partial<SliceReport> = { way: "left", otherwise: { stopped: [], stoppedAbove: [] } };
    const upper = slice(1, { findings: [fault("leftover", "d")], with: left });
    const stopped = slice(2, { findings: [fault("failed", "c")], with: { way: "stopped" } });
    const otherwise = { stoppedAbove: [fault("failed", "b")] };
    const lower = slice(3, { findings: [fault("failed", "b"), fault("failed", "a")], with: { way: "stopped", otherwise } });
    expect(rulesIn(upper, stopped, lower)).toEqual(["failed c", "failed b"]);
  });

  test("tell the second upgrade that fails furthest down", () => {
    const again = (number: number, revision: string) =>
      slice(number, {
        findings: [fault("leftover", revision), fault("again", revision)],
        with: { way: "left", failedAgain: true, otherwise: { failedBelow: [fault("leftover", revision)] } },
      });
    expect(rulesIn(again(1, "d"), again(2, "c"), slice(3))).toEqual(["leftover d", "leftover c", "again c"]);
  });

  test("say nothing of the history where the newest did not come to it, but what kept them from their own", () => {
    const newest = slice(1, { findings: [fault("upgrade-failed", "d")], with: { way: undefined! } });
    const broken = slice(3, {
      findings: [fault("environment-failed", "a"), fault("upgrade-failed", "d")],
      with: { way: undefined! },
    });
    const lower = slice(2, { findings: [fault("failed", "c")], with: { way: "stopped" } });
    expect(rulesIn(newest, lower, broken)).toEqual(["upgrade-failed d", "environment-failed a"]);
  });
});
