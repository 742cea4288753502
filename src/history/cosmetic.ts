/**
 * Whether two versions of a revision do the same, as far as their syntax trees tell: both are written in one canonical form, in
 * which all that has no effect is gone, and the forms are compared.
 *
 * Set aside: comments, formatting, docstrings and other statements without effect, how literals are written, redundant parentheses
 * and commas, annotations, the header, how and where names are imported, imports, functions and constants that nothing uses, and the
 * order of definitions.
 */
import { positionsIn } from "../project/python-source.ts";
import { parseModule, type Node } from "../project/python-syntax.ts";
import type { Revision } from "../project/revision.ts";

/** What is the same, or where they part. */
export type Comparison =
  | { same: true }
  | {
      same: false;
      /** Names of the functions that differ; `""` is code outside of functions. */
      functions: string[];
      /** In the second version. */
      line: number;
      /** They differ only in where names are imported from. */
      importsOnly: boolean;
    };

/** Tokens of the canonical form, each with the offset where it stands. */
interface Form {
  tokens: string[];
  offsets: number[];
}

/** Canonical forms by the name of the definition; `""` holds the statements that run when the file is loaded, in their order. */
type Forms = Map<string, Form>;

const HEADER = new Set(["revision", "down_revision", "branch_labels", "depends_on"]);
const HIDING = new Set(["eval", "exec", "globals", "locals", "vars", "getattr", "__dict__"]);
/** What Alembic calls by itself. */
const ENTRIES = ["", "upgrade", "downgrade"];

/** Compares two versions of a revision, their headers aside. */
export function compareBodies(before: Revision, after: Revision): Comparison {
  const modules = [parseModule(before.source).module, parseModule(after.source).module] as const;
  const documented = modules.some((module) => mentions(module, "__doc__"));
  // A name that nothing in the old file binds can only have been what the new one imports under it, or the old one never ran.
  const lent = new Map(
    [...importsOf(modules[1]), ...importsOf(modules[0])].filter(
      ([name]) => importsOf(modules[0]).has(name) || isFree(modules[0], name),
    ),
  );
  const differing = (qualified: boolean) => {
    const first = canonical(modules[0], lent, { documented, qualified });
    const second = canonical(modules[1], importsOf(modules[1]), { documented, qualified });
    const names = [...new Set([...second.keys(), ...first.keys()])].filter(
      (name) => first.get(name)?.tokens.join("\n") !== second.get(name)?.tokens.join("\n"),
    );
    return { first, second, names };
  };
  const { first, second, names } = differing(true);
  if (names.length === 0) return { same: true };
  const functions = [
    ...ENTRIES.slice(1).filter((name) => names.includes(name)),
    ...names.filter((name) => !ENTRIES.includes(name)),
    ...names.filter((name) => name === ""),
  ];
  const shown = functions.find((name) => second.has(name));
  const offset = shown === undefined ? undefined : firstDifference(first.get(shown), second.get(shown)!);
  return {
    same: false,
    functions,
    line: offset === undefined ? (after.upgrade?.line ?? after.at.revision?.line ?? 1) : positionsIn(after.source)(offset).line,
    importsOnly: differing(false).names.length === 0,
  };
}

/** Whether the two revisions do the same, and that is something. */
export function sameWork(a: Revision, b: Revision): boolean {
  const { module } = parseModule(a.source);
  const forms = canonical(module, importsOf(module), { documented: false, qualified: true });
  return (
    ["upgrade", "downgrade"].some((name) => (forms.get(name)?.tokens.length ?? 0) > EMPTY_FUNCTION) && compareBodies(a, b).same
  );
}

function firstDifference(before: Form | undefined, after: Form): number | undefined {
  const index = after.tokens.findIndex((token, position) => token !== before?.tokens[position]);
  return after.offsets[index === -1 ? after.offsets.length - 1 : index];
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const item of node.items) if (item) walk(item, visit);
}

function mentions(node: Node, name: string): boolean {
  let found = false;
  walk(node, (inner) => {
    found ||= (inner.kind === "Name" || inner.kind === "Attribute") && inner.text === name;
  });
  return found;
}

/** What each imported name stands for: `sa` for `sqlalchemy`. Names that mean two things, or are bound otherwise too, are left out. */
function importsOf(module: Node): Map<string, string> {
  const found = new Map<string, string | undefined>();
  const bind = (name: string, path: string | undefined) =>
    found.set(name, found.has(name) && found.get(name) !== path ? undefined : path);
  const rebound = new Set<string>();
  walk(module, (node) => {
    if (node.kind === "Import" || node.kind === "ImportFrom") {
      for (const { name, path } of aliasesOf(node)) if (name !== "*") bind(name, path);
    } else for (const name of boundBy(node)) rebound.add(name);
  });
  return new Map([...found].filter((entry): entry is [string, string] => entry[1] !== undefined && !rebound.has(entry[0])));
}

