import * as fc from "fast-check";
import type { Sql } from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sortTargets } from "../../src/postgres/viewdef.ts";
import { openCatalogTest, type CatalogTest } from "./database.ts";

let databases: CatalogTest;
let sql: Sql;

beforeAll(async () => {
  databases = await openCatalogTest();
  sql = databases.connect(await databases.create());
  await sql.unsafe(`
    create schema one; create schema two;
    create table one.t (id int, name text, at date, "from" text); create table one.u (id int, name text, note text);
    create table two.t ("from" text, at date, id int, name text); create table two.u (note text, name text, id int);
  `);
});

afterAll(() => databases?.stop());

/** The definition of a view on the tables of one schema, as Postgres prints it. */
async function raw(schema: string, query: string): Promise<string> {
  await sql.unsafe(`begin; set local search_path = ${schema}; create view v as ${query}`);
  const [row] = await sql`select pg_get_viewdef('v'::regclass, true) as definition`;
  await sql.unsafe("rollback");
  return row!.definition;
}

const definition = async (schema: string, query: string): Promise<string> => sortTargets(await raw(schema, query));

const same = [
  "select * from t",
  "select distinct * from t",
  "select distinct on (name) * from t order by name, id",
  "select *, id + 1 as next, case when id is distinct from 3 then 'a' else 'b, c' end as x from t where id > 3",
  "select t.*, u.note from t join u using (id)",
  "select * from t natural join u",
  "select a.*, b.id as other from t a, t b",
  "select * from (select * from t) s",
  "select * from (select * from (select * from t where id > 1) a) b limit 3",
  "with w as (select * from t) select * from w",
  "with w as materialized (select * from t), x as (select * from w) select * from x order by id",
  "select * from t union all select * from t where id > 3",
  "select * from t union select * from t intersect select * from t where id = 2",
  "(select * from t where id = 1) union all (select * from t where id = 2 union select * from t)",
  "select count(*) as n from (select * from t) s",
  "select * from t where exists (select * from u where u.id = t.id)",
  "select t.*, s.note from t left join lateral (select * from u where u.id = t.id) s on true",
  "select *, row_number() over (partition by name order by at) as n from t",
  "select *, (select max(u.id) from u) as m from t",
  "select id, name, at, extract(year from at) as y from (select * from t) s group by id, name, at having count(*) > 1 order by 3, 1",
];

for (const query of same) {
  test(`the order of the tables' columns does not show: ${query}`, async () => {
    expect(await definition("two", query)).toBe(await definition("one", query));
  });
}

test("the tests above see the order where nothing is sorted", async () => {
  expect(await raw("two", "select * from t")).not.toBe(await raw("one", "select * from t"));
});

const differ: [string, string][] = [
  ["select id, name from t", "select id, name from u"],
  ["select id as a, at as b from t", "select id as b, at as a from t"],
  ["select id, name from t where id > 1", "select id, name from t where id > 2"],
  [
    "select id from t union all select at - '2026-01-01'::date from t",
    "select at - '2026-01-01'::date as id from t union all select id from t",
  ],
  ["select id, name from t union select id, note from u", "select id, name from t union select id, name from u"],
  ['select name, "from" from t union select name, note from u', 'select name, "from" from t union select note, name from u'],
  ['(select name, note from u) union select name, "from" from t', '(select name, note from u) union select "from", name from t'],
  [
    'with w(a, b) as (select name, "from" from t) select a, b from w',
    'with w(a, b) as (select "from", name from t) select a, b from w',
  ],
  ['select s.a, s.b from (select name, "from" from t) s(a, b)', 'select s.a, s.b from (select "from", name from t) s(a, b)'],
  [
    'select 1 as x from t where (name, "from") in (select name, note from u)',
    'select 1 as x from t where (name, "from") in (select note, name from u)',
  ],
  ['select coalesce(name, "from") as x from t', 'select coalesce("from", name) as x from t'],
  ["select 'a, b' as x, id from t", "select 'b, a' as x, id from t"],
  ["select * from t order by id, name", "select * from t order by name, id"],
  ["select distinct on (id) id, name from t", "select distinct on (name) id, name from t"],
  ["select id, name from t group by id, name", "select id, name from t"],
];

for (const [one, other] of differ) {
  test(`${one} is not ${other}`, async () => {
    expect(await definition("one", other)).not.toBe(await definition("one", one));
  });
}

const letters = (text: string) => text.replaceAll(/\s/g, "").split("").sort().join("");

test("nothing is lost or added, whatever the text", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "SELECT",
      "FROM",
      "UNION",
      "UNION ALL",
      "(",
      ")",
      ",",
      "a",
      "b",
      '"a"',
      "'x, y'",
      "DISTINCT",
      "ORDER BY 1",
      "WITH",
      "AS",
      "IN",
      "USING",
      "ON",
      ";",
      "é",
      "'",
    ),
    fc.string({ maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join(" ");
      expect(letters(sortTargets(text))).toBe(letters(text));
    }),
    { numRuns: 5000 },
  );
});
