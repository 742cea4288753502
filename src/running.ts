/** Decides what is run for one environment, and from which files: the pull request's, and the base branch's where they differ. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { reasonOf } from "./failure.ts";
import { squashOf } from "./history/deletions.ts";
import { exportCommit, type Exported } from "./history/export.ts";
import { commitTree, trackedFiles } from "./history/git.ts";
import { isUntouched, type History } from "./history/history.ts";
import type { LazyServer, Project } from "./opening.ts";
import { concernsMigrations, type Environment } from "./project/environment.ts";
import { findInterpreter, type Interpreter } from "./project/interpreter.ts";
import { wantedPostgres } from "./project/postgres-version.ts";
import type { Fact, FactsOf, Rule } from "./rules/rule.ts";
import type { Body } from "./run/bodies.ts";
import { compareEdits, editedIds, type Edits } from "./run/effect.ts";
import type { Evidence } from "./run/evidence.ts";
import type { Applied } from "./run/migrations.ts";
import { startEarly, type EarlyProcess } from "./run/process.ts";
import { isSeedFile } from "./run/seed.ts";
import { ask, type Proof } from "./settle.ts";
import { sliceAsked } from "./settings.ts";
import { text, type Text } from "./text.ts";
import type { World } from "./world.ts";

export interface Task {
  target: Target;
  project: Project;
  early: Early;
  server: LazyServer;
  baseFiles: BaseFiles;
  world: World;
}

type Target = Project["environments"][number];

/** Loads what runs migrations, so that it is there when it is needed. */
function loadRunning(): void {
  import("./run/migrations.ts").catch(() => {});
}

/** The base branch's files, laid out when somebody first asks for their root. */
export interface BaseFiles {
  root(history: History): Promise<string>;
  remove(): Promise<void>;
}

export function baseFilesOf({ git }: Pick<Project, "git">): BaseFiles {
  let exported: Promise<Exported> | undefined;
  return {
    async root({ base, changedFiles }) {
      return (await (exported ??= exportCommit(git!, base.commit, changedFiles))).folder;
    },
    async remove() {
      await (await exported?.catch(() => undefined))?.remove();
    },
  };
}

/** The interpreter of an environment. It is looked for once: asked early, the answer is there when it is needed. */
function interpreterOf(
  { target, project, world }: Pick<Task, "target" | "project" | "world">,
  likely?: (program: string) => void,
): Promise<Interpreter> {
  const { environment, settings } = target;
  return findInterpreter({
    root: project.root,
    directory: environment.directory,
    env: world.env,
    ...(settings.python !== undefined && { given: settings.python }),
    ...(likely && { likely }),
  });
}

/** Processes that import Alembic while it is still being read whether there is anything to run. */
export interface Early {
  of(target: Target): EarlyProcess | undefined;
  /** Ends those that nobody needed. */
  drop(): void;
}

/** Looks for the interpreter of every environment, and starts a process of the most likely one. */
export function beginEarly(project: Project, world: World): Early {
  const processes = new Map<Target, EarlyProcess>();
  let dropped = false;
  for (const target of project.settings.static ? [] : project.environments) {
    const start = (program: string) => {
      if (dropped) return;
      const directory = path.join(project.root, target.environment.directory);
      processes.set(target, startEarly({ python: [program], directory, env: world.env }));
      // Not before: loading it takes as long as finding the interpreter, and Python has more to load.
      loadRunning();
    };
    interpreterOf({ target, project, world }, start).catch(() => {});
  }
  return {
    of: (target) => processes.get(target),
    drop() {
      dropped = true;
      for (const early of processes.values()) early.drop();
    },
  };
}

/** The environment with the folders of revisions that only a run of env.py tells, as it is where env.py tells none. */
export async function withFolders(task: Omit<Task, "baseFiles">): Promise<Environment> {
  const { target, project, server, world } = task;
  const { environment, settings } = target;
  const { unknowable: _, ...rest } = environment;
  const { foldersFromEnv } = await import("./run/folders.ts");
  const versionFolders = await foldersFromEnv({
    environment,
    root: project.root,
    interpreter: await interpreterOf(task),
    server: await server.get(settings),
    ...portOf(await server.port(settings)),
    settings,
    env: world.env,
    signal: world.signal,
  });
  return versionFolders ? { ...rest, versionFolders, foldersFromEnv: "told" } : environment;
}

