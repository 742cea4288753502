/** Runs the migrations of one environment: interpreter, driver and databases brought together for the itinerary. */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import path from "node:path";
import type { Server } from "../postgres/server.ts";
import { Failure } from "../failure.ts";
import { openSqliteScratch } from "../sqlite/scratch.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import type { Environment } from "../project/environment.ts";
import type { Interpreter } from "../project/interpreter.ts";
import { projectEnvironment } from "../project/project-environment.ts";
import type { Settings } from "../settings.ts";
import { code, text, type Text } from "../text.ts";
import { openAreas } from "./areas.ts";
import { makeFromModels, readBaseline, readScript } from "./baseline.ts";
import { LoadError, startDriver, type Driver } from "./driver.ts";
import { environmentToLoad } from "./load-request.ts";
import type { Body } from "./bodies.ts";
import { placeIn, travelBeside, type Place } from "./edited.ts";
import type { Evidence, Models } from "./evidence.ts";
import type { Program } from "./refused.ts";
import { MODELS } from "./models.ts";
import { travel, type Ports } from "./itinerary.ts";
import type { Writing } from "./protocol.ts";
import { tellInTheWay } from "./in-the-way.ts";
import { prepared, preparedAhead } from "./laboratory.ts";
import { driverFolder, startEarly, type EarlyProcess } from "./process.ts";
import { notLoaded } from "./not-loaded.ts";
import { seedOf } from "./seed.ts";
import { serverFailed } from "./mishap.ts";
import { madeIn, mentionsRoles, mentionsServer, sharesRoles, stoppedOnServer, touchesRoles, touchesServer } from "./shared.ts";
import type { Slice } from "./slice.ts";
import { tidy } from "./tidy.ts";
import { mayGoTwice } from "./twice.ts";

export interface Migrations {
  environment: Environment;
  /** Absolute root of the pull request's files. */
  root: string;
  /** What is applied; the project loads while this is read. Undefined where nothing is to be run after all. */
  applied: Promise<Applied | undefined>;
  /** Edited revisions that only a database can tell about: they are executed beside the rest. */
  bodies?: Promise<readonly Body[]>;
  /** The repository or the settings name Postgres. */
  postgresIsMeant: boolean;
  interpreter: Interpreter;
  /** A process of it that was started already. */
  early?: EarlyProcess;
  server: Promise<Server>;
  /** The port of all its databases; undefined where it is not known before it runs. */
  port?: number;
  settings: Pick<Settings, "x" | "allowHosts" | "timeout" | "setupSql" | "baseline" | "baselineRevision" | "seed">;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  progress(step: string): void;
  /** Which of these files git knows; paths are relative to the root. */
  tracked(files: readonly string[]): Promise<ReadonlySet<string>>;
}

/** What production has, as the base branch says it. */
export interface Applied {
  /** Ids that the base branch has applied. */
  base: ReadonlySet<string>;
  /** Files that the pull request changes, relative to the root. */
  changed: readonly string[];
  /** What the revisions of both sides hold, as far as they can be read. */
  sources: readonly string[];
  /** Applied revisions differ: what production has comes from the base branch's files. */
  fromBaseFiles: boolean;
  /** Applied revisions whose downgrade() was edited. */
  editedDowngrades: readonly string[];
  /** Other machines take other parts of the history. */
  slice?: Slice;
  /** Several applied revisions became a new one. */
  squash?: { substitute: string; last: string };
  /** The base branch's own file of rows, where the pull request changes it. */
  baseSeed?: string;
  /** Old revisions that may do something else; absent where there are none. */
  edits?: readonly string[];
  /** Lays out the base branch's files and tells their root; absent where they differ in nothing that old revisions depend on. */
  baseRoot?(): Promise<string>;
}

/**
 * @returns what was observed; a project that cannot be loaded is an observation as well
 * @throws Failure where the settings are wrong, or our own side fails
 */
