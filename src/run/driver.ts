/** The other end of driver/: loads a project in a Python process, runs its migrations there, and tells what happened. */
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { block, code, text } from "../text.ts";
import type { Statement, Step } from "./evidence.ts";
import { diesAtLoad, failedToLoad, hangsAtLoad, stopped } from "./load-error.ts";
import { killedFromOutside } from "./mishap.ts";
import { placeOf, relativePlace, relativeTo, type Place } from "./place.ts";
import { refusals, type Program } from "./refused.ts";
import { startProcess, type EarlyProcess, type ProcessOptions, type PythonProcess } from "./process.ts";
import type {
  Check,
  Connection,
  Event,
  Load,
  LoadedRevision,
  ModelDifference,
  Raised,
  Request,
  Run,
  Writing,
} from "./protocol.ts";
import { startRecord } from "./record.ts";
import { labelled } from "./several.ts";

export { LoadError } from "./load-error.ts";
export { placeOf } from "./place.ts";

type EventOf<T extends Event["type"]> = Event & { type: T };

export interface DriverOptions extends ProcessOptions {
  load: Load;
  /** Seconds without any progress after which a run counts as hanging. */
  timeout: number;
  /** The same for loading, of which nothing is heard until it is done; default: `timeout`, but a minute at least. */
  loadTimeout?: number;
  signal?: AbortSignal;
  /** A process of the same interpreter, started already. */
  early?: EarlyProcess;
  /** Told of files that the project's code wrote in its tree. */
  wrote?(writing: Writing): void;
  /** Told of connections to other machines that the application wanted by itself, and that were refused. `late`: see the protocol. */
  refused?(wanted: string, place: Place, late: boolean): void;
  /** Told of each copy that is made. */
  copied?(copy: Driver): void;
  /** Told of all runs that have ended, also of those of copies. */
  ran?(result: Pick<RunResult, "steps" | "outside">): void;
  /** Told of each program that a revision starts, where the kernel limits what it connects to. */
  starts?(program: Program): void;
  /** A database for a project that connects while it is being imported. Without it such a connection is refused. */
  connection?: () => Promise<Connection>;
}

