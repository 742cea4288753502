import { expect, test } from "vitest";
import missingRole from "../../src/rules/missing-role.ts";
import { chainOf, evidence, fileOf, judge, phase, said, stop, toPaste } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"]);
const run = (message: string, sqlstate = "42704") =>
  evidence([phase("base", { stop: stop("a") }), phase("upgrade", { stop: stop("b", { message, sqlstate }) })]);

test("the role, and the statement that makes it", () => {
  const [draft] = judge(missingRole, graph, run('(psycopg2.errors.UndefinedObject) role "app" does not exist'));
  expect(draft).toMatchObject({ file: fileOf("b"), line: 9, revision: "b", object: { kind: "role", name: "app" } });
  expect(said(draft!)).toBe("b needs the role app, which no revision creates: nothing after it could be run.");
  expect(toPaste(draft!)).toEqual(['CREATE ROLE "app";']);
});

test("another object of that name, and a downgrade, are not this", () => {
  expect(judge(missingRole, graph, run('type "app" does not exist'))).toEqual([]);
  expect(judge(missingRole, graph, run('role "app" does not exist', "28000"))).toEqual([]);
  const down = evidence([phase("downgrade", { stop: stop("b", { message: 'role "app" does not exist', sqlstate: "42704" }) })]);
  expect(judge(missingRole, graph, down)).toEqual([]);
});
