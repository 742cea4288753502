import { expect, test } from "vitest";
import type { Catalog, CatalogObject } from "../../src/postgres/catalog.ts";
import { onlyMakesTables, touchedTables, words } from "../../src/run/touched.ts";
import { changed, removed, statement, step } from "../support/evidence.ts";

const object = (kind: string, name: string, more: Partial<CatalogObject> = {}): CatalogObject => ({
  kind,
  name,
  oid: 1,
  properties: {},
  ...more,
});
const catalogOf = (...objects: CatalogObject[]): Catalog => new Map(objects.map((one) => [`${one.kind} ${one.name}`, one]));

const catalog = catalogOf(
  object("table", "public.users"),
  object("column", "public.users.email", { parent: "table public.users", properties: { type: "mail" } }),
  object("table", 'public."Order"'),
  object("index", "public.ix", { parent: 'table public."Order"' }),
  object("table", "billing.invoices"),
  object("domain", "public.mail"),
);

const touchedBy = (...statements: string[]) =>
  touchedTables(catalog, [step("a", { statements: statements.map((sql) => statement(sql)) })], []).map(({ name }) => name);

test("the words of SQL, as the server reads identifiers", () => {
  expect(words('SELECT "a ""b""", Users.ID FROM x$1')).toEqual(["select", 'a "b"', "users", "id", "from", "x$1"]);
});

test.for([
  ["UPDATE Users SET email = ''", ["public.users"]],
  ['ALTER TABLE "Order" ADD x integer', ['public."Order"']],
  ["ALTER TABLE order ADD x integer", []],
  ["DELETE FROM billing.invoices USING users", ["billing.invoices", "public.users"]],
  ["CREATE TABLE posts (user_id integer REFERENCES users)", []],
  ["CREATE TABLE posts AS SELECT * FROM users", ["public.users"]],
  ["CREATE TABLE posts (LIKE users)", ["public.users"]],
  ["SELECT 1", []],
] as const)("%s", ([sql, names]) => {
  expect(touchedBy(sql)).toEqual(names);
});

test.for([
  ["SELECT backfill()", ["billing.invoices", "public.users"]],
  ["DO $$ BEGIN PERFORM outer_one(1); END $$", ["billing.invoices", "public.users"]],
  ["CALL tidy()", ['public."Order"']],
  ["UPDATE active SET email = ''", ["public.users"]],
  // Its trigger writes the log.
  ["UPDATE audited SET x = 1", ["public.audited", "public.log"]],
  ["ALTER TABLE audited ADD y integer", ["public.audited"]],
  ["SELECT 1", []],
] as const)("what functions, views and triggers do is followed: %s", ([sql, names]) => {
  const hiding = catalogOf(
    ...catalog.values(),
    object("table", "public.audited"),
    object("table", "public.log"),
    object("function", "public.backfill()", { properties: { body: "UPDATE users SET email = (SELECT id FROM invoices)" } }),
    object("function", "public.outer_one(integer)", { properties: { body: "SELECT backfill(); SELECT outer_one(0)" } }),
    object("procedure", "public.tidy()", { properties: { body: 'DELETE FROM "Order"' } }),
    object("view", "public.active", { properties: { definition: "SELECT * FROM users" } }),
    object("function", "public.write_log()", { properties: { body: "INSERT INTO log VALUES (NEW.x)" } }),
    object("trigger", "public.audited.log", {
      parent: "table public.audited",
      properties: { definition: "AFTER UPDATE ON audited FOR EACH ROW EXECUTE FUNCTION write_log()" },
    }),
  );
  const found = touchedTables(hiding, [step("a", { statements: [statement(sql)] })], []).map(({ name }) => name);
  expect(found.sort()).toEqual([...names].sort());
});

test("what happened to a part of a table, or to a domain of a column, touches the table", () => {
  const touched = (...differences: Parameters<typeof touchedTables>[2]) =>
    touchedTables(catalog, [], differences).map(({ name }) => name);
  expect(touched(removed("index", "public.ix", { parent: 'table public."Order"' }))).toEqual(['public."Order"']);
  expect(touched(removed("table", "public.users"))).toEqual(["public.users"]);
  expect(touched(changed("domain", "public.mail", ["nullable", true, false]))).toEqual(["public.users"]);
  expect(touched({ ...removed("column", "public.new.id"), change: "added", parent: "table public.new" })).toEqual([]);
});

const source = (upgrade: string) => `from alembic import op\nimport sqlalchemy as sa\n\ndef upgrade():\n    ${upgrade}\n`;

test.for([
  ['op.create_table("t", sa.Column("id", sa.Integer))', true],
  ['op.create_table("t", sa.Column("id", sa.Integer))\n    op.create_index(op.f("ix_t"), "t", ["id"])', true],
  ['op.create_table("t", sa.Column("id", sa.Integer))\n    op.create_index("ix_t", "other", ["id"])', false],
  ['op.create_table("t")\n    op.drop_index("ix_t", table_name="t")\n    op.drop_table("t")', true],
  ['op.add_column("t", sa.Column("x", sa.Integer))', false],
  ['op.execute("UPDATE t SET x = 1")', false],
  ['op.get_bind().execute("x")', false],
  ['with op.batch_alter_table("t") as batch_op:\n        batch_op.add_column(1)', false],
  ["helpers.run(op)", false],
  ["from app import helpers", false],
] as const)("whether %s only makes tables", ([upgrade, expected]) => {
  expect(onlyMakesTables(source(upgrade))).toBe(expected);
});
