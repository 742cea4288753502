/** Plain modules, told at a glance: most revisions are a few names and two functions, whose bodies are calls one below the other. */
import type { Node } from "./python-syntax.ts";
import { KEYWORDS } from "./python-tokens.ts";

const END_OF_WORD = String.raw`(?![\w\x80-\uffff])`;
const NAME = String.raw`(?!(?:${[...KEYWORDS].join("|")})\b)[A-Za-z_]\w*${END_OF_WORD}`;
const sticky = (...parts: readonly string[]): RegExp => new RegExp(parts.join("|"), "y");

/** Operands without brackets. Long strings, strings with a backslash and those that follow each other are looked at in more detail. */
const PLAIN = sticky(
  String.raw`${NAME}(?:\.${NAME})*(?!["'])`,
  String.raw`"[^"\\\n]*"(?![ \t\n#]*["'uU])`,
  String.raw`'[^'\\\n]*'(?![ \t\n#]*["'uU])`,
  String.raw`(?:0|[1-9]\d*)(?:\.\d*)?(?![\w.\x80-\uffff])`,
  `(?:None|True|False)${END_OF_WORD}`,
);
const DOTTED = String.raw`${NAME}(?:\.${NAME})*`;
const CALLED = sticky(String.raw`${DOTTED}(?=\()`);
const AS_NAME = String.raw`(?:[ \t]+as[ \t]+(${NAME}))?`;
/** The module that is imported from, what is imported, and its other name. */
const IMPORT = sticky(String.raw`()import[ \t]+(${DOTTED})${AS_NAME}`);
const IMPORT_FROM = sticky(String.raw`from[ \t]+(?!__future__)(${DOTTED})[ \t]+import[ \t]+(${NAME})${AS_NAME}`);
const DOCSTRING = /"""([^\\]*?)"""/y;
const TEXT = sticky(String.raw`"[^"\\\n]*"(?!["])`, String.raw`'[^'\\\n]*'(?!['])`);
const NONE = sticky(`None${END_OF_WORD}`);
/** Functions without parameters are all that Alembic calls. */
const DEFINITION = sticky(String.raw`def[ \t]+(${NAME})\(\)(?:[ \t]*->[ \t]*None)?[ \t]*(?=:)`);
const A_NAME = sticky(NAME);
/** The name of an argument or of what is assigned to. */
const TARGET = sticky(String.raw`${NAME}[ \t]*=(?!=)`);
const ATTRIBUTE = sticky(String.raw`\.[ \t]*${NAME}`);
const SIGNS = /(?:[-+~][ \t]*){1,3}/y;
/** Between two operands. */
const OPERATOR = /\*\*|\/\/|<<|>>|[<>=!]=|[-+*/%|&^<>](?!=)|(?:not[ \t]+)?in\b|is(?:[ \t]+not)?\b/y;
const JUNCTION = /(?:and|or)\b/y;
const NOT = /(?:not\b[ \t]*){1,3}/y;
const AS = /as\b/y;
const IN = /in\b/y;
const ELSE = /else\b/y;
const ELIF = /elif\b/y;
const IF = /if\b/y;
const FOR = /for\b/y;
const WITH = /with\b/y;
const PASS = /pass\b/y;
const RETURN = /return\b/y;
const STRING = /[uU]?["']/y;
const SPACE = /(?:[ \t]+|#[^\n]*)+/y;
const SPACE_IN_BRACKETS = /(?:[ \t\n]+|#[^\n]*)+/y;
/** Lines without a statement, and the indentation of the one that has one. */
const INDENTATION = /(?: *(?:#[^\n]*)?\n)* */y;
/** What ends an expression, most often. */
const ENDS: ReadonlySet<string | undefined> = new Set([",", ")", "]", "}", ":", "\n", undefined]);
/** What may follow a backslash without ado. */
const ESCAPES: ReadonlySet<string> = new Set("\n\\'\"nrt");
/** How deep brackets and blocks are followed. CPython compiles 20 blocks within each other. */
const DEEPEST = 20;

/** The text of a block that was not parsed, and is no empty one. */
export const SKIMMED = "skimmed";

const leaf = (kind: string, start: number, end: number, text = "", items: readonly (Node | null)[] = []): Node => ({
  kind,
  text,
  items,
  start,
  end,
});

/**
 * Reads a module without cutting it into tokens. Of what it takes is known that Python compiles it. In the tree annotations are
 * left out, and bodies of functions are empty and have the text SKIMMED: each does something before it raises anything.
 *
 * @returns undefined where there is more than imports, names that are given literals or a call's result, and functions of calls,
 *   literals, operators, `if`, `for`, `with` and assignments to a name: that must be parsed
 */
export function glanceOver(source: string): Node | undefined {
  let at = 0;
  let last = 0;
  /** Open brackets. */
  let nested = 0;
  /** Open blocks. */
  let depth = 0;
  /** A statement that does something was seen. */
  let working = false;

  /** Goes on behind a token and the space that follows it. */
  const pass = (end: number): true => {
    at = last = end;
    const next = source.charCodeAt(at);
    if (next < 36) {
      const space = nested > 0 ? SPACE_IN_BRACKETS : SPACE;
      space.lastIndex = at;
      if (space.test(source)) at = space.lastIndex;
    }
    return true;
  };
  const is = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    return pattern.test(source);
  };
  /** Takes what a pattern finds here. */
  const take = (pattern: RegExp): boolean => is(pattern) && pass(pattern.lastIndex);
  const exec = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found) pass(at + found[0].length);
    return found ?? undefined;
  };
  const takeOne = (character: string): boolean => source[at] === character && pass(at + 1);

  /** Literals that follow each other, without escapes that Python may refuse. */
  const strings = (): boolean => {
    if (!is(STRING)) return false;
    do {
      const start = STRING.lastIndex - 1;
      const quote = source[start]!;
      const quotes = source.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
      let index = start + quotes.length;
      while (!source.startsWith(quotes, index)) {
        const character = source[index];
        if (character === undefined || (character === "\n" && quotes === quote)) return false;
        if (character === "\\" && !ESCAPES.has(source[index + 1] ?? "")) return false;
        index += character === "\\" ? 2 : 1;
      }
      pass(index + quotes.length);
    } while (is(STRING));
    return true;
  };
  /** Both brackets, and what stands between them. */
  const bracketed = (closing: string, content: () => boolean): boolean => {
    if (nested === DEEPEST) return false;
    nested += 1;
    pass(at + 1);
    if (!content() || source[at] !== closing) return false;
    nested -= 1;
    return pass(at + 1);
  };
  /** Items with commas between them, and perhaps one behind the last. */
  const list = (closing: string, item: () => boolean): boolean => {
    while (source[at] !== closing) {
      if (!item()) return false;
      if (!takeOne(",")) break;
    }
    return true;
  };
  const items = (closing: string): boolean => bracketed(closing, () => list(closing, expression));
  const callArguments = (): boolean => {
    const names: string[] = [];
    return list(")", () => {
      const named = is(TARGET) ? source.slice(at, TARGET.lastIndex - 1).trimEnd() : undefined;
      if (named === undefined) return names.length === 0 && expression();
      if (names.includes(named)) return false;
      names.push(named);
      return take(TARGET) && expression();
    });
  };
  const dictOrSet = (): boolean => {
    let isDict: boolean | undefined;
    return list("}", () => {
      if (!expression()) return false;
      const isPair = takeOne(":");
      isDict ??= isPair;
      return isDict === isPair && (!isPair || expression());
    });
  };
  const operand = (): boolean => {
    if (take(PLAIN)) return true;
    if (source[at] === "(") return items(")");
    if (source[at] === "[") return items("]");
    return source[at] === "{" ? bracketed("}", dictOrSet) : strings();
  };
  /** An operand with the attributes, calls and subscripts behind it. */
  const primary = (): boolean => {
    if (!operand()) return false;
    for (;;) {
      const next = source[at];
      if (next === "(") {
        if (!bracketed(")", callArguments)) return false;
      } else if (next === "[") {
        if (!bracketed("]", expression)) return false;
      } else if (next !== ".") return true;
      else if (!take(ATTRIBUTE)) return false;
    }
  };
  const comparison = (): boolean => {
    if (source[at] === "n") take(NOT);
    do {
      if (source[at] === "-" || source[at] === "+" || source[at] === "~") take(SIGNS);
      if (!primary()) return false;
    } while (!ENDS.has(source[at]) && take(OPERATOR));
    return true;
  };
  const expression = (): boolean => {
    do if (!comparison()) return false;
    while (!ENDS.has(source[at]) && take(JUNCTION));
    return true;
  };

  let column = 0;
  const standsAt = (indentation: number): boolean => column === indentation;
  /** Goes to the next line that has a statement; behind the last one the column is 0. */
  const lineAfter = (end: number): void => {
    INDENTATION.lastIndex = end;
    INDENTATION.test(source);
    at = INDENTATION.lastIndex;
    if (source[at] === "#" || at >= source.length) at = source.length;
    column = at === source.length ? 0 : at - source.lastIndexOf("\n", at - 1) - 1;
  };
  const endOfLine = (): boolean => {
    if (at < source.length && source[at] !== "\n") return false;
    lineAfter(Math.min(at + 1, source.length));
    return true;
  };
  const several = (item: () => boolean): boolean => {
    do if (!item()) return false;
    while (takeOne(",") && source[at] !== "\n");
    return true;
  };
  const withItem = (): boolean => expression() && (!take(AS) || take(A_NAME));

  /** `:`, and the block below the line. */
  const blockBelow = (): boolean => {
    const outer = column;
    return takeOne(":") && endOfLine() && column > outer && block();
  };
  /** Goes on with `for`. */
  const withElse = (): boolean => {
    const outer = column;
    return blockBelow() && (column !== outer || !take(ELSE) || blockBelow());
  };
  /** Goes on with `if`. */
  const withElif = (): boolean => {
    const outer = column;
    for (let tests = 0; tests < DEEPEST; tests++) {
      if (!expression() || !blockBelow()) return false;
      if (column !== outer || !take(ELIF)) return column !== outer || !take(ELSE) || blockBelow();
    }
    return false;
  };
  const statement = (): boolean => {
    if (take(IF)) return withElif();
    if (take(FOR)) return several(() => take(A_NAME)) && take(IN) && several(expression) && withElse();
    if (take(WITH)) return several(withItem) && blockBelow();
    if (take(PASS)) return endOfLine();
    if (take(RETURN)) return endOfLine() || (several(expression) && endOfLine());
    working ||= is(A_NAME) && !is(STRING);
    take(TARGET);
    return several(expression) && endOfLine();
  };
  const block = (): boolean => {
    const indentation = column;
    if (depth === DEEPEST) return false;
    depth += 1;
    do if (!statement()) return false;
    while (standsAt(indentation));
    depth -= 1;
    return column < indentation;
  };

  /** A string, None, or a tuple of them. */
  const literal = (): Node | undefined => {
    const start = at;
    if (take(TEXT)) return leaf("String", start, last, source.slice(start + 1, last - 1));
    if (take(NONE)) return leaf("Constant", start, last, "None");
    if (source[at] !== "(") return undefined;
    const items: Node[] = [];
    let commas = 0;
    const several = () =>
      list(")", () => {
        const item = literal();
        if (item) items.push(item);
        if (source[at] === ",") commas += 1;
        return item !== undefined;
      });
    return bracketed(")", several) && commas > 0 ? leaf("Tuple", start, last, "", items) : undefined;
  };
  const call = (): Node | undefined => {
    const start = at;
    return take(CALLED) && bracketed(")", callArguments) ? leaf("Call", start, last) : undefined;
  };
  const assignment = (): Node | undefined => {
    const start = at;
    if (!take(A_NAME)) return undefined;
    const target = leaf("Name", start, last, source.slice(start, last));
    const annotated = takeOne(":");
    if (annotated && !expression()) return undefined;
    const value = takeOne("=") ? (literal() ?? call()) : undefined;
    if (!value) return undefined;
    return annotated
      ? leaf("AnnAssign", start, last, "", [target, null, value])
      : leaf("Assign", start, last, "", [target, value]);
  };
  const definition = (): Node | undefined => {
    const start = at;
    const name = exec(DEFINITION)?.[1];
    if (name === undefined || !takeOne(":") || !endOfLine() || column === 0) return undefined;
    const first = at;
    working = false;
    if (take(PASS)) {
      const nothing = leaf("Block", first, last, "", [leaf("Pass", first, last)]);
      return endOfLine() && column === 0 ? leaf("FunctionDef", start, last, name, [nothing]) : undefined;
    }
    if (!block() || !working) return undefined;
    return leaf("FunctionDef", start, last, name, [leaf("Block", first, last, SKIMMED)]);
  };
  const imported = (): Node | undefined => {
    const start = at;
    const [text, module, name = "", other] = exec(source[at] === "i" ? IMPORT : IMPORT_FROM) ?? [];
    if (text === undefined) return undefined;
    const alias = leaf("Alias", start, last, name, other === undefined ? [] : [leaf("Name", start, last, other)]);
    return module === "" ? leaf("Import", start, last, "", [alias]) : leaf("ImportFrom", start, last, module, [alias]);
  };
  const docstring = (): Node | undefined => {
    const text = exec(DOCSTRING)?.[1];
    const value = leaf("String", 0, last, text);
    return text === undefined ? undefined : leaf("Expr", 0, last, "", [value]);
  };

  // Other ends of lines are for the parser.
  if (source.includes("\r")) return undefined;
  const statements: Node[] = [];
  lineAfter(0);
  while (at < source.length && standsAt(0)) {
    const first = source[at];
    const isDefinition = first === "d" && is(DEFINITION);
    const begin = isDefinition
      ? definition()
      : first === "i" || first === "f"
        ? imported()
        : first === '"' && statements.length === 0
          ? docstring()
          : assignment();
    if (!begin || (!isDefinition && !endOfLine())) return undefined;
    statements.push(begin);
  }
  return column === 0 ? { kind: "Module", text: "", items: statements, start: 0, end: source.length } : undefined;
}
