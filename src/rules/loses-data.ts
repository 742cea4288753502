import type { Draft } from "../finding.ts";
import type { Graph } from "../project/graph.ts";
import type { Evidence } from "../run/evidence.ts";
import type { Loss } from "../run/rows.ts";
import { block, code, text } from "../text.ts";
import { amountOf, culpritOf, objectOf } from "./lost.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "loses-data",
  family: "data",
  severity: "warning",
  summary: "Up and down again, and rows or values of a table that survives are gone or others",
  needs: ["run", "graph"],
  wants: ["settings"],
  judge({ run, graph, settings }) {
    const all = run.rows?.losses ?? [];
    const losses = all.filter(({ how }) => how === "converted" || how === "downgrade");
    const cascaded = all.filter(({ how }) => how === "cascaded").flatMap((loss) => cascadeOf(run, graph, loss) ?? []);
    const others = losses.flatMap((loss): Draft[] => {
      const culprit = culpritOf(run, graph, loss);
      if (!culprit) return [];
      const { revision, place } = culprit;
      const object = objectOf(loss);
      const whole = loss.column === undefined;
      return [
        {
          ...place,
          revision,
          object,
          ...(settings?.downgrades === "optional" && { severity: "notice" as const }),
          message:
            loss.how === "converted"
              ? text`upgrade() of ${code(revision)} converts ${object.kind} ${code(object.name)}, and downgrade() cannot bring back what was there: ${amountOf(loss)}.`
              : whole
                ? text`downgrade() of ${code(revision)} deletes rows of ${code(object.name)} that were there before upgrade(): ${amountOf(loss)}.`
                : text`downgrade() of ${code(revision)} loses what upgrade() had kept of ${object.kind} ${code(object.name)}: ${amountOf(loss)}.`,
          help:
            loss.how === "converted"
              ? text`Keep what was there, in a column of its own, until nobody will go back; or let downgrade() raise, so that nobody takes it for a way back.`
              : whole
                ? text`Let downgrade() delete only what upgrade() has put there.`
                : text`Rename the column back, or copy its values back before it is dropped.`,
          evidence: text`Seen on ${run.rows!.source === "seed" ? "the project's own rows" : "made-up rows"}, before upgrade() and after downgrade().`,
        },
      ];
    });
    return [...cascaded, ...others];
  },
});

/** A table on SQLite loses rows since another one is dropped and made anew: nobody means that. */
function cascadeOf(run: Evidence, graph: Graph, loss: Loss): Draft | undefined {
  const culprit = culpritOf(run, graph, loss);
  if (!culprit) return undefined;
  const { revision, place } = culprit;
  const object = objectOf(loss);
  return {
    ...place,
    severity: "error",
    revision,
    object,
    message: text`upgrade() of ${code(revision)} drops ${code(loss.by!)} while foreign keys are enforced, so SQLite ${loss.column === undefined ? "deletes the rows of" : "clears"} ${code(object.name)} that refer to it: ${amountOf(loss)}.`,
    help: text`Switch foreign keys off in env.py while migrations run, before a transaction begins: ${block(
      `connection.exec_driver_sql("PRAGMA foreign_keys = OFF")\nconnection.commit()`,
      "python",
    )}`,
    evidence: text`Seen on ${run.rows!.source === "seed" ? "the project's own rows" : "made-up rows"}, before upgrade() and after it. ON DELETE holds for DROP TABLE as well.`,
  };
}
