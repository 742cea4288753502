import type { Draft } from "../finding.ts";
import type { Difference } from "../postgres/catalog.ts";
import { block, code, text, type Text } from "../text.ts";
import { placeOf } from "./observed.ts";
import { rule } from "./rule.ts";
import { createdHere, creationOf } from "./tracing.ts";
import { dropping } from "./undo.ts";
import { isMinor, unrestored } from "./unrestored.ts";

/** @param maker the revision whose downgrade() created it, if one did */
function wayOut(difference: Difference, maker: string | undefined): Text {
  if (maker !== undefined)
    return text`Before upgrade() of ${code(maker)} there was none of that name: do not create it on the way down, or drop it where its last user goes.`;
  const line = dropping(difference);
  if (line === undefined) return text`Take back in downgrade() what upgrade() did, in reverse order.`;
  return text`Add to downgrade(): ${block(line, "python")}`;
}

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
      const origin = creationOf(run, difference);
      // It was not there before upgrade(): going down brought it.
      const itself = origin?.direction === "downgrade" && origin.revision === revision;
      const made = related[0]?.line === undefined ? "" : `; ${itself ? "it" : "upgrade()"} created it at line ${related[0].line}`;
      return [
        {
          ...(itself && related[0] ? { file: related[0].file, line: related[0].line } : placeOf(graph, revision, "downgrade")),
          ...(revision !== undefined && { revision }),
          ...(minor && { severity: "notice" as const }),
          object,
          message: labels
            ? text`${who} leaves the labels that upgrade() added to ${difference.kind} ${code(difference.name)}.`
            : text`${who} leaves ${difference.kind} ${code(difference.name)}${made}.`,
          help: minor
            ? text`Postgres cannot take an enum label back and an extension may have other users: it is named so that you know.`
            : wayOut(difference, itself ? revision : undefined),
          related,
        },
      ];
    }),
});
