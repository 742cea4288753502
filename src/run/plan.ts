/** What the itinerary is told, what it works with, and the databases and processes that its ways begin with. */
import type { Database, Scratch } from "../postgres/scratch.ts";
import type { Driver } from "./driver.ts";
import { prepared, type Laboratory, type ProgressStep, type Script } from "./laboratory.ts";
import { phaseOf } from "./phase.ts";
import type { Seed } from "./rows.ts";
import type { Slice } from "./slice.ts";

export interface Plan {
  /** Ids that the base branch has; all others are the pull request's. */
  base: ReadonlySet<string>;
  /** B0 is built from the base branch's own files: applied revisions differ there. */
  fromBaseFiles: boolean;
  /** Applied revisions whose downgrade() was edited: whether the base branch's works is to be seen too. */
  editedDowngrades: readonly string[];
  /** There is a processor to run the whole history beside the rest. */
  together: boolean;
  /** A history of so many revisions goes down in two halves at once; absent: there is no processor for that. */
  halvesFrom?: number;
  /** A revision, or a file of SQL that runs first, speaks of roles. */
  speaksOfRoles: boolean;
  /** The base of a history of at most so many revisions is run twice and not copied, for the rows; absent: there is no processor for that. */
  twiceUpTo?: number;
  /** The pull request puts one new revision in the place of several applied ones, of which `last` comes last. */
  squash?: { substitute: string; last: string };
  /** Other machines take other parts of the history. */
  slice?: Slice;
  /** SQL that runs first: extensions, roles, the schema that the chain starts from. */
  scripts: readonly Script[];
  /** The revision that this schema stands for. */
  baseline?: string;
  /** Files that the pull request changes, relative to the root. */
  changed: readonly string[];
  /** The repository or the settings name Postgres: a URL of SQLite is then the fallback of a developer's machine. */
  postgresIsMeant: boolean;
}

export interface Ports {
  scratch: Scratch;
  /** Starts a process with the pull request's files loaded. */
  head(): Promise<Driver>;
  /** The same with the base branch's files; absent where the pull request only adds revisions, or there is no base. Undefined where they do not load. */
  base?(): Promise<Driver | undefined>;
  /** Databases in which the scripts have run already; the first ones that are needed are taken from here. */
  made: Database[];
  /** Puts the project's own rows into a database of the base branch. */
  seed?: Seed;
  /** Absolute root of the pull request's files. */
  root?: string;
  /** The database that the project connected to while it was imported, if it did. */
  imported?: Database;
  /** Called at every phase and step. */
  progress(phase: string, step?: ProgressStep): void;
}

/**
 * The database that the itinerary starts from. Applications that create tables while they are imported do so in production as well,
 * before any migration. One that then migrates itself has left nothing to run: a new database takes its place.
 */
export async function firstDatabase(plan: Plan, ports: Ports, name = "main"): Promise<Database> {
  const { scratch, imported, made } = ports;
  const create = async () => {
    const ofName = made.findIndex((one) => one.name.endsWith(`_${name}`));
    return made.splice(Math.max(ofName, 0), 1)[0] ?? prepared(scratch, plan.scripts, name);
  };
  if (!imported) return create();
  const [table] = await scratch.tables(imported, ["alembic_version"]);
  const rows = table
    ? await scratch.query(imported, `SELECT version_num FROM "${table.schema.replaceAll('"', '""')}".alembic_version`)
    : [];
  const migrated = rows.some((row) => row.version_num !== plan.baseline);
  return migrated ? create() : scratch.clone(imported, name);
}

/** Starts of processes, the first of which has been started already. What loaded once is expected to load again. */
export function beginningWith(first: Driver, start: () => Promise<Driver | undefined>): () => Promise<Driver> {
  let next: Driver | undefined = first;
  return async () => {
    const driver = next ?? (await start()) ?? first;
    next = undefined;
    return driver;
  };
}

/** A database as the first revision finds it. */
export async function freshDatabase(lab: Laboratory, plan: Plan, ports: Ports): Promise<Database> {
  const database = await firstDatabase(plan, ports);
  await standAt(lab, database, plan.baseline);
  return database;
}

/** Lets a new database stand at the baseline's revision, if there is one. False where env.py cannot be run. */
export async function standAt(lab: Laboratory, database: Database, baseline: string | undefined): Promise<boolean> {
  if (baseline === undefined) return true;
  if (!(await lab.run(phaseOf("prepare", []), database, { own: true }))) return false;
  await lab.stamp(database, baseline);
  return true;
}
