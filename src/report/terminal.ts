/** The report for a terminal: what was run, then the findings with the code that they are about, then the verdict. */
import type { EnvironmentReport, Finding, PhaseReport, Report } from "../finding.ts";
import { code, count, text, type Text } from "../text.ts";
import { oneLine } from "./escape.ts";
import { excerpt, SEVERITY_STYLE } from "./excerpt.ts";
import {
  columns,
  cropped,
  flow,
  indented,
  labelled,
  painted,
  piece,
  sentence,
  type Piece,
  type Row,
  type Style,
} from "./rows.ts";
import { duration, grouped, linesText, placeOf, relatedPlace, shortCommit, tally, tallyWords } from "./view.ts";

export interface TerminalOptions {
  colour: boolean;
  /** Columns of the terminal. */
  width: number;
  /** Content of a file of the head tree, by path from the repository's root; without it no code is shown. */
  source?: (file: string) => string | undefined;
}

/** Findings shown in full, and lines of any other list; nobody scrolls through more. */
const FINDINGS = 50;
const ITEMS = 20;
const LINES_OF_A_BLOCK = 30;

const VERDICT: Record<Report["verdict"], Piece> = {
  pass: piece("✓ passed:", ["green", "bold"]),
  fail: piece("✗ failed:", ["red", "bold"]),
  error: piece("✗ could not judge:", ["red", "bold"]),
};
const OUTCOME: Record<PhaseReport["outcome"], Piece> = {
  ok: piece("✓", "green"),
  failed: piece("✗", "red"),
  "not-run": piece("-", "dim"),
};

/** The report for a terminal, ended by a newline; the last line is the verdict with the counts. */
export function terminal(report: Report, options: TerminalOptions): string {
  const width = Math.max(40, Math.min(options.width, 120));
  const settings = { ...options, width };
  const failed = report.failures.length > 0 ? [count(report.failures.length, "failure")] : [];
  const words = [...failed, ...tallyWords(tally(report))].join(", ");
  const rows: Row[] = [
    // A failure says the same below, with the way out.
    ...(report.environments.length === 0 && report.failures.length > 0
      ? []
      : [...flow(sentence(report.headline, options.colour).map(bold), width, 0), []]),
    ...report.environments.flatMap((environment) => environmentRows(environment, settings)),
    ...report.failures.flatMap((failure) => failureRows(failure, settings)),
    [VERDICT[report.verdict], piece(` ${words}${report.exitCode === 0 ? "" : ` (exit code ${report.exitCode})`}`)],
  ];
  return `${rows.map((row) => painted(row, options.colour)).join("\n")}\n`;
}

const pointed = (finding: Finding, more: Text): Text =>
  text`${finding.rule}${finding.file === undefined ? "" : ` at ${placeOf(finding)!}`}: ${more}`;

const bold = ({ text }: Piece): Piece => piece(text, "bold");

function environmentRows(environment: EnvironmentReport, options: TerminalOptions): Row[] {
  const { own, ignored, preexisting } = grouped(environment.findings);
  const { width, colour } = options;
  const list = (title: string, items: Text[], total: number, style?: Style): Row[] => {
    if (total === 0) return [];
    const shown = items.slice(0, ITEMS).flatMap((item) => indented(flow(sentence(item, colour), width - 4, 2), 4));
    const rest = total > ITEMS ? [[piece(`    … and ${total - ITEMS} more`, "dim")]] : [];
    return [[piece(`  ${title}`, style)], ...shown, ...rest, []];
  };
  const { schema, notChecked, lines = [] } = environment;
  const unrun = lines.filter(({ never }) => never.length > 0);
  return [
    ...circumstances(environment, options),
    ...phaseRows(environment.phases, options),
    ...list("What this pull request does to the schema", [...(schema?.changes ?? [])], schema?.changes.length ?? 0, "bold"),
    ...list("Lines that never ran", unrun.map(linesText), unrun.length, "bold"),
    ...list(
      "Not checked",
      notChecked.map(({ what, reason }) => text`${what}: ${reason}`),
      notChecked.length,
      "bold",
    ),
    ...list(
      "Ignored",
      ignored.map((finding) => pointed(finding, text`${finding.suppressed!.reason}`)),
      ignored.length,
      "bold",
    ),
    ...list(
      "On the base branch already, no reason to block",
      preexisting.map((finding) => pointed(finding, finding.message)),
      preexisting.length,
      "bold",
    ),
    ...own.slice(0, FINDINGS).flatMap((finding) => [...findingRows(finding, options), []]),
    ...(own.length > FINDINGS
      ? [[piece(`… and ${count(own.length - FINDINGS, "more finding")}: --format json has them all`)], []]
      : []),
  ];
}

