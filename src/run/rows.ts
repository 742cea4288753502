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
import type { Filling, Manner, Query } from "../postgres/synthetic.ts";
import { code, text, type Text } from "../text.ts";
import type { Evidence, Phase, Statement, Step, Stop } from "./evidence.ts";
import { firstErrorOf } from "./first-error.ts";
import type { Laboratory } from "./laboratory.ts";
import { phaseOf } from "./phase.ts";
import type { Refusal } from "./refusals.ts";
import { createdBy } from "./rebuilds.ts";
import { kitOf, writtenBy, type RowKit } from "./row-kit.ts";
import { lossesOf, type Holding, type Loss } from "./row-values.ts";
import { labelled, labelOf, partOf, partsOf, stepsIn, withoutLabel } from "./several.ts";
import { isShared, touchesRoles } from "./shared.ts";
import { childrenOf } from "./sqlite-refusals.ts";
import { lastName, onlyMakesTables, touchedTables } from "./touched.ts";
import type { AtBase } from "./twice.ts";

export type { Loss, Refusal };

/** Why the revisions do not run as soon as there are rows. */
export interface RowFailure {
  direction: "upgrade" | "downgrade";
  stop: Stop;
  rows: "seed" | Manner;
  refusal?: Refusal;
  /** The database whose rows they are, where there are several and it is not the first. */
  database?: string;
  /** A row that broke it, as JSON. */
  row?: string;
  /** Tables that the revision made, and that stay all the same: SQLite rolls little back. */
  left?: string[];
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

/**
 * Puts the project's own rows into a database of the base branch, and into the others where env.py has several; tells what is wrong
 * where that fails.
 */
export interface Seed {
  (database: Database, others?: readonly { label: string; database: Database }[]): Promise<Text | undefined>;
  /** It knows of the first of several databases only. */
  firstOnly?: true;
}

/** How the pull request's revisions have gone up without rows. */
export interface Upgraded {
  steps: readonly Step[];
  head: Catalog;
}

interface RowsTask extends Upgraded {
  scratch: Scratch;
  /** At B0. */
  database: Database;
  /** Another one, which stays as it is. */
  untouched?: Database;
  b0: Catalog;
  /** A row that comes in may change the schema. */
  reacts: boolean;
  /** In the order in which they go up. */
  revisions: readonly string[];
  /** Version rows at B0. */
  applied: readonly string[];
  seed?: Seed;
  /** Notes for notChecked. */
  notes: Evidence["notes"];
}

/** The rows of one database. */
interface Part {
  /** What tells it from others: nothing for the first. */
  label: string;
  /** As statements name it; absent where there is only one. */
  place?: string;
  query: Query;
  kit: RowKit;
  source: "seed" | "made-up";
  /** Ids of the tables whose rows are looked at. */
  ids: string[];
  touched: string[];
  filling: Filling;
  before: Holding;
  /** A moment before there were rows of ours. */
  mark: string | undefined;
}

/** A copy of B0 with rows. */
interface Rows {
  database: Database;
  source: "seed" | "made-up";
  parts: Part[];
}

export interface RowsPlan {
  scratch: Scratch;
  b0: Catalog;
  /** Makes a second database at B0. */
  second(): Promise<AtBase>;
  /** The pull request's, in the order in which they go up. */
  revisions: readonly string[];
  loaded: { revisions: readonly { id: string; file: string }[] };
  root?: string;
  /** The phase that ended at B0. */
  base: Phase;
  seed?: Seed;
  evidence: Evidence;
}

/** The same phases without rows, when they have ended. */
interface Without {
  /** Undefined: it failed, and nothing that rows show is worth telling. */
  upgrade: Promise<Upgraded | undefined>;
  downgrade: Promise<Phase>;
  again: Promise<Phase>;
}

/** The phases with rows, to be carried out while the itinerary goes on. */
export interface RowsRun {
  /** Fills the copy of B0 as soon as it is known from somewhere what the revisions do. */
  fill(known: Promise<Upgraded>): void;
  /** Runs the revisions on it; what is observed becomes a part of the evidence. */
  run(lab: Laboratory, without: Without): Promise<void>;
  /** Resolves when its database is gone, on a server of somebody else: what is in there could keep a role from being dropped. */
  gone(): Promise<unknown>;
}

/** False where it is plain from their files that the revisions touch no table that was there before. */
export async function needsRows(plan: Pick<RowsPlan, "revisions" | "loaded" | "root">): Promise<boolean> {
  return plan.revisions.length > 0 && !(await makesNewTablesOnly(plan));
}

/** @returns undefined where there can be no rows; a note says why */
export async function planRows(plan: RowsPlan): Promise<RowsRun | undefined> {
  const { scratch, revisions, evidence } = plan;
  const notes: Evidence["notes"] = [];
  const skip = (reason: Text): undefined => void notes.push({ what: "the pull request's revisions on rows", reason });
  const shared = isShared(scratch);
  const second = await plan.second().catch((error: Error) => error);
  if (second instanceof Error) {
    skip(text`the database of the base branch could not be copied: ${code(second.message)}`);
    evidence.notes.push(...notes);
    return undefined;
  }
  const { database, catalog: b0 } = second;
  const reacts = mayReact(plan);
  if (reacts) scratch.expectReading?.(database);
  let task: RowsTask | undefined;
  let filled: Promise<Rows | undefined> | undefined;
  let gone: Promise<unknown> = Promise.resolve();
  return {
    fill(known) {
      const prepare = async () => {
        const { steps, head } = await known;
        const fresh = kitOf(scratch).mark ? undefined : await scratch.clone(database, "rows_made_up");
        task = {
          scratch,
          database: fresh ?? database,
          ...(fresh && { untouched: database }),
          b0,
          head,
          steps,
          revisions,
          applied: plan.base.rows?.found ?? [],
          notes,
          reacts,
          ...(plan.seed && { seed: plan.seed }),
        };
        const rows = await putRows(task, "varied");
        // While the revisions go up.
        if (rows && !reacts) scratch.expectReading?.(rows.database);
        return rows;
      };
      filled = prepare();
      filled.catch(() => {});
    },
    async run(lab, without) {
      try {
        const rows = await filled?.catch((error: Error) => skip(text`the tables could not be filled: ${code(error.message)}`));
        let seen: RowsEvidence | undefined;
        // The roles of a server of somebody else are there already, since all its databases share them.
        if (task && rows && shared && touchesRoles(task.steps))
          skip(text`they make or drop roles, which belong to the whole server`);
        else if (task && rows) seen = await travelWithRows(lab, task, rows, without);
        const upgraded = await without.upgrade;
        if (!upgraded) return;
        if (task) notes.push(...unexpected(task, upgraded));
        if (seen) evidence.rows = seen;
        evidence.notes.push(...notes);
      } finally {
        // A server of its own ends with all others.
        if (shared) {
          const both = new Set([database, ...(task ? [task.database] : [])]);
          gone = Promise.all([...both].map((one) => scratch.drop(one)));
        }
        gone.catch(() => {});
      }
    },
    gone: () => gone,
  };
}

/** Whether the files show it; false where they cannot be read. */
async function makesNewTablesOnly({ revisions, loaded, root }: Parameters<typeof needsRows>[0]): Promise<boolean> {
  if (root === undefined) return false;
  const sources = loaded.revisions.flatMap(({ id, file }) =>
    revisions.includes(id) ? [readFile(path.resolve(root, file), "utf8")] : [],
  );
  return Promise.all(sources).then(
    (all) => all.every(onlyMakesTables),
    () => false,
  );
}

/** Tables that the revisions touch only where they ran on the base branch's database: elsewhere they were seen to do without. */
function unexpected(task: RowsTask, upgraded: Upgraded): Evidence["notes"] {
  const [known, all] = [task, upgraded].map((one) =>
    touchedBy(one, task, task.database).flatMap(({ tables }) => tables.map(({ name }) => name)),
  );
  return all!
    .filter((name) => !known!.includes(name))
    .map((name) => ({
      what: `rows in ${name}`,
      reason: text`the revisions leave this table alone when they begin with an empty database, so it was not filled`,
    }));
}

/** The tables that revisions touch, of each database in which they touch one. */
function touchedBy({ steps, head }: Upgraded, { scratch, b0 }: Pick<RowsTask, "scratch" | "b0">, database: Database) {
  const differences = compareCatalogs(b0, head);
  return partsOf(scratch, database).flatMap(({ label, place, database }) => {
    const changed = differences.filter(({ name }) => labelOf(name) === label);
    const tables = touchedTables(partOf(b0, label), stepsIn(steps, place), changed, kitOf(scratch).fold);
    return tables.length === 0 ? [] : [{ label, ...(place !== undefined && { place }), database, tables }];
  });
}

/**
 * Puts rows into what the revisions touch.
 *
 * @returns undefined where they touch nothing that was there before, or nothing could be filled
 */
async function putRows(task: RowsTask, manner: Manner): Promise<Rows | undefined> {
  const { scratch, database, seed } = task;
  const kit = kitOf(scratch);
  const places = touchedBy(task, task, database).map(({ tables, database, ...where }): Place => ({
    ...where,
    query: (sql, parameters) => scratch.query(database, sql, parameters),
    kit,
    touched: tables.map((table) => kit.idOf(withoutLabel(table, where.label))),
  }));
  if (places.length === 0) return undefined;
  const marks = await Promise.all(places.map(async ({ query }) => kit.mark?.(query)));
  const wrong = await seed?.(
    database,
    partsOf(scratch, database).filter((part) => part.database !== database),
  );
  if (wrong && manner === "varied")
    task.notes.push({
      what: "the project's own rows",
      reason: text`the seed fails on a database of the base branch, so rows were made up: ${wrong}`,
    });
  const parts: Part[] = [];
  for (const [index, place] of places.entries()) {
    const own = seed && !wrong && !(seed.firstOnly && place.label !== "");
    const part = own ? await seeded(task, place) : await makeUp(task, place, manner);
    if (part) parts.push({ ...part, mark: marks[index] });
  }
  if (parts.length === 0) return undefined;
  return { database, source: parts.every(({ source }) => source === "seed") ? "seed" : "made-up", parts };
}

type Place = Pick<Part, "label" | "place" | "query" | "kit" | "touched">;

/** The project's own rows, as they are there now. */
async function seeded({ notes }: RowsTask, place: Place): Promise<Omit<Part, "mark"> | undefined> {
  const { query, kit, touched, label } = place;
  const before = await kit.read(query, touched);
  for (const { name, rows } of before.values()) {
    const table = labelled(label, name);
    if (rows?.length === 0) notes.push({ what: `rows in ${table}`, reason: text`the seed has none` });
    if (!rows) notes.push({ what: `the values in ${table}`, reason: text`the seed has too many rows to compare them` });
  }
  const filled = [...before.values()].flatMap(({ oid, name, rows }) =>
    rows?.length === 0 ? [] : [{ oid, table: name, rows: rows?.length ?? 0 }],
  );
  if (filled.length === 0) return undefined;
  return { ...place, source: "seed", ids: touched, filling: { filled, unfilled: [] }, before };
}

async function makeUp({ notes }: RowsTask, place: Place, manner: Manner): Promise<Omit<Part, "mark"> | undefined> {
  const { query, kit, touched, label } = place;
  const filling = await kit.fill(query, touched, manner);
  if (manner === "varied")
    for (const { table, reason } of filling.unfilled)
      notes.push({ what: `rows in ${labelled(label, table)}`, reason: text`none could be made up: ${reason}` });
  if (!filling.filled.some(({ oid }) => touched.includes(oid))) return undefined;
  const ids = filling.filled.map(({ oid }) => oid);
  return { ...place, source: "made-up", ids, filling, before: await kit.read(query, ids) };
}

/**
 * Runs the revisions on the rows.
 *
 * @param without how the same went without rows: what failed there is not repeated
 */
async function travelWithRows(lab: Laboratory, task: RowsTask, first: Rows, without: Without): Promise<RowsEvidence | undefined> {
  const { revisions, notes } = task;
  const failures: RowFailure[] = [];
  let rows = first;
  let up = phaseOf("rows-upgrade", revisions);
  const down = phaseOf("rows-downgrade", [...revisions].reverse());
  const again = phaseOf("rows-upgrade-again", revisions);
  const evidence = (): RowsEvidence => ({
    source: rows.source,
    filled: rows.parts.flatMap(({ label, filling }) =>
      filling.filled.map(({ table, rows }) => ({ table: labelled(label, table), rows })),
    ),
    phases: [up, down, again],
    failures,
    losses: [],
    schema: [],
  });
  /** Records why a phase stopped. */
  const fail = async (phase: Phase, manner: Manner, before: Catalog): Promise<RowFailure | undefined> => {
    const { steps } = phase;
    const stop = phase.stop && firstErrorOf(phase.stop, steps);
    const direction = phase === down ? "downgrade" : "upgrade";
    if (!stop) return undefined;
    const found = stop.revision === undefined ? undefined : await refusedIn(rows.parts, stop, steps, before);
    const source = found?.part.source ?? rows.source;
    const failure: RowFailure = { direction, stop, rows: source === "seed" ? "seed" : manner };
    if (found?.part.label) failure.database = found.part.label;
    if (found?.refusal) failure.refusal = found.refusal;
    if (found?.row !== undefined) failure.row = found.row;
    if (task.untouched) {
      const left = leftBy(steps, compareCatalogs(before, await lab.snapshot(rows.database)));
      if (left.length > 0) failure.left = left;
    }
    if (!failures.some((other) => sameFault(other, failure))) failures.push(failure);
    return failure;
  };

  // Triggers of the project may change the schema as soon as a row comes in.
  const byRows = new Set(task.reacts ? compareCatalogs(task.b0, await lab.snapshot(rows.database)).map(nameOf) : []);
  let reached = await lab.run(up, rows.database, { own: true });
  const upgraded = await without.upgrade;
  if (!upgraded) return undefined;
  const { head } = upgraded;
  const failure = reached ? undefined : await fail(up, "varied", task.b0);
  let manner: Manner = "varied";
  if (failure && rows.source === "made-up" && !failure.refusal?.anyRow) {
    const plain = await startAgain(lab, task, up, rows);
    if (plain) {
      rows = plain;
      manner = "plain";
      const second = phaseOf("rows-upgrade", revisions);
      reached = await lab.run(second, rows.database, { own: true });
      up = second;
      if (reached) failure.passesOnPlain = true;
      else await fail(second, manner, task.b0);
    }
  }
  if (!reached) {
    for (const phase of [down, again]) phase.reason = text`the upgrade before it failed`;
    return settled(evidence(), notes);
  }
  const executedUp = executed(up.steps);
  const above = await holdingNow(rows, executedUp);
  const schema = compareCatalogs(head, await lab.snapshot(rows.database)).filter((difference) => !byRows.has(nameOf(difference)));
  let back: Holding[] | undefined;
  if ((await without.downgrade).state !== "ok") down.reason = text`the downgrade fails without any rows`;
  else if (await lab.run(down, rows.database, { own: true })) {
    back = await holdingNow(rows, [...executedUp, ...executed(down.steps)]);
    if ((await without.again).state !== "ok") again.reason = text`the second upgrade fails without any rows`;
    else if (!(await lab.run(again, rows.database, { own: true }))) await fail(again, manner, task.b0);
  } else {
    await fail(down, manner, head);
    again.reason = text`the downgrade before it failed`;
  }
  if (again.state === "not-run") again.reason ??= down.reason;
  const losses = rows.parts.flatMap(({ label, before }, index) =>
    lossesOf(before, above[index]!, back?.[index])
      .map((loss) => withCause(loss, partOf(task.b0, label), executedUp))
      .map((loss) => ({ ...loss, table: labelled(label, loss.table) })),
  );
  return settled({ ...evidence(), losses, schema }, notes);
}

/** Whether a row that comes in may change the schema: a seed is free to, and what listens to rows. */
const mayReact = ({ seed, b0 }: Pick<RowsPlan, "seed" | "b0">): boolean =>
  seed !== undefined ||
  [...b0.values()].some(
    ({ kind, name }) => REACTING.has(kind) && !(kind === "extension" && PASSIVE.has(name.replaceAll(`"`, ""))),
  );

const REACTING = new Set(["trigger", "event trigger", "rule", "function", "procedure", "extension"]);

/** Extensions that bring types, operators and functions alone. */
const PASSIVE = new Set(
  "btree_gin btree_gist citext fuzzystrmatch hstore intarray ltree pg_stat_statements pg_trgm pgcrypto unaccent uuid-ossp vector".split(
    " ",
  ),
);

/** Tables that the step which did not end has made. */
const leftBy = (steps: readonly Step[], differences: readonly Difference[]): string[] => {
  const open = steps.filter(({ ended }) => !ended).flatMap(({ statements }) => statements);
  const made = new Set(open.flatMap(({ sql }) => createdBy(sql) ?? []));
  return differences.flatMap(({ change, kind, name }) =>
    change === "added" && kind === "table" && made.has(lastName(name).toLowerCase()) ? [lastName(name)] : [],
  );
};

/**
 * Which database refused a statement, why, and one of the rows.
 *
 * @param before the catalog of all of them before the phase
 */
async function refusedIn(
  parts: readonly Part[],
  stop: Stop,
  steps: readonly Step[],
  before: Catalog,
): Promise<{ part: Part; refusal?: Refusal; row?: string } | undefined> {
  const failed = executed(steps).findLast(({ error, sql }) => error && sql === stop.raised.sql)?.database;
  for (const part of parts) {
    if (part.place !== undefined && failed !== part.place) continue;
    const earlier = executedBefore(steps).filter(({ database }) => database === part.place);
    const read = part.kit.refusalOf(stop, earlier, partOf(before, part.label));
    if (!read) return { part };
    const refusal = await asked(part.query, read);
    const row = await sampleOf(part, refusal);
    return { part, refusal, ...(row !== undefined && { row }) };
  }
  return undefined;
}

/** SQLite deletes what refers to the rows of a table that is dropped, also where it is only dropped to take another form. */
function withCause(loss: Loss, b0: Catalog, statements: readonly Statement[]): Loss {
  if (loss.how !== "deleted" && loss.how !== "overwritten") return loss;
  const name = lastName(loss.table).toLowerCase();
  if (statements.some(({ sql }) => writtenBy(sql) === name)) return loss;
  const parent = statements
    .flatMap(({ sql }) => /^\s*drop\s+table\s+(?:if\s+exists\s+)?(\S+)/i.exec(sql)?.[1] ?? [])
    .find((dropped) => childrenOf(dropped, b0).some((child) => child.toLowerCase() === name));
  return parent === undefined ? loss : { ...loss, how: "cascaded", by: lastName(parent) };
}

const nameOf = ({ kind, name }: Difference): string => `${kind} ${name}`;

const executed = (steps: readonly Step[]) => steps.flatMap(({ statements }) => statements);

/** Everything that a phase executed before it stopped. */
const executedBefore = (steps: readonly Step[]) => executed(steps).filter(({ error }) => !error);

const sameFault = (a: RowFailure, b: RowFailure): boolean =>
  a.stop.revision === b.stop.revision &&
  a.direction === b.direction &&
  a.stop.raised.sqlstate === b.stop.raised.sqlstate &&
  a.stop.raised.sql === b.stop.raised.sql &&
  a.stop.line === b.stop.line;

/** What is in the tables of each database now, also in those that took the place of one. */
const holdingNow = (rows: Rows, statements: readonly Statement[]): Promise<Holding[]> =>
  Promise.all(
    rows.parts.map(({ kit, query, ids, before, place }) =>
      kit.read(query, ids, {
        before,
        statements: statements.filter(({ database }) => database === place),
      }),
    ),
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
async function sampleOf({ query, kit }: Part, refusal: Refusal): Promise<string | undefined> {
  const { kind, select, anyRow } = refusal;
  const table = kind === "parent" ? refusal.columns[0] : refusal.table;
  const any = anyRow && table !== undefined ? `SELECT * FROM ${table}` : undefined;
  const whole =
    kind === "unique" || kind === "range"
      ? select
      : select
          ?.replace(/^SELECT .*? FROM /s, kind === "foreign-key" ? "SELECT child.* FROM " : "SELECT * FROM ")
          .replace(/ GROUP BY .*$/s, "");
  const from = (anyRow ? any : (whole ?? any))?.replace(/;$/, "");
  if (from === undefined) return undefined;
  const row = await kit.rowOf(query, from).catch(() => undefined);
  return row !== undefined && row.length > LONGEST_ROW ? `${row.slice(0, LONGEST_ROW)}…` : row;
}

/** Begins anew with plain rows in the place of awkward ones; undefined where the database is not what it was. */
async function startAgain(lab: Laboratory, task: RowsTask, failed: Phase, rows: Rows): Promise<Rows | undefined> {
  if (task.untouched) {
    const database = await task.scratch.clone(task.untouched, "rows_plain");
    await task.scratch.drop(task.database);
    task.database = database;
    return putRows(task, "plain");
  }
  const standing = failed.rows?.found.join() === [...task.applied].sort().join();
  if (!standing || failed.stop?.timedOut || compareCatalogs(task.b0, await lab.snapshot(task.database)).length > 0)
    return undefined;
  const parts: Part[] = [];
  for (const part of rows.parts) {
    if (part.source === "seed") {
      parts.push(part);
      continue;
    }
    try {
      for (const { table } of [...part.filling.filled].reverse()) await part.kit.takeOut!(part.query, table, part.mark!);
    } catch {
      return undefined;
    }
    const plain = await makeUp(task, part, "plain");
    if (plain) parts.push({ ...plain, mark: part.mark });
  }
  return parts.length > 0 ? { ...rows, parts } : undefined;
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
