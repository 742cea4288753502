/**
 * The whole history, down and up: after the itinerary's own way, or beside it in a process of its own.
 *
 * Beside it, a new database is upgraded to head in the project's own transactions, downgraded to base, and upgraded once more where
 * something was left. That is what downgrade base and upgrade head show on H itself, as long as the first upgrade ends in the same
 * schema; where nothing was left, the second upgrade would begin where the first one did. In every other case it counts for nothing,
 * and the itinerary runs them afterwards.
 */
import type { Catalog } from "../postgres/catalog.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import type { Comparison, Driver } from "./driver.ts";
import type { Evidence, Phase } from "./evidence.ts";
import { later } from "./later.ts";
import { openLaboratory, type Laboratory } from "./laboratory.ts";
import { compared, isSuspicious, phaseOf } from "./phase.ts";
import { standAt } from "./plan.ts";
import type { Floor } from "./slice.ts";

/** Downgrade base; returns the catalog at its end, if it came to it. */
export async function historyDown(
  lab: Laboratory,
  database: Database,
  phase: Phase,
  empty: Catalog,
): Promise<Catalog | undefined> {
  if (!(await lab.run(phase, database, { own: false }))) return undefined;
  const catalog = await lab.snapshot(database);
  compared(phase, "the empty database", empty, catalog);
  return catalog;
}

/** Upgrade head in the project's own transactions, as a new database gets it. */
export async function historyUp(lab: Laboratory, database: Database, phase: Phase, head: Catalog): Promise<void> {
  if (await lab.run(phase, database, { own: true })) compared(phase, "the first upgrade", head, await lab.snapshot(database));
}

export interface History {
  down: Phase;
  /** True: the way down came to its end. */
  ended: boolean;
  foreign: Evidence["foreign"];
}

/** Where the first upgrade, from an empty database, has ended. */
interface Top {
  up: Phase;
  catalog: Catalog;
  /** The models, compared with it; undefined where there are none. Absent: they were not looked at. */
  models?: Promise<Comparison | undefined>;
}

export interface Running {
  /** Undefined where it was not reached. */
  top: Promise<Top | undefined>;
  /** The way up and down. Undefined where something kept it from being told. */
  way: Promise<History | undefined>;
  /** The upgrade after it, where the way down left something. */
  again: Promise<Phase | undefined>;
  /** Ends it, finished or not, and drops its database. */
  stop(): Promise<void>;
}

interface Beside {
  scratch: Scratch;
  /** Starts a process of its own, with the pull request's files loaded. */
  start(): Promise<Driver>;
  /** Makes the database that it begins with. */
  create(): Promise<Database>;
  /** The revision that this database stands for, if it is not empty. */
  baseline?: string;
  /** Those to run, from the bases up. */
  revisions: readonly string[];
  /** Those of them that go down and up again. */
  part: readonly string[];
  floor: Pick<Floor, "climb" | "descend">;
  /** Goes up again from there, in place of `historyUp`. */
  ascend?: typeof historyUp;
  /** Files with models that the pull request changes; absent: the models are not looked at. */
  changed?: readonly string[];
}

/** Starts the whole history beside the itinerary. */
export function startHistory({
  scratch,
  start,
  create,
  baseline,
  revisions,
  part,
  floor,
  ascend = historyUp,
  changed,
}: Beside): Running {
  const foreign: Evidence["foreign"] = [];
  let lab: Laboratory | undefined;
  let database: Database | undefined;
  let stopped = false;
  const top = later<Top | undefined>();
  const startUnlessStopped = async () => {
    if (stopped) throw new Error("the history beside is not wanted any more");
    return start();
  };

  const goUpAndDown = async (): Promise<History | undefined> => {
    lab = await openLaboratory(scratch, startUnlessStopped, { foreign }, () => {});
    database = await create();
    if (!(await standAt(lab, database, baseline))) return undefined;
    const up = phaseOf("history-upgrade", revisions);
    if (!(await floor.climb(lab, up, database, { own: true }))) return undefined;
    const catalog = await lab.snapshot(database);
    const models = changed && lab.check(database, { changed });
    top.resolve({ up, catalog, ...(models && { models }) });
    await models;
    const down = phaseOf("history-downgrade", [...part].reverse());
    const ended = await floor.descend(lab, database, down);
    const { stop, rows } = down;
    const isOurs = !ended && (stop?.revision === undefined || stop.timedOut || stop.raised.type === "ProcessDied");
    return isOurs || !rows ? undefined : { down, ended, foreign };
  };
  const goUpAgain = async (): Promise<Phase | undefined> => {
    const before = await way;
    if (!before?.ended || !isSuspicious(before.down)) return undefined;
    const phase = phaseOf("history-upgrade", [...before.down.planned].reverse());
    await ascend(lab!, database!, phase, (await top.promise)!.catalog);
    return phase;
  };
  const way = goUpAndDown().catch(() => undefined);
  void way.then(() => top.resolve(undefined));
  const again = goUpAgain();
  const leave = async () => {
    await Promise.all([lab?.stop(), database && scratch.drop(database).catch(() => {})]);
  };
  const left = again.then(leave, leave);

  return {
    top: top.promise,
    way,
    again,
    async stop() {
      stopped = true;
      await lab?.stop();
      await left;
    },
  };
}
