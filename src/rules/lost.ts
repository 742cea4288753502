/** Which revision lost rows or values, and where. */
import type { Draft, Place } from "../finding.ts";
import { identifier } from "../postgres/catalog.ts";
import type { Graph } from "../project/graph.ts";
import type { Evidence, Statement, Step } from "../run/evidence.ts";
import type { Loss } from "../run/rows.ts";
import { lastName, words } from "../run/touched.ts";
import { code, text, type Text } from "../text.ts";
import { placeOf } from "./observed.ts";
import { changeIn, restorationIn } from "./tracing.ts";

export const objectOf = ({ table, column }: Loss): NonNullable<Draft["object"]> =>
  column === undefined ? { kind: "table", name: table } : { kind: "column", name: `${table}.${identifier(column)}` };

const CHANGES_ROWS = /^\s*(?:insert|update|delete|merge|truncate|with|do|select|call)\b/i;

/** The statement of a step that changed rows of a table, if one did. */
function writingIn(steps: readonly Step[], revision: string, { table, column }: Loss): Statement | undefined {
  const statements = steps.find((step) => step.revision === revision)?.statements ?? [];
  const writing = statements.filter(({ sql }) => CHANGES_ROWS.test(sql) && words(sql).includes(lastName(table)));
  return writing.find(({ sql }) => column !== undefined && words(sql).includes(column)) ?? writing[0];
}

/** The revision whose function lost it, as far as its statements tell, and the line. */
export function culpritOf(run: Evidence, graph: Graph, loss: Loss): { revision: string; place: Place } | undefined {
  const down = loss.how === "downgrade";
  const phase = run.rows!.phases[down ? 1 : 0]!;
  const object = objectOf(loss);
  if (loss.by !== undefined) return dropOf(run, loss.by);
  for (const revision of phase.planned) {
    const written = loss.how === "dropped" || loss.how === "converted" ? undefined : writingIn(phase.steps, revision, loss);
    const statement = written ?? (down ? restorationIn(run, object, revision) : changeIn(run, object, revision));
    if (statement?.file !== undefined) return { revision, place: { file: statement.file, line: statement.line } };
  }
  const revision = phase.planned.at(down ? 0 : -1);
  return revision === undefined ? undefined : { revision, place: placeOf(graph, revision, down ? "downgrade" : "upgrade") };
}

/** Which revision drops a table, and where. */
function dropOf(run: Evidence, table: string): { revision: string; place: Place } | undefined {
  const drops = /^\s*drop\s+table\s+(?:if\s+exists\s+)?(\S+)/i;
  for (const { revision, statements } of run.rows!.phases[0]!.steps) {
    const found = statements.find(({ sql }) => lastName(drops.exec(sql)?.[1] ?? "").toLowerCase() === table.toLowerCase());
    if (found?.file !== undefined) return { revision, place: { file: found.file, line: found.line } };
  }
  return undefined;
}

/** `3 of 5 rows: "1.25" comes back as "1"`. */
export function amountOf({ rows, of, example, column, wentDown }: Loss): Text {
  const amount = text`${rows} of ${of} ${column === undefined ? "rows" : "values"}`;
  if (!example || !wentDown) return amount;
  if (example.after === undefined) return text`${amount}, such as ${code(example.before)}, which no row has then`;
  const after = example.after === null ? text`nothing` : text`${code(example.after)}`;
  return text`${amount}, such as ${code(example.before)}, in whose place there is ${after} then`;
}
