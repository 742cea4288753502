/** What is lost between three states of real tables. */
import { expect, test } from "vitest";
import { lossesOf, readHolding, type Loss } from "../../src/run/row-values.ts";
import { createDatabase } from "../support/postgres.ts";

const TABLE = `CREATE TABLE t (id serial PRIMARY KEY, a text, j json, n numeric(10,2), w timestamptz, u text[], gone text);
  INSERT INTO t (a, j, n, w, u) VALUES ('x', '{"b": 1,  "a": 2}', 1.50, '2024-01-01 00:00+00', '{p,q}'), ('y', NULL, 2, NULL, NULL), (NULL, '[]', NULL, NULL, NULL)`;

async function losses(up: string, down?: string): Promise<string[]> {
  const { query: run } = await createDatabase();
  const query = (sql: string, parameters: readonly unknown[] = []) => run(sql, parameters.map(String));
  await run(TABLE);
  const [{ oid } = {}] = await run("SELECT 't'::regclass::oid::text AS oid");
  const oids = [String(oid)];
  const before = await readHolding(query, oids);
  await run(up);
  const above = await readHolding(query, oids, ["t"]);
  if (down !== undefined) await run(down);
  const back = down === undefined ? undefined : await readHolding(query, oids, ["t"]);
  return lossesOf(before, above, back).map(told);
}

const told = ({ how, table, column, rows, of }: Loss) =>
  `${how} ${table}${column === undefined ? "" : `.${column}`} ${rows}/${of}`;
const SWAP = "CREATE TABLE new AS SELECT * FROM t; DROP TABLE t; ALTER TABLE new RENAME TO t; ALTER TABLE t ADD PRIMARY KEY (id)";

const TOUCHING = `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.w := now(); RETURN NEW; END $$;
  CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch(); UPDATE t SET a = a`;

const CASES: [what: string, up: string, down: string | undefined, losses: string[]][] = [
  ["nothing happens", "SELECT 1", "SELECT 1", []],
  ["json as jsonb, and back", "ALTER TABLE t ALTER j TYPE jsonb", "ALTER TABLE t ALTER j TYPE json", []],
  ["more digits, and back", "ALTER TABLE t ALTER n TYPE numeric(20,6)", "ALTER TABLE t ALTER n TYPE numeric(10,2)", []],
  ["a text as a fixed-length text, and back", "ALTER TABLE t ALTER a TYPE char(9)", "ALTER TABLE t ALTER a TYPE text", []],
  ["the table is made anew with all its rows", SWAP, SWAP, []],
  ["a column is renamed and renamed back", "ALTER TABLE t RENAME a TO z", "ALTER TABLE t RENAME z TO a", []],
  ["what upgrade made is dropped", "ALTER TABLE t ADD z int DEFAULT 1", "ALTER TABLE t DROP z", []],
  ["NULLs are filled for good", "UPDATE t SET a = 'z' WHERE a IS NULL", "SELECT 1", []],
  ["rows are added and deleted again", "INSERT INTO t (a) VALUES ('new')", "DELETE FROM t WHERE a = 'new'", []],
  ["a column is dropped and comes back empty", "ALTER TABLE t DROP a", "ALTER TABLE t ADD a text", ["dropped public.t.a 2/2"]],
  ["a column is dropped, and nobody went back", "ALTER TABLE t DROP a", undefined, ["dropped public.t.a 2/2"]],
  ["an empty column is dropped", "ALTER TABLE t DROP gone", "ALTER TABLE t ADD gone text", []],
  [
    "a column is dropped and restored",
    "ALTER TABLE t ADD z text; UPDATE t SET z = a; ALTER TABLE t DROP a",
    "ALTER TABLE t ADD a text; UPDATE t SET a = z; ALTER TABLE t DROP z",
    [],
  ],
  [
    "the table is dropped and comes back empty",
    "DROP TABLE t",
    "CREATE TABLE t (id serial PRIMARY KEY, a text)",
    ["dropped public.t 3/3"],
  ],
  ["rows are deleted", "DELETE FROM t WHERE a = 'x'", "SELECT 1", ["deleted public.t 1/3"]],
  ["rows are deleted on the way down", "SELECT 1", "DELETE FROM t WHERE a = 'x'", ["downgrade public.t 1/3"]],
  ["values are overwritten", "UPDATE t SET a = upper(a)", "SELECT 1", ["overwritten public.t.a 2/2"]],
  ["values are changed and changed back", "UPDATE t SET n = n * 100", "UPDATE t SET n = n / 100", []],
  [
    "values are rounded",
    "ALTER TABLE t ALTER n TYPE integer",
    "ALTER TABLE t ALTER n TYPE numeric(10,2)",
    ["converted public.t.n 1/2"],
  ],
  [
    "values are cut",
    "ALTER TABLE t ALTER a TYPE varchar(1) USING ''",
    "ALTER TABLE t ALTER a TYPE text",
    ["converted public.t.a 2/2"],
  ],
  ["a trigger writes the time of each change", TOUCHING, "UPDATE t SET a = lower(a)", []],
  [
    "a time comes back as that of the run",
    "ALTER TABLE t DROP w",
    "ALTER TABLE t ADD w timestamptz DEFAULT now()",
    ["dropped public.t.w 1/1"],
  ],
  [
    "a renamed column is dropped",
    "ALTER TABLE t RENAME a TO z",
    "ALTER TABLE t DROP z, ADD a text",
    ["downgrade public.t.a 2/2"],
  ],
];

test.for(CASES)("%s", async ([, up, down, expected]) => {
  expect(await losses(up, down)).toEqual(expected);
});
