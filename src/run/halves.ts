/**
 * A long history, cut in two: the lower half goes down while the upper one still goes up.
 *
 * On the way up from an empty database a copy is made halfway. It goes down to base, and from there up to head where something was left.
 * The way down of the whole history comes by at the cut as well: where it has the same schema there and as many rows in each table, the
 * lower half has shown the rest; else it goes on by itself. Where both have left the same at base, the lower half has shown the second
 * upgrade. What it has shown for nothing is forgotten.
 */
import { compareCatalogs } from "../postgres/compare.ts";
import type { Catalog } from "../postgres/catalog.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import { cutsBelow, cutsOf } from "../project/slices.ts";
import type { Driver } from "./driver.ts";
import type { Evidence, Phase } from "./evidence.ts";
import { historyDown, historyUp, startHistory, type History, type Running } from "./history.ts";
import { later } from "./later.ts";
import type { Laboratory } from "./laboratory.ts";
import { compared, isSuspicious, phaseOf } from "./phase.ts";
import { beginningWith } from "./plan.ts";
import { partsOf } from "./several.ts";
import { climbBy, continued, type Floor } from "./slice.ts";

export interface Halves {
  /** Goes up from an empty database as a laboratory does, and lets the lower half begin on the way. */
  climb: Floor["climb"];
  /** The history beside goes up without a stop, and leaves what is below to the lower half. */
  beside: { floor: Pick<Floor, "climb" | "descend">; ascend: typeof historyUp };
  /** Connections of the lower half elsewhere, as far as what it did counts. */
  foreign: Evidence["foreign"];
  /** Whether the lower half shows a fault, before it is known whether that counts. */
  doubt: Promise<boolean>;
  stop(): Promise<void>;
}

interface Cut {
  scratch: Scratch;
  /** Those that are run, from the bases up. */
  order: readonly string[];
  /** How many of them are below the cut. */
  below: number;
  /** The catalog with no revision at all. */
  empty: Catalog;
  /** Starts a process with the pull request's files loaded. */
  start(): Promise<Driver>;
}

/** The share of the revisions that is below the cut: at least, and at most. */
const MIDDLE = [0.3, 0.7] as const;

/**
 * Where a history is cut: after a revision that every way passes through, with none but applied ones below.
 *
 * @param order those that are run, from the bases up
 * @returns how many are below; undefined where the history cannot be cut near its middle
 */
export function middleOf(
  order: readonly string[],
  { revisions }: Pick<Awaited<Driver["loaded"]>, "revisions">,
  applied: ReadonlySet<string>,
): number | undefined {
  const [least, most] = MIDDLE.map((share) => share * order.length) as [number, number];
  const distance = (cut: number) => Math.abs(cut - order.length / 2);
  return cutsBelow(cutsOf(order, revisions), order, (id) => applied.has(id))
    .filter((cut) => cut >= least && cut <= most)
    .sort((a, b) => distance(a) - distance(b))[0];
}

