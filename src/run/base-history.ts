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
 * @param from B0 where it was reached; else the base revisions are run from an empty database first
 */
export async function baseHistory(
  plan: Plan,
  ports: Ports,
  evidence: Evidence,
  applied: Phase,
  from:
    | { database: Database; part: readonly string[]; floor: Floor; b0: Catalog; each: Promise<Phase | undefined> }
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
  const observed: Evidence = {
    ...evidence,
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
      if (ended) await historyUp(lab, from.database, phases[2], from.b0);
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
          ...places(scratch),
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
