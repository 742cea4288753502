import { listOf, code, text } from "../text.ts";
import { placeOf, stopsGoingDown } from "./observed.ts";
import { rule } from "./rule.ts";
import { changeIn } from "./tracing.ts";
import { isMinor, unrestored } from "./unrestored.ts";

export default rule({
  id: "missing-downgrade",
  family: "run",
  severity: "error",
  summary: "upgrade() changes the schema, downgrade() is empty",
  needs: ["run", "graph"],
  judge({ run, graph }) {
    // Enum labels and extensions stay by nature; leftover-after-downgrade names them.
    const left = unrestored(run).filter(({ difference }) => !isMinor(difference));
    const isMissing = (revision: string) => graph.revisions.get(revision)?.downgradeIs === "missing";
    const stopped = stopsGoingDown(run)
      .flatMap(({ revision }) => revision ?? [])
      .filter(isMissing);
    return [...new Set([...left.map(({ revision }) => revision), ...stopped])].flatMap((revision) => {
      const found = revision === undefined ? undefined : graph.revisions.get(revision);
      if (!found || (found.downgradeIs !== "empty" && found.downgradeIs !== "missing")) return [];
      const items = left.filter((item) => item.revision === revision).map(({ difference }) => difference);
      const what = items.map(({ kind, name }) => `${kind} ${name}`);
      const statement = items[0] && changeIn(run, items[0], found.id);
      const stays =
        what.length === 0
          ? text`a rollback stops here`
          : text`${listOf(what)} ${what.length === 1 ? "stays" : "stay"} after a rollback`;
      return [
        {
          ...placeOf(graph, revision, found.downgrade ? "downgrade" : "upgrade"),
          revision: found.id,
          message: text`${found.downgradeIs === "missing" ? "There is no downgrade()" : "downgrade() does nothing"} in ${code(found.id)}, but upgrade() changes the schema: ${stays}.`,
          help: text`Undo in downgrade() what upgrade() does, in reverse order. If there is no way back, raise an error there, so that a rollback stops instead of pretending.`,
          ...(statement?.file && {
            related: [{ file: statement.file, line: statement.line, message: text`upgrade() changes it here` }],
          }),
        },
      ];
    });
  },
});
