#!/usr/bin/env node
import { A as usage, C as gate, D as layer, E as reported, N as code, O as readArguments, P as text, T as conclude, a as pageOf, c as version, i as explain, j as Failure, l as progress, n as fix, o as ruleList, r as CATALOGUE, s as abortedBySignals, t as inFormat, u as sendTerminal, w as brokenReport } from "./gate.js";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
// src/cli.ts
/** Entry of the command line: arguments → gate → report. */
process.stdout.on("error", (error) => {
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
async function main(argv) {
	const cwd = process.cwd();
	let report;
	let root = cwd;
	let settings = layer();
	try {
		const { command, given, fix: how, rule } = readArguments(argv);
		if (command === "help") return void process.stdout.write(usage(version));
		if (command === "version") return void process.stdout.write(`${version}\n`);
		if (command === "rules") return void process.stdout.write(ruleList());
		if (command === "explain") return void process.stdout.write(explain(rule));
		settings = layer(given);
		const world = {
			cwd,
			env: process.env,
			signal: abortedBySignals()
		};
		if (command === "fix") return void process.stdout.write(await fix(given, how, {
			...world,
			progress: () => {}
		}));
		const line = progress(process.stderr);
		({report, root} = await gate(given, {
			...world,
			progress: (step) => line.show(step)
		}));
		line.clear();
	} catch (error) {
		report = brokenReport(error);
	}
	const { format, output } = settings;
	if (output === void 0 && format !== "text") process.stdout.write(written(report, format, root));
	else {
		if (output !== void 0) report = await save(output, report, written(report, format, root), settings);
		sendTerminal(report, process.stdout, sourceIn(root));
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
