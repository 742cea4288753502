import { A as block, D as readInputs, M as count, N as plain, P as text, S as brokenReport, _ as commandProperty, b as paragraphs, d as grouped, f as relatedPlace, g as commandData, h as worstFirst, j as code, k as Failure, m as tally, n as abortedBySignals, o as terminal, p as shorten, s as sendSummary, u as sendJson, v as oneLine, x as gate, y as visible } from "./gate.js";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { randomUUID } from "node:crypto";
// src/report/annotations.ts
/** Annotations by workflow command: they need no token, so every run has them, a fork's too. */
/** What GitHub keeps of one step: so many of each level, and so much of a message. The rest is lost without a word. */
const PER_LEVEL = 10;
const MESSAGE = 4096;
const TITLE = 255;
const CUT = "\n\n(Cut here: the job summary has more.)";
/** Text where there is no mark-up: code bare, blocks between blank lines. */
function bare(parts) {
	return paragraphs(parts).map((block) => "code" in block ? visible(block.code).replace(/^\n+|\s+$/g, "") : oneLine(plain(block.paragraph))).join("\n\n");
}
/**
* Lines of `::error file=…::…` for the runner's log, worst first and within GitHub's limits; what does not fit is counted in a last
* notice. Only the pull request's own findings: what the base branch has already, and what an ignore allows, is left to the summary.
* A report that is not green has at least one error.
*/
function annotations(report) {
	const several = report.environments.length > 1;
	const own = worstFirst(report.environments.flatMap((environment) => grouped(environment.findings).own));
	const all = [...report.failures.map(ofFailure), ...own.map((finding) => ofFinding(finding, several))];
	if (report.verdict !== "pass" && !all.some(({ level }) => level === "error")) all.unshift({
		level: "error",
		place: {},
		title: "alembic-gate",
		message: bare(report.headline)
	});
	const of = (level) => all.filter((annotation) => annotation.level === level);
	const crowded = [
		"error",
		"warning",
		"notice"
	].some((level) => of(level).length > PER_LEVEL);
	const errors = of("error").slice(0, PER_LEVEL);
	const warnings = of("warning").slice(0, PER_LEVEL);
	const notices = of("notice").slice(0, crowded ? 9 : PER_LEVEL);
	const hidden = [
		[of("error").length - errors.length, "error"],
		[of("warning").length - warnings.length, "warning"],
		[of("notice").length - notices.length, "notice"]
	];
	if (crowded) notices.push(rest(hidden));
	return [
		...errors,
		...warnings,
		...notices
	].map(command);
}
/** Prints the annotations to the runner's log. */
function sendAnnotations(report, write) {
	for (const line of annotations(report)) write(`${line}\n`);
}
/** Foreign text for the runner's log, in which the runner then looks for no commands. */
function fenced(log, token = randomUUID()) {
	return `::stop-commands::${token}\n${log}${log === "" || log.endsWith("\n") ? "" : "\n"}::${token}::\n`;
}
function ofFailure({ message, help, file, line }) {
	return {
		level: "error",
		place: {
			file,
			line
		},
		title: "alembic-gate",
		message: together([bare(message), bare(help)])
	};
}
function ofFinding(finding, several) {
	const related = finding.related.slice(0, 5).map((other) => oneLine(`See also ${relatedPlace(finding, other)}: ${plain(other.message)}`));
	const environment = several ? ` (${finding.environment})` : "";
	return {
		level: finding.severity,
		place: finding,
		title: oneLine(`alembic-gate: ${finding.rule}${environment}`),
		message: together([
			bare(finding.message),
			bare(finding.help),
			related.join("\n")
		])
	};
}
function rest(hidden) {
	return {
		level: "notice",
		place: {},
		title: "alembic-gate",
		message: `${hidden.filter(([number]) => number > 0).map(([number, noun]) => count(number, `more ${noun}`)).join(", ")}: GitHub shows ${PER_LEVEL} of each kind for one step. The rest is in the job summary and the JSON report.`
	};
}
const together = (texts) => texts.filter(Boolean).join("\n\n");
function command({ level, place: { file, line, endLine, column, endColumn }, title, message }) {
	const oneLined = endLine === void 0 || endLine === line;
	return `::${level} ${[...[
		["file", file],
		["line", line],
		["endLine", endLine ?? (column === void 0 ? void 0 : line)],
		["col", oneLined ? column : void 0],
		["endColumn", oneLined && column !== void 0 ? endColumn : void 0]
	].filter(([name, value]) => value !== void 0 && file !== void 0 && (line !== void 0 || name === "file")).map(([name, value]) => `${name}=${commandProperty(String(value))}`), `title=${commandProperty(shorten(title, TITLE))}`].join(",")}::${commandData(shorten(message, MESSAGE, CUT))}`;
}
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
/** Entry of the action: inputs → gate → annotations, job summary, outputs. Its exit code is the verdict. */
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
/** Writes the report to every place that needs no token. */
async function send(report) {
	const file = path.join(env.RUNNER_TEMP ?? tmpdir(), "alembic-gate-report.json");
	await sendJson(report, file);
	process.stdout.write(fenced(terminal(report, {
		colour: true,
		width: 120
	})));
	sendAnnotations(report, (line) => process.stdout.write(line));
	if (env.GITHUB_STEP_SUMMARY) await sendSummary(report, env.GITHUB_STEP_SUMMARY, links());
	const { setOutput } = await import("./core.js");
	if (env.GITHUB_OUTPUT) for (const [name, value] of Object.entries(outputs(report, file))) setOutput(name, value);
	process.exitCode = report.exitCode;
}
try {
	const event = readEvent();
	const given = readInputs(env);
	const cwd = env.GITHUB_WORKSPACE ?? process.cwd();
	const { report } = await gate(given, {
		cwd,
		env,
		event,
		signal: abortedBySignals(),
		progress: () => {}
	});
	await send(report);
} catch (error) {
	await send(brokenReport(error));
}
export {};
