#!/usr/bin/env node
import { S as readArguments, b as gate, c as json, i as sendTerminal, n as version, r as progress, s as summary, t as abortedBySignals, w as usage, x as brokenReport } from "./gate.js";
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
async function main(argv) {
	const cwd = process.cwd();
	let report;
	let root = cwd;
	let format = "text";
	let output;
	try {
		const { command, given } = readArguments(argv);
		if (command === "help") return void process.stdout.write(usage(version));
		if (command === "version") return void process.stdout.write(`${version}\n`);
		({format = "text", output} = given);
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
	const written = format === "json" ? json(report) : format === "markdown" ? summary(report) : void 0;
	if (written !== void 0 && typeof output !== "string") process.stdout.write(written);
	else sendTerminal(report, process.stdout, sourceIn(root));
	if (typeof output === "string") await writeFile(output, written ?? json(report));
	process.exitCode = report.exitCode;
}
await main(process.argv.slice(2));
export {};