export async function runMigrations(task: Migrations): Promise<Evidence | undefined> {
  const since = Date.now();
  const outside: Outside = { written: new Map(), refused: new Map(), started: new Map() };
  let evidence: Evidence | undefined;
  try {
    return (evidence = await run(task, outside));
  } finally {
    const notes = await tidy(outside.written, { root: task.root, tracked: task.tracked, since });
    const said = [...outside.refused.values(), ...(evidence ? unheard(outside, evidence) : [])];
    evidence?.notes.push(...said.map((reason) => ({ what: "the run", reason })), ...notes);
  }
}

/** With so many processors a process that may not be needed holds nobody up. */
const ROOMY = 4;

/** So many revisions take longer to go down than their database takes to copy. */
const LONG = 200;

/** The base branch's revisions, if they are no more, run in less time than their database takes to copy. */
const SHORT = 40;

/** What the project's code does outside of its database. */
interface Outside {
  written: Map<string, Writing>;
  /** Machines that the application wanted to reach by itself, and what is to be said about each. */
  refused: Map<string, Text>;
  /** Programs that revisions start, by place. */
  started: Map<string, Program>;
}

/** Programs of new revisions that may have been refused something without a word. */
const unheard = ({ started }: Outside, { base, foreign }: Evidence): Text[] =>
  [...started].flatMap(([place, { program, revision, file, line }]) =>
    base.has(revision!) || foreign.some((found) => found.file === file && found.line === line)
      ? []
      : [text`${code(place)} starts ${code(program)}: what a program wants of other machines is refused, and not always told`],
  );

