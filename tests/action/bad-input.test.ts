/** What is wrong with a project, a checkout or a setting is said once, clearly, with the way out; and nothing is left behind. */
import { rm } from "node:fs/promises";
import path from "node:path";
import postgres from "postgres";
import { expect, inject, test } from "vitest";
import { pullRequestEvent, runAction, type ActionRun, type GitHubEvent } from "../support/action.ts";
import { rendered, tags } from "../report/github.ts";
import { revision, syncEnv } from "../support/alembic.ts";
import { makeCase, type Changes } from "../support/made.ts";
import { git, makeRepository, type Repository } from "../support/repository.ts";
import { sharedUrl } from "../support/url.ts";

const VERSIONS = "migrations/versions/";
const ENV = "migrations/env.py";
/** A revision on top of the last one of the project "shop". The first line of upgrade() is line 10. */
const added = (upgrade: string, { downgrade = "pass", id = "5ad0be112233", down = "f4b8d60c1e27" } = {}) =>
  revision(JSON.stringify(id).slice(1, -1), { down, upgrade, downgrade });
const ADD_PHONE = 'op.add_column("users", sa.Column("phone", sa.Text()))';
const PHONE = added(ADD_PHONE, { downgrade: 'op.drop_column("users", "phone")' });

interface Situation {
  project?: string;
  changes: Changes;
  base?: Record<string, string>;
  inputs?: Record<string, string>;
  env?: Record<string, string>;
  event?: (repository: Repository) => GitHubEvent;
  /** Done to the checkout before the action runs. */
  before?: (repository: Repository) => Promise<unknown>;
}

let count = 0;

