/**
 * Connections that the kernel refused to a C library or to another program. Python hears nothing of them, so they are found in what
 * was raised and in what programs print.
 */
import type { Place } from "./place.ts";

/** A program that the project's code started. */
export interface Program extends Place {
  program: string;
  /** The revision that did. */
  revision: string | null;
  /** Neither a revision nor env.py did, but the application by itself. */
  quiet: boolean;
}

export interface Refused extends Place {
  /** `warehouse:5439`. */
  wanted: string;
  quiet: boolean;
}

/** Where nobody says which machine it was. */
const SOMEWHERE = "another machine";

// Bounds keep hostile text from being searched again and again.
const HOST = String.raw`(?<host>[\w.-]{1,253}|\[[\da-f:.]{2,45}\]|[\da-f]{0,4}:[\da-f:.]{1,40})`;

/** How programs name the place and the reason (EACCES). */
const NAMED = [
  // libpq, before version 14 and since.
  String.raw`connection to server at "(?<host>[^"]+)"(?: \([^)]*\))?, port (?<port>\d+) failed: Permission denied`,
  String.raw`could not connect to server: Permission denied\s+Is the server running on host "(?<host>[^"]+)"(?: \([^)]*\))? and accepting\s+TCP/IP connections on port (?<port>\d+)`,
  // curl keeps the reason to itself.
  String.raw`Failed to connect to ${HOST} port (?<port>\d+)`,
  String.raw`Connecting to ${HOST}(?: \([^)]*\))?(?:\|[^|\n]*\|)?:(?<port>\d+)\.\.\. failed: Permission denied`,
  String.raw`Can't connect to MySQL server on '(?<host>[^':]+)(?::(?<port>\d+))?' \(13\)`,
  String.raw`/dev/tcp/(?<host>[^/\s]+)/(?<port>\d+): Permission denied`,
  // ssh, nc
  String.raw`connect to (?:host )?${HOST} port (?<port>\d+)[^\n]{0,200}: Permission denied`,
  // redis-cli, Go; Node.js
  String.raw`(?:connect|dial)\b[^\n]{0,100}?\s${HOST}:(?<port>\d+): [^\n]{0,100}permission denied`,
  String.raw`connect EACCES ${HOST}:(?<port>\d+)`,
  String.raw`\[Errno 13\] Connect call failed \('(?<host>[^']+)', (?<port>\d+)\)`,
].map((pattern) => new RegExp(pattern, "gi"));

/** Python names the file where it is one that is closed. */
const NAMELESS =
  /\[Errno 13\] Permission denied(?!:? ?['"b])|connect(?!ion to server on socket)[^\n]{0,200}(?::|\bEACCES\b)[^\n]{0,200}Permission denied/i;

const isHere = (host: string): boolean => /^(localhost|127\..*|\[?::1\]?)$/i.test(host);

/** The places that could not be reached, as what was said about it names them. */
export function refusedIn(said: string): string[] {
  const places = new Set<string>();
  for (const pattern of NAMED) {
    for (const { groups } of said.matchAll(pattern)) {
      const { host = "", port } = groups ?? {};
      if (!isHere(host)) places.add(port === undefined ? host : `${host}:${port}`);
    }
  }
  if (places.size === 0 && NAMELESS.test(said) && !NAMED.some((pattern) => said.search(pattern) >= 0)) places.add(SOMEWHERE);
  return [...places];
}

/**
 * @param printed what the process and its programs wrote to stdout and stderr
 * @param raised what was raised, and where
 */
export function refusals(
  printed: string,
  programs: readonly Program[],
  raised: readonly ({ message: string; traceback: string } & Place)[],
): Refused[] {
  const found: Refused[] = raised.flatMap(({ message, traceback, file, line }) =>
    refusedIn(`${message}\n${traceback}`).map((wanted) => ({ wanted, quiet: false, ...(file !== undefined && { file, line }) })),
  );
  if (programs.length === 0) return found;
  for (const wanted of refusedIn(printed)) {
    if (found.some((known) => known.wanted === wanted)) continue;
    const said = printed.split("\n").filter((words) => wanted === SOMEWHERE || words.includes(wanted.replace(/:\d+$/, "")));
    const speaks = ({ program }: Program) => program !== "" && said.some((words) => words.includes(program));
    const { file, line, quiet } = programs.findLast(speaks) ?? programs.at(-1)!;
    found.push({ wanted, quiet, ...(file !== undefined && { file, line }) });
  }
  return found;
}
