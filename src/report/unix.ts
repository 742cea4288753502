/** A line for each finding, `path:line:col: level: message [rule]`, as editors and problem matchers read it. */
import type { EnvironmentReport, Finding, Report, Severity } from "../finding.ts";
import { plain, type Text } from "../text.ts";
import { oneLine } from "./escape.ts";
import { grouped, shorten, tally, tallyWords } from "./view.ts";

/** UTF-16 units of a message; an editor shows one line. */
const MESSAGE = 1_000;

const VERDICT: Record<Report["verdict"], string> = { pass: "passed", fail: "failed", error: "could not judge" };

/**
 * The report in lines, worst first, the verdict with the counts last. What the base branch has already is a notice and says so; what
 * an ignore allows is only counted. A finding without a place stands at the beginning of its configuration.
 */
export function unix(report: Report): string {
  const lines = [
    ...report.failures.map(({ message, file, line }) => written({ file, line }, "error", message, "alembic-gate")),
    ...report.environments.flatMap(environmentLines),
  ];
  return `${[...lines, `alembic-gate: ${VERDICT[report.verdict]}: ${tallyWords(tally(report)).join(", ")}`].join("\n")}\n`;
}

function environmentLines({ config, findings, notChecked }: EnvironmentReport): string[] {
  const { own, preexisting } = grouped(findings);
  const at = ({ file, line, column }: Finding) => (file === undefined ? { file: config } : { file, line, column });
  return [
    ...own.map((finding) => written(at(finding), finding.severity, finding.message, finding.rule)),
    ...preexisting.map((finding) =>
      written(at(finding), "notice", [{ text: "on the base branch already: " }, ...finding.message], finding.rule),
    ),
    ...notChecked.map(({ what, reason }) =>
      written({ file: config }, "notice", [{ text: `${what} was not checked: ` }, ...reason], "not-checked"),
    ),
  ];
}

const written = (
  { file, line, column }: { file?: string; line?: number; column?: number },
  severity: Severity,
  message: Text,
  rule: string,
): string => {
  const place = file === undefined ? "alembic-gate" : `${oneLine(file)}:${line ?? 1}:${column ?? 1}`;
  return `${place}: ${severity}: ${shorten(oneLine(plain(message)), MESSAGE)} [${rule}]`;
};
