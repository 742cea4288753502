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
  /** A copy of a database, where such copies cost nothing: each downgrade is then tried in one. */
  copy?(database: Database): Promise<Database>;
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
  let made: Database | undefined = await fresh();
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
  while (open.size > 0 && spent() < seconds) {
    const database = made ?? (await fresh());
    made = undefined;
    if (options.copy) {
      await tryOnCopies(lab, database, options.copy, { phase, open, until: () => spent() >= seconds }, options);
      await drop(database);
      break;
    }
    const revisions = order.slice(0, Math.max(...[...open].map((id) => order.indexOf(id))) + 1);
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
    if (stuck !== undefined) reason = text`the upgrades below them do not run with a transaction for each`;
    break;
  }
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
