/** Whether two statements say the same, however they are written. */
import type { RenderedStatement } from "./protocol.ts";

/** One statement with one row of parameters. */
export interface Unit {
  /** For people. */
  sql: string;
  /** Equal keys: the same statement. */
  key: string;
}

/** Quoted text of each kind, or else white space and comments. */
const TOKENS =
  /\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|(?:--[^\n]*|\/\*[\s\S]*?\*\/|\s)+/g;

/** The text with comments left out, and white space folded, outside of quotes. */
export const folded = (sql: string): string =>
  sql
    .replaceAll(TOKENS, (token) => (/^(?:--|\/\*|\s)/.test(token) ? " " : token))
    .replace(/[\s;]+$/, "")
    .trimStart();

const SESSION =
  /^(?:set|reset)\s+(?:session\s+|local\s+)?(?:lock_timeout|statement_timeout|idle_in_transaction_session_timeout|transaction_timeout|deadlock_timeout|maintenance_work_mem|work_mem)\b/i;

/** Whether a statement only sets how long or with how much memory the following ones may run. */
export const isSetting = (sql: string): boolean => SESSION.test(folded(sql));

const DATA = /^(?:with|insert|update|delete|merge|copy|truncate|select|call|do|values|execute)\b/i;

/** Whether a statement changes rows, or may: what it does cannot be seen in the catalog. */
export const isData = (sql: string): boolean => DATA.test(folded(sql));

/** The statements one by one: a row of parameters each, keyed by their text. */
export function unitsOf(statements: readonly RenderedStatement[]): Unit[] {
  return statements.flatMap(({ sql, parameters }) => {
    const rows = parameters.length > 0 ? parameters : [[]];
    const text = folded(sql);
    return rows.map((row) => ({ sql: shown(sql, row), key: JSON.stringify([text, row]) }));
  });
}

function shown(sql: string, row: readonly string[]): string {
  const lines = sql.replaceAll("\t", "    ").split("\n");
  const kept = lines.map((line) => line.trimEnd()).filter((line) => line !== "");
  return [...kept, ...(row.length > 0 ? [`-- ${row.join(", ")}`] : [])].join("\n");
}

/**
 * The same with keys that tell neither the case of keywords nor needless quotes apart. Several statements in one text become several
 * units. What the parser does not know keeps its text as its key.
 */
export async function parsedUnits(statements: readonly RenderedStatement[]): Promise<Unit[]> {
  const { parse } = await import("./sql-parser.ts");
  return statements.flatMap((statement) => {
    const units = unitsOf([statement]);
    try {
      const program = parse(statement.sql, { dialect: "postgresql", paramTypes: ["?"] });
      const parts = program.statements.filter(({ type }) => type !== "empty").map((part) => JSON.stringify(canonical(part)));
      const rows = statement.parameters.length > 0 ? statement.parameters : [[]];
      if (parts.length > 1 && rows.length === 1 && rows[0]!.length === 0)
        return parts.map((key) => ({ ...units[0]!, key: JSON.stringify([key, []]) }));
      return units.map((unit, index) => ({ ...unit, key: JSON.stringify([parts.join(";"), rows[index]]) }));
    } catch {
      return units;
    }
  });
}

/** A syntax tree without what has no meaning. */
function canonical(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(canonical);
  if (typeof node !== "object" || node === null) return node;
  const { type, text, name, ...rest } = node as Record<string, unknown>;
  if (type === "keyword") return name;
  if (type === "identifier" && typeof text === "string")
    return text.startsWith('"') || text.startsWith("U&") ? name : text.toLowerCase();
  const fields = { ...(text !== undefined && { text }), ...(name !== undefined && { name }), ...rest };
  return [type, Object.entries(fields).map(([key, value]) => [key, canonical(value)])];
}
