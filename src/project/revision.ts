/** A revision file, read statically: no project code runs. */
import { decodePython, positionsIn } from "./python-source.ts";
import { glanceOver, SKIMMED } from "./python-glance.ts";
import { parseModule, type Node } from "./python-syntax.ts";
import { moduleValues, type Value } from "./python-values.ts";

/** Lines, 1-based and inclusive. */
interface Span {
  line: number;
  endLine: number;
}

/** Where a value stands: lines, columns (1-based) and UTF-16 offsets, so that an edit can be offered. */
export interface ValueSpan extends Span {
  column: number;
  endColumn: number;
  start: number;
  end: number;
  /** The value alone, where the statement assigns it to nothing else. */
  value?: { start: number; end: number };
}

export interface Revision {
  id: string;
  /** As written, before labels are resolved. */
  down: string[];
  dependsOn: string[];
  labels: string[];
  /** First line of the docstring. */
  message: string;
  /** Relative to the repository's root. */
  file: string;
  /** The decoded source. */
  source: string;
  /** Spans of the whole assignments. */
  at: { revision?: ValueSpan; down?: ValueSpan; dependsOn?: ValueSpan; labels?: ValueSpan };
  upgrade?: Span;
  downgrade?: Span;
  /** What the body of downgrade() is. */
  downgradeIs: "code" | "empty" | "missing" | "raises";
  /** Values that only Python can compute; their lists above are then empty. */
  computed?: readonly ("down" | "dependsOn" | "labels")[];
  /** What is wrong with a file of which enough could be read. */
  problem?: Unreadable;
}

/** A file that defines no readable revision although it should. */
export interface Unreadable {
  file: string;
  line: number;
  /**
   * syntax, encoding: Python 3 refuses the file · computed: a value that only Python can tell · no-revision: it defines no `revision`
   * · refused: Alembic refuses a value. Of all but `computed` every alembic command dies.
   */
  reason: "syntax" | "computed" | "encoding" | "no-revision" | "refused";
  detail: string;
}

