/**
 * The itinerary: which migrations run in which order on which scratch database, and what the catalog is compared with.
 *
 *   empty ─ base revisions ─► B0 ─ the pull request's, up ─► H ─ down ─► B0? ─ up again ─► H?
 *   clone of H: downgrade base ─► empty? ─ upgrade head ─► H?
 *
 * It observes and judges nothing. Every database is made here, on a server of ours or in databases of ours.
 */
import { Failure } from "../failure.ts";
import { catalogQuery, parseCatalog, withoutTables } from "../postgres/catalog.ts";
import type { Catalog, Difference } from "../postgres/catalog.ts";
import { compareCatalogs } from "../postgres/compare.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import { code, text, type Text } from "../text.ts";
import type { Driver, RunResult, StepControl } from "./driver.ts";
import type { Evidence, Phase, PhaseId, Stop } from "./evidence.ts";

/** With more revisions than this a snapshot after each of them costs more than it tells. */
const MOST_SNAPSHOTS = 60;

export interface Plan {
  /** All ids of the pull request's side, in Alembic's order from the bases up. */
  order: readonly string[];
  /** Ids that the base branch has; all others are the pull request's. */
  base: ReadonlySet<string>;
  /** The base branch's ids in its own order, where its revisions are run from its own files. */
  baseOrder?: readonly string[];
  /** SQL that runs first: extensions, roles. */
  setup: readonly { file: string; sql: string }[];
  /** A schema that the chain starts from, and the revision that it stands for. */
  baseline?: { file: string; sql: string; revision: string };
}

export interface Ports {
  scratch: Scratch;
  /** A process with the pull request's files loaded; called again where a fresh process is needed. */
  head(): Promise<Driver>;
  /** The same with the base branch's files, where they differ in applied revisions. */
  base?(): Promise<Driver>;
  /** Called at every phase and step, for progress. */
  progress?(phase: string, revision?: string): void;
}

interface VersionTable {
  schema: string;
  name: string;
}

const PLANNED: [PhaseId, string][] = [
  ["prepare", "an empty database"],
  ["base", "the base branch's revisions"],
  ["upgrade", "the pull request's revisions, up"],
  ["downgrade", "the pull request's revisions, down"],
  ["upgrade-again", "the pull request's revisions, up again"],
  ["history-downgrade", "downgrade base"],
  ["history-upgrade", "upgrade head once more"],
];

/**
 * Runs the itinerary.
 *
 * @returns what was observed, also where a phase failed: the phases that could not be reached carry the reason
 * @throws Failure where our own side fails (the server is gone, a driver cannot be started)
 */
