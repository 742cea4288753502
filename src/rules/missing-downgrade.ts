import { listOf, code, text } from "../text.ts";
import { creationOf, placeOf, unrestored } from "./observed.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "missing-downgrade",
  family: "run",
  severity: "error",
  summary: "upgrade() changes the schema, downgrade() is empty",
  needs: ["run", "graph"],
  judge({ run, graph }) {
    const left = unrestored(run);
    return [...new Set(left.map(({ revision }) => revision))].flatMap((revision) => {
      const items = left.filter((item) => item.revision === revision);
      const found = revision === undefined ? undefined : graph.revisions.get(revision);
      if (!found || (found.downgradeIs !== "empty" && found.downgradeIs !== "missing")) return [];
      const what = items.map(({ difference }) => `${difference.kind} ${difference.name}`);
      const where = placeOf(graph, revision, "downgrade");
      const statement = creationOf(run, items[0]!.difference)?.statement;
      return [
        {
          ...where,
          revision: found.id,
          message: text`${found.downgradeIs === "missing" ? "There is no downgrade()" : "downgrade() does nothing"} in ${code(found.id)}, but upgrade() changes the schema: ${listOf(what)} ${what.length === 1 ? "stays" : "stay"} after a rollback.`,
          help: text`Undo in downgrade() what upgrade() does, in reverse order. If there is no way back, raise an error there, so that a rollback stops instead of pretending.`,
          ...(statement?.file && { related: [{ file: statement.file, line: statement.line, message: text`upgrade() changes it here` }] }),
        },
      ];
    });
  },
});
