/** What all reporters agree on: order, groups, counts, and how places and times are written. */
import type { Finding, GraphReport, LinesReport, Place, Related, Report, Severity } from "../finding.ts";
import { code, count, plain, text, type Part, type Text } from "../text.ts";

const RANK: Record<Severity, number> = { error: 0, warning: 1, notice: 2 };

/** Blocking before not, errors before warnings before notices, then by file and line. */
export function worstFirst(findings: readonly Finding[]): Finding[] {
  // The collator takes its time to load.
  if (findings.length < 2) return [...findings];
  const order = new Intl.Collator("en", { numeric: true });
  return [...findings].sort(
    (a, b) =>
      Number(b.blocks) - Number(a.blocks) ||
      RANK[a.severity] - RANK[b.severity] ||
      order.compare(a.file ?? "", b.file ?? "") ||
      (a.line ?? 0) - (b.line ?? 0),
  );
}

/** The findings worst first: the pull request's own, those allowed by an ignore, and those that the base branch has already. */
export function grouped(findings: readonly Finding[]): { own: Finding[]; ignored: Finding[]; preexisting: Finding[] } {
  const sorted = worstFirst(findings);
  return {
    own: sorted.filter((finding) => !finding.suppressed && !finding.preexisting),
    ignored: sorted.filter((finding) => finding.suppressed),
    preexisting: sorted.filter((finding) => finding.preexisting && !finding.suppressed),
  };
}

/** How many findings there are; `blocking` counts some of the others once more. */
export interface Tally {
  blocking: number;
  errors: number;
  warnings: number;
  notices: number;
  ignored: number;
  preexisting: number;
}

/** Counts the findings of all environments. */
export function tally(report: Report): Tally {
  const groups = report.environments.map((environment) => grouped(environment.findings));
  const own = groups.flatMap((group) => group.own);
  const of = (severity: Severity) => own.filter((finding) => finding.severity === severity).length;
  return {
    blocking: own.filter((finding) => finding.blocks).length,
    errors: of("error"),
    warnings: of("warning"),
    notices: of("notice"),
    ignored: groups.reduce((sum, group) => sum + group.ignored.length, 0),
    preexisting: groups.reduce((sum, group) => sum + group.preexisting.length, 0),
  };
}

/** `3 errors`, `1 warning`, … , those that are there; how many block where that is not all errors. */
export function tallyWords(tally: Tally): string[] {
  const words: [number, string][] = [
    [tally.errors, count(tally.errors, "error")],
    [tally.warnings, count(tally.warnings, "warning")],
    [tally.notices, count(tally.notices, "notice")],
    [tally.blocking === tally.errors ? 0 : 1, `${tally.blocking || "none"} blocking`],
    [tally.ignored, `${tally.ignored} ignored`],
    [tally.preexisting, `${tally.preexisting} pre-existing`],
  ];
  const said = words.filter(([number]) => number > 0).map(([, word]) => word);
  return said.length > 0 ? said : ["no findings"];
}

/** `versions/3f2a.py:21`, or nothing where a finding has no place in the head tree. */
export function placeOf(place: Place): string | undefined {
  if (place.file === undefined) return undefined;
  return place.line === undefined ? place.file : `${place.file}:${place.line}`;
}

/** The place of a related thing as the finding's reader needs it: within the same file the line is enough. */
export function relatedPlace(finding: Place, { file, line, commit }: Related): string {
  if (commit !== undefined) return `${placeOf({ file, line })} at ${shortCommit(commit)}`;
  return file === finding.file && line !== undefined ? `line ${line}` : placeOf({ file, line })!;
}

/** `0.08 s`, `3.2 s`, `48 s`, `2 min 5 s`. */
export function duration(seconds: number): string {
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A commit as people write it. */
export const shortCommit = (commit: string): string => (/^[0-9a-f]{40,64}$/.test(commit) ? commit.slice(0, 7) : commit);

/**
 * The value cut to so many UTF-16 units, mark included: at the end of a paragraph, line, sentence or word where one is near, never
 * inside a character.
 */
export function shorten(value: string, limit: number, mark = "…"): string {
  if (value.length <= limit) return value;
  const room = value.slice(0, Math.max(0, limit - mark.length));
  const end = [/\n\n/g, /\n/g, /(?<=\.)\s/g, /\s/g]
    .map((boundary) => [...room.matchAll(boundary)].at(-1)?.index ?? 0)
    .find((index) => index > room.length / 2);
  return (
    room
      .slice(0, end)
      .replace(/[\ud800-\udbff]$/, "")
      .trimEnd() + mark
  );
}

/** A Text cut to so many UTF-16 units of its content. */
export function shortenText(parts: Text, limit: number): Text {
  if (plain(parts).length <= limit) return parts;
  const kept: Part[] = [];
  let room = limit;
  for (const part of parts) {
    if (room <= 0) break;
    if ("text" in part) kept.push({ text: shorten(part.text, room) });
    else if ("code" in part) kept.push({ code: shorten(part.code, room) });
    else kept.push({ ...part, block: shorten(part.block, room, "\n…") });
    room -= "text" in part ? part.text.length : "code" in part ? part.code.length : part.block.length;
  }
  return kept;
}

/** What stands in the box of a revision: what it is called, its id where the name does not hold it, and what became of it. */
export function nodeLines({ id, label, state, head }: GraphReport["nodes"][number]): string[] {
  const notes = [state === "base" ? "" : state, head ? "head" : ""].filter(Boolean).join(", ");
  return [shorten(label, 60), label.includes(id) ? "" : shorten(id, 40), notes].filter(Boolean);
}

/** Makes values unique: the first of a kind stays as it is, the others get a number, `a`, `a-2`, `a-3`. */
export function numbered(): (value: string) => string {
  const seen = new Map<string, number>();
  return (value) => {
    const times = (seen.get(value) ?? 0) + 1;
    seen.set(value, times);
    return times === 1 ? value : `${value}-${times}`;
  };
}

/** One line for people: `12 of 15 lines of upgrade() of 3f2a ran; lines 20-22 never did, below if …`. */
export function linesText({ revision, function: name, file, lines, ran, never }: LinesReport): Text {
  const [first] = never;
  const spans = never.slice(0, 5).map(({ line, endLine, below }) => {
    const span = endLine > line ? text`lines ${line}–${endLine}` : text`line ${line}`;
    return below === undefined ? span : text`${span} below ${code(below)}`;
  });
  const more = never.length > 5 ? text` and ${never.length - 5} places more` : text``;
  return text`${ran} of ${count(lines, "line")} of ${name}() of ${code(revision)} ran; in ${code(`${file}:${first?.line ?? 1}`)} ${spans.flatMap((span, index) => (index === 0 ? span : [{ text: ", " }, ...span]))}${more} never did`;
}
