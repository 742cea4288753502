import { C as gate, D as layer, M as block, N as code, P as text, S as githubRun, _ as noticeCommand, b as oneLine, d as terminal, f as sendJson, g as fenced, h as markdown, j as Failure, k as readInputs, m as sendSummary, p as sendToGitHub, s as abortedBySignals, v as sendAnnotations, w as brokenReport, x as paragraphs, y as tally } from "./gate.js";
import { readFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
// src/report/outputs.ts
/**
* The outputs by name. Everything is text, as GitHub has it; `heads` is one a line, over all environments.
*
* @param file where the JSON report was written, if it was
*/
function outputs(report, file) {
	const counts = tally(report);
	return {
		verdict: report.verdict,
		blocking: String(counts.blocking),
		errors: String(counts.errors),
		warnings: String(counts.warnings),
		notices: String(counts.notices),
		preexisting: String(counts.preexisting),
		ignored: String(counts.ignored),
		heads: report.environments.flatMap(({ heads }) => heads.map(oneLine)).join("\n"),
		report: file ?? ""
	};
}
// src/action.ts
/** Entry of the action: inputs → gate → annotations, job summary, outputs; then what needs a token. Its exit code is the verdict. */
const { env } = process;
/** What GitHub says about the run. */
function readEvent() {
	const name = env.GITHUB_EVENT_NAME ?? "";
	if (name === "pull_request_target") throw new Failure(2, text`The gate does not run on ${code("pull_request_target")}: the pull request's own code would run with the base repository's token and secrets.`, text`Use ${block("on:\n  pull_request:\n  merge_group:", "yaml")}`);
	const payload = env.GITHUB_EVENT_PATH ? JSON.parse(readFileSync(env.GITHUB_EVENT_PATH, "utf8")) : {};
	const token = env.INPUT_TOKEN?.trim();
	return {
		name,
		payload,
		...env.GITHUB_REF && { ref: env.GITHUB_REF },
		...token && { token },
		...env.GITHUB_SERVER_URL && { serverUrl: env.GITHUB_SERVER_URL }
	};
}
/** Links of the summary: to the rules' pages, and to the code of the commit. */
function links() {
	const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_SHA: sha } = env;
	const { GITHUB_ACTION_REPOSITORY: action, GITHUB_ACTION_REF: ref } = env;
	return {
		...server && action && ref && { rules: `${server}/${action}/blob/${ref}/docs/rules` },
		...server && repository && sha && { source: `${server}/${repository}/blob/${sha}` }
	};
}
/** GitHub shows ten notices of a step; one is kept for what could not be sent. */
const RESERVED = 1;
/** Writes the report to every place that needs no token. */
async function write(report) {
	const file = path.join(env.RUNNER_TEMP ?? tmpdir(), "alembic-gate-report.json");
	await sendJson(report, file);
	process.stdout.write(fenced(terminal(report, {
		colour: true,
		width: 120
	})));
	sendAnnotations(report, (line) => process.stdout.write(line), RESERVED);
	if (env.GITHUB_STEP_SUMMARY) await sendSummary(report, env.GITHUB_STEP_SUMMARY, links());
	const { setOutput } = await import("./core.js");
	if (env.GITHUB_OUTPUT) for (const [name, value] of Object.entries(outputs(report, file))) setOutput(name, value);
	process.exitCode = report.exitCode;
}
/** Sends the report where a token is needed; what could not be sent is one notice, and changes nothing else. */
async function send(report, root, given, event) {
	const run = githubRun(env, event.payload, event.token);
	if (!run) return;
	const { comment, directory, config, name, postgresVersion } = layer(given);
	const selection = [
		directory === "." ? "" : directory,
		...config,
		...name,
		postgresVersion ?? ""
	];
	const owner = {
		workflow: run.workflow,
		job: run.job,
		environment: selection.filter((part) => part !== "").join(" ")
	};
	const source = (file) => readIn(root, file);
	const missing = await sendToGitHub(report, {
		run,
		env,
		comment,
		owner,
		links: links(),
		source,
		reserved: RESERVED
	});
	if (missing) await tell(missing);
}
function readIn(root, file) {
	try {
		return readFileSync(path.join(root, file), "utf8");
	} catch {
		return;
	}
}
async function tell(notice) {
	process.stdout.write(`${noticeCommand(notice)}\n`);
	if (env.GITHUB_STEP_SUMMARY) await appendFile(env.GITHUB_STEP_SUMMARY, `\n${markdown(paragraphs(notice))}`);
}
async function main() {
	const event = readEvent();
	const given = readInputs(env);
	const signal = abortedBySignals();
	const cwd = env.GITHUB_WORKSPACE ?? process.cwd();
	const { report, root } = await gate(given, {
		cwd,
		env,
		event,
		signal,
		progress: () => {}
	});
	await write(report);
	if (!signal.aborted) await send(report, root, given, event);
}
try {
	await main();
} catch (error) {
	await write(brokenReport(error));
}
export {};
