import { expect, test } from "vitest";
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
