import type { Draft } from "../finding.ts";
import { block, code, text } from "../text.ts";
import { createdHere, isMinor, placeOf, unrestored } from "./observed.ts";
import { rule } from "./rule.ts";
import { dropping } from "./undo.ts";

export default rule({
  id: "leftover-after-downgrade",
  family: "run",
  severity: "error",
  summary: "downgrade() leaves something that upgrade() created",
  needs: ["run", "graph"],
  judge: ({ run, graph }) =>
    unrestored(run).flatMap(({ revision, difference }): Draft[] => {
      const is = revision === undefined ? undefined : graph.revisions.get(revision)?.downgradeIs;
      const minor = isMinor(difference);
      const labels = minor && difference.change === "changed";
      if ((difference.change !== "added" && !labels) || (!minor && (is === "empty" || is === "missing"))) return [];
      const object = { kind: difference.kind, name: difference.name };
      const who = revision === undefined ? text`${code("downgrade base")}` : text`downgrade() of ${code(revision)}`;
      const related = labels ? [] : createdHere(run, difference);
      const line = dropping(difference);
      const made = related[0]?.line === undefined ? "" : `; upgrade() created it at line ${related[0].line}`;
      return [
        {
          ...placeOf(graph, revision, "downgrade"),
          ...(revision !== undefined && { revision }),
          ...(minor && { severity: "notice" as const }),
          object,
          message: labels
            ? text`${who} leaves the labels that upgrade() added to ${difference.kind} ${code(difference.name)}.`
            : text`${who} leaves ${difference.kind} ${code(difference.name)}${made}.`,
          help: minor
            ? text`Postgres cannot take an enum label back and an extension may have other users: it is named so that you know.`
            : line === undefined
              ? text`Take back in downgrade() what upgrade() did, in reverse order.`
              : text`Add to downgrade(): ${block(line, "python")}`,
          related,
        },
      ];
    }),
});
