import type { Draft, Place } from "../finding.ts";
import type { Change, History } from "../history/history.ts";
import type { Graph } from "../project/graph.ts";
import { block, code, count, listOf, text, type Text } from "../text.ts";
import { allow, placeOf, quoted, relatedTo } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "deleted-revision",
  family: "history",
  severity: "error",
  summary: "A revision that the base branch has was deleted",
  needs: ["graph", "history"],
  judge({ graph, history }) {
    const deleted = [...history.changes.values()].filter(({ body, becameId }) => body === "deleted" && becameId === undefined);
    return groups(deleted, history.graph).map((group) => draftFor(group, graph, history));
  },
});

/** Deleted revisions that hang together: a squash is one fault and not two hundred. */
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

function draftFor(group: readonly Change[], graph: Graph, history: History): Draft {
  const ids = new Set(group.map(({ id }) => id));
  const base = history.graph;
  const ordered = group.map(({ id }) => id).sort((a, b) => depth(b, ids, base) - depth(a, ids, base));
  const top = base.heads.find((head) => ids.has(head));
  const named = top ?? ordered[0]!;
  const stranded = top !== undefined;
  // Nothing that remains came before what is gone: the beginning was cut off, and databases beyond it go on.
  const beginning = !stranded && group.every(({ id }) => (base.parents.get(id) ?? []).every((parent) => ids.has(parent)));
  const children = [...history.changes.values()].filter(
    ({ after, before }) => after && before.down.some((parent) => ids.has(parent)),
  );
  const substitute = history.added
    .map((id) => graph.revisions.get(id)!)
    .find((revision) => standsFor(revision.id, group, children, graph));
  const what: Text =
    group.length === 1
      ? text`${code(named)} is deleted`
      : text`${count(group.length, "revision")} up to ${code(named)} are deleted${group.length > 5 ? text`` : text` (${listOf([...ids])})`}`;
  const lost = text`every alembic command stops there with ${code(`Can't locate revision identified by '${named}'`)}`;
  const consequence = stranded
    ? text`databases that stand at ${code(named)} are stranded, ${lost}`
    : beginning
      ? text`databases that have gone beyond go on as before, but one that stands at any of them is stranded: ${lost}`
      : text`databases that have it keep what it did, new ones never get it, and one that stands at it is stranded: ${lost}`;
  const restore = block(`git checkout ${history.base.commit.slice(0, 12)} -- ${filesOf(group, history)}`, "sh");
  const place: Place = substitute
    ? placeOf(substitute, "revision")
    : children[0]?.after
      ? placeOf(children[0].after, "down")
      : {};
  return {
    ...place,
    revision: named,
    ...(beginning && { severity: "warning" as const }),
    message: text`${what} although applied already${substitute ? text`, and ${code(substitute.id)} stands in ${group.length === 1 ? "its" : "their"} place` : text``}: ${consequence}.`,
    help: beginning
      ? text`Make sure that every database has gone beyond ${code(named)}, and that the revisions which remain build the same schema from nothing. ${allow("deleted-revision")}`
      : text`Bring ${group.length === 1 ? "it" : "them"} back, and undo what ${group.length === 1 ? "it" : "they"} did in a new revision:${restore}${
          substitute && group.length > 1 ? text`A squash is right once every database is stamped with the new revision. ` : text``
        }${allow("deleted-revision")}`,
    related: group.slice(0, 10).map(({ before }) => relatedTo(before, "revision", text`deleted`, history.base.commit)),
  };
}

/** The deleted files as a shell takes them. */
function filesOf(group: readonly Change[], { base }: History): string {
  const files = group.map(({ before }) => quoted(before.file));
  if (files.length <= 5) return files.join(" ");
  const folders = [...new Set(group.map(({ before }) => quoted(before.file.slice(0, before.file.lastIndexOf("/") + 1) || ".")))];
  return `$(git diff --name-only --diff-filter=D ${base.commit.slice(0, 12)} -- ${folders.join(" ")})`;
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
