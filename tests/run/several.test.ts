/** Several databases in one env.py, made from Alembic's own template and from Flask-Migrate's. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, inject, test } from "vitest";
import { runItinerary, type Revisions } from "../support/itinerary.ts";

/** A file of a package that the tests' Python has. */
function packaged(name: string, ...file: string[]): string {
  const print = `import ${name}, os; print(os.path.dirname(${name}.__file__))`;
  const folder = execFileSync(inject("pythons").default, ["-c", print], { encoding: "utf8" }).trim();
  return readFileSync(path.join(folder, "templates", ...file), "utf8");
}

const logging = `
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
handlers =
`;
const iniFor = (users: string, orders: string) => `[alembic]
script_location = migrations
databases = users, orders
[users]
sqlalchemy.url = postgresql+psycopg2://app:secret@db.internal/${users}
[orders]
sqlalchemy.url = postgresql+psycopg2://app:secret@other.internal:5433/${orders}
${logging}`;

/** A revision that does something else in each database. */
const each = (parts: Record<string, [up: string, down: string]>) => {
  const branches = (index: 0 | 1) =>
    Object.entries(parts)
      .map(([name, lines]) => `if engine_name == "${name}":\n    ${lines[index]}`)
      .join("\n");
  return { upgrade: branches(0), downgrade: branches(1), takes: "engine_name" };
};
const makes = (name: string): [string, string] => [
  `op.create_table("${name}", sa.Column("id", sa.Integer, primary_key=True))`,
  `op.drop_table("${name}")`,
];

const project = (base: Revisions, head: Revisions, ini = iniFor("users", "orders")) => ({
  base,
  head,
  env: packaged("alembic", "multidb", "env.py"),
  files: { "alembic.ini": ini },
  timeout: 8,
});
const base = { a: each({ users: makes("people"), orders: makes("lines") }) };
const outline = (phases: { id: string; state: string }[]) => new Set(phases.map(({ state }) => state));

test("the models of each database are compared with it", async () => {
  const models = `from sqlalchemy import Column, Integer, MetaData, Table
users, orders = MetaData(), MetaData()
people = Table("people", users, Column("id", Integer, primary_key=True), Column("age", Integer))
lines = Table("lines", orders, Column("id", Integer, primary_key=True))
`;
  const env = packaged("alembic", "multidb", "env.py").replace(
    "target_metadata = {}",
    'import models\ntarget_metadata = {"users": models.users, "orders": models.orders}',
  );
  const head = { b: { down: "a", ...each({ users: makes("names"), orders: ["pass", "pass"] }) } };
  const given = project(base, head);
  const ini = given.files["alembic.ini"].replace("[alembic]", "[alembic]\nprepend_sys_path = .");
  const evidence = await runItinerary({ ...given, env, files: { "alembic.ini": ini, "models.py": models } });
  expect(evidence.models!.differences.map(({ change, table, name, line, old }) => [change, table, name, line, old])).toEqual([
    ["extra", "names", null, undefined, false],
    ["missing", "people", "age", 3, true],
  ]);
});

describe("Alembic's template", () => {
  test("goes the whole way, each database by itself", async () => {
    const head = { b: { down: "a", ...each({ users: makes("names"), orders: makes("names") }) } };
    const evidence = await runItinerary(project(base, head));
    expect(outline(evidence.phases)).toEqual(new Set(["ok"]));
    expect(evidence.schema!.map(({ name }) => name)).toEqual(["[orders] public.names", "public.names"]);
    expect(evidence.phases.map(({ rows }) => rows!.found.join())).toEqual(["", "a", "b", "a", "b", "", "b"]);
    expect(evidence.unsupported).toBeUndefined();
  });

  test("with two databases of one name on two servers", async () => {
    const evidence = await runItinerary(project(base, {}, iniFor("app", "app")));
    expect(evidence.phase("history-upgrade").state).toBe("ok");
  });

  test("what one database keeps is seen, and said where", async () => {
    const head = { b: { down: "a", ...each({ users: makes("names"), orders: [makes("names")[0], "pass"] }) } };
    const evidence = await runItinerary(project(base, head));
    const left = evidence.phase("downgrade").compared!.differences.map(({ change, name }) => `${change} ${name}`);
    expect(left).toEqual(["added [orders] public.names"]);
    expect(evidence.phase("upgrade-again").stop).toMatchObject({ revision: "b", raised: { sqlstate: "42P07" } });
  });

  test("a long history goes down in two halves in all of them", async () => {
    const keeps = [makes("b")[0], "pass"] as [string, string];
    const old = {
      ...base,
      b: { down: "a", ...each({ users: makes("b"), orders: keeps }) },
      c: { down: "b", ...each({ users: makes("c"), orders: ["pass", "pass"] }) },
    };
    const given = project(old, { d: { down: "c", ...each({ users: makes("d"), orders: makes("d") }) } });
    const [whole, halves] = [await runItinerary(given), await runItinerary({ ...given, plan: { halvesFrom: 4 } })];
    const told = ({ phases }: typeof whole) =>
      phases.map(({ id, state, steps, stop, rows, compared }) => [
        id,
        state,
        steps.map(({ revision, direction }) => `${direction} ${revision}`),
        stop?.raised.sqlstate,
        rows?.found,
        compared?.differences.map(({ change, name }) => `${change} ${name}`),
      ]);
    expect(told(halves)).toEqual(told(whole));
    expect(told(halves)[5]!.at(-1)).toEqual(["added [orders] public.b"]);
  });

  test("each downgrade is tried by itself in all of them where one fails", async () => {
    const fails = 'op.execute("SELECT 1 / 0")';
    const head = { b: { down: "a", ...each({ users: makes("names"), orders: [makes("names")[0], fails] }) } };
    const old = { a: each({ users: makes("people"), orders: [makes("lines")[0], fails] }) };
    const evidence = await runItinerary(project(old, head));
    expect(evidence.phase("downgrade").stop).toMatchObject({ revision: "b" });
    expect(evidence.phase("history-each").stops!.map(({ revision }) => revision)).toEqual(["a"]);
  });
});

