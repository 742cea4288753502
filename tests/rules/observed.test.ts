import fc from "fast-check";
import { expect, test } from "vitest";
import { bareName, evidenceOf, nameParts } from "../../src/rules/observed.ts";
import { RULES } from "../../src/rules/index.ts";
import { chainOf, environment, evidence, phase, stop } from "../support/evidence.ts";
import type { Raised } from "../../src/run/protocol.ts";
import { plain } from "../../src/text.ts";
import type { PhaseId, Stop } from "../../src/run/evidence.ts";

test("the parts of names that Postgres quotes", () => {
  expect(nameParts('billing."Odd.Table"."a ""b"""')).toEqual(["billing", '"Odd.Table"', '"a ""b"""']);
  expect(bareName("public.status")).toBe("status");
  expect(bareName("public.add_up(a integer, b numeric(10,2))")).toBe("add_up");
  expect(bareName('public."f(x)"(integer)')).toBe("f(x)");
  expect(bareName('public."a ""b"""')).toBe('a "b"');
});

test("a traceback shows the project's frames, and no address", () => {
  const traceback = [
    "Traceback (most recent call last):",
    '  File "/venv/lib/python3.12/site-packages/alembic/script/base.py", line 1, in run',
    "    step()",
    '  File "/app/versions/a.py", line 9, in upgrade',
    "    op.drop_constraint(None, 'items')",
    "    ~~~^^^",
    '  File "/usr/lib/python3.12/contextlib.py", line 2, in __exit__',
    "    raise",
    "CompileError: <Thing object at 0x7fd15d190b30> has no name",
    "and a second line",
  ].join("\n");
  const frames = [{ file: "/app/versions/a.py", line: 9, function: "upgrade" }];
  const error = { type: "CompileError", message: "<Thing object at 0x7fd15d190b30> has no name", traceback };
  const shown = (more: Partial<Raised>) => plain(evidenceOf(stop("a", { ...error, ...more })));
  expect(shown({ frames })).toBe(
    [
      "CompileError: ",
      "<Thing object> has no name",
      " ",
      "Traceback (most recent call last):",
      '  File "/app/versions/a.py", line 9, in upgrade',
      "    op.drop_constraint(None, 'items')",
      "    ~~~^^^",
      "CompileError: <Thing object> has no name",
      "and a second line",
    ].join("\n"),
  );
  expect(shown({})).toContain("site-packages");
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
