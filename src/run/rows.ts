/**
 * The pull request's revisions on a copy of B0 whose tables have rows: up, down and up again.
 *
 *   copy of B0 + rows ─ the pull request's, up ─► fails? same H? ─ down ─► rows still there? ─ up again
 *
 * Rows are the project's own (`seed`), else made up. Where made-up rows of the awkward kind stop it, it goes on with plain ones.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Catalog, Difference } from "../postgres/catalog.ts";
import { compareCatalogs } from "../postgres/compare.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import { fill, type Filling, type Manner, type Query } from "../postgres/synthetic.ts";
import { code, text, type Text } from "../text.ts";
import type { Evidence, Phase, Step, Stop } from "./evidence.ts";
import { firstErrorOf } from "./first-error.ts";
import type { Laboratory } from "./laboratory.ts";
import { phaseOf } from "./phase.ts";
import { refusalOf, type Refusal } from "./refusals.ts";
import { lossesOf, readHolding, type Holding, type Loss } from "./row-values.ts";
import { isShared } from "./shared.ts";
import { lastName, onlyMakesTables, touchedTables } from "./touched.ts";

export type { Loss, Refusal };

/** Why the revisions do not run as soon as there are rows. */
export interface RowFailure {
  direction: "upgrade" | "downgrade";
  stop: Stop;
  rows: "seed" | Manner;
  refusal?: Refusal;
  /** A row that broke it, as JSON. */
  row?: string;
  /** It ran through on rows without NULLs and without equal values. */
  passesOnPlain?: true;
}

export interface RowsEvidence {
  source: "seed" | "made-up";
  filled: { table: string; rows: number }[];
  phases: Phase[];
  failures: RowFailure[];
  losses: Loss[];
  /** What the upgrades left otherwise than without rows. */
  schema: Difference[];
}

/** Puts the project's own rows into a database of the base branch; tells what is wrong where that fails. */
export type Seed = (database: Database) => Promise<Text | undefined>;

interface RowsTask {
  scratch: Scratch;
  /** A copy of B0. */
  database: Database;
  b0: Catalog;
  head: Catalog;
  /** The upgrades of the pull request's revisions, as they ran without rows. */
  steps: readonly Step[];
  /** In the order in which they go up. */
  revisions: readonly string[];
  /** Version rows at B0. */
  applied: readonly string[];
  seed?: Seed;
  /** Notes for notChecked. */
  notes: Evidence["notes"];
}

/** A copy of B0 with rows. */
interface Rows {
  source: "seed" | "made-up";
  /** Oids of the tables whose rows are looked at. */
  oids: string[];
  touched: string[];
  filling: Filling;
  before: Holding;
  /** Of the last transaction before there were rows of ours. */
  transaction: string;
}

const queryOf =
  ({ scratch, database }: Pick<RowsTask, "scratch" | "database">): Query =>
  (sql, parameters) =>
    scratch.query(database, sql, parameters);

export interface RowsPlan {
  scratch: Scratch;
  /** At B0. */
  main: Database;
  b0: Catalog;
  /** The pull request's, in the order in which they go up. */
  revisions: readonly string[];
  loaded: { revisions: readonly { id: string; file: string }[]; several: boolean };
  root?: string;
  /** The phase that ended at B0. */
  base: Phase;
  seed?: Seed;
  evidence: Evidence;
}

/** The phases with rows, to be carried out while the itinerary goes on. */
interface RowsRun {
  /** Begins to fill the copy of B0; called when the revisions have gone up without rows. */
  fill(steps: readonly Step[], head: Catalog): void;
  /** Runs the revisions on it; what is observed becomes a part of the evidence. */
  run(lab: Laboratory, without: Promise<{ downgrade: Phase; again: Phase }>): Promise<void>;
  /** Resolves when its database is gone, on a server of somebody else: what is in there could keep a role from being dropped. */
  gone(): Promise<void>;
}

