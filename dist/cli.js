#!/usr/bin/env node
import { A as noticeCommand, At as ruleList, C as terminal, Dt as CATALOGUE, G as reported, H as gate, Mt as readArguments, Ot as explain, Pt as usage, S as sendTerminal, U as brokenReport, V as readEvent, W as conclude, Zt as Failure, _ as version, b as progress, d as readPlanning, en as code, g as abortedBySignals, h as fix, in as text, jt as layer, k as fenced, kt as pageOf, l as hooked, tn as count, u as plan, x as sendSentences, y as inFormat } from "./gate.js";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
// src/cli.ts
/** Entry of the command line: arguments → gate → report. */
for (const stream of [process.stdout, process.stderr]) stream.on("error", (error) => {
	if (error.code !== "EPIPE") throw error;
});
/** The given file of the head tree, for the excerpt; undefined where it cannot be read. */
const sourceIn = (root) => (file) => {
	try {
		return readFileSync(path.join(root, file), "utf8");
	} catch {
		return;
	}
};
/** The report in a format, for a file or for a pipe. */
const written = (report, format, root) => inFormat(format, report, {
	source: sourceIn(root),
	version,
	rules: CATALOGUE.map((rule) => ({
		...rule,
		page: format === "sarif" ? pageOf(rule.id) : ""
	}))
});
/** `alembic-gate report` and `alembic-gate plan`, whose arguments are their own. False: it is neither. */
async function command([name, ...rest]) {
	const { env } = process;
	if (name === "plan") {
		const { given, majors } = readPlanning(rest);
		const event = env.GITHUB_ACTIONS ? readEvent(env, env.GITHUB_TOKEN ?? env.GH_TOKEN) : void 0;
		const world = {
			cwd: process.cwd(),
			env,
			signal: abortedBySignals(),
			progress: () => {},
			...event && { event }
		};
		const say = (note) => sendSentences([note], process.stderr);
		process.stdout.write(`${JSON.stringify(await plan(given, majors, world, say))}\n`);
		return true;
	}
	if (name !== "report") return false;
	const { readReporting, report } = await import("./reporting.js");
	const done = await report(readReporting(rest), env, sourceIn(process.cwd()));
	if ("said" in done) process.stdout.write(`${done.said}\n`);
	else {
		if (env.GITHUB_ACTIONS) process.stdout.write(fenced(terminal(done.report, {
			colour: true,
			width: 120
		})));
		else sendTerminal(done.report, process.stdout, sourceIn(process.cwd()));
		if (done.missing) process.stdout.write(`${noticeCommand(done.missing)}\n`);
		process.exitCode = done.report.exitCode;
	}
	return true;
}
async function main(argv) {
	const cwd = process.cwd();
	const line = progress(process.stderr);
	let report;
	let root = cwd;
	let said = [];
	let settings = layer();
	try {
		if (await command(argv)) return;
		const { command: asked, given, fix: how, rule, files } = readArguments(argv);
		if (asked === "help") return void process.stdout.write(usage(version));
		if (asked === "version") return void process.stdout.write(`${version}\n`);
		if (asked === "rules") return void process.stdout.write(ruleList());
		if (asked === "explain") return void process.stdout.write(explain(rule));
		settings = layer(given);
		const world = {
			cwd,
			env: process.env,
			signal: abortedBySignals()
		};
		if (asked === "fix") return void process.stdout.write(await fix(given, how, {
			...world,
			progress: () => {}
		}));
		const watched = {
			...world,
			progress: (step) => line.show(step)
		};
		if (asked === "init") {
			const { init } = await import("./init.js");
			const begun = await init(given, how, watched);
			sendSentences([begun.found, text`The newest ${count(begun.revisions, "revision")}, judged as if they were one pull request:`], settings.format === "text" ? process.stdout : process.stderr);
			({report, root, said} = await begun.finish());
			report = report.exitCode === 1 ? {
				...report,
				exitCode: 0
			} : report;
		} else ({report, root} = await gate(files ? await hooked(given, files, watched) : given, watched));
	} catch (error) {
		report = brokenReport(error);
	} finally {
		line.clear();
	}
	const { format, output } = settings;
	if (output === void 0 && format !== "text") {
		process.stdout.write(written(report, format, root));
		sendSentences(said, process.stderr);
	} else {
		if (output !== void 0) report = await save(output, report, written(report, format, root), settings);
		sendTerminal(report, process.stdout, sourceIn(root));
		if (said.length > 0) process.stdout.write("\n");
		sendSentences(said, process.stdout);
	}
	process.exitCode = report.exitCode;
}
/** Writes the report to a file; one that cannot be written is a failure in the report. */
async function save(file, report, content, settings) {
	try {
		await writeFile(file, content);
		return report;
	} catch (error) {
		const failure = new Failure(2, text`The report cannot be written to ${code(file)}: ${error.message}.`, text`Name a file in a folder that exists: ${code("--output report.json")}.`);
		return conclude(report.environments, [...report.failures, reported(failure)], settings, report.timings);
	}
}
await main(process.argv.slice(2));
export {};
