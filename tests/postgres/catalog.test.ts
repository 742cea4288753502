import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Sql } from "postgres";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { catalogQuery, parseCatalog, withoutTables } from "../../src/postgres/catalog.ts";
import { compareCatalogs } from "../../src/postgres/compare.ts";
import { openCatalogTest, readCatalog, snapshot, type CatalogTest } from "./database.ts";
import { schema } from "./statements.ts";

let databases: CatalogTest;
let database: string;

/** Expressions whose printed form depends on the session's settings. */
const touchy = `
  create table other.places (at timestamptz default '2026-02-03 04:05:06+00', day date default '2026-02-03', wait interval default '1 day 2 hours',
    real float8 default '0.12345678901234568'::float8, raw bytea default '\\x01ff', path text default e'a\\\\b', feeling public.mood default 'ok');
  create table public.shared (id int); create table other.shared (id int references public.users);
  create function other.one() returns int language sql as 'select 1';
  create view other.both as select public.one() as a, other.one() as b, (select count(*) from public.shared) as c, (select count(*) from other.shared) as d;
  create index on other.places ((feeling = 'sad'));
  alter table other.places add check (other.one() > public.one() and at > '2026-01-01 00:00:00+00');
`;

beforeAll(async () => {
  databases = await openCatalogTest();
  database = await databases.create();
  const sql = databases.connect(database);
  // Roles belong to the whole server.
  await sql.unsafe(schema.replaceAll(/create role [^;]*;/g, "") + touchy);
});

afterAll(() => databases?.stop());

const settings = async (sql: Sql) => sql`select name, setting from pg_settings where name !~ 'transaction_' order by name`;

const sessions: [name: string, sql: string][] = [
  ["an empty search_path", "set search_path = ''"],
  ["another schema first", "set search_path = other, public"],
  ["pg_catalog last", 'set search_path = "$user", other, public, pg_catalog'],
  ["a schema that does not exist", "set search_path = nowhere"],
  ["a time zone", "set timezone = 'Asia/Kathmandu'"],
  ["a style of dates", "set datestyle = 'German'; set intervalstyle = 'iso_8601'"],
  ["fewer digits", "set extra_float_digits = -3"],
  ["other literals", "set bytea_output = 'escape'; set standard_conforming_strings = off"],
  ["quoted identifiers", "set quote_all_identifiers = on"],
  ["settings that last as long as the transaction", "begin; set local search_path = other; set local timezone = 'Asia/Tokyo'"],
  ["settings that the transaction will leave", "begin; set search_path = other; set timezone = 'Asia/Tokyo'"],
  ["a read-only transaction", "begin transaction read only isolation level serializable"],
  ["a savepoint", "begin; savepoint a; set search_path = other"],
];

for (const [name, statement] of sessions) {
  test(`${name} changes nothing in the catalog, nor the snapshot in the session`, async () => {
    const expected = await readCatalog(databases.connect(database));
    const sql = databases.connect(database);
    await sql.unsafe(statement);
    const before = await settings(sql);
    expect(await readCatalog(sql)).toBe(expected);
    expect(await settings(sql)).toEqual(before);
    if (!statement.startsWith("begin")) return;
    // What the transaction did before the snapshot still has its effect at its end.
    const twin = databases.connect(database);
    await twin.unsafe(statement);
    await Promise.all([sql.unsafe("commit"), twin.unsafe("commit")]);
    expect(await settings(sql)).toEqual(await settings(twin));
  });
}

test("a SET that follows the snapshot in its transaction outlives the transaction", async () => {
  const sql = databases.connect(database);
  await sql.unsafe("begin");
  await readCatalog(sql);
  await sql.unsafe("set search_path = other; commit");
  expect(await sql`show search_path`).toEqual([{ search_path: "other" }]);
});

