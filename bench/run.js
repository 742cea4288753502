// What the gate costs beside what a user would do by hand. `npm run bench`, or `npm run bench -- 2 100` for these sizes alone.
// Both sides run on one server, on warm bytecode, the hand first; a ratio below 1 means that the gate is faster.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { startServer } from "../src/postgres/server.ts";
import { actionNode, pullRequestEvent, runAction } from "../tests/support/action.ts";
import { loadCase } from "../tests/support/fixtures.ts";
import { makeRepository } from "../tests/support/repository.ts";
import { makeEnvironment } from "../scripts/python.js";
import { writeRevisions } from "./generate.js";
import { measureStatic } from "./static.js";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const python = makeEnvironment();
const alembic = path.join(path.dirname(python), "alembic");
const node = actionNode();
const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [2, 30, 100, 300, 1000];

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const seconds = (value) => `${value.toFixed(2)} s`;

/** Wall time of a function in seconds, and what it returned. */
function timed(work) {
  const started = performance.now();
  const result = work();
  return { seconds: (performance.now() - started) / 1000, result };
}

/** Runs a command that must succeed. */
function run(command, args, cwd, env = {}) {
  const done = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, LANG: "C.UTF-8", ...env },
  });
  if (done.status !== 0)
    throw new Error(
      `${path.basename(command)} ${args.join(" ")} ended with ${done.status}\n${done.stdout.slice(-2000)}${done.stderr.slice(-2000)}`,
    );
  return done.stdout;
}

/** A repository whose last one or two revisions are the pull request, on top of a base branch with all others. */
function makeProject(revisions) {
  const folder = mkdtempSync(path.join(tmpdir(), "bench-"));
  const git = (...args) =>
    execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...args], { cwd: folder });
  const old = revisions - (revisions > 10 ? 2 : 1);
  git("init", "--quiet", "--initial-branch=main");
  writeRevisions(folder, 0, old);
  git("add", "--all");
  git("commit", "--quiet", "--message", "Base branch");
  git("checkout", "--quiet", "-b", "pull-request");
  writeRevisions(folder, old, revisions);
  git("add", "--all");
  git("commit", "--quiet", "--message", "Pull request");
  return folder;
}

/** Wall time of the gate, with its own account of it. */
function gate(folder, args) {
  const { seconds, result } = timed(() =>
    run(node, [path.join(root, "dist", "cli.js"), "--base", "main", "--format", "json", ...args], folder, {
      DATABASE_URL: "postgresql+psycopg2://app@db.internal/app",
    }),
  );
  const report = JSON.parse(result);
  if (report.verdict !== "pass")
    throw new Error(`The gate must pass what the bench makes, and said: ${JSON.stringify(report, undefined, 2).slice(0, 4000)}`);
  return { seconds, report };
}

async function compareWithHand(server, revisions) {
  const folder = makeProject(revisions);
  const url = `postgresql://${server.user}:${server.password}@${server.host}:${server.port}/${server.database}`;
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const hand = { DATABASE_URL: url.replace("postgresql:", "postgresql+psycopg2:").replace(/\/[^/]*$/, "/bench") };
    run(alembic, ["heads"], folder, hand);
    const byHand = [];
    const byGate = [];
    for (let repetition = 0; repetition < 3; repetition++) {
      await sql.unsafe("CREATE DATABASE bench");
      const commands = [
        ["upgrade", "head"],
        ["downgrade", "base"],
        ["upgrade", "head"],
      ];
      byHand.push(timed(() => commands.forEach((args) => run(alembic, args, folder, hand))).seconds);
      await sql.unsafe("DROP DATABASE bench WITH (FORCE)");
      byGate.push(gate(folder, ["--postgres", url, "--python", python]));
    }
    const [by, of] = [median(byHand), median(byGate.map((one) => one.seconds))];
    console.log(
      `${String(revisions).padStart(5)} revisions   by hand ${seconds(by).padStart(8)}   gate ${seconds(of).padStart(8)}   ratio ${(of / by).toFixed(2)}`,
    );
    const { report } = byGate.find((one) => one.seconds === of);
    const parts = Object.entries(report.timings).map(([part, milliseconds]) => `${part} ${Math.round(milliseconds)} ms`);
    const phases = report.environments[0].phases.map((phase) => `${phase.id} ${seconds(phase.seconds)}`);
    console.log(`${" ".repeat(18)}${parts.join(" · ")}\n${" ".repeat(18)}${phases.join(" · ")}`);
  } finally {
    await sql.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From the start of the process to the first thing that the action says, on a pull request that has nothing to judge. */
async function startOfAction() {
  const repository = await makeRepository(loadCase("clean-readme"), { checkout: "merge" });
  try {
    const runs = [];
    for (let repetition = 0; repetition < 5; repetition++)
      runs.push(
        await runAction({ folder: repository.folder, inputs: { python, token: "" }, event: pullRequestEvent(repository) }),
      );
    console.log(`dist/action.js: first output after ${Math.round(median(runs.map((one) => one.firstOutput ?? Number.NaN)))} ms`);
  } finally {
    await repository.remove();
  }
}

const version = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")).version;
const server = await startServer({ choice: "auto", env: process.env });
try {
  console.log(
    `alembic-gate ${version}, PostgreSQL ${server.version} (${server.provider}), ${cpus().length} cores\nupgrade head, downgrade base, upgrade head:`,
  );
  for (const revisions of sizes) await compareWithHand(server, revisions);
  console.log("the graph and the history alone:");
  measureStatic();
  await startOfAction();
} finally {
  await server.stop();
}
