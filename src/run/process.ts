/** The Python process and its copy: lines of JSON on descriptors of their own, what they print, and their end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { projectEnvironment } from "../project/project-environment.ts";
import type { Event, Request } from "./protocol.ts";

export interface ProcessOptions {
  /** The interpreter and its own arguments: `["uv", "run", "python"]`. */
  python: readonly string[];
  /** Absolute path of the folder in which the project's alembic commands are run. */
  directory: string;
  /** The caller's variables; see `projectEnvironment`. */
  env: NodeJS.ProcessEnv;
}

export interface PythonProcess {
  /** False: the interpreter could not even be started. */
  started: boolean;
  send(request: Request): void;
  /** Resolves when it is gone and all that it wrote was read: `ended with exit code 1`. */
  ended: Promise<string>;
  /** Kills it and all that it started. */
  kill(): void;
  /** The end of what it wrote to stdout and stderr. @param since leaves out what came before: from `written` */
  log(since?: number): string;
  /** How many bytes it has written to them. */
  written(): number;
  /** The copy that it has made of itself: its own requests and events, and a log that both share. */
  copy(id: number, hear: (event: Event) => void): PythonProcess;
}

const logBytes = 65_536;

/** As many copies can be made of a process. */
const COPIES = 4;

/** How long, in milliseconds, what a dead process wrote may be on its way: a program that it left behind may hold its ends open for ever. */
const draining = 500;

/** Sets come in the same order each time, unless the caller wants another one: two runs say the same, and two processes do. */
const hashSeed = ({ PYTHONHASHSEED: given }: NodeJS.ProcessEnv): string =>
  given !== undefined && /^\d+$/.test(given) ? given : "0";

/** NumPy's OpenBLAS starts a thread for each processor when it is imported, and a process with threads is not copied. */
const FEW_THREADS = { OPENBLAS_NUM_THREADS: "1" };

/** A process that was started before it is known what it will load, or whether it is needed: it imports Alembic and waits. */
export interface EarlyProcess {
  command: string;
  /** Hands it over, once; undefined the second time. */
  take(hear: (event: Event) => void): PythonProcess | undefined;
  /** Ends it, unless it was taken. */
  drop(): void;
}

export function startEarly(options: ProcessOptions): EarlyProcess {
  let listener: ((event: Event) => void) | undefined;
  const early = startProcess(options, (event) => listener?.(event));
  return {
    command: options.python.join(" "),
    take(hear) {
      if (listener) return undefined;
      listener = hear;
      return early;
    },
    drop() {
      if (!listener) early.kill();
    },
  };
}

/** Starts driver/ in a process group of its own; `hear` gets every event. */
export function startProcess(
  { python: [command, ...rest], directory, env }: ProcessOptions,
  hear: (event: Event) => void,
): PythonProcess {
  const child = spawn(command!, [...rest, driverFolder()], {
    cwd: directory,
    env: { ...FEW_THREADS, ...projectEnvironment(env), PYTHONHASHSEED: hashSeed(env) },
    detached: true,
    stdio: ["ignore", ...Array.from({ length: 4 + 2 * COPIES }, () => "pipe" as const)],
  });
  const ends: unknown[] = child.stdio;
  const outgoing = ends[3] as Writable;
  const readable = [child.stdout, child.stderr, ends[4]] as Readable[];
  /** The ends of copies that were not made yet. */
  const spare = Array.from({ length: COPIES }, (_, index) => 5 + 2 * index).map((end) => ({
    outgoing: ends[end] as Writable,
    incoming: ends[end + 1] as Readable,
  }));
  for (const stream of [...readable, outgoing, ...spare.flatMap(Object.values<Readable | Writable>)])
    stream.on("error", () => {});

  listen(readable[2]!, hear);
  let written = Buffer.alloc(0);
  let total = 0;
  for (const stream of readable.slice(0, 2)) {
    stream.on("data", (chunk: Buffer) => {
      total += chunk.length;
      written = Buffer.concat([written, chunk]);
      if (written.length > 2 * logBytes) written = written.subarray(-logBytes);
    });
  }

  /** The copies that are still there: they print to the same ends. */
  const copies = new Set<Promise<string>>();
  const [drained, heard] = [readable, readable.slice(2)].map((all) => Promise.all(all.map((stream) => once(stream, "close"))));
  const letGo = async () => {
    await Promise.all(copies);
    for (const stream of readable) stream.destroy();
  };
  const ended = new Promise<string>((resolve) => {
    const finish = async (status: number | null, signal: NodeJS.Signals | null) => {
      await Promise.race([copies.size > 0 ? heard : drained, sleep(draining, undefined, { ref: false })]);
      for (const stream of spare.flatMap(Object.values<Readable | Writable>)) stream.destroy();
      void letGo();
      resolve(signal ? `was ended by ${signal}` : `ended with exit code ${status}`);
    };
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (status, signal) => void finish(status, signal));
  });

  const log = (since = 0) => {
    const known = total - written.length;
    return written
      .subarray(Math.max(0, written.length - logBytes, since - known))
      .toString("utf8")
      .trim();
  };

  return {
    started: child.pid !== undefined,
    ended,
    send: sender(outgoing),
    kill() {
      if (child.pid !== undefined) killed(-child.pid);
    },
    log,
    written: () => total,
    copy(id, hearCopy) {
      const { incoming, outgoing: toCopy } = spare.shift()!;
      listen(incoming, hearCopy);
      let gone = false;
      // It is no child of ours: that it let go of its end is all that is heard of it.
      const copyEnded = once(incoming, "close").then(() => {
        gone = true;
        copies.delete(copyEnded);
        return "ended";
      });
      copies.add(copyEnded);
      return {
        started: true,
        ended: copyEnded,
        send: sender(toCopy),
        kill() {
          if (gone) return;
          killed(-id);
          setTimeout(() => incoming.destroy(), draining).unref();
        },
        log,
        written: () => total,
        copy: () => {
          throw new Error("a copy is not copied");
        },
      };
    },
  };
}

function listen(input: Readable, hear: (event: Event) => void): void {
  createInterface({ input }).on("line", (line) => {
    // What was killed in the midst of a line left half of it.
    if (line.endsWith("}")) hear(JSON.parse(line) as Event);
  });
}

const sender =
  (output: Writable) =>
  (request: Request): void => {
    output.write(`${JSON.stringify(request)}\n`);
  };

/** Kills a process or, where the id is negative, a whole group. */
function killed(id: number): void {
  try {
    process.kill(id, "SIGKILL");
  } catch {
    // Nobody of that name is left.
  }
}

/** driver/ lies beside src/ and beside dist/. */
export function driverFolder(): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, "driver");
    if (existsSync(path.join(candidate, "__main__.py"))) return candidate;
    if (folder === path.dirname(folder)) throw new Error("the folder driver/ is missing from this installation");
  }
}
