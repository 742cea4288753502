/** What goes wrong on our side and looks like a fault of the project: the server is gone, full or takes nobody any more, a process was killed. */
import { Failure } from "../failure.ts";
import { code, text } from "../text.ts";
import type { RunResult } from "./driver.ts";

/** Signals that come from outside; a crash of the project's own has others. */
const FROM_OUTSIDE = /was ended by (SIGKILL|SIGTERM|SIGINT|SIGHUP)$/;

/** Codes of a connection that was lost or cannot be made, and SQLSTATEs of a server that shuts down or has crashed. */
const GONE = /^(CONNECTION_\w+|CONNECT_TIMEOUT|ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|57P0[1-3])$/;

/** SQLSTATEs of a disk and of a memory that are full. */
const FULL: Record<string, string> = { "53100": "disk", "53200": "memory" };

/** A server that takes no more connections: its SQLSTATE, which some drivers do not tell, and its words. */
const NO_MORE = "53300";
const TAKES_NO_MORE = /too many (?:clients already|connections for )|remaining connection slots are reserved/;

/** The process was killed by somebody else, the kernel as a rule. */
export function killedFromOutside(how: string): Failure | undefined {
  const signal = FROM_OUTSIDE.exec(how)?.[1];
  if (signal === undefined) return undefined;
  return new Failure(
    3,
    text`The Python process of the project was ended by ${code(signal)}, and not by the gate.`,
    text`The machine ran out of memory, as a rule: give the job more of it, or run fewer jobs beside it. Then run the gate again.`,
  );
}

/** What a query of ours, or the start of a server of ours, met; undefined where it is a bug. */
export function serverFailed(error: unknown): Failure | undefined {
  const { code: sqlstate, message } =
    error instanceof Error ? (error as Error & { code?: unknown }) : { code: undefined, message: "" };
  if (typeof sqlstate !== "string") return undefined;
  if (FULL[sqlstate] !== undefined) return isFull(FULL[sqlstate]);
  if (sqlstate === NO_MORE) return takesNoMore(message);
  if (!GONE.test(sqlstate)) return undefined;
  return new Failure(
    3,
    text`PostgreSQL ended in the midst of the run: ${message}.`,
    text`Run the gate again. If that happens each time, the server crashes or is ended: look at the machine's memory, or choose another server with ${code("--postgres")}.`,
  );
}

/** What ended a run and is no fault of the project. */
export function endedByUs({ died, raised }: Pick<RunResult, "died" | "raised">): Failure | undefined {
  if (died) return killedFromOutside(raised?.message ?? "");
  const { sqlstate, message = "" } = raised ?? {};
  const at = message.search(TAKES_NO_MORE);
  if (sqlstate === NO_MORE || (sqlstate === undefined && at !== -1))
    return takesNoMore(message.slice(Math.max(at, 0)).split("\n")[0]!);
  const full = sqlstate === undefined ? undefined : FULL[sqlstate];
  return full === undefined ? undefined : isFull(full);
}

const takesNoMore = (words: string): Failure =>
  new Failure(
    3,
    text`The PostgreSQL server takes no more connections: ${code(words)}.`,
    text`The gate needs a dozen of them at once for each environment. Raise ${code("max_connections")} of the server that ${code("postgres")} names, run fewer jobs on it at once, or let the gate start one of its own, without ${code("postgres")}.`,
  );

const isFull = (what: string): Failure =>
  new Failure(
    3,
    text`The throwaway PostgreSQL has no ${what} left on this machine.`,
    what === "disk"
      ? text`Its data lies in ${code("/dev/shm")} where that has 1 GiB of room, else in ${code("TMPDIR")}: point that at a larger disk, or give a server with ${code("--postgres")}.`
      : text`Give the job more memory, or a server with ${code("--postgres")}.`,
  );
