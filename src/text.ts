/**
 * Text as data: a sentence is a list of parts, and each reporter escapes the parts for the place it writes to.
 * Nothing here is Markdown, and foreign text (names, SQL, database errors) only ever travels inside a part.
 */

/** Prose, a piece of code inside a sentence, or lines to paste. */
export type Part = { text: string } | { code: string } | { block: string; language: string };

export type Text = readonly Part[];

/** A piece of code inside a sentence: an identifier, a path, a short SQL fragment. */
export const code = (value: string | number): Part => ({ code: String(value) });

/** Lines to paste or to read: a command, a diff, SQL. */
export const block = (value: string, language = ""): Part => ({ block: value, language });

/**
 * Template tag that makes a Text: plain strings and numbers become prose, parts and texts are kept.
 *
 * @example text`upgrade() of ${code(id)} failed`
 */
export function text(strings: TemplateStringsArray, ...values: (string | number | Part | Text)[]): Text {
  const parts: Part[] = [];
  const add = (part: Part) => {
    const last = parts.at(-1);
    if ("text" in part && last && "text" in last) parts[parts.length - 1] = { text: last.text + part.text };
    else if (!("text" in part) || part.text !== "") parts.push(part);
  };
  strings.forEach((string, index) => {
    add({ text: string });
    const value = values[index];
    if (value === undefined) return;
    if (typeof value !== "object") add({ text: String(value) });
    else if (Array.isArray(value)) value.forEach(add);
    else add(value as Part);
  });
  return parts;
}

/** `a, b and c`, each item as code; after `limit` items the rest is counted: `a, b and 7 more`. */
export function listOf(items: readonly string[], limit = 5): Text {
  const shown = items.length > limit ? items.slice(0, limit - 1) : items;
  const rest = items.length - shown.length;
  const parts: Text[] = shown.map((item) => text`${code(item)}`);
  if (rest > 0) parts.push(text`${rest} more`);
  return parts.flatMap((part, index) => [
    ...(index === 0 ? [] : [{ text: index === parts.length - 1 ? " and " : ", " }]),
    ...part,
  ]);
}

/** `1 revision`, `2 revisions`. */
export const count = (number: number, noun: string, plural = `${noun}s`): string => `${number} ${number === 1 ? noun : plural}`;

/** The text without any mark-up, for places that have none. Blocks stand on lines of their own. */
export function plain(parts: Text): string {
  return parts
    .map((part) => ("text" in part ? part.text : "code" in part ? part.code : `\n${part.block}\n`))
    .join("")
    .trim();
}