/** Names that are bound without anybody binding them. */
const BUILTINS = new Set(
  (
    "abs aiter all anext any ascii basestring bin bool breakpoint buffer bytearray bytes callable chr classmethod cmp compile complex delattr dict dir divmod " +
    "enumerate eval exec file filter float format frozenset getattr globals hasattr hash help hex id input int intern isinstance issubclass iter len list " +
    "locals long map max memoryview min next object oct open ord pow print property range raw_input reduce reload repr reversed round set setattr slice " +
    "sorted staticmethod str sum super tuple type unichr unicode vars xrange zip __import__ __name__ __file__ __doc__ NotImplemented Warning"
  ).split(" "),
);

/** Whether nothing gives a name a meaning, in this file or in Python itself. */
function isFree(module: Node, name: string): boolean {
  if (BUILTINS.has(name) || /(?:Error|Exception|Warning|Interrupt|Exit|StopIteration|StopAsyncIteration)$/.test(name))
    return false;
  let bound = false;
  walk(module, (node) => {
    if (node.kind === "Import" || node.kind === "ImportFrom")
      bound ||= aliasesOf(node).some((alias) => alias.name === name || alias.name === "*");
    else bound ||= boundBy(node).includes(name);
  });
  return !bound;
}

/** The names that an import binds, and what they stand for. */
function aliasesOf(node: Node): { name: string; path: string }[] {
  return (node.items as readonly Node[]).map((alias) => {
    const other = alias.items[0]?.text;
    if (node.kind === "ImportFrom")
      return { name: other ?? alias.text, path: canonicalPath(`${node.text}${node.text.endsWith(".") ? "" : "."}${alias.text}`) };
    const first = alias.text.split(".")[0]!;
    return other === undefined ? { name: first, path: first } : { name: other, path: alias.text };
  });
}

/** The same object under its shortest name: SQLAlchemy offers most of what it has at its top. */
const canonicalPath = (path: string): string =>
  path.replace(/^sqlalchemy\.(?:sql\.expression|sql|types|schema)\.(?=[A-Za-z]\w*$)/, "sqlalchemy.");

/** The names that a node binds by itself, imports aside. */
function boundBy(node: Node): string[] {
  const targets = (target: Node | null | undefined): string[] => {
    if (!target) return [];
    if (target.kind === "Name") return [target.text];
    return target.kind === "Tuple" || target.kind === "List" || target.kind === "Starred" ? target.items.flatMap(targets) : [];
  };
  switch (node.kind) {
    case "Assign":
      return node.items.slice(0, -1).flatMap(targets);
    case "AnnAssign":
    case "AugAssign":
    case "For":
    case "AsyncFor":
    case "Comprehension":
    case "Named":
      return targets(node.items[0]);
    case "WithItem":
      return targets(node.items[1]);
    case "Delete":
      return node.items.flatMap(targets);
    case "Param":
    case "VarParam":
    case "KwParam":
    case "FunctionDef":
    case "AsyncFunctionDef":
    case "ClassDef":
    case "Handler":
    case "CapturePattern":
    case "AsPattern":
    case "StarPattern":
    case "RestPattern":
    case "TypeAlias":
      return [node.text];
    case "Global":
      return node.text.split(" ");
    case "Invalid":
      return [...node.text.matchAll(/[\p{XID_Start}_][\p{XID_Continue}]*/gu)].map(([name]) => name);
    default:
      return [];
  }
}

/** Literals, and collections of them: evaluating them does nothing. */
function inert(node: Node): boolean {
  if (["String", "Bytes", "Number", "Constant", "Name"].includes(node.kind)) return true;
  return ["Tuple", "List", "Set", "Dict", "Pair", "Binary", "Unary", "Attribute", "Lambda"].includes(node.kind)
    ? node.kind === "Lambda" || node.items.every((item) => item === null || inert(item))
    : false;
}

function canonical(
  module: Node,
  imports: ReadonlyMap<string, string>,
  options: { documented: boolean; qualified: boolean },
): Forms {
  const forms: Forms = new Map();
  const statements = module.items as readonly Node[];
  const definitions = statements.flatMap((statement) => {
    const name = definedName(statement);
    return name === undefined ? [] : [name];
  });
  // Names may be used in ways that cannot be seen.
  const hidden = [...HIDING].some((name) => mentions(module, name));
  const bindings = new Map<string, number>();
  walk(module, (node) => {
    for (const name of boundBy(node)) bindings.set(name, (bindings.get(name) ?? 0) + 1);
  });
  /** A definition stands for itself where its name means nothing else in the file. */
  const alone = (name: string) =>
    definitions.filter((other) => other === name).length === 1 && (bindings.get(name) === 1 || ENTRIES.includes(name));

  const rest: Node[] = [];
  const used = new Map<string, ReadonlySet<string>>();
  for (const statement of statements) {
    if (isHeader(statement)) continue;
    const name = definedName(statement);
    if (name === undefined || !alone(name)) rest.push(statement);
    else {
      forms.set(name, write([statement], imports, options));
      used.set(name, namesIn([statement]));
    }
  }
  forms.set("", write(rest, imports, options));
  used.set("", namesIn(rest));

  // Definitions that nothing reaches do nothing.
  const reached = new Set<string>(ENTRIES);
  for (const name of reached) for (const other of used.get(name) ?? []) reached.add(other);
  for (const name of forms.keys()) if (!reached.has(name) && !hidden) forms.delete(name);
  return forms;
}

