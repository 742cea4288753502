import type { Draft } from "../finding.ts";
import type { Change, History } from "../history/history.ts";
import type { Graph } from "../project/graph.ts";
import { block, code, count, listOf, text, type Text } from "../text.ts";
import {
  allow,
  literal,
  oldParents,
  parentsText,
  placeOf,
  relatedTo,
  repairsHeads,
  withAncestors,
  withPredecessors,
} from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "reparented-revision",
  family: "history",
  severity: "error",
  summary: "A revision that the base branch has builds on another one now",
  needs: ["graph", "history"],
  judge({ graph, history }) {
    return [...history.changes.values()].flatMap((change): Draft[] => {
      if (!change.after || (!change.reparented && !change.dependenciesChanged)) return [];
      // What was a dependency may become a parent: the same revisions come before it, whatever the header calls them.
      const moreHeads = graph.heads.length > history.graph.heads.length;
      if (!moreHeads && same(withPredecessors(history.graph, [change.id]), withPredecessors(graph, [change.id]))) return [];
      if (!change.reparented) return [depends(change, history)];
      if (followsFromOthers(change.id, graph, history)) return [];
      const gone = brokenOnBase(change, graph, history);
      if (gone) return [mended(change, gone, history)];
      return [repairsHeads(change.id, { graph, history }) ? repair(change, graph, history) : moved(change, graph, history)];
    });
  },
});

const same = (a: ReadonlySet<string>, b: ReadonlySet<string>) => a.size === b.size && [...a].every((one) => b.has(one));

/** Revisions that were taken out or put in account for the new parents: other rules tell it. */
function followsFromOthers(id: string, graph: Graph, history: History): boolean {
  const { before, after } = oldParents(id, { graph, history });
  return same(before, after);
}

/** Why the base branch's own parents could not work, where the new ones do. */
function brokenOnBase({ id, reparented }: Change, graph: Graph, history: History): Text | undefined {
  const left = reparented!.before.filter((parent) => !reparented!.after.includes(parent));
  const absent = left.filter((parent) => history.graph.missing.some((one) => one.id === id && one.parent === parent));
  if (absent.length > 0 && absent.length === left.length) return text`no file defines ${parentsText(absent)} there`;
  const inCircle = ({ cycles }: Graph) => cycles.some((cycle) => cycle.includes(id));
  return inCircle(history.graph) && !inCircle(graph) ? text`it comes before itself there` : undefined;
}

function mended({ id, before, after, reparented }: Change, why: Text, history: History): Draft {
  return {
    ...placeOf(after!, "down"),
    severity: "notice",
    revision: id,
    message: text`${code(id)} builds on ${parentsText(reparented!.after)} now: a repair, since Alembic cannot load the base branch's revisions (${why}).`,
    help: text`Nothing needs to be done, unless a database ran ${code(id)} before that: then look whether it has what comes before ${code(id)} now.`,
    related: [relatedTo(before, "down", text`what the base branch has`, history.base.commit)],
  };
}

function moved({ id, before, after, reparented }: Change, graph: Graph, history: History): Draft {
  const earlier = withPredecessors(history.graph, [id]);
  const later = withPredecessors(graph, [id]);
  const gained = [...later].filter((one) => !earlier.has(one) && history.graph.revisions.has(one));
  const lost = [...earlier].filter((one) => !later.has(one) && graph.revisions.has(one));
  const parents = text`builds on ${parentsText(reparented!.after)} now and not on ${parentsText(reparented!.before)}`;
  const consequence =
    gained.length > 0
      ? text`a database that has ${code(id)} counts as having ${listOf(gained, 3)} too, and will never run ${gained.length === 1 ? "it" : "them"}`
      : lost.length > 0
        ? text`a new database runs ${code(id)} without ${listOf(lost, 3)} before it, which it had to have until now`
        : graph.heads.length > history.graph.heads.length
          ? text`that leaves ${count(graph.heads.length, "head")} where the base branch has ${history.graph.heads.length}, and ${code("alembic upgrade head")} refuses to run`
          : text`databases that have ${code(id)} got there by another way than new ones will`;
  return {
    ...placeOf(after!, "down"),
    revision: id,
    message: text`${code(id)} is applied already and ${parents}: ${consequence}.`,
    help: text`Give it its parents back, and put new revisions above it:${block(`down_revision = ${literal(after!, after!.at.down, before.down)}`, "python")}${allow("reparented-revision")}`,
    related: [relatedTo(before, "down", text`what the base branch has`, history.base.commit)],
  };
}

function repair({ id, before, after, reparented }: Change, graph: Graph, history: History): Draft {
  const earlier = withAncestors(history.graph, reparented!.before);
  const gained = [...withAncestors(graph, reparented!.after)].filter(
    (one) => !earlier.has(one) && history.graph.revisions.has(one) && one !== id,
  );
  const heads = history.graph.heads.filter((head) => gained.includes(head));
  const rows = heads.map((head) => `DELETE FROM alembic_version WHERE version_num = '${head.replaceAll("'", "''")}';`).join("\n");
  return {
    ...placeOf(after!, "down"),
    severity: "notice",
    revision: id,
    message: text`${code(id)} builds on ${parentsText(reparented!.after)} now, which leaves ${count(graph.heads.length, "head")} where the base branch has ${history.graph.heads.length}: a repair, which a database that ran only one of the branches will not notice.`,
    help: text`A database that has ${code(id)} and not ${listOf(gained, 3)} never runs ${gained.length === 1 ? "it" : "them"}; look with ${code("alembic current")} wherever the base branch was deployed.${rows === "" ? text`` : text` Where both branches were run, only the upper one may stay in the version table:${block(rows, "sql")}`}`,
    related: [relatedTo(before, "down", text`what the base branch has`, history.base.commit)],
  };
}

function depends({ id, before, after }: Change, history: History): Draft {
  return {
    ...placeOf(after!, "dependsOn"),
    severity: "warning",
    revision: id,
    object: { kind: "header", name: "depends_on" },
    message: text`${code(id)} is applied already and depends on ${parentsText(after!.dependsOn)} now and not on ${parentsText(before.dependsOn)}: databases that have it ran in the old order, new ones run in another.`,
    help: text`Give it its ${code("depends_on")} back; a new revision can depend on what this one was to wait for. ${allow("reparented-revision")}`,
    related: [relatedTo(before, "dependsOn", text`what the base branch has`, history.base.commit)],
  };
}
