import { code, text } from "../text.ts";
import { causeOf, firstLine, phasesOf, stopped } from "./observed.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "downgrade-failed",
  family: "run",
  severity: "error",
  summary: "downgrade() raises right after its own upgrade()",
  needs: ["run", "graph"],
  judge: ({ run, graph }) =>
    phasesOf(run, "downgrade", "history-downgrade").flatMap(({ stop }) => {
      const is = stop?.revision === undefined ? undefined : graph.revisions.get(stop.revision)?.downgradeIs;
      // A missing one is for missing-downgrade to say.
      if (!stop || !["fault", "extension", "role"].includes(causeOf(stop, is)) || is === "missing") return [];
      return [
        stopped(
          graph,
          stop,
          "downgrade",
          text`downgrade() of ${code(stop.revision!)} fails: ${firstLine(stop.raised.message)}. A rollback of this release would stop here.`,
          text`Mend downgrade() so that it undoes upgrade() in reverse order, then run ${code(`alembic downgrade ${stop.revision}:-1`)}`,
        ),
      ];
    }),
});