export async function travel(plan: Plan, ports: Ports): Promise<Evidence> {
  const { scratch } = ports;
  const phases: Phase[] = PLANNED.map(([id, title]) => ({
    id,
    title,
    planned: [],
    state: "not-run",
    seconds: 0,
    steps: [],
    skipped: [],
    unrestored: [],
  }));
  const phase = (id: PhaseId) => phases.find((phase) => phase.id === id)!;
  let driver = await ports.head();
  const evidence: Evidence = {
    serverVersion: scratch.server.version,
    serverProvider: scratch.server.provider,
    ...(await driver.loaded).versions,
    order: [...plan.order],
    base: plan.base,
    phases,
    foreign: [],
    notes: [],
  };
  let versionTables: { schema: string | null; name: string }[] = [];

  const findVersionTables = async (database: Database): Promise<VersionTable[]> => {
    const names = versionTables.map(({ name }) => name);
    const found = (await scratch.query(
      database,
      "SELECT n.nspname AS schema, c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND c.relname = ANY (string_to_array($1, chr(10)))",
      [names.join("\n")],
    )) as unknown as VersionTable[];
    return found.filter((table) => versionTables.some(({ schema, name }) => name === table.name && (schema === null || schema === table.schema)));
  };
  const snapshot = async (database: Database, query?: StepControl["query"]): Promise<Catalog> => {
    const json = query ? await query(catalogQuery()) : Object.values((await scratch.query(database, catalogQuery()))[0]!)[0];
    return withoutTables(parseCatalog(json as string), query ? versionTables : await findVersionTables(database));
  };
  const versionRows = async (database: Database): Promise<string[]> => {
    const rows: string[] = [];
    for (const { schema, name } of await findVersionTables(database)) {
      rows.push(...(await scratch.query(database, `SELECT version_num FROM ${quoted({ schema, name })}`)).map((row) => String(row.version_num)));
    }
    return [...new Set(rows)].sort();
  };

  /** Runs one phase in one database and records it. `after` is told of every step, while it is not committed yet. */
  const run = async (
    id: PhaseId,
    database: Database,
    direction: "upgrade" | "downgrade",
    revisions: readonly string[],
    options: { own: boolean; with?: Driver; after?: (revision: string, catalog: Catalog) => void },
  ): Promise<boolean> => {
    const record = phase(id);
    record.planned = [...revisions];
    ports.progress?.(record.title);
    const started = performance.now();
    const attempt = async (): Promise<RunResult> => {
      const runner = options.with ?? driver;
      const result = await runner.run({
        direction,
        revisions: [...revisions],
        connection: database.connection,
        ...(options.own ? {} : { transactionPerMigration: true }),
        onBegin: (revision) => ports.progress?.(record.title, revision),
        ...(options.after && {
          onStep: async (step: StepControl) => {
            options.after?.(step.revision, await snapshot(database, step.inTransaction ? step.query : undefined));
            return "go" as const;
          },
        }),
        onHang: () => whatHangs(scratch, database),
      });
      return result;
    };
    let result = await attempt();
    // Some env.py cannot run twice in one process (tables declared on an imported Base): a fresh one decides.
    if (result.freshProcessMayHelp && result.steps.length === 0 && !options.with) {
      await driver.stop();
      driver = await ports.head();
      result = await attempt();
    }
    if (result.versionTables.length > 0) versionTables = result.versionTables;
    evidence.dbapi ??= result.connects[0]?.driver;
    evidence.foreign.push(...result.foreign);
    record.steps = result.steps;
    record.rows = { found: await versionRows(database), expected: [...result.expected].sort() };
    record.stop = stopOf(result);
    const whole = result.steps.length === revisions.length && result.steps.every((step) => step.ended);
    record.state = record.stop || !whole ? "failed" : "ok";
    record.seconds = (performance.now() - started) / 1000;
    return record.state === "ok" && sameRows(record.rows);
  };
  const notRun = (ids: PhaseId[], reason: Text) => {
    for (const id of ids) Object.assign(phase(id), { state: "not-run", reason });
  };
  const compared = (id: PhaseId, what: string, before: Catalog, after: Catalog): Difference[] => {
    const differences = compareCatalogs(before, after);
    phase(id).compared = { with: what, differences };
    return differences;
  };

  const prepare = async (database: Database) => {
    for (const script of [...plan.setup, ...(plan.baseline ? [plan.baseline] : [])]) await runScript(scratch, database, script);
  };

  try {
    // An empty database, as env.py leaves it with no revision at all.
    const main = await scratch.create("main");
    await prepare(main);
    if (!(await run("prepare", main, "upgrade", [], { own: true }))) {
      notRun(["base", "upgrade", "downgrade", "upgrade-again", "history-downgrade", "history-upgrade"], text`env.py could not be run`);
      return evidence;
    }
    if (plan.baseline) await stamp(scratch, main, await findVersionTables(main), plan.baseline.revision);
    const empty = await snapshot(main);

    // B0 is production: every applied revision committed on its own.
    const above = plan.baseline ? new Set((await driver.loaded).ancestors(plan.baseline.revision)) : new Set<string>();
    const applied = (plan.baseOrder ?? plan.order.filter((id) => plan.base.has(id))).filter((id) => !above.has(id));
    const baseDriver = plan.baseOrder && ports.base ? await ports.base() : undefined;
    let current = main;
    let reached = await run("base", main, "upgrade", applied, { own: false, ...(baseDriver && { with: baseDriver }) });
    if (!reached && !baseDriver && phase("base").stop?.revision !== undefined && !plan.baseline) {
      // Some revisions only work in the project's own transaction mode: that is what production ran.
      current = await scratch.create("own");
      await prepare(current);
      reached = await run("base", current, "upgrade", applied, { own: true });
    }
    await baseDriver?.stop();
    if (!reached) {
      notRun(
        ["upgrade", "downgrade", "upgrade-again", "history-downgrade", "history-upgrade"],
        text`the base branch's revisions do not run from an empty database`,
      );
      return evidence;
    }
    const b0 = await snapshot(current);
    const gone = phase("base").rows?.found.find((id) => !plan.order.includes(id));
    if (gone !== undefined) {
      notRun(
        ["upgrade", "downgrade", "upgrade-again", "history-downgrade", "history-upgrade"],
        text`a database of the base branch stands at ${code(gone)}, which the pull request does not have: Alembic stops with "Can't locate revision"`,
      );
      return evidence;
    }

    // The pull request's revisions, as the project runs them.
    const added = plan.order.filter((id) => !plan.base.has(id));
    const states = new Map<string, { before: Catalog; after: Catalog }>();
    let head = b0;
    if (added.length > 0) {
      let before = b0;
      const each = added.length > 1 && added.length <= MOST_SNAPSHOTS;
      const after = (revision: string, catalog: Catalog) => {
        states.set(revision, { before, after: catalog });
        before = catalog;
      };
      const up = await run("upgrade", current, "upgrade", added, { own: true, ...(each && { after }) });
      if (!up) {
        notRun(["downgrade", "upgrade-again", "history-downgrade", "history-upgrade"], text`upgrade head failed, so head was not reached`);
        return evidence;
      }
      head = await snapshot(current);
      if (added.length === 1) states.set(added[0]!, { before: b0, after: head });
      evidence.schema = compared("upgrade", "the base branch", b0, head);
      for (const step of phase("upgrade").steps) {
        const state = states.get(step.revision);
        if (state) step.effect = compareCatalogs(state.before, state.after);
      }
    } else notRun(["upgrade", "downgrade", "upgrade-again"], text`the pull request adds no revision`);
    const whole = await scratch.clone(current, "whole");

    if (added.length > 0) {
      const down = [...added].reverse();
      const record = phase("downgrade");
      const after = (revision: string, catalog: Catalog) => {
        const state = states.get(revision);
        if (!state) return;
        const differences = compareCatalogs(state.before, catalog);
        if (differences.length > 0) record.unrestored.push({ revision, differences });
      };
      const each = added.length > 1 && added.length <= MOST_SNAPSHOTS;
      const went = await run("downgrade", current, "downgrade", down, { own: true, ...(each && { after }) });
      if (went) {
        const differences = compared("downgrade", "the base branch", b0, await snapshot(current));
        if (added.length === 1 && differences.length > 0) record.unrestored.push({ revision: added[0]!, differences });
        if (await run("upgrade-again", current, "upgrade", added, { own: true })) compared("upgrade-again", "the first upgrade", head, await snapshot(current));
      } else notRun(["upgrade-again"], text`the downgrade before it failed`);
    }

    // The whole history, on a database of its own: nothing that fails here hides what came before.
    const all = plan.order.filter((id) => !above.has(id));
    if (await run("history-downgrade", whole, "downgrade", [...all].reverse(), { own: false })) {
      compared("history-downgrade", "the empty database", empty, await snapshot(whole));
      if (await run("history-upgrade", whole, "upgrade", all, { own: true })) compared("history-upgrade", "the first upgrade", head, await snapshot(whole));
    } else notRun(["history-upgrade"], text`downgrade base failed, so there is nothing to upgrade from`);
    return evidence;
  } finally {
    await driver.stop();
  }
}