/** @returns undefined where it is plain that the revisions touch no table that was there before */
export async function planRows(plan: RowsPlan): Promise<RowsRun | undefined> {
  const { scratch, main, loaded, b0, revisions, evidence } = plan;
  if (revisions.length === 0 || ![...b0.values()].some(({ kind }) => kind === "table")) return undefined;
  if (await makesNewTablesOnly(plan)) return undefined;
  const skip = (reason: Text): undefined => {
    evidence.notes.push({ what: "the pull request's revisions on rows", reason });
  };
  if (scratch.server.provider === "file") return skip(text`rows are put into tables of PostgreSQL only`);
  if (loaded.several) return skip(text`rows are put into one database only, and env.py migrates several`);
  const shared = isShared(scratch);
  const database = await scratch.clone(main, "rows").catch((error: Error) => error);
  if (database instanceof Error)
    return skip(text`the database of the base branch could not be copied: ${code(database.message)}`);
  scratch.expectReading?.(database);
  let task: RowsTask | undefined;
  let filled: Promise<Rows | undefined> | undefined;
  let gone = Promise.resolve();
  return {
    fill(steps, head) {
      const prepare = async () => {
        task = {
          scratch,
          database,
          b0,
          head,
          steps,
          revisions,
          applied: plan.base.rows?.found ?? [],
          notes: evidence.notes,
          ...(plan.seed && { seed: plan.seed }),
        };
        return putRows(task);
      };
      filled = prepare();
      filled.catch(() => {});
    },
    async run(lab, without) {
      try {
        const rows = await filled?.catch((error: Error) => skip(text`the tables could not be filled: ${code(error.message)}`));
        if (!rows || !task) return;
        // The roles of a server of somebody else are there already, since all its databases share them.
        if (shared && executed(task.steps).some(({ sql }) => MAKES_ROLES.test(sql)))
          skip(text`they make or drop roles, which belong to the whole server`);
        else evidence.rows = await travelWithRows(lab, task, rows, without);
      } finally {
        // A server of its own ends with all others.
        if (shared) gone = scratch.drop(database);
        gone.catch(() => {});
      }
    },
    gone: () => gone,
  };
}

/** Whether the files show it; false where they cannot be read. */
async function makesNewTablesOnly({ revisions, loaded, root }: RowsPlan): Promise<boolean> {
  if (root === undefined) return false;
  const sources = loaded.revisions.flatMap(({ id, file }) =>
    revisions.includes(id) ? [readFile(path.resolve(root, file), "utf8")] : [],
  );
  return Promise.all(sources).then(
    (all) => all.every(onlyMakesTables),
    () => false,
  );
}

/**
 * Puts rows into what the revisions touch.
 *
 * @returns undefined where they touch nothing that was there before, or nothing could be filled
 */
async function putRows(task: RowsTask): Promise<Rows | undefined> {
  const { b0, steps, head, notes } = task;
  const tables = touchedTables(b0, steps, compareCatalogs(b0, head));
  if (tables.length === 0) return undefined;
  const touched = tables.map(({ oid }) => String(oid));
  const query = queryOf(task);
  const [{ id } = {}] = await query("SELECT (txid_current() % 4294967296)::text AS id");
  const transaction = String(id);
  const wrong = await task.seed?.(task.database);
  if (wrong)
    notes.push({
      what: "the project's own rows",
      reason: text`the seed fails on a database of the base branch, so rows were made up: ${wrong}`,
    });
  if (task.seed && !wrong) {
    const before = await readHolding(query, touched);
    for (const { name, rows } of before.values()) {
      if (rows?.length === 0) notes.push({ what: `rows in ${name}`, reason: text`the seed has none` });
      if (!rows) notes.push({ what: `the values in ${name}`, reason: text`the seed has too many rows to compare them` });
    }
    const filled = [...before.values()].flatMap(({ oid, name, rows }) =>
      rows?.length === 0 ? [] : [{ oid, table: name, rows: rows?.length ?? 0 }],
    );
    if (filled.length === 0) return undefined;
    return { source: "seed", oids: touched, touched, filling: { filled, unfilled: [] }, before, transaction };
  }
  return makeUp(task, touched, transaction, "varied");
}