test("Flask-Migrate's template, with the databases that the application binds", async () => {
  const app = `from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql://app:secret@db.internal/shop"
app.config["SQLALCHEMY_BINDS"] = {"billing": "postgresql://app:secret@db.internal/billing"}
db = SQLAlchemy(app)
Migrate(app, db)
`;
  const env = packaged("flask_migrate", "flask-multidb", "env.py");
  const ini = packaged("flask_migrate", "flask-multidb", "alembic.ini.mako");
  const revisions = { a: each({ "": makes("people"), billing: makes("invoices") }) };
  const evidence = await runItinerary({
    base: revisions,
    head: { b: { down: "a", ...each({ billing: makes("payments") }) } },
    env,
    files: { "app.py": app, "migrations/alembic.ini": ini },
    timeout: 8,
    driver: { config: "migrations/alembic.ini", load: { kind: "flask-migrate" } },
  });
  expect(outline(evidence.phases)).toEqual(new Set(["ok"]));
  expect(evidence.schema!.map(({ name }) => name)).toEqual(["[billing] public.payments"]);
});

describe("rows", () => {
  const withName = (name: string): [string, string] => [
    `op.create_table("${name}", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))`,
    `op.drop_table("${name}")`,
  ];
  const same = { a: each({ users: withName("things"), orders: withName("things") }) };
  const required: [string, string] = [
    'op.alter_column("things", "name", nullable=False)',
    'op.alter_column("things", "name", nullable=True)',
  ];
  const more: [string, string] = ['op.add_column("things", sa.Column("x", sa.Integer))', 'op.drop_column("things", "x")'];

  test("are made up in each database, and what they show is told of the right one", async () => {
    const head = { b: { down: "a", ...each({ users: more, orders: required }) } };
    const { rows } = await runItinerary(project(same, head));
    expect(rows!.filled).toEqual([
      { table: "public.things", rows: 4 },
      { table: "[orders] public.things", rows: 4 },
    ]);
    expect(rows!.failures).toMatchObject([
      { database: "orders", refusal: { kind: "not-null", table: "things" }, passesOnPlain: true },
    ]);
    expect(new Set(rows!.phases.map(({ state }) => state))).toEqual(new Set(["ok"]));
  });

  test("are made up only where a database is touched", async () => {
    const drops: [string, string] = ['op.drop_column("things", "name")', 'op.add_column("things", sa.Column("name", sa.Text))'];
    const { rows } = await runItinerary(project(same, { b: { down: "a", ...each({ users: ["pass", "pass"], orders: drops }) } }));
    expect(rows!.filled).toEqual([{ table: "[orders] public.things", rows: 8 }]);
    expect(rows!.losses).toMatchObject([{ how: "dropped", table: "[orders] public.things", column: "name" }]);
  });

  test("of a seed that is a file are those of the first database", async () => {
    const seed = () => Object.assign(async () => undefined, { firstOnly: true as const });
    const { rows, notes } = await runItinerary({
      ...project(same, { b: { down: "a", ...each({ users: more, orders: required }) } }),
      seed,
    });
    expect(rows!.filled).toEqual([{ table: "[orders] public.things", rows: 4 }]);
    expect(rows!.source).toBe("made-up");
    expect(notes.map(({ what }) => what)).toContain("rows in public.things");
  });

  test("of a command are put wherever it likes", async () => {
    const seed: NonNullable<Parameters<typeof runItinerary>[0]["seed"]> = (scratch) => async (_, others) => {
      for (const { database } of others!) await scratch.query(database, "INSERT INTO things VALUES (1, NULL)");
      return undefined;
    };
    const { rows } = await runItinerary({
      ...project(same, { b: { down: "a", ...each({ users: ["pass", "pass"], orders: required }) } }),
      seed,
    });
    expect(rows!.source).toBe("seed");
    expect(rows!.failures).toMatchObject([{ rows: "seed", database: "orders" }]);
  });

  test("are made up in files of SQLite as well", async () => {
    const ini = iniFor("users", "orders").replaceAll(/postgresql\S+\/(\w+)/g, "sqlite:///$1.db");
    const batch: [string, string] = [
      "exec(\"with op.batch_alter_table('things') as batch: batch.alter_column('name', nullable=False)\")",
      "exec(\"with op.batch_alter_table('things') as batch: batch.alter_column('name', nullable=True)\")",
    ];
    const evidence = await runItinerary({
      ...project(same, { b: { down: "a", ...each({ users: more, orders: batch }) } }, ini),
      sqlite: true,
    });
    expect(outline(evidence.phases)).toEqual(new Set(["ok"]));
    expect(evidence.rows!.filled.map(({ table }) => table)).toEqual(["main.things", "[orders.db] main.things"]);
    expect(evidence.rows!.failures).toMatchObject([{ database: "orders.db", refusal: { kind: "not-null", table: "things" } }]);
  });
});
