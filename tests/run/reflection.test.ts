/** What is read of all tables at once is what SQLAlchemy reads of each. */
import { execFileSync } from "node:child_process";
import { expect, inject, test } from "vitest";
import { driverFolder } from "../../src/run/process.ts";
import { createDatabase } from "../support/postgres.ts";

const SCHEMA = `
create table owners (id serial primary key, code text not null, unique (code));
create table pets (
  id serial primary key, name text, owner_id integer constraint pets_owner references owners on delete cascade,
  owner_code text references owners (code), constraint pets_twice unique (name, owner_id)
);
create index pets_name on pets (lower(name)) where owner_id is not null;
create unique index pets_code on pets (owner_code) include (name);
create view dogs as select * from pets;
create table "Odd name" (id integer);
create schema other; create table other.pets (id integer primary key, pet_id integer references public.pets);
${Array.from({ length: 20 }, (_, number) => `create table more_${number} (id integer unique);`).join("\n")}`;

const SCRIPT = `
import json, sys
import sqlalchemy as sa
from alembic_gate_driver.reflection import at_once

engine = sa.create_engine(sys.argv[1])
METHODS = ("get_indexes", "get_unique_constraints", "get_foreign_keys")

def ask(times):
    statements = []
    with engine.connect() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
        inspector = sa.inspect(connection)
        found = {}
        for _ in range(times):
            for schema in (None, "other"):
                for table in [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]:
                    for method in METHODS:
                        answer = getattr(inspector, method)(table, schema=schema)
                        found[f"{schema} {table} {method}"] = json.loads(json.dumps(answer, default=str, sort_keys=True))
                        # Who asks may take out what it has dealt with.
                        answer.clear()
    return found, len(statements)

plain, many = ask(1)
with at_once():
    once, few = ask(1)
    again, _ = ask(2)
print(json.dumps({"plain": plain, "once": once, "again": again, "many": many, "few": few}))
`;

test("indexes, unique constraints and foreign keys", async () => {
  const { connection, query } = await createDatabase();
  await query(SCHEMA);
  const { host, port, user, password, database } = connection;
  const url = `postgresql+psycopg2://${user}:${password}@${host}:${port}/${database}`;
  const said = execFileSync(inject("pythons").default, ["-c", SCRIPT, url], {
    encoding: "utf8",
    env: { ...process.env, PYTHONPATH: driverFolder() },
  });
  const { plain, once, again, many, few } = JSON.parse(said) as {
    plain: object;
    once: object;
    again: object;
    many: number;
    few: number;
  };
  expect(Object.keys(plain)).toHaveLength(3 * 25);
  expect(once).toEqual(plain);
  expect(again).toEqual(plain);
  expect(few).toBeLessThan(many / 2);
});
