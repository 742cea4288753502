/** The canonical form of statements: what has no effect is gone, what has the same effect is written the same. */
import type { Node } from "../project/python-syntax.ts";
import { aliasesOf, boundBy, canonicalPath, HIDING, walk } from "./names.ts";

/** Tokens of the canonical form, each with the offset where it stands. */
export interface Form {
  tokens: string[];
  offsets: number[];
}

/** Literals, and collections of them: evaluating them does nothing. */
export function inert(node: Node): boolean {
  switch (node.kind) {
    case "String":
    case "Bytes":
    case "Number":
    case "Constant":
    case "Name":
    case "Lambda":
      return true;
    case "Tuple":
    case "List":
    case "Set":
    case "Dict":
    case "Pair":
    case "Binary":
    case "Unary":
    case "Attribute":
      return node.items.every((item) => item === null || inert(item));
    case "Call":
      return node.items[0]!.text === "getLogger" && node.items.slice(1).every((item) => inert(item!));
    default:
      return false;
  }
}

/** Arguments of a class; `object` is what a class without bases inherits from. */
export const basesOf = (definition: Node): Node[] =>
  (definition.items[2]!.items as readonly Node[]).filter(({ kind, text }) => kind !== "Name" || text !== "object");

/** Tokens of `def f(): pass`. */
export const EMPTY_FUNCTION = 6;

export interface WritingOptions {
  /** Docstrings count, since the code reads them. */
  documented: boolean;
  /** Names are written with the modules that they are imported from. */
  qualified: boolean;
  /** Settings of the session, such as a lock_timeout, count. */
  settings: boolean;
}