/** Cuts a history in two. Nothing begins before `climb`. */
export function inHalves({ scratch, order, below, empty, start }: Cut): Halves {
  const lower = order.slice(0, below);
  const isLower = new Set(lower);
  const { promise: half, resolve: begin } = later<Running | undefined>();
  /** The rows at the cut. */
  let rows: string | undefined;
  /** What the lower half has left at base. */
  let left: Left | undefined;
  /** What the lower half did, where that counts for the way down. */
  let taken: History | undefined;
  /** Where the second upgrade of the lower half has ended. */
  let again: Catalog | undefined;
  /** Whether the way down that went on by itself has left the same. */
  let isSameBase = false;
  const foreign: Evidence["foreign"] = [];

  const run: Floor["climb"] = (lab, phase, database, options) => lab.run(phase, database, options);
  const goDown = async (lab: Laboratory, database: Database, phase: Phase): Promise<Left | undefined> => {
    const catalog = await historyDown(lab, database, phase, empty);
    return catalog && { catalog, rows: await rowsIn(scratch, database) };
  };
  const startLower = async (lab: Laboratory, from: Database): Promise<Running | undefined> => {
    const process = await lab.copyProcess();
    if (!process) return undefined;
    const database = await scratch.clone(from, "lower");
    return startHistory({
      scratch,
      start: beginningWith(process, start),
      async create() {
        rows = await rowsIn(scratch, database);
        return database;
      },
      revisions: [],
      part: lower,
      floor: {
        climb: run,
        async descend(lab, database, phase) {
          left = await goDown(lab, database, phase);
          return left !== undefined;
        },
      },
      async ascend(lab, database, phase) {
        phase.planned = [...order];
        if (await lab.run(phase, database, { own: true })) again = await lab.snapshot(database);
      },
    });
  };
  /** What the lower half shows, if the database stands where that began. */
  const takeLower = async (lab: Laboratory, database: Database): Promise<History | undefined> => {
    const running = await half;
    const top = await running?.top;
    if (!top || compareCatalogs(top.catalog, await lab.snapshot(database)).length > 0) return undefined;
    return rows === (await rowsIn(scratch, database)) ? running!.way : undefined;
  };

  return {
    foreign,
    doubt: half.then((running) => running?.way).then((way) => way !== undefined && isSuspicious(way.down)),
    async climb(lab, phase, database, options) {
      try {
        return await climbBy(isLower, lab, phase, database, options, async () =>
          begin(await startLower(lab, database).catch(() => undefined)),
        );
      } finally {
        // Nobody waits for a half that did not begin.
        begin(undefined);
      }
    },
    beside: {
      floor: {
        climb: run,
        async descend(lab, database, phase) {
          const { planned } = phase;
          const upper = { ...phase, planned: planned.filter((id) => !isLower.has(id)) };
          if (!(await lab.run(upper, database, { own: false }))) {
            Object.assign(phase, upper, { planned });
            return false;
          }
          taken = await takeLower(lab, database);
          if (taken) {
            foreign.push(...taken.foreign);
            Object.assign(phase, continued(upper, taken.down));
            return taken.ended;
          }
          const rest = phaseOf("history-downgrade", planned.slice(upper.planned.length));
          const found = await goDown(lab, database, rest);
          Object.assign(phase, continued(upper, rest));
          const running = await half;
          await running?.way;
          isSameBase = found !== undefined && left !== undefined && isSame(found, left);
          return found !== undefined;
        },
      },
      async ascend(lab, database, phase, head) {
        const shown = taken || isSameBase ? await (await half)?.again : undefined;
        if (!shown || !(again ?? shown.stop?.revision)) {
          // The database may still stand at the cut.
          if (taken) await lab.run(phaseOf("history-downgrade", taken.down.planned), database, { own: false });
          return historyUp(lab, database, phase, head);
        }
        Object.assign(phase, shown);
        if (again) compared(phase, "the first upgrade", head, again);
      },
    },
    async stop() {
      begin(undefined);
      await (await half)?.stop();
    },
  };
}

/** What is there when a way down has come to its end. */
interface Left {
  catalog: Catalog;
  rows: string;
}

const isSame = (one: Left, other: Left): boolean =>
  one.rows === other.rows && compareCatalogs(one.catalog, other.catalog).length === 0;

/** How many rows each table has. */
async function rowsIn(scratch: Scratch, database: Database): Promise<string> {
  const counted = await Promise.all(
    partsOf(scratch, database).map(async ({ database }) => {
      const [counting] = await scratch.query<{ sql: string | null }>(database, COUNTING);
      return counting!.sql === null ? [] : scratch.query(database, counting!.sql);
    }),
  );
  return JSON.stringify(counted);
}

/** Makes the statement that counts the rows of all tables. */
const COUNTING = `
  SELECT string_agg(format('SELECT %L AS name, count(*) AS rows FROM %I.%I', c.oid::regclass, n.nspname, c.relname), ' UNION ALL '
                    ORDER BY n.nspname, c.relname) AS sql
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;
