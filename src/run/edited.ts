/**
 * Edited revisions beside the itinerary: they are executed in copies of its processes, made as soon as those have run env.py once, and
 * in databases that nobody else drops.
 *
 *   the base branch's process ─ env.py, no revision ┬ copy: the old version
 *                                                   └ the itinerary
 *   the pull request's ─ the itinerary's first run ─ copy: the new version
 */
import { reasonOf } from "../failure.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import { executeBodies, type BodiesTask, type Body } from "./bodies.ts";
import { LoadError, type Driver, type RunResult } from "./driver.ts";
import type { Evidence } from "./evidence.ts";
import { connectionsOf, prepared, type Script } from "./laboratory.ts";
import { isDisturbed, mentionedIn, sharesRoles } from "./shared.ts";

/** Databases for what is done beside the itinerary, and the first of them. */
export interface Place {
  scratch: Scratch;
  database: Database;
}

/** @param scratch of its own, since the itinerary may begin anew and drop all of its databases */
export async function placeIn(scratch: Scratch, scripts: readonly Script[]): Promise<Place> {
  return { scratch, database: await prepared(scratch, scripts, "edited_parent") };
}

/** The files of one side, and the process that the itinerary has for them, which has run nothing yet. */
interface Side {
  root(): Promise<string>;
  driver(): Promise<Driver>;
}

interface BesideTask extends Pick<BodiesTask, "plan" | "scratch" | "progress" | "imported"> {
  bodies: Promise<readonly Body[]>;
  /** Ids of the revisions of which these are some. */
  edits: readonly string[];
  base: Side;
  head: Side;
  /** Starts one more process. */
  start(root: () => Promise<string>): Promise<Driver>;
  seedIn(scratch: Scratch): Pick<BodiesTask, "seed">;
  /** Absent: nothing runs beside the itinerary. */
  place?: Promise<Place>;
  /** A revision of either side, or a file of SQL that runs first, speaks of roles. */
  speaksOfRoles: boolean;
  /** Whether something that was executed since made, changed or dropped a role. */
  touchesRoles(): boolean;
  /** Runs the itinerary. @param base the base branch's process, which is free as soon as it was copied */
  travel(base?: Promise<Driver>): Promise<Evidence>;
  signal: AbortSignal;
}

/** What executing them has shown, and notes for notChecked. */
interface Found {
  bodies?: NonNullable<Evidence["bodies"]>;
  notes: Evidence["notes"];
}

/** Runs the itinerary, and executes edited revisions beside it, or after it where they could be in each other's way. */
export async function travelBeside(task: BesideTask): Promise<Evidence> {
  const { scratch, base, head, start, place } = task;
  const beside = place && beginBeside(task, place);
  let evidence = await task.travel(beside?.base);
  if (evidence.unsupported !== undefined) {
    await beside?.abandon();
    return evidence;
  }
  let found = await beside?.end;
  if (found && sharesRoles(scratch) && task.touchesRoles()) {
    // Nobody saw it coming: one after the other, then.
    if (isDisturbed(evidence)) {
      await scratch.restart(mentionedIn(evidence));
      evidence = await task.travel();
    }
    found = undefined;
  }
  found ??= await execute(task, scratch, {
    async base() {
      const driver = await start(base.root);
      return (await loads(driver)) ? driver : undefined;
    },
    head: () => start(head.root),
    ...(task.imported && { imported: task.imported }),
  });
  if (found.bodies) evidence.bodies = found.bodies;
  evidence.notes.push(...found.notes);
  return evidence;
}

