/**
 * Edited revisions that read from the database, executed: the old and the new version on copies of a database that stands at the
 * revision's parent, made by the base branch's files, with rows in the tables that they touch.
 *
 *   empty ─ the base branch's, up to the parent ─ copy + rows ┬ old: up, down
 *                                                             ├ old once more: what differs by itself
 *                                                             └ new: up, down
 */
import { keyOf, type Catalog, type CatalogObject } from "../postgres/catalog.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import type { Manner, Query } from "../postgres/synthetic.ts";
import { code, count, listOf, text, type Text } from "../text.ts";
import type { Driver } from "./driver.ts";
import type { Edit, Effect } from "./effect.ts";
import type { Evidence, Phase, Stop } from "./evidence.ts";
import { compareDoings, fewOf, statementsOf, type Doing } from "./executed.ts";
import { firstErrorOf } from "./first-error.ts";
import { hidden } from "./hidden.ts";
import { openLaboratory, prepared, type Laboratory } from "./laboratory.ts";
import { phaseOf } from "./phase.ts";
import { beginningWith, freshDatabase, type Plan, type Ports } from "./plan.ts";
import { kitOf } from "./row-kit.ts";
import type { Held, Holding } from "./row-values.ts";
import type { Seed } from "./rows.ts";
import { labelled, partOf, partsOf, several, stepsIn, withoutLabel } from "./several.ts";
import { unitsOf } from "./sql.ts";
import { sharesRoles } from "./shared.ts";
import { lastName, touchedTables, words } from "./touched.ts";

/** A revision whose SQL cannot be told without a database, or of whose SQL a database tells what it leaves. */
export interface Body {
  id: string;
  directions: readonly Direction[];
  /** Its SQL cannot be told. */
  unknown: boolean;
  /** Both versions, with those files that they use and that changed. */
  sources: { before: readonly string[]; after: readonly string[] };
  /** Files that are no Python differ: how, nobody reads. */
  opaque: boolean;
  /** What it was seen to ask. */
  reads: readonly string[];
}

type Direction = "upgrade" | "downgrade";

export interface BodiesTask {
  bodies: readonly Body[] | Promise<readonly Body[]>;
  /** Ids of which the bodies will be some: processes go up to the lowest of these while that is not known. */
  likely?: readonly string[];
  scratch: Scratch;
  plan: Pick<Plan, "scripts" | "baseline">;
  /** Start processes with each side's files loaded; undefined where the base branch's do not load. */
  base(): Promise<Driver | undefined>;
  head(): Promise<Driver>;
  /** Databases in which the scripts have run already. */
  made?: readonly Database[];
  /** No role is touched, so nothing is shared on a given server either. */
  apart?: true;
  imported?: Database;
  seed?: Seed;
  progress: Ports["progress"];
}

/** More revisions than this are not executed: each takes a second or so. */
const MOST_BODIES = 10;

/** Of larger schemas only the tables that the code names are looked at. */
const MOST_TABLES = 300;

/** As many are filled where the code does not say which ones it touches. */
const MOST_FILLED = 60;

/** Code that goes through all tables. */
const LOOKS_AROUND = /get_table_names|\binspect\b|\breflect\b|pg_class|pg_tables|information_schema|sqlite_(?:master|schema)/;

