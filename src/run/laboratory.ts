/** What is done to one scratch database: a phase is run in it, its catalog and its version rows are read. */
import { Failure } from "../failure.ts";
import { withoutTables, type Catalog } from "../postgres/catalog.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import { code, text } from "../text.ts";
import { endedByUs } from "./mishap.ts";
import { joined, partsOf } from "./several.ts";
import type { CheckOptions, Comparison, Driver, RunResult, StepControl } from "./driver.ts";
import type { Evidence, Phase, Stop } from "./evidence.ts";
import type { Run } from "./protocol.ts";
import { lineOf } from "./sql-pieces.ts";

/** A file of SQL. */
export interface Script {
  file: string;
  sql: string;
}

interface RunOptions {
  /** true: in the transactions that env.py chooses; false: each revision commits on its own. */
  own: boolean;
  /** Told of the catalog after each step but the last, while its work may not be committed yet. */
  after?: (revision: string, catalog: Catalog) => void;
  /** Tell of each statement all its parameters, and of all lines whether they ran. */
  exact?: true;
}

/** A revision that begins, and the how manieth of its phase it is; 1-based. */
export interface ProgressStep {
  revision: string;
  number: number;
  of: number;
}

const stepOf = (revision: string, planned: readonly string[]): ProgressStep => ({
  revision,
  number: planned.indexOf(revision) + 1,
  of: planned.length,
});

export interface Laboratory {
  /** Runs the planned revisions of a phase and records what happened. True: they ran to their end, and the version rows are right. */
  run(phase: Phase, database: Database, options: RunOptions): Promise<boolean>;
  /**
   * Goes up and tries downgrades on the way, which are taken back.
   *
   * @param revisions in the order in which they go up; each commits on its own
   * @param trial told of the catalog after each watched downgrade
   */
  goUpTrying(
    revisions: readonly string[],
    database: Database,
    trials: NonNullable<Run["trials"]>,
    progress: { title: string; after(revision: string, catalog: Catalog): void },
  ): Promise<RunResult>;
  snapshot(database: Database): Promise<Catalog>;
  /** Compares the models with a database; undefined where env.py gives none. */
  check(
    database: Database,
    options: Omit<CheckOptions, "connection" | "connectionFor" | "labelFor">,
  ): Promise<Comparison | undefined>;
  /** Writes the version row of a revision, unless there is one. */
  stamp(database: Database, revision: string): Promise<void>;
  /** Tells a database the new name of a revision at which it stands. */
  restamp(database: Database, from: string, to: string): Promise<void>;
  /** Takes the version rows of revisions away that other rows stand for. */
  unstamp(database: Database, revisions: readonly string[]): Promise<void>;
  /** Its process, with the project loaded; undefined where that has died. */
  process(): Driver | undefined;
  /** A second process with the project loaded; undefined where the first one cannot be copied. */
  copyProcess(): Promise<Driver | undefined>;
  stop(): Promise<void>;
}

/** The phases of the pull request's revisions alone: which of their lines run is told, until all have run. */
const WATCHED = new Set<Phase["id"]>(["upgrade", "downgrade", "rows-upgrade", "rows-downgrade"]);

interface VersionTable {
  schema: string;
  name: string;
}

/**
 * @param start starts a process with the project loaded; called again where a fresh one is needed
 * @param evidence what is observed beside the phases is added here
 */
