/** Projects of every kind go the whole way, and their models are compared as `alembic check` would. */
import { expect, test } from "vitest";
import { plain } from "../../src/text.ts";
import { asyncEnv, ini, syncEnv, type RevisionOptions } from "../support/alembic.ts";
import { table } from "../support/driver.ts";
import { runItinerary, type Revisions } from "../support/itinerary.ts";
import type { Options } from "../support/driver.ts";

const models = `from sqlalchemy import Column, Integer, MetaData
from sqlalchemy.orm import declarative_base

Base = declarative_base(metadata=MetaData(schema=None))


class A(Base):
    __tablename__ = "ta"
    id = Column(Integer, primary_key=True)


class B(Base):
    __tablename__ = "tb"
    id = Column(Integer, primary_key=True)
    extra = Column(Integer)
`;
/** env.py with models, and further arguments of configure(). */
const withModels = (env: string, options = ""): string =>
  `from models import Base\n${env.replaceAll("target_metadata=None", `target_metadata=Base.metadata${options && `, ${options}`}`)}`;

/** The template without its connection, to be written otherwise. */
const looped = (lines: string): string =>
  syncEnv().replace(/        context\.configure\([^]*?run_migrations\(\)\n/, lines.replaceAll(/^(?=.)/gm, "        "));

const perTenant = looped(`for tenant in ("blue", "green"):
    connection.exec_driver_sql(f"create schema if not exists {tenant}")
    connection.exec_driver_sql(f"set search_path to {tenant}")
    connection.commit()
    connection.dialect.default_schema_name = tenant
    context.configure(connection=connection, target_metadata=None, version_table_schema=tenant)
    with context.begin_transaction():
        context.run_migrations()
`);

interface Style {
  env: string;
  b?: RevisionOptions;
  files?: Record<string, string>;
  driver?: Options;
  /** Statements of env.py may name another table than "tb". */
  found?: string[];
}

const commits = (statement: string): RevisionOptions => ({
  upgrade: `${table("tb").upgrade}\n${statement}`,
  downgrade: table("tb").downgrade,
});

const styles: Record<string, Style> = {
  "one transaction for all revisions": { env: withModels(syncEnv()) },
  "a transaction for each revision": { env: withModels(syncEnv(), "transaction_per_migration=True") },
  "a transaction around env.py": { env: withModels(syncEnv()).replace("connectable.connect()", "connectable.begin()") },
  "autocommit for the engine": {
    env: withModels(syncEnv()).replace("poolclass=pool.NullPool", 'isolation_level="AUTOCOMMIT"'),
  },
  "an asynchronous engine": { env: withModels(asyncEnv()) },
  "a block of autocommit": {
    env: withModels(syncEnv()),
    b: commits(
      'with op.get_context().autocommit_block():\n    op.create_index("ix_tb", "tb", ["id"], postgresql_concurrently=True)',
    ),
    found: ["missing column extra", "extra index ix_tb"],
  },
  "COMMIT in a revision": { env: withModels(syncEnv()), b: commits('op.execute("COMMIT")') },
  "a version table of another name, in a schema of its own": {
    env: withModels(
      syncEnv().replace(
        "        context.configure",
        '        connection.exec_driver_sql("create schema if not exists meta")\n        connection.commit()\n        context.configure',
      ),
      'version_table="history", version_table_schema="meta", include_schemas=True',
    ),
  },
  "a schema for each tenant": { env: withModels(perTenant) },
  "arguments of -x": {
    env: withModels(
      syncEnv('context.get_x_argument(as_dictionary=True)["url"]'),
      'version_table=context.get_x_argument(as_dictionary=True)["versions"]',
    ),
    driver: { load: { x: ["url=postgresql+psycopg2://app:secret@db.internal:5432/app", "versions=v"] } },
  },
  "a module of settings that a variable names": {
    env: withModels(syncEnv("settings.DATABASES['default']")).replace(
      "from models",
      "import importlib, os\nsettings = importlib.import_module(os.environ['APP_SETTINGS_MODULE'])\nfrom models",
    ),
    files: {
      "config/__init__.py": "",
      "config/base.py": "DATABASES = {}\n",
      "config/test.py":
        "from config.base import *\nDATABASES['default'] = 'postgresql+psycopg2://app:secret@db.internal:5432/app'\n",
    },
    driver: { env: { ...process.env, APP_SETTINGS_MODULE: "config.test" } },
  },
  "models that env.py declares, so that it runs once in each process": {
    env: `import sqlalchemy as sa\n${withModels(syncEnv())}`.replace(
      "def run_migrations_online",
      'class Mine(Base):\n    __tablename__ = "ta_too"\n    __table_args__ = {"info": {"skip": True}}\n    id = sa.Column(sa.Integer, primary_key=True)\n\ndef run_migrations_online',
    ),
    found: ["missing table", "missing column extra"],
  },
  "env.py for both modes": {
    env: withModels(syncEnv()).replace(
      "\nrun_migrations_online()\n",
      `
if context.is_offline_mode():
    context.configure(url="postgresql://", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    run_migrations_online()
`,
    ),
  },
};

test.each(Object.entries(styles))("%s", async (_, { env, b = table("tb"), files, driver, found = ["missing column extra"] }) => {
  const head: Revisions = { b: { down: "a", ...b } };
  const evidence = await runItinerary({
    base: { a: table("ta") },
    head,
    env,
    files: { "models.py": models, "alembic.ini": `${ini}prepend_sys_path = .\n`, ...files },
    ...(driver && { driver }),
  });
  expect(
    evidence.phases.map(({ id, state, stop, reason }) => [id, state, stop?.raised.message, reason && plain(reason)]),
  ).toEqual(
    ["prepare", "base", "upgrade", "downgrade", "upgrade-again", "history-downgrade", "history-upgrade"].map((id) => [
      id,
      "ok",
      undefined,
      undefined,
    ]),
  );
  expect(evidence.phase("upgrade").rows).toEqual({ found: ["b"], expected: ["b"] });
  const differences = evidence.phases.flatMap(({ compared }) => compared?.differences ?? []);
  expect(differences).toEqual([]);
  expect(evidence.notes).toEqual([]);
  expect(evidence.models!.differences.map(({ change, kind, name }) => [change, kind, name].filter(Boolean).join(" "))).toEqual(
    found,
  );
  // What no revision of the pull request touches was there before it.
  expect(evidence.models!.differences.every(({ table: of, old }) => old === (of !== "tb"))).toBe(true);
});