async function run(task: Migrations, { written, refused, started }: Outside): Promise<Evidence | undefined> {
  const { environment, settings, signal } = task;
  // Some projects connect while they are imported: they get a database of their own.
  const [setup, baseline, envPy] = await Promise.all([
    Promise.all(settings.setupSql.map((file) => readScript(task.root, file, "setup-sql"))),
    readBaseline(task.root, settings),
    readFile(path.join(task.root, environment.scriptLocation, "env.py"), "utf8").catch(() => ""),
  ]);
  const scripts = [...setup, ...(baseline ? [baseline] : [])];
  const said: Text[] = [];
  /** Whether a file that runs says something. */
  const says = (what: (source: string) => boolean, { sources }: Pick<Applied, "sources">) =>
    [...scripts.map(({ sql }) => sql), envPy, ...sources].some(what);
  const areas = openAreas(task.server, {
    apart: task.applied.then((applied) => says(mentionsServer, applied ?? { sources: [] })),
    signal,
    say: (note) => said.push(note),
  });
  // Made while the project loads.
  const processors = availableParallelism();
  const together = processors > 1;
  const twice = processors >= ROOMY && { twiceUpTo: SHORT };
  const countAhead = async (scratch: Scratch): Promise<number> => {
    if (!together) return 1;
    const applied = await task.applied;
    return applied && mayGoTwice({ ...applied, ...twice, scripts }, { scratch }, applied.base.size) ? 3 : 2;
  };
  let ahead = areas.own().then(async (scratch) => preparedAhead(scratch, scripts, await countAhead(scratch)));
  ahead.catch(() => {});
  let files: Promise<Scratch> | undefined;
  const filesOf = () =>
    (files ??= openSqliteScratch({
      python: task.interpreter.command,
      driver: driverFolder(),
      directory: path.join(task.root, environment.directory),
      env: projectEnvironment(task.env),
      signal,
    }));
  const drivers: Driver[] = [];
  let observed: Evidence | undefined;
  /** Imports Alembic while the base branch's files are laid out. */
  let earlyBase: EarlyProcess | undefined;
  /** Something made, changed or dropped a role. */
  let roles = false;
  /** The same, or it did something else that other databases of a server see. */
  let beyond = false;
  const imported = new Map<string, Promise<Database>>();
  /** Gives up what was made ahead: it takes clusters of their own. */
  const separate = async () => {
    ahead = Promise.resolve([]);
    await areas.separate();
  };
  const importDatabase = (root: string) => {
    const make = async () => {
      // It is copied under the connections that the project keeps.
      if (!files && root === task.root) await separate();
      return prepared(await (files ?? areas.own()), scripts);
    };
    const database = imported.get(root) ?? make();
    imported.set(root, database);
    return database;
  };
  const start = (root: string, env = task.env): Driver => {
    signal.throwIfAborted();
    const early = root === task.root ? task.early : earlyBase;
    const driver = startDriver({
      connection: async () => (await importDatabase(root)).connection,
      python: task.interpreter.command,
      directory: path.join(root, environment.directory),
      load: {
        type: "load",
        ...environmentToLoad(environment, root, settings),
        ...(root !== task.root && { insteadOf: task.root }),
        ...(environment.foldersFromEnv === "told" && {
          versionFolders: environment.versionFolders.map((folder) => path.join(root, folder)),
        }),
        ...(files && { sqlite: true as const }),
        ...((files || task.port !== undefined) && { ports: files ? [] : [task.port!] }),
      },
      env,
      ...(early && { early }),
      signal,
      timeout: settings.timeout,
      wrote(writing) {
        const known = written.get(writing.file);
        // Processes that run side by side find what another one has made.
        if (!known || writing.at < known.at) written.set(writing.file, writing);
      },
      // It may outlive the process that it was made of.
      copied: (copy) => drivers.push(copy),
      ran({ steps, outside }) {
        const executed = [...steps, { statements: outside }];
        roles ||= touchesRoles(executed);
        beyond ||= touchesServer(executed);
      },
      starts: (program) => started.set(`${program.file}:${program.line}`, program),
      refused: (wanted, { file, line }, late) => {
        const who = file === undefined ? text`the application` : text`${code(`${file}:${line}`)}`;
        refused.set(
          wanted,
          late
            ? text`${who} wanted to reach ${code(wanted)} and was refused, since nothing listened there when the project was loaded: name it in ${code("allow-hosts")}`
            : text`${who} wanted to reach ${code(wanted)} and was refused: under the gate nothing reaches another machine that ${code("allow-hosts")} does not name`,
        );
      },
    });
    drivers.push(driver);
    return driver;
  };
  /** Starts a process with the base branch's files, or takes the one that has begun; undefined where they do not load. */
  const takeBase = async (begun: Promise<Driver>): Promise<Driver | undefined> => {
    const driver = await begun;
    try {
      await driver.loaded;
      return driver;
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      said.push(
        text`the base branch's own files cannot be loaded here, so old revisions were judged by the pull request's: ${error.sentence}`,
      );
      return undefined;
    }
  };
  const progress: Ports["progress"] = (phase, step) =>
    task.progress(`${environment.name}: ${phase}${step ? ` · ${step.number} of ${step.of} · ${step.revision}` : ""}`);
  const seedIn = (scratch: Scratch, before: string | undefined): Pick<Ports, "seed"> =>
    settings.seed === undefined
      ? {}
      : {
          seed: seedOf(settings.seed, {
            ...task,
            directory: path.join(task.root, environment.directory),
            scratch,
            ...(before !== undefined && { before }),
          }),
        };
  /** A process with the base branch's files that loads beside the pull request's. */
  const begun: Promise<Driver>[] = [];
  let over = false;
  // The first process loads while the server boots.
  let first: Driver | undefined = start(task.root);
  let { loaded } = first;
  try {
    const applied = await task.applied;
    if (!applied) return undefined;
    const { baseRoot, sources, ...what } = applied;
    const speaksOfRoles = says(mentionsRoles, { sources });
    const startIn = async (layOut: () => Promise<string>) => {
      const root = await layOut();
      if (over) throw new Error("the run is over");
      return start(root);
    };
    const edited = baseRoot && applied.edits && task.bodies && { bodies: task.bodies, edits: applied.edits, baseRoot };
    // The itinerary may begin anew, and drops all of its databases then.
    const openPlace = async (): Promise<Place> => placeIn(await areas.another(), scripts);
    const early = edited && together && settings.baseline !== "models" ? openPlace() : undefined;
    early?.catch(() => {});
    if (baseRoot && what.fromBaseFiles)
      earlyBase = startEarly({
        python: task.interpreter.command,
        directory: path.join(task.root, environment.directory),
        env: task.env,
      });
    // Most old faults, and models that differ, take the base branch's own files.
    if (baseRoot && (what.fromBaseFiles || processors >= ROOMY)) begun.push(startIn(baseRoot));
    begun[0]?.catch(() => {});
    /** Loads the pull request's files once more: the base branch's, beside them, may have had what one process at a time can have. */
    const loadAlone = async (reason: unknown): Promise<unknown> => {
      const [other] = begun.splice(0);
      if (!other || !(reason instanceof LoadError) || reason.exitCode !== 1 || reason.dialect === "sqlite") throw reason;
      await (await other.catch(() => undefined))?.stop();
      first = start(task.root);
      return (loaded = first.loaded);
    };
    const base = baseRoot && (() => takeBase(begun.pop() ?? startIn(baseRoot)));
    const travelOn = async (scratch: Scratch, made: Database[], place = () => placeIn(scratch, scripts)) => {
      const fromModels =
        settings.baseline === "models"
          ? await makeFromModels({
              database: await prepared(scratch, scripts, "models"),
              base: what.base,
              process: base ? await base() : first,
            })
          : undefined;
      const database = fromModels?.database ?? (await imported.get(task.root));
      const revision = fromModels?.revision ?? baseline?.revision;
      const stand = { scripts, ...(revision !== undefined && { baseline: revision }) };
      const go = (databases: Database[]) =>
        travel(
          {
            ...what,
            ...stand,
            speaksOfRoles,
            together,
            ...(processors >= ROOMY && { halvesFrom: LONG }),
            ...twice,
            postgresIsMeant: task.postgresIsMeant,
          },
          {
            scratch,
            made: databases,
            head: async () => {
              const driver = first ?? start(task.root);
              first = undefined;
              return driver;
            },
            ...(base && { base }),
            root: task.root,
            ...seedIn(scratch, applied.baseSeed),
            ...(database && { imported: database }),
            progress,
          },
        );
      if (!edited) return go(made);
      const { bodies, edits, baseRoot } = edited;
      return travelBeside({
        bodies,
        edits,
        scratch,
        plan: stand,
        seedIn: (own) => seedIn(own, applied.baseSeed),
        base: { root: baseRoot, driver: () => begun.pop() ?? startIn(baseRoot) },
        head: { root: async () => task.root, driver: async () => (first ??= start(task.root)) },
        start: startIn,
        progress,
        signal,
        // What was made at the import is copied while nobody writes to it.
        ...(together && !database && { place: place() }),
        ...(database && { imported: database }),
        speaksOfRoles,
        touchesRoles: () => roles,
        travel(lent) {
          if (lent) begun.push(lent);
          return go(made.splice(0));
        },
      });
    };
    const [missing, onSqlite] = await Promise.all([
      areas.own().then(
        () => undefined,
        (error: unknown) => serverIsMissing(error, task),
      ),
      loaded.catch(loadAlone).then(
        () => false,
        (error: unknown) => isOnSqlite(error, task),
      ),
    ]);
    // What the project made while it was imported may have led to another one.
    let scratch = missing ? await filesOf() : await areas.own();
    const saidBefore = said.length;
    let evidence = onSqlite || missing ? undefined : await travelOn(scratch, await ahead, early && (() => early));
    const isClear = async ({ haveMet }: Scratch, seen: Evidence) =>
      seen.unsupported !== undefined || !haveMet || !(beyond || stoppedOnServer(seen) || (await haveMet()));
    if (evidence && !(await isClear(scratch, evidence))) {
      // What one database shows may be another one's doing.
      await separate();
      said.length = saidBefore;
      imported.clear();
      first = start(task.root);
      await (loaded = first.loaded);
      scratch = await areas.own();
      evidence = await travelOn(scratch, [], openPlace);
    }
    if (!evidence || evidence.unsupported === "sqlite") {
      // A project on SQLite is judged on SQLite, by processes that know so from the start.
      scratch = await filesOf();
      imported.clear();
      first = start(task.root);
      await (loaded = first.loaded);
      evidence = await travelOn(scratch, []);
      if (missing && evidence.dialect !== "sqlite") throw missing;
      said.push(
        text`the project's URL is one of SQLite, so its revisions were judged on SQLite ${scratch.server.version}; if production runs PostgreSQL, give a URL of PostgreSQL under ${code("env:")}, any value does`,
      );
    }
    observed = evidence;
    tellInTheWay(evidence, scratch);
    if (evidence.hasModels && !evidence.models && !evidence.notes.some(({ what }) => what === MODELS))
      evidence.notes.push({ what: MODELS, reason: text`head was not reached` });
    if (evidence.models) evidence.models.sources = await sourcesOf(evidence.models, task.root);
    const { connectsAtImport } = await loaded;
    if (connectsAtImport) {
      const where =
        connectsAtImport.file === undefined
          ? text`The project`
          : text`${code(`${connectsAtImport.file}:${connectsAtImport.line}`)}`;
      said.push(
        text`${where} connects to the database while it is imported: the revisions were judged on a database that has what it made, unless it migrated itself`,
      );
    }
    // What an interruption cut off looks like a fault of the project.
    signal.throwIfAborted();
    // Its databases may be on another one that came from it.
    const { note } = scratch.dialect === "postgresql" ? await task.server : scratch.server;
    if (note) said.unshift(note);
    return evidence;
  } catch (error) {
    // A broken configuration is wrong use; what the project's code raises is an observation.
    if (!(error instanceof LoadError) || error.exitCode !== 1) throw serverFailed(error) ?? error;
    return notLoaded(error, task.interpreter, (await task.applied)?.base ?? new Set());
  } finally {
    over = true;
    earlyBase?.drop();
    const closeFiles = async () => (await files?.catch(() => undefined))?.close();
    const others = Promise.all([...drivers.map((driver) => driver.stop()), areas.closeOthers(), closeFiles()]);
    const scratch = await areas.own().catch(() => undefined);
    if (scratch && observed && sharesRoles(scratch) && (roles || scripts.some(({ sql }) => mentionsRoles(sql)))) {
      await others;
      // They would be in the way of the next run.
      await scratch.restart(madeIn(observed, scripts));
    }
    await Promise.all([others, areas.close()]);
    observed?.notes.push(...said.map((reason) => ({ what: "the run", reason })));
  }
}

/** The files with models that differ since the pull request. */
async function sourcesOf({ differences }: Models, root: string): Promise<{ file: string; source: string }[]> {
  const fresh = differences.filter(({ old }) => !old);
  const files = new Set(fresh.flatMap(({ file, unimported }) => unimported?.file ?? file ?? []));
  const read = [...files].map(async (file) => ({
    file,
    source: await readFile(path.resolve(root, file), "utf8").catch(() => ""),
  }));
  return Promise.all(read);
}

/** There is no server: the project may do without, where nothing says that it is meant to run on one. */
function serverIsMissing(error: unknown, { postgresIsMeant }: Migrations): Failure {
  if (error instanceof Failure && !postgresIsMeant) return error;
  throw error;
}

/** Whether a project that could not be loaded had connected to SQLite, and met something else. */
function isOnSqlite(error: unknown, { postgresIsMeant }: Migrations): true {
  if (error instanceof LoadError && error.dialect === "sqlite" && !postgresIsMeant) return true;
  throw error;
}
