/**
 * The whole history, down and up: after the itinerary's own way, or beside it in a process of its own.
 *
 * Beside it, a new database is upgraded to head in the project's own transactions and then downgraded to base. That is the same
 * journey as downgrade base and upgrade head on a copy of H as long as all of it succeeds, head is the same schema and nothing is left
 * below base. In every other case it counts for nothing, and the itinerary runs them one after the other.
 */
import type { Catalog } from "../postgres/catalog.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import type { Driver } from "./driver.ts";
import type { Evidence, Phase } from "./evidence.ts";
import { openLaboratory, type Laboratory } from "./laboratory.ts";
import { compared, phaseOf } from "./phase.ts";

/** Downgrade base; true: it came to its end. */
export async function historyDown(lab: Laboratory, database: Database, phase: Phase, empty: Catalog): Promise<boolean> {
  const ended = await lab.run(phase, database, { own: false });
  if (ended) compared(phase, "the empty database", empty, await lab.snapshot(database));
  return ended;
}

/** Upgrade head in the project's own transactions, as a new database gets it. */
export async function historyUp(lab: Laboratory, database: Database, phase: Phase, head: Catalog): Promise<void> {
  if (await lab.run(phase, database, { own: true })) compared(phase, "the first upgrade", head, await lab.snapshot(database));
}

interface History {
  up: Phase;
  down: Phase;
  /** The catalogs at the two ends. */
  top: Catalog;
  bottom: Catalog;
  foreign: Evidence["foreign"];
}

export interface Running {
  /** Undefined where something failed. */
  outcome: Promise<History | undefined>;
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
}

/** Starts the whole history beside the itinerary. */
export function startHistory({ scratch, start, create, baseline, revisions }: Beside): Running {
  const foreign: Evidence["foreign"] = [];
  let lab: Laboratory | undefined;
  let database: Database | undefined;
  let stopped = false;
  const startUnlessStopped = async () => {
    if (stopped) throw new Error("the history beside is not wanted any more");
    return start();
  };

  const go = async (): Promise<History | undefined> => {
    lab = await openLaboratory(scratch, startUnlessStopped, { foreign }, () => {});
    database = await create();
    if (baseline !== undefined) {
      if (!(await lab.run(phaseOf("prepare", []), database, { own: true }))) return undefined;
      await lab.stamp(database, baseline);
    }
    const up = phaseOf("history-upgrade", revisions);
    if (!(await lab.run(up, database, { own: true }))) return undefined;
    const top = await lab.snapshot(database);
    const down = phaseOf("history-downgrade", [...revisions].reverse());
    if (!(await lab.run(down, database, { own: false }))) return undefined;
    return { up, down, top, bottom: await lab.snapshot(database), foreign };
  };
  const outcome = go().catch(() => undefined);

  return {
    outcome,
    async stop() {
      stopped = true;
      await lab?.stop();
      await outcome;
      if (database) await scratch.drop(database).catch(() => {});
    },
  };
}
