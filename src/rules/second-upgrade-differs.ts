import type { Draft } from "../finding.ts";
import { describeState } from "../postgres/describe.ts";
import { code, text } from "../text.ts";
import { phasesOf, placeOf } from "./observed.ts";
import { rule } from "./rule.ts";
import { creationOf } from "./tracing.ts";
import { ownerAmong } from "./unrestored.ts";

export default rule({
  id: "second-upgrade-differs",
  family: "run",
  severity: "error",
  summary: "Upgrade after downgrade gives another schema than the first upgrade",
  needs: ["run", "graph"],
  judge: ({ run, graph }) =>
    phasesOf(run, "upgrade-again", "history-upgrade").flatMap((phase) =>
      (phase.compared?.differences ?? []).map((difference): Draft => {
        const creation = creationOf(run, difference);
        const revision = phase.id === "upgrade-again" ? ownerAmong(phase, run, difference) : creation?.revision;
        const statement = creation?.revision === revision ? creation?.statement : undefined;
        return {
          ...(statement?.file ? { file: statement.file, line: statement.line } : placeOf(graph, revision, "upgrade")),
          ...(revision !== undefined && { revision }),
          object: { kind: difference.kind, name: difference.name },
          message: text`A second upgrade gives another schema than the first: ${describeState(difference)}. Databases will differ by their history.`,
          help: text`Look for what downgrade() leaves behind, and for ${code("IF NOT EXISTS")} or ${code("checkfirst")} in upgrade() that then keeps the stale object.`,
        };
      }),
    ),
});
