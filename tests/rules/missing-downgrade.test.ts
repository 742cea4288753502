import { expect, test } from "vitest";
import leftoverAfterDowngrade from "../../src/rules/leftover-after-downgrade.ts";
import missingDowngrade from "../../src/rules/missing-downgrade.ts";
import schemaNotRestored from "../../src/rules/schema-not-restored.ts";
import {
  added,
  chainOf,
  changed,
  evidence,
  fileOf,
  judge,
  phase,
  said,
  statement,
  step,
  stop,
  wentDown,
} from "../support/evidence.ts";

const graph = chainOf(["a", { downgrade: "op.drop_table('users')" }], ["empty"], ["missing", { downgrade: null }]);

test("an empty downgrade() that leaves something is told once, with all that it leaves", () => {
  const create = statement("CREATE TABLE users (id int)", { file: fileOf("empty"), line: 10 });
  const run = evidence([
    phase("upgrade", { steps: [step("empty", { statements: [create] })] }),
    wentDown("empty", added("table", "public.users"), changed("column", "public.orders.note", ["type", "text", "integer"])),
  ]);
  const [draft, ...others] = judge(missingDowngrade, graph, run);
  expect(others).toEqual([]);
  expect(draft).toMatchObject({
    file: fileOf("empty"),
    line: 12,
    revision: "empty",
    related: [{ file: fileOf("empty"), line: 10 }],
  });
  expect(said(draft!)).toBe(
    "downgrade() does nothing in empty, but upgrade() changes the schema: table public.users and column public.orders.note stay after a rollback.",
  );
  expect([...judge(leftoverAfterDowngrade, graph, run), ...judge(schemaNotRestored, graph, run)]).toEqual([]);
});

test("no downgrade() at all stops a rollback", () => {
  const run = evidence([
    phase("downgrade", { stop: stop("missing", { type: "AttributeError", message: "no attribute 'downgrade'" }) }),
  ]);
  const [draft] = judge(missingDowngrade, graph, run);
  expect(draft).toMatchObject({ file: fileOf("missing"), line: 9, revision: "missing" });
  expect(said(draft!)).toBe("There is no downgrade() in missing, but upgrade() changes the schema: a rollback stops here.");
});

test("an empty one that nothing has to be undone by is fine, and so is one that hung", () => {
  expect(judge(missingDowngrade, graph, evidence([wentDown("empty")]))).toEqual([]);
  const hung = evidence([phase("downgrade", { stop: stop("empty", {}, { timedOut: { seconds: 1 } }) })]);
  expect(judge(missingDowngrade, graph, hung)).toEqual([]);
});

test("a label and an extension alone need no downgrade()", () => {
  const run = evidence([
    wentDown("empty", added("extension", "citext"), changed("enum type", "public.mood", ["labels", "a", "b"])),
  ]);
  expect(judge(missingDowngrade, graph, run)).toEqual([]);
  expect(judge(leftoverAfterDowngrade, graph, run)).toMatchObject([{ severity: "notice" }, { severity: "notice" }]);
});

test("a downgrade() with code is not this", () => {
  expect(judge(missingDowngrade, graph, evidence([wentDown("a", added("table", "public.users"))]))).toEqual([]);
});
