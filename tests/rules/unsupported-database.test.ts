import { expect, test } from "vitest";
import unsupportedDatabase from "../../src/rules/unsupported-database.ts";
import { chainOf, evidence, judge, said } from "../support/evidence.ts";

test("another database than Postgres is named, at the configuration", () => {
  const [draft] = judge(unsupportedDatabase, chainOf(["a"]), evidence([], { unsupported: "mysql" }));
  expect(draft).toMatchObject({ file: "alembic.ini", line: 1 });
  expect(said(draft!)).toContain("This environment runs on mysql");
});

test("Postgres is fine", () => {
  expect(judge(unsupportedDatabase, chainOf(["a"]), evidence([]))).toEqual([]);
});