/** Runs the action as a role of its own, so that every database it makes is known by its owner. */
async function run({
  project = "shop",
  changes,
  base,
  inputs,
  env,
  event = pullRequestEvent,
  before,
}: Situation): Promise<ActionRun> {
  const role = `bad_input_${process.pid}_${count++}`;
  const sql = postgres(sharedUrl(), { max: 1, onnotice: () => {} });
  await sql.unsafe(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'unguessable'`);
  const made = await makeCase(project, changes, base);
  const repository = await makeRepository(made, { checkout: "merge" });
  try {
    await before?.(repository);
    const url = sharedUrl({ user: role, password: "unguessable" });
    const result = await runAction({
      folder: repository.folder,
      inputs: { python: inject("pythons").default, postgres: url, ...inputs },
      event: event(repository),
      env,
    });
    const databases = await sql`SELECT datname FROM pg_database JOIN pg_roles r ON r.oid = datdba WHERE rolname = ${role}`;
    const sessions = await sql`SELECT query FROM pg_stat_activity WHERE usename = ${role}`;
    const { left, leaked } = result;
    expect({ left, leaked, databases: [...databases], sessions: [...sessions] }).toEqual({
      left: [],
      leaked: "",
      databases: [],
      sessions: [],
    });
    expect(result.stdout + result.stderr + result.summary).not.toContain("unguessable");
    const errors = [...result.annotations, ...result.dropped].filter(({ level }) => level === "error");
    expect(errors.map(({ message }) => message).slice(1)).toEqual([]);
    return result;
  } finally {
    await Promise.all([repository.remove(), made.remove()]);
    await sql.unsafe(`DROP OWNED BY ${role}`);
    await sql.unsafe(`DROP ROLE ${role}`);
    await sql.end();
  }
}

/** The one error: where it stands, and all that is said about it. */
function errorOf({ annotations, summary, exitCode }: ActionRun) {
  const error = annotations.find(({ level }) => level === "error");
  return { exitCode, file: error?.file, line: error?.line, said: `${error?.title ?? ""}\n${error?.message ?? ""}`, summary };
}

test.concurrent("no alembic.ini", async () => {
  const error = errorOf(await run({ changes: { "alembic.ini": null } }));
  expect(error).toMatchObject({ exitCode: 2, said: expect.stringContaining("alembic.ini") });
  expect(error.said).toContain("script_location = %(here)s/migrations");
});

test.concurrent("an ini without script_location", async () => {
  const error = errorOf(await run({ changes: { "alembic.ini": "[alembic]\nprepend_sys_path = .\n" } }));
  expect(error).toMatchObject({ exitCode: 2, file: "alembic.ini", said: expect.stringContaining("script_location") });
});

test.concurrent("a revision with a syntax error", async () => {
  const file = `${VERSIONS}5ad0be112233_phone.py`;
  const error = errorOf(await run({ changes: { [file]: PHONE.replace('revision = "', 'revision = = "') } }));
  expect(error).toMatchObject({ exitCode: 1, file, line: 4 });
});

test.concurrent("env.py raises", async () => {
  const error = errorOf(
    await run({
      changes: { [ENV]: 'from alembic import context\n\nraise RuntimeError("the moon is not in the right phase")\n' },
    }),
  );
  expect(error).toMatchObject({
    exitCode: 1,
    file: ENV,
    line: 3,
    said: expect.stringContaining("the moon is not in the right phase"),
  });
});

test.concurrent("env.py needs a variable", async () => {
  const error = errorOf(
    await run({
      project: "env-url",
      changes: { "migrations/versions/0003_loans.py": added("pass", { id: "0003", down: "0002" }) },
    }),
  );
  expect(error).toMatchObject({ exitCode: 1, file: ENV, line: 8 });
  expect(error.said).toMatch(/env:\s+DATABASE_URL:/);
});

test.concurrent("env.py swallows an error and exits 0", async () => {
  const swallowing = `from alembic import context
from sqlalchemy import engine_from_config, pool

engine = engine_from_config(context.config.get_section("alembic"), poolclass=pool.NullPool)
try:
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
except Exception:
    pass
`;
  const file = `${VERSIONS}5ad0be112233_phone.py`;
  const broken = PHONE.replace('op.add_column("users"', 'op.add_column("user"');
  const result = await run({ changes: { [file]: broken }, base: { [ENV]: swallowing } });
  expect(errorOf(result)).toMatchObject({ exitCode: 1, file });
});

test.concurrent("a revision hangs on a lock", async () => {
  const file = `${VERSIONS}5ad0be112233_hangs.py`;
  const hanging = added(`op.execute("LOCK TABLE users")
with sa.create_engine(op.get_bind().engine.url).begin() as other:
    other.execute(sa.text("ALTER TABLE users ADD COLUMN phone text"))`);
  const error = errorOf(await run({ changes: { [file]: hanging }, inputs: { timeout: "3" } }));
  expect(error).toMatchObject({ exitCode: 1, file });
  const all = error.said + error.summary;
  expect(all).toContain("ALTER TABLE users ADD COLUMN phone text");
  expect(all).toContain("AccessExclusiveLock");
  expect(all).toContain("held by LOCK TABLE users");
  expect(all).toContain("users");
});

test.concurrent("no database driver is installed", async () => {
  const hiding = `import sys
class NotInstalled:
    def find_spec(name, path=None, target=None):
        if name in ("psycopg2", "psycopg", "asyncpg", "pg8000"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, NotInstalled)
`;
  const error = errorOf(await run({ changes: { [ENV]: hiding + syncEnv() } }));
  expect(error).toMatchObject({ exitCode: 1, file: ENV });
  expect(error.said).toContain("pip install psycopg2");
});

test.concurrent("an extension is missing", async () => {
  const file = `${VERSIONS}5ad0be112233_vectors.py`;
  const error = errorOf(await run({ changes: { [file]: added('op.execute("CREATE EXTENSION vector")') } }));
  expect(error).toMatchObject({ exitCode: 1, file, line: 10 });
  expect(error.said + error.summary).toContain("pgvector/pgvector");
});

test.concurrent("a role is missing", async () => {
  const file = `${VERSIONS}5ad0be112233_grants.py`;
  const error = errorOf(await run({ changes: { [file]: added('op.execute("GRANT SELECT ON users TO reporting")') } }));
  expect(error).toMatchObject({ exitCode: 1, file, line: 10, said: expect.stringContaining("reporting") });
  expect(error.said + error.summary).toContain("CREATE ROLE");
});

test.concurrent("a shallow checkout, and no way to the base commit", async () => {
  const error = errorOf(
    await run({
      changes: { [`${VERSIONS}5ad0be112233_phone.py`]: PHONE },
      before: ({ folder, origin }) => git(folder, "remote", "set-url", "origin", `file://${origin}-gone`),
    }),
  );
  expect(error.exitCode).toBe(3);
  expect(error.said).toContain("fetch-depth: 0");
});

