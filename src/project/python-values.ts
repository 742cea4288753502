/** Values that can be known without running Python. */
import type { Node } from "./python-syntax.ts";
import type { Problem } from "./python-tokens.ts";

const SIMPLE_ESCAPES: Record<string, string> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};
const ESCAPE = /\\(?:(\n)|([\\'"abfnrtv])|([0-7]{1,3})|x([\da-fA-F]{0,2})|N(\{[^}]*\})?|u([\da-fA-F]{0,4})|U([\da-fA-F]{0,8}))/g;

/**
 * The value of a string literal.
 *
 * @param text what stands between the quotes
 * @returns the value, or why Python refuses it. `\N{…}` is left as it is written: equal names stay equal.
 */
export function stringValue(text: string, { raw, bytes }: { raw: boolean; bytes: boolean }): string | Pick<Problem, "detail"> {
  if (bytes && /[^\x00-\x7f]/.test(text)) return { detail: "bytes can only contain ASCII literal characters" };
  const source = text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text;
  if (raw || !source.includes("\\")) return source;
  let refused: string | undefined;
  const value = source.replaceAll(
    ESCAPE,
    (all: string, line?: string, simple?: string, octal?: string, hex?: string, name?: string, short?: string, long?: string) => {
      if (line !== undefined) return "";
      const lead = all[1]!;
      if (simple !== undefined) return SIMPLE_ESCAPES[simple]!;
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      if (lead === "x") {
        if (hex?.length === 2) return String.fromCodePoint(Number.parseInt(hex, 16));
        refused = bytes ? "(value error) invalid \\x escape" : "(unicode error) truncated \\xXX escape";
      } else if (bytes) return all;
      else if (lead === "N") {
        if (name === undefined) refused = "(unicode error) malformed \\N character escape";
      } else if (lead === "u" || lead === "U") {
        const digits = lead === "u" ? short : long;
        const point = Number.parseInt(digits ?? "", 16);
        if (digits?.length === (lead === "u" ? 4 : 8) && point <= 0x10ffff) return String.fromCodePoint(point);
        refused = `(unicode error) truncated \\${lead} escape`;
      }
      return all;
    },
  );
  return refused === undefined ? value : { detail: refused };
}

/** A value that is known, or undefined: only Python can tell. Tuples, lists and sets are arrays. */
export type Value = string | number | boolean | null | readonly Value[] | undefined;

/** What a module's names hold once it has been run. Names that are bound to something unknown hold undefined. */
export interface ModuleValues {
  values: ReadonlyMap<string, Value>;
  /** The statement that bound a name last, and the value's place where it stands there alone. */
  bindings: ReadonlyMap<string, { statement: Node; value?: Node }>;
  /** `from x import *`: any name may be bound. */
  star: boolean;
}

/** Follows the assignments of a module from top to bottom. */
export function moduleValues(module: Node): ModuleValues {
  const values = new Map<string, Value>();
  const bindings = new Map<string, { statement: Node; value?: Node }>();
  let star = false;

  const bind = (target: Node, value: Value, statement: Node, at?: Node): void => {
    if (target.kind === "Name") {
      values.set(target.text, value);
      bindings.set(target.text, { statement, ...(at ? { value: at } : {}) });
    } else if (target.kind === "Starred") bind(target.items[0]!, undefined, statement);
    else if (target.kind === "Tuple" || target.kind === "List") {
      const parts =
        Array.isArray(value) && value.length === target.items.length && !target.items.some((item) => item!.kind === "Starred")
          ? (value as readonly Value[])
          : [];
      target.items.forEach((item, index) => bind(item!, parts[index], statement));
    }
  };
  const bindName = (name: string, statement: Node) => {
    values.set(name, undefined);
    bindings.set(name, { statement });
  };
  /** Runs blocks of which one or none may run: what they do not agree on is unknown. */
  const branches = (blocks: readonly (Node | null)[]): void => {
    const before = new Map(values);
    const outcomes = blocks.map((block) => {
      values.clear();
      before.forEach((value, name) => values.set(name, value));
      if (block) run(block);
      return new Map(values);
    });
    values.clear();
    for (const name of new Set(outcomes.flatMap((outcome) => [...outcome.keys()]))) {
      const [first, ...others] = outcomes.map((outcome) => (outcome.has(name) ? outcome.get(name) : undefined));
      values.set(name, others.every((other) => JSON.stringify(other) === JSON.stringify(first)) ? first : undefined);
    }
  };
  const run = (block: Node): void => {
    for (const statement of block.items as readonly Node[]) {
      const { items } = statement;
      switch (statement.kind) {
        case "Assign": {
          const value = evaluate(items.at(-1)!, values);
          const alone = items.length === 2 && items[0]!.kind === "Name" ? items[1]! : undefined;
          for (const target of items.slice(0, -1)) bind(target!, value, statement, alone);
          break;
        }
        case "AnnAssign":
          if (items[2]) bind(items[0]!, evaluate(items[2], values), statement, items[2]);
          break;
        case "AugAssign": {
          const [before, more] = [evaluate(items[0]!, values), evaluate(items[1]!, values)];
          bind(items[0]!, statement.text === "+=" ? sum(before, more) : undefined, statement);
          break;
        }
        case "Delete":
          for (const target of items) if (target!.kind === "Name") values.delete(target!.text);
          break;
        case "Import":
        case "ImportFrom":
          for (const alias of items) {
            if (alias!.text === "*") star = true;
            else bindName(alias!.items[0]?.text ?? alias!.text.split(".")[0]!, statement);
          }
          break;
        case "FunctionDef":
        case "AsyncFunctionDef":
        case "ClassDef":
        case "TypeAlias":
          bindName(statement.text, statement);
          break;
        case "If": {
          const test = decide(items[0]!);
          if (test === undefined) branches([items[1]!, items[2]!]);
          else if (test) run(items[1]!);
          else if (items[2]) run(items[2]);
          break;
        }
        case "For":
          bind(items[0]!, undefined, statement);
          branches([items[2]!, null]);
          if (items[3]) run(items[3]);
          break;
        case "While":
          branches([items[1]!, null]);
          if (items[2]) run(items[2]);
          break;
        case "With":
          for (const item of items.slice(0, -1)) if (item!.items[1]) bind(item!.items[1], undefined, statement);
          run(items.at(-1)!);
          break;
        case "Try": {
          const handlers = items.filter((item) => item?.kind === "Handler");
          const [body, otherwise, finish] = [items[0]!, items.at(-2), items.at(-1)];
          branches([
            { ...body, items: [...body.items, ...(otherwise?.items ?? [])] },
            ...handlers.map((handler) => handler!.items[1]!),
          ]);
          if (finish) run(finish);
          break;
        }
        case "Match":
          branches([...items.slice(1).map((one) => one!.items[2]!), null]);
          break;
        case "Invalid": {
          const name = /^(\w+) (?:: [^=]* )?= /.exec(statement.text)?.[1];
          if (name !== undefined) bindName(name, statement);
          break;
        }
        default:
      }
    }
  };
  run(module);
  return { values, bindings, star };
}

/** Tests whose outcome is known at the time when Alembic loads the file. */
function decide(test: Node): boolean | undefined {
  if (test.kind === "Constant") return test.text === "True";
  if (test.kind === "Name" || test.kind === "Attribute") return test.text === "TYPE_CHECKING" ? false : undefined;
  const [left, right] = test.items;
  return test.kind === "Compare" && test.text === "==" && left?.text === "__name__" && right?.text === "__main__"
    ? false
    : undefined;
}

function sum(a: Value, b: Value): Value {
  if (typeof a === "string" && typeof b === "string") return a + b;
  return Array.isArray(a) && Array.isArray(b) ? [...(a as Value[]), ...(b as Value[])] : undefined;
}

/** The value of an expression, where it is made of literals and of names whose values are known. */
function evaluate(node: Node, names: ReadonlyMap<string, Value>): Value {
  switch (node.kind) {
    case "String":
      return node.text;
    case "Number":
      return /^\d[\d_]*$/.test(node.text) ? Number(node.text.replaceAll("_", "")) : undefined;
    case "Constant":
      return node.text === "None" ? null : node.text === "Ellipsis" ? undefined : node.text === "True";
    case "Name":
      return names.get(node.text);
    case "Tuple":
    case "List":
    case "Set": {
      const items = node.items.map((item) => evaluate(item!, names));
      return items.includes(undefined) ? undefined : items;
    }
    case "FString": {
      const parts = node.items.map((part) => {
        if (part!.kind === "String") return part!.text;
        const plain = part!.kind === "Field" && part!.text === "!" && part!.items[1] === null;
        const value = plain ? evaluate(part!.items[0]!, names) : undefined;
        return typeof value === "string" ? value : undefined;
      });
      return parts.includes(undefined) ? undefined : parts.join("");
    }
    case "Binary":
      return node.text === "+" ? sum(evaluate(node.items[0]!, names), evaluate(node.items[1]!, names)) : undefined;
    default:
      return undefined;
  }
}
