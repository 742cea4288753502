/** `alembic-gate init` on real repositories, as a process. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { newestOf } from "../src/init.ts";
import { actionNode } from "./support/action.ts";
import { alembicFiles, revision } from "./support/alembic.ts";
import { graphOf } from "./support/evidence.ts";
import { writeFiles } from "./support/files.ts";
import { root } from "./support/fixtures.ts";
import { sharedUrl } from "./support/url.ts";

const WORKFLOW = ".github/workflows/migrations.yml";

const git = (at: string, ...args: string[]) =>
  execFileSync("git", ["-C", at, "-c", "user.name=t", "-c", "user.email=t@example.invalid", ...args], {
    encoding: "utf8",
  }).trim();

async function project(files: Record<string, string>): Promise<string> {
  const folder = await writeFiles({ ".gitignore": "__pycache__/\n", ...files });
  git(folder, "init", "-q", "-b", "main");
  git(folder, "add", "-A");
  git(folder, "commit", "-qm", "all");
  return folder;
}

const init = (folder: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const script = path.join(root, "src", "cli.ts");
    const all = [script, "init", "--python", inject("pythons").default, "--postgres", sharedUrl(), ...args];
    execFile(actionNode(), all, { cwd: folder, env: { PATH: process.env.PATH } }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });

const chain = Object.fromEntries(
  Array.from({ length: 13 }, (_, index) => [
    `r${index}`,
    revision(`r${index}`, {
      ...(index > 0 && { down: `r${index - 1}` }),
      upgrade: `op.execute("CREATE TABLE t${index} ()")`,
      downgrade: index === 12 ? "pass" : `op.execute("DROP TABLE t${index}")`,
    }),
  ]),
);

test("it writes the workflow, judges the newest ten as one pull request, and leaves the checkout as it is", async () => {
  const folder = await project({ ...alembicFiles(chain), "requirements.txt": "alembic\n", ".python-version": "3.12\n" });
  const index = await readFile(path.join(folder, ".git/index"));
  const { code, stdout, stderr } = await init(folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("Found `alembic.ini`: pip (`requirements.txt`), Python 3.12 (`.python-version`)");
  expect(stdout).toMatch(/alembic\.ini: 13 revisions, 10 new, compared with the history without its 10 newest\s+revisions/);
  expect(stdout).toContain("error[missing-downgrade]");
  expect(stdout).toContain(`Wrote \`${WORKFLOW}\``);
  expect(await readFile(path.join(folder, WORKFLOW), "utf8")).toContain("python -m pip install -r requirements.txt");
  expect(git(folder, "status", "--porcelain")).toBe("?? .github/");
  expect(git(folder, "log", "--oneline", "--all").split("\n")).toHaveLength(1);
  expect((await readFile(path.join(folder, ".git/index"))).equals(index)).toBe(true);
});

test("variables that env.py wants are found one after the other, with the values of the repository's example", async () => {
  const files = alembicFiles({ a: revision("a") });
  const env = Object.keys(files).find((file) => file.endsWith("env.py"))!;
  const folder = await project({
    ...files,
    [env]: `import os\nos.environ["SHOP_NAME"]\nif "SHOP_KEY" not in os.environ:\n    raise Exception("You must set the SHOP_KEY environment variable.")\nassert os.environ["SHOP_MODE"] == "fast"\n${files[env]}`,
    ".env.example": 'SHOP_MODE="fast" # or slow\nUNUSED=1\n',
  });
  const { code, stdout } = await init(folder);
  expect(code).toBe(0);
  expect(stdout).toContain("env.py and what it imports want `SHOP_NAME`, `SHOP_KEY` and `SHOP_MODE`");
  expect(await readFile(path.join(folder, WORKFLOW), "utf8")).toMatch(/SHOP_MODE: "fast"\n/);
});

test("a workflow that is there is left alone, unless --yes says otherwise; one that uses the gate is enough", async () => {
  const folder = await project(alembicFiles({ a: revision("a") }));
  await mkdir(path.join(folder, path.dirname(WORKFLOW)), { recursive: true });
  await writeFile(path.join(folder, WORKFLOW), "mine\n");
  expect((await init(folder, "--static")).stdout).toContain("is there already and was left alone: `--yes` writes it anew.");
  expect(await readFile(path.join(folder, WORKFLOW), "utf8")).toBe("mine\n");
  expect((await init(folder, "--static", "--yes")).stdout).toContain("Wrote anew");
  expect((await init(folder, "--static")).stdout).toContain("is there already, and is as it should be.");
  const other = await project({
    ...alembicFiles({ a: revision("a") }),
    ".github/workflows/ci.yaml": "- uses: alembic-gate/alembic-gate@v1\n",
  });
  expect((await init(other, "--static")).stdout).toContain(
    "`.github/workflows/ci.yaml` uses the gate already, so no workflow was written.",
  );
  expect(existsSync(path.join(other, WORKFLOW))).toBe(false);
});

test("what a program reads is the report alone", async () => {
  const folder = await project(alembicFiles({ a: revision("a") }));
  const { code, stdout, stderr } = await init(folder, "--static", "--format", "json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ version: 1, environments: [{ revisions: { total: 1, added: ["a"] } }] });
  expect(stderr).toContain("Found `alembic.ini`");
  expect(stderr).toContain(`Wrote \`${WORKFLOW}\``);
});

test("a folder that is no checkout is told how to make one", async () => {
  const folder = await writeFiles(alembicFiles({ a: revision("a") }));
  expect(await init(folder)).toMatchObject({ code: 2, stdout: expect.stringContaining("is no git checkout with a commit") });
});

test("the newest are closed: nothing that builds on one of them stays behind", () => {
  const graph = graphOf({
    a: {},
    b: { down: "a" },
    c: { down: "a" },
    d: { down: "c" },
    m: { down: ["b", "d"] },
    e: { down: "m" },
  });
  expect(newestOf(graph, 3).sort()).toEqual(["d", "e", "m"]);
  expect(newestOf(graph, 9)).toHaveLength(6);
});
