/** The command line on a real terminal, and in a pipe that a reader closes. */
import { execFile } from "node:child_process";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { columns } from "../src/report/rows.ts";
import { actionNode } from "./support/action.ts";
import { alembicFiles, revision } from "./support/alembic.ts";
import { writeFiles } from "./support/files.ts";
import { root } from "./support/fixtures.ts";
import { sharedUrl } from "./support/url.ts";

const script = path.join(root, "src", "cli.ts");

const ended = (command: string, args: string[], cwd: string, env: Record<string, string> = {}) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const environment = { PATH: process.env.PATH, TERM: "xterm-256color", ...env };
    execFile(command, args, { cwd, env: environment, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });

/** Runs the gate on a terminal of so many columns; Ctrl-C is typed once a text has been seen. */
function onTerminal(cwd: string, width: number, env: Record<string, string> = {}, interruptAt?: string) {
  const python = inject("pythons").default;
  const gate = [actionNode(), script, "--scope", "all", "--python", python, "--postgres", sharedUrl()];
  const interrupt = interruptAt === undefined ? [] : ["--interrupt", interruptAt];
  return ended(python, [path.join(root, "tests/support/on-terminal.py"), String(width), ...interrupt, "--", ...gate], cwd, env);
}

const chain = (sleep = "") =>
  writeFiles(
    alembicFiles({
      aaaa: revision("aaaa", { upgrade: 'op.execute("CREATE TABLE a ()")', downgrade: 'op.execute("DROP TABLE a")' }),
      bbbb: revision("bbbb", { down: "aaaa", upgrade: `op.execute("CREATE TABLE b ()")${sleep}`, downgrade: "pass" }),
    }),
  );

/** What was shown on the line that is rewritten, and what stayed. */
function shown(stdout: string): { steps: string[]; stayed: string } {
  const parts = stdout.split("\r\u001b[2K");
  return { steps: parts.slice(1, -1).filter((step) => step !== ""), stayed: parts[0]! + parts.at(-1)! };
}

test("phase, count and revision are shown while it runs, within the width, and are gone at the end", async () => {
  const { code, stdout } = await onTerminal(await chain(), 60);
  expect(code).toBe(1);
  const { steps, stayed } = shown(stdout);
  expect(steps).toContain("alembic.ini: the pull request's revisions, up · 2 of 2 · b…");
  expect(steps).toContain("alembic.ini: the pull request's revisions, down");
  expect(steps.filter((step) => columns(step) > 59)).toEqual([]);
  expect(stayed).not.toContain("2 of 2");
  expect(stayed).toContain("\u001b[31m");
  const lines = stayed.replace(/\u001b\[\d+m/g, "").split("\r\n");
  // Lines to paste are not wrapped; what is said is.
  expect(lines.filter((line) => columns(line) > 60 && !/^\s{8}|\|/.test(line))).toEqual([]);
  expect(lines.at(-2)).toMatch(/^✗ failed: 1 error/);
});

test("NO_COLOR takes the colours, a dumb terminal the rewritten line as well", async () => {
  const folder = await chain();
  const [plain, dumb] = await Promise.all([onTerminal(folder, 80, { NO_COLOR: "1" }), onTerminal(folder, 80, { TERM: "dumb" })]);
  expect(shown(plain.stdout).steps).toContain("alembic.ini: the pull request's revisions, up · 2 of 2 · bbbb");
  expect(shown(plain.stdout).stayed).not.toContain("\u001b");
  expect(dumb.stdout).not.toContain("\u001b");
  expect(dumb.stdout).toContain("✗ failed: 1 error");
});

test("Ctrl-C is answered at once: the line goes, what happened is said, the exit code is 3", async () => {
  const folder = await chain('; op.execute("SELECT pg_sleep(600)")');
  const { code, stdout } = await onTerminal(folder, 80, { NO_COLOR: "1" }, "2 of 2");
  expect(code).toBe(3);
  const { stayed } = shown(stdout);
  expect(stayed).toContain("The gate was interrupted (SIGINT) and has cleaned up.");
  expect(stayed).not.toContain("2 of 2");
});

test.for(["", "--format unix", "--format html", "--format sarif"])(
  "a reader who has seen enough is no error: %s",
  async (format) => {
    const folder = await writeFiles(
      alembicFiles({ a: revision("a"), b: revision("b", { down: "a" }), c: revision("c", { down: "a" }) }),
    );
    const command = `("$NODE" "$SCRIPT" --static ${format} 2>errors; echo $? >code) | head -n 1; cat code errors`;
    const { stdout } = await ended("sh", ["-c", command], folder, { NODE: actionNode(), SCRIPT: script });
    expect(stdout.trimEnd().split("\n").slice(1)).toEqual(["1"]);
  },
);
