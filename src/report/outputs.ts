/** The action's outputs, for later steps of the job. */
import type { Report } from "../finding.ts";
import { oneLine } from "./escape.ts";
import type { Files } from "./files.ts";
import { tally } from "./view.ts";

/**
 * The outputs by name. Everything is text, as GitHub has it; `heads` is one a line, over all environments.
 *
 * @param files where the report was written, by format
 */
export function outputs(report: Report, files: Files = {}): Record<string, string> {
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
    report: files.report ?? "",
    page: files.page ?? "",
    sarif: files.sarif ?? "",
  };
}
