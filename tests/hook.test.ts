/** .pre-commit-hooks.yaml, installed and run by the real pre-commit. */
import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { hooked } from "../src/hook.ts";
import { alembicFiles, revision } from "./support/alembic.ts";
import { writeFiles } from "./support/files.ts";
import { root } from "./support/fixtures.ts";

const under = (folder: string, files: Record<string, string>) =>
  Object.fromEntries(Object.entries(files).map(([file, content]) => [`${folder}/${file}`, content]));

const folder = mkdtempSync(path.join(tmpdir(), "hook-"));
const hook = path.join(folder, "hook");
const project = path.join(folder, "project");

const git = (at: string, ...args: string[]) =>
  execFileSync("git", ["-C", at, "-c", "user.name=t", "-c", "user.email=t@example.invalid", ...args], {
    encoding: "utf8",
  }).trim();

/** Makes a repository of a folder. @returns its commit */
function commitAll(at: string): string {
  git(at, "init", "-q", "-b", "main");
  git(at, "add", "-A");
  git(at, "commit", "-qm", "all");
  return git(at, "rev-parse", "HEAD");
}

const preCommit = (environment: Record<string, string> = {}): Promise<{ code: number; said: string }> => {
  const python = inject("pythons")["pre-commit"];
  const env = { ...process.env, PRE_COMMIT_HOME: path.join(folder, "cache"), ...environment };
  return new Promise((resolve) => {
    execFile(python, ["-m", "pre_commit", "run"], { cwd: project, env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, said: stdout + stderr });
    });
  });
};

const addRevision = (parent: string) => {
  const source = `revision = "0123456789ab"\ndown_revision = "${parent}"\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n`;
  writeFileSync(path.join(project, "migrations/versions/0123456789ab_one_more.py"), source);
  git(project, "add", "-A");
};

beforeAll(() => {
  for (const file of git(root, "ls-files", "--cached", "--others", "--exclude-standard").split("\n"))
    if (!/^(fixtures|tests|bench)\//.test(file)) cpSync(path.join(root, file), path.join(hook, file));
  const rev = commitAll(hook);
  cpSync(path.join(root, "fixtures/projects/shop"), project, { recursive: true });
  writeFileSync(
    path.join(project, ".pre-commit-config.yaml"),
    `repos:\n  - repo: ${hook}\n    rev: ${rev}\n    hooks:\n      - id: alembic-gate\n`,
  );
  commitAll(project);
});
afterAll(() => rmSync(folder, { recursive: true }));

test("only the environments of the files are judged, all where the files belong to none", async () => {
  const a = under("a", alembicFiles({ a: revision("a") }));
  const files = { ...a, ...under("b", alembicFiles({ b: revision("b") })) };
  const world = { cwd: await writeFiles(files), env: {}, signal: new AbortController().signal, progress: () => {} };
  const inA = Object.keys(a).find((file) => file.includes("versions/"))!;
  expect(await hooked({}, [inA], world)).toEqual({ static: true, config: ["a/alembic.ini"] });
  expect(await hooked({}, [inA, "b/alembic.ini"], world)).toEqual({ static: true, config: ["a/alembic.ini", "b/alembic.ini"] });
  expect(await hooked({}, ["pyproject.toml"], world)).toEqual({ static: true });
});

test(
  "a revision on the head passes, a second head is refused, and other files do not start it",
  { timeout: 60_000 },
  async () => {
    addRevision("f4b8d60c1e27");
    expect(await preCommit()).toMatchObject({ code: 0, said: expect.stringContaining("Passed") });
    addRevision("e72a9c3d5b16");
    expect(await preCommit()).toMatchObject({ code: 1, said: expect.stringContaining("error[multiple-heads]") });
    git(project, "reset", "-q", "--hard");
    writeFileSync(path.join(project, "README.md"), "Words.\n");
    git(project, "add", "-A");
    expect(await preCommit()).toMatchObject({ code: 0, said: expect.stringContaining("Skipped") });
  },
);

test("a machine without Node is told what is missing", { timeout: 60_000 }, async () => {
  const tools = path.join(folder, "tools");
  mkdirSync(tools);
  const where = (tool: string) => execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim();
  for (const tool of ["git", "sh", "dirname"]) symlinkSync(where(tool), path.join(tools, tool));
  addRevision("f4b8d60c1e27");
  const { code, said } = await preCommit({ PATH: tools });
  expect({ code, said }).toMatchObject({ code: 1, said: expect.stringContaining("alembic-gate needs Node 20.12 or later") });
});