test("a rolled back savepoint takes the settings back that were set after it", async () => {
  const sql = databases.connect(database);
  await sql.unsafe("begin; set search_path = public; savepoint a; set search_path = other");
  await readCatalog(sql);
  await sql.unsafe("rollback to savepoint a; commit");
  expect(await sql`show search_path`).toEqual([{ search_path: "public" }]);
});

test("a role without any privilege sees the same", async () => {
  const sql = databases.connect(database);
  const expected = await readCatalog(sql);
  await sql.unsafe("begin; create role nobody_at_all; set local role nobody_at_all");
  expect(await readCatalog(sql)).toBe(expected);
});

test("it writes nothing and locks only as a reader does", async () => {
  const sql = databases.connect(database);
  await sql.unsafe("begin");
  await readCatalog(sql);
  const [row] = await sql`select txid_current_if_assigned() as xid`;
  expect(row).toEqual({ xid: null });
  expect(await sql`select distinct mode from pg_locks where pid = pg_backend_pid() and locktype = 'relation'`).toEqual([
    { mode: "AccessShareLock" },
  ]);
});

test("names that shadow those of pg_catalog do not disturb it", async () => {
  const sql = databases.connect(await databases.create());
  await sql.unsafe(`
    create domain text as int; create table pg_class (oid int); create function current_setting(public.text) returns text language sql as $$ select 'lie'::pg_catalog.text $$;
    create function format_type(oid, int) returns pg_catalog.text language sql as $$ select 'lie'::pg_catalog.text $$; set search_path = public, pg_catalog;
  `);
  const catalog = await snapshot(sql);
  expect([...catalog.keys()].sort()).toEqual([
    "column public.pg_class.oid",
    "domain public.text",
    "function public.current_setting(public.text)",
    "function public.format_type(oid, integer)",
    "schema public",
    "table public.pg_class",
  ]);
  expect(catalog.get("column public.pg_class.oid")?.properties.type).toBe("integer");
});

test("no driver can take anything in its text for a parameter", () => {
  expect(catalogQuery()).not.toMatch(/[%?]|(?<!:):\w|\$\d/);
});

const python = (code: string, connection: object): Promise<unknown> =>
  promisify(execFile)(
    inject("pythons").default,
    [
      "-c",
      `import json, sys\nurl = "{user}:{password}@{host}:{port}/{database}".format(**json.loads(sys.argv[1]))\nquery = open(sys.argv[2]).read()\n${code}\nprint(json.dumps(found))`,
      JSON.stringify(connection),
      fileURLToPath(new URL("../../src/postgres/catalog.sql", import.meta.url)),
    ],
    { maxBuffer: 1e8 },
  ).then(({ stdout }) => JSON.parse(stdout));

const drivers: [name: string, code: string][] = [
  [
    "psycopg2",
    `import psycopg2\ncursor = psycopg2.connect("postgresql://" + url).cursor()\ncursor.execute(query)\nfound = cursor.fetchone()[0]`,
  ],
  [
    "psycopg",
    `import psycopg\ncursor = psycopg.connect("postgresql://" + url).cursor()\ncursor.execute(query)\nfound = cursor.fetchone()[0]`,
  ],
  [
    "asyncpg",
    `import asyncio, asyncpg
async def main():
    connection = await asyncpg.connect("postgresql://" + url)
    async with connection.transaction():
        return await connection.fetchval(query)
found = asyncio.run(main())`,
  ],
  [
    "SQLAlchemy's exec_driver_sql",
    `import sqlalchemy\nfound = sqlalchemy.create_engine("postgresql+psycopg2://" + url).connect().exec_driver_sql(query).scalar()`,
  ],
  [
    "SQLAlchemy's text",
    `import sqlalchemy\nfound = sqlalchemy.create_engine("postgresql+psycopg://" + url).connect().execute(sqlalchemy.text(query)).scalar()`,
  ],
];

for (const [name, code] of drivers) {
  test(`${name} sends it as it is and returns text`, async () => {
    const found = await python(code, databases.connection(database));
    expect(found).toBe(await readCatalog(databases.connect(database)));
  });
}