/** Writes statements in the canonical form. */
export function write(nodes: readonly Node[], imports: ReadonlyMap<string, string>, options: WritingOptions): Form {
  const form: Form = { tokens: [], offsets: [] };
  /** The names that the function at hand gives to its own values: what they are called means nothing. */
  let locals: ReadonlyMap<string, number> | undefined;
  let unused: ReadonlySet<Node> = new Set();
  const put = (token: string, at: Node) => {
    form.tokens.push(token);
    form.offsets.push(at.start);
  };
  const close = (at: Node) => {
    form.tokens.push(")");
    form.offsets.push(at.start);
  };
  const group = (kind: string, at: Node, items: readonly (Node | null | undefined)[]) => {
    put(`(${kind}`, at);
    for (const item of items)
      if (item) expression(item);
      else if (item === null) put("-", at);
    close(at);
  };

  /** The full name that a dotted expression stands for, where its first part is imported. */
  const pathOf = (node: Node): string | undefined => {
    if (node.kind === "Name") return imports.get(node.text);
    const base = node.kind === "Attribute" ? pathOf(node.items[0]!) : undefined;
    return base === undefined ? undefined : canonicalPath(`${base}.${node.text}`);
  };

  const nothing = (node: Node): boolean =>
    idle(node, options.documented) || unused.has(node) || (!options.settings && setsOnly(node));

  const expression = (node: Node): void => {
    const local = node.kind === "Name" ? locals?.get(node.text) : undefined;
    if (local !== undefined) {
      group(`Name of value ${local}`, node, []);
      return;
    }
    const path = pathOf(node);
    const builtin = path === undefined ? undefined : GENERIC_ALIASES.get(path);
    if (builtin !== undefined) {
      group(`Name ${builtin}`, node, []);
      return;
    }
    if (path !== undefined) {
      put(
        `import ${options.qualified || /^(?:sqlalchemy|alembic)\b/.test(path) ? path : path.slice(path.lastIndexOf(".") + 1)}`,
        node,
      );
      return;
    }
    switch (node.kind) {
      case "Number":
        put(numberOf(node.text), node);
        return;
      case "Unary": {
        const inner = node.items[0]!;
        if (node.text === "not" && inner.kind === "Compare" && (inner.text === "in" || inner.text === "is")) {
          group(`Compare ${inner.text === "in" ? "not in" : "is not"}`, node, inner.items);
          return;
        }
        break;
      }
      case "Lambda":
        put("(Lambda", node);
        parameters(node.items[0]!);
        expression(node.items[1]!);
        close(node);
        return;
      case "Subscript": {
        const union = unionOf(pathOf(node.items[0]!), node.items[1]!);
        if (union) {
          expression(union);
          return;
        }
        break;
      }
      case "Call": {
        const format = formatted(node);
        if (format) {
          expression(format);
          return;
        }
        const [callee, given, ...others] = node.items as readonly Node[];
        // What SQLAlchemy 1 took as a list.
        if (pathOf(callee!) === "sqlalchemy.select" && given?.kind === "List" && others.length === 0) {
          group("Call", node, [callee, ...given.items]);
          return;
        }
        const first = given && takesSql(callee!) ? unwrapped(given, pathOf(callee!) === "alembic.op.execute") : undefined;
        const statement = first && (formatted(first) ?? first);
        if (statement?.kind !== "String" && statement?.kind !== "FString") break;
        put("(Call", node);
        expression(callee!);
        sql(statement);
        for (const other of others) expression(other);
        close(node);
        return;
      }
      case "Attribute": {
        const modern = MODERN_NAMES[node.text];
        if (modern === undefined) break;
        group(`Attribute ${modern}`, node, node.items);
        return;
      }
      case "Binary": {
        const joined = formatted(node) ?? concatenated(node);
        if (joined) {
          expression(joined);
          return;
        }
        break;
      }
      case "String":
      case "Bytes":
        put(`${node.kind} ${JSON.stringify(node.text)}`, node);
        return;
      default:
    }
    group(node.text === "" ? node.kind : `${node.kind} ${node.text}`, node, node.items);
  };

  /** SQL as text, without the wrapping that SQLAlchemy 2 wants: it means nothing where the text has no marks of its own. */
  const unwrapped = (node: Node, always: boolean): Node => {
    const path = node.kind === "Call" && node.items.length === 2 ? pathOf(node.items[0]!) : undefined;
    const wrapped = path === "sqlalchemy.text" || path === "sqlalchemy.DDL" ? node.items[1]! : undefined;
    const inner = wrapped && (formatted(wrapped) ?? wrapped);
    const parts = inner && partsOf(inner);
    const marked = parts?.some(({ kind, text }) => kind === "String" && /[%\\]|:\w/.test(text)) ?? true;
    return inner && parts && (!marked || (always && path === "sqlalchemy.text")) ? inner : node;
  };

  /** Statements that only give the session a time limit. */
  const setsOnly = (node: Node): boolean => {
    const call = node.kind === "Expr" ? node.items[0]! : undefined;
    if (call?.kind !== "Call" || call.items.length !== 2 || !takesSql(call.items[0]!)) return false;
    const { kind, text } = unwrapped(call.items[1]!, true);
    return (
      kind === "String" &&
      text
        .split(";")
        .filter((piece) => piece.trim() !== "")
        .every((piece) => TIME_LIMIT.test(piece))
    );
  };

  /** SQL, with marks where values are put in. */
  const sql = (node: Node) => {
    const parts = node.kind === "FString" ? (node.items as readonly Node[]) : [node];
    put(`Sql ${JSON.stringify(plainSql(parts.map((part) => (part.kind === "String" ? part.text : MARK)).join("")))}`, node);
    for (const part of parts) if (part.kind !== "String") expression(part);
  };

  const parameters = (node: Node) => {
    put("(Params", node);
    for (const parameter of node.items) group(`${parameter!.kind} ${parameter!.text}`, parameter!, [parameter!.items[1]]);
    close(node);
  };

  /** Statements of a block; nothing where they do nothing. */
  const block = (node: Node | null | undefined, inClass = false): void => {
    if (!node) return;
    for (const item of node.items as readonly Node[]) if (!nothing(item)) statement(item, inClass);
  };
  const definition = (node: Node) => {
    const [decorators, , params, , body] = node.items;
    const outer = { locals, unused };
    if (!locals) {
      unused = unusedConnections(node);
      locals = ownValues(node, (one) => unused.has(one) || (!options.settings && setsOnly(one)));
    }
    put(`(${node.kind} ${node.text}`, node);
    for (const decorator of decorators!.items) expression(decorator!);
    parameters(params!);
    put("(Body", body!);
    const items = (body!.items as readonly Node[]).filter((one) => !nothing(one));
    while (items.at(-1)?.kind === "Return" && returnsNothing(items.at(-1)!)) items.pop();
    for (const item of items) statement(item, false);
    close(body!);
    close(node);
    ({ locals, unused } = outer);
  };
  /** `connection = op.get_bind()` where nothing uses the connection, settings aside that do not count. */
  const unusedConnections = (definition: Node): Set<Node> => {
    const uses = new Map<string, number>();
    const connections: Node[] = [];
    const visit = (node: Node): void => {
      if (!options.settings && setsOnly(node)) return;
      const value =
        node.kind === "Assign" && node.items.length === 2 && node.items[0]!.kind === "Name" ? node.items[1]! : undefined;
      if (value?.kind === "Call" && value.items.length === 1 && pathOf(value.items[0]!) === "alembic.op.get_bind")
        connections.push(node);
      if (node.kind === "Name") uses.set(node.text, (uses.get(node.text) ?? 0) + 1);
      for (const item of node.items) if (item) visit(item);
    };
    visit(definition);
    return new Set(connections.filter((node) => uses.get(node.items[0]!.text) === 1));
  };
  const compound = (kind: string, node: Node, parts: readonly (Node | null)[], blocks: readonly (Node | null | undefined)[]) => {
    put(`(${kind}`, node);
    for (const part of parts)
      if (part) expression(part);
      else put("-", node);
    blocks.forEach((one, index) => {
      if (!one) return;
      const from = form.tokens.length;
      put(`(Body ${index}`, one);
      block(one);
      // An `else` that does nothing is none.
      if (index > 0 && form.tokens.length === from + 1) {
        form.tokens.length = from;
        form.offsets.length = from;
      } else close(one);
    });
    close(node);
  };

  const statement = (node: Node, inClass: boolean): void => {
    const { items } = node;
    switch (node.kind) {
      case "Import":
      case "ImportFrom":
        // A name that stands for one thing is written out where it is used.
        for (const { name, path } of aliasesOf(node))
          if (name === "*" || imports.get(name) !== path) put(`import ${path} as ${name}`, node);
        return;
      case "FunctionDef":
      case "AsyncFunctionDef":
        definition(node);
        return;
      case "ClassDef": {
        const [decorators, , , body] = items;
        put(`(ClassDef ${node.text}`, node);
        for (const decorator of decorators!.items) expression(decorator!);
        for (const argument of basesOf(node)) expression(argument);
        put("(Body", body!);
        block(body, true);
        close(body!);
        close(node);
        return;
      }
      case "AnnAssign":
        // In classes annotations have a meaning: columns, fields of data classes.
        if (inClass) group("AnnAssign", node, items);
        else if (items[2]) group("Assign", node, [items[0], items[2]]);
        return;
      case "If":
        compound("If", node, [items[0]!], [items[1], items[2]]);
        return;
      case "While":
        compound("While", node, [items[0]!], [items[1], items[2]]);
        return;
      case "For":
      case "AsyncFor":
        compound(node.kind, node, [items[0]!, items[1]!], [items[2], items[3]]);
        return;
      case "With":
      case "AsyncWith":
        compound(node.kind, node, items.slice(0, -1), [items.at(-1)]);
        return;
      case "Try": {
        put(`(Try${node.text}`, node);
        put("(Body", items[0]!);
        block(items[0]);
        close(items[0]!);
        for (const part of items.slice(1)) {
          if (part?.kind === "Handler") compound(`Handler ${part.text}`, part, [part.items[0]!], [part.items[1]]);
          else if (part) compound(part.kind, part, [], [part]);
        }
        close(node);
        return;
      }
      case "Match":
        put("(Match", node);
        expression(items[0]!);
        for (const one of items.slice(1)) compound("Case", one!, [one!.items[0]!, one!.items[1]!], [one!.items[2]]);
        close(node);
        return;
      case "Raise": {
        // `raise X` and `raise X()` do the same.
        const [exception, cause] = items;
        const bare = exception?.kind === "Call" && exception.items.length === 1 ? exception.items[0]! : exception;
        group("Raise", node, [bare, cause]);
        return;
      }
      case "Return":
        group("Return", node, returnsNothing(node) ? [] : items);
        return;
      default:
        group(node.text === "" ? node.kind : `${node.kind} ${node.text}`, node, items);
    }
  };
  for (const node of nodes) if (!nothing(node)) statement(node, false);
  return form;
}

