import { A as noticeCommand, B as linksOf, C as terminal, Dt as CATALOGUE, E as sendToGitHub, F as oneLine, H as gate, I as paragraphs, L as labelsInQueue, M as recheck, N as markdown, Nt as readInputs, O as sendSummary, P as tally, R as githubRun, U as brokenReport, V as readEvent, _ as version, g as abortedBySignals, in as text, j as sendAnnotations, jt as layer, k as fenced, kt as pageOf, v as sendFiles, w as turnedBy, z as openPullRequests } from "./gate.js";
import { readFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
// src/report/outputs.ts
/**
* The outputs by name. Everything is text, as GitHub has it; `heads` is one a line, over all environments.
*
* @param files where the report was written, by format
*/
function outputs(report, files = {}) {
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
		report: files.report ?? "",
		page: files.page ?? "",
		sarif: files.sarif ?? ""
	};
}
// src/action.ts
/** Entry of the action: inputs → gate → annotations, job summary, outputs; then what needs a token. Its exit code is the verdict. */
const { env } = process;
/** GitHub shows ten notices of a step; one is kept for what could not be sent. */
const RESERVED = 1;
/** Writes the report to every place that needs no token. */
async function write(report, root) {
	const { rules: pages } = linksOf(env);
	const rules = CATALOGUE.map((rule) => ({
		...rule,
		page: pageOf(rule.id)
	}));
	const source = (file) => root === void 0 ? void 0 : readIn(root, file);
	const folder = env.RUNNER_TEMP ?? tmpdir();
	const files = await sendFiles(report, folder, {
		version,
		rules,
		source,
		...pages && { pages }
	}, tell);
	process.stdout.write(fenced(terminal(report, {
		colour: true,
		width: 120
	})));
	sendAnnotations(report, (line) => process.stdout.write(line), RESERVED);
	if (env.GITHUB_STEP_SUMMARY) await sendSummary(report, env.GITHUB_STEP_SUMMARY, linksOf(env));
	const { setOutput } = await import("./core.js");
	if (env.GITHUB_OUTPUT) for (const [name, value] of Object.entries(outputs(report, files))) setOutput(name, value);
	process.exitCode = report.exitCode;
}
/** Sends the report where a token is needed; what could not be sent is one notice, and changes nothing else. */
async function send(report, root, given, run) {
	const { comment, directory, config, name, postgresVersion, slice } = layer(given);
	const selection = [
		directory === "." ? "" : directory,
		...config,
		...name,
		postgresVersion ?? "",
		slice ?? ""
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
		links: linksOf(env),
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
	const event = readEvent(env, env.INPUT_TOKEN);
	const given = readInputs(env);
	const signal = abortedBySignals();
	const cwd = env.GITHUB_WORKSPACE ?? process.cwd();
	const run = githubRun(env, event.payload, event.token);
	const pull = run?.pull;
	const others = run && pull && (() => openPullRequests(run, {
		base: pull.base,
		but: pull.number
	}, env));
	let asked;
	const labels = () => asked ??= labelsInQueue(run, event.payload, env);
	const world = {
		cwd,
		env,
		event,
		signal,
		progress: () => {},
		...others && { openPullRequests: others },
		...event.name === "merge_group" && { labels }
	};
	const { report, root } = await gate(given, world);
	await write(report, root);
	const queued = await asked;
	if (queued?.known === false) process.stdout.write(`${noticeCommand(text`Labels are unknown here: ${queued.reason}.`)}\n`);
	if (!run || signal.aborted) return;
	await send(report, root, given, run);
	const branch = /^refs\/heads\/(.+)$/.exec(event.ref ?? "")?.[1];
	if (event.name !== "push" || branch === void 0 || !layer(given).recheck) return;
	const turned = (pulls) => turnedBy(event, pulls, given, cwd);
	const missing = await recheck({
		commit: env.GITHUB_SHA ?? "",
		branch,
		turned
	}, run, env);
	if (missing) await tell(missing);
}
try {
	await main();
} catch (error) {
	await write(brokenReport(error));
}
export {};
