/** The cases in fixtures/pull-requests, and the comparison of what they must get with what they got. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Finding, Report, Severity } from "../../src/finding.ts";
import { plain } from "../../src/text.ts";

/** The repository of the gate itself. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** A finding that a case must get. Revision, object and environment are compared where they are given. */
export interface Expected {
  rule: string;
  severity: Severity;
  file?: string;
  line?: number;
  revision?: string;
  object?: { kind: string; name: string };
  environment?: string;
  blocks: boolean;
  preexisting: boolean;
}

/** One folder of fixtures/pull-requests. */
export interface Case {
  name: string;
  /** Absolute. Holds `files/` and, where they are needed, `base/` and `landed/`. */
  folder: string;
  title: string;
  /** Name of the folder in fixtures/projects. */
  project: string;
  /** Further arguments of the command line. */
  arguments: string[];
  /** What the project needs in its environment. */
  env: Record<string, string>;
  deleted: string[];
  /** Old path to new path. */
  renamed: Record<string, string>;
  verdict: "pass" | "fail";
  exitCode: number;
  /** What the headline must say, among other things. */
  headline?: string;
  findings: Expected[];
}

const folderOfCases = path.join(root, "fixtures", "pull-requests");

/** One case by the name of its folder. */
export function loadCase(name: string): Case {
  const folder = path.join(folderOfCases, name);
  const given = JSON.parse(readFileSync(path.join(folder, "case.json"), "utf8")) as Partial<Case>;
  return { arguments: [], env: {}, deleted: [], renamed: {}, ...given, name, folder } as Case;
}

/** All cases, by name. */
export const loadCases = (): Case[] => readdirSync(folderOfCases).sort().map(loadCase);

function line(finding: Expected): string {
  const place = finding.file === undefined ? "(no file)" : `${finding.file}:${finding.line ?? "(no line)"}`;
  const state = finding.blocks ? "blocks" : finding.preexisting ? "pre-existing" : "does not block";
  return [finding.rule, finding.severity, place, state].join("  ");
}

/** What a case may leave open, and what this finding has of it. */
function detail(of: Expected, like: Expected): string {
  const parts = [
    like.revision !== undefined && `revision ${of.revision}`,
    like.object !== undefined && `object ${of.object?.kind} ${of.object?.name}`,
    like.environment !== undefined && `environment ${of.environment}`,
  ];
  return parts.filter(Boolean).join(", ");
}

const same = (expected: Expected, actual: Expected): boolean =>
  line(expected) === line(actual) && detail(expected, expected) === detail(actual, expected);

/**
 * Compares findings as sets.
 *
 * @returns "" when they are the same, else a diff for people: missing ones with `-`, unexpected ones with `+` and their message
 */
export function compareFindings(expected: readonly Expected[], actual: readonly Finding[]): string {
  const rest = [...actual];
  const missing = expected.filter((one) => {
    const index = rest.findIndex((other) => same(one, other));
    if (index !== -1) rest.splice(index, 1);
    return index === -1;
  });
  return [
    ...missing.map((one) => `- ${line(one)}  ${detail(one, one)}`.trimEnd()),
    ...rest.map((one) => `+ ${line(one)}  ${detail(one, { ...one, environment: undefined })}\n    ${plain(one.message)}`),
  ].join("\n");
}

/** What is wrong with a report on a case, for people; "" when nothing is. */
export function compareReport(expected: Case, report: Report | undefined): string {
  if (!report) return "There is no report.";
  const findings = report.environments.flatMap((environment) => environment.findings);
  const failures = report.failures.map((failure) => `! ${plain(failure.message)}`);
  const end = [
    `verdict ${expected.verdict}, exit code ${expected.exitCode}`,
    `verdict ${report.verdict}, exit code ${report.exitCode}`,
  ];
  const verdict = end[0] === end[1] ? [] : [`- ${end[0]}`, `+ ${end[1]}`];
  const { headline } = expected;
  const said = plain(report.headline);
  const top = headline === undefined || said.includes(headline) ? [] : [`- headline ${headline}`, `+ headline ${said}`];
  return [compareFindings(expected.findings, findings), ...failures, ...verdict, ...top].filter((part) => part !== "").join("\n");
}
