import type { Draft } from "../finding.ts";
import type { Graph } from "../project/graph.ts";
import { code, text, type Text } from "../text.ts";
import { placeOf, relatedTo } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "revision-cycle",
  family: "graph",
  severity: "error",
  summary: "Revisions build on each other in a circle",
  needs: ["graph"],
  wants: ["history"],
  judge: ({ graph, history }) =>
    graph.cycles.map((cycle): Draft => {
      const changed = (id: string) => {
        const change = history?.changes.get(id);
        return history !== undefined && (!change || change.reparented !== undefined || change.dependenciesChanged);
      };
      const known = new Set(cycle);
      const id = cycle.find(changed) ?? cycle[0]!;
      const start = cycle.indexOf(id);
      const path = [...cycle.slice(start), ...cycle.slice(0, start), id];
      const edge = (child: string, parent: string) => (graph.parents.get(child)?.includes(parent) ? "down" : "dependsOn");
      const consequence = noticed(graph)
        ? "Alembic refuses to load any revision"
        : "no order exists in which they could run, and Alembic walks in the circle for ever or runs them in a wrong one";
      const arrows: Text = path.flatMap((one, index) => [...(index === 0 ? [] : text` → `), code(one)]);
      return {
        ...placeOf(graph.revisions.get(id)!, edge(id, path[1]!)),
        revision: id,
        preexisting:
          history?.graph.cycles.some((other) => other.length === cycle.length && other.every((one) => known.has(one))) ?? false,
        message:
          cycle.length === 1
            ? text`${code(id)} ${edge(id, id) === "down" ? "builds on" : "depends on"} itself: Alembic refuses to load any revision.`
            : text`${code(id)} comes before itself (${arrows}): ${consequence}.`,
        help: text`Build ${code(id)} on the revision that comes before it.`,
        related: path
          .slice(1, -1)
          .map((one, index) =>
            relatedTo(
              graph.revisions.get(one)!,
              edge(one, path[index + 2]!),
              text`${code(one)} builds on ${code(path[index + 2]!)}`,
            ),
          ),
      };
    }),
});

/** Whether Alembic sees it: it looks for revisions that cannot be reached from the heads or from the bases. */
function noticed(graph: Graph): boolean {
  const reach = (from: readonly string[], next: (id: string) => readonly string[]) => {
    const reached = new Set(from);
    for (const id of reached) for (const other of next(id)) reached.add(other);
    return reached.size;
  };
  const all = (id: string) => [...(graph.parents.get(id) ?? []), ...(graph.dependencies.get(id) ?? [])];
  const children = new Map<string, string[]>();
  for (const id of graph.revisions.keys())
    for (const parent of all(id)) children.set(parent, [...(children.get(parent) ?? []), id]);
  const tops = [...graph.revisions.keys()].filter((id) => !children.has(id));
  const roots = [...graph.revisions.keys()].filter((id) => all(id).length === 0);
  return reach(tops, all) < graph.revisions.size || reach(roots, (id) => children.get(id) ?? []) < graph.revisions.size;
}
