// `--static` on a pull request that changes one revision, beside `alembic heads`, which reads the same files and judges nothing; and
// how its time grows with the number of revisions. Part of `npm run bench`; `node bench/static.js` runs it alone.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { actionNode } from "../tests/support/action.ts";
import { makeEnvironment } from "../scripts/python.js";
import { writeRevisions } from "./generate.js";

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const env = { PATH: process.env.PATH, HOME: process.env.HOME, LANG: "C.UTF-8", DATABASE_URL: "postgresql://app@db.internal/app" };

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** A repository whose pull request makes a column of one applied revision longer. */
function makeProject(revisions) {
  const folder = mkdtempSync(path.join(tmpdir(), "bench-static-"));
  const git = (...args) =>
    execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...args], { cwd: folder });
  git("init", "--quiet", "--initial-branch=main");
  writeRevisions(folder, 0, revisions);
  git("add", "--all");
  git("commit", "--quiet", "--message", "Base branch");
  git("checkout", "--quiet", "-b", "pull-request");
  const versions = path.join(folder, "migrations", "versions");
  const file = path.join(
    versions,
    readdirSync(versions).find((name) => name.endsWith("_create_items_1_0.py")),
  );
  writeFileSync(file, readFileSync(file, "utf8").replace("length=80", "length=81"));
  git("commit", "--quiet", "--all", "--message", "Pull request");
  return folder;
}

/** Wall time in milliseconds of a command that must end with this status. */
function time(command, args, cwd, expected) {
  const started = performance.now();
  const { status, stderr } = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 2 ** 28 });
  const spent = performance.now() - started;
  if (status !== expected) throw new Error(`${path.basename(command)} ${args.join(" ")} ended with ${status}\n${stderr}`);
  return spent;
}

/**
 * Prints the medians: beside `alembic heads` for 550 revisions, and the growth from 500 to 5,000.
 *
 * @param {number} repetitions
 */
export function measureStatic(repetitions = 9) {
  const alembic = path.join(path.dirname(makeEnvironment()), "alembic");
  const folders = new Map([550, 500, 5000].map((revisions) => [revisions, makeProject(revisions)]));
  try {
    const gate = (revisions) =>
      time(actionNode(), [cli, "--static", "--base", "main", "--format", "json"], folders.get(revisions), 1);
    const heads = () => time(alembic, ["heads"], folders.get(550), 0);
    heads();
    // By turns, so that whatever else the machine does disturbs all of them alike.
    const rounds = Array.from({ length: repetitions }, () => ({
      heads: heads(),
      gate: gate(550),
      small: gate(500),
      large: gate(5000),
    }));
    const of = (name) => median(rounds.map((round) => round[name]));
    const ms = (value) => `${value.toFixed(0)} ms`;
    console.log(
      `  550 revisions, one changed   alembic heads ${ms(of("heads"))}   gate --static ${ms(of("gate"))}   ratio ${(of("gate") / of("heads")).toFixed(2)}`,
    );
    const [small, large] = [of("small") / 500, of("large") / 5000];
    console.log(
      `  500 and 5000 revisions   ${ms(of("small"))} and ${ms(of("large"))}   ${small.toFixed(2)} and ${large.toFixed(2)} ms a revision   growth ${(large / small).toFixed(2)}`,
    );
  } finally {
    for (const folder of folders.values()) rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) measureStatic();
