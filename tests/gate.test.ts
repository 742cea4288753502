import { writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, inject, test } from "vitest";
import { gate } from "../src/gate.ts";
import type { Given } from "../src/settings.ts";
import { plain } from "../src/text.ts";
import { alembicFiles, ini, revision, syncEnv } from "./support/alembic.ts";
import { table } from "./support/driver.ts";
import { writeFiles } from "./support/files.ts";
import { git } from "./support/repository.ts";
import { sharedUrl } from "./support/url.ts";

const run = (cwd: string, given: Given = {}) =>
  gate(
    { postgres: sharedUrl(), python: inject("pythons").default, ...given },
    { cwd, env: process.env, signal: new AbortController().signal, progress: () => {} },
  );

const files = alembicFiles({ a: revision("a", table("ta")) });

/** A checkout with these files on main and those on a branch of its own. */
async function checkout(before: Record<string, string>, after: Record<string, string>): Promise<string> {
  const folder = await writeFiles({ ...before, ...after });
  await git(folder, "init", "--quiet");
  await git(folder, "add", ...Object.keys(before).filter((file) => !(file in after)));
  await git(folder, "commit", "--quiet", "--message", "Base");
  await git(folder, "checkout", "--quiet", "-b", "pull-request");
  await git(folder, "add", "--all");
  await git(folder, "commit", "--quiet", "--allow-empty", "--message", "Head");
  return folder;
}

