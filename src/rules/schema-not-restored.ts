import type { Draft } from "../finding.ts";
import { describeState } from "../postgres/describe.ts";
import { code, text } from "../text.ts";
import { placeOf } from "./observed.ts";
import { rule } from "./rule.ts";
import { definitionBefore } from "./tracing.ts";
import { isMinor, unrestored } from "./unrestored.ts";

export default rule({
  id: "schema-not-restored",
  family: "run",
  severity: "error",
  summary: "After downgrade() something is gone or different from before upgrade()",
  needs: ["run", "graph"],
  judge: ({ run, graph }) =>
    unrestored(run).flatMap(({ revision, difference }): Draft[] => {
      const is = revision === undefined ? undefined : graph.revisions.get(revision)?.downgradeIs;
      if (difference.change === "added" || isMinor(difference) || is === "empty" || is === "missing") return [];
      // Rows may hold NULL by then: many teams bring a column back without its NOT NULL on purpose.
      const nullableAgain =
        difference.kind === "column" &&
        difference.properties.length > 0 &&
        difference.properties.every(({ name, after }) => name === "nullable" && after === true);
      const who = revision === undefined ? text`${code("downgrade base")}` : text`downgrade() of ${code(revision)}`;
      const statement = definitionBefore(run, difference, revision);
      return [
        {
          ...placeOf(graph, revision, "downgrade"),
          ...(revision !== undefined && { revision }),
          ...(nullableAgain && { severity: "warning" as const }),
          object: { kind: difference.kind, name: difference.name },
          message: text`${who} does not bring the schema back: ${describeState(difference)}.`,
          help: text`Write in downgrade() what was there before: type, nullability, default, name and options. The old definition stands in the revision that created it.`,
          ...(statement?.file && {
            related: [{ file: statement.file, line: statement.line, message: text`this is the definition that was there` }],
          }),
        },
      ];
    }),
});
