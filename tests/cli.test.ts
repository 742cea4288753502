/** The command line as a process, from its sources. What it finds is tested elsewhere. */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import postgres from "postgres";
import { expect, inject, onTestFinished, test } from "vitest";
import type { Report } from "../src/finding.ts";
import { plain } from "../src/text.ts";
import { actionNode } from "./support/action.ts";
import { alembicFiles, revision } from "./support/alembic.ts";
import { writeFiles } from "./support/files.ts";
import { root } from "./support/fixtures.ts";
import { sharedUrl } from "./support/url.ts";

const script = path.join(root, "src", "cli.ts");

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

const run = (args: string[], cwd = root): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(actionNode(), [script, ...args], { cwd, env: { PATH: process.env.PATH } }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });

const project = () =>
  writeFiles(alembicFiles({ a: revision("a"), b: revision("b", { down: "a" }), c: revision("c", { down: "a" }) }));

test("help and version", async () => {
  const [help, version] = await Promise.all([run(["--help"]), run(["-V"])]);
  expect(help).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("Usage: alembic-gate [check] [DIRECTORY] [options]"),
    stderr: "",
  });
  expect(version).toEqual({ code: 0, stdout: "0.0.0-source\n", stderr: "" });
});

test("wrong use is said in the report, and ends with 2", async () => {
  const [flag, folder] = await Promise.all([run(["--sttaic"]), run(["no/such/folder"])]);
  expect(flag).toMatchObject({ code: 2, stdout: expect.stringContaining("Did you mean `--static`?") });
  expect(folder).toMatchObject({ code: 2, stdout: expect.stringContaining("There is no folder") });
});

test("a finding that blocks ends with 1, in every format", async () => {
  const folder = await project();
  const [text, json, markdown] = await Promise.all([
    run(["--static"], folder),
    run(["--static", "--format", "json"], folder),
    run(["--static", "--format", "markdown"], folder),
  ]);
  expect(text).toMatchObject({ code: 1, stdout: expect.stringContaining("✗ failed:") });
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    version: 1,
    verdict: "fail",
    environments: [{ findings: [{ rule: "multiple-heads" }] }],
  });
  expect(markdown).toMatchObject({ code: 1, stdout: expect.stringContaining("multiple-heads") });
});

test("--output holds the report in its format, and people still read the terminal's", async () => {
  const folder = await project();
  const [json, text] = await Promise.all([
    run(["--static", "--format", "json", "--output", "report.json"], folder),
    run(["--static", "--output", "report.txt"], folder),
  ]);
  expect([json.code, text.code]).toEqual([1, 1]);
  expect(JSON.parse(await readFile(path.join(folder, "report.json"), "utf8"))).toMatchObject({ verdict: "fail" });
  expect(await readFile(path.join(folder, "report.txt"), "utf8")).toBe(text.stdout);
  expect(json.stdout).toContain("✗ failed:");
});

test("an output that cannot be written is a failure, and no finding is lost for it", async () => {
  const folder = await project();
  const { code, stdout, stderr } = await run(["--static", "--output", "missing/report.json"], folder);
  expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
  expect(stdout).toContain("multiple-heads");
  expect(stdout).toContain("The report cannot be written to `missing/report.json`");
  expect(existsSync(path.join(folder, "missing"))).toBe(false);
});

test("a reader who leaves early is no error", async () => {
  const folder = await project();
  const child = spawn(actionNode(), [script, "--static", "--format", "json"], { cwd: folder, env: { PATH: process.env.PATH } });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => (stderr += String(data)));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
});

test("Ctrl-C ends it at once, says so, and leaves neither processes nor databases", async () => {
  const role = `cli_${process.pid}`;
  const sql = postgres(sharedUrl(), { max: 1, onnotice: () => {} });
  onTestFinished(() => sql.end());
  await sql.unsafe(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'unguessable'`);
  const folder = await writeFiles(alembicFiles({ a: revision("a", { upgrade: 'op.execute("SELECT pg_sleep(600)")' }) }));
  const url = sharedUrl({ user: role, password: "unguessable" });
  const args = ["--scope", "all", "--python", inject("pythons").default, "--postgres", url, "--format", "json"];
  const child = spawn(actionNode(), [script, ...args], { cwd: folder, env: { PATH: process.env.PATH } });
  let stdout = "";
  child.stdout.on("data", (data: Buffer) => (stdout += String(data)));
  const ended = new Promise((resolve) => child.on("close", resolve));
  await expect
    .poll(() => sql`SELECT FROM pg_stat_activity WHERE usename = ${role} AND query LIKE '%pg_sleep(600)%'`, { timeout: 20_000 })
    // The whole history may run beside.
    .not.toHaveLength(0);
  child.kill("SIGINT");
  expect(await ended).toBe(3);
  const report = JSON.parse(stdout) as Report;
  expect(report).toMatchObject({ verdict: "error", exitCode: 3, environments: [{ findings: [] }] });
  expect(plain(report.headline)).toBe("The gate was interrupted (SIGINT) and has cleaned up.");
  expect(await sql`SELECT datname FROM pg_database JOIN pg_roles r ON r.oid = datdba WHERE rolname = ${role}`).toHaveLength(0);
  expect(await sql`SELECT query FROM pg_stat_activity WHERE usename = ${role}`).toHaveLength(0);
  await sql.unsafe(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
});
