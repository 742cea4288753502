import { expect, test } from "vitest";
import { plain } from "../../src/text.ts";
import environmentFailed from "../../src/rules/environment-failed.ts";
import { chainOf, evidence, fileOf, judge, phase, said, stop, toPaste } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"]);
const raises = (type: string, message: string, place: object = { file: "migrations/env.py", line: 8 }) =>
  evidence([phase("prepare", { stop: stop(undefined, { type, message }, place) })]);

test("the line, and what was raised", () => {
  const [draft] = judge(environmentFailed, graph, raises("RuntimeError", "no moon\ntonight"));
  expect(draft).toMatchObject({ file: "migrations/env.py", line: 8 });
  expect(said(draft!)).toBe("migrations/env.py raises RuntimeError, so no migration can run: no moon");
  expect(draft).not.toHaveProperty("revision");
});

test.for([
  ["KeyError", "'DATABASE_URL'", "env:\n  DATABASE_URL: postgresql://user:password@localhost/db"],
  ["ModuleNotFoundError", "No module named 'flask_sqlalchemy.model'", "- run: pip install flask_sqlalchemy"],
] as const)("%s comes with the lines to add", ([type, message, lines]) => {
  expect(toPaste(judge(environmentFailed, graph, raises(type, message))[0]!)).toEqual([lines]);
});

test("settings that are missing, with the lines to add", () => {
  const message =
    "2 validation errors for Settings\nDB_HOST\n  Field required [type=missing, input_value={}, input_type=dict]\ndb_user\n  Field required [type=missing]";
  const [draft] = judge(environmentFailed, graph, raises("ValidationError", message));
  expect(said(draft!)).toBe(
    "migrations/env.py raises ValidationError, so no migration can run: the settings lack DB_HOST and DB_USER",
  );
  expect(toPaste(draft!)).toEqual(["env:\n  DB_HOST: …\n  DB_USER: …"]);
});

test("a schema or a role that nobody creates comes with the line for setup-sql", () => {
  const raised = { type: "ProgrammingError", message: 'schema "api" does not exist\nLINE 2', sqlstate: "3F000" };
  const run = evidence([phase("prepare", { stop: stop(undefined, raised, { file: "migrations/env.py", line: 8 }) })]);
  expect(toPaste(judge(environmentFailed, graph, run)[0]!)).toEqual(['CREATE SCHEMA "api";']);
});

test("an application that believes to be on SQLite is told of the URL", () => {
  const raised = { type: "ProgrammingError", message: 'syntax error at or near "PRAGMA"', sqlstate: "42601" };
  const run = evidence([phase("prepare", { stop: stop(undefined, raised, { file: "app.py", line: 8 }) })]);
  expect(plain(judge(environmentFailed, graph, run)[0]!.help)).toContain("give it a URL of PostgreSQL");
});

test("a revision that raises while it is loaded is named", () => {
  const [draft] = judge(
    environmentFailed,
    graph,
    raises("NameError", "name 'sa' is not defined", { file: fileOf("b"), line: 3 }),
  );
  expect(draft).toMatchObject({ file: fileOf("b"), line: 3, revision: "b" });
});

test("what Alembic raises without a line of the project is not put on env.py", () => {
  const [draft] = judge(environmentFailed, graph, raises("KeyError", "'3f2a'", {}));
  expect(draft).toMatchObject({ file: "alembic.ini", line: 1 });
  expect(said(draft!)).toBe("Alembic raises KeyError, so no migration can run: '3f2a'");
});

test("a process that hangs or dies raised nothing", () => {
  expect(said(judge(environmentFailed, graph, raises("Hang", "nothing happened for 120 seconds"))[0]!)).toBe(
    "The project does not finish loading, so no migration can run: nothing happened for 120 seconds",
  );
  expect(
    said(judge(environmentFailed, graph, raises("ProcessDied", "the Python process was ended by SIGSEGV", {}))[0]!),
  ).toContain("SIGSEGV");
});

test("a later run of env.py counts, also behind another stop", () => {
  const run = evidence([
    phase("downgrade", { stop: stop("b") }),
    phase("history-downgrade", { stop: stop(undefined, {}, { file: "migrations/env.py", line: 2 }) }),
  ]);
  expect(judge(environmentFailed, graph, run)).toMatchObject([{ file: "migrations/env.py", line: 2 }]);
});

test("a revision that fails while it runs is not this", () => {
  expect(judge(environmentFailed, graph, evidence([phase("upgrade", { stop: stop("b") })]))).toEqual([]);
});
