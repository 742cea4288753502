/** Texts that a pattern matches: people's conditions on texts are regular expressions as often as lists. */

/** How long something goes on that may go on for ever. */
const MORE = 2;
/** Patterns that say more than this are not read. */
const LONGEST = 300;

/** A part of a pattern: the n-th text that it matches. */
type Part = (n: number) => string;

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";
const CLASSES: Record<string, string> = {
  d: DIGITS,
  w: `${LETTERS}${DIGITS}_`,
  s: " ",
  D: LETTERS,
  W: "-",
  S: LETTERS,
};
const POSIX: Record<string, string> = {
  alpha: LETTERS,
  lower: LETTERS,
  upper: LETTERS.toUpperCase(),
  digit: DIGITS,
  alnum: LETTERS + DIGITS,
  xdigit: `${DIGITS}abcdef`,
  space: " ",
  punct: "-",
};

/**
 * Some texts that a regular expression matches, as far as it is a usual one. They may be wrong: the server has the last word.
 *
 * @param pattern as Postgres has it, without quotes
 */
export function textsLike(pattern: string, count = 3): string[] {
  if (pattern.length > LONGEST) return [];
  const found = readAlternatives(pattern, 0);
  if (!found || found.end < pattern.length) return [];
  return [...new Set(Array.from({ length: count }, (_, n) => found.part(n)))];
}

/** Some texts that LIKE matches. */
export const textsOfLike = (pattern: string): string[] =>
  ["", "a", "12"].map((filler) => pattern.replaceAll("%", filler).replaceAll("_", "a"));

interface Read {
  part: Part;
  end: number;
}

/** Alternatives, until a parenthesis closes or the pattern ends. */
function readAlternatives(pattern: string, start: number): Read | undefined {
  const alternatives: Part[] = [];
  let at = start;
  for (;;) {
    const parts: Part[] = [];
    while (at < pattern.length && pattern[at] !== "|" && pattern[at] !== ")") {
      const piece = readPiece(pattern, at);
      if (!piece) return undefined;
      const repeated = readRepetition(pattern, piece);
      if (!repeated) return undefined;
      parts.push(repeated.part);
      at = repeated.end;
    }
    alternatives.push((n) => parts.map((part) => part(n)).join(""));
    if (pattern[at] !== "|") break;
    at += 1;
  }
  return { part: (n) => alternatives[n % alternatives.length]!(n), end: at };
}

const oneOf =
  (characters: string): Part =>
  (n) =>
    characters[n % characters.length]!;

function readPiece(pattern: string, at: number): Read | undefined {
  const character = pattern[at]!;
  if (character === "^" || character === "$") return { part: () => "", end: at + 1 };
  if (character === ".") return { part: oneOf(LETTERS), end: at + 1 };
  if (character === "(") {
    const kind = /^\((?:\?[:i])?/.exec(pattern.slice(at))![0];
    if (pattern[at + 1] === "?" && kind !== "(?:") return undefined;
    const inner = readAlternatives(pattern, at + kind.length);
    return inner && pattern[inner.end] === ")" ? { part: inner.part, end: inner.end + 1 } : undefined;
  }
  if (character === "[") return readClass(pattern, at);
  if (character === "\\") {
    const next = pattern[at + 1];
    if (next === undefined) return undefined;
    const known = CLASSES[next];
    if (known !== undefined) return { part: oneOf(known), end: at + 2 };
    // Bounds of words and of the text.
    if (/[ymMAZbB]/.test(next)) return { part: () => "", end: at + 2 };
    return /[a-z0-9]/i.test(next) ? undefined : { part: () => next, end: at + 2 };
  }
  return /[*+?{}]/.test(character) ? undefined : { part: () => character, end: at + 1 };
}

/** `[a-z_]`, `[^@]`, `[[:alpha:]]`. */
function readClass(pattern: string, start: number): Read | undefined {
  const whole = /^\[(\^?)((?:\]|\[:\w+:\]|\\.|[^\]\\])(?:\[:\w+:\]|\\.|[^\]\\])*)\]/s.exec(pattern.slice(start));
  if (!whole) return undefined;
  let characters = "";
  for (const [item, name, escaped, from, to] of whole[2]!.matchAll(/\[:(\w+):\]|\\(.)|(.)-(.)|./gs)) {
    if (name !== undefined) characters += POSIX[name] ?? "";
    else if (escaped !== undefined) characters += CLASSES[escaped] ?? escaped;
    else if (from !== undefined && to !== undefined)
      for (let code = from.charCodeAt(0); code <= to.charCodeAt(0) && characters.length < 200; code++)
        characters += String.fromCharCode(code);
    else characters += item;
  }
  const end = start + whole[0].length;
  if (whole[1] === "") return characters === "" ? undefined : { part: oneOf(characters), end };
  const others = (LETTERS + DIGITS)
    .split("")
    .filter((one) => !characters.includes(one))
    .join("");
  return others === "" ? undefined : { part: oneOf(others), end };
}

/** What stands behind a piece: `*`, `+`, `?`, `{2,3}`. */
function readRepetition(pattern: string, { part, end }: Read): Read | undefined {
  const found = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(pattern.slice(end));
  if (!found) return { part, end };
  const [whole, least, comma, most] = found;
  const min = least === undefined ? (whole.startsWith("+") ? 1 : 0) : Number(least);
  const max = whole.startsWith("?") ? 1 : least === undefined || most === "" ? (comma === "" ? min : min + MORE) : Number(most);
  if (max > 1000 || max < min) return undefined;
  // The shortest, the longest, and what lies between.
  const times = (n: number) => Math.min(max, min + (n % (max - min + 1)));
  return {
    part: (n) => Array.from({ length: times(n + (min === 0 ? 1 : 0)) }, (_, index) => part(n + index)).join(""),
    end: end + whole.length,
  };
}