async function makeUp(task: RowsTask, touched: string[], transaction: string, manner: Manner): Promise<Rows | undefined> {
  const query = queryOf(task);
  const filling = await fill(query, touched, manner);
  if (manner === "varied")
    for (const { table, reason } of filling.unfilled)
      task.notes.push({ what: `rows in ${table}`, reason: text`none could be made up: ${reason}` });
  if (!filling.filled.some(({ oid }) => touched.includes(oid))) return undefined;
  const oids = filling.filled.map(({ oid }) => oid);
  return { source: "made-up", oids, touched, filling, before: await readHolding(query, oids), transaction };
}

/**
 * Runs the revisions on the rows.
 *
 * @param without how the same went without rows: what failed there is not repeated
 */
async function travelWithRows(
  lab: Laboratory,
  task: RowsTask,
  first: Rows,
  without: Promise<{ downgrade: Phase; again: Phase }>,
): Promise<RowsEvidence> {
  const { database, revisions, head, notes } = task;
  const query = queryOf(task);
  const failures: RowFailure[] = [];
  let rows = first;
  let up = phaseOf("rows-upgrade", revisions);
  const down = phaseOf("rows-downgrade", [...revisions].reverse());
  const again = phaseOf("rows-upgrade-again", revisions);
  const evidence = (): RowsEvidence => ({
    source: rows.source,
    filled: rows.filling.filled.map(({ table, rows }) => ({ table, rows })),
    phases: [up, down, again],
    failures,
    losses: [],
    schema: [],
  });
  /** Records why a phase stopped; true where it may be judged. */
  const fail = async (phase: Phase, manner: RowFailure["rows"], before: Catalog): Promise<RowFailure | undefined> => {
    const { steps } = phase;
    const stop = phase.stop && firstErrorOf(phase.stop, steps);
    const direction = phase === down ? "downgrade" : "upgrade";
    if (!stop) return undefined;
    const refusal = stop.revision === undefined ? undefined : refusalOf(stop, executedBefore(steps), before);
    const failure: RowFailure = { direction, stop, rows: manner, ...(refusal && { refusal: await asked(query, refusal) }) };
    if (refusal) {
      const row = await sampleOf(query, failure.refusal!);
      if (row !== undefined) failure.row = row;
    }
    if (!failures.some((other) => sameFault(other, failure))) failures.push(failure);
    return failure;
  };

  // Triggers of the project may change the schema as soon as a row comes in.
  const byRows = new Set(compareCatalogs(task.b0, await lab.snapshot(database)).map(nameOf));
  let reached = await lab.run(up, database, { own: true });
  let failure = reached ? undefined : await fail(up, rows.source === "seed" ? "seed" : "varied", task.b0);
  if (failure && rows.source === "made-up" && !failure.refusal?.anyRow) {
    const plain = await startAgain(lab, task, up, rows);
    if (plain) {
      rows = plain;
      const second = phaseOf("rows-upgrade", revisions);
      reached = await lab.run(second, database, { own: true });
      up = second;
      if (reached) failure.passesOnPlain = true;
      else await fail(second, "plain", task.b0);
    }
  }
  if (!reached) {
    for (const phase of [down, again]) phase.reason = text`the upgrade before it failed`;
    return settled(evidence(), notes);
  }
  const above = await holdingNow(query, rows);
  const schema = compareCatalogs(head, await lab.snapshot(database)).filter((difference) => !byRows.has(nameOf(difference)));
  let back: Holding | undefined;
  const unfilled = await without;
  if (unfilled.downgrade.state !== "ok") down.reason = text`the downgrade fails without any rows`;
  else if (await lab.run(down, database, { own: true })) {
    back = await holdingNow(query, rows);
    if (unfilled.again.state !== "ok") again.reason = text`the second upgrade fails without any rows`;
    else if (!(await lab.run(again, database, { own: true })))
      await fail(again, rows.source === "seed" ? "seed" : "varied", task.b0);
  } else {
    failure = await fail(down, rows.source === "seed" ? "seed" : "varied", head);
    again.reason = text`the downgrade before it failed`;
  }
  if (again.state === "not-run") again.reason ??= down.reason;
  return settled({ ...evidence(), losses: lossesOf(rows.before, above, back), schema }, notes);
}

const nameOf = ({ kind, name }: Difference): string => `${kind} ${name}`;

const executed = (steps: readonly Step[]) => steps.flatMap(({ statements }) => statements);

