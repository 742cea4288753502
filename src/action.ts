/** Entry of the action: inputs → gate → annotations, job summary, outputs. Its exit code is the verdict. */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Report } from "./finding.ts";
import { Failure } from "./failure.ts";
import { gate } from "./gate.ts";
import type { GitEvent } from "./history/base.ts";
import { fenced, sendAnnotations } from "./report/annotations.ts";
import { sendJson } from "./report/json.ts";
import { outputs } from "./report/outputs.ts";
import { sendSummary } from "./report/summary.ts";
import { terminal } from "./report/terminal.ts";
import { readInputs } from "./settings.ts";
import { block, code, text } from "./text.ts";
import { brokenReport } from "./verdict.ts";
import { abortedBySignals } from "./world.ts";

const { env } = process;

/** What GitHub says about the run. */
function readEvent(): GitEvent {
  const name = env.GITHUB_EVENT_NAME ?? "";
  if (name === "pull_request_target") {
    throw new Failure(
      2,
      text`The gate does not run on ${code("pull_request_target")}: the pull request's own code would run with the base repository's token and secrets.`,
      text`Use ${block("on:\n  pull_request:\n  merge_group:", "yaml")}`,
    );
  }
  const payload: unknown = env.GITHUB_EVENT_PATH ? JSON.parse(readFileSync(env.GITHUB_EVENT_PATH, "utf8")) : {};
  const token = env.INPUT_TOKEN?.trim();
  return {
    name,
    payload,
    ...(env.GITHUB_REF && { ref: env.GITHUB_REF }),
    ...(token && { token }),
    ...(env.GITHUB_SERVER_URL && { serverUrl: env.GITHUB_SERVER_URL }),
  };
}

/** Links of the summary: to the rules' pages, and to the code of the commit. */
function links(): { rules?: string; source?: string } {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_SHA: sha } = env;
  const { GITHUB_ACTION_REPOSITORY: action, GITHUB_ACTION_REF: ref } = env;
  return {
    ...(server && action && ref && { rules: `${server}/${action}/blob/${ref}/docs/rules` }),
    ...(server && repository && sha && { source: `${server}/${repository}/blob/${sha}` }),
  };
}

/** Writes the report to every place that needs no token. */
async function send(report: Report): Promise<void> {
  const file = path.join(env.RUNNER_TEMP ?? tmpdir(), "alembic-gate-report.json");
  await sendJson(report, file);
  process.stdout.write(fenced(terminal(report, { colour: true, width: 120 })));
  sendAnnotations(report, (line) => process.stdout.write(line));
  if (env.GITHUB_STEP_SUMMARY) await sendSummary(report, env.GITHUB_STEP_SUMMARY, links());
  const { setOutput } = await import("@actions/core");
  if (env.GITHUB_OUTPUT) for (const [name, value] of Object.entries(outputs(report, file))) setOutput(name, value);
  process.exitCode = report.exitCode;
}

try {
  const event = readEvent();
  const given = readInputs(env);
  const cwd = env.GITHUB_WORKSPACE ?? process.cwd();
  const { report } = await gate(given, { cwd, env, event, signal: abortedBySignals(), progress: () => {} });
  await send(report);
} catch (error) {
  await send(brokenReport(error));
}
