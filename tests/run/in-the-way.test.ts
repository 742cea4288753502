/** A given server on which other databases, or what was there before, keep a role from being made or dropped. */
import { randomBytes } from "node:crypto";
import { expect, inject, onTestFinished, test } from "vitest";
import { gate } from "../../src/gate.ts";
import { connect } from "../../src/postgres/client.ts";
import { plain } from "../../src/text.ts";
import { alembicFiles, asyncEnv, revision, syncEnv, type RevisionOptions } from "../support/alembic.ts";
import { table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { git } from "../support/repository.ts";
import { sharedUrl } from "../support/url.ts";

/** SQL on the given server; several statements are run one by one. */
async function onServer(statements: readonly string[], database?: string): Promise<void> {
  const client = connect(inject("postgres"), database);
  try {
    for (const statement of statements) await client.unsafe(statement);
  } finally {
    await client.end({ timeout: 1 });
  }
}

/** The name of a role, and of a database that is none of ours, in which it has privileges where `sql` gives it some. */
async function server(...sql: string[]): Promise<{ role: string; database: string }> {
  const id = randomBytes(4).toString("hex");
  const [role, database] = [`in_the_way_role_${id}`, `in_the_way_${id}`];
  onTestFinished(() => onServer([`drop database if exists ${database}`, `drop role if exists ${role}`]));
  const named = sql.map((statement) => statement.replaceAll("ROLE", role));
  if (named.length > 0) {
    await onServer([`create database ${database}`, ...named.slice(0, 1)]);
    await onServer(named.slice(1), database);
  }
  return { role, database };
}

/** Judges a pull request that adds the revision `b` to `a`. */
async function judge(a: RevisionOptions, b: RevisionOptions, env = syncEnv()) {
  const before = alembicFiles({ a: revision("a", a) }, env);
  const folder = await writeFiles({ ...before, "migrations/versions/b.py": revision("b", { down: "a", ...b }) });
  await git(folder, "init", "--quiet");
  await git(folder, "add", ...Object.keys(before));
  await git(folder, "commit", "--quiet", "--message", "Base");
  await git(folder, "checkout", "--quiet", "-b", "pull-request");
  await git(folder, "add", "--all");
  await git(folder, "commit", "--quiet", "--message", "Head");
  const progress: string[] = [];
  const { report } = await gate(
    { postgres: sharedUrl(), python: inject("pythons").default, base: "main" },
    { cwd: folder, env: process.env, signal: new AbortController().signal, progress: (step) => progress.push(step) },
  );
  const { findings = [], notChecked = [], phases = [] } = report.environments[0] ?? {};
  return {
    report,
    progress,
    failures: report.failures.map(({ message, help }) => `${plain(message)}\n${plain(help)}`),
    findings: findings.map(({ rule, revision, severity }) => `${severity} ${rule} ${revision}`),
    notChecked: notChecked.map(({ what, reason }) => `${what}: ${plain(reason)}`),
    outcomes: Object.fromEntries(phases.map(({ id, outcome }) => [id, outcome])),
  };
}

const executing = (...statements: string[]): string =>
  statements.map((statement) => `op.execute(${JSON.stringify(statement)})`).join("\n");

const making = (role: string): string =>
  executing(
    `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN CREATE ROLE ${role}; END IF; END $$`,
  );

test.each([
  ["psycopg2", syncEnv()],
  ["asyncpg", asyncEnv()],
])("a role with privileges in somebody's database: its DROP ROLE is not checked (%s)", async (_, env) => {
  const { role, database } = await server("create role ROLE", "create table t (id int)", "grant select on t to ROLE");
  const { report, findings, notChecked, outcomes } = await judge(
    table("ta"),
    { upgrade: making(role), downgrade: executing(`DROP ROLE ${role}`) },
    env,
  );
  expect(findings).toEqual([]);
  expect(report).toMatchObject({ verdict: "pass", exitCode: 0 });
  expect(notChecked).toContainEqual(
    expect.stringMatching(
      new RegExp(
        `^the way down of b: .*b wants to drop the role ${role}.* the database ${database}, which is none of this run.*--postgres[^]*REASSIGN OWNED BY "${role}" TO CURRENT_USER; DROP OWNED BY "${role}";`,
      ),
    ),
  );
  expect(notChecked.filter((note) => note.startsWith("the way down of b"))).toHaveLength(1);
  expect(outcomes).toMatchObject({ upgrade: "ok", downgrade: "failed" });
});

test("what an old revision cannot drop hides nothing of the new one", async () => {
  const { role } = await server("create role ROLE", "create table t (id int)", "alter table t owner to ROLE");
  const { findings, notChecked } = await judge(
    { upgrade: making(role), downgrade: executing(`DROP ROLE ${role}`) },
    { upgrade: table("tb").upgrade, downgrade: "pass" },
  );
  expect(findings).toEqual(["error missing-downgrade b"]);
  expect(notChecked).toContainEqual(expect.stringContaining(`the way down of a: `));
});

test("a role that has something in its own database as well is the revision's fault", async () => {
  const { role } = await server("create role ROLE", "create table t (id int)", "grant select on t to ROLE");
  const { findings } = await judge(table("ta"), {
    upgrade: `${making(role)}\n${executing(`GRANT SELECT ON ta TO ${role}`)}`,
    downgrade: executing(`DROP ROLE ${role}`),
  });
  expect(findings).toEqual(["error downgrade-failed b"]);
});

test("a role that was there before the run keeps the gate from its work", async () => {
  const { role } = await server("create role ROLE");
  const { report, findings, failures } = await judge(table("ta"), {
    upgrade: executing(`CREATE ROLE ${role}`),
    downgrade: executing(`DROP ROLE ${role}`),
  });
  expect(findings).toEqual([]);
  expect(report.exitCode).toBe(3);
  expect(failures).toEqual([
    expect.stringMatching(
      new RegExp(`b wants to make the role ${role}, which the given server had before.*[^]*DROP ROLE "${role}";`),
    ),
  ]);
});

test("where a revision's code speaks of roles, nothing is run side by side, and nothing twice", async () => {
  const { role } = await server();
  const makes = { upgrade: executing(`CREATE ROLE ${role}`), downgrade: executing(`DROP ROLE ${role}`) };
  const { report, progress } = await judge(makes, table("tb"));
  expect(report).toMatchObject({ verdict: "pass", exitCode: 0 });
  const titles = progress.filter((step) => !step.includes(" · "));
  expect(titles.filter((title) => title.endsWith("the pull request's revisions, up"))).toHaveLength(1);
  expect(titles.filter((title) => title.endsWith("downgrade base"))).toHaveLength(1);
});

test("a role that a revision makes twice is its fault, on a given server as well", async () => {
  const { role } = await server();
  const { findings } = await judge(
    { upgrade: making(role), downgrade: executing(`DROP ROLE ${role}`) },
    { upgrade: executing(`CREATE ROLE ${role}`) },
  );
  expect(findings).toEqual(["error upgrade-failed b"]);
});

test("a role that revisions leave is gone when the run is over, so that the next one finds the server as this one did", async () => {
  const { role } = await server();
  const revision = {
    upgrade: executing(`CREATE ROLE ${role}`, `GRANT CREATE ON SCHEMA public TO ${role}`),
    downgrade: executing(`REVOKE CREATE ON SCHEMA public FROM ${role}`, `DROP ROLE ${role}`),
  };
  for (const _ of ["this", "the next"]) {
    const { report, failures, notChecked } = await judge(table("ta"), revision);
    expect([report.verdict, ...failures]).toEqual(["pass"]);
    expect(notChecked.filter((note) => note.includes("stay there"))).toEqual([]);
  }
  await expect(onServer([`create role ${role}`])).resolves.toBeUndefined();
});

test("a role that stays is named in the report", async () => {
  const { role, database } = await server();
  await onServer([`create database ${database}`]);
  // What is put together from pieces is not seen to be about a role.
  const making = `op.execute("DO $$ BEGIN EXECUTE 'cre' || 'ate role ${role}'; END $$")`;
  const { notChecked } = await judge(table("ta"), {
    upgrade: `${making}\n${executing(`GRANT CONNECT ON DATABASE ${database} TO ${role}`)}`,
    downgrade: executing(`REVOKE CONNECT ON DATABASE ${database} FROM ${role}`, `DROP ROLE ${role}`),
  });
  expect(notChecked).toContainEqual(expect.stringContaining(`so these stay there: ${role}`));
});
