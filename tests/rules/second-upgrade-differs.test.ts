import { expect, test } from "vitest";
import secondUpgradeDiffers from "../../src/rules/second-upgrade-differs.ts";
import { chainOf, changed, evidence, fileOf, judge, phase, removed, said, statement, step } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"]);
const create = statement("CREATE TABLE users (id int)", { file: fileOf("b"), line: 10 });

test("each difference, on the line that makes the object", () => {
  const upgrade = phase("upgrade", { steps: [step("b", { statements: [create] })] });
  const again = phase("upgrade-again", {
    planned: ["b"],
    compared: {
      with: "the first upgrade",
      differences: [changed("table", "public.users", ["comment", "people", null]), removed("index", "public.ix_users")],
    },
  });
  const drafts = judge(secondUpgradeDiffers, graph, evidence([upgrade, again]));
  expect(drafts).toMatchObject([
    { file: fileOf("b"), line: 10, revision: "b", object: { kind: "table", name: "public.users" } },
    { object: { kind: "index", name: "public.ix_users" } },
  ]);
  expect(drafts.map(said)).toEqual([
    "A second upgrade gives another schema than the first: table public.users: comment was people, is now none. Databases will differ by their history.",
    "A second upgrade gives another schema than the first: index public.ix_users is missing. Databases will differ by their history.",
  ]);
});

test("no difference is no finding", () => {
  const again = phase("upgrade-again", { compared: { with: "the first upgrade", differences: [] } });
  expect(judge(secondUpgradeDiffers, graph, evidence([again, phase("history-upgrade")]))).toEqual([]);
});

test("a difference of the pull request's own upgrade is never put on the base branch", () => {
  const made = statement("CREATE TABLE users (id int)", { file: fileOf("a"), line: 10 });
  const base = phase("base", { steps: [step("a", { statements: [made] })] });
  const compared = { with: "the first upgrade", differences: [changed("table", "public.users", ["comment", "people", null])] };
  expect(
    judge(secondUpgradeDiffers, graph, evidence([base, phase("upgrade-again", { planned: ["b"], compared })])),
  ).toMatchObject([{ revision: "b", file: fileOf("b"), line: 9 }]);
  expect(
    judge(secondUpgradeDiffers, graph, evidence([base, phase("history-upgrade", { planned: ["a", "b"], compared })])),
  ).toMatchObject([{ revision: "a", file: fileOf("a"), line: 10 }]);
});
