import { block, code, text } from "../text.ts";
import { literal, placeOf, relatedTo } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "new-base",
  family: "graph",
  severity: "warning",
  summary: "A new revision builds on nothing although there is a history to build on",
  needs: ["graph", "history", "environment"],
  judge({ graph, history, environment }) {
    if (history.graph.bases.length === 0) return [];
    // A squash writes the beginning anew: deleted-revision tells it.
    if (history.graph.bases.some((id) => history.changes.get(id)?.body === "deleted")) return [];
    const folderOf = (file: string) => environment.versionFolders.find((folder) => file.startsWith(`${folder}/`));
    const inUse = new Set([...history.graph.revisions.values()].map(({ file }) => folderOf(file)));
    return history.added
      .map((id) => graph.revisions.get(id)!)
      .filter(
        ({ id, labels, computed, file }) =>
          graph.bases.includes(id) && labels.length === 0 && !computed?.includes("labels") && inUse.has(folderOf(file)),
      )
      .map((revision) => {
        const head = history.graph.heads[0];
        return {
          ...placeOf(revision, "down"),
          revision: revision.id,
          message: text`${code(revision.id)} builds on nothing and begins a second history: on an existing database it runs beside all that is there, and nothing says in which order.`,
          help:
            head === undefined
              ? text`Name the revision that it builds on.`
              : text`Build on the head, or give the new branch a label (${code("branch_labels")}) if it is meant:${block(`down_revision = ${literal(revision, revision.at.down, [head])}`, "python")}`,
          related: history.graph.bases
            .slice(0, 1)
            .map((base) => relatedTo(history.graph.revisions.get(base)!, "revision", text`the history begins here`)),
        };
      });
  },
});
