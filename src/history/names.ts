/** What names in a module stand for, and who binds them. */
import type { Node } from "../project/python-syntax.ts";

/** With these, names can be used in ways that cannot be seen. */
export const HIDING: ReadonlySet<string> = new Set(["eval", "exec", "globals", "locals", "vars", "getattr", "__dict__"]);

/** Visits a node and all below it. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const item of node.items) if (item) walk(item, visit);
}

/** Whether a name is used anywhere below a node. */
export function mentions(node: Node, name: string): boolean {
  let found = false;
  walk(node, (inner) => {
    found ||= (inner.kind === "Name" || inner.kind === "Attribute") && inner.text === name;
  });
  return found;
}

/** What each imported name stands for: `sa` for `sqlalchemy`. Names that mean two things, or are bound otherwise too, are left out. */
export function importsOf(module: Node): Map<string, string> {
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
export function isFree(module: Node, name: string): boolean {
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
export function aliasesOf(node: Node): { name: string; path: string }[] {
  return (node.items as readonly Node[]).map((alias) => {
    const other = alias.items[0]?.text;
    if (node.kind === "ImportFrom")
      return { name: other ?? alias.text, path: canonicalPath(`${node.text}${node.text.endsWith(".") ? "" : "."}${alias.text}`) };
    const first = alias.text.split(".")[0]!;
    return other === undefined ? { name: first, path: first } : { name: other, path: alias.text };
  });
}

/** The same object under its shortest name: SQLAlchemy offers most of what it has at its top. */
export const canonicalPath = (path: string): string =>
  path.replace(/^sqlalchemy\.(?:sql\.expression|sql|types|schema)\.(?=[A-Za-z]\w*$)/, "sqlalchemy.");

/** The names that a node binds by itself, imports aside. */
export function boundBy(node: Node): string[] {
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

/** All names that are used below some nodes. */
export function namesIn(nodes: readonly Node[]): Set<string> {
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
