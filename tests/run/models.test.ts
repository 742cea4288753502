/** The models compared with a database, by real Alembic of several versions. */
import { describe, expect, inject, test } from "vitest";
import { asyncEnv, alembicFiles, revision, syncEnv } from "../support/alembic.ts";
import { drive } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { createDatabase } from "../support/postgres.ts";

const models = `from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, String, Table, UniqueConstraint
from sqlalchemy.ext.declarative import declarative_base

Base = declarative_base()


class Shop(Base):
    __tablename__ = "shops"
    __table_args__ = (
        UniqueConstraint("name", name="uq_shops_name"),
        Index("ix_shops_town", "town"),
    )
    id = Column(Integer, primary_key=True)
    name = Column(String(80), nullable=False)
    town = Column(
        String(40),
        comment="where it is",
    )
    owner_id = Column(ForeignKey("people.id", ondelete="CASCADE"))


class Person(Base):
    __tablename__ = "people"
    id = Column(Integer, primary_key=True)
    nickname = Column("nick", String(10), server_default="x")


visits = Table("visits", Base.metadata, Column("day", Integer))
`;
/** What a migration left that is not quite what the models say. */
const schema = `
  create table people (id serial primary key, nick varchar(12) default 'y');
  create table shops (id serial primary key, name varchar(80), town varchar(40), owner_id integer references people (id), old text);
  create table visits (day integer, visitor text not null);
  create table gone (id serial primary key);`;

const withModels = (env: string): string =>
  env
    .replace("from alembic import context", "from alembic import context\nfrom models import Base")
    .replace("target_metadata=None", "target_metadata=Base.metadata, compare_type=True, compare_server_default=True");

const files = (env: string, more: Record<string, string> = {}) => ({
  ...alembicFiles({ a: revision("a") }, withModels(env)),
  "alembic.ini": "[alembic]\nscript_location = migrations\nprepend_sys_path = .\n",
  "models.py": models,
  ...more,
});

const versions = [
  ["sqlalchemy13", "psycopg2", syncEnv()],
  ["oldest", "psycopg2", syncEnv()],
  ["oldest", "asyncpg", asyncEnv()],
  ["default", "psycopg2", syncEnv()],
  ["default", "asyncpg", asyncEnv()],
  ["newest", "psycopg", syncEnv('"postgresql+psycopg://app@db.internal/app"')],
] as const;

describe.each(versions)("with %s versions and %s", (name, _, env) => {
  // Alembic 1.4 knows prepend_sys_path not yet.
  const options = async () => ({ python: [inject("pythons")[name]] });

  test("in brief, what differs is told, and not what would be written", async () => {
    const database = await createDatabase();
    await database.query(schema);
    const driver = await drive(
      files(env.replace("from alembic", "import sys; sys.path.insert(0, '.')\nfrom alembic")),
      await options(),
    );
    const { connection } = database;
    const whole = await driver.check({ connection });
    const brief = await driver.check({ connection, brief: true });
    expect(brief.differences).toEqual(whole.differences.map(({ same: _, ...one }) => ({ ...one, operation: "" })));
  });

  test("each difference has its object, its words, its operation and its line", async () => {
    const database = await createDatabase();
    await database.query(schema);
    const driver = await drive(
      files(env.replace("from alembic", "import sys; sys.path.insert(0, '.')\nfrom alembic")),
      await options(),
    );
    const { differences, raised, contexts, sources } = await driver.check({ connection: database.connection });
    expect(raised).toBeUndefined();
    expect(contexts).toBe(1);
    expect(sources).toEqual(["models.py"]);
    const told = differences.map(({ kind, change, table, name: of, property, from, to, line }) =>
      [change, kind, [table, of].filter(Boolean).join("."), property && `${property} ${from} → ${to}`, line]
        .filter(Boolean)
        .join(" "),
    );
    expect(told.sort()).toEqual(
      [
        "differs column people.nick default 'y'::character varying → 'x' 25",
        "differs column people.nick type VARCHAR(12) → VARCHAR(10) 25",
        "differs column shops.name nullable NULL → NOT NULL 14",
        "differs column shops.town comment null → 'where it is' 15",
        "differs foreign key shops.(owner_id) 19",
        "extra column shops.old 7",
        "extra column visits.visitor 28",
        "extra table gone",
        "missing index shops.ix_shops_town 11",
        "missing unique constraint shops.uq_shops_name 10",
      ].sort(),
    );
    expect(differences.find(({ kind }) => kind === "index")!.operation).toContain(
      "op.create_index('ix_shops_town', 'shops', ['town']",
    );
    expect(differences.find(({ kind }) => kind === "foreign key")).toMatchObject({
      from: "(owner_id) to people.id",
      to: "(owner_id) to people.id ON DELETE CASCADE",
      operation: expect.stringMatching(/^op\.drop_constraint.*\nop\.create_foreign_key/s),
      model: "Shop",
      same: false,
    });
    expect(differences.filter(({ required }) => required !== undefined).map(({ name, required }) => [name, required])).toEqual([
      ["old", false],
      ["visitor", true],
    ]);
    // Nothing was changed while it was tried out.
    const again = await driver.check({ connection: database.connection });
    expect(again.differences).toEqual(differences);
  });
});

