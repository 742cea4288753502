/** The other end of driver/: starts the Python process that runs the project's migrations, and tells what happened in it. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { block, code, text, type Text } from "../text.ts";
import type { Statement, Step } from "./evidence.ts";
import type { Connection, Event, Load, LoadedRevision, Raised, Request, Run } from "./protocol.ts";

export interface DriverOptions {
  /** The interpreter and its own arguments: `["uv", "run", "python"]`. */
  python: readonly string[];
  /** Absolute path of the folder in which the project's alembic commands are run. */
  directory: string;
  load: Load;
  /** What the project's process may see; see `projectEnvironment`. */
  env: NodeJS.ProcessEnv;
  /** Seconds without any progress after which a run counts as hanging. */
  timeout: number;
  signal?: AbortSignal;
  /** A database for a project that connects while it is being imported. Without it such a connection is refused. */
  connection?: () => Promise<Connection>;
}

/** What was loaded. Files are relative to the root where they are in it. */
export interface Loaded {
  versions: { python: string; alembic: string; sqlalchemy: string };
  revisions: readonly LoadedRevision[];
  heads: readonly string[];
  bases: readonly string[];
  /** Alembic's own order, from the bases up. */
  order: readonly string[];
  versionFolders: readonly string[];
  /** What Alembic warned of: duplicate ids, missing parents. */
  warnings: readonly string[];
  /** The project connected to a database while it was imported: from this line. */
  connectsAtImport?: { file?: string; line?: number };
  /** A revision and all that must be applied before it. */
  ancestors(revision: string): string[];
}

/** A step that has ended, while the process waits for an answer. */
export interface StepControl {
  revision: string;
  direction: "upgrade" | "downgrade";
  seconds: number;
  /** Its work is not committed yet: only `query` sees it. */
  inTransaction: boolean;
  /** Runs SQL on the migration's own connection; the first column of the first row as text. */
  query(sql: string): Promise<string | null>;
}

/** What nothing moves for. */
export interface Hang {
  seconds: number;
  statement?: string;
  waitingFor?: string;
}

export interface RunOptions {
  direction: "upgrade" | "downgrade";
  /** In the order in which they are to run. */
  revisions: readonly string[];
  connection: Connection;
  /** Each revision commits on its own, whatever env.py says. */
  transactionPerMigration?: boolean;
  onBegin?(revision: string): void;
  /** Called after each step, before the next one begins. */
  onStep?(step: StepControl): Promise<"go" | "abort">;
  /** Called before a hanging process is killed: the server can still be asked who waits for whom. */
  onHang?(): Promise<Partial<Hang> | undefined>;
}

export interface RunResult {
  /** One for each revision and direction, in the order in which they began; what env.py does in several contexts is put together. */
  steps: Step[];
  /** Statements that belong to no revision: env.py's own, and Alembic's bookkeeping. */
  outside: Statement[];
  /** What stopped the run, even where env.py swallowed it. */
  raised?: Raised;
  /** Where `raised` happened: in the revision's file where it has a part in it, else the innermost line of the project. */
  place?: { file: string; line: number };
  /** env.py came to its end as if nothing had happened, although `raised` is set. */
  swallowed: boolean;
  /** The step that was begun and did not end. */
  begunNotEnded?: string;
  /** `onStep` wanted no further step. */
  aborted: boolean;
  /** Nothing moved any more; the process was killed. */
  hung?: Hang;
  /** The process ended in the midst of the run (a crash, os._exit). The driver cannot be used any more. */
  died: boolean;
  /** Version rows that the ended steps must leave. */
  expected: string[];
  versionTables: { schema: string | null; name: string }[];
  /** How often env.py ran migrations; 0: it never did. */
  contexts: number;
  connects: { dialect: string; driver: string; wanted: string }[];
  foreign: { wanted: string; file?: string; line?: number }[];
  notes: string[];
  seconds: number;
  /** It failed, not in the database, in a process that had run env.py before: a fresh process may not fail. */
  freshProcessMayHelp: boolean;
}

