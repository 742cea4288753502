/** Phases as plain data: made empty, filled by a laboratory, compared with the state that should have come back. */
import type { Catalog, Difference } from "../postgres/catalog.ts";
import { compareCatalogs } from "../postgres/compare.ts";
import type { Phase, PhaseId } from "./evidence.ts";

const TITLES: Record<Exclude<PhaseId, "history-each">, string> = {
  prepare: "an empty database",
  base: "the base branch's revisions",
  squash: "what stands for deleted revisions, from an empty database",
  upgrade: "the pull request's revisions, up",
  downgrade: "the pull request's revisions, down",
  "upgrade-again": "the pull request's revisions, up again",
  "history-downgrade": "downgrade base",
  "history-upgrade": "upgrade head once more",
  "rows-upgrade": "the pull request's on rows, up",
  "rows-downgrade": "the pull request's on rows, down",
  "rows-upgrade-again": "the pull request's on rows, up again",
};

/** A phase that was not run yet. */
export const phaseOf = (id: keyof typeof TITLES, planned: readonly string[]): Phase => ({
  id,
  title: TITLES[id],
  planned: [...planned],
  state: "not-run",
  seconds: 0,
  steps: [],
  unrestored: [],
});

/** Records in a phase what a catalog differs in from the one that should have come back. */
export function compared(phase: Phase, what: string, before: Catalog, after: Catalog): Difference[] {
  const differences = compareCatalogs(before, after);
  phase.compared = { with: what, differences };
  return differences;
}

/** Whether a phase shows a fault: something stopped it, or its end is not what it should be. */
export const isSuspicious = ({ stop, compared: comparison }: Phase): boolean =>
  stop !== undefined || (comparison?.differences.length ?? 0) > 0;
