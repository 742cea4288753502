#!/usr/bin/env node
/** Entry of the command line: arguments → gate → report. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { writeFile } from "node:fs/promises";
import type { Report } from "./finding.ts";
import { gate } from "./gate.ts";
import { json } from "./report/json.ts";
import { summary } from "./report/summary.ts";
import { progress, sendTerminal } from "./report/terminal.ts";
import { readArguments, usage } from "./settings.ts";
import { brokenReport } from "./verdict.ts";
import { abortedBySignals, version } from "./world.ts";

// `alembic-gate | head` closes the pipe: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

/** The given file of the head tree, for the excerpt; undefined where it cannot be read. */
const sourceIn = (root: string) => (file: string) => {
  try {
    return readFileSync(path.join(root, file), "utf8");
  } catch {
    return undefined;
  }
};

async function main(argv: string[]): Promise<void> {
  const cwd = process.cwd();
  let report: Report;
  let root = cwd;
  let format: unknown = "text";
  let output: unknown;
  try {
    const { command, given } = readArguments(argv);
    if (command === "help") return void process.stdout.write(usage(version));
    if (command === "version") return void process.stdout.write(`${version}\n`);
    ({ format = "text", output } = given);
    const line = progress(process.stderr);
    ({ report, root } = await gate(given, { cwd, env: process.env, signal: abortedBySignals(), progress: (step) => line.show(step) }));
    line.clear();
  } catch (error) {
    report = brokenReport(error);
  }
  const written = format === "json" ? json(report) : format === "markdown" ? summary(report) : undefined;
  if (written !== undefined && typeof output !== "string") process.stdout.write(written);
  else sendTerminal(report, process.stdout, sourceIn(root));
  if (typeof output === "string") await writeFile(output, written ?? json(report));
  process.exitCode = report.exitCode;
}

await main(process.argv.slice(2));
