/** Python's tokens, as CPython's tokenizer cuts them. */

/** Reserved words are `op`, like all else that stands for itself; soft keywords (`match`, `type`) are names. */
export interface Token {
  kind: "name" | "number" | "string" | "op" | "newline" | "indent" | "dedent" | "end";
  /** Of indent and dedent empty. */
  text: string;
  start: number;
  end: number;
}

/** The column that white space leads to, with tabs every eighth column, and with tabs as one. */
function indentOf(space: string): { column: number; alternative: number } {
  let column = 0;
  let alternative = 0;
  for (const character of space) {
    if (character === "\f") column = alternative = 0;
    else {
      column = character === "\t" ? (Math.floor(column / 8) + 1) * 8 : column + 1;
      alternative += 1;
    }
  }
  return { column, alternative };
}

/** Where Python gives up, as an offset, and why. */
export interface Problem {
  offset: number;
  detail: string;
}

/** Reserved words. */
export const KEYWORDS: ReadonlySet<string> = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from global if import in is " +
    "lambda nonlocal not or pass raise return try while with yield"
  ).split(" "),
);

const NAME = /[\p{XID_Start}_][\p{XID_Continue}]*/uy;
/** The usual case, and much faster. */
const ASCII_NAME = /[A-Za-z_]\w*(?![\w\x80-\uffff])/y;
const MAY_START_STRING = /["'RUBFTrubft]/;
const STRING_START = /(?:[rub]|br|rb|f|fr|rf|t|tr|rt)?(?:'''|"""|'|")/iy;
const NUMBER =
  /0x(?:_?[\da-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+|(?:\d(?:_?\d)*\.?(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*)(?:e[+-]?\d(?:_?\d)*)?j?/iy;
const OPERATOR =
  /\*\*=|\/\/=|>>=|<<=|\.\.\.|\*\*|\/\/|>>|<<|<=|>=|==|!=|->|:=|\+=|-=|\*=|\/=|%=|&=|\|=|\^=|@=|[-+*/%@&|^~<>()[\]{},:.;=]/y;
const SPACE = /(?:[ \t\f]|\\(?:\r\n|\r|\n))+/y;
const LINE_END = /\r\n|\r|\n/y;
const COMMENT = /#[^\r\n]*/y;
const INDENT = /[ \t\f]*/y;
const JOINED = /\\(?:\r\n|\r|\n)[ \t\f]*/y;
/** Words that may touch a number: `1if x else 2`. */
const AFTER_NUMBER = /(?:and|else|for|if|in|is|not|or)\b/y;
const CONFLICT = /(?:<{7}|={7}|>{7})(?![<=>])/y;
const CONFLICT_LEFT = "a merge conflict was left in the file";

const NAMED_CHARACTER = /\\N\{[^}\r\n]*\}/y;
const BACKSLASH = 92;
const BRACE = 123;

/** Operators that no other begins with. */
const SINGLE: ReadonlySet<string> = new Set("()[]{},;");
const CLOSES: Record<string, string> = { ")": "(", "]": "[", "}": "{" };

function match(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.test(source) ? source.slice(at, pattern.lastIndex) : undefined;
}

/** The end of the string literal that begins at an offset, or a problem. `opening` is its prefix and quotes. */
function stringEnd(source: string, at: number, opening: string, limit: number): number | Problem {
  const quotes = /['"]+$/.exec(opening)![0];
  const prefix = opening.slice(0, -quotes.length).toLowerCase();
  const replaced = /[ft]/.test(prefix);
  const raw = prefix.includes("r");
  const long = quotes.length === 3;
  const open = (detail: string): Problem => ({ offset: at, detail });
  const quote = quotes.charCodeAt(0);
  let index = at + opening.length;
  while (index < limit) {
    const character = source.charCodeAt(index);
    if (character === quote) {
      if (!long || (source.charCodeAt(index + 1) === quote && source.charCodeAt(index + 2) === quote))
        return index + quotes.length;
      index += 1;
    } else if (character === BACKSLASH) {
      // \N{…} is a name, not a replacement.
      const name = replaced && !raw ? match(NAMED_CHARACTER, source, index) : undefined;
      const next = source[index + 1];
      if (name !== undefined) index += name.length;
      else if (replaced && (next === "{" || next === "}")) index += 1;
      else index += next === "\r" && source[index + 2] === "\n" ? 3 : 2;
    } else if (!long && (character === 10 || character === 13)) return open("unterminated string literal");
    else if (replaced && character === BRACE) {
      if (source.charCodeAt(index + 1) === BRACE) index += 2;
      else {
        const end = replacementEnd(source, index, limit);
        if (typeof end !== "number") return end;
        index = end;
      }
    } else index += 1;
  }
  return open(long ? "unterminated triple-quoted string literal" : "unterminated string literal");
}

/** What a replacement field of an f-string is made of, as offsets. */
export interface Field {
  expression: [start: number, end: number];
  /** `{x=}`: the expression's own text is part of the string, up to here. */
  shownEnd?: number;
  conversion: string;
  /** The format after `:`, braces inside included. */
  format?: [start: number, end: number];
  end: number;
}

/** Cuts the replacement field whose `{` stands at an offset. */
export function cutField(source: string, at: number, limit: number): Field | Problem {
  let depth = 0;
  let index = at + 1;
  let end: number | undefined;
  let shownEnd: number | undefined;
  let conversion = "";
  const problem: Problem = { offset: at, detail: "f-string: expecting '}'" };
  while (index < limit) {
    const character = source[index]!;
    const opening = match(STRING_START, source, index);
    // A prefix is one only where no name goes on: `buff"` is a name before a string.
    if (opening !== undefined && (/^['"]/.test(opening) || !/[\p{XID_Continue}]/u.test(source[index - 1] ?? ""))) {
      const after = stringEnd(source, index, opening, limit);
      if (typeof after !== "number") return after;
      index = after;
    } else if ("([{".includes(character)) {
      depth += 1;
      index += 1;
    } else if (depth > 0 && ")]}".includes(character)) {
      depth -= 1;
      index += 1;
    } else if (depth > 0) index += 1;
    else if (character === "}") {
      return { expression: [at + 1, end ?? index], shownEnd, conversion, end: index + 1 };
    } else if (character === "!" && source[index + 1] !== "=") {
      end ??= index;
      conversion = match(/!\s*[a-z]+\s*/y, source, index) ?? "!";
      index += conversion.length;
      conversion = conversion.slice(1).trim();
      if (!["s", "r", "a"].includes(conversion)) return { offset: index, detail: "f-string: invalid conversion character" };
    } else if (character === "=" && source[index + 1] !== "=" && !"=!<>:".includes(source[index - 1]!)) {
      end ??= index;
      index += 1;
      index += match(/\s*/y, source, index)!.length;
      shownEnd = index;
    } else if (character === ":") {
      end ??= index;
      const format: [number, number] = [index + 1, index + 1];
      index += 1;
      while (index < limit && source[index] !== "}") {
        if (source[index] !== "{") index += 1;
        else {
          const after = replacementEnd(source, index, limit);
          if (typeof after !== "number") return after;
          index = after;
        }
      }
      if (index >= limit) return problem;
      format[1] = index;
      return { expression: [at + 1, end], shownEnd, conversion, format, end: index + 1 };
    } else index += 1;
  }
  return problem;
}

function replacementEnd(source: string, at: number, limit: number): number | Problem {
  const field = cutField(source, at, limit);
  return "detail" in field ? field : field.end;
}

/**
 * Cuts a source into tokens. It never gives up: what Python would refuse is told as the first problem, and cutting goes on.
 *
 * @param within cut only this piece of the source, as if it stood in parentheses
 */
export function tokenize(source: string, within?: [start: number, end: number]): { tokens: Token[]; problem?: Problem } {
  const tokens: Token[] = [];
  const limit = within?.[1] ?? source.length;
  const indents = [{ column: 0, alternative: 0 }];
  const brackets: { text: string; offset: number }[] = [];
  let problem: Problem | undefined;
  let index = within?.[0] ?? 0;
  let lineStart = !within;
  const add = (kind: Token["kind"], text: string, start = index) => {
    tokens.push({ kind, text, start, end: start + text.length });
    index = start + text.length;
  };
  const fail = (detail: string, offset = index) => {
    problem ??= { offset, detail };
  };

  while (index < limit) {
    if (lineStart) {
      lineStart = false;
      const begin = index;
      const conflict = match(CONFLICT, source, index);
      if (conflict !== undefined) {
        fail(CONFLICT_LEFT);
        index += (match(/[^\r\n]*(?:\r\n|\r|\n)?/y, source, index) ?? "").length;
        lineStart = true;
        continue;
      }
      const { column, alternative } = indentOf(match(INDENT, source, index)!);
      index += match(INDENT, source, index)!.length;
      // A line that begins with a continuation has the indentation before it.
      for (
        let joined = match(JOINED, source, index);
        joined !== undefined && joined !== "";
        joined = match(JOINED, source, index)
      )
        index += joined.length;
      const character = source[index];
      if (index >= limit || character === "#" || character === "\n" || character === "\r") {
        index += (match(COMMENT, source, index) ?? "").length;
        index += (match(LINE_END, source, index) ?? "").length;
        lineStart = true;
        continue;
      }
      const top = indents.at(-1)!;
      if (column > top.column) {
        if (alternative <= top.alternative) fail("inconsistent use of tabs and spaces in indentation");
        indents.push({ column, alternative });
        tokens.push({ kind: "indent", text: "", start: begin, end: index });
      } else {
        while (column < indents.at(-1)!.column) {
          indents.pop();
          tokens.push({ kind: "dedent", text: "", start: index, end: index });
        }
        const now = indents.at(-1)!;
        if (column !== now.column) {
          fail("unindent does not match any outer indentation level");
          // Goes on as if the line belonged to the block that is still open.
        } else if (alternative !== now.alternative) fail("inconsistent use of tabs and spaces in indentation");
      }
    }
    const character = source[index]!;
    const code = character.charCodeAt(0);
    if (code === 32 || code === 9 || code === 12 || code === 92) {
      const space =
        code === 32 && source.charCodeAt(index + 1) > 32 && source[index + 1] !== "\\" ? character : match(SPACE, source, index);
      if (space !== undefined) {
        index += space.length;
        continue;
      }
      fail("unexpected character after line continuation character");
      add("op", character);
      continue;
    }
    if (code === 35) {
      index += match(COMMENT, source, index)!.length;
      continue;
    }
    if (code === 10 || code === 13) {
      const end = match(LINE_END, source, index)!;
      if (brackets.length === 0 && !within) {
        add("newline", end);
        lineStart = true;
        continue;
      }
      index += end.length;
      if (match(CONFLICT, source, index) !== undefined) {
        fail(CONFLICT_LEFT);
        index += match(/[^\r\n]*/y, source, index)!.length;
      }
      continue;
    }
    const opening = MAY_START_STRING.test(character) ? match(STRING_START, source, index) : undefined;
    if (opening !== undefined) {
      const end = stringEnd(source, index, opening, limit);
      if (typeof end === "number") add("string", source.slice(index, end));
      else {
        fail(end.detail, end.offset);
        // A long string that never ends takes the rest of the file, another the rest of its line.
        const rest =
          opening.endsWith('"""') || opening.endsWith("'''") ? source.slice(index, limit) : match(/[^\r\n]*/y, source, index)!;
        add("string", rest);
      }
      continue;
    }
    const letter = ((code | 32) >= 97 && (code | 32) <= 122) || code === 95 || code > 127;
    const name = letter ? (match(ASCII_NAME, source, index) ?? match(NAME, source, index)) : undefined;
    if (name !== undefined) {
      add(KEYWORDS.has(name) ? "op" : "name", name);
      continue;
    }
    const number = (code >= 48 && code <= 57) || code === 46 ? match(NUMBER, source, index) : undefined;
    if (number !== undefined) {
      const after = index + number.length;
      if (/^0[\d_]*[1-9]/.test(number) && /^[\d_]+$/.test(number))
        fail("leading zeros in decimal integer literals are not permitted");
      else if (match(NAME, source, after) !== undefined && match(AFTER_NUMBER, source, after) === undefined)
        fail("invalid decimal literal");
      else if (/^\d/.test(source[after] ?? "")) fail("invalid digit in number");
      add("number", number);
      continue;
    }
    const operator = SINGLE.has(character) ? character : match(OPERATOR, source, index);
    if (operator === undefined) {
      fail(`invalid character ${JSON.stringify(character)}`);
      add("op", character);
      continue;
    }
    if ("([{".includes(operator)) brackets.push({ text: operator, offset: index });
    else if (")]}".includes(operator)) {
      const open = brackets.pop();
      if (!open) fail(`unmatched '${operator}'`);
      else if (open.text !== CLOSES[operator])
        fail(`closing parenthesis '${operator}' does not match opening parenthesis '${open.text}'`);
    }
    add("op", operator);
  }
  const open = brackets.at(-1);
  if (open) fail(`'${open.text}' was never closed`, open.offset);
  if (!within) {
    const last = tokens.at(-1);
    if (last && last.kind !== "newline" && last.kind !== "dedent")
      tokens.push({ kind: "newline", text: "", start: limit, end: limit });
    for (let depth = indents.length; depth > 1; depth--) tokens.push({ kind: "dedent", text: "", start: limit, end: limit });
  }
  tokens.push({ kind: "end", text: "", start: limit, end: limit });
  return { tokens, problem };
}
