/** `alembic-gate fix`: applies the edits that findings carry, or joins heads with a merge revision of the project's own making. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { edited } from "./edits.ts";
import { Failure } from "./failure.ts";
import type { Fix, Report } from "./finding.ts";
import { gate } from "./gate.ts";
import { openCheckout, openProject } from "./opening.ts";
import { findInterpreter } from "./project/interpreter.ts";
import { visible } from "./report/escape.ts";
import type { Given } from "./settings.ts";
import { block, code, text } from "./text.ts";
import type { World } from "./world.ts";

export interface FixOptions {
  /** Write, instead of showing what would be written. */
  yes: boolean;
  /** Join the heads with a merge revision instead of re-parenting. */
  merge: boolean;
}

/**
 * Mends what can be mended.
 *
 * @returns what to print
 * @throws Failure where the gate fails, where a file has changed meanwhile, or where alembic refuses
 */
export async function fix(given: Given, { yes, merge }: FixOptions, world: World): Promise<string> {
  const { report, root } = await gate({ ...given, static: true }, world);
  const [failure] = report.failures;
  if (failure) throw new Failure(failure.exitCode, failure.message, failure.help, failure);
  if (merge) return mergeHeads(report, given, yes, world);
  const fixes = report.environments.flatMap(({ findings }) =>
    findings.flatMap(({ fix, suppressed }) => (fix && !suppressed ? [fix] : [])),
  );
  if (fixes.length === 0) return "Nothing to fix.\n";
  const shown: string[] = [];
  for (const fix of fixes) shown.push(await applyFix(root, fix, yes));
  return `${shown.join("\n")}\n${yes ? "Written." : "Nothing is written yet: add --yes to write it."}\n`;
}

/** @returns the difference that the fix makes */
async function applyFix(root: string, { title, edits }: Fix, write: boolean): Promise<string> {
  const lines = [visible(title)];
  for (const file of new Set(edits.map((edit) => edit.file))) {
    const before = await readFile(path.join(root, file), "utf8");
    const after = edited(
      before,
      edits.filter((edit) => edit.file === file),
    );
    if (after === undefined) throw new Failure(3, text`${code(file)} changed while it was read.`, text`Run it again.`, { file });
    lines.push(...difference(file, before, after));
    if (write) await writeFile(path.join(root, file), after);
  }
  return `${lines.join("\n")}\n`;
}

/** The lines that differ, of two texts with the same number of lines. */
function difference(file: string, before: string, after: string): string[] {
  const [old, fresh] = [before, after].map((text) => text.split(/\r\n|\r|\n/));
  const changed = old!.flatMap((line, index) =>
    line === fresh![index] ? [] : [`@@ line ${index + 1} @@`, `-${line}`, `+${fresh![index]}`],
  );
  return [`--- a/${file}`, `+++ b/${file}`, ...changed].map(visible);
}

/** Has the project's own alembic write merge revisions, from its own template. */
async function mergeHeads(report: Report, given: Given, write: boolean, world: World): Promise<string> {
  const { root, environments } = await openProject(given, await openCheckout(given, world));
  const said: string[] = [];
  for (const { environment, settings } of environments) {
    const found = report.environments.find(({ name }) => name === environment.name);
    if (!found?.findings.some(({ rule, suppressed }) => rule === "multiple-heads" && !suppressed)) continue;
    const interpreter = await findInterpreter({
      root,
      directory: environment.directory,
      env: world.env,
      ...(settings.python !== undefined && { given: settings.python }),
    });
    const [command, ...rest] = interpreter.command;
    const config = path.relative(path.join(root, environment.directory), path.join(root, environment.config));
    const args = [
      ...rest,
      "-m",
      "alembic",
      "-c",
      config,
      "-n",
      environment.section,
      "merge",
      "-m",
      "merge heads",
      ...found.heads,
    ];
    said.push(visible([command, ...args].join(" ")));
    if (!write) continue;
    try {
      const { stdout } = await promisify(execFile)(command!, args, {
        cwd: path.join(root, environment.directory),
        env: world.env,
      });
      said.push(visible(stdout.trim()));
    } catch (error) {
      const { stderr } = error as { stderr?: string };
      throw new Failure(
        1,
        text`${code("alembic merge")} failed in ${code(environment.name)}.`,
        text`It said: ${block((stderr ?? String(error)).trim())}`,
      );
    }
  }
  if (said.length === 0) return "Nothing to fix: there is one head.\n";
  return `${said.join("\n")}\n${write ? "Written." : "Nothing is run yet: add --yes to run it."}\n`;
}
