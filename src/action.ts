/** Entry of the action: inputs → gate → annotations, job summary, outputs; then what needs a token. Its exit code is the verdict. */
import { readFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { CATALOGUE, pageOf } from "./catalogue.ts";
import type { Report } from "./finding.ts";
import { gate } from "./gate.ts";
import { linksOf, readEvent } from "./github/event.ts";
import { openPullRequests } from "./github/pulls.ts";
import { labelsInQueue } from "./github/queue.ts";
import { githubRun, type GitHubRun } from "./github/run.ts";
import { recheck } from "./github/recheck.ts";
import { sendToGitHub } from "./github/send.ts";
import { turnedBy } from "./rechecking.ts";
import { fenced, noticeCommand, sendAnnotations } from "./report/annotations.ts";
import { paragraphs } from "./report/document.ts";
import { sendFiles } from "./report/files.ts";
import { outputs } from "./report/outputs.ts";
import { sendSummary } from "./report/summary.ts";
import { terminal } from "./report/terminal.ts";
import { markdown } from "./report/markdown.ts";
import { layer, readInputs, type Given } from "./settings.ts";
import { text, type Text } from "./text.ts";
import { brokenReport } from "./verdict.ts";
import { abortedBySignals, version, type Labels } from "./world.ts";

const { env } = process;

/** GitHub shows ten notices of a step; one is kept for what could not be sent. */
const RESERVED = 1;

/** Writes the report to every place that needs no token. */
async function write(report: Report, root?: string): Promise<void> {
  const { rules: pages } = linksOf(env);
  const rules = CATALOGUE.map((rule) => ({ ...rule, page: pageOf(rule.id) }));
  const source = (file: string) => (root === undefined ? undefined : readIn(root, file));
  const folder = env.RUNNER_TEMP ?? tmpdir();
  const files = await sendFiles(report, folder, { version, rules, source, ...(pages && { pages }) }, tell);
  process.stdout.write(fenced(terminal(report, { colour: true, width: 120 })));
  sendAnnotations(report, (line) => process.stdout.write(line), RESERVED);
  if (env.GITHUB_STEP_SUMMARY) await sendSummary(report, env.GITHUB_STEP_SUMMARY, linksOf(env));
  const { setOutput } = await import("@actions/core");
  if (env.GITHUB_OUTPUT) for (const [name, value] of Object.entries(outputs(report, files))) setOutput(name, value);
  process.exitCode = report.exitCode;
}

/** Sends the report where a token is needed; what could not be sent is one notice, and changes nothing else. */
async function send(report: Report, root: string, given: Given, run: GitHubRun): Promise<void> {
  const { comment, directory, config, name, postgresVersion, slice } = layer(given);
  const selection = [directory === "." ? "" : directory, ...config, ...name, postgresVersion ?? "", slice ?? ""];
  const owner = { workflow: run.workflow, job: run.job, environment: selection.filter((part) => part !== "").join(" ") };
  const source = (file: string) => readIn(root, file);
  const missing = await sendToGitHub(report, { run, env, comment, owner, links: linksOf(env), source, reserved: RESERVED });
  if (missing) await tell(missing);
}

function readIn(root: string, file: string): string | undefined {
  try {
    return readFileSync(path.join(root, file), "utf8");
  } catch {
    return undefined;
  }
}

async function tell(notice: Text): Promise<void> {
  process.stdout.write(`${noticeCommand(notice)}\n`);
  if (env.GITHUB_STEP_SUMMARY) await appendFile(env.GITHUB_STEP_SUMMARY, `\n${markdown(paragraphs(notice))}`);
}

async function main(): Promise<void> {
  const event = readEvent(env, env.INPUT_TOKEN);
  const given = readInputs(env);
  const signal = abortedBySignals();
  const cwd = env.GITHUB_WORKSPACE ?? process.cwd();
  const run = githubRun(env, event.payload, event.token);
  const pull = run?.pull;
  const others = run && pull && (() => openPullRequests(run, { base: pull.base, but: pull.number }, env));
  let asked: Promise<Labels> | undefined;
  const labels = () => (asked ??= labelsInQueue(run, event.payload, env));
  const world = {
    cwd,
    env,
    event,
    signal,
    progress: () => {},
    ...(others && { openPullRequests: others }),
    ...(event.name === "merge_group" && { labels }),
  };
  const { report, root } = await gate(given, world);
  await write(report, root);
  const queued = await asked;
  if (queued?.known === false) process.stdout.write(`${noticeCommand(text`Labels are unknown here: ${queued.reason}.`)}\n`);
  if (!run || signal.aborted) return;
  await send(report, root, given, run);
  const branch = /^refs\/heads\/(.+)$/.exec(event.ref ?? "")?.[1];
  if (event.name !== "push" || branch === undefined || !layer(given).recheck) return;
  const turned = (pulls: Parameters<typeof turnedBy>[1]) => turnedBy(event, pulls, given, cwd);
  const missing = await recheck({ commit: env.GITHUB_SHA ?? "", branch, turned }, run, env);
  if (missing) await tell(missing);
}

try {
  await main();
} catch (error) {
  await write(brokenReport(error));
}
