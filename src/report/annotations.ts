/** Annotations by workflow command: they need no token, so every run has them, a fork's too. */
import { randomUUID } from "node:crypto";
import type { Finding, Place, Report, Severity } from "../finding.ts";
import { count, plain, type Text } from "../text.ts";
import { bare } from "./bare.ts";
import { commandData, commandProperty, oneLine } from "./escape.ts";
import { grouped, relatedPlace, shorten, worstFirst } from "./view.ts";

/** What GitHub keeps of one step: so many of each level, and so much of a message. The rest is lost without a word. */
const PER_LEVEL = 10;
const MESSAGE = 4096;
const TITLE = 255;

const CUT = "\n\n(Cut here: the job summary has more.)";

export interface Annotation {
  level: Severity;
  place: Place;
  title: string;
  message: string;
}

/**
 * Lines of `::error file=…::…` for the runner's log, worst first and within GitHub's limits; what does not fit is counted in a last
 * notice. Only the pull request's own findings: what the base branch has already, and what an ignore allows, is left to the summary.
 * A report that is not green has at least one error.
 *
 * @param reserved how many of GitHub's ten notices the sender wants for itself
 */
export function annotations(report: Report, reserved = 0): string[] {
  const { shown, hidden } = chosen(report, reserved);
  const of = (level: Severity) => hidden.filter((annotation) => annotation.level === level).length;
  const rest = hidden.length > 0 ? [theRest([of("error"), "error"], [of("warning"), "warning"], [of("notice"), "notice"])] : [];
  return [...shown, ...rest].map(command);
}

/** What GitHub would not show of one step, worst first: for the job's check run, which may have more. */
export const furtherAnnotations = (report: Report, reserved = 0): Annotation[] => chosen(report, reserved).hidden;

function chosen(report: Report, reserved: number): { shown: Annotation[]; hidden: Annotation[] } {
  const several = report.environments.length > 1;
  const own = worstFirst(report.environments.flatMap((environment) => grouped(environment.findings).own));
  const all = [...report.failures.map(ofFailure), ...own.map((finding) => ofFinding(finding, several))];
  if (report.verdict !== "pass" && !all.some(({ level }) => level === "error")) {
    all.unshift({ level: "error", place: {}, title: "alembic-gate", message: bare(report.headline) });
  }
  const of = (level: Severity) => all.filter((annotation) => annotation.level === level);
  const crowded =
    of("error").length > PER_LEVEL || of("warning").length > PER_LEVEL || of("notice").length > PER_LEVEL - reserved;
  const shown = [
    ...of("error").slice(0, PER_LEVEL),
    ...of("warning").slice(0, PER_LEVEL),
    ...of("notice").slice(0, PER_LEVEL - reserved - (crowded ? 1 : 0)),
  ];
  return { shown, hidden: all.filter((annotation) => !shown.includes(annotation)) };
}

/** Prints the annotations to the runner's log. */
export function sendAnnotations(report: Report, write: (line: string) => void, reserved = 0): void {
  for (const line of annotations(report, reserved)) write(`${line}\n`);
}

/** Foreign text for the runner's log, in which the runner then looks for no commands. */
export function fenced(log: string, token: string = randomUUID()): string {
  return `::stop-commands::${token}\n${log}${log === "" || log.endsWith("\n") ? "" : "\n"}::${token}::\n`;
}

function ofFailure({ message, help, file, line }: Report["failures"][number]): Annotation {
  return { level: "error", place: { file, line }, title: "alembic-gate", message: together([bare(message), bare(help)]) };
}

function ofFinding(finding: Finding, several: boolean): Annotation {
  const related = finding.related
    .slice(0, 5)
    .map((other) => oneLine(`See also ${relatedPlace(finding, other)}: ${plain(other.message)}`));
  const environment = several ? ` (${finding.environment})` : "";
  return {
    level: finding.severity,
    place: finding,
    title: oneLine(`alembic-gate: ${finding.rule}${environment}`),
    message: together([bare(finding.message), bare(finding.help), related.join("\n")]),
  };
}

function theRest(...hidden: [number, string][]): Annotation {
  const counted = hidden.filter(([number]) => number > 0).map(([number, noun]) => count(number, `more ${noun}`));
  const message = `${counted.join(", ")}: GitHub shows ${PER_LEVEL} of each kind for one step. The rest is in the job summary and the JSON report.`;
  return { level: "notice", place: {}, title: "alembic-gate", message };
}

const together = (texts: string[]): string => texts.filter(Boolean).join("\n\n");

/** A notice about the sending itself. */
export const noticeCommand = (parts: Text): string =>
  command({ level: "notice", place: {}, title: "alembic-gate", message: bare(parts) });

function command({ level, place: { file, line, endLine, column, endColumn }, title, message }: Annotation): string {
  const oneLined = endLine === undefined || endLine === line;
  const properties: [string, string | number | undefined][] = [
    ["file", file],
    ["line", line],
    ["endLine", endLine ?? (column === undefined ? undefined : line)],
    ["col", oneLined ? column : undefined],
    ["endColumn", oneLined && column !== undefined ? endColumn : undefined],
  ];
  const written = properties
    .filter(([name, value]) => value !== undefined && file !== undefined && (line !== undefined || name === "file"))
    .map(([name, value]) => `${name}=${commandProperty(String(value))}`);
  const all = [...written, `title=${commandProperty(shorten(title, TITLE))}`].join(",");
  return `::${level} ${all}::${commandData(shorten(message, MESSAGE, CUT))}`;
}