/** Everything that a phase executed before it stopped. */
const executedBefore = (steps: readonly Step[]) => executed(steps).filter(({ error }) => !error);

const MAKES_ROLES = /\b(?:create|drop|alter)\s+(?:role|user|group)\b/i;

const sameFault = (a: RowFailure, b: RowFailure): boolean =>
  a.stop.revision === b.stop.revision &&
  a.direction === b.direction &&
  a.stop.raised.sqlstate === b.stop.raised.sqlstate &&
  a.stop.raised.sql === b.stop.raised.sql &&
  a.stop.line === b.stop.line;

/** What is in the tables now, also in those that took the place of one. */
const holdingNow = (query: Query, { oids, before }: Rows): Promise<Holding> =>
  readHolding(
    query,
    oids,
    [...before.values()].map(({ name }) => lastName(name)),
  );

/** The refusal with its query, where that can be run here. */
async function asked(query: Query, refusal: Refusal): Promise<Refusal> {
  const { select, ...rest } = refusal;
  if (select === undefined) return rest;
  return query(select).then(
    () => refusal,
    () => rest,
  );
}

const LONGEST_ROW = 600;

/** One of the rows that are refused. */
async function sampleOf(query: Query, { kind, select, table, anyRow }: Refusal): Promise<string | undefined> {
  const any = anyRow && table !== undefined ? `SELECT * FROM ${table}` : undefined;
  const whole =
    kind === "unique" || kind === "range"
      ? select
      : select
          ?.replace(/^SELECT .*? FROM /s, kind === "foreign-key" ? "SELECT child.* FROM " : "SELECT * FROM ")
          .replace(/ GROUP BY .*$/s, "");
  const from = (whole ?? any)?.replace(/;$/, "");
  if (from === undefined) return undefined;
  const found = await query(`SELECT to_json(x)::text AS row FROM (${from} LIMIT 1) x`).catch(() => []);
  const row = found[0]?.row;
  return typeof row === "string" ? (row.length > LONGEST_ROW ? `${row.slice(0, LONGEST_ROW)}…` : row) : undefined;
}

/** Takes the awkward rows out again and puts plain ones in; undefined where the database is not what it was. */
async function startAgain(lab: Laboratory, task: RowsTask, failed: Phase, rows: Rows): Promise<Rows | undefined> {
  const query = queryOf(task);
  const standing = failed.rows?.found.join() === [...task.applied].sort().join();
  if (!standing || failed.stop?.timedOut || compareCatalogs(task.b0, await lab.snapshot(task.database)).length > 0)
    return undefined;
  try {
    for (const { table } of [...rows.filling.filled].reverse())
      await query(`DELETE FROM ${table} WHERE age(xmin) < age('${rows.transaction}'::xid)`);
  } catch {
    return undefined;
  }
  return makeUp(task, rows.touched, rows.transaction, "plain");
}

/** Only what made-up rows can prove stays a failure; of the rest the report says that it was not checked. */
function settled(evidence: RowsEvidence, notes: Evidence["notes"]): RowsEvidence {
  const failures = evidence.failures.filter((failure) => {
    const { stop, refusal, rows, direction, passesOnPlain } = failure;
    if (stop.revision !== undefined && (rows === "seed" || refusal?.anyRow || (refusal?.ddl && refusal.kind !== "other")))
      return true;
    const what = stop.revision === undefined ? text`env.py` : text`${direction}() of ${code(stop.revision)}`;
    const kind =
      rows === "seed"
        ? "the seed's rows"
        : rows === "plain"
          ? "plain made-up rows"
          : "made-up rows with NULLs, equal values and long texts";
    const how = stop.timedOut
      ? text`stands still`
      : text`stops (${code(shortened(`${stop.raised.type}: ${stop.raised.message}`))})`;
    const then = passesOnPlain ? "; on plainer rows it ran through" : "";
    notes.push({
      what: "the pull request's revisions on rows",
      reason: text`${what} ${how} on ${kind}${then}. What the gate makes up need not be what production has: give it rows of yours with ${code("seed")}`,
    });
    return false;
  });
  return { ...evidence, failures };
}

const shortened = (message: string): string => {
  const line = message.split("\n", 1)[0]!.trim();
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
};
