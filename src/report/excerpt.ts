/** The code that a finding is about, with the lines marked. */
import type { Place, Severity } from "../finding.ts";
import { visible } from "./escape.ts";
import { columns, cropped, piece, type Row, type Style } from "./rows.ts";

/** Lines shown of a place that spans more. */
const MOST = 6;

export const SEVERITY_STYLE: Record<Severity, Style> = {
  error: ["red", "bold"],
  warning: ["yellow", "bold"],
  notice: ["cyan", "bold"],
};

const shown = (value: string) => visible(value).replace(/\t/g, "    ").replace(/\n/g, " ");

/**
 * The arrow to a place, and the code there where it can be had.
 *
 * @param content of the file
 */
export function excerpt(place: Place & { file: string }, severity: Severity, width: number, content: string | undefined): Row[] {
  const { line, column, endColumn } = place;
  const last = Math.max(line ?? 0, place.endLine ?? 0);
  const gutter = String(last || "").length;
  const at = [shown(place.file), line, line === undefined ? undefined : column].filter((part) => part !== undefined).join(":");
  const arrow: Row = [piece(" ".repeat(gutter)), piece("-->", "blueBright"), piece(` ${at}`)];
  const lines = content?.split(/\r\n|\r|\n/);
  const first = line === undefined ? undefined : lines?.[line - 1];
  if (line === undefined || lines === undefined || first === undefined) return [arrow];
  const style = SEVERITY_STYLE[severity];
  const room = width - gutter - 3;
  const bar: Row = [piece(`${" ".repeat(gutter)} |`, "blueBright")];
  const numbered = (number: number, ...row: Row): Row => [
    piece(`${String(number).padStart(gutter)} |`, "blueBright"),
    piece(" "),
    ...row,
  ];
  if (last > line) {
    const span = lines.slice(line - 1, last);
    const rows = span
      .slice(0, MOST)
      .map((code, index) => numbered(line + index, piece(">", style), piece(` ${cropped(shown(code), room - 2)}`)));
    return [arrow, bar, ...rows, ...(span.length > MOST ? [[...bar, piece(` … ${span.length - MOST} more lines`)]] : []), bar];
  }
  const indent = /^\s*/.exec(first)![0].length;
  const from = Math.min(column === undefined ? indent : column - 1, first.length);
  const to = endColumn !== undefined && endColumn - 1 > from ? endColumn - 1 : first.trimEnd().length;
  // A long line is moved to the left until its mark is in sight.
  const before = columns(shown(first.slice(0, from)));
  const skipped = before > room / 2 ? from - Math.floor(room / 4) : 0;
  const prefix = skipped > 0 ? `…${shown(first.slice(skipped, from))}` : shown(first.slice(0, from));
  const code = cropped(prefix + shown(first.slice(from)), room);
  const length = Math.max(1, Math.min(columns(shown(first.slice(from, to))), columns(code) - columns(prefix)));
  return [
    arrow,
    bar,
    numbered(line, piece(code)),
    [...bar, piece(` ${" ".repeat(columns(prefix))}`), piece("^".repeat(length), style)],
  ];
}
