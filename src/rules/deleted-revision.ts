import type { Draft, Place } from "../finding.ts";
import type { Change, History } from "../history/history.ts";
import type { Graph } from "../project/graph.ts";
import { block, code, count, listOf, text, type Text } from "../text.ts";
import { alembic, allow, allowInSettings, placeOf, quoted, relatedTo, sqlText, unreleased } from "./lineage.ts";
import { rule, type Facts } from "./rule.ts";

export default rule({
  id: "deleted-revision",
  family: "history",
  severity: "error",
  summary: "A revision that the base branch has was deleted",
  needs: ["graph", "history", "environment"],
  wants: ["run", "settings"],
  judge({ graph, history, ...others }) {
    const deleted = [...history.changes.values()].filter(({ body, becameId }) => body === "deleted" && becameId === undefined);
    return groups(deleted, history.graph).map((group) => draftFor(group, graph, history, others));
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

function draftFor(
  group: readonly Change[],
  graph: Graph,
  history: History,
  { environment, settings }: Pick<Facts, "environment"> & Partial<Facts>,
): Draft {
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
  const related = group.slice(0, 10).map(({ before }) => relatedTo(before, "revision", text`deleted`, history.base.commit));
  const one = group.length === 1;
  const [it, did] = one ? ["it", "it did"] : ["them", "they did"];
  if (group.every(({ id }) => history.unreleased.has(id)))
    return unreleased({ ...place, revision: named, related }, [...ids], what);
  const allowing =
    place.file === undefined ? allowInSettings("deleted-revision", named, settings) : allow("deleted-revision", settings);
  const below = [...new Set(group.flatMap(({ before }) => before.down))].filter((parent) => !ids.has(parent));
  const tail = stranded && !substitute && children.length === 0;
  const help = beginning
    ? text`Make sure that every database has gone beyond ${code(named)}, and that the revisions which remain build the same schema from nothing. ${allowing}`
    : tail
      ? text`A revert takes nothing back in databases that ran ${it}. Keep the ${one ? "file" : "files"}, and undo what ${did} in a new revision:${restore}Where only databases of your own ran ${it}, take them down first, with the base branch's files:${block(alembic(environment, `downgrade ${below.length === 1 ? quoted(below[0]!) : "base"}`), "sh")}${allowing}`
      : text`Bring ${it} back, and undo what ${did} in a new revision:${restore}${substitute && !one ? squash(substitute.id, named) : ""}${allowing}`;
  return {
    ...place,
    revision: named,
    ...(beginning && { severity: "warning" as const }),
    message: text`${what} although applied already${substitute ? text`, and ${code(substitute.id)} stands in ${one ? "its" : "their"} place` : text``}: ${consequence}.`,
    help,
    related,
  };
}

/** How databases get over a squash. */
const squash = (substitute: string, last: string): Text =>
  text`A squash is right once every database stands at ${code(last)} and is told the new name before the next deployment:${block(`UPDATE alembic_version SET version_num = ${sqlText(substitute)} WHERE version_num = ${sqlText(last)};`, "sql")}`;

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