test("a sound pull request passes, and the report says what ran and on what", async () => {
  const folder = await checkout(files, { "migrations/versions/b.py": revision("b", { down: "a", ...table("tb") }) });
  const { report, root } = await run(folder, { base: "main" });
  expect(root).toBe(folder);
  expect(report).toMatchObject({ verdict: "pass", exitCode: 0, failures: [] });
  expect(plain(report.headline)).toBe("No finding blocks: 1 new revision went up, down and up again.");
  const [environment] = report.environments;
  expect(environment).toMatchObject({
    name: "alembic.ini",
    heads: ["b"],
    revisions: { total: 2, added: ["b"], changed: [] },
    findings: [],
    notChecked: [{ what: "whether the models match the migrations" }],
  });
  expect(environment!.phases.map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok", "ok", "ok", "ok"]);
  expect(environment!.server).toMatch(/^PostgreSQL \d+.*\(url\)$/);
  expect(environment!.runtime).toMatch(/^Python 3\.\d+\.\d+, Alembic \d.*, SQLAlchemy \d.*, psycopg2$/);
  expect(environment!.schema!.changes.map(plain)).toEqual(["adds table public.tb"]);
  expect(Object.keys(report.timings)).toEqual(expect.arrayContaining(["project", "base", "history", "run", "total"]));
});

test("parents that only Python can tell are those that Alembic has loaded", async () => {
  const computed = (id: string, parent: string) => ({
    [`migrations/versions/${id}.py`]: revision(id, table(`t${id}`)).replace(
      "down_revision = None",
      'down_revision = open(__file__.replace(".py", ".parent")).read() or None',
    ),
    [`migrations/versions/${id}.parent`]: parent,
  });
  const before = { ...files, ...computed("b", "a") };
  const sound = await run(await checkout(before, computed("c", "b")), { base: "main" });
  expect(sound.report.environments[0]).toMatchObject({ heads: ["c"], findings: [] });
  expect(sound.report.environments[0]!.notChecked.map(({ what }) => what)).toContain("the graph from the files alone");
  const { report } = await run(await checkout(before, computed("c", "a")), { base: "main" });
  expect(report.environments[0]!.findings.filter(({ blocks }) => blocks)).toMatchObject([
    { rule: "multiple-heads", file: "migrations/versions/c.py", revision: "c" },
  ]);
});

test("folders of revisions that env.py sets are asked for, on both sides", async () => {
  const env = syncEnv().replace(
    "def run_migrations_online():",
    'import os\ncontext.script.version_locations = [os.path.join(os.path.dirname(__file__), "postgres")]\n\ndef run_migrations_online():',
  );
  const { "migrations/versions/a.py": a, ...rest } = alembicFiles({ a: revision("a", table("ta")) }, env);
  const before = {
    ...rest,
    "migrations/postgres/a.py": a!,
    "migrations/postgres/b.py": revision("b", { down: "a", ...table("tb") }),
  };
  const added = (down: string) => ({ "migrations/postgres/c.py": revision("c", { down, ...table("tc") }) });
  const sound = await run(await checkout(before, added("b")), { base: "main" });
  expect(sound.report.environments[0]).toMatchObject({
    heads: ["c"],
    revisions: { total: 3, added: ["c"] },
    findings: [],
    notChecked: [{ what: "whether the models match the migrations" }],
  });
  expect(sound.report.environments[0]!.phases.every(({ outcome }) => outcome === "ok")).toBe(true);
  const { report } = await run(await checkout(before, added("a")), { base: "main" });
  expect(report.environments[0]!.findings.filter(({ blocks }) => blocks)).toMatchObject([
    { rule: "multiple-heads", revision: "c" },
  ]);
});

test("models are not compared where head is not reached, and the report says so", async () => {
  const env = syncEnv().replace("target_metadata=None", "target_metadata=__import__('sqlalchemy').MetaData()");
  const before = alembicFiles({ a: revision("a", table("ta")) }, env);
  const added = { "migrations/versions/b.py": revision("b", { down: "a", upgrade: 'op.execute("SELECT 1/0")' }) };
  const { report } = await run(await checkout(before, added), { base: "main" });
  const [environment] = report.environments;
  expect(environment!.findings).toMatchObject([{ rule: "upgrade-failed", blocks: true }]);
  expect(environment!.notChecked.map(({ what, reason }) => `${what}: ${plain(reason)}`)).toContain(
    "whether the models match the migrations: head was not reached",
  );
});

test("hosts that are allowed are reached by the env.py that is asked for its folders, too", async () => {
  const env = syncEnv().replace(
    "def run_migrations_online():",
    `import os, socket
try:
    socket.create_connection(("192.0.2.1", 9), timeout=0.02).close()
except OSError as error:
    if "gate" in str(error):
        raise
context.script.version_locations = [os.path.join(os.path.dirname(__file__), "postgres")]

def run_migrations_online():`,
  );
  const { "migrations/versions/a.py": a, ...rest } = alembicFiles({ a: revision("a", table("ta")) }, env);
  const folder = await checkout({ ...rest, "migrations/postgres/a.py": a! }, {});
  const { report } = await run(folder, { scope: "all", "allow-hosts": ["192.0.2.1"] });
  expect(report.environments[0]).toMatchObject({ heads: ["a"], findings: [], revisions: { total: 1 } });
});

describe("nothing is run", () => {
  const nowhere = { python: "/no/such/python", postgres: "postgresql://nobody@127.0.0.1:1/none" };

  test("where nothing that migrations depend on changed", async () => {
    const folder = await checkout(files, { "README.md": "# Shop" });
    const { report } = await run(folder, { base: "main", ...nowhere });
    expect(report).toMatchObject({ verdict: "pass", exitCode: 0, environments: [], failures: [] });
    expect(plain(report.headline)).toBe("Nothing that migrations depend on changed (alembic.ini): there is nothing to judge.");
  });

  test("with static, and what was not judged is said", async () => {
    const { report } = await run(await writeFiles(files), { static: true, ...nowhere });
    expect(report).toMatchObject({ verdict: "pass", failures: [], environments: [{ phases: [] }] });
    const reasons = report.environments[0]!.notChecked.map(({ reason }) => plain(reason));
    expect(reasons).toEqual(["this folder is not a git checkout", "no project code was run (static)"]);
  });

  test("where only rules are asked that need no run", async () => {
    const { report } = await run(await writeFiles(files), { only: ["graph"], ...nowhere });
    expect(report).toMatchObject({ verdict: "pass", failures: [], environments: [{ phases: [], findings: [] }] });
  });
});

test("what keeps one environment from being run hides nothing of the other", async () => {
  const environment = (name: string) => ({
    [`${name}/alembic.ini`]: ini,
    [`${name}/migrations/env.py`]: syncEnv(),
    [`${name}/migrations/versions/${name}.py`]: revision(name, { upgrade: 'op.execute("SELECT 1 / 0")' }),
  });
  const folder = await writeFiles({
    ...environment("sound"),
    ...environment("broken"),
    "broken/alembic-gate.toml": 'setup-sql = "missing.sql"',
  });
  const { report } = await run(folder, { scope: "all" });
  expect(report).toMatchObject({ verdict: "error", exitCode: 2, failures: [{ exitCode: 2 }] });
  expect(plain(report.headline)).toContain("missing.sql");
  const found = Object.fromEntries(
    report.environments.map(({ name, findings, notChecked }) => [
      name,
      [findings.map(({ rule }) => rule), notChecked.length > 0],
    ]),
  );
  expect(found).toEqual({ "sound/alembic.ini": [["upgrade-failed"], true], "broken/alembic.ini": [[], true] });
});

test("whatever goes wrong before there is a project is a report as well", async () => {
  const { report } = await run(await writeFiles({ "README.md": "" }));
  expect(report).toMatchObject({ verdict: "error", exitCode: 2, environments: [], failures: [{ exitCode: 2 }] });
});

describe("changes of applied revisions that are allowed", () => {
  const edited = { "migrations/versions/a.py": revision("a", table("tx")) };
  const judged = async (folder: string, given: Given, labels: string[] = []) => {
    const event = { name: "pull_request", payload: { pull_request: { labels: labels.map((name) => ({ name })) } } };
    const world = { cwd: folder, env: process.env, event, signal: new AbortController().signal, progress: () => {} };
    const { report } = await gate({ base: "main", static: true, ...given }, world);
    return { verdict: report.verdict, ...report.environments[0]! };
  };
  /** main has a revision, and the working tree of the pull request's branch another version of it. */
  const editedCheckout = async () => {
    const folder = await writeFiles(files);
    await git(folder, "init", "--quiet");
    await git(folder, "add", "--all");
    await git(folder, "commit", "--quiet", "--message", "Base");
    await git(folder, "checkout", "--quiet", "-b", "pull-request");
    await writeFile(path.join(folder, "migrations/versions/a.py"), edited["migrations/versions/a.py"]);
    return folder;
  };

  test("by the label of the pull request, whose name is a setting", async () => {
    const folder = await editedCheckout();
    expect(await judged(folder, {}, ["other"])).toMatchObject({ verdict: "fail", findings: [{ rule: "edited-revision" }] });
    expect(await judged(folder, {}, ["Migration-History-Allowed"])).toMatchObject({
      verdict: "pass",
      findings: [{ suppressed: { reason: "the pull request has the label Migration-History-Allowed" } }],
    });
    expect(await judged(folder, { "allow-label": "go" }, ["Migration-History-Allowed"])).toMatchObject({ verdict: "fail" });
    expect(await judged(folder, { "allow-label": "go" }, ["go"])).toMatchObject({ verdict: "pass" });
  });

  test("as long as no tag contains the revision, where tags are what is released", async () => {
    const folder = await editedCheckout();
    const unknown = await judged(folder, { released: "tags" });
    expect(unknown).toMatchObject({ verdict: "fail" });
    expect(unknown.notChecked.map(({ what }) => what)).toContain("which revisions are released");
    await git(
      folder,
      "tag",
      "v1",
      await git(folder, "commit-tree", "-m", "empty", await git(folder, "hash-object", "-t", "tree", "-w", "/dev/null")),
    );
    expect(await judged(folder, { released: "tags" })).toMatchObject({ verdict: "pass", findings: [{ severity: "notice" }] });
    await git(folder, "tag", "v2", "main");
    expect(await judged(folder, { released: "tags" })).toMatchObject({ verdict: "fail" });
  });
});
