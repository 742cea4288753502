#!/usr/bin/env node
/** Entry of the command line: arguments → gate → report. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { writeFile } from "node:fs/promises";
import { CATALOGUE, explain, pageOf, ruleList } from "./catalogue.ts";
import { Failure } from "./failure.ts";
import type { Report } from "./finding.ts";
import { fix } from "./fix.ts";
import { gate } from "./gate.ts";
import { readEvent } from "./github/event.ts";
import { plan, readPlanning } from "./plan.ts";
import { fenced, noticeCommand } from "./report/annotations.ts";
import { hooked } from "./hook.ts";
import { inFormat } from "./report/formats.ts";
import { progress, sendSentences, sendTerminal, terminal } from "./report/terminal.ts";
import { layer, readArguments, usage, type Settings } from "./settings.ts";
import { code, count, text, type Text } from "./text.ts";
import { brokenReport, conclude, reported } from "./verdict.ts";
import { abortedBySignals, version } from "./world.ts";

// `alembic-gate | head` closes the pipe: that is no error.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
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

/** The report in a format, for a file or for a pipe. */
const written = (report: Report, format: Settings["format"], root: string): string =>
  inFormat(format, report, {
    source: sourceIn(root),
    version,
    rules: CATALOGUE.map((rule) => ({ ...rule, page: format === "sarif" ? pageOf(rule.id) : "" })),
  });

/** `alembic-gate report` and `alembic-gate plan`, whose arguments are their own. False: it is neither. */
async function command([name, ...rest]: string[]): Promise<boolean> {
  const { env } = process;
  if (name === "plan") {
    const { given, majors } = readPlanning(rest);
    const event = env.GITHUB_ACTIONS ? readEvent(env, env.GITHUB_TOKEN ?? env.GH_TOKEN) : undefined;
    const world = { cwd: process.cwd(), env, signal: abortedBySignals(), progress: () => {}, ...(event && { event }) };
    const say = (note: Text) => sendSentences([note], process.stderr);
    process.stdout.write(`${JSON.stringify(await plan(given, majors, world, say))}\n`);
    return true;
  }
  if (name !== "report") return false;
  // It brings the schema of reports, which nobody else needs.
  const { readReporting, report } = await import("./reporting.ts");
  const done = await report(readReporting(rest), env, sourceIn(process.cwd()));
  if ("said" in done) process.stdout.write(`${done.said}\n`);
  else {
    // A runner looks for commands in what is printed.
    if (env.GITHUB_ACTIONS) process.stdout.write(fenced(terminal(done.report, { colour: true, width: 120 })));
    else sendTerminal(done.report, process.stdout, sourceIn(process.cwd()));
    if (done.missing) process.stdout.write(`${noticeCommand(done.missing)}\n`);
    process.exitCode = done.report.exitCode;
  }
  return true;
}

async function main(argv: string[]): Promise<void> {
  const cwd = process.cwd();
  const line = progress(process.stderr);
  let report: Report;
  let root = cwd;
  let said: readonly Text[] = [];
  let settings = layer();
  try {
    if (await command(argv)) return;
    const { command: asked, given, fix: how, rule, files } = readArguments(argv);
    if (asked === "help") return void process.stdout.write(usage(version));
    if (asked === "version") return void process.stdout.write(`${version}\n`);
    if (asked === "rules") return void process.stdout.write(ruleList());
    if (asked === "explain") return void process.stdout.write(explain(rule));
    settings = layer(given);
    const world = { cwd, env: process.env, signal: abortedBySignals() };
    if (asked === "fix") return void process.stdout.write(await fix(given, how, { ...world, progress: () => {} }));
    const watched = { ...world, progress: (step: string) => line.show(step) };
    if (asked === "init") {
      const { init } = await import("./init.ts");
      const begun = await init(given, how, watched);
      // Other formats are read by programs.
      sendSentences(
        [begun.found, text`The newest ${count(begun.revisions, "revision")}, judged as if they were one pull request:`],
        settings.format === "text" ? process.stdout : process.stderr,
      );
      ({ report, root, said } = await begun.finish());
      // An example blocks nothing.
      report = report.exitCode === 1 ? { ...report, exitCode: 0 } : report;
    } else {
      ({ report, root } = await gate(files ? await hooked(given, files, watched) : given, watched));
    }
  } catch (error) {
    report = brokenReport(error);
  } finally {
    line.clear();
  }
  const { format, output } = settings;
  if (output === undefined && format !== "text") {
    process.stdout.write(written(report, format, root));
    sendSentences(said, process.stderr);
  } else {
    if (output !== undefined) report = await save(output, report, written(report, format, root), settings);
    sendTerminal(report, process.stdout, sourceIn(root));
    if (said.length > 0) process.stdout.write("\n");
    sendSentences(said, process.stdout);
  }
  process.exitCode = report.exitCode;
}

/** Writes the report to a file; one that cannot be written is a failure in the report. */
async function save(file: string, report: Report, content: string, settings: Settings): Promise<Report> {
  try {
    await writeFile(file, content);
    return report;
  } catch (error) {
    const failure = new Failure(
      2,
      text`The report cannot be written to ${code(file)}: ${(error as Error).message}.`,
      text`Name a file in a folder that exists: ${code("--output report.json")}.`,
    );
    return conclude(report.environments, [...report.failures, reported(failure)], settings, report.timings);
  }
}

await main(process.argv.slice(2));
