import type { Neighbour } from "../history/neighbours.ts";
import type { Graph } from "../project/graph.ts";
import type { Revision } from "../project/revision.ts";
import { block, code, listOf, text } from "../text.ts";
import { literal, placeOf } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "colliding-pull-request",
  family: "graph",
  severity: "notice",
  summary: "Another open pull request builds on the same revision: whoever comes second has to re-parent",
  needs: ["graph", "history"],
  wants: ["neighbours"],
  judge({ graph, history, neighbours = [] }) {
    if (!graph.complete) return [];
    const entries = history.added
      .map((id) => graph.revisions.get(id))
      .filter((revision) => revision !== undefined)
      .filter(({ down }) => down.some((parent) => history.graph.revisions.has(parent)));
    const colliding = neighbours.flatMap((neighbour) => {
      const both = collision(neighbour, graph, history.graph);
      const entry =
        both && entries.find(({ down }) => both.added.some((other) => other.down.some((parent) => down.includes(parent))));
      return entry ? [{ number: neighbour.number, entry, head: both.head }] : [];
    });
    const branch = /^[\w./-]+$/.test(history.base.label) ? history.base.label : "HEAD";
    return entries.flatMap((entry) => {
      const others = colliding.filter((one) => one.entry === entry);
      const [first] = others;
      if (!first) return [];
      const several = others.length > 1;
      const numbers = listOf(others.map(({ number }) => `#${number}`));
      return [
        {
          ...placeOf(entry, "down"),
          revision: entry.id,
          message: text`Merging after ${numbers} makes two heads: ${several ? "these open pull requests build" : "this open pull request builds"} on ${listOf(entry.down)} as ${code(entry.id)} does. Whoever comes second re-parents.`,
          help: text`Nothing to do before one of them is merged. Then get the base branch and build on its head:${block(`git pull origin ${branch}\nnpx alembic-gate fix --yes`, "sh")}After ${code(`#${first.number}`)} that is${block(`down_revision = ${literal(entry, entry.at.down, [first.head])}`, "python")}`,
        },
      ];
    });
  },
});

type Parents = ReadonlyMap<string, readonly string[]>;

const headsOf = (parents: Parents): string[] => {
  const named = new Set([...parents.values()].flat());
  return [...parents.keys()].filter((id) => !named.has(id));
};

/**
 * What another pull request adds and the head that it leaves beside ours, where each of both is sound without the other.
 *
 * @returns undefined where merging both leaves no more heads than each alone
 */
export function collision(
  { revisions }: Neighbour,
  graph: Pick<Graph, "parents" | "heads" | "revisions">,
  base: Pick<Graph, "parents" | "revisions">,
): { added: readonly Revision[]; head: string } | undefined {
  const added = revisions.filter(({ id }) => !base.revisions.has(id));
  // Labels say that a branch is meant; what only Python can tell is not guessed at.
  if (added.some(({ labels, computed, problem }) => labels.length > 0 || computed || problem)) return undefined;
  const theirs = added.map(({ id, down }): [string, readonly string[]] => [id, down]);
  const both = headsOf(new Map([...graph.parents, ...theirs]));
  if (both.length <= Math.max(graph.heads.length, headsOf(new Map([...base.parents, ...theirs])).length)) return undefined;
  const head = both.find((id) => !graph.revisions.has(id));
  return head === undefined ? undefined : { added, head };
}
