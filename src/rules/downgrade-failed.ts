import type { Evidence, Stop } from "../run/evidence.ts";
import { block, code, listOf, text, type Text } from "../text.ts";
import { below, command } from "./commands.ts";
import { bareName, causeOf, phasesOf, stopped, stopsGoingDown } from "./observed.ts";
import { firstLine, tableOfUnnamed } from "./raised.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "downgrade-failed",
  family: "run",
  severity: "error",
  summary: "downgrade() raises right after its own upgrade()",
  needs: ["run", "graph", "environment"],
  judge: ({ run, graph, environment }) =>
    stopsGoingDown(run).flatMap((stop) => {
      const is = stop.revision === undefined ? undefined : graph.revisions.get(stop.revision)?.downgradeIs;
      // A missing one is for missing-downgrade to say.
      if (!["fault", "extension", "role"].includes(causeOf(stop, is)) || is === "missing") return [];
      const repeat = text`Then run ${code(command(environment, "downgrade", below(graph, stop.revision!)))}`;
      return [
        stopped(
          graph,
          stop,
          "downgrade",
          text`downgrade() of ${code(stop.revision!)} fails: ${firstLine(stop.raised.message)}. A rollback of this release would stop here.`,
          text`${stop.passesAlone ? ALONE : wayOut(run, stop)} ${repeat}`,
        ),
      ];
    }),
});

const ALONE = text`Right after its own upgrade() it passes: what the downgrade of a later revision left behind stands in its way. Look at the database when it stops, and mend the later one.`;

function wayOut(run: Evidence, { revision, raised }: Stop): Text {
  const table = tableOfUnnamed(raised);
  if (table === undefined) return text`Mend downgrade() so that it undoes upgrade() in reverse order.`;
  const names = constraintsOf(run, revision!, table);
  if (names.length === 0) {
    return text`Postgres named the constraint by itself, ${code(`${table}_<columns>_fkey`)} as a rule: write that name in place of ${code("None")}. ${code(`\\d ${table}`)} in psql shows it.`;
  }
  const lines = names.map((name) => `op.drop_constraint(${JSON.stringify(name)}, ${JSON.stringify(table)})`);
  return text`upgrade() made ${listOf(names)}: write the name in place of ${code("None")}. ${block(lines.join("\n"), "python")}`;
}

/** The constraints that a revision's upgrade() made on a table, where its effect was seen. */
function constraintsOf(run: Evidence, revision: string, table: string): string[] {
  const step = phasesOf(run, "upgrade")
    .flatMap(({ steps }) => steps)
    .find((step) => step.revision === revision);
  const made = (step?.effect ?? []).filter(
    ({ change, kind, parent }) =>
      change === "added" && /constraint$|^foreign key$/.test(kind) && parent !== undefined && bareName(parent) === table,
  );
  return made.map(({ name }) => bareName(name));
}
