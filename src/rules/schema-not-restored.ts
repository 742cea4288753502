import type { Draft } from "../finding.ts";
import type { Difference } from "../postgres/catalog.ts";
import { describeState } from "../postgres/describe.ts";
import type { Evidence } from "../run/evidence.ts";
import { block, code, text, type Text } from "../text.ts";
import { nameParts, phasesOf, placeOf, unquoted } from "./observed.ts";
import { rule } from "./rule.ts";
import { definitionBefore, restorationIn } from "./tracing.ts";
import { isMinor, unrestored } from "./unrestored.ts";

/** Whether the upgrade() of the pull request dropped a column that is there again. */
const isBack = (run: Evidence, { name }: Difference): boolean =>
  [run.schema, ...phasesOf(run, "upgrade").flatMap(({ steps }) => steps.map(({ effect }) => effect))].some((differences) =>
    differences?.some((other) => other.change === "removed" && other.kind === "column" && other.name === name),
  );

/**
 * Whether a column only came back in a way that suits rows of which nobody knows any more what stood in it: many teams leave NULL
 * or a default there on purpose.
 */
function isForRows(run: Evidence, difference: Difference): boolean {
  const suits = ({ name, before, after }: Difference["properties"][number]) =>
    (name === "nullable" && after === true) ||
    (name === "default" && before === null && after !== null && isBack(run, difference));
  return difference.kind === "column" && difference.properties.length > 0 && difference.properties.every(suits);
}

function wayOut(difference: Difference, lenient: boolean): Text {
  if (lenient && difference.properties.some(({ name }) => name === "default")) {
    const [column, table, schema] = nameParts(difference.name).map(unquoted).reverse();
    const where = schema === undefined || schema === "public" ? "" : `, schema=${JSON.stringify(schema)}`;
    return text`Rows need the default while the column is added; take it away afterwards: ${block(`op.alter_column(${JSON.stringify(table)}, ${JSON.stringify(column)}, server_default=None${where})`, "python")}`;
  }
  return text`Write in downgrade() what was there before: type, nullability, default, name and options. The old definition stands in the revision that created it.`;
}

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
      const lenient = isForRows(run, difference);
      const who = revision === undefined ? text`${code("downgrade base")}` : text`downgrade() of ${code(revision)}`;
      const statement = definitionBefore(run, difference, revision);
      const restored = difference.change === "changed" ? restorationIn(run, difference, revision) : undefined;
      return [
        {
          ...(restored?.file ? { file: restored.file, line: restored.line } : placeOf(graph, revision, "downgrade")),
          ...(revision !== undefined && { revision }),
          ...(lenient && { severity: "warning" as const }),
          object: { kind: difference.kind, name: difference.name },
          message: text`${who} does not bring the schema back: ${describeState(difference)}.`,
          help: wayOut(difference, lenient),
          ...(statement?.file && {
            related: [{ file: statement.file, line: statement.line, message: text`this is the definition that was there` }],
          }),
        },
      ];
    }),
});
