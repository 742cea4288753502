/** Reading SQL roughly: it may be anybody's, and what cannot be read is left alone. */

/** An identifier, as the source of a regular expression. */
export const NAME = '(?:"(?:[^"]|"")+"|[\\w$]+)';
/** A table, with its schema or without, as a group. */
export const TABLE = `(${NAME}(?:\\s*\\.\\s*${NAME})?)`;

/** Text between the parenthesis at `open` and the one that closes it, and where that stands. */
export function inside(sql: string, open: number): { text: string; end: number } | undefined {
  let depth = 0;
  for (let at = open; at < sql.length; at++) {
    const character = sql[at]!;
    if (character === "'" || character === '"') {
      const end = sql.indexOf(character, at + 1);
      if (end === -1) return undefined;
      at = end;
    } else if (character === "(") depth += 1;
    else if (character === ")" && --depth === 0) return { text: sql.slice(open + 1, at).trim(), end: at + 1 };
  }
  return undefined;
}

/** The parts between commas, or other separators, that stand in no parentheses and no quotes. */
export function split(sql: string, separator = ","): string[] {
  const parts: string[] = [];
  let start = 0;
  let depth = 0;
  for (let at = 0; at < sql.length; at++) {
    const character = sql[at]!;
    if (character === "'" || character === '"') {
      const end = sql.indexOf(character, at + 1);
      at = end === -1 ? sql.length : end;
    } else if (character === "(" || character === "[") depth += 1;
    else if (character === ")" || character === "]") depth -= 1;
    else if (character === separator && depth === 0) {
      parts.push(sql.slice(start, at).trim());
      start = at + 1;
    }
  }
  return [...parts, sql.slice(start).trim()].filter((part) => part !== "");
}

/** The line of SQL in which a server found an error: Postgres tells the character, our reader of SQLite files the line. */
export function lineOf(error: Error & { position?: string; line?: number }, sql: string): number | undefined {
  if (error.position !== undefined) return sql.slice(0, Number(error.position) - 1).split("\n").length;
  return error.line;
}
