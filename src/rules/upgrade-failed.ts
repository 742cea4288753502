import { code, text } from "../text.ts";
import { command } from "./commands.ts";
import { causeOf, phasesOf, stopped } from "./observed.ts";
import { firstLine } from "./raised.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "upgrade-failed",
  family: "run",
  severity: "error",
  summary: "upgrade() raises on a database that stands where production stands",
  needs: ["run", "graph", "environment"],
  judge: ({ run, graph, environment }) =>
    phasesOf(run, "base", "upgrade").flatMap(({ id, stop }) => {
      if (!stop || !["fault", "irreversible"].includes(causeOf(stop))) return [];
      const where = id === "base" ? "on the way from an empty database" : "on a database that has the base branch's revisions";
      return [
        stopped(
          graph,
          stop,
          "upgrade",
          text`upgrade() of ${code(stop.revision!)} fails ${where}: ${firstLine(stop.raised.message)}`,
          text`Mend upgrade(), then run ${code(command(environment, "upgrade", stop.revision!))} on a copy of the database to see it pass.`,
        ),
      ];
    }),
});