export interface Driver {
  /** Rejects with a LoadError, or with another Failure where the interpreter cannot be started. */
  loaded: Promise<Loaded>;
  /** One at a time. What the project does wrong is in the result; rejects only where `onStep` does, or the driver is gone already. */
  run(options: RunOptions): Promise<RunResult>;
  /** Ends the process and all that it started; safe to call twice. */
  stop(): Promise<void>;
  /** The end of what the project wrote to stdout and stderr. */
  readonly log: string;
}

/** The project could not be loaded; as a Failure it says so to the user. */
export class LoadError extends Failure {
  /** What was being done; `hang` and `died`: the process hung or ended in the midst of it. */
  readonly stage: (Event & { type: "failed" })["stage"] | "hang" | "died";
  readonly raised: Raised;

  constructor(
    stage: LoadError["stage"],
    raised: Raised,
    exitCode: 1 | 2,
    sentence: Text,
    help: Text,
    place: Failure["place"] = {},
  ) {
    super(exitCode, sentence, help, place);
    this.name = "LoadError";
    this.stage = stage;
    this.raised = raised;
  }
}

const logBytes = 65_536;

/** How long, in milliseconds, a process that was told to leave may take, what it wrote may be on its way, and an answer about a hang. */
const grace = { leaving: 1000, draining: 500, asking: 5000 };

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

/** The innermost line of `file` in a traceback, else the innermost of the project; files are relative to the root. */
export function placeOf(raised: Raised, root: string, file?: string): { file: string; line: number } | undefined {
  const frames = raised.frames.map((frame) => ({ ...frame, file: relativeTo(root, frame.file) }));
  const frame = frames.findLast((frame) => frame.file === file) ?? frames.at(-1);
  return frame && { file: frame.file, line: frame.line };
}

