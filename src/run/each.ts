/**
 * Goes on where a way down stopped: each downgrade() is tried by itself, right after its own upgrade(), on a new database that goes up.
 * What one of them leaves or breaks is taken back, so no fault hides another, whatever their number.
 */
import type { Catalog, Difference } from "../postgres/catalog.ts";
import type { Database } from "../postgres/scratch.ts";
import { count, listOf, text, type Text } from "../text.ts";
import type { RunResult } from "./driver.ts";
import type { Phase, Stop } from "./evidence.ts";
import type { Laboratory } from "./laboratory.ts";

export interface Each {
  /** In the order in which they go up; the last is the uppermost that is tried. */
  order: readonly string[];
  tried: readonly string[];
  /** After these the catalog is looked at as well. */
  watched: readonly string[];
  /** At most so long all together. */
  seconds: number;
  /** A database as the first revision finds it. */
  fresh(): Promise<Database>;
  drop(database: Database): Promise<void>;
  /** A copy of a database; absent where copies could be in each other's way. */
  copy?(database: Database): Promise<Database>;
  /** Copies cost nothing: each downgrade is tried in one. */
  inCopies: boolean;
  /** What a downgrade did not bring back, given the catalog after it. */
  unrestored(revision: string, after: Catalog): Difference[];
}

/**
 * @returns the phase with what each downgrade did, and why some could not be tried, if so
 */
export async function tryEach(
  lab: Laboratory,
  options: Each,
): Promise<{ phase: Phase; untried?: { what: string; reason: Text } }> {
  const { order, tried, watched, seconds, fresh, drop } = options;
  // Making the first database is none of the trials' business.
  let start: Start | undefined = { database: await fresh(), at: 0 };
  const started = performance.now();
  const spent = () => (performance.now() - started) / 1000;
  const open = new Set(tried);
  const stops: Stop[] = [];
  const phase: Phase = {
    id: "history-each",
    title: "each downgrade by itself",
    planned: [],
    state: "ok",
    seconds: 0,
    steps: [],
    stops,
    unrestored: [],
  };
  const after = (revision: string, catalog: Catalog) => {
    const differences = options.unrestored(revision, catalog);
    if (differences.length > 0) phase.unrestored.push({ revision, differences });
  };
  let reason = text`the time for it was up, which is as long as the history itself takes`;
  const stairs = options.copy && stairsOf(lab, phase, options, options.copy);
  while (open.size > 0 && spent() < seconds) {
    const places = [...open].map((id) => order.indexOf(id));
    start ??= stairs ? await stairs.climb(Math.min(...places)) : { database: await fresh(), at: 0 };
    if (!start) {
      reason = DO_NOT_RUN;
      break;
    }
    const { database, at } = start;
    start = undefined;
    if (options.copy && options.inCopies) {
      await tryOnCopies(lab, database, options.copy, { phase, open, until: () => spent() >= seconds }, options);
      await drop(database);
      break;
    }
    const revisions = order.slice(at, Math.max(...places) + 1);
    const trials = { revisions: [...open], watched: [...watched], seconds: seconds - spent() };
    const result = await lab.goUpTrying(revisions, database, trials, { title: phase.title, after });
    await drop(database);
    for (const [index, { step }] of result.trials.entries()) {
      const stop = stopOfTrial(result, index);
      if (stop) stops.push(stop);
      open.delete(step.revision);
      phase.planned.push(step.revision);
      phase.steps.push(step);
    }
    // What could not be taken back, or ended the process, has spoilt the database and nothing else.
    if (result.trials.at(-1)?.kept) continue;
    const stuck = result.steps.find(({ ended }) => !ended)?.revision;
    if (stuck !== undefined) reason = DO_NOT_RUN;
    break;
  }
  await stairs?.leave();
  phase.state = stops.length > 0 ? "failed" : "ok";
  phase.seconds = spent();
  if (open.size === 0) return { phase };
  const left = tried.filter((id) => open.has(id));
  return {
    phase,
    untried: {
      what: `downgrade() of ${count(left.length, "revision")}, each by itself`,
      reason: text`${reason}: ${listOf(left, 10)}`,
    },
  };
}

const DO_NOT_RUN = text`the upgrades below them do not run with a transaction for each`;

/** Where trials begin: a database, and how many of the revisions it has. */
interface Start {
  database: Database;
  at: number;
}

/** A database that goes up without trials, and is copied where the next one begins: what spoils copies does not make the way up longer. */
function stairsOf(
  lab: Laboratory,
  phase: Phase,
  { order, fresh, drop }: Each,
  copy: NonNullable<Each["copy"]>,
): { climb(to: number): Promise<Start | undefined>; leave(): Promise<void> } {
  let landing: Start | undefined;
  return {
    async climb(to) {
      landing ??= { database: await fresh(), at: 0 };
      const { database, at } = landing;
      const up: Phase = { ...phase, id: "base", planned: order.slice(at, to), steps: [], unrestored: [] };
      if (to > at && !(await lab.run(up, database, { own: false }))) return undefined;
      landing.at = to;
      return { database: await copy(database), at: to };
    },
    async leave() {
      if (landing) await drop(landing.database);
    },
  };
}

/** Goes up one by one, and down in a copy. */
async function tryOnCopies(
  lab: Laboratory,
  database: Database,
  copy: NonNullable<Each["copy"]>,
  { phase, open, until }: { phase: Phase; open: Set<string>; until(): boolean },
  { order, watched, drop, unrestored }: Each,
): Promise<void> {
  const run = async (id: "base" | "history-downgrade", revision: string, place: Database) => {
    const one: Phase = { ...phase, id, planned: [revision], steps: [], unrestored: [] };
    return { one, ended: await lab.run(one, place, { own: false }) };
  };
  for (const revision of order) {
    if (open.size === 0 || until()) return;
    if (!(await run("base", revision, database)).ended) return;
    if (!open.delete(revision)) continue;
    const place = await copy(database);
    const { one, ended } = await run("history-downgrade", revision, place);
    if (one.stop) phase.stops!.push(one.stop);
    const differences = ended && watched.includes(revision) ? unrestored(revision, await lab.snapshot(place)) : [];
    if (differences.length > 0) phase.unrestored.push({ revision, differences });
    phase.planned.push(revision);
    phase.steps.push(...one.steps);
    await drop(place);
  }
}

/** What stopped the trial, where something did. */
function stopOfTrial({ trials, hung, died, raised, place }: RunResult, index: number): Stop | undefined {
  const { step, raised: own, place: at } = trials[index]!;
  const { revision } = step;
  const cutOff = index === trials.length - 1 && !step.ended && !own && (hung !== undefined || died);
  const what = own ?? (cutOff ? (raised ?? { type: "Hang", message: "nothing moved", frames: [], traceback: "" }) : undefined);
  if (!what) return undefined;
  return { revision, raised: what, ...(at ?? (cutOff ? place : undefined)), ...(cutOff && hung && { timedOut: hung }) };
}