/** What was loaded. Files are relative to the root where they are in it. */
interface Loaded {
  versions: { python: string; alembic: string; sqlalchemy: string };
  /** The kernel keeps C libraries and other programs from other machines. */
  limited: boolean;
  revisions: readonly LoadedRevision[];
  heads: readonly string[];
  bases: readonly string[];
  /** Alembic's own order, from the bases up. */
  order: readonly string[];
  versionFolders: readonly string[];
  /** env.py migrates several databases in one run, which one scratch database cannot stand in for. */
  several: boolean;
  /** What Alembic warned of: duplicate ids, missing parents. */
  warnings: readonly string[];
  /** The project connected to a database while it was imported: from this line. */
  connectsAtImport?: Place;
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
interface Hang {
  seconds: number;
  statement?: string;
  waitingFor?: string;
}

interface RunOptions {
  direction: "upgrade" | "downgrade";
  /** In the order in which they are to run. */
  revisions: readonly string[];
  connection: Connection;
  /** Each revision commits on its own, whatever env.py says. */
  transactionPerMigration?: boolean;
  /** Where env.py opens several databases: gives the one for a place, `db:5432/billing`. */
  connectionFor?(place: string): Promise<Connection>;
  /** Tell which lines of the revisions' functions ran. */
  lines?: boolean;
  /** Tell of each statement all its parameters. */
  exact?: true;
  onBegin?(revision: string): void;
  /** Called after each step, before the next one begins. */
  onStep?(step: StepControl): Promise<"go" | "abort">;
  /** Goes up only: tries downgrade() of these right after their upgrade(); `onStep` is then called for those that are watched, after that. */
  trials?: Run["trials"];
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
  place?: Required<Place>;
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
  /** Folders of revisions that env.py has set in this run, relative to the root where they are in it. */
  versionFolders?: readonly string[];
  versionTables: { schema: string | null; name: string }[];
  /** How often env.py ran migrations; 0: it never did. */
  contexts: number;
  /** env.py gave models to compare the database with. */
  models: boolean;
  /** Statements that are not in `steps`, since there were thousands of them. */
  unreported: number;
  connects: { dialect: string; driver: string; wanted: string }[];
  foreign: ({ wanted: string } & Place)[];
  /** What was tried, in this order. `kept`: it could not be taken back, or was cut off. */
  trials: { step: Step; kept: boolean; raised?: Raised; place?: Required<Place> }[];
  seconds: number;
  /** It failed, not in the database, in a process that had run env.py before: a fresh process may not fail. */
  freshProcessMayHelp: boolean;
}

export interface CheckOptions extends Pick<RunOptions, "connection" | "connectionFor"> {
  /** Files that may declare models and that nobody imports, relative to the root. */
  changed?: readonly string[];
  /** What the models declare of these tables is told as well. */
  tables?: readonly string[];
  /** Only what differs, without what autogenerate would write, and whether that would change anything. */
  brief?: true;
  /** Makes all tables of the models instead; nothing is compared. */
  create?: true;
  /** Where env.py opens several databases: how what is in one of them is labelled, `[billing] invoices`. */
  labelFor?(place: string): string;
}

/** The models, compared with a database. Files are relative to the root. */
export interface Comparison {
  /** What kept autogenerate from comparing. */
  raised?: Raised;
  /** How many contexts had models. */
  contexts: number;
  differences: ModelDifference[];
  /** Definitions by table. */
  declared: Readonly<Record<string, string>>;
  /** The project's files with models. */
  sources: readonly string[];
  /** Files with models that come from another tree than the root's. */
  strays: readonly string[];
  seconds: number;
}

export interface Driver {
  /** Rejects with a LoadError, or with another Failure where the interpreter cannot be started. */
  loaded: Promise<Loaded>;
  /** One at a time. What the project does wrong is in the result; rejects only where `onStep` does, or the driver is gone already. */
  run(options: RunOptions): Promise<RunResult>;
  /**
   * A copy of the process as it is now, at most four times and while nothing runs: a second one with the project loaded, at no cost.
   * Undefined where it cannot be copied.
   */
  copy(): Promise<Driver | undefined>;
  /** The same as soon as the next run has ended: what env.py imports is imported then. */
  copyAfterRun(): Promise<Driver | undefined>;
  /** Compares the models with a database, as autogenerate does. What the project does wrong is in the result. */
  check(options: CheckOptions): Promise<Comparison>;
  /** Ends the process and all that it started; safe to call twice. */
  stop(): Promise<void>;
  /** The end of what the project wrote to stdout and stderr. */
  readonly log: string;
}

/** How long, in milliseconds, a process that was told to leave may take, an answer about one that hangs, and what was printed. */
const grace = { leaving: 1000, asking: 5000, printing: 20 };

const nothing: Comparison = { contexts: 0, differences: [], declared: {}, sources: [], strays: [], seconds: 0 };

/** Starts the process at once; it loads the project on its own. */
export function startDriver(options: DriverOptions): Driver {
  const { early } = options;
  const fits = early?.command === options.python.join(" ");
  return driverOf(options, (hear) => (fits ? early?.take(hear) : undefined) ?? startProcess(options, hear));
}

/** @param original what a copy has got already: what was loaded, and how often env.py has run */
function driverOf(
  options: DriverOptions,
  start: (hear: (event: Event) => void) => PythonProcess,
  original?: { loaded: Promise<Loaded>; runs: number },
): Driver {
  const { load } = options;
  const listeners = new Set<(event: Event) => void>();
  let lastEvent = performance.now();
  /** Those of the run that is under way. */
  let programs: Program[] = [];
  /** Who asked for copies, in that order, and what makes one as soon as a run has ended. */
  const asked: ((process: number | null) => void)[] = [];
  const waiting: (() => void)[] = [];
  const python = start((event) => {
    lastEvent = performance.now();
    if (event.type === "wrote") for (const writing of event.files) options.wrote?.(writing);
    if (event.type === "foreign-connection" && (event.quiet || event.late))
      options.refused?.(event.wanted, relativePlace(load.root, event), event.late ?? false);
    if (event.type === "program") programs.push({ ...event, ...relativePlace(load.root, event) });
    if (event.type === "program" && event.revision !== null) options.starts?.(programs.at(-1)!);
    if (event.type === "copied") asked.shift()?.(event.process);
    for (const listener of listeners) listener(event);
  });
  let gone = false;
  void python.ended.finally(() => (gone = true));
  options.signal?.addEventListener("abort", python.kill, { once: true });

  /** The next event of a type. */
  const next = <T extends Event["type"]>(...types: T[]): Promise<EventOf<T>> =>
    new Promise((resolve) => {
      const listener = (event: Event) => {
        if (!types.includes(event.type as T)) return;
        listeners.delete(listener);
        resolve(event as EventOf<T>);
      };
      listeners.add(listener);
    });

  /** Sends a request and waits for its answer, for silence (its seconds) or for the end of the process (what ended it). */
  const ask = async <T extends Event["type"]>(
    request: Request,
    answers: T[],
    hear: (event: Event) => void,
    weAreBusy: () => boolean,
    timeout = options.timeout,
  ): Promise<EventOf<T> | number | string> => {
    const over = new AbortController();
    const silence = new Promise<number>((resolve) => {
      lastEvent = performance.now();
      const look = () => {
        if (weAreBusy()) lastEvent = performance.now();
        const seconds = (performance.now() - lastEvent) / 1000;
        if (seconds >= timeout) resolve(seconds);
      };
      const timer = setInterval(look, Math.min(1000, timeout * 100));
      over.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    });
    listeners.add(hear);
    const answer = next(...answers);
    python.send(request);
    try {
      return await Promise.race([answer, silence, python.ended]);
    } finally {
      over.abort();
      listeners.clear();
    }
  };

  /** What a process that hangs is waiting for, where it can still say so. */
  const where = (): Promise<EventOf<"where"> | undefined> => {
    const answer = next("where");
    python.send({ type: "where" });
    return Promise.race([answer, sleep(grace.asking, undefined, { ref: false })]);
  };

  /** What the kernel refused since then, to programs and where something was raised; what the application wanted by itself is told. */
  const refusedSince = async (written: number, raised: readonly (Raised & Place)[]) => {
    // What programs printed is on its way through another pipe.
    if (programs.length > 0) await sleep(grace.printing);
    const found = refusals(python.log(written), programs, raised).filter(({ wanted }) => !load.allowed?.includes(wanted));
    for (const { wanted, quiet, ...place } of found) if (quiet) options.refused?.(wanted, place, false);
    programs = [];
    return found.flatMap(({ quiet, ...one }) => (quiet ? [] : [one]));
  };

  const loadProject = async (): Promise<Loaded> => {
    let hello: EventOf<"hello"> | undefined;
    let connectsAtImport: Place | undefined;
    let dialect: string | undefined;
    let lending = false;
    const lend = async () => {
      lending = true;
      const connection = (await options.connection?.().catch(() => null)) ?? null;
      lending = false;
      python.send({ type: "connection", connection });
    };
    const hear = (event: Event) => {
      if (event.type === "hello") hello = event;
      if (event.type === "connect") dialect ??= event.dialect;
      if (event.type !== "need-connection") return;
      connectsAtImport ??= relativePlace(load.root, event);
      void lend();
    };
    const patience = options.loadTimeout ?? Math.max(options.timeout, 60);
    const event = await ask({ ...load, directory: options.directory }, ["graph", "failed"], hear, () => lending, patience);
    if (typeof event === "number") {
      const at = await where();
      python.kill();
      throw hangsAtLoad(event, relativePlace(load.root, at ?? {}));
    }
    if (typeof event === "string")
      throw killedFromOutside(event) ?? (python.started ? diesAtLoad(event, python.log()) : cannotStart(options, event));
    if (hello?.limited) {
      const raised = event.type === "failed" ? [{ ...event.raised, ...placeOf(event.raised, load.root) }] : [];
      for (const { wanted, ...place } of await refusedSince(0, raised)) options.refused?.(wanted, place, false);
    }
    if (event.type === "failed") throw Object.assign(failedToLoad(event, load.root), { dialect });
    return {
      versions: { python: hello!.python, alembic: hello!.alembic, sqlalchemy: hello!.sqlalchemy },
      limited: hello!.limited,
      revisions: event.revisions.map((revision) => ({ ...revision, file: relativeTo(load.root, revision.file) })),
      heads: event.heads,
      bases: event.bases,
      order: event.order,
      versionFolders: event.versionFolders.map((folder) => relativeTo(load.root, folder)),
      several: event.several,
      warnings: event.warnings,
      ...(connectsAtImport && { connectsAtImport }),
      ancestors: (revision) => ancestorsOf(revision, event.revisions),
    };
  };

  const loaded = original?.loaded ?? loadProject();
  let isLoaded = false;
  loaded.then(
    () => (isLoaded = true),
    () => {},
  );

  const query = async (sql: string): Promise<string | null> => {
    const rows = next("rows");
    python.send({ type: "query", sql });
    const answer = await Promise.race([rows, python.ended]);
    if (typeof answer === "string") throw new Error(`the driver's process ${answer}`);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value;
  };

  let runs = original?.runs ?? 0;
  let running = false;

  const run = async (wanted: RunOptions): Promise<RunResult> => {
    const { revisions, limited } = await loaded;
    if (running) throw new Error("a run is under way");
    if (gone)
      throw new Failure(3, text`The Python process of the project is gone`, text`It said: ${block(python.log() || "(nothing)")}`);
    running = true;
    const reused = runs++ > 0;
    const started = performance.now();
    const record = startRecord(load.root);
    const written = python.written();
    let paused = false;
    let ourFault: { error: unknown } | undefined;

    const decide = async (event: EventOf<"step-end">) => {
      const { revision, direction, seconds, inTransaction } = event;
      paused = true;
      try {
        python.send({ type: (await wanted.onStep?.({ revision, direction, seconds, inTransaction, query })) ?? "go" });
      } catch (error) {
        ourFault = { error };
        python.send({ type: "abort" });
      } finally {
        paused = false;
      }
    };
    const lend = async (place: string) => {
      paused = true;
      try {
        python.send({ type: "connection", connection: await wanted.connectionFor!(place) });
      } catch (error) {
        ourFault = { error };
        python.kill();
      } finally {
        paused = false;
      }
    };
    const hear = (event: Event) => {
      record.hear(event);
      if (event.type === "need-connection" && event.wanted !== undefined) void lend(event.wanted);
      if (event.type === "step") wanted.onBegin?.(event.revision);
      if (event.type === "step-end" && wanted.onStep && (!trials || event.direction === "downgrade")) void decide(event);
    };
    const { direction, connection, transactionPerMigration = false, trials } = wanted;
    const pause = wanted.onStep !== undefined;
    const request: Run = {
      type: "run",
      direction,
      revisions: [...wanted.revisions],
      connection,
      transactionPerMigration,
      pause,
      ...(wanted.lines && { lines: true }),
      ...(wanted.exact && { exact: true as const }),
      ...(trials && { trials }),
      ...(wanted.connectionFor && { several: true }),
    };
    const end = await ask(request, ["run-end"], hear, () => paused);
    running = false;
    if (ourFault) throw ourFault.error;

    const result = record.result((performance.now() - started) / 1000);
    options.ran?.(result);
    for (const begin of waiting.splice(0)) begin();
    for (const trial of result.trials) {
      const file = revisions.find(({ id }) => id === trial.step.revision)?.file;
      const place = trial.raised && placeOf(trial.raised, load.root, file);
      if (place) trial.place = place;
    }
    if (typeof end === "number") {
      const at = await where();
      const asked = await Promise.race([
        wanted.onHang?.().catch(() => undefined),
        sleep(grace.asking, undefined, { ref: false }),
      ]);
      python.kill();
      await python.ended;
      const { file, line } = relativePlace(load.root, at ?? {});
      return {
        ...result,
        hung: { ...(at?.sql !== undefined && { statement: at.sql }), ...asked, seconds: Math.round(end) },
        ...(file !== undefined && line !== undefined && { place: { file, line } }),
      };
    }
    if (typeof end === "string")
      return { ...result, died: true, raised: stopped("ProcessDied", `the Python process ${end}`, python.log()) };
    const { ok, raised, expected, contexts, versionFolders } = end;
    const place = raised && placeOf(raised, load.root, revisions.find(({ id }) => id === result.begunNotEnded)?.file);
    if (limited) {
      const told = [{ raised, place }, ...result.trials].flatMap((one) => (one.raised ? [{ ...one.raised, ...one.place }] : []));
      result.foreign.push(...(await refusedSince(written, told)));
    }
    return {
      ...result,
      ...(raised && { raised }),
      ...(place && { place }),
      swallowed: ok && raised !== undefined,
      aborted: !ok && raised === undefined,
      expected,
      contexts,
      ...(versionFolders && { versionFolders: versionFolders.map((folder) => relativeTo(load.root, folder)) }),
      freshProcessMayHelp: reused && raised !== undefined && raised.sqlstate === undefined,
    };
  };

  const makeCopy = async (): Promise<Driver | undefined> => {
    const answer = new Promise<number | null>((resolve) => asked.push(resolve));
    python.send({ type: "copy" });
    const id = await Promise.race([answer, python.ended.then(() => null)]);
    if (id === null) return undefined;
    const made = driverOf(options, (hear) => python.copy(id, hear), { loaded, runs });
    options.copied?.(made);
    return made;
  };

  const copyAfterRun = (): Promise<Driver | undefined> => {
    const made = new Promise<Driver | undefined>((resolve) => waiting.push(() => resolve(makeCopy())));
    return Promise.race([made, python.ended.then(() => undefined)]);
  };

  const check = async ({
    connection,
    connectionFor,
    labelFor,
    changed = [],
    tables = [],
    brief,
    create,
  }: CheckOptions): Promise<Comparison> => {
    await loaded;
    if (running) throw new Error("a run is under way");
    running = true;
    runs++;
    const files = changed.map((file) => path.join(load.root, file));
    const request: Check = {
      type: "check",
      connection,
      changed: files,
      tables: [...tables],
      ...(brief && { brief }),
      ...(create && { create }),
      ...(connectionFor && { several: true }),
    };
    const hear = (event: Event) => {
      if (event.type !== "need-connection" || event.wanted === undefined) return;
      connectionFor!(event.wanted).then((given) => python.send({ type: "connection", connection: given }), python.kill);
    };
    const answer = await ask(request, ["differences"], hear, () => false);
    running = false;
    if (typeof answer !== "object") {
      python.kill();
      await python.ended;
      const silent = typeof answer === "number";
      const what = silent ? `nothing happened for ${Math.round(answer)} seconds` : `the Python process ${answer}`;
      return { ...nothing, raised: stopped(silent ? "Hang" : "ProcessDied", what, python.log()) };
    }
    const { type: _, ...comparison } = answer;
    const relative = (file: string) => relativeTo(load.root, file);
    const renamed = (table: string) => {
      const [, place, rest = table] = (labelFor && /^\[(.*?)\] (.*)$/s.exec(table)) || [];
      return labelled(place === undefined ? "" : labelFor!(place), rest);
    };
    return {
      ...comparison,
      declared: Object.fromEntries(Object.entries(comparison.declared).map(([table, text]) => [renamed(table), text])),
      sources: comparison.sources.map(relative),
      differences: comparison.differences.map((one) => ({
        ...one,
        ...relativePlace(load.root, one),
        ...(one.table !== null && { table: renamed(one.table) }),
        ...(one.kind === "module" && { name: relative(one.name!) }),
        ...(one.unimported && { unimported: { ...one.unimported, file: relative(one.unimported.file) } }),
      })),
    };
  };

  const stop = async () => {
    // What is still loading would not listen.
    if (!gone && !running && isLoaded) {
      python.send({ type: "bye" });
      await Promise.race([python.ended, sleep(grace.leaving, undefined, { ref: false })]);
    }
    // Also when it left by itself: what it started may still run.
    python.kill();
    options.signal?.removeEventListener("abort", python.kill);
    await python.ended;
  };
  let stopping: Promise<void> | undefined;

  return {
    loaded,
    run,
    copy: () => loaded.then(makeCopy),
    copyAfterRun,
    check,
    stop: () => (stopping ??= stop()),
    get log() {
      return python.log();
    },
  };
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

function cannotStart({ python }: DriverOptions, why: string): Failure {
  return new Failure(
    2,
    text`${code(python.join(" "))} could not be started: ${why}`,
    text`Name the interpreter of the project with ${code("--python")}.`,
  );
}
