import { code, text } from "../text.ts";
import { causeOf, phasesOf, stopped } from "./observed.ts";
import { firstLine } from "./raised.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "second-upgrade-failed",
  family: "run",
  severity: "error",
  summary: "upgrade() works once, and no more after its own downgrade()",
  needs: ["run", "graph"],
  judge: ({ run, graph }) =>
    phasesOf(run, "upgrade-again", "history-upgrade").flatMap(({ stop }) => {
      if (!stop || !["fault", "irreversible"].includes(causeOf(stop))) return [];
      return [
        stopped(
          graph,
          stop,
          "upgrade",
          text`upgrade() of ${code(stop.revision!)} fails after a downgrade: ${firstLine(stop.raised.message)}. After a rollback nobody can deploy it again.`,
          text`Most often downgrade() leaves something that upgrade() creates anew, an enum type as a rule: drop it in downgrade() of the revision that made it.`,
        ),
      ];
    }),
});
