import { execFileSync } from "node:child_process";
import { cpSync } from "node:fs";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { revision } from "../support/alembic.ts";
import { drive, table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { createDatabase } from "../support/postgres.ts";

const app = `from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
migrate = Migrate()

class Thing(db.Model):
    id = db.Column(db.Integer, primary_key=True)

def create_app(url="sqlite:///app.db"):
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(app)
    migrate.init_app(app, db)
    return app
`;

/** A project with the migrations/ folder that \`flask db init\` makes. */
async function project(files: Record<string, string>): Promise<string> {
  const revisions = {
    "migrations/versions/a.py": revision("a", table("ta")),
    "migrations/versions/b.py": revision("b", {
      down: "a",
      upgrade: 'from flask import current_app\nop.execute(f"create table tb ({current_app.name} int)")',
      downgrade: 'op.drop_table("tb")',
    }),
  };
  const root = await writeFiles({ ...files, ...revisions });
  const template = execFileSync(
    inject("pythons").default,
    ["-c", "import flask_migrate as f, os; print(os.path.join(os.path.dirname(f.__file__), 'templates', 'flask'))"],
    { encoding: "utf8" },
  ).trim();
  cpSync(path.join(template, "env.py"), `${root}/migrations/env.py`);
  cpSync(path.join(template, "alembic.ini.mako"), `${root}/migrations/alembic.ini`);
  return root;
}

const start = (root: string, env: NodeJS.ProcessEnv = {}) =>
  drive(
    {},
    {
      directory: root,
      env: { ...process.env, ...env },
      load: { config: `${root}/migrations/alembic.ini`, kind: "flask-migrate", root, x: ["tenant=blue"] },
    },
  );

test.each([
  ["a factory in app.py", { "app.py": app }, {}],
  ["wsgi.py", { "shop.py": app, "wsgi.py": "from shop import create_app\napp = create_app()\n" }, {}],
  ["FLASK_APP", { "shop/__init__.py": app }, { FLASK_APP: "shop" }],
  ["FLASK_APP with a call", { "shop/__init__.py": app }, { FLASK_APP: "shop:create_app('postgresql://u:p@db.internal/shop')" }],
])("loads the application as flask does: %s", async (_, files, env) => {
  const root = await project(files);
  const database = await createDatabase();
  const driver = await start(root, env);
  expect((await driver.loaded).order).toEqual(["a", "b"]);
  for (const _ of [1, 2]) {
    const up = await driver.run({ direction: "upgrade", revisions: ["a", "b"], connection: database.connection });
    expect(up.raised).toBeUndefined();
    expect(up).toMatchObject({ expected: ["b"], contexts: 1 });
    expect(up.steps[1]!.statements).toMatchObject([
      { sql: expect.stringMatching(/^create table tb \((app|shop) int\)/), file: "migrations/versions/b.py", line: 11 },
    ]);
    expect(await database.query("select version_num from alembic_version")).toEqual([{ version_num: "b" }]);
    const down = await driver.run({ direction: "downgrade", revisions: ["b", "a"], connection: database.connection });
    expect(down.raised).toBeUndefined();
  }
});

test("the application is told that a command loads it", async () => {
  const wsgi =
    'import os\nif not os.getenv("FLASK_RUN_FROM_CLI"):\n    raise SystemExit(3)\nfrom shop import create_app\napp = create_app()\n';
  const driver = await start(await project({ "shop.py": app, "wsgi.py": wsgi }));
  expect((await driver.loaded).order).toEqual(["a", "b"]);
});

test("an application that cannot be found says what is missing", async () => {
  const root = await project({});
  await expect((await start(root)).loaded).rejects.toMatchObject({
    stage: "app",
    exitCode: 1,
    raised: { type: "NoAppException" },
  });
});

test("an application without Flask-Migrate", async () => {
  const root = await project({ "app.py": "from flask import Flask\napp = Flask('shop')\n" });
  await expect((await start(root)).loaded).rejects.toMatchObject({
    stage: "app",
    raised: { message: "the application shop has no Flask-Migrate: Migrate(app, db) was never called" },
  });
});

test("an application that migrates by itself when it is made does so elsewhere", async () => {
  const eager = app.replace("    return app", "    with app.app_context():\n        db.create_all()\n    return app");
  const root = await project({ "app.py": eager });
  const lent = await createDatabase();
  const database = await createDatabase();
  const driver = await drive(
    {},
    {
      directory: root,
      load: { config: `${root}/migrations/alembic.ini`, kind: "flask-migrate", root },
      connection: async () => lent.connection,
    },
  );
  expect((await driver.loaded).connectsAtImport).toEqual({ file: "app.py", line: 17 });
  const result = await driver.run({ direction: "upgrade", revisions: ["a", "b"], connection: database.connection });
  expect(result.raised).toBeUndefined();
  expect(await lent.query("select to_regclass('thing')::text as name")).toEqual([{ name: "thing" }]);
  expect(await database.query("select to_regclass('thing')::text as name")).toEqual([{ name: null }]);
});
