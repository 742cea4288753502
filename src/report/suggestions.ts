/** Suggestions that a reviewer can commit with a click: for findings whose mend is known and whose lines are in the diff. */
import { edited } from "../edits.ts";
import type { Finding, Report } from "../finding.ts";
import { markdownCode, markdownText, visible } from "./escape.ts";
import { marker, type Owner } from "./marker.ts";
import { grouped, shorten } from "./view.ts";

export interface Suggestion {
  fingerprint: string;
  path: string;
  /** The last line that it replaces, on the pull request's side of the diff; 1-based. */
  line: number;
  /** The first one, where there are several. */
  startLine?: number;
  /** Markdown, its marker first. */
  body: string;
}

export interface Diff {
  /** A file of the tree that was judged; undefined where it cannot be read. */
  source(file: string): string | undefined;
  /** Hunks by file, as GitHub gives them. A file that is too large for a diff has none. */
  patches: ReadonlyMap<string, string>;
}

/** More lines than this nobody reads in a suggestion. */
const LINES = 60;

/** Own findings with a fix, whether the diff has their lines or not. */
export function fixable(report: Report): Finding[] {
  const own = report.environments.flatMap(({ findings }) => grouped(findings).own);
  return own.filter(({ fix }) => fix !== undefined && fix.edits.length > 0);
}

/** What can be suggested, worst first; of several findings with the same mend one. */
export function suggestions(report: Report, diff: Diff, owner: Owner): Suggestion[] {
  const seen = new Set<string>();
  const known = remembering(diff);
  return fixable(report).flatMap((finding) => {
    const suggestion = suggestionFor(finding, known, owner);
    const key = suggestion && JSON.stringify([suggestion.path, suggestion.line]);
    if (!key || seen.has(key) || seen.has(finding.fingerprint)) return [];
    seen.add(key).add(finding.fingerprint);
    return [suggestion];
  });
}

interface Side {
  source: string;
  lines: string[];
  /** Those that are in the diff. */
  right: ReadonlyMap<number, string>;
}

/** Both sides of each file, read once. */
function remembering({ source, patches }: Diff): (file: string) => Side | undefined {
  const sides = new Map<string, Side | undefined>();
  const read = (file: string): Side | undefined => {
    const patch = patches.get(file);
    const content = patch === undefined ? undefined : source(file);
    return content === undefined ? undefined : { source: content, lines: content.split("\n"), right: rightSide(patch!) };
  };
  return (file) => {
    if (!sides.has(file)) sides.set(file, read(file));
    return sides.get(file);
  };
}

function suggestionFor(finding: Finding, sideOf: ReturnType<typeof remembering>, owner: Owner): Suggestion | undefined {
  const { edits, title } = finding.fix!;
  const path = edits[0]!.file;
  const side = sideOf(path);
  if (!side || edits.some(({ file }) => file !== path)) return undefined;
  const after = edited(side.source, edits);
  // GitHub would write other line ends than the file has.
  if (after === undefined || side.source.includes("\r")) return undefined;
  // Whole lines are replaced: the end of the last one can neither come nor go.
  if (side.source.endsWith("\n") !== after.endsWith("\n")) return undefined;
  const change = changedLines(side.lines, after.split("\n"));
  if (!change || change.before.length > LINES || change.after.length > LINES) return undefined;
  // After the last line end there is no line that could be replaced.
  if (change.first + change.before.length > side.lines.length && side.lines.at(-1) === "") return undefined;
  // Nobody could see what is invisible.
  const inserted = change.after.join("\n");
  if (visible(inserted) !== inserted) return undefined;
  const first = findLines(change.before, change.first, side.right);
  if (first === undefined) return undefined;
  const mark = marker("suggestion", owner, { fingerprint: finding.fingerprint });
  const line = first + change.before.length - 1;
  return {
    fingerprint: finding.fingerprint,
    path,
    line,
    ...(line > first && { startLine: first }),
    body: `${mark}\n${markdownCode(finding.rule)}: ${markdownText(shorten(title, 200))}\n\n${fenced(change.after)}\n`,
  };
}

function fenced(lines: readonly string[]): string {
  const longest = Math.max(2, ...lines.flatMap((line) => (line.match(/`+/g) ?? []).map((run) => run.length)));
  const fence = "`".repeat(longest + 1);
  return [`${fence}suggestion`, ...lines, fence].join("\n");
}

/** The lines that differ; of an insertion also the line before it, since a suggestion replaces lines. */
function changedLines(
  before: readonly string[],
  after: readonly string[],
): { first: number; before: string[]; after: string[] } | undefined {
  const shorter = Math.min(before.length, after.length);
  let same = 0;
  while (same < shorter && before[same] === after[same]) same++;
  if (same === before.length && same === after.length) return undefined;
  let tail = 0;
  while (tail < shorter - same && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  if (same + tail === before.length) {
    if (same > 0) same--;
    else tail--;
  }
  return { first: same + 1, before: before.slice(same, before.length - tail), after: after.slice(same, after.length - tail) };
}

/** The lines of a diff that the pull request's side has, by their numbers. */
export function rightSide(patch: string): Map<number, string> {
  const lines = new Map<number, string>();
  let number = 0;
  for (const line of patch.split("\n")) {
    const hunk = /^@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line);
    if (hunk) number = Number(hunk[1]);
    else if (number > 0 && (line.startsWith("+") || line.startsWith(" "))) lines.set(number++, line.slice(1));
  }
  return lines;
}

/**
 * The number of the first of these lines in the diff: where they stand in the merged file, or else the one place where the pull
 * request's own file has them, since what landed on the base branch may have moved them.
 */
function findLines(wanted: readonly string[], at: number, lines: ReadonlyMap<number, string>): number | undefined {
  const stands = (first: number) => wanted.every((line, index) => lines.get(first + index) === line);
  if (stands(at)) return at;
  if (!wanted.some((line) => /\S/.test(line))) return undefined;
  const [only, ...others] = [...lines.keys()].filter(stands);
  return others.length === 0 ? only : undefined;
}