const returnsNothing = (node: Node): boolean =>
  node.items[0] === null || (node.items[0]!.kind === "Constant" && node.items[0]!.text === "None");

/** Statements that do nothing to a database: `pass`, docstrings, annotations without a value, what is printed or logged. */
function idle(node: Node, documented: boolean): boolean {
  if (node.kind === "Pass") return true;
  if (node.kind !== "Expr") return false;
  const value = node.items[0]!;
  return value.kind === "Constant" || value.kind === "Number" || (value.kind === "String" && !documented) || tells(value);
}

const LOG_METHODS = new Set(["debug", "info", "warning", "warn", "error", "exception", "critical", "log"]);

/** `print(…)` or `log.info(…)`, of values that nothing has to be done for. */
function tells(call: Node): boolean {
  if (call.kind !== "Call") return false;
  const callee = call.items[0]!;
  const logger = callee.items[0];
  const logs = callee.kind === "Attribute" && LOG_METHODS.has(callee.text) && /^_*log(?:ger|ging)?$/i.test(logger!.text);
  if (!logs && (callee.kind !== "Name" || callee.text !== "print")) return false;
  let quiet = true;
  for (const argument of call.items.slice(1)) {
    walk(argument!, (node) => {
      const harmless = node.kind === "Call" && /^(?:format|len|str|repr|sorted|join|_\w{0,2})$/.test(node.items[0]!.text);
      if (["Await", "Yield", "YieldFrom", "Named"].includes(node.kind) || (node.kind === "Call" && !harmless)) quiet = false;
    });
  }
  return quiet;
}