const portOf = (port: number | undefined) => (port === undefined ? {} : { port });

/** Why nothing is run, if so: it would only repeat what the files already say. */
function notRun(facts: FactsOf): Text | undefined {
  if (!facts.graph.known) return facts.graph.reason;
  const graph = facts.graph.value;
  if (graph.unreadable.some(({ reason }) => reason !== "computed"))
    return text`a revision cannot be read, so Alembic cannot load any`;
  if (graph.cycles.length > 0) return text`the revisions form a cycle, so Alembic cannot order them`;
  if (graph.missing.length > 0) return text`a revision names a parent that does not exist, so Alembic cannot order them`;
  if (graph.duplicates.length > 0) return text`two files have the same revision id, so Alembic would run only one of them`;
  return undefined;
}

/**
 * Runs the pull request's migrations, on top of what the base branch has applied.
 *
 * @param reading the facts that are read meanwhile: the server boots and the project loads before they are known
 * @param comparing what edited revisions execute, as far as that can be told without a database
 */
export async function observe(task: Task, reading: Promise<FactsOf>, comparing?: Promise<Fact<Edits>>): Promise<Fact<Evidence>> {
  const { target, project, server, baseFiles, world } = task;
  const { environment, settings } = target;
  const booting = server.get(settings);
  booting.catch(() => {});
  const interpreter = await interpreterOf(task);
  const port = await server.port(settings);
  const early = task.early.of(target);
  const applied = reading.then(async (facts): Promise<Applied | undefined> => {
    if (notRun(facts)) return undefined;
    const { git } = project;
    const { graph } = facts;
    const history = facts.history.known ? facts.history.value : undefined;
    const squash = history && graph.known ? squashOf(graph.value, history) : undefined;
    const { seed } = settings;
    const asked = sliceAsked(settings);
    // Rows for a database of the base branch: its own file fits it.
    const seedChanges = seed !== undefined && isSeedFile(seed) && history?.changedFiles.includes(seed);
    const bytes = seedChanges && history && git ? await commitTree(git, history.base.commit).read(seed) : undefined;
    return {
      base: new Set(history?.graph.revisions.keys()),
      editedDowngrades: [...(history?.changes.values() ?? [])].flatMap(({ id, edited }) =>
        edited?.functions.includes("downgrade") ? [id] : [],
      ),
      changed: history?.changedFiles ?? [],
      sources: [graph.known ? graph.value : undefined, history?.graph].flatMap((one) =>
        [...(one?.revisions.values() ?? [])].map(({ source }) => source),
      ),
      ...(squash && { squash }),
      ...(asked && {
        slice: {
          ...asked,
          isUntouched: (id: string) => isUntouched(id, history),
          sourceOf: (id: string) => (graph.known ? graph.value.revisions.get(id)?.source : undefined),
        },
      }),
      fromBaseFiles: [...(history?.changes.values() ?? [])].some(
        ({ body, reparented }) => body === "edited" || body === "deleted" || reparented,
      ),
      ...(history && editedIds(history).length > 0 && { edits: editedIds(history) }),
      ...(bytes && { baseSeed: new TextDecoder().decode(bytes) }),
      ...(history && git && !onlyAdds(environment, facts) && { baseRoot: () => baseFiles.root(history) }),
    };
  });
  applied.catch(() => {});
  const { runMigrations } = await import("./run/migrations.ts");
  const evidence = await runMigrations({
    environment,
    root: project.root,
    applied,
    ...(comparing && { bodies: bodiesToExecute(task, reading, comparing) }),
    postgresIsMeant:
      settings.postgresVersion !== undefined ||
      settings.postgres !== "auto" ||
      (await wantedPostgres(project.tree)) !== undefined,
    interpreter,
    ...(early && { early }),
    server: booting,
    ...portOf(port),
    settings,
    env: world.env,
    signal: world.signal,
    progress: world.progress,
    tracked: async (files) => new Set(project.git && (await trackedFiles(project.git, files))),
  });
  return evidence ? { known: true, value: evidence } : { known: false, reason: notRun(await reading)! };
}

