/**
 * Whether two versions of a revision do the same, as far as their syntax trees tell: both are written in one canonical form, in
 * which all that has no effect is gone, and the forms are compared.
 *
 * Set aside: comments, formatting, docstrings and other statements without effect, how literals are written, redundant parentheses
 * and commas, annotations, the header, how and where names are imported, imports, functions and constants that nothing uses, the order
 * of definitions, what is printed or logged, constants that hold a literal, and white space, comments and the case of keywords in SQL.
 */
import { positionsIn } from "../project/python-source.ts";
import { parseModule, type Node } from "../project/python-syntax.ts";
import type { Revision } from "../project/revision.ts";
import { basesOf, EMPTY_FUNCTION, inert, write, type Form, type WritingOptions } from "./canonical.ts";
import { boundBy, HIDING, importsOf, isFree, mentions, namesIn, walk } from "./names.ts";

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
      /** They differ only in how long the session waits: `SET lock_timeout`. */
      settingsOnly: boolean;
    };

/** Canonical forms by the name of the definition; `""` holds the statements that run when the file is loaded, in their order. */
type Forms = Map<string, Form>;

const HEADER = new Set(["revision", "down_revision", "branch_labels", "depends_on"]);
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
  const differing = (options: Partial<WritingOptions>, inlined = false) => {
    const all = { documented, qualified: true, settings: true, ...options };
    const first = canonical(modules[0], lent, all, inlined);
    const second = canonical(modules[1], importsOf(modules[1]), all, inlined);
    const names = [...new Set([...second.keys(), ...first.keys()])].filter(
      (name) => first.get(name)?.tokens.join("\n") !== second.get(name)?.tokens.join("\n"),
    );
    return { first, second, names };
  };
  const { first, second, names } = differing({});
  if (names.length === 0 || differing({}, true).names.length === 0) return { same: true };
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
    importsOnly: differing({ qualified: false }).names.length === 0,
    settingsOnly: differing({ settings: false }).names.length === 0,
  };
}

/** Whether the two revisions do the same, and that is something. */
export function sameWork(a: Revision, b: Revision): boolean {
  const { module } = parseModule(a.source);
  const forms = canonical(module, importsOf(module), { documented: false, qualified: true, settings: true });
  return (
    ["upgrade", "downgrade"].some((name) => (forms.get(name)?.tokens.length ?? 0) > EMPTY_FUNCTION) && compareBodies(a, b).same
  );
}

function firstDifference(before: Form | undefined, after: Form): number | undefined {
  const index = after.tokens.findIndex((token, position) => token !== before?.tokens[position]);
  return after.offsets[index === -1 ? after.offsets.length - 1 : index];
}

/** @param inlined literals stand in the place of the constants that hold them */
function canonical(module: Node, imports: ReadonlyMap<string, string>, options: WritingOptions, inlined = false): Forms {
  const forms: Forms = new Map();
  const written = module.items as readonly Node[];
  const definitions = written.flatMap((statement) => {
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

  // A literal and the name of a constant that holds it are the same.
  const constants = new Map<string, Node>();
  for (const statement of hidden || !inlined ? [] : written) {
    const name = definedName(statement);
    const value = name !== undefined && alone(name) && !isHeader(statement) ? valueOf(statement) : undefined;
    if (value && LITERALS.has(value.kind)) constants.set(name!, value);
  }
  const statements = constants.size === 0 ? written : written.map((statement) => withConstants(statement, constants));

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

const LITERALS = new Set(["String", "Bytes", "Number", "Constant"]);

/** What an assignment gives to its name. */
const valueOf = ({ kind, items }: Node): Node | null | undefined =>
  kind === "Assign" ? items[1] : kind === "AnnAssign" ? items[2] : undefined;

/** The tree with the values of constants in the place of their names, but where they are given. */
function withConstants(node: Node, constants: ReadonlyMap<string, Node>): Node {
  if (node.kind === "Name" && constants.has(node.text)) return { ...constants.get(node.text)!, start: node.start, end: node.end };
  const isDefinition = (node.kind === "Assign" || node.kind === "AnnAssign") && node.items[0]?.kind === "Name";
  let changed = false;
  const items = node.items.map((item, index) => {
    const other = item && !(isDefinition && index === 0) ? withConstants(item, constants) : item;
    changed ||= other !== item;
    return other;
  });
  return changed ? { ...node, items } : node;
}

/** Assigns nothing but what Alembic reads as the header. */
function isHeader(statement: Node): boolean {
  if (statement.kind !== "Assign" && statement.kind !== "AnnAssign") return false;
  const names = boundBy(statement);
  return names.length > 0 && names.every((name) => HEADER.has(name));
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