test("what an extension owns is the extension's", async () => {
  const sql = databases.connect(await databases.create());
  const before = await snapshot(sql);
  await sql.unsafe("create extension hstore; create extension citext; create extension ltree; create extension pgcrypto");
  const after = await snapshot(sql);
  const made = ["extension citext", "extension hstore", "extension ltree", "extension pgcrypto"];
  expect([...after.keys()].filter((key) => !before.has(key)).sort()).toEqual(made);
});

test("names are those that people write, and lead from part to whole", async () => {
  const sql = databases.connect(await databases.create());
  await sql.unsafe(`
    create schema "A.b"; create table "A.b"."Say ""hi"" % :x" (id serial primary key, "new
line" int references "A.b"."Say ""hi"" % :x");
    create table public.order (select_ int, "select" int); create index "Ix" on public.order (select_);
  `);
  const catalog = await snapshot(sql);
  const table = 'table "A.b"."Say ""hi"" % :x"';
  const expected: [key: string, parent: string | undefined][] = [
    [table, undefined],
    ['column "A.b"."Say ""hi"" % :x".id', table],
    ['column "A.b"."Say ""hi"" % :x"."new\nline"', table],
    ['sequence "A.b"."Say ""hi"" % :x_id_seq"', 'column "A.b"."Say ""hi"" % :x".id'],
    ['primary key "A.b"."Say ""hi"" % :x"."Say ""hi"" % :x_pkey"', table],
    ["table public.order", undefined],
    ["column public.order.select", "table public.order"],
    ['index public."Ix"', "table public.order"],
  ];
  expect(expected.map(([key]) => [key, catalog.get(key)?.parent])).toEqual(expected);
  const [row] = await sql`select 'public.order'::regclass::oid::int as oid`;
  expect(catalog.get("table public.order")?.oid).toBe(row!.oid);
  expect(catalog.get("column public.order.select")?.oid).toBe(row!.oid);
});

test("a foreign user's password is not read", async () => {
  const sql = databases.connect(database);
  await sql.unsafe("begin; create user mapping for current_user server remote options (user 'u', password 'hunter2')");
  expect(await readCatalog(sql)).not.toContain("hunter2");
});

test("a copy of a database has its catalog", async () => {
  const before = await snapshot(databases.connect(database));
  const copy = await databases.create(database);
  const after = await snapshot(databases.connect(copy));
  expect(compareCatalogs(before, after)).toEqual([]);
  expect([...after.values()].map(({ oid }) => oid)).toEqual([...before.values()].map(({ oid }) => oid));
});

test("version tables go with all that belongs to them, in one schema or in any", async () => {
  const sql = databases.connect(await databases.create());
  const before = await snapshot(sql);
  await sql.unsafe(`
    create schema app;
    create table alembic_version (version_num varchar(32) not null, constraint alembic_version_pkc primary key (version_num));
    create table app.alembic_version (id serial primary key, version_num varchar(32) not null unique);
    create index on app.alembic_version (version_num);
    create table app."Version" (id int); comment on table app."Version" is 'x'; create table app.not_alembic_version (id int);
  `);
  const after = await snapshot(sql);
  const left = (tables: { schema: string | null; name: string }[]) =>
    [...withoutTables(after, tables).keys()].filter((key) => !before.has(key));
  expect(
    left([
      { schema: null, name: "alembic_version" },
      { schema: "app", name: "Version" },
    ]),
  ).toEqual(["schema app", "table app.not_alembic_version", "column app.not_alembic_version.id"]);
  expect(left([{ schema: "public", name: "alembic_version" }])).toContain("table app.alembic_version");
  expect(left([{ schema: "public", name: "alembic_version" }])).not.toContain("table public.alembic_version");
});

test("an empty database is read", () => {
  expect(parseCatalog('[["pg_class", null], ["pg_description", null]]').size).toBe(0);
});