/**
 * Compares what edited revisions would execute, before and after. No migration is run, and no database is needed.
 *
 * @returns not known where Python cannot be asked; the reason is a sentence for people
 */
export async function observeEdits(task: Omit<Task, "server">, reading: Promise<FactsOf>): Promise<Fact<Edits>> {
  const { target, project, baseFiles, world } = task;
  const { history } = await reading;
  if (!history.known) return history;
  if (editedIds(history.value).length === 0) return { known: true, value: new Map() };
  try {
    const { command } = await interpreterOf(task);
    const edits = await compareEdits({
      environment: target.environment,
      history: history.value,
      root: project.root,
      baseRoot: () => baseFiles.root(history.value),
      python: command,
      settings: target.settings,
      env: world.env,
      signal: world.signal,
    });
    return { known: true, value: edits };
  } catch (error) {
    if (world.signal.aborted) throw error;
    return { known: false, reason: reasonOf(error) };
  }
}

/** Edited revisions that only a database can tell about, or what they leave, with both versions of what they use. */
async function bodiesToExecute(
  { project, baseFiles }: Task,
  reading: Promise<FactsOf>,
  comparing: Promise<Fact<Edits>>,
): Promise<Body[]> {
  const [{ history }, edits] = await Promise.all([reading, comparing]).catch(() => []);
  if (!history?.known || !edits?.known) return [];
  const { changes } = history.value;
  const open = [...edits.value].flatMap(([id, edit]) => {
    const { functions } = changes.get(id)!.edited ?? {};
    // What other DDL leaves is to be seen as well.
    const directions = (["upgrade", "downgrade"] as const).filter(
      (direction) => edit[direction].kind === "unknown" || (edit[direction].kind === "different" && !edit[direction].data),
    );
    // Where no other code changed, upgrade() need not be asked.
    const needed = directions.some((direction) => direction === "downgrade" || !functions?.every((name) => name === "downgrade"));
    return needed ? [{ id, edit, directions }] : [];
  });
  if (open.length === 0) return [];
  const root = await baseFiles.root(history.value);
  const read = (folder: string, files: readonly string[]) =>
    Promise.all(files.map((file) => readFile(path.join(folder, file), "utf8").catch(() => "")));
  return Promise.all(
    open.map(async ({ id, edit, directions }) => {
      const { before, after, helpers = [] } = changes.get(id)!;
      const modules = helpers.filter((file) => file.endsWith(".py"));
      return {
        id,
        directions,
        unknown: directions.some((direction) => edit[direction].kind === "unknown"),
        reads: directions.flatMap((direction) => (edit[direction].kind === "unknown" ? (edit[direction].reads ?? []) : [])),
        sources: {
          before: [before.source, ...(await read(root, modules))],
          after: [after!.source, ...(await read(project.root, modules))],
        },
        opaque: modules.length < helpers.length,
      };
    }),
  );
}

/** Whether the pull request changes nothing that old revisions depend on: it only adds revision files. */
function onlyAdds(environment: Environment, { graph, history }: FactsOf): boolean {
  if (!graph.known || !history.known) return false;
  const added = new Set(history.value.added.map((id) => graph.value.revisions.get(id)?.file));
  return history.value.changedFiles.every((file) => added.has(file) || !concernsMigrations(file, [environment]));
}

/**
 * Which faults of old revisions were there before the pull request.
 *
 * @returns `only-additions` where the pull request cannot be their cause; else the fingerprints of what the base branch's own files
 *   showed when they were run by themselves; undefined where neither is known
 */
export function proofOf(environment: Environment, facts: FactsOf, rules: readonly Rule[]): Proof | undefined {
  if (onlyAdds(environment, facts)) return "only-additions";
  const onBase = facts.run.known ? facts.run.value.onBase : undefined;
  if (!onBase || !facts.history.known) return undefined;
  const base: FactsOf = {
    ...facts,
    graph: { known: true, value: facts.history.value.graph },
    history: { known: false, reason: text`the base branch is not compared with itself` },
    run: { known: true, value: onBase },
  };
  const { findings } = ask({ rules: rules.filter(({ family }) => family === "run"), environment: environment.name, facts: base });
  return new Set(findings.map(({ fingerprint }) => fingerprint));
}