/** Alembic reads the files of a version folder whose names match this. */
const REVISION_FILE = /^(?!\.#|__init__).*\.py$/;

/** Whether Alembic takes a file of a version folder for a revision. */
const isRevisionFile = (file: string): boolean => REVISION_FILE.test(file.slice(file.lastIndexOf("/") + 1));

/**
 * Reads one file of a version folder.
 *
 * @param file path relative to the repository's root
 * @param bytes its content
 * @param options.skim the header is what counts: where a glance tells that the rest is sound, it is not parsed
 * @returns a revision as soon as its id is known, with the problem where there is one; undefined where Alembic does not look at the file
 */
export function readRevision(file: string, bytes: Uint8Array, { skim = false } = {}): Revision | Unreadable | undefined {
  if (!isRevisionFile(file)) return undefined;
  const { source, problem: decoding } = decodePython(bytes);
  const glanced = skim ? glanceOver(source) : undefined;
  const { module, problem: syntax } = glanced ? { module: glanced, problem: undefined } : parseModule(source);
  const positionOf = positionsIn(source);
  const { values, bindings, star } = moduleValues(module);
  const problems: Unreadable[] = [];
  const report = (reason: Unreadable["reason"], line: number, detail: string) => problems.push({ file, line, reason, detail });
  if (decoding) report("encoding", decoding.line, decoding.detail);
  if (source.includes("\0")) report("syntax", positionOf(source.indexOf("\0")).line, "source code cannot contain null bytes");
  if (syntax) report("syntax", positionOf(syntax.offset).line, syntax.detail);

  const spanOf = (name: string): ValueSpan | undefined => {
    const binding = bindings.get(name);
    if (!binding) return undefined;
    const { statement, value } = binding;
    const [from, to] = [positionOf(statement.start), positionOf(statement.end)];
    return {
      line: from.line,
      endLine: to.line,
      column: from.column,
      endColumn: to.column,
      start: statement.start,
      end: statement.end,
      ...(value ? { value: { start: value.start, end: value.end } } : {}),
    };
  };
  const lineOf = (name: string) => spanOf(name)?.line ?? 1;

  const id = values.get("revision");
  const legacy =
    values.has("revision") || star ? undefined : /^([a-f0-9]+)\.py$/.exec(file.slice(file.lastIndexOf("/") + 1))?.[1];
  if (typeof id !== "string" && legacy === undefined) {
    if (problems.length > 0) return problems[0];
    if (!values.has("revision") && !star) return { file, line: 1, reason: "no-revision", detail: "" };
    return id === undefined
      ? { file, line: lineOf("revision"), reason: "computed", detail: "revision" }
      : { file, line: lineOf("revision"), reason: "refused", detail: `revision is ${JSON.stringify(id)} and not a string` };
  }
  const ownId = typeof id === "string" ? id : legacy!;
  const illegal = [...new Set(ownId.match(/[@\-+:]/g))];
  if (illegal.length > 0) report("refused", lineOf("revision"), `${illegal.join(" ")} not allowed in a revision id`);

  const computed: NonNullable<Revision["computed"]>[number][] = [];
  const listOf = (name: string, key: (typeof computed)[number]): string[] => {
    const value = values.has(name) ? values.get(name) : null;
    const list = stringsOf(value);
    if (list) return list;
    if (value === undefined) computed.push(key);
    else report("refused", lineOf(name), `${name} is ${JSON.stringify(value)}`);
    return [];
  };
  const down = listOf("down_revision", "down");
  const dependsOn = listOf("depends_on", "dependsOn").filter((name) => name !== "");
  const labels = listOf("branch_labels", "labels");
  if (computed.includes("down")) report("computed", lineOf("down_revision"), "down_revision");

  const functionNamed = (name: string): Node | undefined => {
    const statement = bindings.get(name)?.statement;
    return statement?.kind === "FunctionDef" ? statement : undefined;
  };
  const spanOfFunction = (node: Node | undefined): Span | undefined =>
    node && { line: positionOf(node.start).line, endLine: positionOf(node.end).line };
  const downgrade = functionNamed("downgrade");
  return {
    id: ownId,
    down,
    dependsOn,
    labels,
    message: docstring(module)?.trim().split(/\s*\n/, 1)[0] ?? "",
    file,
    source,
    at: {
      revision: spanOf("revision"),
      down: spanOf("down_revision"),
      dependsOn: spanOf("depends_on"),
      labels: spanOf("branch_labels"),
    },
    upgrade: spanOfFunction(functionNamed("upgrade")),
    downgrade: spanOfFunction(downgrade),
    downgradeIs: downgrade ? whatItIs(downgrade) : values.has("downgrade") || star ? "code" : "missing",
    ...(computed.length > 0 ? { computed } : {}),
    ...(problems.length > 0 ? { problem: problems[0] } : {}),
  };
}

/** None is no id, a string one, a collection of strings several; undefined where it is something else. */
function stringsOf(value: Value): string[] | undefined {
  if (value === null) return [];
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) return undefined;
  // Alembic unpacks collections of one.
  if (value.length === 1 && value[0] === null) return [];
  return value.every((item) => typeof item === "string") ? [...new Set(value)] : undefined;
}

function docstring(block: Node): string | undefined {
  const first = block.items[0];
  return first?.kind === "Expr" && first.items[0]!.kind === "String" ? first.items[0]!.text : undefined;
}

/** Statements that do nothing. */
function idle(statement: Node): boolean {
  const [value] = statement.items;
  if (statement.kind === "Pass") return true;
  if (statement.kind === "Expr") return value!.kind === "String" || value!.kind === "Constant";
  return statement.kind === "Return" && (value === null || (value!.kind === "Constant" && value!.text === "None"));
}

function whatItIs(definition: Node): Revision["downgradeIs"] {
  if (definition.items.at(-1)!.text === SKIMMED) return "code";
  const statements = (definition.items.at(-1)!.items as readonly Node[]).filter((statement) => !idle(statement));
  return statements.length === 0 ? "empty" : statements[0]!.kind === "Raise" ? "raises" : "code";
}