const TIME_LIMIT = /^\s*SET\s+(?:SESSION\s+|LOCAL\s+)?\w*_timeout\s*(?:=|TO\b)/i;

/** Methods that SQLAlchemy has renamed. */
const MODERN_NAMES: Record<string, string> = {
  isnot: "is_not",
  notin_: "not_in",
  notlike: "not_like",
  notilike: "not_ilike",
  nullsfirst: "nulls_first",
  nullslast: "nulls_last",
};

/** Numbers for the names that a function binds to values, in the order in which they come. Names that are seen outside are none of them. */
function ownValues(definition: Node, nothing: (node: Node) => boolean): Map<string, number> {
  const names = new Map<string, number>();
  const others = new Set<string>();
  const visit = (node: Node, inClass: boolean): void => {
    if (nothing(node)) return;
    const values = ["Assign", "AnnAssign", "AugAssign", "For", "AsyncFor", "Comprehension", "Named", "WithItem"].includes(
      node.kind,
    );
    const bound = node.kind === "Import" || node.kind === "ImportFrom" ? aliasesOf(node).map(({ name }) => name) : boundBy(node);
    for (const name of bound) {
      if (!values || inClass) others.add(name);
      else if (!names.has(name)) names.set(name, names.size);
    }
    if (node.kind === "Nonlocal") for (const name of node.text.split(" ")) others.add(name);
    if (node.kind === "Name" && HIDING.has(node.text)) others.add("*");
    for (const item of node.items) if (item) visit(item, inClass || node.kind === "ClassDef");
  };
  visit(definition, false);
  if (others.has("*")) return new Map();
  for (const name of others) names.delete(name);
  return names;
}