export async function openLaboratory(
  scratch: Scratch,
  start: () => Promise<Driver>,
  evidence: Pick<Evidence, "dbapi" | "dialect" | "foreign" | "hasModels">,
  progress: (phase: string, step?: ProgressStep) => void,
): Promise<Laboratory> {
  let driver = await start();
  let gone = false;
  let versionTables: RunResult["versionTables"] = [];
  /** Directions in which every line of the watched revisions has run. */
  const seen = new Set<string>();

  const findVersionTables = async (database: Database): Promise<VersionTable[]> => {
    const names = versionTables.map(({ name }) => name);
    const found = await scratch.tables(database, names);
    return found.filter((table) =>
      versionTables.some(({ schema, name }) => name === table.name && (schema === null || schema === table.schema)),
    );
  };

  const snapshot = async (database: Database, query?: StepControl["query"]): Promise<Catalog> => {
    const parts = partsOf(scratch, database);
    if (parts.length > 1)
      return joined(await Promise.all(parts.map(async (part) => ({ ...part, catalog: await snapshotOf(part.database) }))));
    return snapshotOf(database, query);
  };

  const snapshotOf = async (database: Database, query?: StepControl["query"]): Promise<Catalog> => {
    const json = query ? await query(scratch.catalogQuery()) : await scratch.readCatalog(database);
    return withoutTables(scratch.parseCatalog(json!), query ? versionTables : await findVersionTables(database));
  };

  const versionRows = async (database: Database): Promise<string[]> => {
    const rows: string[] = [];
    for (const part of partsOf(scratch, database)) {
      for (const table of await findVersionTables(part.database)) {
        rows.push(
          ...(await scratch.query(part.database, `SELECT version_num FROM ${quoted(table)}`)).map((row) =>
            String(row.version_num),
          ),
        );
      }
    }
    return [...new Set(rows)].sort();
  };

  /** One run, in a process that can do it. */
  const perform = async (options: Parameters<Driver["run"]>[0]): Promise<RunResult> => {
    // What hung was killed, and what died is dead: the phases after it need not suffer for it.
    if (gone) driver = await start();
    let result = await driver.run(options);
    // Some env.py cannot run twice in one process (tables declared on an imported Base): a fresh one decides.
    if (result.freshProcessMayHelp && result.steps.length === 0) {
      await driver.stop();
      driver = await start();
      result = await driver.run(options);
    }
    gone = result.died || result.hung !== undefined;
    const ours = endedByUs(result);
    if (ours) throw ours;
    if (result.versionTables.length > 0) versionTables = result.versionTables;
    evidence.hasModels ||= result.models;
    evidence.dbapi ??= result.connects[0]?.driver;
    evidence.dialect ??= result.connects[0]?.dialect;
    evidence.foreign.push(...result.foreign);
    return result;
  };

  const run: Laboratory["run"] = async (phase, database, { own, after, exact }) => {
    const direction = phase.id.includes("downgrade") ? "downgrade" : "upgrade";
    progress(phase.title);
    const started = performance.now();
    const result = await perform({
      direction,
      revisions: phase.planned,
      ...connectionsOf(scratch, database),
      ...(!own && { transactionPerMigration: true }),
      ...(exact ? { exact, lines: true } : WATCHED.has(phase.id) && !seen.has(direction) && { lines: true }),
      onBegin: (revision) => progress(phase.title, stepOf(revision, phase.planned)),
      ...(after && {
        onStep: async (step: StepControl) => {
          // The state after the last step is seen when all is committed.
          if (step.revision !== phase.planned.at(-1))
            after(step.revision, await snapshot(database, step.inTransaction ? step.query : undefined));
          return "go" as const;
        },
      }),
      onHang: () => whatHangs(scratch, database),
    });
    phase.steps = result.steps;
    if (WATCHED.has(phase.id) && result.steps.every(({ lines }) => lines && lines.ran.length === lines.every.length))
      seen.add(direction);
    phase.rows = { found: await versionRows(database), expected: [...result.expected].sort() };
    phase.stop = stopOf(result);
    const whole = result.steps.length === phase.planned.length && result.steps.every((step) => step.ended);
    phase.state = phase.stop || !whole ? "failed" : "ok";
    phase.seconds = (performance.now() - started) / 1000;
    return phase.state === "ok" && phase.rows.found.join("\n") === phase.rows.expected.join("\n");
  };

  return {
    run,
    goUpTrying: (revisions, database, trials, { title, after }) =>
      perform({
        direction: "upgrade",
        revisions,
        ...connectionsOf(scratch, database),
        transactionPerMigration: true,
        trials,
        onBegin: (revision) => progress(title, stepOf(revision, revisions)),
        onStep: async ({ revision, inTransaction, query }) => {
          after(revision, await snapshot(database, inTransaction ? query : undefined));
          return "go";
        },
        onHang: () => whatHangs(scratch, database),
      }),
    snapshot: (database) => snapshot(database),
    async check(database, options) {
      if (!evidence.hasModels) return undefined;
      if (gone) driver = await start();
      const attempt = () => driver.check({ ...options, ...connectionsOf(scratch, database) });
      let comparison = await attempt();
      gone = isDead(comparison);
      if (!gone && comparison.raised && comparison.raised.sqlstate === undefined) {
        // As for runs: some env.py cannot run twice in one process.
        await driver.stop();
        driver = await start();
        comparison = await attempt();
        gone = isDead(comparison);
      }
      return comparison;
    },
    async stamp(database, revision) {
      for (const part of partsOf(scratch, database)) {
        for (const table of await findVersionTables(part.database)) {
          const name = quoted(table);
          await scratch.query(
            part.database,
            `INSERT INTO ${name} (version_num) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM ${name})`,
            [revision],
          );
        }
      }
    },
    async restamp(database, from, to) {
      for (const part of partsOf(scratch, database))
        for (const table of await findVersionTables(part.database))
          await scratch.query(part.database, `UPDATE ${quoted(table)} SET version_num = $2 WHERE version_num = $1`, [from, to]);
    },
    async unstamp(database, revisions) {
      for (const part of partsOf(scratch, database))
        for (const table of await findVersionTables(part.database))
          for (const revision of revisions)
            await scratch.query(part.database, `DELETE FROM ${quoted(table)} WHERE version_num = $1`, [revision]);
    },
    process: () => (gone ? undefined : driver),
    copyProcess: () => driver.copy(),
    stop: () => driver.stop(),
  };
}

