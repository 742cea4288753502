/** The files that a run of the action leaves for later steps of its job. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Report } from "../finding.ts";
import { code, text, type Text } from "../text.ts";
import { inFormat, type FormatOptions } from "./formats.ts";

export type Files = Partial<Record<keyof typeof NAMES, string>>;

/** By the names of the outputs that hold their paths. */
const NAMES = {
  report: { format: "json", file: "alembic-gate-report.json" },
  page: { format: "html", file: "alembic-gate.html" },
  sarif: { format: "sarif", file: "alembic-gate.sarif" },
} as const;

/**
 * Writes the files into a folder. One that cannot be written is told, and changes nothing else.
 *
 * @returns paths of those that are there, by the names of their outputs
 */
export async function sendFiles(
  report: Report,
  folder: string,
  options: FormatOptions,
  tell: (notice: Text) => void | Promise<void>,
): Promise<Files> {
  const files: Files = {};
  for (const [name, { format, file }] of Object.entries(NAMES) as [keyof Files, (typeof NAMES)[keyof typeof NAMES]][]) {
    const target = path.join(folder, file);
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(target, inFormat(format, report, options));
      files[name] = target;
    } catch (error) {
      await tell(text`The file of the output ${code(name)} could not be written: ${(error as Error).message}`);
    }
  }
  return files;
}
