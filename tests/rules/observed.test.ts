import fc from "fast-check";
import { expect, test } from "vitest";
import { bareName, nameParts, phasesOf } from "../../src/rules/observed.ts";
import { RULES } from "../../src/rules/index.ts";
import { chainOf, environment, evidence, fileOf, phase, statement, step, stop } from "../support/evidence.ts";
import type { PhaseId, Step, Stop } from "../../src/run/evidence.ts";

test("the parts of names that Postgres quotes", () => {
  expect(nameParts('billing."Odd.Table"."a ""b"""')).toEqual(["billing", '"Odd.Table"', '"a ""b"""']);
  expect(bareName("public.status")).toBe("status");
  expect(bareName("public.add_up(a integer, b numeric(10,2))")).toBe("add_up");
  expect(bareName('public."f(x)"(integer)')).toBe("f(x)");
  expect(bareName('public."a ""b"""')).toBe('a "b"');
});

test("where Postgres refuses everything, the statement that failed first is what stopped the phase", () => {
  const refused = stop("b", {
    type: "InternalError",
    message: "current transaction is aborted",
    sqlstate: "25P02",
    sql: "INSERT INTO alembic_version",
  });
  const statements = [
    statement("SELECT 1"),
    statement("DROP TABLE gone", {
      file: fileOf("b"),
      line: 9,
      error: { message: 'table "gone" does not exist', sqlstate: "42P01" },
    }),
    statement("SELECT 2", {
      file: fileOf("b"),
      line: 10,
      error: { message: "current transaction is aborted", sqlstate: "25P02" },
    }),
  ];
  const stopped = (steps: Step[]) => phasesOf(evidence([phase("base", { stop: refused, steps })]), "base")[0]!.stop;
  expect(stopped([step("a"), step("b", { ended: false, statements })])).toMatchObject({
    revision: "b",
    file: fileOf("b"),
    line: 9,
    raised: { message: 'table "gone" does not exist', sqlstate: "42P01", sql: "DROP TABLE gone" },
  });
  expect(stopped([step("a", { statements }), step("b", { ended: false })])).toEqual(refused);
});

test("whatever stops a phase, a rule tells it", () => {
  const graph = chainOf(
    ["a", { downgrade: 'raise Exception("no")' }],
    ["b", { downgrade: null }],
    ["c", { downgrade: "op.drop_table('t')" }],
  );
  const error = fc.constantFrom(
    { type: "ProgrammingError", message: 'type "vector" does not exist', sqlstate: "42704" },
    { type: "ProgrammingError", message: 'role "app" does not exist', sqlstate: "42704" },
    { type: "ProgrammingError", message: 'relation "x" does not exist', sqlstate: "42P01" },
    { type: "NotImplementedError", message: "" },
    { type: "AttributeError", message: "module has no attribute 'downgrade'" },
    { type: "Hang", message: "nothing moved" },
  );
  const stops = fc.record({ revision: fc.constantFrom("a", "b", "c", undefined), error, hangs: fc.boolean() });
  const phases: PhaseId[] = ["prepare", "base", "upgrade", "downgrade", "upgrade-again", "history-downgrade", "history-upgrade"];
  fc.assert(
    fc.property(fc.constantFrom(...phases), stops, (id, { revision, error, hangs }) => {
      // Nothing but env.py runs while the database is prepared.
      const stopped: Stop = stop(id === "prepare" ? undefined : revision, error, hangs ? { timedOut: { seconds: 9 } } : {});
      const run = evidence([phase(id, { stop: stopped })]);
      const told = RULES.filter(({ family }) => family === "run" || family === "setup").flatMap(({ judge }) =>
        judge({ graph, run, environment } as never),
      );
      expect(told.length).toBeGreaterThan(0);
    }),
  );
});