/** Starts the process at once; it loads the project on its own. */
export function startDriver(options: DriverOptions): Driver {
  const { load } = options;
  const child = launch(options);
  const incoming = child.stdio[4] as Readable;
  const outgoing = child.stdio[3] as Writable;
  const log = collectLog(child);
  let handler: ((event: Event) => void) | undefined;
  let lastEvent = performance.now();
  let answerWhere: ((event: Event & { type: "where" }) => void) | undefined;

  const send = (request: Request) => {
    outgoing.write(`${JSON.stringify(request)}\n`);
  };
  createInterface({ input: incoming }).on("line", (line) => {
    const event = JSON.parse(line) as Event;
    if (event.type === "where") return answerWhere?.(event);
    lastEvent = performance.now();
    handler?.(event);
  });
  for (const stream of [incoming, outgoing]) stream.on("error", () => {});

  /** Resolves when the process is gone and all that it sent was read. */
  const ended = new Promise<string>((resolve) => {
    const drained = new Promise<void>((resolve) => incoming.once("close", resolve));
    child.once("error", (error) => resolve(error.message));
    child.once("exit", async (status, signal) => {
      // A program that the project left behind may hold its ends open for ever.
      await Promise.race([drained, sleep(grace.draining)]);
      for (const stream of child.stdio) stream?.destroy();
      resolve(signal ? `was ended by ${signal}` : `ended with exit code ${status}`);
    });
  });
  let gone = false;
  void ended.then(() => (gone = true));

  const kill = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      child.kill("SIGKILL");
    }
  };
  options.signal?.addEventListener("abort", kill, { once: true });

  const where = async (): Promise<(Event & { type: "where" }) | undefined> => {
    const answer = new Promise<Event & { type: "where" }>((resolve) => (answerWhere = resolve));
    send({ type: "where" });
    return Promise.race([answer, sleep(grace.asking, undefined, { ref: false })]);
  };

  /** Rejects with the seconds of silence once there were too many of them, unless `busy` says that we are the reason. */
  const silence = (busy: () => boolean, stopped: AbortSignal): Promise<number> =>
    new Promise((resolve) => {
      lastEvent = performance.now();
      const timer = setInterval(
        () => {
          if (busy()) lastEvent = performance.now();
          const seconds = (performance.now() - lastEvent) / 1000;
          if (seconds < options.timeout) return;
          clearInterval(timer);
          resolve(seconds);
        },
        Math.min(1000, options.timeout * 100),
      );
      stopped.addEventListener("abort", () => clearInterval(timer), { once: true });
    });

  const loadProject = async (): Promise<Loaded> => {
    const over = new AbortController();
    let hello: Loaded["versions"] | undefined;
    let connectsAtImport: Loaded["connectsAtImport"];
    let waitsForUs = false;
    const lend = async () => {
      waitsForUs = true;
      const connection = (await options.connection?.().catch(() => null)) ?? null;
      waitsForUs = false;
      send({ type: "connection", connection });
    };
    const answer = new Promise<Event & { type: "graph" | "failed" }>((resolve) => {
      handler = (event) => {
        if (event.type === "hello") hello = event;
        else if (event.type === "graph" || event.type === "failed") resolve(event);
        else if (event.type === "need-connection") {
          connectsAtImport = relativePlace(load.root, event);
          void lend();
        }
      };
    });
    send(load);
    const event = await Promise.race([answer, ended, silence(() => waitsForUs, over.signal)]).finally(() => over.abort());
    handler = undefined;
    if (typeof event === "number") {
      const at = await where();
      kill();
      throw hangsAtLoad(event, relativePlace(load.root, at ?? {}));
    }
    if (typeof event === "string") throw diedAtLoad(options, event, log.text(), child.pid !== undefined);
    if (event.type === "failed") {
      kill();
      throw failedToLoad(event, load.root);
    }
    const { python, alembic, sqlalchemy } = hello!;
    return {
      ...event,
      versions: { python, alembic, sqlalchemy },
      revisions: event.revisions.map((revision) => ({ ...revision, file: relativeTo(load.root, revision.file) })),
      versionFolders: event.versionFolders.map((folder) => relativeTo(load.root, folder)),
      ...(connectsAtImport && { connectsAtImport }),
      ancestors: (revision) => ancestorsOf(revision, event.revisions),
    };
  };

  const loaded = loadProject();
  loaded.catch(() => {});
  let runs = 0;
  let running = false;

  const run = async (wanted: RunOptions): Promise<RunResult> => {
    const { revisions } = await loaded;
    const files = new Map(revisions.map(({ id, file }) => [id, file]));
    if (running) throw new Error("a run is under way");
    if (gone) throw new Failure(3, text`The driver's process is gone`, text`It said: ${block(log.text())}`);
    running = true;
    const over = new AbortController();
    const started = performance.now();
    const record = recorder(load.root);
    let paused = false;
    let onStepFailed: { error: unknown } | undefined;
    let answerRows: ((event: Event & { type: "rows" }) => void) | undefined;
    try {
      const finished = new Promise<Event & { type: "run-end" }>((resolve) => {
        const query = async (sql: string): Promise<string | null> => {
          const rows = new Promise<Event & { type: "rows" }>((resolve) => (answerRows = resolve));
          send({ type: "query", sql });
          const answer = await Promise.race([rows, ended]);
          if (typeof answer === "string") throw new Error(`the driver's process ${answer}`);
          if (answer.error !== undefined) throw new Error(answer.error);
          return answer.value;
        };
        handler = (event) => {
          record.hear(event);
          if (event.type === "step") wanted.onBegin?.(event.revision);
          else if (event.type === "rows") answerRows?.(event);
          else if (event.type === "run-end") resolve(event);
          else if (event.type === "step-end" && wanted.onStep) {
            const { revision, direction, seconds, inTransaction } = event;
            paused = true;
            wanted
              .onStep({ revision, direction, seconds, inTransaction, query })
              .then(
                (decision) => send({ type: decision }),
                (error: unknown) => {
                  onStepFailed = { error };
                  send({ type: "abort" });
                },
              )
              .finally(() => (paused = false));
          }
        };
      });
      const { direction, connection, transactionPerMigration } = wanted;
      const request: Run = {
        type: "run",
        direction,
        revisions: [...wanted.revisions],
        connection,
        pause: wanted.onStep !== undefined,
      };
      send(transactionPerMigration ? { ...request, transactionPerMigration } : request);
      const end = await Promise.race([finished, ended, silence(() => paused, over.signal)]);
      if (onStepFailed) throw onStepFailed.error;
      const used = runs > 0;
      runs += 1;
      const result = record.result((performance.now() - started) / 1000);
      if (typeof end === "number") {
        const at = await where();
        const asked = await Promise.race([
          wanted.onHang?.().catch(() => undefined),
          sleep(grace.asking, undefined, { ref: false }),
        ]);
        kill();
        await ended;
        const place = relativePlace(load.root, at ?? {});
        return {
          ...result,
          hung: { statement: at?.sql, ...asked, seconds: Math.round(end) },
          ...(place.file !== undefined && { place: place as { file: string; line: number } }),
        };
      }
      if (typeof end === "string") {
        return {
          ...result,
          died: true,
          raised: made("ProcessDied", `the Python process ${end}`, log.text()),
        };
      }
      const { raised } = end;
      const file = files.get(result.begunNotEnded ?? "");
      return {
        ...result,
        ...(raised && { raised, place: placeOf(raised, load.root, file) }),
        swallowed: end.ok && raised !== undefined,
        aborted: !end.ok && raised === undefined,
        expected: end.expected,
        contexts: end.contexts,
        freshProcessMayHelp: used && raised !== undefined && raised.sqlstate === undefined,
      };
    } finally {
      over.abort();
      handler = undefined;
      running = false;
    }
  };

  let stopping: Promise<void> | undefined;
  const stop = async () => {
    if (!gone) {
      send({ type: "bye" });
      outgoing.end();
      await Promise.race([ended, sleep(running ? 0 : grace.leaving, undefined, { ref: false })]);
    }
    // Also when it left by itself: what it started may still run.
    kill();
    options.signal?.removeEventListener("abort", kill);
    if (child.pid !== undefined) await ended;
  };

  return {
    loaded,
    run,
    stop: () => (stopping ??= stop()),
    get log() {
      return log.text();
    },
  };
}

