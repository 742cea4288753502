/** Runs the built action, or the built command line, as a runner or a desk does: a process of its own, with nothing but what is given. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Report } from "../../src/finding.ts";
import { root } from "./fixtures.ts";
import type { Repository } from "./repository.ts";
import { readOutputs, readStepOutput, type StepOutput } from "./runner.ts";

/** What GitHub tells a run about itself. */
export interface GitHubEvent {
  name: "pull_request" | "pull_request_target" | "push" | "merge_group" | "workflow_dispatch" | "schedule";
  sha: string;
  ref: string;
  baseRef?: string;
  headRef?: string;
  payload: unknown;
}

export interface ActionOptions {
  /** The checkout; GITHUB_WORKSPACE. */
  folder: string;
  /** By their names in action.yml. */
  inputs?: Record<string, string>;
  event: GitHubEvent;
  /** Further environment, as `env:` of a step gives it. */
  env?: Record<string, string>;
}

export interface ActionRun extends StepOutput {
  exitCode: number | null;
  summary: string;
  outputs: Record<string, string>;
  /** What the output `report` points to. */
  report?: Report;
  /** What the outputs `page` and `sarif` point to. */
  page?: string;
  sarif?: string;
  /** The two streams as they came. */
  stdout: string;
  stderr: string;
  /** What GITHUB_ENV and GITHUB_PATH hold: nothing, if all is well. */
  leaked: string;
  /** Processes of this run that were still there when it had ended, and files that it left in the temporary folder. */
  left: string[];
  /** Milliseconds from the start of the process to its first output. */
  firstOutput?: number;
}

/** A run is ended by force when it takes longer: seconds. */
const LIMIT = 120;

/**
 * Node 24, which GitHub runs the action on.
 *
 * @throws Error where another major is all there is
 */
export function actionNode(): string {
  const own = path.join(root, "node_modules", "node", "bin", "node");
  const node = existsSync(own) ? own : process.execPath;
  const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  if (!version.startsWith("v24.")) {
    throw new Error(
      `The action runs on Node 24 and this is ${version}: run npm ci, which installs the optional dependency node.`,
    );
  }
  return node;
}

/** What the runner puts in for the expressions that are defaults in action.yml. */
const RUNNERS_OWN: Record<string, string> = {
  "${{ github.token }}": "ghs_made_up_for_tests",
  "${{ job.check_run_id }}": "77",
};

/** The names and defaults of the inputs in action.yml, as the runner reads them. */
function declaredInputs(): Map<string, string> {
  const lines = readFileSync(path.join(root, "action.yml"), "utf8").split("\n");
  const section = lines.slice(lines.indexOf("inputs:") + 1, lines.indexOf("outputs:"));
  const inputs = new Map<string, string>();
  let name = "";
  for (const line of section) {
    const key = /^ {2}([\w-]+):$/.exec(line)?.[1];
    const value = /^ {4}default: (.*)$/.exec(line)?.[1];
    if (key !== undefined) inputs.set((name = key), "");
    else if (value !== undefined) inputs.set(name, RUNNERS_OWN[value] ?? value.replace(/^(["'])(.*)\1$/, "$2"));
  }
  return inputs;
}

/** What a pull request's run is told, for a repository of ours. */
export function pullRequestEvent(
  { base, head, merge }: Repository,
  name: "pull_request" | "pull_request_target" = "pull_request",
): GitHubEvent {
  return {
    name,
    sha: name === "pull_request" ? merge : base,
    ref: name === "pull_request" ? "refs/pull/1/merge" : "refs/heads/main",
    baseRef: "main",
    headRef: "pull-request",
    payload: {
      action: "synchronize",
      number: 1,
      pull_request: {
        number: 1,
        base: { ref: "main", sha: base, repo: { full_name: "octo/shop" } },
        head: { ref: "pull-request", sha: head, repo: { full_name: "octo/shop", fork: false } },
        merge_commit_sha: merge,
      },
      repository: { full_name: "octo/shop", default_branch: "main", private: false },
    },
  };
}

interface Ended {
  exitCode: number | null;
  stdout: string;
  stderr: string;
  left: string[];
  firstOutput?: number;
}

/** Runs a file of dist/ in an environment that holds nothing of this process but PATH. */
async function runBuilt(script: string, args: string[], cwd: string, env: Record<string, string>): Promise<Ended> {
  const temporary = await mkdtemp(path.join(tmpdir(), "run-"));
  const child = spawn(actionNode(), [path.join(root, "dist", script), ...args], {
    cwd,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, LANG: "C.UTF-8", HOME: temporary, TMPDIR: temporary, ...env },
  });
  const started = performance.now();
  let firstOutput: number | undefined;
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (data: string) => {
    firstOutput ??= performance.now() - started;
    stdout += data;
  });
  child.stderr.setEncoding("utf8").on("data", (data: string) => (stderr += data));
  const descendants = new Set<string>();
  const watch = setInterval(() => addDescendants(child.pid!, descendants), 100);
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT * 1000);
  const exitCode = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  clearInterval(watch);
  clearTimeout(limit);
  const left = await leftOvers(child.pid!, descendants, temporary);
  await rm(temporary, { recursive: true, force: true });
  return { exitCode, stdout, stderr, left, firstOutput };
}

/** When a process started and in which session it is; undefined when it has ended. */
function statOf(pid: string | number): { started: string; session: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? undefined : { session: Number(fields[3]), started: fields[19]! };
  } catch {
    return undefined;
  }
}