/** Where a run connects to: one database, or one for each place that env.py wants. */
export const connectionsOf = (scratch: Scratch, database: Database) => ({
  connection: database.connection,
  ...(scratch.connectionFor && { connectionFor: (place: string) => scratch.connectionFor!(database, place) }),
  ...(scratch.labelFor && { labelFor: (place: string) => scratch.labelFor!(database, place) }),
});

const isDead = ({ raised }: Comparison): boolean => raised?.type === "Hang" || raised?.type === "ProcessDied";

const quoted = ({ schema, name }: VersionTable): string =>
  [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join(".");

/** What stopped a run, where something did. */
function stopOf(result: RunResult): Stop | undefined {
  if (!result.raised && !result.hung) return undefined;
  const open = result.steps.find((step) => !step.ended);
  const last = open?.statements.at(-1);
  return {
    ...(open && { revision: open.revision }),
    raised: result.raised ?? { type: "Hang", message: "nothing moved", frames: [], traceback: "" },
    ...(result.place ?? (last?.file !== undefined && { file: last.file, line: last.line })),
    ...(result.hung && { timedOut: result.hung }),
  };
}

/** What the sessions in a database wait for, in words. */
async function whatHangs(scratch: Scratch, database: Database): Promise<{ statement?: string; waitingFor?: string }> {
  const sessions = await scratch.whoBlocks(database);
  const waiting = sessions.find(({ waitingFor }) => waitingFor) ?? sessions.find(({ state }) => state === "active");
  if (!waiting) return {};
  const { statement, waitingFor, blockedBy } = waiting;
  return { statement, ...(waitingFor && { waitingFor: `${waitingFor}${blockedBy ? `, held by ${blockedBy}` : ""}` }) };
}

/**
 * A new database in which files of SQL that the settings name have run.
 *
 * @throws Failure (exit code 2) where one of them fails
 */
export async function prepared(scratch: Scratch, scripts: readonly Script[], name = "main"): Promise<Database> {
  const database = await scratch.create(name);
  for (const script of scripts) await runScript(scratch, database, script);
  return database;
}

/** Databases like this, made ahead of their time: as many as the itinerary needs for sure. The server knows how to read their catalogs. */
export async function preparedAhead(scratch: Scratch, scripts: readonly Script[], count: number): Promise<Database[]> {
  const main = prepared(scratch, scripts);
  // Where all are in one cluster, a copy would keep env.py from the original.
  const another = (name: string) =>
    scratch.inOne ? prepared(scratch, scripts, name) : main.then((from) => scratch.clone(from, name));
  const made = await Promise.all([main, ...["history", "rows"].slice(0, count - 1).map(another)]);
  for (const database of made) scratch.expectReading?.(database);
  return made;
}

async function runScript(scratch: Scratch, database: Database, { file, sql }: Script): Promise<void> {
  try {
    // pg_dump brackets its output with these two commands of psql.
    await scratch.query(database, sql.replace(/^\\(un)?restrict .*$/gm, ""));
    // Dumps change settings of the session, search_path above all; the session is used on.
    if (scratch.dialect === "postgresql") await scratch.query(database, "DISCARD ALL");
  } catch (error) {
    const { message } = error as Error;
    const line = lineOf(error as Error, sql);
    throw new Failure(
      2,
      text`${code(file)} fails on the scratch database: ${message}`,
      text`The settings name this file, and it runs before any migration. It must be plain SQL, without commands of psql and without COPY: ${code("pg_dump --schema-only")} makes such a file.`,
      { file, ...(line !== undefined && { line }) },
    );
  }
}