/** Starts Python in a process group of its own. */
function launch({ python, directory, env }: DriverOptions): ChildProcess {
  const [command, ...rest] = python;
  return spawn(command!, [...rest, driverFolder()], {
    cwd: directory,
    env: projectEnvironment(env),
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
  });
}

/** driver/ lies beside src/ and beside dist/. */
function driverFolder(): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, "driver");
    if (existsSync(path.join(candidate, "__main__.py"))) return candidate;
    if (folder === path.dirname(folder)) throw new Error("the folder driver/ is missing from this installation");
  }
}

/** Keeps the end of what the process writes. */
function collectLog(child: ChildProcess): { text(): string } {
  let kept = Buffer.alloc(0);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      kept = Buffer.concat([kept, chunk]);
      if (kept.length > 2 * logBytes) kept = kept.subarray(-logBytes);
    });
  }
  return { text: () => kept.subarray(-logBytes).toString("utf8").trim() };
}

/** Puts events together. */
function recorder(root: string): { hear(event: Event): void; result(seconds: number): RunResult } {
  const steps = new Map<string, Step>();
  const outside: Statement[] = [];
  const versionTables: RunResult["versionTables"] = [];
  const connects: RunResult["connects"] = [];
  const foreign: RunResult["foreign"] = [];
  const notes: string[] = [];
  let open: Step | undefined;

  const statement = (event: Event & { type: "statement" | "statement-error" }): Statement => ({
    sql: event.sql,
    parameters: event.parameters,
    ...relativePlace(root, event),
    seconds: event.type === "statement" ? event.seconds : 0,
    ...(event.type === "statement-error" && { error: { message: event.message, sqlstate: event.sqlstate } }),
  });
  return {
    hear(event) {
      switch (event.type) {
        case "step": {
          const { revision, direction } = event;
          open = steps.get(revision) ?? { revision, direction, ended: false, seconds: 0, statements: [] };
          open.ended = false;
          steps.set(revision, open);
          break;
        }
        case "statement":
        case "statement-error":
          (event.revision !== null && open ? open.statements : outside).push(statement(event));
          break;
        case "step-end":
          if (open) Object.assign(open, { ended: true, seconds: open.seconds + event.seconds });
          open = undefined;
          break;
        case "context": {
          const { versionTable: name, versionTableSchema: schema } = event;
          if (!versionTables.some((table) => table.name === name && table.schema === schema))
            versionTables.push({ schema, name });
          break;
        }
        case "connect":
          connects.push({ dialect: event.dialect, driver: event.driver, wanted: event.wanted });
          break;
        case "foreign-connection":
          foreign.push({ wanted: event.wanted, ...relativePlace(root, event) });
          break;
        case "note":
          notes.push(event.text);
          break;
      }
    },
    result: (seconds) => ({
      steps: [...steps.values()],
      outside,
      swallowed: false,
      ...(open && { begunNotEnded: open.revision }),
      aborted: false,
      died: false,
      expected: [],
      versionTables,
      contexts: 0,
      connects,
      foreign,
      notes,
      seconds,
      freshProcessMayHelp: false,
    }),
  };
}