/** Code that speaks to the driver's connection by itself. */
const PAST_SQLALCHEMY = /\.cursor\(|raw_connection|copy_expert|copy_from|driver_connection|\.exec_driver_cursor/;

const unknown = (reason: Text, more: Partial<Extract<Effect, { kind: "unknown" }>> = {}): Effect => ({
  kind: "unknown",
  reason,
  rendered: true,
  ...more,
});

/**
 * Executes both versions of revisions.
 *
 * @param notes for notChecked
 * @returns what was found out, by revision; what could not be keeps the reason why it could not be rendered
 */
export async function executeBodies(task: BodiesTask, notes: Evidence["notes"]): Promise<NonNullable<Evidence["bodies"]>> {
  const found = new Map<string, Partial<Edit>>();
  if (!task.likely && (await task.bodies).length === 0) return found;
  const [old, now] = await Promise.all([task.base(), task.head()]);
  const labs: Laboratory[] = [];
  let ladder: Ladder | undefined;
  try {
    if (!old) {
      const open = (await task.bodies).filter((body) => body.unknown).length;
      const reason = text`the base branch's own files cannot be loaded here`;
      if (open > 0) notes.push({ what: `${count(open, "edited revision")} on rows`, reason });
      return found;
    }
    const loaded = await Promise.all([old.loaded, now.loaded]);
    const make = (name: string) => prepared(task.scratch, task.plan.scripts, name);
    const scratch = loaded.some((one) => one.several) ? several(task.scratch, make) : task.scratch;
    const below = new Set(task.plan.baseline === undefined ? [] : loaded[0].ancestors(task.plan.baseline));
    const order = loaded[0].order.filter((id) => !below.has(id));
    const open = async (whose: string, driver: Driver, start: () => Promise<Driver | undefined>) => {
      const lab = await openLaboratory(scratch, beginningWith(driver, start), { foreign: [] }, (phase, step) =>
        task.progress(`edited revisions, ${whose}: ${phase}`, step),
      );
      labs.push(lab);
      return lab;
    };
    const both: Labs = {
      old: await open("the base branch's", old, task.base),
      now: await open("the pull request's", now, task.head),
    };
    ladder = ladderOf({ ...task, scratch }, both.old, order);
    const known = Promise.resolve(task.bodies);
    const lowest = Math.min(...(task.likely ?? []).map((id) => order.indexOf(id)).filter((at) => at !== -1));
    if (lowest !== Infinity) {
      const begun = ladder.climb(lowest);
      begun.catch(() => {});
      // Where there are none nobody waits for it.
      await Promise.race([begun, known.then((bodies) => (bodies.length > 0 ? begun : undefined))]);
    }
    const bodies = await known;
    if (bodies.length === 0) return found;
    const chosen = chosenOf(bodies, order, loaded[1].order, below.size > 0, notes);
    for (const body of chosen) {
      const parent = await ladder.climb(order.indexOf(body.id));
      const outcome = parent
        ? await tryBody({ ...task, scratch }, both, body, parent)
        : Object.fromEntries(
            body.directions.map((direction) => [
              direction,
              unknown(text`the base branch's revisions below it do not run from an empty database`),
            ]),
          );
      found.set(body.id, outcome);
    }
    return found;
  } finally {
    ladder?.end();
    await Promise.all([...labs.map((lab) => lab.stop()), old?.stop(), now.stop()]);
  }
}

/** Those that are executed, from the bases up. The newest come first: databases are most likely to stand there. */
function chosenOf(
  bodies: readonly Body[],
  before: readonly string[],
  after: readonly string[],
  onBaseline: boolean,
  notes: Evidence["notes"],
): Body[] {
  const there = bodies.filter(({ id }) => before.includes(id) && after.includes(id));
  const ordered = there.toSorted((a, b) => before.indexOf(a.id) - before.indexOf(b.id));
  const first = ordered.filter((body) => body.unknown).slice(-MOST_BODIES);
  const chosen = ordered.filter(
    (body, at) => first.includes(body) || (!body.unknown && at >= ordered.length - MOST_BODIES && first.length < MOST_BODIES),
  );
  const left = bodies.filter((body) => body.unknown && !chosen.includes(body)).map(({ id }) => id);
  if (left.length > 0)
    notes.push({
      what: `${count(left.length, "edited revision")} on rows`,
      reason: text`of ${bodies.filter((body) => body.unknown).length} that read from the database ${first.length} were executed, with the old and with the new code; left out: ${listOf(left, 10)}${onBaseline ? text`, also since the baseline stands for some` : ""}`,
    });
  return chosen;
}

interface Labs {
  old: Laboratory;
  now: Laboratory;
}

interface Ladder {
  /** The database, with so many revisions of the base branch; undefined where they do not run. */
  climb(to: number): Promise<Database | undefined>;
  /** Drops it, wherever it stands. */
  end(): void;
}

/** A database that goes up with the base branch's files, and stops below each of the revisions to try it. */
function ladderOf(task: BodiesTask, lab: Laboratory, order: readonly string[]): Ladder {
  const { scratch } = task;
  const ports: Ports = { ...task, made: [...(task.made ?? [])] };
  const plan = { ...task.plan } as Plan;
  let database: Database | undefined;
  let own = false;
  let at = 0;
  let over = false;
  const climb = async (to: number): Promise<Database | undefined> => {
    if (over) return undefined;
    database ??= await freshDatabase(lab, plan, ports);
    scratch.expectReading?.(database);
    const phase = phaseOf("base", order.slice(at, to));
    if (phase.planned.length === 0 || (await lab.run(phase, database, { own }))) {
      at = to;
      return database;
    }
    over ||= own;
    if (over) return undefined;
    // Some revisions only work in the project's own transaction mode.
    own = true;
    at = 0;
    await scratch.drop(database);
    database = undefined;
    return climb(to);
  };
  return {
    climb,
    end() {
      over = true;
      if (database) scratch.drop(database).catch(() => {});
    },
  };
}

/** What one version did on one copy, up and down. */
interface Way {
  up: Phase;
  down: Phase;
  above?: Doing;
  back?: Doing;
}

interface Attempt {
  rows: "seed" | "made-up";
  tables: readonly string[];
  old: Way;
  again: Way;
  now: Way;
}

async function tryBody(task: BodiesTask, labs: Labs, body: Body, parent: Database): Promise<Partial<Edit>> {
  const before = await labs.old.snapshot(parent);
  const known = new Set<string>();
  const fill = (manner: Manner) => fillCopy(task, body, parent, before, manner, known);
  const attempt = async (manner: Manner, filled: Filled) => {
    let made = await attemptWith(task, labs, body, filled);
    // What only the statements name has no rows yet.
    const steps = [made.old, made.now].flatMap(({ up, down }) => [...up.steps, ...down.steps]);
    const more = partsOf(task.scratch, parent).flatMap(({ label, place }) => {
      const { fold } = kitOf(task.scratch);
      return touchedTables(partOf(before, label), stepsIn(steps, place), [], fold).filter((table) => !known.has(keyOf(table)));
    });
    if (more.length > 0 && made.rows === "made-up") {
      for (const table of more) known.add(keyOf(table));
      made = await attemptWith(task, labs, body, await fill(manner));
    }
    return made;
  };
  const varied = await fill("varied");
  // Put in while the first rows are tried: where those stop something, nobody waits for others.
  const plain = varied.rows === "made-up" ? fill("plain").catch(() => undefined) : undefined;
  const first = await attempt("varied", varied);
  const stops = (direction: Direction) =>
    [first.old, first.now].some(({ up, down }) => up.stop ?? (direction === "downgrade" ? down.stop : undefined));
  const needed = first.rows === "made-up" && body.directions.some(stops);
  const ready = await plain;
  const fits = needed && ready?.known === known.size;
  if (ready && !fits) task.scratch.drop(ready.database).catch(() => {});
  const second = needed ? await attempt("plain", fits ? ready : await fill("plain")) : undefined;
  const verdicts = body.directions.map(async (direction): Promise<[Direction, Effect]> => {
    const isAwkward = second !== undefined && stops(direction);
    return [direction, await judge(body, direction, isAwkward ? second : first, isAwkward ? first : undefined)];
  });
  return Object.fromEntries(await Promise.all(verdicts));
}

/** A copy of a database with rows. */
interface Filled extends Pick<Attempt, "rows" | "tables"> {
  database: Database;
  /** Of how many tables it was known that they need some. */
  known: number;
}

async function fillCopy(
  task: BodiesTask,
  body: Body,
  parent: Database,
  before: Catalog,
  manner: Manner,
  known: Set<string>,
): Promise<Filled> {
  const database = await task.scratch.clone(parent, "edited");
  const put = await putRows(task, body, database, before, manner, known);
  return { ...put, database, known: known.size };
}

async function attemptWith(
  task: BodiesTask,
  labs: Labs,
  body: Body,
  { database: filled, rows, tables }: Filled,
): Promise<Attempt> {
  const { scratch } = task;
  const one = await scratch.clone(filled, "edited_old");
  // On a given server all databases share their roles.
  const apart = task.apart ?? !sharesRoles(scratch);
  const first = goBoth(labs.old, body, one, scratch);
  const copied = apart ? scratch.clone(filled, "edited_new") : first.then(() => scratch.clone(filled, "edited_new"));
  // In the same process: what is seeded while the project is imported must come out otherwise.
  const repeat = Promise.all([first, copied]).then(([way]) => (isStopped(way) ? way : goBoth(labs.old, body, filled, scratch)));
  const other = copied.then(async (database) => {
    if (!apart) await repeat;
    return goBoth(labs.now, body, database, scratch);
  });
  const [old, again, now] = await Promise.all([first, repeat, other]);
  const dropped = Promise.all([one, await copied, filled].map((database) => scratch.drop(database)));
  dropped.catch(() => {});
  if (!apart) await dropped;
  return { rows, tables, old, again, now };
}

/** Whether it did not come up: running it once more would show nothing. */
const isStopped = ({ above }: Way): boolean => above === undefined;

/** Up and, where that came to its end, down. */
async function goBoth(lab: Laboratory, body: Body, database: Database, scratch: Scratch): Promise<Way> {
  const up = phaseOf("upgrade", [body.id]);
  const down = phaseOf("downgrade", [body.id]);
  const look = async (phase: Phase): Promise<Doing> => {
    const catalog = await lab.snapshot(database);
    return { step: phase.steps[0] ?? { statements: [] }, catalog, rows: await readAll(scratch, database, catalog) };
  };
  scratch.expectReading?.(database);
  if (!(await lab.run(up, database, { own: true, exact: true }))) return { up, down };
  const above = await look(up);
  if (!body.directions.includes("downgrade")) return { up, down, above };
  if (!(await lab.run(down, database, { own: true, exact: true }))) return { up, down, above };
  return { up, down, above, back: await look(down) };
}

const tablesOf = (catalog: Catalog): CatalogObject[] => [...catalog.values()].filter(({ kind }) => kind === "table");

/** All rows, of each of several databases. */
async function readAll(scratch: Scratch, database: Database, catalog: Catalog): Promise<Holding> {
  const kit = kitOf(scratch);
  const all = new Map<string, Held>();
  for (const { label, database: part } of partsOf(scratch, database)) {
    const ids = tablesOf(partOf(catalog, label)).map((table) => kit.idOf(withoutLabel(table, label)));
    const held = await kit.read((sql, parameters) => scratch.query(part, sql, parameters), ids.slice(0, MOST_TABLES));
    for (const [id, one] of held) all.set(labelled(label, id), { ...one, name: labelled(label, one.name) });
  }
  return all;
}

/** Puts rows into the tables that the code names; `known` grows by them. */
async function putRows(
  { scratch, seed }: BodiesTask,
  { sources, reads }: Body,
  database: Database,
  before: Catalog,
  manner: Manner,
  known: Set<string>,
): Promise<Pick<Attempt, "rows" | "tables">> {
  const kit = kitOf(scratch);
  const parts = partsOf(scratch, database);
  const isSeeded =
    seed !== undefined &&
    !(await seed(
      database,
      parts.filter((part) => part.database !== database),
    ));
  const code = [...sources.before, ...sources.after, ...reads];
  const named = new Set(code.flatMap(words).map(kit.fold));
  const asksForTables = code.some((source) => LOOKS_AROUND.test(source));
  const seeded: string[] = [];
  const madeUp: string[] = [];
  const holding = isSeeded ? [...(await readAll(scratch, database, before)).values()] : [];
  for (const { label, database: part } of parts) {
    const tables = tablesOf(partOf(before, label));
    if (isSeeded && !(seed.firstOnly && label !== "")) {
      const names = new Set(tables.map(({ name }) => name));
      const filled = holding.filter(({ name, rows }) => names.has(name) && rows?.length !== 0);
      seeded.push(...filled.map(({ name }) => name));
      if (filled.length > 0) continue;
    }
    const looksAround = asksForTables && tables.length <= MOST_FILLED;
    for (const table of tables) if (looksAround || named.has(kit.fold(lastName(table.name)))) known.add(keyOf(table));
    const query: Query = (sql, parameters) => scratch.query(part, sql, parameters);
    const wanted = tables.filter((table) => known.has(keyOf(table))).map((table) => kit.idOf(withoutLabel(table, label)));
    const { filled } = await kit.fill(query, wanted, manner);
    await kit.spread(
      query,
      filled.map(({ oid }) => oid),
      manner,
    );
    madeUp.push(...filled.map(({ table }) => labelled(label, table)));
  }
  return { rows: seeded.length > 0 && madeUp.length === 0 ? "seed" : "made-up", tables: [...seeded, ...madeUp] };
}

const stopOf = ({ stop, steps }: Phase): Stop | undefined => stop && firstErrorOf(stop, steps);

const raisedText = ({ raised: { type, message } }: Stop): Text => {
  const line = message.split("\n", 1)[0]!.trim();
  return text`${code(`${type}: ${line.length > 120 ? `${line.slice(0, 119)}…` : line}`)}`;
};

/** @param awkward how it went on rows with NULLs and equal values, where that stopped something */
async function judge(body: Body, direction: Direction, one: Attempt, awkward: Attempt | undefined): Promise<Effect> {
  const phase = (way: Way) => (direction === "upgrade" ? way.up : way.down);
  const doing = (way: Way) => (direction === "upgrade" ? way.above : way.back);
  const whose = one.rows === "seed" ? "the project's own rows" : "made-up rows";
  const upwards = direction === "downgrade" && [one.old, one.now].map(({ up }) => stopOf(up)).find((stop) => stop);
  if (upwards)
    return unknown(text`${code("upgrade()")} stops on ${whose} (${raisedText(upwards)}), so there is nothing to go down from`);
  const [before, again, after] = [one.old, one.again, one.now].map(doing);
  // On a given server all databases share their roles, so the first one may be in the way of those after it.
  if (before && !again) return unknown(text`it passes once and stops when it is run on another copy of the same database`);
  const [stopBefore, stopAfter] = [one.old, one.now].map((way) => stopOf(phase(way)));
  if (stopBefore) {
    const both = stopAfter !== undefined;
    return unknown(text`${both ? "both versions stop" : "the old version stops"} on ${whose} (${raisedText(stopBefore)})`);
  }
  if (stopAfter && before)
    return {
      kind: "different",
      before: fewOf(unitsOf(statementsOf(before.step))),
      after: [
        ...fewOf(unitsOf(statementsOf(phase(one.now).steps[0] ?? { statements: [] }))),
        `-- raises ${stopAfter.raised.type}: ${stopAfter.raised.message.split("\n", 1)[0]}`,
      ],
      data: true,
      executed: { rows: one.rows, tables: one.tables, sameRows: false, sameCatalog: false },
    };
  if (!before || !again || !after) return unknown(text`it does not come to its end on ${whose}`);
  const effect = await compareDoings(before, again, after, one.rows);
  if (effect.kind !== "same")
    return effect.kind === "different" ? { ...effect, executed: { ...effect.executed!, tables: one.tables } } : effect;
  const executed = { ...effect.executed!, tables: one.tables };
  const stop = awkward && stopOf(phase(awkward.now));
  if (stop && !stopOf(phase(awkward.old)))
    return unknown(
      text`the new version stops on rows with NULLs and equal values (${raisedText(stop)}), where the old one runs through`,
      { executed },
    );
  const doubt = doubtOf(body, one);
  if (doubt) return unknown(doubt, { executed });
  const mended = awkward && stopOf(phase(awkward.old));
  return { kind: "same", executed: { ...executed, ...(mended && { mends: raisedText(mended) }) } };
}

/** Why equal work on these rows does not prove equal work, if so. */
function doubtOf({ sources, opaque }: Body, one: Attempt): Text | undefined {
  if (opaque) return text`a file that it opens changed, and the rows that it met need not show how`;
  if ([...sources.before, ...sources.after].some((source) => PAST_SQLALCHEMY.test(source)))
    return text`it speaks to the database driver by itself, past SQLAlchemy, so its statements were not seen`;
  const side = (way: Way) => {
    const steps = [...way.up.steps, ...way.down.steps];
    const lines = steps.flatMap(({ lines: seen }) => seen ?? []);
    return {
      statements: steps.flatMap(statementsOf),
      lines: { every: new Set(lines.flatMap(({ every }) => every)), ran: new Set(lines.flatMap(({ ran }) => ran)) },
    };
  };
  const [before, after] = [side(one.old), side(one.now)];
  for (const [index, source] of sources.before.entries()) {
    const doubt = hidden({ source, ...before }, { source: sources.after[index] ?? "", ...after });
    if (doubt) return doubt;
  }
  return undefined;
}
