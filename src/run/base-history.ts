/** The base branch's own files, run by themselves. */
import type { Catalog } from "../postgres/catalog.ts";
import type { Database } from "../postgres/scratch.ts";
import { tryEach } from "./each.ts";
import type { Evidence, Phase } from "./evidence.ts";
import { historyUp } from "./history.ts";
import { openLaboratory, prepared, type Script } from "./laboratory.ts";
import { phaseOf } from "./phase.ts";
import { beginningWith, freshDatabase, type Plan, type Ports } from "./plan.ts";
import type { Floor } from "./slice.ts";
import { LEAST_SECONDS, places } from "./unreached.ts";

/**
 * What the base branch's own files do on their own, to tell old faults from new ones.
 *
 * It tries again what stopped when the pull request's downgrades were tried by themselves; what could not be tried here as well is
 * left out there, since nobody knows whose fault it is.
 *
 * @param from B0 where it was reached, and what the pull request's own files have shown; else the base revisions are run from an empty
 *   database first
 */
export async function baseHistory(
  plan: Plan,
  ports: Ports,
  evidence: Evidence,
  applied: Phase,
  from:
    | {
        database: Database;
        part: readonly string[];
        floor: Floor;
        b0: Catalog;
        each: Promise<Phase | undefined>;
        up: Promise<Phase>;
      }
    | { scripts: readonly Script[]; empty: Catalog },
): Promise<Evidence | undefined> {
  const { base, scratch, progress } = ports;
  const driver = await base!();
  if (!driver) return undefined;
  const { order } = await driver.loaded;
  const planned = order.filter((id) => applied.planned.includes(id));
  const part = "part" in from ? planned.filter((id) => from.part.includes(id)) : planned;
  const phases = [
    phaseOf("base", planned),
    phaseOf("history-downgrade", [...part].reverse()),
    phaseOf("history-upgrade", part),
  ] as const;
  // What the pull request does is nothing that the base branch did.
  const { schema: _, ...known } = evidence;
  const observed: Evidence = {
    ...known,
    order: [...order],
    base: new Set(order),
    phases: [...phases],
    foreign: [],
    notes: [],
  };
  const lab = await openLaboratory(scratch, beginningWith(driver, base!), observed, (phase, step) =>
    progress(`${phase}, with the base branch's files`, step),
  );
  try {
    if ("database" in from) {
      // What was applied before counts: objects are traced to the revisions that made them.
      phases[0].steps = applied.steps;
      const ended = await from.floor.descend(lab, from.database, phases[1]);
      phases[2].planned = [...phases[1].planned].reverse();
      const shown = ended && !plan.fromBaseFiles ? shownBy(await from.up, phases[1]) : undefined;
      if (shown) Object.assign(phases[2], shown);
      else if (ended) await historyUp(lab, from.database, phases[2], from.b0);
      const each = await from.each;
      const reached = new Set(phases[1].steps.map(({ revision }) => revision));
      const tried = planned.filter(
        (id) =>
          each?.stops?.some(({ revision }) => revision === id) ||
          (plan.editedDowngrades.includes(id) && part.includes(id) && !reached.has(id)),
      );
      if (tried.length > 0) {
        const { phase } = await tryEach(lab, {
          order: planned,
          tried,
          watched: [],
          seconds: Math.max(LEAST_SECONDS, 2 * (each ?? applied).seconds),
          fresh: () => freshDatabase(lab, plan, { ...ports, imported: undefined }),
          ...places(scratch, plan),
          unrestored: () => [],
        });
        observed.phases.push(phase);
        const judged = new Set(phase.planned);
        if (each) each.stops = each.stops!.filter(({ revision }) => !tried.includes(revision!) || judged.has(revision!));
      }
    } else {
      const database = await prepared(scratch, from.scripts, "base");
      await lab.run(phases[0], database, { own: false });
    }
    return observed;
  } finally {
    await lab.stop();
  }
}

/**
 * What the base branch's second upgrade shows, where its revisions are those of the pull request: where that one ends like the first
 * upgrade but for what the base branch's own way down leaves as well, it keeps that here too.
 *
 * @param up the pull request's second upgrade
 * @param down the base branch's way down
 * @returns undefined where only running it can tell
 */
function shownBy(up: Phase, down: Phase): Pick<Phase, "state" | "compared"> | undefined {
  const left = new Set(down.compared?.differences.map((difference) => JSON.stringify(difference)));
  const isAlike = up.state === "ok" && up.compared?.differences.every((difference) => left.has(JSON.stringify(difference)));
  return isAlike ? { state: up.state, compared: up.compared } : undefined;
}
