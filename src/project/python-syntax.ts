/** Python's syntax tree, as CPython's parser builds it: what it refuses is refused here, and a broken statement hides no other. */
import { cutField, tokenize, type Problem, type Token } from "./python-tokens.ts";
import { stringValue } from "./python-values.ts";

/**
 * A node of the tree. `kind` is the name in Python's `ast` where there is one; `text` is what distinguishes nodes of a kind (a name,
 * an operator, a string's value); `items` are the parts in the order of the grammar, null where an optional part is missing:
 *
 * - Module, Block: statements
 * - FunctionDef (text: name; AsyncFunctionDef): Decorators, TypeParams or null, Params, returns or null, Block
 * - ClassDef (text: name): Decorators, TypeParams or null, Arguments, Block
 * - Assign: targets…, value · AnnAssign: target, annotation, value or null · AugAssign (text: operator): target, value
 * - If, While: test, Block, Block or null · For: target, iterable, Block, Block or null · With: WithItem…, Block
 * - Try: Block, Handler…, Else or null, Finally or null · Handler (text: name): type or null, Block
 * - Import, ImportFrom (text: module with its dots): Alias… (text: name), each with a Name where it is renamed
 * - Expr: expression · Return: expression or null · Raise: exception or null, cause or null
 * - Name, Number, String (text: value), Bytes, Constant (None, True, False, Ellipsis) · FString: String and Field
 * - Attribute (text: name): object · Call: function, arguments… · Keyword (text: name, empty for **): value
 * - Invalid (text: its tokens): a statement that Python 3 refuses
 */
export interface Node {
  kind: string;
  text: string;
  items: readonly (Node | null)[];
  start: number;
  end: number;
}

class Refused extends Error {
  readonly problem: Problem;

  constructor(offset: number, detail: string) {
    super(detail);
    this.problem = { offset, detail };
  }
}

const NONE: readonly [] = [];
const NON_ASCII = /[^\x00-\x7f]/;

/** A name as Python compares it. */
const plainName = (text: string): string => (NON_ASCII.test(text) ? text.normalize("NFKC") : text);

const BINARY: Record<string, number> = {
  "|": 1,
  "^": 2,
  "&": 3,
  "<<": 4,
  ">>": 4,
  "+": 5,
  "-": 5,
  "*": 6,
  "/": 6,
  "//": 6,
  "%": 6,
  "@": 6,
};
/** CPython's own limit for parentheses. */
const MOST_NESTED = 200;
const TOO_DEEP = "too many levels of nesting";
const FORGOT_COMMA = "invalid syntax. Perhaps you forgot a comma?";
const COMPARISONS = new Set(["==", "!=", "<", "<=", ">", ">=", "in", "is", "not"]);
const UPDATES = new Set(["+=", "-=", "*=", "/=", "//=", "%=", "@=", "&=", "|=", "^=", ">>=", "<<=", "**="]);
/** What ends an expression list. */
const ENDS = new Set([")", "]", "}", "=", ":", ";", ":=", ...UPDATES]);
/** What cannot go on with an expression. */
const ENDS_ATOM = new Set([",", ")", "]", "}", ":", "="]);
const SIMPLE = new Set(["return", "pass", "break", "continue", "raise", "global", "nonlocal", "del", "assert", "import", "from"]);
const COMPOUND = new Set(["def", "class", "if", "for", "while", "try", "with", "async", "@"]);

/** Where statements stand: what is allowed in them depends on it. */
interface Scope {
  function: "none" | "plain" | "async";
  loop: boolean;
}

/**
 * Parses a module.
 *
 * @returns the tree, and the first thing that Python 3 would refuse
 */
export function parseModule(source: string): { module: Node; problem?: Problem } {
  try {
    return parse(source);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // Strings in strings in strings, until the stack is full.
    return {
      module: { kind: "Module", text: "", items: [], start: 0, end: source.length },
      problem: { offset: 0, detail: TOO_DEEP },
    };
  }
}

function parse(source: string): { module: Node; problem?: Problem } {
  const { tokens, problem: cutting } = tokenize(source);
  const parser = parserOf(source, tokens);
  const module = parser.file();
  const problems = [...parser.problems, ...futureProblems(module), ...(cutting ? [cutting] : [])];
  // Python, too, tells of the bracket that was never closed rather than of what it made of the lines below it.
  const problem = cutting?.detail.endsWith("never closed") ? cutting : problems.sort((a, b) => a.offset - b.offset)[0];
  return { module, problem };
}

const FEATURES = new Set(
  "nested_scopes generators division absolute_import with_statement print_function unicode_literals barry_as_FLUFL generator_stop annotations".split(
    " ",
  ),
);

/** `from __future__ import` stands before everything else but a docstring. */
function futureProblems(module: Node): Problem[] {
  const problems: Problem[] = [];
  let beginning = true;
  (module.items as readonly Node[]).forEach((statement, index) => {
    if (statement.kind !== "ImportFrom" || statement.text !== "__future__") {
      beginning &&= index === 0 && statement.kind === "Expr" && statement.items[0]!.kind === "String";
      return;
    }
    const unknown = statement.items.find((alias) => !FEATURES.has(alias!.text));
    if (unknown) problems.push({ offset: statement.start, detail: `future feature ${unknown.text} is not defined` });
    else if (!beginning)
      problems.push({ offset: statement.start, detail: "from __future__ imports must occur at the beginning of the file" });
  });
  return problems;
}

