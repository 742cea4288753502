#!/usr/bin/env node
import { A as code, C as reported, D as usage, N as text, O as Failure, S as conclude, T as readArguments, a as terminal, b as gate, c as json, i as sendTerminal, n as version, r as progress, s as summary, t as abortedBySignals, w as layer, x as brokenReport } from "./gate.js";
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
		const { command, given } = readArguments(argv);
		if (command === "help") return void process.stdout.write(usage(version));
		if (command === "version") return void process.stdout.write(`${version}\n`);
		settings = layer(given);
		const line = progress(process.stderr);
		({report, root} = await gate(given, {
			cwd,
			env: process.env,
			signal: abortedBySignals(),
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
