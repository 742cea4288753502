import type { Draft } from "../finding.ts";
import { block, code, listOf, text } from "../text.ts";
import { allow, literal, placeOf, relatedTo, unreleased } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "inserted-revision",
  family: "history",
  severity: "error",
  summary: "A new revision stands below one that the base branch has",
  needs: ["graph", "history"],
  wants: ["settings"],
  judge({ graph, history, settings }) {
    const added = new Set(history.added);
    const renamed = new Set([...history.changes.values()].map(({ becameId }) => becameId));
    return [...history.changes.values()].flatMap(({ id, before, after, reparented }): Draft[] => {
      if (!reparented || !after) return [];
      const above = reparented.after.filter((parent) => added.has(parent) && !renamed.has(parent));
      if (above.length === 0) return [];
      const all = new Set(above);
      for (const one of all) for (const parent of graph.parents.get(one) ?? []) if (added.has(parent)) all.add(parent);
      // As many or fewer in the place of some that were taken out are a squash: deleted-revision tells it.
      const gone = [...history.changes.values()].filter(({ body }) => body === "deleted").length;
      const replaced = reparented.before.some((parent) => history.changes.get(parent)?.body === "deleted");
      if (replaced && all.size <= gone) return [];
      const first = graph.revisions.get(above[0]!)!;
      const head = history.graph.heads.length === 1 ? history.graph.heads[0]! : undefined;
      const bottom = graph.revisions.get([...all].at(-1)!)!;
      const old = literal(after, after.at.down, before.down);
      const stand = all.size === 1 ? "stands" : "stand";
      const place = {
        ...placeOf(first, "down"),
        revision: first.id,
        related: [
          relatedTo(after, "down", text`the applied revision that builds on it now`),
          relatedTo(before, "down", text`what the base branch has`, history.base.commit),
        ],
      };
      if (history.unreleased.has(id)) return [unreleased(place, [id], text`${listOf([...all], 3)} ${stand} below ${code(id)}`)];
      return [
        {
          ...place,
          message: text`${listOf([...all], 3)} ${stand} below ${code(id)}, which is applied already: a database that has ${code(id)} will never run ${all.size === 1 ? "it" : "them"}.`,
          help: text`Put ${all.size === 1 ? "the new revision" : "the new revisions"} above the head instead. In ${code(after.file)}:${block(`down_revision = ${old}`, "python")}${
            head === undefined
              ? text``
              : text`and in ${code(bottom.file)}:${block(`down_revision = ${literal(bottom, bottom.at.down, [head])}`, "python")}`
          }${allow("inserted-revision", settings)}`,
        },
      ];
    });
  },
});
