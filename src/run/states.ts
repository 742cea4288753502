/** The catalogs between the pull request's revisions: what each of them does, and whether its downgrade takes it back. */
import type { Catalog, Difference } from "../postgres/catalog.ts";
import { compareCatalogs } from "../postgres/compare.ts";
import type { Step } from "./evidence.ts";

/** With more revisions than this a snapshot after each of them costs more than it tells. */
const MOST_SNAPSHOTS = 60;

export interface States {
  /** Called after each step up, and after each step down, but the last; absent where nothing is gained by it. */
  up?(revision: string, catalog: Catalog): void;
  down?(revision: string, catalog: Catalog): void;
  /** Told of the catalog after the last step up, where those after the steps before it are known. */
  reach(head: Catalog): void;
  /** What a revision's upgrade did. */
  effectOf(revision: string): Difference[] | undefined;
  /** What differs from the state before a revision's upgrade; nothing where that state is not known. */
  changesSince(revision: string, catalog: Catalog): Difference[];
  /** Whose downgrade did not bring back what was there before, given what differs after the last step down. */
  unrestored(differences: Difference[]): { revision: string; differences: Difference[] }[];
}

/**
 * @param before the catalog before the first of the revisions
 * @param revisions in the order in which they go up
 * @param between false: what is between them cannot be seen
 */
export function watchStates(before: Catalog, revisions: readonly string[], between = true): States {
  const states = new Map<string, { before: Catalog; after: Catalog }>();
  const unrestored: { revision: string; differences: Difference[] }[] = [];
  const single = revisions.length === 1;
  const each = between && revisions.length > 1 && revisions.length <= MOST_SNAPSHOTS;
  let last = before;
  const up = (revision: string, after: Catalog) => {
    states.set(revision, { before: last, after });
    last = after;
  };
  const changesSince = (revision: string, after: Catalog) => {
    const state = states.get(revision);
    return state ? compareCatalogs(state.before, after) : [];
  };
  const down = (revision: string, after: Catalog) => {
    const differences = changesSince(revision, after);
    if (differences.length > 0) unrestored.push({ revision, differences });
  };
  return {
    ...(each && { up, down }),
    changesSince,
    reach(head) {
      if (single || (each && states.size === revisions.length - 1)) states.set(revisions.at(-1)!, { before: last, after: head });
    },
    effectOf(revision): Step["effect"] {
      const state = states.get(revision);
      return state && compareCatalogs(state.before, state.after);
    },
    unrestored: (differences) =>
      states.size === revisions.length && differences.length > 0
        ? [...unrestored, { revision: revisions[0]!, differences }]
        : unrestored,
  };
}
