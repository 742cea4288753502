/** Foreign text made harmless, one function for each place that text is written to. Everything else in report/ goes through these. */
import { stripVTControlCharacters, toUSVString } from "node:util";

/** Control and format characters, line and paragraph separators; not tab and newline, nor the two joiners that scripts and emoji need. */
const INVISIBLE = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** GitHub looks for mentions, references and emoji in the text that is left after Markdown: only a character between stops it. */
const ZERO_WIDTH_SPACE = "&#8203;";

/** Fences with these languages are drawn or run by GitHub. */
const LANGUAGES_THAT_RENDER = new Set(["mermaid", "math", "geojson", "topojson", "stl"]);

const codePoint = (character: string) => character.codePointAt(0)!;
const entity = (character: string) => `&#${codePoint(character)};`;

/**
 * The text as a person can see it: escape sequences removed, line ends as `\n`, and every character that is invisible, moves the
 * cursor or turns the reading direction written as `<U+202E>`. All that a terminal needs, and part of every other function here.
 */
export function visible(value: string): string {
  return stripVTControlCharacters(toUSVString(value))
    .replace(/\r\n?/g, "\n")
    .replace(INVISIBLE, (character) => `<U+${codePoint(character).toString(16).toUpperCase().padStart(4, "0")}>`);
}

/** The visible text on one line, runs of white space as one space. */
export const oneLine = (value: string): string => visible(value).replace(/\s+/g, " ").trim();

/** For the message of a workflow command. */
export function commandData(value: string): string {
  return toUSVString(value).replace(/%/g, "%25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
}

/** For a property of a workflow command: `file=…`, `title=…`. */
export function commandProperty(value: string): string {
  return commandData(value).replace(/:/g, "%3A").replace(/,/g, "%2C");
}

/** White space as HTML and Markdown show it, but kept at the ends: the text may stand between two others. */
const collapsed = (value: string) => visible(value).replace(/\s+/g, " ");

/**
 * What is read inside a line of Markdown. First group: a backslash makes a character of it. Second: only an entity does (HTML,
 * entities, links without brackets). Else what GitHub would make a mention, a reference, an emoji or a formula of.
 */
const MARKDOWN = /([\\`*_[\]|~]|#(?!\d))|([&<>]|:(?=\/\/)|(?<=www)\.)|@(?=[\w.-])|#(?=\d)|(?<=\bgh)-(?=\d)|:(?=[\w+-]+:)|\$/gi;

/** The same of HTML; the first group as an entity. */
const HTML = /([&<>"'`])|@(?=[\w.-])|#(?=\d)|(?<=\bgh)-(?=\d)|:(?=[\w+-]+:)|\$/gi;

const split = (character: string) => (character === "$" ? "<span>$</span>" : character + ZERO_WIDTH_SPACE);

/** What opens a block at the start of a line: a list, a rule, the underline of a heading. */
const BLOCK = /^( ?)([-+=]|\d+[.)](?= |$))/;

const markdownSign = (character: string, mark?: string, other?: string) =>
  mark ? `\\${mark}` : other ? entity(other) : split(character);
const htmlSign = (character: string, special?: string) => (special ? entity(special) : split(character));

/** Prose inside a Markdown paragraph, heading, list item or table cell; newlines become spaces. */
export function markdownText(value: string): string {
  return collapsed(value)
    .replace(MARKDOWN, markdownSign)
    .replace(BLOCK, (start) => start.replace(/[-+=.)]/, "\\$&"));
}

/** Prose inside HTML that stands in Markdown: between the tags of `<summary>`. */
export const htmlText = (value: string): string => collapsed(value).replace(HTML, htmlSign);

/** Code inside HTML that stands in Markdown. */
export const htmlCode = (value: string): string => `<code>${collapsed(value).replace(/[&<>"'`]/g, entity)}</code>`;

/** Code as a tag, where Markdown is read: nothing is left that Markdown, a table or HTML could read, nor an address to link. */
function entityCode(value: string): string {
  const content = collapsed(value).replace(
    /[^\p{L}\p{M}\p{N} ]/gu,
    (character) => entity(character) + (character === "@" ? ZERO_WIDTH_SPACE : ""),
  );
  return `<code>${content}</code>`;
}

/**
 * A code span of Markdown, whatever backticks it holds. `<code>` where a span cannot say it: nothing at all, a table's pipe, what
 * ends the name of a link, or right `after` another backtick, with which it would be read as one.
 */
export function markdownCode(value: string, after = ""): string {
  const content = collapsed(value);
  if (content.trim() === "" || /\||\]:/.test(content) || after.endsWith("`")) return entityCode(value);
  const fence = "`".repeat(longestRun(content) + 1);
  const padding = /^`|`$|^ .* $/.test(content) ? " " : "";
  return fence + padding + content + padding + fence;
}

/** A fenced block of Markdown that ends where we end it. */
export function markdownFence(value: string, language = ""): string {
  const content = visible(value).replace(/^\n+|\s+$/g, "");
  const fence = "`".repeat(Math.max(3, longestRun(content) + 1));
  const name = /^[a-z0-9+-]*$/.test(language) && !LANGUAGES_THAT_RENDER.has(language) ? language : "";
  return `${fence}${name}\n${content}\n${fence}`;
}

const longestRun = (content: string) => Math.max(0, ...(content.match(/`+/g) ?? []).map((run) => run.length));

/** A path of the repository as a relative URI: each segment encoded, nothing in it a scheme, a query or a fragment. */
export function uriPath(path: string): string {
  const encoded = toUSVString(path)
    .split("/")
    .map((segment) =>
      encodeURIComponent(segment).replace(/[!'()*]/g, (character) => `%${codePoint(character).toString(16).toUpperCase()}`),
    );
  return encoded.join("/");
}

/** Target of a Markdown link. Not for foreign URLs: only for ours, with foreign paths in them. */
export const markdownUrl = (base: string, ...path: string[]): string =>
  [base.replace(/\/+$/, ""), ...path.map(uriPath)].join("/");

/** The quoted label of a node in a Mermaid flowchart, of these lines; an empty one would be a fault of the whole chart. */
export function mermaidLabel(...lines: string[]): string {
  const escaped = lines.map((line) =>
    oneLine(line).replace(/[^\p{L}\p{M}\p{N} ,_-]/gu, (character) => `#${codePoint(character)};`),
  );
  return `"${escaped.filter(Boolean).join("<br/>") || "…"}"`;
}

/** For XML and HTML, between tags and inside attributes: visible text, of characters that XML can hold at all. */
export const xmlText = (value: string): string =>
  visible(value)
    .replace(/[&<>"']/g, entity)
    .replace(/[\ufffe\uffff]/g, "\ufffd");
