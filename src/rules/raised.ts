/** What Python and Postgres say when something goes wrong, in few words and without what is nobody's business. */
import type { Stop } from "../run/evidence.ts";
import type { Raised } from "../run/protocol.ts";
import { block, text, type Text } from "../text.ts";

/** SQLAlchemy's words for an operation whose name is None, which show Python's objects and their addresses. */
const UNNAMED = /^Can't emit (ADD|DROP) CONSTRAINT for constraint (\w+)\(.*Table\('([^']+)'.*it has no name$/;

/** The first line of a database's or Python's message, without SQLAlchemy's wrapping. */
export function firstLine(message: string): string {
  const line = message.split("\n").find((line) => line.trim() !== "") ?? "";
  const unnamed = UNNAMED.exec(line);
  if (unnamed) return `${unnamed[1]} CONSTRAINT on table ${unnamed[3]} names no constraint (${unnamed[2]} without a name)`;
  return line
    .replace(/^\([\w.]+\)\s*/, "")
    .replace(/^<class '[^']+'>:\s*/, "")
    .trim();
}

/** The table whose constraint without a name cannot be dropped, where that is what was raised. */
export const tableOfUnnamed = ({ message }: Raised): string | undefined => UNNAMED.exec(message.trim())?.[3];

/** Names of settings that pydantic misses, as environment variables are written. */
export function missingSettings({ message }: Raised): string[] {
  const missing = message.matchAll(/^(\w+)\n\s+(?:Field required|field required)/gm);
  return [...missing].map(([, name]) => name!.toUpperCase());
}

/** Addresses of Python's objects, which are others at every run. */
const ADDRESS = / at 0x[0-9a-f]{6,}/g;

/** What pydantic was given: an application's settings, its secrets among them. */
const INPUT = /input_value=.*?(?=, input_type=|\]$)/gm;

const tidy = (words: string): string => words.replace(ADDRESS, "").replace(INPUT, "input_value=…").trim();

/** Frames of libraries, of Python itself, of generated code, and ours. */
const FOREIGN = /^ {2}File "(?:<|[^"]*[/\\](?:site-packages|dist-packages|alembic_gate_driver|lib[/\\]python[\d.]+)[/\\])/;

/**
 * The last frames of a traceback, without those of libraries where there are some of the project, and what was raised.
 *
 * @param file where it begins: how env.py came there is the same for every revision
 */
function traceOf({ traceback, frames }: Raised, file: string | undefined): string {
  // A frame is a line that names it, and what is indented further.
  const parts = tidy(traceback).split(/\n(?= {2}File "|\S)/);
  const own = frames.length > 0 ? parts.filter((part) => !FOREIGN.test(part)) : parts;
  const first = file === undefined ? -1 : own.findIndex((part) => part.includes(`${file}", line `));
  const shown = first > 1 ? [own[0]!, ...own.slice(first)] : own;
  const last = shown.findLastIndex((part) => part.startsWith("  File "));
  return [...shown.slice(Math.max(0, last - 3), last + 1), ...shown.slice(last + 1, last + 9)].join("\n");
}

/** The message, the statement and, where there is no statement, the end of the traceback. */
export function evidenceOf({ raised, revision, file }: Stop): Text {
  const name = raised.sqlstate ? `${raised.type}, SQLSTATE ${raised.sqlstate}` : raised.type;
  const message = tidy(raised.message.replace(/\n\[SQL:[\s\S]*$|\n\(Background on this error[\s\S]*$/g, ""));
  if (raised.sql) return text`${name}: ${block(message)} It was executing ${block(raised.sql.trim(), "sql")}`;
  // The end of a traceback says the message once more.
  const trace = traceOf(raised, revision === undefined ? undefined : file);
  return trace.includes(message) ? text`${block(trace)}` : text`${name}: ${block(message)} ${block(trace)}`;
}