/** What was judged, against what, and with what. */
function circumstances({ config, base, revisions, server, runtime }: EnvironmentReport, { width }: TerminalOptions): Row[] {
  const what = [
    `${count(revisions.total, "revision")}, ${revisions.added.length} new`,
    ...(base ? [`compared with ${oneLine(base.label)} (${oneLine(shortCommit(base.commit))})`] : []),
  ].join(", ");
  const tools = [server, runtime]
    .filter((part) => part !== undefined)
    .map(oneLine)
    .join(", ");
  return [
    ...flow([piece(oneLine(config), "bold"), piece(`: ${what}`)], width, 2),
    ...(tools === "" ? [] : flow([piece(tools, "dim")], width, 2)),
  ];
}

function phaseRows(phases: readonly PhaseReport[], { width, colour }: TerminalOptions): Row[] {
  if (phases.length === 0) return [[]];
  const titles = phases.map(({ title }) => cropped(oneLine(title), 44));
  const widest = Math.max(...titles.map(columns));
  const rows = phases.flatMap(({ revisions, seconds, outcome, compared, reason }, index): Row[] => {
    const steps = revisions === 0 ? "" : count(revisions, "step");
    const ran = outcome === "not-run" ? "   not run" : `${steps.padStart(10)} ${duration(seconds).padStart(7)}`;
    const left: Row = [
      piece("  "),
      outcome === "ok" && (compared?.differences ?? 0) > 0 ? piece("!", "yellow") : OUTCOME[outcome],
      piece(` ${titles[index]!}${" ".repeat(widest - columns(titles[index]!))}${ran}`),
    ];
    const room = width - 4 - widest - columns(ran) - 2;
    const why = reason ? sentence(reason, colour) : [];
    const remark: Row = [
      ...(compared ? [piece(comparison(compared, room))] : []),
      ...(compared && reason ? [piece("; ")] : []),
      ...why,
    ];
    if (remark.length === 0) return [left];
    const fits = remark.reduce((sum, { text }) => sum + columns(text), 0) <= room;
    return fits ? [[...left, piece("  "), ...remark]] : [left, ...indented(flow(remark, width - 6, 0), 6)];
  });
  return [...rows, []];
}

/** How a comparison came out, in at most so many columns where that is possible. */
function comparison({ with: other, differences }: { with: string; differences: number }, room: number): string {
  const said = differences === 0 ? `same as ${oneLine(other)}` : `${count(differences, "difference")} from ${oneLine(other)}`;
  return columns(said) <= room ? said : differences === 0 ? "no difference" : count(differences, "difference");
}

function findingRows(finding: Finding, { width, colour, source }: TerminalOptions): Row[] {
  const style = SEVERITY_STYLE[finding.severity];
  const said = (label: string, parts: Text | undefined): Row[] =>
    parts ? labelled(piece(`  ${label}:`, "bold"), parts, width, colour, LINES_OF_A_BLOCK) : [];
  const related = finding.related
    .slice(0, ITEMS)
    .flatMap((other) => said("also", text`${relatedPlace(finding, other)}: ${other.message}`));
  return [
    ...flow([piece(`${finding.severity}[${finding.rule}]`, style), piece(": "), ...sentence(finding.message, colour)], width, 2),
    ...(finding.file === undefined
      ? []
      : excerpt({ ...finding, file: finding.file }, finding.severity, width, source?.(finding.file))),
    ...said("seen", finding.evidence),
    ...said("help", finding.help),
    ...related,
    ...said("fix", finding.fix && text`${code("alembic-gate fix")} does it: ${finding.fix.title}`),
  ];
}

