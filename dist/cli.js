#!/usr/bin/env node
import { C as conclude, E as readArguments, O as usage, P as text, S as brokenReport, T as layer, a as sendTerminal, c as summary, i as progress, j as code, k as Failure, l as json, n as abortedBySignals, o as terminal, r as version, t as fix, w as reported, x as gate } from "./gate.js";
import { readFileSync } from "node:fs";
import path from "node:path";
import { writeFile } from "node:fs/promises";
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
/** The report in a format that is no terminal's, or for a file. */
function written(report, format, source) {
	if (format === "json") return json(report);
	return format === "markdown" ? summary(report) : terminal(report, {
		colour: false,
		width: 100,
		source
	});
}
async function main(argv) {
	const cwd = process.cwd();
	let report;
	let root = cwd;
	let settings = layer();
	try {
		const { command, given, fix: how } = readArguments(argv);
		if (command === "help") return void process.stdout.write(usage(version));
		if (command === "version") return void process.stdout.write(`${version}\n`);
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
	if (output === void 0 && format !== "text") process.stdout.write(written(report, format, sourceIn(root)));
	else {
		if (output !== void 0) report = await save(output, report, written(report, format, sourceIn(root)), settings);
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
