/** Deleted revisions by what they have to do with each other: a squash is one deletion and not two hundred. */
import type { Graph } from "../project/graph.ts";
import type { Revision } from "../project/revision.ts";
import type { Change, History } from "./history.ts";

/** Deleted revisions that hang together. */
export interface Deletion {
  /** Not empty. */
  changes: readonly Change[];
  /** The last of them: a head of the base branch where one is among them, else the one with most of them below it. */
  last: string;
  /** Databases stand at `last`: it was a head. */
  stranded: boolean;
  /** Revisions that remain and built on deleted ones. */
  children: readonly Change[];
  /** The new revision that took their place. */
  substitute?: Revision;
}

/** What the pull request deletes, revisions that only got another id aside. */
export function deletionsOf(graph: Graph, history: History): Deletion[] {
  const deleted = [...history.changes.values()].filter(({ body, becameId }) => body === "deleted" && becameId === undefined);
  return groups(deleted, history.graph).map((changes) => {
    const ids = new Set(changes.map(({ id }) => id));
    const ordered = [...ids].sort((a, b) => depth(b, ids, history.graph) - depth(a, ids, history.graph));
    const top = history.graph.heads.find((head) => ids.has(head));
    const children = [...history.changes.values()].filter(
      ({ after, before }) => after && before.down.some((parent) => ids.has(parent)),
    );
    const substitute = history.added
      .map((id) => graph.revisions.get(id)!)
      .find((revision) => standsFor(revision.id, changes, children, graph));
    return { changes, last: top ?? ordered[0]!, stranded: top !== undefined, children, ...(substitute && { substitute }) };
  });
}

/** The one squash of the pull request, where it is one: several revisions became a new one. */
export function squashOf(graph: Graph, history: History): { substitute: string; last: string } | undefined {
  const deletions = deletionsOf(graph, history);
  const [{ changes, substitute, last } = { changes: [], last: "" }] = deletions;
  return deletions.length === 1 && changes.length > 1 && substitute ? { substitute: substitute.id, last } : undefined;
}

function groups(deleted: readonly Change[], base: Graph): Change[][] {
  const byId = new Map(deleted.map((change) => [change.id, change]));
  const neighbours = new Map(deleted.map(({ id }) => [id, new Set<string>()]));
  for (const { id } of deleted) {
    for (const parent of base.parents.get(id) ?? []) {
      if (!byId.has(parent)) continue;
      neighbours.get(id)!.add(parent);
      neighbours.get(parent)!.add(id);
    }
  }
  const seen = new Set<string>();
  return deleted.flatMap(({ id }) => {
    if (seen.has(id)) return [];
    const group = new Set([id]);
    for (const one of group) {
      seen.add(one);
      for (const other of neighbours.get(one)!) group.add(other);
    }
    return [[...group].map((one) => byId.get(one)!)];
  });
}

/** How many of the deleted revisions a deleted one builds on. */
function depth(id: string, among: ReadonlySet<string>, base: Graph): number {
  const below = new Set([id]);
  for (const one of below) for (const parent of base.parents.get(one) ?? []) if (among.has(parent)) below.add(parent);
  return below.size;
}

/** Whether a new revision took the place of deleted ones: it builds on what they built on, and what built on them builds on it. */
function standsFor(id: string, group: readonly Change[], children: readonly Change[], graph: Graph): boolean {
  const parents = graph.parents.get(id) ?? [];
  const gone = new Set(group.map((change) => change.id));
  const before = new Set(group.flatMap(({ before }) => before.down).filter((parent) => !gone.has(parent)));
  const onTheSame = parents.length === before.size && parents.every((parent) => before.has(parent));
  return onTheSame && (children.length === 0 || children.some(({ after }) => after!.down.includes(id)));
}