test("what belongs to a missing table or column is part of it", async () => {
  const database = await createDatabase();
  await database.query(
    "create table shops (id serial primary key, name varchar(80) not null constraint uq_shops_name unique); create table visits (day int)",
  );
  const driver = await drive(files(syncEnv()));
  const { differences } = await driver.check({ connection: database.connection });
  expect(differences.map(({ kind, table, name, operation }) => [kind, table, name, operation.match(/^op\.\w+/gm)])).toEqual([
    ["table", "people", null, ["op.create_table"]],
    ["column", "shops", "town", ["op.add_column", "op.create_index"]],
    ["column", "shops", "owner_id", ["op.add_column", "op.create_foreign_key"]],
  ]);
});

test("what is dropped with a column that no model declares is part of that", async () => {
  const database = await createDatabase();
  await database.query(schema);
  await database.query(
    "alter table visits add person_id int references people (id); create index ix_visits_person_id on visits (person_id)",
  );
  const driver = await drive(files(syncEnv()));
  const { differences } = await driver.check({ connection: database.connection });
  const visits = differences.filter(({ table }) => table === "visits");
  // Alembic goes through a set of columns.
  visits.sort((a, b) => a.name!.localeCompare(b.name!));
  expect(visits.map(({ kind, name, operation }) => [kind, name, operation.match(/^op\.\w+/gm)])).toEqual([
    ["column", "person_id", ["op.drop_index", "op.drop_constraint", "op.drop_column"]],
    ["column", "visitor", ["op.drop_column"]],
  ]);
});

test("what autogenerate finds although the operation changes nothing is marked", async () => {
  const database = await createDatabase();
  await database.query("create table docs (id serial primary key, body json default '{}', size double precision)");
  const docs = `from sqlalchemy import Column, Float, Integer, JSON, text
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Doc(Base):
    __tablename__ = "docs"
    id = Column(Integer, primary_key=True)
    body = Column(JSON, server_default=text("'{}'::json"))
    size = Column(Float)
`;
  const env = withModels(syncEnv()).replace("compare_type=True", "compare_type=lambda *args: args[2].name == 'size'");
  const driver = await drive({ ...files(syncEnv()), "migrations/env.py": env, "models.py": docs });
  const { differences, raised } = await driver.check({ connection: database.connection });
  expect(raised).toBeUndefined();
  expect(differences).toMatchObject([{ table: "docs", name: "size", property: "type", same: true }]);
});

test.each(["oldest", "default", "newest"] as const)(
  "what is there and autogenerate does not see is no missing table, with %s versions",
  async (name) => {
    const database = await createDatabase();
    await database.query(schema);
    await database.query("alter table visits rename to all_visits; create view visits as select * from all_visits");
    await database.query("alter table people rename to persons; create materialized view people as select id from persons");
    const driver = await drive(files(syncEnv()), { python: [inject("pythons")[name]] });
    const { differences } = await driver.check({ connection: database.connection });
    const found = differences.filter(({ table }) => table === "visits" || table === "people");
    found.sort((a, b) => a.table!.localeCompare(b.table!));
    expect(found).toMatchObject([
      { kind: "column", change: "missing", table: "people", name: "nick", model: "Person", line: expect.any(Number) },
      { kind: "table", change: "missing", table: "visits", same: true, there: "view" },
    ]);
  },
);

test("a table that env.py hides from autogenerate on one side is not missing", async () => {
  const database = await createDatabase();
  await database.query(schema);
  const hook = "\ndef seen(name, kind, parents):\n    return name != 'visits'\n";
  const env = syncEnv()
    .replace("def run_migrations_online", `${hook}\ndef run_migrations_online`)
    .replace("target_metadata=None", "target_metadata=None, include_name=seen");
  const driver = await drive(files(env));
  const { differences } = await driver.check({ connection: database.connection });
  expect(differences.filter(({ table }) => table === "visits")).toMatchObject([{ kind: "table", same: true, there: "table" }]);
});

