import { expect, test } from "vitest";
import { evidenceOf, firstLine, missingSettings } from "../../src/rules/raised.ts";
import type { Raised } from "../../src/run/protocol.ts";
import { plain } from "../../src/text.ts";
import { raised, stop } from "../support/evidence.ts";

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
  ].join("\n");
  const frames = [{ file: "/app/versions/a.py", line: 9, function: "upgrade" }];
  const error = { type: "CompileError", message: "<Thing object at 0x7fd15d190b30> has no name", traceback };
  const shown = (more: Partial<Raised>) => plain(evidenceOf(stop("a", { ...error, ...more })));
  expect(shown({ frames })).toBe(
    [
      "Traceback (most recent call last):",
      '  File "/app/versions/a.py", line 9, in upgrade',
      "    op.drop_constraint(None, 'items')",
      "    ~~~^^^",
      "CompileError: <Thing object> has no name",
    ].join("\n"),
  );
  expect(shown({})).toContain("site-packages");
});

test("of a revision a traceback shows nothing above its own file", () => {
  const traceback = [
    "Traceback (most recent call last):",
    '  File "/app/migrations/env.py", line 3, in <module>',
    "    context.run_migrations()",
    '  File "/app/migrations/versions/a.py", line 9, in downgrade',
    "    refuse()",
    '  File "/app/helper.py", line 1, in refuse',
    "    raise NotImplementedError()",
    "NotImplementedError",
  ];
  const frames = ["env", "versions/a", "helper"].map((name) => ({ file: `${name}.py`, line: 1, function: "f" }));
  const error = { type: "NotImplementedError", message: "", traceback: traceback.join("\n"), frames };
  const shown = (file: string, revision?: string) => plain(evidenceOf(stop(revision, error, { file, line: 9 })));
  expect(shown("migrations/versions/a.py", "a")).toBe([traceback[0], ...traceback.slice(3)].join("\n"));
  expect(shown("migrations/versions/a.py")).toBe(traceback.join("\n"));
  expect(shown("elsewhere.py", "a")).toBe(traceback.join("\n"));
});

const pydantic = [
  "2 validation errors for AppSettings",
  "POSTGRES_SERVER",
  "  Field required [type=missing, input_value={'SECRET': 'hush, hush'}, input_type=dict]",
  "    For further information visit https://errors.pydantic.dev/2.9/v/missing",
  "port",
  "  Input should be a valid integer [type=int_parsing, input_value='hush', input_type=str]",
].join("\n");

test("settings that pydantic misses are named, and what it was given is not shown", () => {
  expect(missingSettings(raised({ message: pydantic }))).toEqual(["POSTGRES_SERVER"]);
  expect(
    missingSettings(raised({ message: "1 validation error for Settings\ndb_url\n  field required (type=value_error.missing)" })),
  ).toEqual(["DB_URL"]);
  const shown = plain(
    evidenceOf(stop(undefined, { type: "ValidationError", message: pydantic, traceback: `ValidationError: ${pydantic}` })),
  );
  expect(shown).toContain("input_value=…, input_type=dict");
  expect(shown).not.toContain("hush");
});

test("a message that the traceback ends with is shown once", () => {
  const shown = plain(evidenceOf(stop("a", { type: "RuntimeError", message: "no moon", traceback: "RuntimeError: no moon" })));
  expect(shown).toBe("RuntimeError: no moon");
});

test("the first line, without what SQLAlchemy puts before it", () => {
  expect(firstLine('\n(psycopg2.errors.UndefinedTable) relation "a" does not exist\nLINE 1')).toBe('relation "a" does not exist');
  expect(firstLine("<class 'asyncpg.exceptions.UndefinedTableError'>: no table")).toBe("no table");
});
