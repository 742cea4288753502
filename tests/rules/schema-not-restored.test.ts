import { expect, test } from "vitest";
import schemaNotRestored from "../../src/rules/schema-not-restored.ts";
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

const graph = chainOf(["a"], ["b", { downgrade: "op.create_table('users')" }]);

test("what is gone, and what came back otherwise, beside the old definition", () => {
  const create = statement("CREATE TABLE users (id int, email text)", { file: fileOf("a"), line: 10 });
  const run = evidence([
    phase("base", { steps: [step("a", { statements: [create] })] }),
    wentDown("b", removed("table", "public.users"), changed("column", "public.orders.note", ["type", "text", "integer"])),
  ]);
  const drafts = judge(schemaNotRestored, graph, run);
  expect(drafts).toMatchObject([
    {
      file: fileOf("b"),
      line: 12,
      revision: "b",
      object: { kind: "table", name: "public.users" },
      related: [{ file: fileOf("a"), line: 10 }],
    },
    { file: fileOf("b"), line: 12, revision: "b", object: { kind: "column", name: "public.orders.note" } },
  ]);
  expect(drafts.map(({ severity }) => severity)).toEqual([undefined, undefined]);
  expect(drafts.map(said)).toEqual([
    "downgrade() of b does not bring the schema back: table public.users is missing.",
    "downgrade() of b does not bring the schema back: column public.orders.note: type was text, is now integer.",
  ]);
});

test("a column that is nullable again is a warning; one that is not nullable any more is an error", () => {
  const nullable = (before: boolean, after: boolean) =>
    evidence([wentDown("b", changed("column", "public.users.email", ["nullable", before, after]))]);
  expect(judge(schemaNotRestored, graph, nullable(false, true))).toMatchObject([{ severity: "warning" }]);
  expect(judge(schemaNotRestored, graph, nullable(true, false))[0]).not.toHaveProperty("severity");
});

test("a column that was dropped may come back with a default for its rows: a warning, and the line that takes it away", () => {
  const back = changed("column", "app.users.active", ["default", null, "true"]);
  const down = wentDown("b", back);
  down.steps = [
    step("b", {
      direction: "downgrade",
      statements: [statement("ALTER TABLE app.users ADD COLUMN active BOOLEAN DEFAULT true", { file: fileOf("b"), line: 14 })],
    }),
  ];
  const dropped = evidence([down], { schema: [removed("column", "app.users.active")] });
  const [draft] = judge(schemaNotRestored, graph, dropped);
  expect(draft).toMatchObject({ severity: "warning", file: fileOf("b"), line: 14 });
  expect(toPaste(draft!)).toEqual(['op.alter_column("users", "active", server_default=None, schema="app")']);
  // Nothing dropped it: a default is simply too much.
  expect(judge(schemaNotRestored, graph, evidence([down]))[0]).not.toHaveProperty("severity");
  const more = changed("column", "app.users.active", ["default", null, "true"], ["type", "boolean", "text"]);
  const otherType = evidence([wentDown("b", more)], { schema: dropped.schema! });
  expect(judge(schemaNotRestored, graph, otherType)[0]).not.toHaveProperty("severity");
});

test("what is left over is for leftover-after-downgrade to tell", () => {
  const run = evidence([
    wentDown("b", added("table", "public.users"), changed("enum type", "public.mood", ["labels", "a", "b"])),
  ]);
  expect(judge(schemaNotRestored, graph, run)).toEqual([]);
});

test("something that came back under another name is told once", () => {
  const parent = "table public.users";
  const run = evidence([
    wentDown(
      "b",
      removed("foreign key", "public.users.users_fk", { parent }),
      added("foreign key", "public.users.fk_users", { parent }),
    ),
  ]);
  expect(judge(schemaNotRestored, graph, run)).toMatchObject([{ object: { name: "public.users.users_fk" } }]);
});

test("without the states in between a revision of the pull request is to blame, never one of the base", () => {
  const statements = [statement("CREATE TABLE users (id int)", { file: fileOf("a"), line: 10 })];
  const run = evidence([
    phase("base", { steps: [step("a", { statements })] }),
    phase("downgrade", {
      planned: ["c", "b"],
      compared: { with: "the base branch", differences: [removed("table", "public.users")] },
    }),
  ]);
  expect(judge(schemaNotRestored, graph, run)).toMatchObject([{ revision: "b" }]);
  run.phases[1]!.steps = [step("c", { direction: "downgrade", statements: [statement("DROP TABLE users")] })];
  expect(judge(schemaNotRestored, graph, run)).toMatchObject([{ revision: "c" }]);
});