test("process_revision_directives and include_object have their say", async () => {
  const database = await createDatabase();
  await database.query(schema);
  const hook = `
def directives(context, revision, scripts):
    if context.config.cmd_opts.autogenerate and scripts[0].upgrade_ops.is_empty():
        scripts[:] = []
def wanted(item, name, kind, reflected, compare_to):
    return kind != "table" or name == "visits"
`;
  const env = syncEnv()
    .replace("def run_migrations_online", `${hook}\ndef run_migrations_online`)
    .replace("target_metadata=None", "target_metadata=None, process_revision_directives=directives, include_object=wanted");
  const driver = await drive(files(env));
  const { differences, raised } = await driver.check({ connection: database.connection });
  expect(raised).toBeUndefined();
  expect(differences.map(({ table, name }) => `${table}.${name}`)).toEqual(["visits.visitor"]);
  await database.query("alter table visits drop visitor");
  expect((await driver.check({ connection: database.connection })).differences).toEqual([]);
});

test("several metadata are compared together; none is no comparison", async () => {
  const database = await createDatabase();
  await database.query(schema);
  const other = `\nfrom sqlalchemy import Column, Integer, MetaData, Table\nother = MetaData()\nTable("gone", other, Column("id", Integer, primary_key=True))\n`;
  const env = withModels(syncEnv()).replace("target_metadata=Base.metadata", "target_metadata=[Base.metadata, other]");
  const two = await drive({ ...files(syncEnv()), "migrations/env.py": env.replace("\ndef ", `${other}\ndef `) });
  const { differences } = await two.check({ connection: database.connection });
  expect(differences.filter(({ kind }) => kind === "table")).toEqual([]);
  const none = await drive(alembicFiles({ a: revision("a") }));
  expect(await none.check({ connection: database.connection })).toMatchObject({ contexts: 0, differences: [] });
});

test("what the project raises is told", async () => {
  const database = await createDatabase();
  const env = syncEnv().replace("target_metadata=None", "target_metadata=None, process_revision_directives=1 / 0");
  const driver = await drive(files(env));
  const { raised } = await driver.check({ connection: database.connection });
  expect(raised).toMatchObject({ type: "ZeroDivisionError", frames: [{ function: "<module>" }, { line: expect.any(Number) }] });
});

describe("the base branch's models, although an install names the pull request's", () => {
  const model = (column: string) => `from sqlalchemy import Column, Integer
from sqlalchemy.orm import declarative_base
Base = declarative_base()
class Shop(Base):
    __tablename__ = "shops"
    id = Column(Integer, primary_key=True)
    ${column} = Column(Integer)
`;
  const env = withModels(syncEnv()).replace("from models", "from store.models");
  const tree = (column: string) => ({
    ...alembicFiles({ a: revision("a") }, env),
    "src/store/__init__.py": "",
    "src/store/models.py": model(column),
  });
  const editableFinder = (folder: string) => `import sys
from importlib.machinery import PathFinder
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "store":
            return PathFinder.find_spec(name, [${JSON.stringify(folder)}])
sys.meta_path.append(Finder)
`;

  test.each(["a path", "a finder"])("through %s", async (how) => {
    const database = await createDatabase();
    await database.query("create table shops (id serial primary key)");
    // What an install wrote beside the sources is in no commit.
    const head = await writeFiles({ ...tree("fresh"), "src/store/_version.py": "version = 1\n" });
    const finder = await writeFiles({ "sitecustomize.py": editableFinder(`${head}/src`) });
    const path = how === "a path" ? `${head}/src` : finder;
    const variables = { env: { ...process.env, PYTHONPATH: path } };
    const missing = async (load: { insteadOf?: string }) => {
      const init = load.insteadOf ? { "src/store/__init__.py": "from store._version import version\n" } : {};
      const driver = await drive({ ...tree("old"), ...init }, { ...variables, load });
      const { differences, strays, sources } = await driver.check({ connection: database.connection });
      return { columns: differences.map(({ name }) => name), strays, sources };
    };
    expect(await missing({})).toMatchObject({ columns: ["fresh"], sources: [] });
    expect(await missing({ insteadOf: head })).toEqual({ columns: ["old"], strays: [], sources: ["src/store/models.py"] });
  });
});