/** With `/`, and relative to the root where the file is in it. */
function relativeTo(root: string, file: string): string {
  for (const folder of new Set([path.resolve(root), realpathSync(root)])) {
    const relative = path.relative(folder, file);
    if (!relative.startsWith("..") && !path.isAbsolute(relative)) return relative.split(path.sep).join("/");
  }
  return file;
}

function relativePlace(root: string, { file, line }: { file?: string; line?: number }): { file?: string; line?: number } {
  return file === undefined ? {} : { file: relativeTo(root, file), line };
}

function ancestorsOf(revision: string, revisions: readonly LoadedRevision[]): string[] {
  const below = new Map(revisions.map(({ id, down, dependsOn }) => [id, [...down, ...dependsOn]]));
  const found = new Set<string>();
  const open = [revision];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    open.push(...(below.get(id) ?? []));
  }
  return [...found];
}

/** Something that stopped the process and is no exception. */
const made = (type: string, message: string, traceback = ""): Raised => ({ type, message, frames: [], traceback });

function hangsAtLoad(seconds: number, place: Failure["place"]): LoadError {
  return new LoadError(
    "hang",
    made("Hang", `nothing happened for ${Math.round(seconds)} seconds`),
    1,
    text`The project did not finish loading: nothing happened for ${Math.round(seconds)} seconds`,
    text`Code that runs when the project is imported waits for something that is not there, such as another service.`,
    place,
  );
}

function diedAtLoad({ python }: DriverOptions, how: string, log: string, started: boolean): Failure {
  if (!started) {
    return new Failure(
      2,
      text`${code(python.join(" "))} could not be started: ${how}`,
      text`Name the interpreter of the project with ${code("--python")}.`,
    );
  }
  return new LoadError(
    "died",
    made("ProcessDied", `the Python process ${how}`, log),
    1,
    text`The Python process ${how} while it loaded the project`,
    text`It said: ${block(log || "(nothing)")}`,
  );
}

function failedToLoad({ stage, raised }: Event & { type: "failed" }, root: string): LoadError {
  const what = text`${code(raised.type)}: ${code(raised.message)}`;
  const trace = text`${block(raised.traceback, "pytb")}`;
  const said: Record<typeof stage, [exitCode: 1 | 2, sentence: Text, help: Text]> = {
    "import-alembic": [
      2,
      text`Alembic cannot be imported by the project's interpreter: ${what}`,
      text`Install the project's dependencies before the gate runs: ${block("- run: python -m pip install -r requirements.txt", "yaml")}`,
    ],
    config: [2, text`Alembic's configuration cannot be used: ${what}`, trace],
    app: [
      1,
      text`The Flask application cannot be loaded: ${what}`,
      text`Set ${code("FLASK_APP")} as for ${code("flask db upgrade")}. ${trace}`,
    ],
    revisions: [1, text`Alembic cannot load the revisions: ${what}`, trace],
  };
  const [exitCode, sentence, help] = said[stage];
  return new LoadError(stage, raised, exitCode, sentence, help, placeOf(raised, root));
}