function parserOf(source: string, tokens: readonly Token[]) {
  let at = 0;
  let scope: Scope = { function: "none", loop: false };
  let comprehending = 0;
  const problems: Problem[] = [];

  // --- tokens
  const now = (): Token => tokens[at]!;
  const ahead = (by: number): Token => tokens[Math.min(at + by, tokens.length - 1)]!;
  const is = (text: string, token = now()): boolean => token.text === text && (token.kind === "op" || token.kind === "name");
  const refuse = (detail = "invalid syntax", offset = now().start): never => {
    throw new Refused(offset, detail);
  };
  const take = (text: string): boolean => {
    if (!is(text)) return false;
    at += 1;
    return true;
  };
  const expect = (text: string, detail = `expected '${text}'`): void => {
    if (!take(text)) refuse(detail);
  };
  const end = (): number => tokens[at - 1]?.end ?? 0;
  const node = (kind: string, start: number, items: readonly (Node | null)[] = NONE, text = ""): Node => ({
    kind,
    text,
    items,
    start,
    end: end(),
  });
  const name = (): string => {
    const token = now();
    if (token.kind !== "name") refuse();
    at += 1;
    return plainName(token.text);
  };
  /** A comma-separated list of at least one; a trailing comma is taken. */
  const list = (item: () => Node, ends: (token: Token) => boolean): { items: Node[]; trailing: boolean } => {
    const items = [item()];
    while (is(",")) {
      at += 1;
      if (ends(now())) return { items, trailing: true };
      items.push(item());
    }
    return { items, trailing: false };
  };
  const endsList = (token: Token) =>
    token.kind === "newline" ||
    token.kind === "end" ||
    (token.kind === "op" && (ENDS.has(token.text) || token.text === "in" || token.text === "for"));
  /** Tries a reading; undefined, and nothing taken, where it does not fit. */
  const attempt = <T>(read: () => T): T | undefined => {
    const back = at;
    const known = problems.length;
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      at = back;
      problems.length = known;
      return undefined;
    }
  };

  // --- expressions
  const atom = (): Node => {
    const token = now();
    if (token.kind === "name") {
      at += 1;
      return node("Name", token.start, [], plainName(token.text));
    }
    if (token.kind === "number") {
      at += 1;
      return node("Number", token.start, [], token.text);
    }
    if (token.kind === "string") return strings();
    switch (token.text) {
      case "None":
      case "True":
      case "False":
        at += 1;
        return node("Constant", token.start, [], token.text);
      case "...":
        at += 1;
        return node("Constant", token.start, [], "Ellipsis");
      case "(":
        return parentheses();
      case "[":
        return brackets();
      case "{":
        return braces();
      default:
        return refuse();
    }
  };

  const parentheses = (): Node => {
    const start = now().start;
    at += 1;
    if (take(")")) return node("Tuple", start);
    if (is("yield")) {
      const inner = yields();
      expect(")");
      return inner;
    }
    const first = starOrNamed();
    if (isComprehension()) {
      if (first.kind === "Starred") refuse("iterable unpacking cannot be used in comprehension", first.start);
      const parts = comprehensions();
      expect(")");
      return node("GeneratorExp", start, [first, ...parts]);
    }
    if (take(")")) {
      if (first.kind === "Starred") refuse("cannot use starred expression here", first.start);
      return first;
    }
    const items = [first];
    while (take(",")) {
      if (is(")")) break;
      items.push(starOrNamed());
    }
    expect(")", FORGOT_COMMA);
    return node("Tuple", start, items);
  };

  const brackets = (): Node => {
    const start = now().start;
    at += 1;
    if (take("]")) return node("List", start);
    const first = starOrNamed();
    if (isComprehension()) {
      if (first.kind === "Starred") refuse("iterable unpacking cannot be used in comprehension", first.start);
      const parts = comprehensions();
      expect("]");
      return collected("ListComp", start, [first, ...parts]);
    }
    const items = [first];
    while (take(",")) {
      if (is("]")) break;
      items.push(starOrNamed());
    }
    expect("]", FORGOT_COMMA);
    return node("List", start, items);
  };

  const braces = (): Node => {
    const start = now().start;
    at += 1;
    if (take("}")) return node("Dict", start);
    const unpacked = is("**");
    const first = unpacked ? pair() : starOrNamed();
    const isDict = unpacked || (is(":") && first.kind !== "Starred");
    const head = isDict && !unpacked ? pairOf(first) : first;
    if (isComprehension()) {
      if (head.kind === "Starred") refuse("iterable unpacking cannot be used in comprehension", head.start);
      if (unpacked) refuse("dict unpacking cannot be used in dict comprehension", head.start);
      const parts = comprehensions();
      expect("}");
      return collected(isDict ? "DictComp" : "SetComp", start, [head, ...parts]);
    }
    const items = [head];
    while (take(",")) {
      if (is("}")) break;
      items.push(isDict ? pair() : starOrNamed());
    }
    expect("}", FORGOT_COMMA);
    return node(isDict ? "Dict" : "Set", start, items);
  };
  const pair = (): Node => {
    const start = now().start;
    return take("**") ? node("Pair", start, [null, binary(1)]) : pairOf(expression());
  };
  const pairOf = (key: Node): Node => {
    expect(":", "':' expected after dictionary key");
    return node("Pair", key.start, [key, expression()]);
  };

  /** One literal or several that follow each other. */
  const strings = (): Node => {
    const start = now().start;
    const parts: Node[] = [];
    let bytes: boolean | undefined;
    while (now().kind === "string") {
      const token = now();
      at += 1;
      let letters = 0;
      while (token.text.charCodeAt(letters) > 39) letters += 1;
      const prefix = token.text.slice(0, letters).toLowerCase();
      const quote = token.text[letters]!;
      const quotes = token.text.startsWith(quote.repeat(3), letters) ? quote.repeat(3) : quote;
      const from = token.start + letters + quotes.length;
      const closed = token.text.length >= letters + 2 * quotes.length && token.text.endsWith(quotes);
      const to = token.end - (closed ? quotes.length : 0);
      const isBytes = prefix.includes("b");
      if (bytes !== undefined && bytes !== isBytes) refuse("cannot mix bytes and nonbytes literals", token.start);
      bytes = isBytes;
      if (/[ft]/.test(prefix)) parts.push(...replaced(from, to, prefix.includes("r")));
      else {
        const value = stringValue(source.slice(from, to), { raw: prefix.includes("r"), bytes: isBytes });
        if (typeof value !== "string") refuse(value.detail, token.start);
        else parts.push(node("String", token.start, [], value));
      }
      if (prefix.includes("t")) parts.push(node("Template", token.start));
    }
    if (bytes) return node("Bytes", start, [], parts.map((part) => part.text).join(""));
    const joined = merged(parts);
    if (joined.every((part) => part.kind === "String")) return node("String", start, [], joined[0]?.text ?? "");
    return node("FString", start, joined);
  };
  /** Neighbouring texts are one, empty ones none. */
  const merged = (parts: readonly Node[]): Node[] => {
    const joined: Node[] = [];
    for (const part of parts) {
      const last = joined.at(-1);
      if (part.kind === "String" && part.text === "") continue;
      if (part.kind === "String" && last?.kind === "String")
        joined[joined.length - 1] = { ...last, text: last.text + part.text, end: part.end };
      else joined.push(part);
    }
    return joined;
  };

  /** The content of an f-string or of a format. */
  const replaced = (from: number, to: number, raw: boolean): Node[] => {
    const parts: Node[] = [];
    const literal = (start: number, stop: number) => {
      if (stop <= start) return;
      const value = stringValue(source.slice(start, stop).replaceAll("{{", "{").replaceAll("}}", "}"), { raw, bytes: false });
      if (typeof value !== "string") refuse(value.detail, start);
      else parts.push({ kind: "String", text: value, items: [], start, end: stop });
    };
    let begin = from;
    let index = from;
    while (index < to) {
      const character = source[index]!;
      if (character === "\\" && !raw) {
        const named = /^\\N\{[^}\r\n]*\}/.exec(source.slice(index, to));
        index += named ? named[0].length : "{}".includes(source[index + 1]!) ? 1 : 2;
      } else if (character === "{" && source[index + 1] !== "{") {
        literal(begin, index);
        const field = cutField(source, index, to);
        if ("detail" in field) throw new Refused(field.offset, field.detail);
        const [start, stop] = field.expression;
        if (source.slice(start, stop).trim() === "") refuse("f-string: valid expression required before '}'", start);
        const inner = tokenize(source, [start, stop]);
        if (inner.problem) throw new Refused(inner.problem.offset, inner.problem.detail);
        const expressionParser = parserOf(source, inner.tokens);
        const value = expressionParser.field();
        const format = field.format
          ? {
              kind: "FString",
              text: "",
              items: merged(replaced(field.format[0], field.format[1], raw)),
              start: field.format[0],
              end: field.format[1],
            }
          : null;
        // `{x=}` is `x={x!r}`.
        if (field.shownEnd !== undefined)
          parts.push({ kind: "String", text: source.slice(start, field.shownEnd), items: [], start, end: field.shownEnd });
        const conversion = field.conversion || (field.shownEnd !== undefined && !format ? "r" : "");
        parts.push({ kind: "Field", text: `!${conversion}`, items: [value, format], start: index, end: field.end });
        index = field.end;
        begin = index;
      } else if (character === "}" && source[index + 1] !== "}") refuse("f-string: single '}' is not allowed", index);
      else index += character === "{" || character === "}" ? 2 : 1;
    }
    literal(begin, to);
    return parts;
  };

  const primary = (): Node => {
    const start = now().start;
    if (take("await")) {
      // A generator may wait wherever it stands: who runs it must be able to.
      if (scope.function !== "async" && comprehending === 0) note("'await' outside async function", start);
      return node("Await", start, [deeper(primary)]);
    }
    let value = atom();
    for (;;) {
      if (take(".")) {
        const attribute = name();
        value = node("Attribute", start, [value], attribute);
      } else if (is("(")) value = node("Call", start, [value, ...callArguments()]);
      else if (take("[")) {
        const index = subscripts();
        expect("]");
        value = node("Subscript", start, [value, index]);
      } else return value;
    }
  };

  const callArguments = (generator = true): Node[] => {
    expect("(");
    const items: Node[] = [];
    const names = new Set<string>();
    let keywords = false;
    let unpacked = false;
    while (!is(")")) {
      const start = now().start;
      if (take("**")) {
        items.push(node("Keyword", start, [expression()]));
        unpacked = true;
      } else if (take("*")) {
        if (unpacked) refuse("iterable argument unpacking follows keyword argument unpacking", start);
        items.push(node("Starred", start, [expression()]));
      } else if (now().kind === "name" && is("=", ahead(1))) {
        const keyword = name();
        at += 1;
        if (names.has(keyword)) note(`keyword argument repeated: ${keyword}`, start);
        names.add(keyword);
        if (is(",") || is(")")) refuse("expected argument value expression");
        items.push(node("Keyword", start, [expression()], keyword));
        keywords = true;
      } else {
        const value = named();
        if (isComprehension()) {
          const whole = node("GeneratorExp", start, [value, ...comprehensions()]);
          if (items.length > 0 || !is(")") || !generator)
            refuse(generator ? "Generator expression must be parenthesized" : "invalid syntax", start);
          items.push(whole);
        } else {
          if (is("=")) refuse('expression cannot contain assignment, perhaps you meant "=="?', start);
          if (unpacked) refuse("positional argument follows keyword argument unpacking", start);
          if (keywords) refuse("positional argument follows keyword argument", start);
          items.push(value);
        }
      }
      if (!take(",")) break;
    }
    expect(")", FORGOT_COMMA);
    return items;
  };

  const subscripts = (): Node => {
    const start = now().start;
    const { items, trailing } = list(
      () => {
        const from = now().start;
        if (take("*")) return node("Starred", from, [binary(1)]);
        const lower = is(":") ? null : named();
        if (!is(":")) return lower!;
        at += 1;
        const bound = () => (is(":") || is(",") || is("]") ? null : expression());
        const upper = bound();
        const step = take(":") ? bound() : null;
        return node("Slice", from, [lower, upper, step]);
      },
      (token) => is("]", token),
    );
    return items.length === 1 && !trailing && items[0]!.kind !== "Starred" ? items[0]! : node("Tuple", start, items);
  };

  let depth = 0;
  /** Nobody writes this deep; who generates it must not break us. */
  const deeper = <T>(read: () => T): T => {
    if (depth > MOST_NESTED) refuse(TOO_DEEP);
    depth += 1;
    try {
      return read();
    } finally {
      depth -= 1;
    }
  };
  const unary = (): Node => {
    const start = now().start;
    const sign = now().text;
    if (now().kind === "op" && (sign === "-" || sign === "+" || sign === "~")) {
      at += 1;
      return node("Unary", start, [deeper(unary)], sign);
    }
    const base = primary();
    return take("**") ? node("Binary", start, [base, deeper(unary)], "**") : base;
  };
  const binary = (level: number): Node => {
    const start = now().start;
    let left = unary();
    for (;;) {
      const operator = now();
      const power = operator.kind === "op" ? BINARY[operator.text] : undefined;
      if (power === undefined || power < level) return left;
      at += 1;
      const right = binary(power + 1);
      left = node("Binary", start, [left, right], operator.text);
    }
  };
  const comparison = (): Node => {
    const start = now().start;
    const items = [binary(1)];
    const operators: string[] = [];
    while (now().kind === "op" && COMPARISONS.has(now().text)) {
      let operator = now().text;
      if (operator === "not" && !is("in", ahead(1))) break;
      at += 1;
      if (operator === "not") {
        at += 1;
        operator = "not in";
      } else if (operator === "is" && take("not")) operator = "is not";
      operators.push(operator);
      items.push(binary(1));
    }
    return operators.length === 0 ? items[0]! : node("Compare", start, items, operators.join(" "));
  };
  const inversion = (): Node => {
    const start = now().start;
    return take("not") ? node("Unary", start, [deeper(inversion)], "not") : comparison();
  };
  const logical = (operator: "and" | "or", operand: () => Node): Node => {
    const start = now().start;
    const items = [operand()];
    while (take(operator)) items.push(operand());
    return items.length === 1 ? items[0]! : node("Bool", start, items, operator);
  };
  const disjunction = (): Node => logical("or", () => logical("and", inversion));

  const expression = (): Node => {
    // Most are a name or a literal alone: no need to ask every level of the grammar.
    const next = ahead(1);
    const alone = next.kind === "newline" || (next.kind === "op" && ENDS_ATOM.has(next.text));
    return alone && now().kind !== "op" ? atom() : deeper(plainExpression);
  };
  const plainExpression = (): Node => {
    const start = now().start;
    if (is("lambda")) return lambda();
    const value = disjunction();
    if (!is("if")) return value;
    at += 1;
    const test = disjunction();
    expect("else", "expected 'else' after 'if' expression");
    return node("IfExp", start, [value, test, expression()]);
  };
  const lambda = (): Node => {
    const start = now().start;
    at += 1;
    const params = parameters(":", false);
    expect(":");
    const outer = scope;
    // A lambda may yield, and what it does is not in our loop.
    scope = { function: "plain", loop: false };
    const body = expression();
    scope = outer;
    return node("Lambda", start, [params, body]);
  };
  const named = (): Node => {
    const start = now().start;
    if (now().kind === "name" && is(":=", ahead(1))) {
      const target = atom();
      at += 1;
      return node("Named", start, [target, expression()]);
    }
    const value = expression();
    if (is(":=")) refuse(`cannot use assignment expressions with ${describe(value)}`, start);
    return value;
  };
  const starOrNamed = (): Node => {
    const start = now().start;
    return take("*") ? node("Starred", start, [binary(1)]) : named();
  };
  const starOrExpression = (): Node => {
    const start = now().start;
    return take("*") ? node("Starred", start, [binary(1)]) : expression();
  };
  /** Expressions with commas between them; several are a tuple. */
  const expressions = (item: () => Node = starOrExpression, starAlone = true): Node => {
    const start = now().start;
    const { items, trailing } = list(item, endsList);
    if (items.length > 1 || trailing) return node("Tuple", start, items);
    if (items[0]!.kind === "Starred" && !starAlone) refuse("cannot use starred expression here", start);
    return items[0]!;
  };
  const yields = (): Node => {
    const start = now().start;
    expect("yield");
    if (scope.function === "none") note("'yield' outside function", start);
    if (take("from")) return node("YieldFrom", start, [expression()]);
    return node("Yield", start, [now().kind === "newline" || endsList(now()) ? null : expressions()]);
  };

  /** Generators may be asynchronous anywhere, what collects at once may not. */
  const collected = (kind: string, start: number, items: Node[]): Node => {
    const asynchronous = items.some((item) => item.kind === "Comprehension" && item.text === "async");
    if (asynchronous && scope.function !== "async" && comprehending === 0)
      note("asynchronous comprehension outside of an asynchronous function", start);
    return node(kind, start, items);
  };
  const isComprehension = (): boolean => is("for") || (is("async") && is("for", ahead(1)));
  const comprehensions = (): Node[] => {
    const parts: Node[] = [];
    comprehending += 1;
    while (isComprehension()) {
      const start = now().start;
      const asynchronous = take("async");
      expect("for");
      const target = targets();
      expect("in");
      const items = [target, disjunction()];
      while (take("if")) items.push(disjunction());
      parts.push(node("Comprehension", start, items, asynchronous ? "async" : ""));
    }
    comprehending -= 1;
    return parts;
  };

  // --- targets
  const describe = (value: Node): string =>
    ({
      Call: "function call",
      Number: "literal",
      String: "literal",
      Bytes: "literal",
      FString: "f-string expression",
      Constant: value.text,
      Binary: "expression",
      Unary: "expression",
      Bool: "expression",
      Compare: "comparison",
      Lambda: "lambda",
      IfExp: "conditional expression",
      Dict: "dict literal",
      Set: "set display",
      Await: "await expression",
      Yield: "yield expression",
      Named: "named expression",
    })[value.kind] ?? "expression";
  const target = (value: Node, how: "assign to" | "delete"): void => {
    if (value.kind === "Name") {
      if (value.text === "__debug__") refuse(`cannot ${how} __debug__`, value.start);
    } else if (value.kind === "Tuple" || value.kind === "List") {
      if (how !== "delete" && value.items.filter((item) => item!.kind === "Starred").length > 1)
        note("multiple starred expressions in assignment", value.start);
      value.items.forEach((item) => target(item!, how));
    } else if (value.kind === "Starred" && how !== "delete") target(value.items[0]!, how);
    else if (value.kind !== "Attribute" && value.kind !== "Subscript") refuse(`cannot ${how} ${describe(value)}`, value.start);
  };
  /** Targets of `for`. */
  const targets = (): Node => {
    const start = now().start;
    const { items, trailing } = list(() => {
      const from = now().start;
      return take("*") ? node("Starred", from, [primary()]) : primary();
    }, endsList);
    if (items.length === 1 && !trailing && items[0]!.kind === "Starred")
      refuse("starred assignment target must be in a list or tuple", start);
    const all = items.length > 1 || trailing ? node("Tuple", start, items) : items[0]!;
    target(all, "assign to");
    return all;
  };

  // --- parameters
  const parameters = (closing: string, annotated: boolean): Node => {
    const start = now().start;
    const items: Node[] = [];
    const names = new Set<string>();
    let defaults = false;
    let star = false;
    let slash = false;
    let keywords = false;
    const parameter = (kind: string): Node => {
      const from = now().start;
      const text = name();
      if (names.has(text)) note(`duplicate argument '${text}' in function definition`, from);
      names.add(text);
      let annotation: Node | null = null;
      if (annotated && take(":")) annotation = kind === "VarParam" ? starOrExpression() : expression();
      let value: Node | null = null;
      if (is("=")) {
        if (kind !== "Param") refuse(`var-${kind === "VarParam" ? "positional" : "keyword"} argument cannot have default value`);
        at += 1;
        value = expression();
      }
      return node(kind, from, [annotation, value], text);
    };
    while (!is(closing)) {
      const from = now().start;
      if (keywords) refuse("arguments cannot follow var-keyword argument");
      if (take("/")) {
        if (slash || star || items.length === 0)
          refuse(items.length === 0 ? "at least one argument must precede /" : "/ must be ahead of *", from);
        slash = true;
        items.push(node("Slash", from));
      } else if (take("**")) {
        items.push(parameter("KwParam"));
        keywords = true;
      } else if (take("*")) {
        if (star) refuse("* argument may appear only once", from);
        star = true;
        if (is(",")) {
          items.push(node("Star", from));
          if (is(closing, ahead(1)) || is("**", ahead(1))) refuse("named arguments must follow bare *", from);
        } else if (is(closing)) refuse("named arguments must follow bare *", from);
        else {
          items.push(parameter("VarParam"));
        }
      } else {
        const one = parameter("Param");
        if (one.items[1] !== null) defaults = true;
        else if (defaults && !star) refuse("parameter without a default follows parameter with a default", from);
        items.push(one);
      }
      if (!take(",")) break;
    }
    return node("Params", start, items);
  };

  // --- statements
  /** Something that Python's compiler refuses although its parser does not. */
  const note = (detail: string, offset: number): void => {
    problems.push({ offset, detail });
  };
  const endOfLine = (): boolean => now().kind === "newline" || now().kind === "end" || is(";");

  const simple = (): Node => {
    const start = now().start;
    const word = now().kind === "op" && SIMPLE.has(now().text) ? now().text : undefined;
    if (word === undefined)
      return now().kind === "name" && is("type") && ahead(1).kind === "name" && (is("=", ahead(2)) || is("[", ahead(2)))
        ? typeAlias()
        : expressionStatement();
    if (word === "import" || word === "from") return imports();
    at += 1;
    switch (word) {
      case "return":
        if (scope.function === "none") note("'return' outside function", start);
        return node("Return", start, [endOfLine() ? null : expressions(undefined, false)]);
      case "pass":
        return node("Pass", start);
      case "break":
      case "continue":
        if (!scope.loop) note(word === "break" ? "'break' outside loop" : "'continue' not properly in loop", start);
        return node(word === "break" ? "Break" : "Continue", start);
      case "raise": {
        if (endOfLine()) return node("Raise", start, [null, null]);
        const exception = expression();
        return node("Raise", start, [exception, take("from") ? expression() : null]);
      }
      case "global":
      case "nonlocal": {
        const names = [name()];
        while (take(",")) names.push(name());
        return node(word === "global" ? "Global" : "Nonlocal", start, [], names.join(" "));
      }
      case "del": {
        const { items } = list(primary, endsList);
        items.forEach((item) => target(item, "delete"));
        return node("Delete", start, items);
      }
      default: {
        const test = expression();
        return node("Assert", start, [test, take(",") ? expression() : null]);
      }
    }
  };

  const typeAlias = (): Node => {
    const start = now().start;
    at += 1;
    const text = name();
    const params = typeParameters();
    expect("=");
    return node("TypeAlias", start, [params, expression()], text);
  };

  const expressionStatement = (): Node => {
    const start = now().start;
    if (
      is("print") &&
      (ahead(1).kind === "string" || ahead(1).kind === "name" || ahead(1).kind === "number") &&
      ahead(1).start > now().end
    ) {
      refuse("Missing parentheses in call to 'print'");
    }
    if (is("exec") && ahead(1).kind === "string") refuse("Missing parentheses in call to 'exec'");
    const first = is("yield") ? yields() : expressions();
    if (is(":")) {
      if (first.kind !== "Name" && first.kind !== "Attribute" && first.kind !== "Subscript") {
        refuse(
          first.kind === "Tuple" || first.kind === "List"
            ? `only single target (not ${first.kind.toLowerCase()}) can be annotated`
            : "invalid syntax",
        );
      }
      at += 1;
      const annotation = expression();
      const value = take("=") ? (is("yield") ? yields() : expressions()) : null;
      return node("AnnAssign", start, [first, annotation, value]);
    }
    if (now().kind === "op" && UPDATES.has(now().text)) {
      if (first.kind !== "Name" && first.kind !== "Attribute" && first.kind !== "Subscript")
        refuse(`'${describe(first)}' is an illegal expression for augmented assignment`, start);
      const operator = now().text;
      at += 1;
      return node("AugAssign", start, [first, is("yield") ? yields() : expressions()], operator);
    }
    const items = [first];
    while (take("=")) items.push(is("yield") ? yields() : expressions());
    if (items.length === 1) {
      if (first.kind === "Starred") note("can't use starred expression here", start);
      return node("Expr", start, items);
    }
    for (const item of items.slice(0, -1)) {
      if (item.kind === "Starred") note("starred assignment target must be in a list or tuple", item.start);
      target(item, "assign to");
    }
    if (items.at(-1)!.kind === "Starred") note("can't use starred expression here", items.at(-1)!.start);
    return node("Assign", start, items);
  };

  const imports = (): Node => {
    const start = now().start;
    const dotted = (): string => {
      let text = name();
      while (take(".")) text += `.${name()}`;
      return text;
    };
    const alias = (read: () => string): Node => {
      const from = now().start;
      const text = read();
      if (!take("as")) return node("Alias", from, [], text);
      const to = now().start;
      const other = name();
      return node("Alias", from, [node("Name", to, [], other)], text);
    };
    if (take("import")) {
      const items = [alias(dotted)];
      while (take(",")) items.push(alias(dotted));
      return node("Import", start, items);
    }
    at += 1;
    let module = "";
    while (is(".") || is("...")) {
      module += now().text;
      at += 1;
    }
    if (!is("import")) module += dotted();
    else if (module === "") refuse();
    expect("import");
    if (is("*")) {
      const from = now().start;
      at += 1;
      if (scope.function !== "none") note("import * only allowed at module level", from);
      return node("ImportFrom", start, [node("Alias", from, [], "*")], module);
    }
    const bracketed = take("(");
    const items = [alias(name)];
    while (take(",")) {
      if (bracketed && is(")")) break;
      if (!bracketed && endOfLine()) refuse("trailing comma not allowed without surrounding parentheses");
      items.push(alias(name));
    }
    if (bracketed) expect(")");
    return node("ImportFrom", start, items, module);
  };

  /** The statements after a colon. */
  /** The end of what stands before a token. */
  const lastOf = (index: number): number => {
    let last = index - 1;
    while (tokens[last]!.kind === "newline" || tokens[last]!.kind === "dedent") last -= 1;
    return tokens[last]!.end;
  };
  const block = (what: string): Node => {
    expect(":", "expected ':'");
    const start = now().start;
    if (now().kind !== "newline") return node("Block", start, simpleLine());
    at += 1;
    if (now().kind !== "indent") refuse(`expected an indented block after ${what}`);
    at += 1;
    const items = deeper(statements);
    const last = lastOf(at);
    if (now().kind === "dedent") at += 1;
    return { kind: "Block", text: "", items, start: items[0]?.start ?? start, end: items.length > 0 ? last : start };
  };
  const within = (inner: Partial<Scope>, what: string): Node => {
    const outer = scope;
    scope = { ...scope, ...inner };
    try {
      return block(what);
    } finally {
      scope = outer;
    }
  };

  const simpleLine = (): Node[] => {
    const items = [simple()];
    while (take(";")) {
      if (now().kind === "newline") break;
      items.push(simple());
    }
    if (now().kind === "newline") at += 1;
    else if (now().kind !== "end") refuse();
    return items;
  };

  const compound = (): Node => {
    const start = now().start;
    const word = now().text;
    const otherwise = () => (take("else") ? block("'else' statement") : null);
    switch (word) {
      case "@": {
        const from = now().start;
        const decorators: Node[] = [];
        while (take("@")) {
          decorators.push(named());
          if (now().kind !== "newline") refuse();
          at += 1;
        }
        const list: Node = { kind: "Decorators", text: "", items: decorators, start: from, end: end() };
        if (is("class")) return classDefinition(list);
        if (is("def") || (is("async") && is("def", ahead(1)))) return functionDefinition(list);
        return refuse();
      }
      case "def":
        return functionDefinition(undefined);
      case "class":
        return classDefinition(undefined);
      case "async": {
        if (is("def", ahead(1))) return functionDefinition(undefined);
        if (!is("for", ahead(1)) && !is("with", ahead(1))) refuse("invalid syntax", ahead(1).start);
        // A generator may wait wherever it stands: who runs it must be able to.
        if (scope.function !== "async") note(`'async ${ahead(1).text}' outside async function`, start);
        at += 1;
        const inner = compound();
        return { ...inner, kind: `Async${inner.kind}`, start };
      }
      case "if":
        return ifStatement();
      case "while": {
        at += 1;
        const test = named();
        const body = within({ loop: true }, "'while' statement");
        return node("While", start, [test, body, otherwise()]);
      }
      case "for": {
        at += 1;
        const variable = targets();
        expect("in");
        const iterable = expressions();
        const body = within({ loop: true }, "'for' statement");
        return node("For", start, [variable, iterable, body, otherwise()]);
      }
      case "with":
        return withStatement();
      default:
        return tryStatement();
    }
  };

  const ifStatement = (): Node => {
    const start = now().start;
    at += 1;
    const test = named();
    const body = block("'if' statement");
    if (is("elif")) {
      const nested = ifStatement();
      return node("If", start, [test, body, { kind: "Block", text: "", items: [nested], start: nested.start, end: nested.end }]);
    }
    return node("If", start, [test, body, take("else") ? block("'else' statement") : null]);
  };

  const withStatement = (): Node => {
    const start = now().start;
    at += 1;
    const item = (): Node => {
      const from = now().start;
      const context = expression();
      if (!take("as")) return node("WithItem", from, [context, null]);
      const variable = primary();
      target(variable, "assign to");
      return node("WithItem", from, [context, variable]);
    };
    const bracketed = is("(")
      ? attempt(() => {
          at += 1;
          const { items } = list(item, (token) => is(")", token));
          expect(")");
          return is(":") ? items : refuse();
        })
      : undefined;
    const items = bracketed ?? [item()];
    if (!bracketed) while (take(",")) items.push(item());
    return node("With", start, [...items, block("'with' statement")]);
  };

  const tryStatement = (): Node => {
    const start = now().start;
    at += 1;
    const body = block("'try' statement");
    const handlers: Node[] = [];
    let grouped = false;
    while (is("except")) {
      const from = now().start;
      at += 1;
      if (take("*")) grouped = true;
      let type: Node | null = null;
      let text = "";
      if (!is(":")) {
        type = expression();
        if (is(",")) {
          const types = [type];
          while (take(",")) if (!is(":")) types.push(expression());
          // Python 3.14 reads `except A, B:` as two classes; what Python 2 meant by it is a class and a variable.
          const variable = types[1]?.kind === "Name" && /^[a-z_]/.test(types[1].text);
          if (is("as") || variable) refuse("multiple exception types must be parenthesized", from);
          type = node("Tuple", type.start, types);
        }
        if (take("as")) text = name();
      }
      handlers.push(node("Handler", from, [type, block("'except' statement")], text));
    }
    if (handlers.slice(0, -1).some((handler) => handler.items[0] === null)) note("default 'except:' must be last", start);
    const otherwise = handlers.length > 0 && take("else") ? block("'else' statement") : null;
    const finish = take("finally") ? block("'finally' statement") : null;
    if (handlers.length === 0 && finish === null) refuse("expected 'except' or 'finally' block");
    return node(
      "Try",
      start,
      [body, ...handlers, otherwise && { ...otherwise, kind: "Else" }, finish && { ...finish, kind: "Finally" }],
      grouped ? "*" : "",
    );
  };

  const typeParameters = (): Node | null => {
    if (!is("[")) return null;
    const start = now().start;
    at += 1;
    const { items } = list(
      () => {
        const from = now().start;
        const star = take("**") ? "**" : take("*") ? "*" : "";
        const text = star + name();
        const bound = take(":") ? expression() : null;
        return node("TypeParam", from, [bound, take("=") ? starOrExpression() : null], text);
      },
      (token) => is("]", token),
    );
    expect("]");
    return node("TypeParams", start, items);
  };

  const functionDefinition = (decorators: Node | undefined): Node => {
    const start = decorators?.start ?? now().start;
    const asynchronous = take("async");
    expect("def");
    const text = name();
    const types = typeParameters();
    expect("(", "expected '('");
    const params = parameters(")", true);
    expect(")");
    const returns = take("->") ? expression() : null;
    const body = within({ function: asynchronous ? "async" : "plain", loop: false }, "function definition");
    const none: Node = { kind: "Decorators", text: "", items: [], start, end: start };
    return {
      ...node(asynchronous ? "AsyncFunctionDef" : "FunctionDef", start, [decorators ?? none, types, params, returns, body], text),
      end: body.end,
    };
  };

  const classDefinition = (decorators: Node | undefined): Node => {
    const start = decorators?.start ?? now().start;
    expect("class");
    const text = name();
    const types = typeParameters();
    const from = now().start;
    const items = is("(") ? callArguments(false) : [];
    const args = node("Arguments", from, items);
    const body = within({ function: "none", loop: false }, "class definition");
    const none: Node = { kind: "Decorators", text: "", items: [], start, end: start };
    return { ...node("ClassDef", start, [decorators ?? none, types, args, body], text), end: body.end };
  };

  // --- match
  const matchStatement = (): Node | undefined =>
    attempt(() => {
      const start = now().start;
      at += 1;
      const subject = expressions(starOrNamed);
      expect(":");
      if (now().kind !== "newline" || ahead(1).kind !== "indent" || !is("case", ahead(2))) refuse();
      at += 2;
      const cases: Node[] = [];
      while (is("case")) {
        const from = now().start;
        at += 1;
        const pattern = openPattern();
        const guard = take("if") ? named() : null;
        cases.push(node("Case", from, [pattern, guard, block("'case' statement")]));
      }
      if (now().kind !== "dedent") refuse();
      at += 1;
      return node("Match", start, [subject, ...cases]);
    });
  const openPattern = (): Node => {
    const start = now().start;
    const { items, trailing } = list(starPattern, (token) => is(":", token) || is("if", token));
    return items.length > 1 || trailing || items[0]!.kind === "StarPattern" ? node("SequencePattern", start, items) : items[0]!;
  };
  const starPattern = (): Node => {
    const start = now().start;
    if (take("*")) return node("StarPattern", start, [], name());
    return asPattern();
  };
  const asPattern = (): Node => {
    const start = now().start;
    const alternatives = [closedPattern()];
    while (take("|")) alternatives.push(closedPattern());
    const pattern = alternatives.length > 1 ? node("OrPattern", start, alternatives) : alternatives[0]!;
    return take("as") ? node("AsPattern", start, [pattern], name()) : pattern;
  };
  const closedPattern = (): Node => {
    const start = now().start;
    const token = now();
    if (token.kind === "number" || is("-")) return node("ValuePattern", start, [binary(5)]);
    if (token.kind === "string") return node("ValuePattern", start, [strings()]);
    if (is("None") || is("True") || is("False")) return node("ValuePattern", start, [atom()]);
    if (token.kind === "name") {
      let value = atom();
      if (!is(".") && !is("(")) return node("CapturePattern", start, [], value.text);
      while (take(".")) value = node("Attribute", start, [value], name());
      if (!take("(")) return node("ValuePattern", start, [value]);
      const items: Node[] = [];
      while (!is(")")) {
        const from = now().start;
        if (now().kind === "name" && is("=", ahead(1))) {
          const keyword = name();
          at += 1;
          items.push(node("KeywordPattern", from, [asPattern()], keyword));
        } else if (items.at(-1)?.kind === "KeywordPattern") refuse("positional patterns follow keyword patterns");
        else items.push(asPattern());
        if (!take(",")) break;
      }
      expect(")");
      return node("ClassPattern", start, [value, ...items]);
    }
    if (is("(") || is("[")) {
      const closing = is("(") ? ")" : "]";
      at += 1;
      const items: Node[] = [];
      let commas = false;
      while (!is(closing)) {
        items.push(starPattern());
        if (!take(",")) break;
        commas = true;
      }
      expect(closing);
      return closing === ")" && items.length === 1 && !commas && items[0]!.kind !== "StarPattern"
        ? items[0]!
        : node("SequencePattern", start, items);
    }
    if (take("{")) {
      const items: Node[] = [];
      while (!is("}")) {
        const from = now().start;
        if (take("**")) items.push(node("RestPattern", from, [], name()));
        else {
          const key = is("None") || is("True") || is("False") ? atom() : binary(5);
          expect(":");
          items.push(node("PairPattern", from, [key, asPattern()]));
        }
        if (!take(",")) break;
      }
      expect("}");
      return node("MappingPattern", start, items);
    }
    return refuse();
  };

  /** Takes what is left of a statement that Python refuses: its line, and the block below it. */
  const skip = (from: number): Node => {
    const start = tokens[from]!.start;
    at = Math.max(at, from);
    while (now().kind !== "newline" && now().kind !== "end" && now().kind !== "dedent") at += 1;
    if (now().kind === "newline") at += 1;
    if (now().kind === "indent") {
      let depth = 0;
      do {
        if (now().kind === "indent") depth += 1;
        if (now().kind === "dedent") depth -= 1;
        at += 1;
      } while (depth > 0 && now().kind !== "end");
    }
    if (at === from) at += 1;
    const taken = tokens.slice(from, at).filter((token) => token.text !== "" && token.kind !== "newline");
    return {
      kind: "Invalid",
      text: taken.map((token) => token.text).join(" "),
      items: [],
      start,
      end: taken.at(-1)?.end ?? start,
    };
  };

  const statements = (): Node[] => {
    const items: Node[] = [];
    while (now().kind !== "end" && now().kind !== "dedent") {
      const from = at;
      try {
        if (now().kind === "indent") {
          problems.push({ offset: now().end, detail: "unexpected indent" });
          at += 1;
          items.push(...deeper(statements));
          if (now().kind === "dedent") at += 1;
          continue;
        }
        const matched = is("match") && now().kind === "name" ? matchStatement() : undefined;
        if (matched) items.push(matched);
        else if (now().kind === "op" && COMPOUND.has(now().text)) items.push(compound());
        else items.push(...simpleLine());
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        problems.push(error.problem);
        items.push(skip(from));
      }
    }
    return items;
  };

  return {
    problems,
    file(): Node {
      const items = statements();
      while (now().kind !== "end") {
        at += 1;
        items.push(...statements());
      }
      return { kind: "Module", text: "", items, start: 0, end: source.length };
    },
    /** The expression in a replacement field. */
    field(): Node {
      // Whether it may await or yield depends on where the string stands, which is not known here.
      scope = { function: "async", loop: false };
      const value = is("yield") ? yields() : expressions(starOrNamed);
      if (now().kind !== "end") refuse("f-string: invalid syntax");
      return value;
    },
  };
}
