import { expect, test } from "vitest";
import upgradeFailed from "../../src/rules/upgrade-failed.ts";
import { chainOf, evidence, judge, phase, said, stop } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"]);
const taken = {
  type: "ProgrammingError",
  message: '(psycopg2.errors.DuplicateTable) relation "users" already exists\n\n[SQL: …]',
  sqlstate: "42P07",
};

test("the line that was reached, the database's own words, and the statement", () => {
  const run = evidence([
    phase("upgrade", {
      stop: stop("b", { ...taken, sql: " CREATE TABLE users () " }, { file: "migrations/versions/b.py", line: 10 }),
    }),
  ]);
  const [draft, ...others] = judge(upgradeFailed, graph, run);
  expect(others).toEqual([]);
  expect(draft).toMatchObject({ file: "migrations/versions/b.py", line: 10, revision: "b" });
  expect(said(draft!)).toBe(
    'upgrade() of b fails on a database that has the base branch\'s revisions: relation "users" already exists',
  );
  expect(draft!.evidence).toContainEqual({ block: "CREATE TABLE users ()", language: "sql" });
  expect(JSON.stringify(draft!.evidence)).not.toContain("[SQL:");
});

test("a revision of the base branch", () => {
  const [draft] = judge(upgradeFailed, graph, evidence([phase("base", { stop: stop("a", taken) })]));
  expect(draft).toMatchObject({ file: "migrations/versions/a.py", line: 9, revision: "a" });
  expect(said(draft!)).toContain("on the way from an empty database");
});

test("the innermost line of the revision where no other is named, and Python's traceback", () => {
  const frames = [
    { file: "migrations/env.py", line: 3, function: "run" },
    { file: "migrations/versions/b.py", line: 10, function: "upgrade" },
    { file: "migrations/helpers.py", line: 7, function: "help" },
  ];
  const [draft] = judge(
    upgradeFailed,
    graph,
    evidence([phase("upgrade", { stop: stop("b", { frames, traceback: "Traceback:\n  it broke" }) })]),
  );
  expect(draft).toMatchObject({ file: "migrations/versions/b.py", line: 10 });
  expect(draft!.evidence).toContainEqual({ block: "Traceback:\n  it broke", language: "" });
});

test("what another rule tells is not told here", () => {
  const said = (error: Parameters<typeof stop>[1], more: Parameters<typeof stop>[2] = {}) =>
    judge(upgradeFailed, graph, evidence([phase("upgrade", { stop: stop("b", error, more) })]));
  expect(said({ message: 'type "vector" does not exist', sqlstate: "42704" })).toEqual([]);
  expect(said({ message: 'role "app" does not exist', sqlstate: "42704" })).toEqual([]);
  expect(said({}, { timedOut: { seconds: 120 } })).toEqual([]);
  expect(judge(upgradeFailed, graph, evidence([phase("prepare", { stop: stop(undefined) })]))).toEqual([]);
  expect(judge(upgradeFailed, graph, evidence([phase("upgrade-again", { stop: stop("b", taken) })]))).toEqual([]);
});

test("an upgrade that refuses is one that fails", () => {
  const [draft] = judge(
    upgradeFailed,
    graph,
    evidence([phase("upgrade", { stop: stop("b", { type: "NotImplementedError", message: "" }) })]),
  );
  expect(draft).toMatchObject({ revision: "b" });
});