/** What `typing` has under a name of its own. */
const GENERIC_ALIASES = new Map([
  ["typing.List", "list"],
  ["typing.Dict", "dict"],
  ["typing.Tuple", "tuple"],
  ["typing.Set", "set"],
  ["typing.FrozenSet", "frozenset"],
  ["typing.Type", "type"],
]);

/** `Optional[x]` is `x | None`, and `Union[x, y]` is `x | y`. */
function unionOf(path: string | undefined, index: Node): Node | undefined {
  const place = { items: [], start: index.start, end: index.end };
  const either = (left: Node, right: Node): Node => ({ ...place, kind: "Binary", text: "|", items: [left, right] });
  if (path === "typing.Optional") return either(index, { ...place, kind: "Constant", text: "None" });
  return path === "typing.Union" && index.kind === "Tuple" ? (index.items as readonly Node[]).reduce(either) : undefined;
}

/** Functions whose first argument is SQL. */
const takesSql = (callee: Node): boolean =>
  (callee.kind === "Attribute" && ["execute", "exec_driver_sql", "text", "scalar", "scalars", "DDL"].includes(callee.text)) ||
  (callee.kind === "Name" && ["text", "DDL"].includes(callee.text));

/** Stands where a value is put into a text. */
const MARK = "\u0000";

/** Words that mean the same however they are written, and that name nothing unless they are quoted. */
const KEYWORDS: ReadonlySet<string> = new Set(
  (
    "ADD ALL ALTER AND ANY AS ASC BEGIN BETWEEN BY CASCADE CASE CHECK COLUMN COMMIT CONSTRAINT CREATE CROSS DEFAULT DELETE DESC " +
    "DISTINCT DO DROP ELSE END EXISTS FOREIGN FROM FULL GROUP HAVING IF ILIKE IN INDEX INNER INSERT INTO IS JOIN LEFT LIKE LIMIT NOT " +
    "NULL ON OR ORDER OUTER PRIMARY REFERENCES RENAME RETURNING RIGHT SELECT SET TABLE THEN TO UNION UNIQUE UPDATE USING VALUES WHEN " +
    "WHERE WITH"
  ).split(" "),
);

/** SQL without comments, with one space where there is white space, and keywords in capitals. What stands in quotes is left alone. */
export function plainSql(source: string): string {
  const pieces = source.matchAll(
    /[eE]'(?:[^'\\]|''|\\[^])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[A-Za-z_]\w*)?\$)[^]*?\1|(--[^\n]*|\/\*[^]*?\*\/|\s+)|([A-Za-z_]\w*)|[^]/g,
  );
  let plain = "";
  let open = false;
  for (const piece of pieces) {
    // A quote that nothing closes: nobody knows where the text in it ends.
    open ||= piece[0] === "'" || piece[0] === '"';
    const word = open ? undefined : piece[3]?.toUpperCase();
    // Parameters have names, and a value that is put in may be the first part of one.
    if (word !== undefined && KEYWORDS.has(word) && !/[:$@\w\u0000]$|%\($/.test(plain)) plain += word;
    else if (piece[2] === undefined) plain += piece[0];
    else if (!plain.endsWith(" ")) plain += " ";
  }
  return plain.trim();
}

const textNode = (text: string, at: Node): Node => ({ kind: "String", text, items: [], start: at.start, end: at.end });
const fieldNode = (value: Node, conversion: string, format: string): Node => ({
  kind: "Field",
  text: `!${conversion}`,
  items: [
    value,
    format === "" ? null : { kind: "FString", text: "", items: [textNode(format, value)], start: value.start, end: value.end },
  ],
  start: value.start,
  end: value.end,
});

/** One literal of several parts; no part is empty, and no two texts follow each other. */
function literalOf(parts: readonly Node[], at: Node): Node {
  const merged: Node[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (part.kind === "String" && part.text === "") continue;
    if (part.kind === "String" && last?.kind === "String") merged[merged.length - 1] = textNode(last.text + part.text, last);
    else merged.push(part);
  }
  if (merged.every(({ kind }) => kind === "String")) return textNode(merged[0]?.text ?? "", at);
  return { kind: "FString", text: "", items: merged, start: at.start, end: at.end };
}

