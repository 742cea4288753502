/** The Python process: lines of JSON on two descriptors of its own, what it prints, and its end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
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
  /** The end of what it wrote to stdout and stderr. */
  log(): string;
}

const logBytes = 65_536;

/** How long, in milliseconds, what a dead process wrote may be on its way: a program that it left behind may hold its ends open for ever. */
const draining = 500;

const withheld =
  /^(INPUT_.*|ACTIONS_.*|GITHUB_TOKEN|GH_TOKEN|GITHUB_ENV|GITHUB_PATH|GITHUB_OUTPUT|GITHUB_STATE|GITHUB_STEP_SUMMARY)$/;

/** What libpq reads. A project may read these as well, and want them while it is imported: they then lead nowhere. */
const libpq = /^PG[A-Z]+$/;
const nowhere: NodeJS.ProcessEnv = { PGHOST: "127.0.0.1", PGPORT: "1", PGUSER: "nobody", PGPASSWORD: "none", PGDATABASE: "none" };

/** The caller's variables without what belongs to the runner, to us, and to the caller's own databases. */
export function projectEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !withheld.test(name) && (!libpq.test(name) || name in nowhere));
  return Object.fromEntries(kept.map(([name, value]) => [name, nowhere[name] ?? value]));
}

/** Starts driver/ in a process group of its own; `hear` gets every event. */
export function startProcess(
  { python: [command, ...rest], directory, env }: ProcessOptions,
  hear: (event: Event) => void,
): PythonProcess {
  const child = spawn(command!, [...rest, driverFolder()], {
    cwd: directory,
    env: projectEnvironment(env),
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
  });
  const outgoing = child.stdio[3] as Writable;
  const readable = [child.stdout, child.stderr, child.stdio[4]] as Readable[];
  for (const stream of [...readable, outgoing]) stream.on("error", () => {});

  createInterface({ input: readable[2]! }).on("line", (line) => {
    // What was killed in the midst of a line left half of it.
    if (line.endsWith("}")) hear(JSON.parse(line) as Event);
  });
  let log = Buffer.alloc(0);
  for (const stream of readable.slice(0, 2)) {
    stream.on("data", (chunk: Buffer) => {
      log = Buffer.concat([log, chunk]);
      if (log.length > 2 * logBytes) log = log.subarray(-logBytes);
    });
  }

  const drained = Promise.all(readable.map((stream) => once(stream, "close")));
  const ended = new Promise<string>((resolve) => {
    const finish = async (status: number | null, signal: NodeJS.Signals | null) => {
      await Promise.race([drained, sleep(draining, undefined, { ref: false })]);
      for (const stream of readable) stream.destroy();
      resolve(signal ? `was ended by ${signal}` : `ended with exit code ${status}`);
    };
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (status, signal) => void finish(status, signal));
  });

  return {
    started: child.pid !== undefined,
    ended,
    send(request) {
      outgoing.write(`${JSON.stringify(request)}\n`);
    },
    kill() {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // Nobody of the group is left.
      }
    },
    log: () => log.subarray(-logBytes).toString("utf8").trim(),
  };
}

/** driver/ lies beside src/ and beside dist/. */
function driverFolder(): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, "driver");
    if (existsSync(path.join(candidate, "__main__.py"))) return candidate;
    if (folder === path.dirname(folder)) throw new Error("the folder driver/ is missing from this installation");
  }
}
