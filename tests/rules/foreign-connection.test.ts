import { expect, test } from "vitest";
import foreignConnection from "../../src/rules/foreign-connection.ts";
import { chainOf, evidence, fileOf, judge, said } from "../support/evidence.ts";

test("each connection that was refused, where it was asked for", () => {
  const run = evidence([], {
    foreign: [{ wanted: "warehouse:5439/facts", file: fileOf("a"), line: 10 }, { wanted: "mysql://db/app" }],
  });
  const drafts = judge(foreignConnection, chainOf(["a"]), run);
  expect(drafts).toMatchObject([
    { file: fileOf("a"), line: 10, object: { kind: "server", name: "warehouse:5439/facts" } },
    { object: { kind: "server", name: "mysql://db/app" } },
  ]);
  expect(drafts[1]).not.toHaveProperty("file");
  expect(said(drafts[0]!)).toContain("A connection to warehouse:5439/facts was refused");
});
