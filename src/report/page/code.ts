/** Code on the page: lines of a file around a place, differences side by side. */
import type { ObjectDifference, Place } from "../../finding.ts";
import { count } from "../../text.ts";
import { visible } from "../escape.ts";
import { shorten } from "../view.ts";
import { element, join, type Html } from "./html.ts";

/** Lines before and after the marked ones, marked ones, those among which grey ones are, and units of a line. */
const AROUND = 4;
const MARKED = 30;
const GREY = 120;
const LINE = 500;

/** UTF-16 units of a block. */
const BLOCK = 20_000;

const trimmed = (value: string): string => visible(value).replace(/^\n+|\s+$/g, "");

/** A part of the page that may be wider than it: the keyboard can scroll it. */
export const scrolled = (label: string, content: Html, kind = ""): Html =>
  element("div", { class: `scroll${kind}`, role: "region", tabindex: 0, "aria-label": label }, content);

/** The lines around a place, those that it means marked. Nothing where the file cannot be had. */
export function around(
  place: Place & { file: string },
  content: string | undefined,
  grey: ReadonlySet<number> = new Set(),
): Html | undefined {
  if (content === undefined || place.line === undefined) return undefined;
  const lines = content.split(/\r\n|\r|\n/);
  const first = place.line;
  if (first > lines.length) return undefined;
  const last = Math.min(Math.max(first, place.endLine ?? first), lines.length);
  const shownLast = Math.min(last, first + MARKED - 1);
  const marks = new Set(Array.from({ length: shownLast - first + 1 }, (_, index) => first + index));
  const rows = numberedLines(lines, Math.max(1, first - AROUND), Math.min(lines.length, shownLast + AROUND), (number, text) => ({
    grey: grey.has(number),
    ...(marks.has(number) && { marked: markedText(text, place, first === last) }),
  }));
  const rest = last > shownLast ? element("p", { class: "small" }, `… and ${count(last - shownLast, "more line")}`) : undefined;
  const label = `${shorten(place.file, 400)}, ${last > first ? `lines ${first} to ${last}` : `line ${first}`}`;
  return join(scrolled(label, element("pre", { class: "excerpt" }, element("code", {}, ...rows))), rest);
}

/** Lines of a file, numbered. */
function numberedLines(
  lines: readonly string[],
  from: number,
  to: number,
  looks: (number: number, text: string) => { grey: boolean; marked?: Html | string },
): Html[] {
  return lines.slice(from - 1, to).map((line, index) => {
    const number = from + index;
    const text = shorten(visible(line).replace(/\t/g, "    "), LINE) || " ";
    const { grey, marked } = looks(number, text);
    return element(
      "span",
      { class: `line${marked === undefined ? "" : " marked"}${grey ? " grey" : ""}` },
      element("span", { class: "number" }, number),
      grey && element("span", { class: "unseen" }, "never ran: "),
      marked === undefined ? text : element("mark", {}, marked),
      "\n",
    );
  });
}

/** The lines that never ran, grey, with those around them. Nothing where the file cannot be had. */
export function greyed(
  file: string,
  ranges: readonly { line: number; endLine: number }[],
  content: string | undefined,
): Html | undefined {
  const [first] = ranges;
  const lines = content?.split(/\r\n|\r|\n/);
  if (!first || !lines || first.line > lines.length) return undefined;
  const from = Math.max(1, first.line - AROUND);
  const last = Math.max(...ranges.map(({ endLine }) => endLine)) + AROUND;
  const to = Math.min(lines.length, last, from + GREY - 1);
  const rows = numberedLines(lines, from, to, (number) => ({
    grey: ranges.some(({ line, endLine }) => number >= line && number <= endLine),
  }));
  return scrolled(
    `${shorten(file, 400)}, lines ${from} to ${to}`,
    element("pre", { class: "excerpt" }, element("code", {}, ...rows)),
  );
}

/** The line, the columns that are meant underlined where they are known. */
function markedText(text: string, { column, endColumn }: Place, alone: boolean): Html | string {
  if (!alone || column === undefined || column > text.length || endColumn === undefined || endColumn <= column) return text;
  return join(text.slice(0, column - 1), element("b", {}, text.slice(column - 1, endColumn - 1)), text.slice(endColumn - 1));
}

/** A block of code or of a log; a difference is shown side by side. */
export function codeBlock(code: string, language: string): Html {
  const lines = trimmed(shorten(code, BLOCK, "\n…")).split("\n");
  if (language === "diff" && lines.every((line) => /^([-+ ]|$|…)/.test(line))) return sideBySide(lines);
  return scrolled(language === "" ? "code" : `code, ${language}`, element("pre", {}, element("code", {}, lines.join("\n"))));
}

/** Lines that begin with `-`, `+` or a space, in two columns. */
function sideBySide(lines: readonly string[]): Html {
  const rows: Html[] = [];
  let removed: string[] = [];
  let added: string[] = [];
  const cell = (value: string | undefined, kind: "removed" | "added") =>
    value === undefined
      ? element("td", { class: "none" })
      : element("td", { class: kind }, element("code", {}, element(kind === "removed" ? "del" : "ins", {}, value)));
  const flush = () => {
    for (let index = 0; index < Math.max(removed.length, added.length); index++)
      rows.push(element("tr", {}, cell(removed[index], "removed"), cell(added[index], "added")));
    removed = [];
    added = [];
  };
  for (const line of lines) {
    if (line.startsWith("-")) removed.push(line.slice(1));
    else if (line.startsWith("+")) added.push(line.slice(1));
    else {
      flush();
      const same = element("td", {}, element("code", {}, line.slice(1)));
      rows.push(element("tr", {}, same, same));
    }
  }
  flush();
  return table("difference, side by side", "sides", ["before", "after"], rows);
}

const table = (label: string, kind: string, head: readonly string[], rows: readonly Html[]): Html =>
  scrolled(
    label,
    element(
      "table",
      { class: kind },
      element("thead", {}, element("tr", {}, ...head.map((title) => element("th", { scope: "col" }, title)))),
      element("tbody", {}, ...rows),
    ),
  );

const CHANGE = { added: "is new", removed: "is gone", changed: "differs" } as const;

/** Objects of the catalog, their properties side by side. */
export function catalogDifference(objects: readonly ObjectDifference[], before: string, after: string): Html {
  const rows = objects.flatMap(({ change, kind, name, properties }) => [
    element(
      "tr",
      { class: "object" },
      element("th", { scope: "rowgroup", colspan: 3 }, kind, " ", element("code", {}, name), ` ${CHANGE[change]}`),
    ),
    ...properties.map((property) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, property.name),
        value(property.before, "removed"),
        value(property.after, "added"),
      ),
    ),
  ]);
  return table(`catalog: ${before} and ${after}`, "sides catalog", ["", before, after], rows);
}

function value(words: string | undefined, kind: "removed" | "added"): Html {
  if (words === undefined) return element("td", { class: "none" }, "–");
  const lines = trimmed(words);
  return element(
    "td",
    { class: kind },
    lines === "" ? "(empty)" : element("code", {}, element(kind === "removed" ? "del" : "ins", {}, lines)),
  );
}
