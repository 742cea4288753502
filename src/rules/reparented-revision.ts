import type { Draft } from "../finding.ts";
import type { Change, History } from "../history/history.ts";
import type { Graph } from "../project/graph.ts";
import type { Evidence } from "../run/evidence.ts";
import { block, code, count, listOf, text, type Text } from "../text.ts";
import {
  allow,
  literal,
  oldParents,
  parentsText,
  placeOf,
  relatedTo,
  repairsHeads,
  sqlText,
  unreleased,
  withAncestors,
  withPredecessors,
} from "./lineage.ts";
import { rule, type Facts } from "./rule.ts";

export default rule({
  id: "reparented-revision",
  family: "history",
  severity: "error",
  summary: "A revision that the base branch has builds on another one now",
  needs: ["graph", "history"],
  wants: ["run", "settings"],
  judge({ graph, history, run, settings }) {
    return [...history.changes.values()].flatMap((change): Draft[] => {
      if (!change.after || (!change.reparented && !change.dependenciesChanged)) return [];
      // What was a dependency may become a parent: the same revisions come before it, whatever the header calls them.
      const moreHeads = graph.heads.length > history.graph.heads.length;
      if (!moreHeads && same(withPredecessors(history.graph, [change.id]), withPredecessors(graph, [change.id]))) return [];
      const free = history.unreleased.has(change.id);
      if (!change.reparented) return [free ? untagged(change, "dependsOn", history) : depends(change, history, settings)];
      if (followsFromOthers(change.id, graph, history)) return [];
      const gone = brokenOnBase(change, graph, history);
      if (gone) return [mended(change, gone, history)];
      if (repairsHeads(change.id, { graph, history })) return [repair(change, graph, history, run)];
      return [free ? untagged(change, "down", history) : moved(change, graph, history, settings)];
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

function untagged({ id, before, after }: Change, what: "down" | "dependsOn", history: History): Draft {
  const place = {
    ...placeOf(after!, what),
    revision: id,
    related: [relatedTo(before, what, text`what the base branch has`, history.base.commit)],
  };
  return unreleased(place, [id], text`${code(id)} comes after other revisions now than on the base branch`);
}

function moved(
  { id, before, after, reparented }: Change,
  graph: Graph,
  history: History,
  settings: Facts["settings"] | undefined,
): Draft {
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
    help: text`Give it its parents back, and put new revisions above it:${block(`down_revision = ${literal(after!, after!.at.down, before.down)}`, "python")}${allow("reparented-revision", settings)}`,
    related: [relatedTo(before, "down", text`what the base branch has`, history.base.commit)],
  };
}

/** Which databases a repair leaves without something, and what brings it to them. */
function repair({ id, before, after, reparented }: Change, graph: Graph, history: History, run: Evidence | undefined): Draft {
  const earlier = withAncestors(history.graph, reparented!.before);
  const gained = [...withAncestors(graph, reparented!.after)].filter(
    (one) => !earlier.has(one) && history.graph.revisions.has(one) && one !== id,
  );
  const first = gained.length === 1;
  const heads = history.graph.heads.filter((head) => gained.includes(head));
  // Whoever stands above it on the branch that was moved, and has not run the other one.
  const above = history.graph.heads.filter((head) => withAncestors(history.graph, [head]).has(id));
  const rows = heads.map((head) => `DELETE FROM alembic_version WHERE version_num = ${sqlText(head)};`).join("\n");
  const both =
    rows === ""
      ? text``
      : text` Where both branches were run, only the upper one may stay in the version table, or Alembic stops with "overlaps":${block(rows, "sql")}`;
  return {
    ...placeOf(after!, "down"),
    severity: "notice",
    revision: id,
    message: text`${code(id)} builds on ${parentsText(reparented!.after)} now: a repair of heads, which leaves ${count(graph.heads.length, "head")} where the base branch has ${history.graph.heads.length}${
      gained.length === 0
        ? text``
        : text`; databases that have ${code(id)} and not ${listOf(gained, 3)} will skip ${first ? "it" : "them"} without a word`
    }.`,
    help:
      gained.length === 0
        ? text`Nothing needs to be done.`
        : text`Before the merge, look with ${code("alembic current")} wherever the base branch was deployed. A database whose version table names ${listOf(above.length > 0 ? above : [id], 3)} alone lacks ${listOf(gained, 3)}: ${bring(gained, run)}${both}`,
    related: [relatedTo(before, "down", text`what the base branch has`, history.base.commit)],
  };
}

/** What brings skipped revisions to a database: the SQL that they executed in the run, else the command that runs them in time. */
function bring(gained: readonly string[], run: Evidence | undefined): Text {
  const steps = (run?.phases ?? [])
    .filter(({ id }) => id === "base")
    .flatMap(({ steps }) => steps)
    .filter(({ revision, ended }) => ended && gained.includes(revision));
  const statements = steps.flatMap(({ statements }) => statements.filter(({ error }) => !error));
  const known = steps.length === gained.length && statements.every(({ parameters }) => parameters === null);
  const before = text`run ${code("alembic upgrade heads")} there with the base branch's files, as long as it has both branches`;
  return known && statements.length > 0
    ? text`${before}, or afterwards:${block(statements.map(({ sql }) => `${sql.trim().replace(/;$/, "")};`).join("\n"), "sql")}`
    : text`${before}.`;
}

function depends({ id, before, after }: Change, history: History, settings: Facts["settings"] | undefined): Draft {
  return {
    ...placeOf(after!, "dependsOn"),
    severity: "warning",
    revision: id,
    object: { kind: "header", name: "depends_on" },
    message: text`${code(id)} is applied already and depends on ${parentsText(after!.dependsOn)} now and not on ${parentsText(before.dependsOn)}: databases that have it ran in the old order, new ones run in another.`,
    help: text`Give it its ${code("depends_on")} back; a new revision can depend on what this one was to wait for. No database changes by itself. ${allow("reparented-revision", settings)}`,
    related: [relatedTo(before, "dependsOn", text`what the base branch has`, history.base.commit)],
  };
}