const sameRows = ({ found, expected }: { found: string[]; expected: string[] }): boolean => found.join("\n") === expected.join("\n");

/** What stopped a run, where something did. */
function stopOf(result: RunResult): Stop | undefined {
  const open = result.steps.find((step) => !step.ended);
  if (!result.raised && !result.hung) return undefined;
  const at = open?.statements.at(-1);
  return {
    revision: open?.revision,
    raised: result.raised ?? { type: "Hang", message: "nothing moved", frames: [], traceback: "" },
    ...(result.place ?? (at?.file !== undefined && { file: at.file, line: at.line })),
    ...(result.hung && { timedOut: result.hung }),
  };
}

/** Runs a file of SQL that the settings name. */
async function runScript(scratch: Scratch, database: Database, { file, sql }: { file: string; sql: string }): Promise<void> {
  try {
    // pg_dump brackets its output with these two commands of psql.
    await scratch.query(database, sql.replace(/^\\(un)?restrict .*$/gm, ""));
    // Dumps change settings of the session, search_path above all; the session is used on.
    await scratch.query(database, "DISCARD ALL");
  } catch (error) {
    const { message, position } = error as { message: string; position?: string };
    const line = position === undefined ? undefined : sql.slice(0, Number(position) - 1).split("\n").length;
    throw new Failure(2, text`${code(file)} fails on the scratch database: ${message}`, text`The settings name this file, and it runs before any migration. It must be plain SQL, without commands of psql.`, { file, line });
  }
}

/** Writes the row that says where a baseline stands, unless the baseline has brought it. */
async function stamp(scratch: Scratch, database: Database, tables: VersionTable[], revision: string): Promise<void> {
  for (const table of tables) {
    const name = quoted(table);
    await scratch.query(database, `INSERT INTO ${name} (version_num) SELECT $1 WHERE NOT EXISTS (SELECT FROM ${name})`, [revision]);
  }
}

const quoted = ({ schema, name }: VersionTable): string => [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join(".");

/** What the sessions in a database wait for, in words. */
async function whatHangs(scratch: Scratch, database: Database): Promise<{ statement?: string; waitingFor?: string }> {
  const sessions = await scratch.whoBlocks(database);
  const waiting = sessions.find(({ waitingFor }) => waitingFor) ?? sessions.find(({ state }) => state === "active");
  if (!waiting) return {};
  const { statement, waitingFor, blockedBy } = waiting;
  return { statement, ...(waitingFor && { waitingFor: `${waitingFor}${blockedBy ? `, held by ${blockedBy}` : ""}` }) };
}