/** What keeps edited revisions from being executed says nothing of the project. */
async function execute(
  { bodies, plan, progress, seedIn, signal }: BesideTask,
  scratch: Scratch,
  more: Pick<BodiesTask, "base" | "head" | "made" | "likely" | "apart" | "imported">,
): Promise<Found> {
  const notes: Evidence["notes"] = [];
  try {
    return {
      bodies: await executeBodies({ ...more, bodies, plan, progress, scratch, ...seedIn(scratch) }, notes),
      notes,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { notes: [{ what: "edited revisions on rows", reason: reasonOf(error) }] };
  }
}

interface Beside {
  base: Promise<Driver>;
  /** Undefined where both could be in each other's way: nothing was executed then. */
  end: Promise<Found | undefined>;
  /** Ends it where nobody wants to know any more. */
  abandon(): Promise<void>;
}

function beginBeside(task: BesideTask, place: Promise<Place>): Beside {
  const { base, head } = task;
  const started = { base: base.driver(), head: head.driver() };
  const lent = started.base.then((driver) => lend(driver, place));
  const copies = Promise.all([
    lent.then(({ copy }) => copy).catch(() => undefined),
    started.head.then((driver) => driver.copyAfterRun()),
  ]);
  let over = false;
  const start = async (side: Side): Promise<Driver> => {
    if (over) throw new Error("nobody wants to know any more");
    return task.start(side.root);
  };
  const executeApart = async (): Promise<Found | undefined> => {
    const { scratch, database } = await place;
    if (sharesRoles(scratch) && task.speaksOfRoles) return undefined;
    const [old, now] = await copies;
    const taken = new Set<Driver>();
    const take = async (copy: Driver | undefined, side: Side): Promise<Driver> => {
      if (!copy || taken.has(copy)) return start(side);
      taken.add(copy);
      return copy;
    };
    return execute(task, scratch, {
      made: [database],
      apart: true,
      // What is a copy costs little where nobody needs it after all.
      ...(old && now && { likely: task.edits }),
      async base() {
        if (!(await loads(await started.base))) return undefined;
        const driver = await take(old, base);
        return (await loads(driver)) ? driver : undefined;
      },
      head: () => take(now, head),
    });
  };
  const end = executeApart();
  for (const promise of [end, copies]) promise.catch(() => {});
  return {
    base: lent.then(({ original }) => original),
    end,
    async abandon() {
      over = true;
      const [old, now] = await copies;
      await Promise.all([old?.stop(), now?.stop()]);
    },
  };
}

/** Whether a process has its project loaded; false where the project does not load. */
async function loads(driver: Driver): Promise<boolean> {
  try {
    await driver.loaded;
    return true;
  } catch (error) {
    if (error instanceof LoadError) return false;
    throw error;
  }
}

interface Lent {
  /** The process for those that it belongs to. */
  original: Driver;
  /** Undefined where it cannot be copied. Rejects where it does not load. */
  copy: Promise<Driver | undefined>;
}

/** Lets a process run env.py with no revision, and copies it: what env.py imports is imported once for all of them. */
function lend(driver: Driver, place: Promise<Place>): Lent {
  const warmUp = async (): Promise<RunResult | undefined> => {
    if ((await driver.loaded).several) return undefined;
    const { scratch, database } = await place;
    return driver.run({ direction: "upgrade", revisions: [], ...connectionsOf(scratch, database) });
  };
  const warm = warmUp();
  const copy = warm.then((result) => (isGone(result) ? undefined : driver.copy()));
  /** How env.py ran, for whoever asks for a run first. */
  let untold: Promise<RunResult | undefined> = copy.then(
    () => warm,
    () => undefined,
  );
  const free = untold;
  const original: Driver = {
    ...driver,
    async run(options) {
      const [result] = await Promise.all([untold, free]);
      untold = Promise.resolve(undefined);
      if (result && isGone(result)) return result;
      const own = await driver.run(options);
      return { ...own, foreign: [...(result?.foreign ?? []), ...own.foreign] };
    },
    copy: () => free.then(driver.copy),
    copyAfterRun: () => free.then(driver.copyAfterRun),
    check: (options) => free.then(() => driver.check(options)),
    get log() {
      return driver.log;
    },
  };
  return { original, copy };
}

const isGone = (result: RunResult | undefined): boolean => result !== undefined && (result.died || result.hung !== undefined);
