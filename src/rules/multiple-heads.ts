import type { Draft, Fix } from "../finding.ts";
import type { History } from "../history/history.ts";
import type { Environment } from "../project/environment.ts";
import type { Graph } from "../project/graph.ts";
import type { Revision } from "../project/revision.ts";
import { block, code, count, text, type Text } from "../text.ts";
import { alembic, literal, parentsText, placeOf, quoted, relatedTo, unlessUnknowable, withAncestors } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "multiple-heads",
  family: "graph",
  severity: "error",
  summary: "There are more heads than the base branch has, and they are not meant",
  needs: ["graph", "environment"],
  wants: ["history", "settings"],
  judge({ graph, environment, history, settings }) {
    // With an id that stands for two revisions nobody can tell what the heads are: duplicate-revision comes first.
    const doubled = graph.duplicates.some(({ id }) => !history?.graph.duplicates.some((other) => other.id === id));
    if (!graph.complete || doubled) return [];
    if (history && joined(graph, history).length > 0) return joined(graph, history);
    const allowed = Math.max(settings?.expectedHeads ?? 1, history?.graph.heads.length ?? 0);
    const meant = meantBranches(graph, environment, history);
    const surplus = graph.heads.length - meant.size - allowed;
    if (surplus <= 0) return [];
    const candidates = graph.heads.filter((head) => !meant.has(head)).map((head) => describeHead(head, graph, history));
    const blamed = candidates.sort((a, b) => a.rank - b.rank || b.order - a.order).slice(0, surplus);
    const left = graph.heads.filter((head) => !blamed.some(({ id }) => id === head));
    return blamed.map((head) => ({
      ...draftFor(head, otherHead(head.id, left, graph), graph, environment, history),
      ...unlessUnknowable(environment),
    }));
  },
});

/** New merge revisions that leave fewer heads than the base branch has: the pull request repaired them, and is told so. */
function joined(graph: Graph, history: History): Draft[] {
  if (graph.heads.length >= history.graph.heads.length) return [];
  return history.added
    .map((id) => graph.revisions.get(id)!)
    .filter(({ down }) => down.filter((parent) => history.graph.heads.includes(parent)).length > 1)
    .map((revision) => ({
      ...placeOf(revision, "down"),
      severity: "notice",
      revision: revision.id,
      message: text`${code(revision.id)} joins ${parentsText(revision.down)}: a repair of heads, which leaves ${count(graph.heads.length, "head")} where the base branch has ${history.graph.heads.length}.`,
      help: text`Nothing needs to be done: databases run what they lack of each branch, whichever they stand at.`,
    }));
}

interface Head {
  id: string;
  /** The first of the new revisions that lead to it and to no other head; none where the head is not new. */
  entry?: string;
  /** Lower is blamed first: a new revision that starts below a head, a revision that lost its child, a new one on a head. */
  rank: number;
  order: number;
}

function describeHead(id: string, graph: Graph, history: History | undefined): Head {
  const order = [...graph.revisions.keys()].indexOf(id);
  if (!history) return { id, entry: id, rank: 0, order };
  const isNew = (one: string) => !history.graph.revisions.has(one);
  if (!isNew(id)) return { id, rank: history.graph.heads.includes(id) ? 3 : 1, order };
  const lineage = withAncestors(graph, [id]);
  const onHead = history.graph.heads.some((head) => lineage.has(head));
  const shared = withAncestors(
    graph,
    graph.heads.filter((head) => head !== id),
  );
  let entry = id;
  for (;;) {
    const above = (graph.parents.get(entry) ?? []).filter((parent) => isNew(parent) && !shared.has(parent));
    if (above.length !== 1 || above[0] === id) break;
    entry = above[0]!;
  }
  return { id, entry, rank: onHead ? 2 : 0, order };
}

/** Heads of branches that somebody made on purpose: new ones with a label or a version folder of their own. */
function meantBranches(graph: Graph, environment: Environment, history: History | undefined): Set<string> {
  const meant = new Set<string>();
  if (graph.heads.length < 2) return meant;
  const lineages = new Map(graph.heads.map((head) => [head, withAncestors(graph, [head])]));
  const folderOf = ({ file }: Revision) =>
    environment.versionFolders
      .filter((folder) => folder === "" || file.startsWith(`${folder}/`))
      .sort((a, b) => b.length - a.length)[0];
  const isNew = (id: string) => {
    const change = history?.changes.get(id);
    return !history || !change || change.labelsChanged;
  };
  for (const head of graph.heads) {
    const others = graph.heads.filter((other) => other !== head).map((other) => lineages.get(other)!);
    const own = [...lineages.get(head)!]
      .filter((id) => !others.some((lineage) => lineage.has(id)))
      .map((id) => graph.revisions.get(id)!);
    const labelled = own.some(
      (revision) => (revision.labels.length > 0 || revision.computed?.includes("labels")) && isNew(revision.id),
    );
    const folders = new Set(own.map(folderOf));
    const rest = [...(history?.graph ?? graph).revisions.values()].filter((revision) => !own.includes(revision));
    const elsewhere = new Set(rest.map(folderOf));
    const apart =
      own.every(({ id }) => isNew(id)) &&
      own.some(({ down }) => down.length === 0) &&
      ![...folders].some((folder) => elsewhere.has(folder));
    if (labelled || apart) meant.add(head);
  }
  return meant;
}