/** Assigns nothing but what Alembic reads as the header. */
function isHeader(statement: Node): boolean {
  if (statement.kind === "AnnAssign")
    return (
      HEADER.has(statement.items[0]!.text) &&
      statement.items[0]!.kind === "Name" &&
      (!statement.items[2] || inert(statement.items[2]))
    );
  if (statement.kind !== "Assign" || !inert(statement.items.at(-1)!)) return false;
  return boundBy(statement).every((name) => HEADER.has(name)) && boundBy(statement).length > 0;
}

/** The name of a definition that may stand anywhere: a function or class without decorators, or a constant. */
function definedName(statement: Node): string | undefined {
  switch (statement.kind) {
    case "FunctionDef":
    case "AsyncFunctionDef":
      return statement.items[0]!.items.length === 0 || ENTRIES.includes(statement.text) ? statement.text : undefined;
    case "ClassDef":
      return statement.items[0]!.items.length === 0 && basesOf(statement).length === 0 ? statement.text : undefined;
    case "Assign":
      return statement.items.length === 2 && statement.items[0]!.kind === "Name" && inert(statement.items[1]!)
        ? statement.items[0]!.text
        : undefined;
    case "AnnAssign":
      return statement.items[0]!.kind === "Name" && statement.items[2] && inert(statement.items[2])
        ? statement.items[0]!.text
        : undefined;
    default:
      return undefined;
  }
}

/** Arguments of a class; `object` is what a class without bases inherits from. */
const basesOf = (definition: Node): Node[] =>
  (definition.items[2]!.items as readonly Node[]).filter(({ kind, text }) => kind !== "Name" || text !== "object");

function namesIn(nodes: readonly Node[]): Set<string> {
  const names = new Set<string>();
  for (const one of nodes) {
    walk(one, (node) => {
      if (node.kind === "Name") names.add(node.text);
      // What a broken statement uses is not known exactly.
      if (node.kind === "Invalid")
        for (const [name] of node.text.matchAll(/[\p{XID_Start}_][\p{XID_Continue}]*/gu)) names.add(name);
    });
  }
  return names;
}

/** Tokens of `def f(): pass`. */
const EMPTY_FUNCTION = 6;

/** Writes statements in the canonical form. */
function write(
  nodes: readonly Node[],
  imports: ReadonlyMap<string, string>,
  options: { documented: boolean; qualified: boolean },
): Form {
  const form: Form = { tokens: [], offsets: [] };
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

  const expression = (node: Node): void => {
    const path = pathOf(node);
    if (path !== undefined) {
      put(`import ${options.qualified ? path : path.slice(path.lastIndexOf(".") + 1)}`, node);
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
      case "String":
      case "Bytes":
        put(`${node.kind} ${JSON.stringify(node.text)}`, node);
        return;
      default:
    }
    group(node.text === "" ? node.kind : `${node.kind} ${node.text}`, node, node.items);
  };

  const parameters = (node: Node) => {
    put("(Params", node);
    for (const parameter of node.items) group(`${parameter!.kind} ${parameter!.text}`, parameter!, [parameter!.items[1]]);
    close(node);
  };

  /** Statements of a block; nothing where they do nothing. */
  const block = (node: Node | null | undefined, inClass = false): void => {
    if (!node) return;
    const items = (node.items as readonly Node[]).filter((statement) => !idle(statement, options.documented));
    for (const item of items) statement(item, inClass);
  };
  const function_ = (node: Node) => {
    const [decorators, , params, , body] = node.items;
    put(`(${node.kind} ${node.text}`, node);
    for (const decorator of decorators!.items) expression(decorator!);
    parameters(params!);
    put("(Body", body!);
    const items = (body!.items as readonly Node[]).filter((statement) => !idle(statement, options.documented));
    while (items.at(-1)?.kind === "Return" && returnsNothing(items.at(-1)!)) items.pop();
    for (const item of items) statement(item, false);
    close(body!);
    close(node);
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
        function_(node);
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
  for (const node of nodes) if (!idle(node, options.documented)) statement(node, false);
  return form;
}

const returnsNothing = (node: Node): boolean =>
  node.items[0] === null || (node.items[0]!.kind === "Constant" && node.items[0]!.text === "None");

/** Statements that do nothing: `pass`, docstrings, annotations without a value. */
function idle(node: Node, documented: boolean): boolean {
  if (node.kind === "Pass") return true;
  if (node.kind !== "Expr") return false;
  const value = node.items[0]!;
  return value.kind === "Constant" || value.kind === "Number" || (value.kind === "String" && !documented);
}

/** `0x10`, `16` and `1_6` are the same number; `1.` and `1.0` are. */
function numberOf(text: string): string {
  const plain = text.replaceAll("_", "").toLowerCase();
  if (/^(?:0[xob][\da-f]+|\d+)$/.test(plain))
    return `Number ${BigInt(/^0\d/.test(plain) ? plain.replace(/^0+(?=\d)/, "") : plain)}`;
  return plain.endsWith("j") ? `Number ${plain}` : `Number ${Number(plain)} float`;
}
