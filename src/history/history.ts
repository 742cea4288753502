/** What the pull request does to the revisions that the base branch has. Facts only; the rules judge. */
import type { Environment } from "../project/environment.ts";
import { readGraph, type Graph, type IdentifiedTree, type ReadCache } from "../project/graph.ts";
import type { Revision } from "../project/revision.ts";
import { changedFiles as filesChanged, mergedTree, type Base } from "./base.ts";
import { compareBodies } from "./cosmetic.ts";
import { commitTree, type Git } from "./git.ts";

export type { Base } from "./base.ts";

/** One revision of the base branch, beside what the pull request has of it. */
export interface Change {
  id: string;
  before: Revision;
  /** Absent when deleted. */
  after?: Revision;
  /** cosmetic: the same syntax tree once comments, docstrings, formatting, quoting, import order and annotations are set aside. */
  body: "same" | "cosmetic" | "edited" | "deleted";
  /** Where the body was edited, in the pull request's file. */
  edited?: { functions: string[]; line: number };
  moved: boolean;
  /** Parents before and after, where they differ. */
  reparented?: { before: readonly string[]; after: readonly string[] };
  dependenciesChanged: boolean;
  labelsChanged: boolean;
  /** A new revision with the same body, where this one vanished: its id was changed. */
  becameId?: string;
}

export interface History {
  base: Base;
  graph: Graph;
  changes: ReadonlyMap<string, Change>;
  /** Ids that the base branch does not have, in no order. */
  added: readonly string[];
  /** Files that differ between base and head, relative to the root. */
  changedFiles: readonly string[];
}

const sameSet = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((item) => b.includes(item));

/** Compares the graphs of both sides. */
export function compareHistory(given: { base: Base; baseGraph: Graph; headGraph: Graph; changedFiles: readonly string[] }): History {
  const { base, baseGraph, headGraph, changedFiles } = given;
  const changes = new Map<string, Change>();
  const added = [...headGraph.revisions.keys()].filter((id) => !baseGraph.revisions.has(id));
  for (const [id, before] of baseGraph.revisions) {
    const after = headGraph.revisions.get(id);
    if (!after) {
      changes.set(id, { id, before, body: "deleted", moved: false, dependenciesChanged: false, labelsChanged: false });
      continue;
    }
    const comparison = before.source === after.source ? undefined : compareBodies(before, after);
    const parents = { before: before.down, after: after.down };
    changes.set(id, {
      id,
      before,
      after,
      body: comparison === undefined ? "same" : comparison.same ? "cosmetic" : "edited",
      ...(comparison && !comparison.same ? { edited: { functions: comparison.functions, line: comparison.line } } : {}),
      moved: before.file !== after.file,
      ...(sameSet(parents.before, parents.after) ? {} : { reparented: parents }),
      dependenciesChanged: !sameSet(before.dependsOn, after.dependsOn),
      labelsChanged: !sameSet(before.labels, after.labels),
    });
  }
  return { base, graph: baseGraph, changes, added, changedFiles };
}

/**
 * Reads both sides of one environment and compares them.
 *
 * @param given.tree the working tree
 * @param given.baseEnvironment where the base branch has the environment, if elsewhere
 * @returns the pull request's graph as it will be once merged, and the history
 */
export async function readHistory(given: {
  git: Git;
  base: Base;
  tree: IdentifiedTree;
  environment: Environment;
  baseEnvironment?: Environment;
  cache?: ReadCache;
}): Promise<{ graph: Graph; history: History }> {
  const { git, base, tree, environment, baseEnvironment = environment, cache = new Map() } = given;
  const changed = filesChanged(git, base);
  const graph = await readGraph(mergedTree(git, tree, base), environment, cache);
  // Afterwards, so that files that are the same on both sides are found in the cache.
  const baseGraph = await readGraph(commitTree(git, base.commit), baseEnvironment, cache);
  const changedFiles = await changed;
  return { graph, history: compareHistory({ base, baseGraph, headGraph: graph, changedFiles }) };
}
