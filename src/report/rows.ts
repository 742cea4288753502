/** Lines of a terminal as data: pieces with a style, wrapped to a width. */
import { styleText } from "node:util";
import type { Text } from "../text.ts";
import { paragraphs } from "./document.ts";
import { visible } from "./escape.ts";

type Format = Extract<Parameters<typeof styleText>[0], string>;

/** A colour, or several formats at once. */
export type Style = Format | readonly Format[];

/** A part of a line that has one style. */
export interface Piece {
  text: string;
  style?: Style;
}

export type Row = readonly Piece[];

export const piece = (text: string, style?: Style): Piece => ({ text, style });

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** Columns that a text takes on a terminal: wide characters two, combining ones and joiners none. */
export function columns(value: string): number {
  let sum = 0;
  for (const character of value) sum += /[\p{M}\u200c\u200d]/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return sum;
}

/** The text cut to so many columns, with a mark where something is missing. */
export function cropped(value: string, width: number): string {
  if (columns(value) <= width) return value;
  let kept = "";
  for (const character of value) {
    if (columns(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** One format after the other: the oldest Node that we run on takes no list. */
const styled = (text: string, style: Style): string =>
  [style].flat().reduce((inner, format) => styleText(format, inner, { validateStream: false }), text);

/** A row as text. */
export const painted = (row: Row, colour: boolean): string =>
  row
    .map(({ text, style }) => (colour && style ? styled(text, style) : text))
    .join("")
    .trimEnd();

/** Prose of a Text on one line; code stands out by its colour, else by backticks. */
export function sentence(parts: Text, colour: boolean): Piece[] {
  return parts.map((part) => {
    if ("text" in part) return piece(collapsed(part.text));
    const value = collapsed("code" in part ? part.code : part.block);
    return colour ? piece(value, "cyan") : piece(`\`${value}\``);
  });
}

const collapsed = (value: string) => visible(value).replace(/\s+/g, " ");

/** The pieces as rows of at most `width` columns, broken at spaces; all but the first begin `hang` columns to the right. */
export function flow(pieces: Row, width: number, hang: number): Row[] {
  const words: Piece[][] = [[]];
  for (const { text, style } of pieces) {
    text.split(" ").forEach((chunk, index) => {
      if (index > 0) words.push([]);
      if (chunk !== "") words.at(-1)!.push(piece(chunk, style));
    });
  }
  const rows: Piece[][] = [[]];
  let used = 0;
  for (const word of words.filter((word) => word.length > 0)) {
    const size = word.reduce((sum, { text }) => sum + columns(text), 0);
    if (used > hang && used + 1 + size > width) {
      rows.push([piece(" ".repeat(hang))]);
      used = hang;
    } else if (used > 0) {
      rows.at(-1)!.push(piece(" "));
      used++;
    }
    rows.at(-1)!.push(...word);
    used += size;
  }
  return rows;
}

/** The rows with something before each of them. */
export const indented = (rows: readonly Row[], by: number): Row[] =>
  rows.map((row) => (row.length > 0 ? [piece(" ".repeat(by)), ...row] : row));

/** Lines of code or of a log; what is too long is cut in the middle, and counted. */
function codeRows(code: string, most: number): Row[] {
  const lines = visible(code)
    .replace(/^\n+|\s+$/g, "")
    .replace(/\t/g, "    ")
    .split("\n");
  if (lines.length <= most) return lines.map((line) => [piece(line)]);
  const [head, tail] = [lines.slice(0, Math.ceil(most / 2)), lines.slice(lines.length - Math.floor(most / 2))];
  return [...head, `… ${lines.length - most} more lines …`, ...tail].map((line) => [piece(line)]);
}

/** A Text behind a label: its prose wrapped, its blocks on lines of their own and never wrapped, since people paste them. */
export function labelled(label: Piece, parts: Text, width: number, colour: boolean, most: number): Row[] {
  const hang = columns(label.text) + 1;
  const rows = paragraphs(parts).flatMap((block) =>
    "paragraph" in block ? flow(sentence(block.paragraph, colour), width - hang, 0) : indented(codeRows(block.code, most), 4),
  );
  return rows.map((row, index) => [...(index === 0 ? [label, piece(" ")] : [piece(" ".repeat(hang))]), ...row]);
}