/** Of the other heads the one that shares most with a head. */
function otherHead(head: string, left: readonly string[], graph: Graph): string | undefined {
  const own = withAncestors(graph, [head]);
  const shared = (other: string) => [...withAncestors(graph, [other])].filter((id) => own.has(id)).length;
  return [...left].sort((a, b) => shared(b) - shared(a))[0];
}

function draftFor(
  head: Head,
  other: string | undefined,
  graph: Graph,
  environment: Environment,
  history: History | undefined,
): Draft {
  const revision = graph.revisions.get(head.id)!;
  const entry = head.entry === undefined ? undefined : graph.revisions.get(head.entry)!;
  const rival = other === undefined ? undefined : graph.revisions.get(other)!;
  const consequence = text`there are ${graph.heads.length} heads once it is merged, and ${code("alembic upgrade head")} refuses to run`;
  const merge = block(
    alembic(
      environment,
      `merge -m "merge heads" ${[other, head.id]
        .filter((id) => id !== undefined)
        .map(quoted)
        .join(" ")}`,
    ),
    "sh",
  );
  const related = rival ? [relatedTo(rival, "revision", text`the other head`)] : [];
  if (!entry) {
    const childless = [...(history?.changes.values() ?? [])].find(
      ({ before, after }) => before.down.includes(head.id) && !after?.down.includes(head.id),
    );
    const place = childless?.after ? placeOf(childless.after, "down") : placeOf(revision, "revision");
    const why = childless
      ? childless.after
        ? text`${code(childless.id)} no longer builds on it`
        : text`${code(childless.id)} is deleted`
      : text`no revision builds on it`;
    return {
      ...place,
      revision: head.id,
      message: text`${code(head.id)} is a head now, since ${why}: ${consequence}.`,
      help: text`Give it a child again, or join the heads with a merge revision:${merge}`,
      related: [
        ...related,
        ...(childless?.after ? [relatedTo(revision, "revision", text`the revision that is a head now`)] : []),
      ],
    };
  }
  const chain = entry.id === head.id ? code(head.id) : text`${code(entry.id)}, and ${code(head.id)} with it,`;
  const builds = text`builds on ${parentsText(entry.down)}`;
  const instead = !rival
    ? builds
    : entry.down.length === 0
      ? text`starts from nothing beside the head ${code(rival.id)}${landedText(rival.id, history)}`
      : text`${builds} and not on the head ${code(rival.id)}${landedText(rival.id, history)}`;
  const parents = rival && parentsOnTopOf(rival.id, entry, graph);
  const line = parents && `down_revision = ${literal(entry, entry.at.down, parents)}`;
  return {
    ...placeOf(entry, "down"),
    revision: entry.id,
    message: text`${chain} ${instead}: ${consequence}.`,
    help: text`${line === undefined ? text`` : text`Build on that head:${block(line, "python")}or, where this revision has been run somewhere already, `}join the heads with a merge revision:${merge}`,
    related,
    ...(parents && { fix: onTopOf(entry, parents) }),
  };
}

/** When the other head came to the base branch, and whether the branch was cut before that. */
function landedText(id: string, history: History | undefined): Text {
  const landing = history?.landed.get(id);
  if (!landing) return history?.graph.revisions.has(id) ? text`, which the base branch has` : text``;
  return text`, which landed on the base branch on ${landing.date} (${code(landing.commit.slice(0, 12))}${landing.afterCut ? ", after this branch was cut" : ""})`;
}

/** The parents that put a revision on a head. A merge keeps those that the head does not come from. */
function parentsOnTopOf(head: string, { down }: Revision, graph: Graph): string[] {
  const below = withAncestors(graph, [head]);
  return down.length < 2 ? [head] : [...down.filter((parent) => !below.has(parent)), head];
}

/** What is no call: a computed parent must not be written over. */
const LITERAL = /^(?:None\b|[("'[])/;

/** Puts a revision on other parents, where its header says so plainly. */
function onTopOf(revision: Revision, parents: readonly string[]): Fix | undefined {
  const span = revision.at.down;
  const { file, source } = revision;
  if (!span?.value || !LITERAL.test(source.slice(span.value.start, span.value.end))) return undefined;
  const edit = (start: number, end: number, insert: string) => ({ file, start, end, expected: source.slice(start, end), insert });
  const edits = [edit(span.value.start, span.value.end, literal(revision, span, parents))];
  // The line of the docstring that the template writes; only where it says what the code says.
  const written = /^(Revises:[ \t]*)(\S.*?)[ \t]*$/m.exec(source.slice(0, span.value.start));
  if (written && written[2] === (revision.down.join(", ") || "None")) {
    const start = written.index + written[1]!.length;
    edits.unshift(edit(start, start + written[2].length, parents.join(", ")));
  }
  return { title: `Build ${revision.id} on ${parents.join(" and ")}`, edits };
}