function failureRows(
  { message, help, file, line }: Report["failures"][number],
  { width, colour, source }: TerminalOptions,
): Row[] {
  return [
    ...flow([piece("error", SEVERITY_STYLE.error), piece(": "), ...sentence(message, colour)], width, 2),
    ...(file === undefined ? [] : excerpt({ file, line }, "error", width, source?.(file))),
    ...labelled(piece("  help:", "bold"), help, width, colour, LINES_OF_A_BLOCK),
    [],
  ];
}

/** A terminal, or what stands in its place. */
export interface Stream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/** Whether to colour what goes to a stream: FORCE_COLOR and NO_COLOR decide, else whether a terminal reads it. */
export function wantsColour(stream: Stream, environment: Record<string, string | undefined> = process.env): boolean {
  const forced = environment.FORCE_COLOR;
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  if (environment.NO_COLOR !== undefined && environment.NO_COLOR !== "") return false;
  return stream.isTTY === true && environment.TERM !== "dumb";
}

/**
 * Whether our own signs beyond ASCII can be shown: Windows' old console has fonts and code pages without them, its terminals of
 * today name themselves. What goes to a file or a pipe is UTF-8 everywhere.
 */
export function wantsSigns(
  stream: Stream,
  environment: Record<string, string | undefined> = process.env,
  platform: string = process.platform,
): boolean {
  if (platform !== "win32" || stream.isTTY !== true) return true;
  const { WT_SESSION, TERM_PROGRAM, TERM, ConEmuTask } = environment;
  return Boolean(WT_SESSION ?? TERM_PROGRAM ?? ConEmuTask) || /^(xterm|alacritty|rxvt|screen|tmux)/.test(TERM ?? "");
}

/** Our own signs, and letters that take as many columns. */
const IN_ASCII: Record<string, string> = { "✓": "+", "✗": "x", "…": "~", "→": ">", "·": "-" };

/** The text with our own signs as ASCII where the stream cannot show them; what is not ours stays. */
const fitting = (written: string, stream: Stream): string =>
  wantsSigns(stream) ? written : written.replace(/[✓✗…→·]/g, (sign) => IN_ASCII[sign]!);

/** Writes the report to a stream, as wide and as colourful as that likes it. */
export function sendTerminal(report: Report, stream: Stream, source?: TerminalOptions["source"]): void {
  stream.write(fitting(terminal(report, { colour: wantsColour(stream), width: stream.columns ?? 100, source }), stream));
}

/** Writes sentences to a stream, each as a paragraph. */
export function sendSentences(sentences: readonly Text[], stream: Stream): void {
  const colour = wantsColour(stream);
  const width = Math.max(40, Math.min(stream.columns ?? 100, 120));
  for (const parts of sentences)
    stream.write(
      `${flow(sentence(parts, colour), width, 0)
        .map((row) => painted(row, colour))
        .join("\n")}\n\n`,
    );
}

/** One line that says what is being done, rewritten in place; where no terminal reads it, nothing is written. */
export function progress(stream: Stream): { show(...words: (string | undefined)[]): void; clear(): void } {
  const live = stream.isTTY === true && process.env.TERM !== "dumb";
  let written = false;
  const clear = () => {
    if (written) stream.write("\r\u001b[2K");
    written = false;
  };
  const show = (...words: (string | undefined)[]) => {
    if (!live) return;
    const line = words
      .filter((word) => word !== undefined)
      .map(oneLine)
      .join("  ");
    stream.write(`\r\u001b[2K${fitting(cropped(line, (stream.columns ?? 80) - 1), stream)}`);
    written = true;
  };
  return { show, clear };
}
