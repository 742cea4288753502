/** What the help tells people to paste is run by Alembic itself, on real leftovers. */
import { execFileSync } from "node:child_process";
import { expect, inject, test } from "vitest";
import { parseCatalog, catalogQuery } from "../../src/postgres/catalog.ts";
import { compareCatalogs } from "../../src/postgres/compare.ts";
import { dropping } from "../../src/rules/undo.ts";
import { createDatabase } from "../support/postgres.ts";

const there = `
  CREATE SCHEMA billing;
  CREATE TABLE users (id int NOT NULL, name text);
  CREATE TABLE billing."Odd.Table" (id int PRIMARY KEY, name text);
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
`;

const leftovers = `
  CREATE SCHEMA left_over;
  CREATE TABLE tickets (id int); CREATE TABLE billing.invoices (id int);
  ALTER TABLE users ADD COLUMN email text; ALTER TABLE billing."Odd.Table" ADD COLUMN "E-Mail" text;
  ALTER TABLE users ADD CONSTRAINT users_pk PRIMARY KEY (id);
  ALTER TABLE billing."Odd.Table" ADD CONSTRAINT "odd.name" UNIQUE (name), ADD CONSTRAINT positive CHECK (id > 0);
  ALTER TABLE users ADD CONSTRAINT users_fk FOREIGN KEY (id) REFERENCES billing."Odd.Table" (id);
  CREATE INDEX ix_users ON users (name); CREATE INDEX ix_odd ON billing."Odd.Table" (id, name);
  CREATE TYPE status AS ENUM ('a'); CREATE TYPE billing."Kind" AS ENUM ('b');
  CREATE DOMAIN positive AS int CHECK (value > 0);
  CREATE TYPE pair AS (a int, b text); CREATE TYPE span AS RANGE (subtype = float8);
  CREATE SEQUENCE counter;
  CREATE FUNCTION add_up(a int, b numeric(10, 2) DEFAULT 2) RETURNS int LANGUAGE sql AS 'select 1';
  CREATE PROCEDURE work() LANGUAGE sql AS 'select 1';
  CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int, initcond = '0');
  CREATE VIEW names AS SELECT name FROM users; CREATE MATERIALIZED VIEW counts AS SELECT count(*) FROM users;
  CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
  CREATE RULE no_delete AS ON DELETE TO billing."Odd.Table" DO INSTEAD NOTHING;
  CREATE POLICY own ON users USING (id = 1);
  CREATE STATISTICS users_stats (dependencies) ON id, name FROM users;
  CREATE FOREIGN DATA WRAPPER dummy; CREATE SERVER remote FOREIGN DATA WRAPPER dummy;
  CREATE FOREIGN TABLE far (id int) SERVER remote;
  CREATE COLLATION posix FROM "C";
  CREATE CAST (pair AS status) WITH INOUT;
  CREATE PUBLICATION pub;
  CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);
  CREATE EXTENSION pgcrypto;
`;

/** Later ones first need not depend on earlier ones: what cannot go yet is tried again. */
const PYTHON = `
import json, sys
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

given = json.load(sys.stdin)
engine = sa.create_engine(sa.engine.URL.create("postgresql+psycopg2", **given["connection"]))
lines = given["lines"]
with engine.connect() as connection:
    op = Operations(MigrationContext.configure(connection))
    while lines:
        left = []
        for line in lines:
            try:
                with connection.begin_nested():
                    exec(line)
            except sa.exc.InternalError:
                left.append(line)
        if len(left) == len(lines):
            sys.exit("cannot be dropped: " + "; ".join(left))
        lines = left
    connection.commit()
`;

test("every kind of object is dropped by the line that is shown for it, and nothing else is", async () => {
  const database = await createDatabase();
  const snapshot = async () => parseCatalog(String(Object.values((await database.query(catalogQuery()))[0]!)[0]));
  await database.query(there);
  const before = await snapshot();
  await database.query(leftovers);
  const differences = compareCatalogs(before, await snapshot());
  expect(new Set(differences.map(({ change }) => change))).toEqual(new Set(["added"]));
  expect(new Set(differences.map(({ kind }) => kind)).size).toBeGreaterThan(25);
  const lines = differences.map(dropping);
  expect(lines).not.toContain(undefined);

  const { user: username, ...connection } = database.connection;
  execFileSync(inject("pythons").default, ["-c", PYTHON], {
    input: JSON.stringify({ connection: { username, ...connection }, lines }),
  });
  expect(compareCatalogs(before, await snapshot())).toEqual([]);
});

test("what no plain DROP takes back gets no line", () => {
  expect(dropping({ kind: "default privileges", name: "of app on tables" })).toBeUndefined();
  expect(dropping({ kind: "published table", name: "pub users" })).toBeUndefined();
});
