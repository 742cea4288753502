/** What a refused statement asked of the rows; every SELECT runs on a real Postgres. */
import postgres from "postgres";
import { expect, test } from "vitest";
import type { Catalog } from "../../src/postgres/catalog.ts";
import { refusalOf, type Refusal } from "../../src/run/refusals.ts";
import { statement, stop } from "../support/evidence.ts";
import { createDatabase } from "../support/postgres.ts";

const columns = ["id", "a", "b", "c", "n", "parent_id", "r"];
const catalog: Catalog = new Map(
  columns.map((name) => [
    `column public.t.${name}`,
    { kind: "column", name: `public.t.${name}`, parent: "table public.t", oid: 1, properties: {} },
  ]),
);

/** Statements before, the one that is refused, and what is told of it. */
const CASES: [before: string[], sql: string, told: Partial<Refusal> & { found?: number }][] = [
  [
    [],
    "ALTER TABLE t ADD COLUMN x integer NOT NULL",
    { kind: "not-null", table: "t", columns: ["x"], anyRow: true, select: undefined },
  ],
  [["ALTER TABLE t ADD COLUMN x integer"], "ALTER TABLE t ALTER COLUMN x SET NOT NULL", { kind: "not-null", anyRow: true }],
  [
    ["ALTER TABLE t ADD COLUMN x integer", "UPDATE t SET x = n WHERE n > 100"],
    "ALTER TABLE t ALTER COLUMN x SET NOT NULL",
    { kind: "not-null", anyRow: false },
  ],
  [[], "ALTER TABLE t ALTER COLUMN a SET NOT NULL", { kind: "not-null", columns: ["a"], anyRow: false, found: 1 }],
  [[], 'ALTER TABLE "t" ALTER a SET NOT NULL, ALTER b SET DEFAULT 1', { kind: "not-null", columns: ["a"], found: 1 }],
  [[], "ALTER TABLE t ADD CONSTRAINT u UNIQUE (b, c)", { kind: "unique", columns: ["b", "c"], anyRow: false, found: 1 }],
  [
    [],
    "CREATE UNIQUE INDEX CONCURRENTLY u ON public.t USING btree (lower(c) DESC, b) WHERE n > 0",
    { kind: "unique", columns: ["lower(c)", "b"], found: 1 },
  ],
  [[], "ALTER TABLE t ADD COLUMN x integer DEFAULT 1 UNIQUE", { kind: "unique", columns: ["x"], anyRow: true }],
  [
    [],
    "ALTER TABLE t ADD COLUMN x integer DEFAULT 1, ADD CONSTRAINT u UNIQUE (x)",
    { kind: "unique", columns: ["x"], anyRow: true },
  ],
  [[], "ALTER TABLE t ADD PRIMARY KEY (a)", { kind: "not-null", columns: ["a"], found: 1 }],
  [
    [],
    "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY(parent_id) REFERENCES p (id)",
    { kind: "foreign-key", columns: ["parent_id"], found: 1 },
  ],
  [
    ["ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY(parent_id) REFERENCES p (id) NOT VALID"],
    "ALTER TABLE t VALIDATE CONSTRAINT f",
    { kind: "foreign-key", columns: ["parent_id"], found: 1 },
  ],
  [[], "ALTER TABLE t ADD CONSTRAINT k CHECK (n > 1 AND (c <> 'x)'))", { kind: "check", found: 1 }],
  [[], "ALTER TABLE t ADD COLUMN x integer DEFAULT 0 CHECK (x > 0)", { kind: "check", anyRow: true }],
  [[], "ALTER TABLE t ALTER COLUMN c TYPE INTEGER USING c::integer", { kind: "cast", columns: ["c"], type: "INTEGER", found: 1 }],
  [[], "ALTER TABLE t ALTER COLUMN c TYPE UUID USING c::uuid", { kind: "cast", type: "UUID", found: 1 }],
  [[], "ALTER TABLE t ALTER COLUMN c TYPE VARCHAR(2)", { kind: "too-long", columns: ["c"], type: "VARCHAR(2)", found: 1 }],
  [[], "ALTER TABLE t ALTER COLUMN n TYPE SMALLINT", { kind: "range", columns: ["n"], found: 1 }],
  [[], "ALTER TABLE t ADD EXCLUDE USING gist (r WITH &&)", { kind: "exclusion" }],
  [
    ["ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p DEFERRABLE INITIALLY DEFERRED", "UPDATE t SET b = 2"],
    "ALTER TABLE t ALTER COLUMN c TYPE varchar(90)",
    { kind: "pending", table: "t" },
  ],
  [[], "UPDATE t SET n = 1 / (n - 1)", { kind: "other", ddl: false, anyRow: false }],
  [[], "DO $$ BEGIN ALTER TABLE t ALTER a SET NOT NULL; END $$", { kind: "not-null", ddl: false, anyRow: false }],
  [[], "SELECT 1; ALTER TABLE t ALTER COLUMN a SET NOT NULL", { kind: "not-null", ddl: false }],
];

test.for(CASES)("%j: %s", async ([before, sql, { found, ...told }]) => {
  const { query } = await createDatabase();
  await query(`CREATE TABLE p (id integer PRIMARY KEY); INSERT INTO p VALUES (1), (2);
    CREATE TABLE t (id serial, a integer, b integer, c text, n integer, parent_id integer, r int4range);
    INSERT INTO t (a, b, c, n, parent_id, r) VALUES (1, 1, 'abc', 1, 1, '[1,5)'), (NULL, 1, 'abc', 70000, 9, '[1,5)')`);
  const concurrently = sql.includes("CONCURRENTLY");
  const run = concurrently ? query(sql) : query(["BEGIN", ...before, sql].join(";\n"));
  const error = (await run.then(
    () => undefined,
    (error: unknown) => error,
  )) as postgres.PostgresError;
  if (!concurrently) await query("ROLLBACK");
  expect(error?.code, "the server refuses it").toBeTruthy();
  const refused = stop("a", { message: error.message, sqlstate: error.code, sql });
  const refusal = refusalOf(
    refused,
    before.map((one) => statement(one)),
    catalog,
  )!;
  expect(refusal).toMatchObject({
    ddl: true,
    ...Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)),
  });
  if ("select" in told) expect(refusal.select).toBeUndefined();
  if (found === undefined) return;
  const [row] = await query(refusal.select!);
  const counts = refusal.kind === "range" ? 1 : Number(row?.count);
  expect(counts).toBeGreaterThanOrEqual(found);
});

test("what is no error of the server tells nothing", () => {
  expect(refusalOf(stop("a", { type: "KeyError", message: "x" }), [], catalog)).toBeUndefined();
});