test.concurrent("not a git checkout", async () => {
  const error = errorOf(
    await run({
      changes: { [`${VERSIONS}5ad0be112233_phone.py`]: PHONE },
      before: ({ folder }) => rm(path.join(folder, ".git"), { recursive: true }),
    }),
  );
  expect(error.exitCode).toBe(3);
  expect(error.said).toContain("actions/checkout");
});

test.concurrent("a server that does not answer", async () => {
  const error = errorOf(
    await run({
      changes: { [`${VERSIONS}5ad0be112233_phone.py`]: PHONE },
      inputs: { postgres: "postgresql://gate:unguessable@127.0.0.1:9/postgres" },
    }),
  );
  expect(error.exitCode).toBe(3);
  expect(error.said).toContain("127.0.0.1:9");
});

test.concurrent("a bad setting", async () => {
  const error = errorOf(await run({ changes: { "README.md": "# Shop\n" }, inputs: { "postgres-version": "newest" } }));
  expect(error).toMatchObject({ exitCode: 2, said: expect.stringContaining("postgres-version") });
});

test.concurrent("pull_request_target is refused", async () => {
  const error = errorOf(
    await run({
      changes: { "README.md": "# Shop\n" },
      event: (repository) => pullRequestEvent(repository, "pull_request_target"),
    }),
  );
  expect(error).toMatchObject({ exitCode: 2, said: expect.stringContaining("pull_request_target") });
  expect(error.said).toContain("pull_request:");
});

test.concurrent("a pull request that changes nothing relevant ends green at once", async () => {
  const result = await run({
    changes: { "README.md": "# Shop\n" },
    inputs: { postgres: "postgresql://gate:unguessable@127.0.0.1:9/postgres", python: "/nonexistent" },
  });
  expect(result).toMatchObject({ exitCode: 0, annotations: [], outputs: { verdict: "pass", blocking: "0" } });
  // Neither the server nor the interpreter, which are not there, was asked for.
  expect(result.report).toMatchObject({ environments: [], failures: [] });
});

/** What some place of the output gives a meaning to: commands, Markdown, HTML, a terminal. Alembic runs a revision with such an id. */
const HOSTILE = 'a"`<b>\n##[error]y\r\u001b[31m|';

test.concurrent("a hostile revision id reaches no place as more than text", async () => {
  const file = `${VERSIONS}5ad0be112233_hostile.py`;
  const result = await run({ changes: { [file]: added(ADD_PHONE, { id: HOSTILE }) } });
  expect(errorOf(result)).toMatchObject({ exitCode: 1, file });
  const known = new Set(["stop-commands", "error", "warning", "notice", "group", "endgroup"]);
  expect(result.commands.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
  expect(result.summary).not.toContain("\u001b");
  expect(tags(rendered([result.summary])[0]!)).not.toContain("b");
  expect(result.stdout).not.toContain("\u001b[31m|");
});

test.concurrent("a revision id that Alembic refuses, and that is a command to the runner", async () => {
  const file = `${VERSIONS}5ad0be112233_hostile.py`;
  const result = await run({ changes: { [file]: added(ADD_PHONE, { id: "a\n::error::x" }) } });
  expect(errorOf(result)).toMatchObject({
    exitCode: 1,
    file,
    line: 4,
    said: expect.stringContaining("not allowed in a revision id"),
  });
});

test.concurrent("a hostile file name and a hostile message of the database reach no place as more than text", async () => {
  const file = `${VERSIONS}x,line=1::error::y\`<b>.py`;
  const result = await run({
    changes: {
      [file]: added(`op.execute(sa.text("DO $$ BEGIN RAISE EXCEPTION '%', E'boom\\\\n::error::x <b>\`'; END $$"))`),
    },
  });
  expect(errorOf(result)).toMatchObject({ exitCode: 1, file, line: 10 });
  expect(tags(rendered([result.summary])[0]!)).not.toContain("b");
});
