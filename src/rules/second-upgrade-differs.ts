import type { Draft } from "../finding.ts";
import { describeState } from "../postgres/describe.ts";
import { code, text } from "../text.ts";
import { creationOf, phasesOf, placeOf } from "./observed.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "second-upgrade-differs",
  family: "run",
  severity: "error",
  summary: "Upgrade after downgrade gives another schema than the first upgrade",
  needs: ["run", "graph"],
  judge: ({ run, graph }) =>
    phasesOf(run, "upgrade-again", "history-upgrade").flatMap(({ compared }) =>
      (compared?.differences ?? []).map((difference): Draft => {
        const creation = creationOf(run, difference);
        const place = creation?.statement?.file
          ? { file: creation.statement.file, line: creation.statement.line }
          : placeOf(graph, creation?.revision, "upgrade");
        return {
          ...place,
          ...(creation && { revision: creation.revision }),
          object: { kind: difference.kind, name: difference.name },
          message: text`A second upgrade gives another schema than the first: ${describeState(difference)}. Databases will differ by their history.`,
          help: text`Look for what downgrade() leaves behind, and for ${code("IF NOT EXISTS")} or ${code("checkfirst")} in upgrade() that then keeps the stale object.`,
        };
      }),
    ),
});