/** Adds all children and children's children as `pid started`, so that they are known again after their parents have gone. */
function addDescendants(pid: number, found: Set<string>): void {
  for (const child of childrenOf(pid)) {
    const stat = statOf(child);
    if (stat) found.add(`${child} ${stat.started}`);
    addDescendants(child, found);
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** What a run left, on Linux: processes that it started or that are of its session, and files in its temporary folder. What is just ending gets two seconds. */
async function leftOvers(session: number, descendants: Set<string>, temporary: string): Promise<string[]> {
  if (process.platform !== "linux") return [];
  const deadline = Date.now() + 2000;
  for (;;) {
    const left = readdirSync("/proc").flatMap((pid) => {
      const stat = /^\d+$/.test(pid) ? statOf(pid) : undefined;
      return stat && (stat.session === session || descendants.has(`${pid} ${stat.started}`))
        ? [`process ${pid}: ${commandOf(pid)}`]
        : [];
    });
    left.push(...readdirSync(temporary).map((name) => `file ${name}`));
    if (left.length === 0 || Date.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "(ended)";
  }
}

/** Runs dist/action.js as GitHub's runner does, and reads what it wrote by the runner's rules. */
export async function runAction({ folder, inputs = {}, event, env = {} }: ActionOptions): Promise<ActionRun> {
  const runner = await mkdtemp(path.join(tmpdir(), "runner-"));
  const files = Object.fromEntries(
    ["OUTPUT", "STEP_SUMMARY", "ENV", "PATH", "STATE"].map((name) => [`GITHUB_${name}`, path.join(runner, name.toLowerCase())]),
  );
  for (const file of Object.values(files)) await writeFile(file, "");
  await mkdir(path.join(runner, "temp"));
  await writeFile(path.join(runner, "event.json"), JSON.stringify(event.payload));
  const workspace = realpathSync(folder);
  const given = new Map([...declaredInputs(), ...Object.entries(inputs)]);
  const ended = await runBuilt("action.js", [], workspace, {
    CI: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_ACTION: "gate",
    GITHUB_ACTOR: "octocat",
    GITHUB_API_URL: "http://127.0.0.1:9",
    GITHUB_BASE_REF: event.baseRef ?? "",
    GITHUB_EVENT_NAME: event.name,
    GITHUB_EVENT_PATH: path.join(runner, "event.json"),
    GITHUB_HEAD_REF: event.headRef ?? "",
    GITHUB_JOB: "migrations",
    GITHUB_REF: event.ref,
    GITHUB_REF_NAME: event.ref.replace(/^refs\/(heads|pull|tags)\//, ""),
    GITHUB_REPOSITORY: "octo/shop",
    GITHUB_RUN_ATTEMPT: "1",
    GITHUB_RUN_ID: "1",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_SHA: event.sha,
    GITHUB_WORKFLOW: "CI",
    GITHUB_WORKSPACE: workspace,
    RUNNER_OS: "Linux",
    RUNNER_TEMP: path.join(runner, "temp"),
    ...files,
    ...Object.fromEntries([...given].map(([name, value]) => [`INPUT_${name.toUpperCase().replaceAll(" ", "_")}`, value])),
    ...env,
  });
  const read = (name: string) => readFile(files[`GITHUB_${name}`]!, "utf8");
  const outputs = readOutputs(await read("OUTPUT"));
  const run: ActionRun = {
    ...ended,
    ...readStepOutput(ended.stdout, workspace),
    summary: await read("STEP_SUMMARY"),
    outputs,
    ...(outputs.report && { report: JSON.parse(await readFile(outputs.report, "utf8")) as Report }),
    ...(outputs.page && { page: await readFile(outputs.page, "utf8") }),
    ...(outputs.sarif && { sarif: await readFile(outputs.sarif, "utf8") }),
    leaked: (await read("ENV")) + (await read("PATH")),
  };
  await rm(runner, { recursive: true, force: true });
  return run;
}

/** Runs dist/cli.js with these arguments and nothing else. */
export const runCommand = (folder: string, args: string[], env: Record<string, string> = {}): Promise<Ended> =>
  runBuilt("cli.js", args, realpathSync(folder), env);

export interface CommandLineRun extends Ended {
  /** What `--format json` printed. */
  report?: Report;
}

/** Runs dist/cli.js with `--format json`. */
export async function runCommandLine(folder: string, args: string[], env: Record<string, string> = {}): Promise<CommandLineRun> {
  const ended = await runBuilt("cli.js", ["--format", "json", ...args], realpathSync(folder), env);
  try {
    return { ...ended, report: JSON.parse(ended.stdout) as Report };
  } catch {
    return ended;
  }
}