const partsOf = (node: Node): readonly Node[] | undefined =>
  node.kind === "String" ? [node] : node.kind === "FString" ? (node.items as readonly Node[]) : undefined;

/** Literals that are added: one literal. */
function concatenated({ text, items: [left, right] }: Node): Node | undefined {
  if (text !== "+") return undefined;
  const before = left!.kind === "Binary" ? concatenated(left!) : left!;
  const [first, second] = [before && partsOf(before), partsOf(right!)];
  return first && second && literalOf([...first, ...second], left!);
}

/** `"{}".format(x)` and `"%s" % x` are `f"{x}"`, where nothing but names and plain formats are used. */
function formatted(node: Node): Node | undefined {
  if (node.kind === "Call") {
    const [callee, ...given] = node.items as readonly Node[];
    const template = callee!.kind === "Attribute" && callee!.text === "format" ? callee!.items[0]! : undefined;
    return template?.kind === "String" ? byBraces(template, given) : undefined;
  }
  return node.kind === "Binary" && node.text === "%" && node.items[0]!.kind === "String"
    ? byPercent(node.items[0]!, node.items[1]!)
    : undefined;
}

function byBraces(template: Node, given: readonly Node[]): Node | undefined {
  if (given.some(({ kind, text }) => kind === "Starred" || (kind === "Keyword" && text === ""))) return undefined;
  const byPlace = given.filter(({ kind }) => kind !== "Keyword");
  const byName = new Map(given.filter(({ kind }) => kind === "Keyword").map(({ text, items }) => [text, items[0]!]));
  const parts: Node[] = [];
  let next = 0;
  for (const piece of template.text.matchAll(/\{\{|\}\}|\{(\w*)(?:!([rsa]))?(?::([^{}]*))?\}|[{}]|[^{}]+/g)) {
    const [whole, name, conversion, format] = piece;
    if (name !== undefined) {
      const value = name === "" ? byPlace[next++] : /^\d+$/.test(name) ? byPlace[Number(name)] : byName.get(name);
      if (!value) return undefined;
      parts.push(fieldNode(value, conversion ?? "", format ?? ""));
    } else if (whole === "{" || whole === "}") return undefined;
    else parts.push(textNode(whole === "{{" || whole === "}}" ? whole[0]! : whole, template));
  }
  return literalOf(parts, template);
}

function byPercent(template: Node, given: Node): Node | undefined {
  const byPlace = given.kind === "Tuple" ? (given.items as readonly Node[]) : [given];
  if (byPlace.some(({ kind }) => kind === "Starred")) return undefined;
  const byName = new Map(
    given.kind === "Dict"
      ? given.items.map((pair) => [pair!.items[0]?.kind === "String" ? pair!.items[0].text : "", pair!.items[1]!])
      : [],
  );
  const parts: Node[] = [];
  let next = 0;
  for (const piece of template.text.matchAll(/%%|%(?:\((\w+)\))?([sr])|%|[^%]+/g)) {
    const [whole, name, conversion] = piece;
    if (conversion !== undefined) {
      const value = name === undefined ? byPlace[next++] : byName.get(name);
      if (!value || (name === undefined && given.kind === "Dict")) return undefined;
      parts.push(fieldNode(value, conversion === "r" ? "r" : "", ""));
    } else if (whole === "%") return undefined;
    else parts.push(textNode(whole === "%%" ? "%" : whole, template));
  }
  return byName.size === 0 && next !== byPlace.length ? undefined : literalOf(parts, template);
}

/** `0x10`, `16` and `1_6` are the same number; `1.` and `1.0` are. */
function numberOf(text: string): string {
  const plain = text.replaceAll("_", "").toLowerCase();
  if (/^(?:0[xob][\da-f]+|\d+)$/.test(plain))
    return `Number ${BigInt(/^0\d/.test(plain) ? plain.replace(/^0+(?=\d)/, "") : plain)}`;
  return plain.endsWith("j") ? `Number ${plain}` : `Number ${Number(plain)} float`;
}
