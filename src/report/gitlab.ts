/** The report as GitLab's code quality artifact: a list of issues, which the merge request shows beside the code. */
import type { EnvironmentReport, Finding, Report } from "../finding.ts";
import { plain } from "../text.ts";
import { bare } from "./bare.ts";
import { oneLine, visible } from "./escape.ts";
import { jsonOf } from "./json.ts";
import { grouped, numbered, shorten } from "./view.ts";

/** UTF-16 units of a description. */
const DESCRIPTION = 2_000;

interface Issue {
  description: string;
  check_name: string;
  fingerprint: string;
  severity: "info" | "minor" | "major" | "critical" | "blocker";
  location: { path: string; lines: { begin: number; end?: number } };
}

/**
 * The issues as JSON, worst first. What an ignore allows is left out, as GitLab has no word for it; what the base branch has already,
 * and what was not checked, is information. GitLab drops a fingerprint that it has seen: equal ones are numbered.
 */
export function gitlab(report: Report): string {
  const unique = numbered();
  const issues = [
    ...report.failures.map(({ message, help, file, line }): Issue => {
      const description = `${oneLine(plain(message))} ${oneLine(bare(help))}`;
      return issue("alembic-gate", "blocker", unique("alembic-gate"), description, { file: file ?? ".", line });
    }),
    ...report.environments.flatMap((environment) => environmentIssues(environment, unique)),
  ];
  return jsonOf(issues);
}

function environmentIssues(
  { name, config, findings, notChecked }: EnvironmentReport,
  unique: (value: string) => string,
): Issue[] {
  const { own, preexisting } = grouped(findings);
  const of = (finding: Finding): Issue => {
    const { rule, message, help, fingerprint, file, line, endLine } = finding;
    const description = `${finding.preexisting ? "On the base branch already: " : ""}${oneLine(plain(message))} ${oneLine(bare(help))}`;
    return issue(rule, severityOf(finding), unique(fingerprint), description, { file: file ?? config, line, endLine });
  };
  return [
    ...[...own, ...preexisting].map(of),
    ...notChecked.map(({ what, reason }) => {
      const description = `${oneLine(what)} was not checked: ${oneLine(plain(reason))}`;
      return issue("not-checked", "info", unique(`not-checked ${oneLine(name)}`), description, { file: config });
    }),
  ];
}

function severityOf({ severity, blocks, preexisting }: Finding): Issue["severity"] {
  if (preexisting) return "info";
  if (blocks) return "critical";
  return severity === "error" ? "major" : severity === "warning" ? "minor" : "info";
}

const issue = (
  rule: string,
  severity: Issue["severity"],
  fingerprint: string,
  description: string,
  { file, line, endLine }: { file: string; line?: number; endLine?: number },
): Issue => ({
  description: shorten(description, DESCRIPTION),
  check_name: rule,
  fingerprint,
  severity,
  location: { path: visible(file) || ".", lines: { begin: line ?? 1, ...(endLine !== undefined && { end: endLine }) } },
});
