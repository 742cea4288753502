import { expect, test } from "vitest";
import downgradeFailed from "../../src/rules/downgrade-failed.ts";
import irreversibleDowngrade from "../../src/rules/irreversible-downgrade.ts";
import { added, chainOf, evidence, judge, phase, said, step, stop, toPaste } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b", { downgrade: "op.drop_table('users')" }], ["c", { downgrade: null }]);
const down = (revision: string, error: Parameters<typeof stop>[1]) =>
  evidence([phase("downgrade", { stop: stop(revision, error) })]);

test("the line, what the database said, and the command that shows it", () => {
  const error = {
    type: "ProgrammingError",
    message: '(psycopg2.errors.UndefinedTable) table "users" does not exist',
    sqlstate: "42P01",
  };
  const [draft, ...others] = judge(downgradeFailed, graph, down("b", error));
  expect(others).toEqual([]);
  expect(draft).toMatchObject({ file: "migrations/versions/b.py", line: 12, revision: "b" });
  expect(said(draft!)).toBe('downgrade() of b fails: table "users" does not exist. A rollback of this release would stop here.');
  expect(draft!.help).toContainEqual({ code: "alembic downgrade a" });
});

const unnamed = (table: string) =>
  `Can't emit DROP CONSTRAINT for constraint ForeignKeyConstraint(<sqlalchemy.sql.base.ReadOnlyColumnCollection object at 0x7fd15d190b30>, None, table=Table('${table}', MetaData(), schema=None)); it has no name`;

test("drop_constraint(None, …) is said in words, with the names that upgrade() made", () => {
  const run = down("b", { type: "CompileError", message: unnamed("items") });
  const effect = [
    added("foreign key", "public.items.items_owner_id_fkey", { parent: "table public.items" }),
    added("foreign key", "public.tags.tags_owner_id_fkey", { parent: "table public.tags" }),
    added("column", "public.items.owner_id", { parent: "table public.items" }),
  ];
  run.phases.unshift(phase("upgrade", { steps: [step("b", { effect })] }));
  const [draft] = judge(downgradeFailed, graph, run);
  expect(said(draft!)).toBe(
    "downgrade() of b fails: DROP CONSTRAINT on table items names no constraint (ForeignKeyConstraint without a name). A rollback of this release would stop here.",
  );
  expect(toPaste(draft!)).toEqual(['op.drop_constraint("items_owner_id_fkey", "items")']);
});

test("an old one is told how Postgres names constraints", () => {
  const [draft] = judge(downgradeFailed, graph, down("b", { type: "CompileError", message: unnamed("items") }));
  expect(draft!.help).toContainEqual({ code: "items_<columns>_fkey" });
});

test("the old history and a missing extension count as well", () => {
  const run = evidence([
    phase("history-downgrade", { stop: stop("a", { message: "function crypt(text) does not exist", sqlstate: "42883" }) }),
  ]);
  expect(judge(downgradeFailed, graph, run)).toMatchObject([{ revision: "a" }]);
});

test("a missing downgrade() is for missing-downgrade to tell, a hang for timed-out", () => {
  expect(
    judge(downgradeFailed, graph, down("c", { type: "AttributeError", message: "module has no attribute 'downgrade'" })),
  ).toEqual([]);
  const hang = evidence([phase("downgrade", { stop: stop("b", {}, { timedOut: { seconds: 3 } }) })]);
  expect(judge(downgradeFailed, graph, hang)).toEqual([]);
});

test("Python's own error is a fault, whatever its words", () => {
  const error = { type: "TypeError", message: "'<' not supported between instances of 'str' and 'int'" };
  expect(judge(downgradeFailed, graph, down("b", error))).toMatchObject([{ revision: "b" }]);
  expect(judge(irreversibleDowngrade, graph, down("b", error))).toEqual([]);
});
