/** Which revisions the itinerary runs, and in which phases. */
import type { Driver } from "./driver.ts";
import type { Phase } from "./evidence.ts";
import { phaseOf } from "./phase.ts";
import type { Plan } from "./plan.ts";
import { partOf } from "./slice.ts";

type Loaded = Awaited<Driver["loaded"]>;

interface Outline {
  /** The slice of the history that is this machine's. */
  part: ReturnType<typeof partOf>;
  /** All that is run, from the bases up. */
  all: readonly string[];
  /** Those of the pull request. */
  added: readonly string[];
  /** Those that production has. */
  applied: readonly string[];
  /** In the order in which they are told. */
  phases: Record<"base" | "upgrade" | "downgrade" | "again" | "down" | "up", Phase> & { squash?: Phase };
}

/** @param before what the base branch's own files say, where production has what comes from them */
export function outlineOf(plan: Plan, loaded: Loaded, before: Loaded | undefined): Outline {
  // What the baseline stands for is never run.
  const below = new Set(plan.baseline ? loaded.ancestors(plan.baseline) : []);
  const whole = loaded.order.filter((id) => !below.has(id));
  // Other machines may share the history: of its slices none but the newest has the pull request's own phases.
  const part = partOf(plan.slice, { ...loaded, order: whole }, before);
  const all = part.isNewest ? whole : [...part.lower, ...part.own];
  // What stands for deleted revisions runs on empty databases alone.
  const standing = new Set(plan.squash ? loaded.ancestors(plan.squash.substitute) : []);
  const added = all.filter((id) => !plan.base.has(id) && !standing.has(id));
  const applied = (before?.order ?? all.filter((id) => plan.base.has(id))).filter(
    (id) => !below.has(id) && (part.isNewest || all.includes(id)),
  );
  const squashed = all.filter((id) => plan.base.has(id) || standing.has(id));
  return {
    part,
    all,
    added,
    applied,
    phases: {
      base: phaseOf("base", applied),
      ...(plan.squash && { squash: phaseOf("squash", squashed) }),
      upgrade: phaseOf("upgrade", added),
      downgrade: phaseOf("downgrade", reversed(added)),
      again: phaseOf("upgrade-again", added),
      down: phaseOf("history-downgrade", reversed(part.own)),
      up: phaseOf("history-upgrade", part.own),
    },
  };
}

const reversed = (ids: readonly string[]): string[] => [...ids].reverse();
