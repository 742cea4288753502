import { code, text } from "../text.ts";
import { causeOf, stopped, stopsGoingDown } from "./observed.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "irreversible-downgrade",
  family: "run",
  severity: "warning",
  summary: "downgrade() refuses on purpose",
  needs: ["run", "graph"],
  judge: ({ run, graph }) =>
    stopsGoingDown(run).flatMap((stop) => {
      const is = stop.revision === undefined ? undefined : graph.revisions.get(stop.revision)?.downgradeIs;
      if (causeOf(stop, is) !== "irreversible" || is === "missing") return [];
      return [
        stopped(
          graph,
          stop,
          "downgrade",
          text`downgrade() of ${code(stop.revision!)} refuses on purpose: this release cannot be rolled back past it.`,
          text`If that is meant, say so where it stands: ${code("# alembic-gate: ignore[irreversible-downgrade] -- why")}. What comes below it was run down by itself.`,
        ),
      ];
    }),
});
