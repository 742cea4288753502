import type { Draft } from "../finding.ts";
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
      const arrows: Text = path.flatMap((one, index) => [...(index === 0 ? [] : text` → `), code(one)]);
      return {
        ...placeOf(graph.revisions.get(id)!, edge(id, path[1]!)),
        revision: id,
        preexisting: history?.graph.cycles.some((other) => other.length === cycle.length && other.every((one) => known.has(one))) ?? false,
        message:
          cycle.length === 1
            ? text`${code(id)} ${edge(id, id) === "down" ? "builds on" : "depends on"} itself: Alembic refuses to load any revision.`
            : text`${code(id)} comes before itself (${arrows}): Alembic refuses to load any revision.`,
        help: text`Build ${code(id)} on the revision that comes before it.`,
        related: path.slice(1, -1).map((one, index) => relatedTo(graph.revisions.get(one)!, edge(one, path[index + 2]!), text`${code(one)} builds on ${code(path[index + 2]!)}`)),
      };
    }),
});
