/** `alembic-gate report`: what other jobs have found, as one verdict, or as the comment on a fork's pull request. */
import { lstat, readFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { Failure } from "./failure.ts";
import type { Report } from "./finding.ts";
import { linksOf, readEvent } from "./github/event.ts";
import { githubRun, type GitHubRun } from "./github/run.ts";
import { postSecondHand, sendToGitHub } from "./github/send.ts";
import { otherRun } from "./github/workflow-run.ts";
import { mergeReports } from "./merge.ts";
import { reportSchema } from "./report/schema.ts";
import { sendSummary } from "./report/summary.ts";
import { block, code, count, text, type Text } from "./text.ts";
import { conclude } from "./verdict.ts";

/** What `alembic-gate report` was told. */
export interface Reporting {
  from?: string;
  merge: string[];
  /** How many reports there must be; unknown when absent. */
  expected?: number;
}

const USE = text`Use it so: ${block("alembic-gate report --from report.json\nalembic-gate report --merge reports/*.json", "sh")}`;

/** @throws Failure (exit code 2) for arguments that make no sense */
export function readReporting(argv: readonly string[]): Reporting {
  let parsed;
  try {
    const options = { from: { type: "string" }, merge: { type: "boolean" }, plan: { type: "string" } } as const;
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    throw new Failure(2, text`${code("alembic-gate report")}: ${(error as Error).message.split("\n")[0]!}`, USE);
  }
  const { values, positionals } = parsed;
  const { from, merge = false, plan } = values;
  if ((from === undefined) === !merge || (from !== undefined && positionals.length > 0))
    throw new Failure(
      2,
      text`${code("alembic-gate report")} needs either ${code("--from")} or ${code("--merge")} and the files.`,
      USE,
    );
  const expected = plan === undefined ? undefined : jobsOf(plan);
  return { ...(from !== undefined && { from }), merge: positionals, ...(expected !== undefined && { expected }) };
}

/** How many jobs a plan has. */
function jobsOf(plan: string): number {
  try {
    const { include } = JSON.parse(plan) as { include?: unknown };
    if (Array.isArray(include)) return include.length;
  } catch {
    // Said below.
  }
  throw new Failure(
    2,
    text`${code("--plan")} is not what ${code("alembic-gate plan")} prints.`,
    text`Give it the output of the job that made the plan: ${block('--plan "$PLAN"', "sh")}`,
  );
}

/** More than the largest report that the gate writes. */
const MOST_BYTES = 50_000_000;

/** A report as a file holds it, which a stranger may have written. Nothing of its content is in the Failure. */
async function readReport(file: string): Promise<Report> {
  const bad = (why: string) =>
    new Failure(
      3,
      text`${code(file)} is no report of the gate: ${why}.`,
      text`Give the file that the output ${code("report")} names.`,
    );
  const found = await lstat(file).catch(() => undefined);
  if (!found) throw bad("it is not there");
  if (!found.isFile()) throw bad("it is no plain file");
  if (found.size > MOST_BYTES) throw bad("it is too large");
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, "utf8"));
  } catch {
    throw bad("it is not JSON");
  }
  const checked = reportSchema.safeParse(content);
  if (!checked.success) throw bad("it is not as docs/report.schema.json wants it");
  return checked.data;
}

/** One verdict of several reports. */
async function merged({ merge, expected }: Reporting): Promise<Report> {
  const files = expected === 0 ? [] : merge;
  const reports = await Promise.all(files.map(readReport));
  const whole = mergeReports(reports);
  const missing = (expected ?? reports.length) - reports.length;
  if (missing <= 0) return whole;
  const message = text`${count(missing, "job")} of ${expected!} left no report, so nobody knows what there is to say.`;
  const help = text`Look at what ended them; upload the report with ${code("if: always()")}.`;
  return conclude(whole.environments, [...whole.failures, { message, help, exitCode: 3 }], { failOn: "error" }, whole.timings);
}

/** The token is the job's: nothing of a pull request runs here. */
function runOf(env: NodeJS.ProcessEnv): { run?: GitHubRun; payload: unknown } {
  const { payload } = readEvent(env, undefined);
  const run = githubRun(env, payload, env.GITHUB_TOKEN ?? env.GH_TOKEN);
  return { ...(run && { run }), payload };
}

/**
 * Does what `alembic-gate report` is for.
 *
 * @returns the report whose verdict is the command's, and what could not be sent; without a report the words to print
 */
export async function report(
  asked: Reporting,
  env: NodeJS.ProcessEnv,
  source: (file: string) => string | undefined,
): Promise<{ report: Report; missing?: Text } | { said: string }> {
  if (asked.from !== undefined) return { said: await postForFork(asked.from, env) };
  const whole = await merged(asked);
  const { run } = runOf(env);
  if (env.GITHUB_STEP_SUMMARY) await sendSummary(whole, env.GITHUB_STEP_SUMMARY, linksOf(env));
  if (!run?.pull) return { report: whole };
  const owner = { workflow: run.workflow, job: run.job, environment: "merged" };
  const sending = { run, env, comment: "auto", owner, links: linksOf(env), source, reserved: 0 } as const;
  const missing = await sendToGitHub(whole, sending);
  return { report: whole, ...(missing && { missing }) };
}

async function postForFork(file: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { run, payload } = runOf(env);
  if (!run)
    throw new Failure(
      2,
      text`There is no token to post a comment with.`,
      text`Give the step the job's: ${block("env:\n  GITHUB_TOKEN: ${{ github.token }}", "yaml")}`,
    );
  const other = otherRun(payload);
  if (!other)
    throw new Failure(
      2,
      text`${code("--from")} posts for the pull request behind a ${code("workflow_run")} event, and this is none.`,
      text`Run it in a workflow of its own: ${block("on:\n  workflow_run:\n    workflows: [migrations]\n    types: [completed]", "yaml")}`,
    );
  const found = await readReport(path.resolve(file));
  return postSecondHand(found, other, { run, env, links: linksOf(env, other.head) });
}
