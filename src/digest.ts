/** Facts in the shape in which the report shows them: the touched part of the graph, the phases, what happens to the schema. Pure. */
import type { GraphReport, PhaseReport, SchemaReport } from "./finding.ts";
import type { History } from "./history/history.ts";
import { describeAll } from "./postgres/describe.ts";
import type { Graph } from "./project/graph.ts";
import type { Evidence } from "./run/evidence.ts";

/** More nodes than this no reviewer looks at. */
const MOST_NODES = 40;

/** The revisions that the pull request touches, their parents, and the heads. */
export function graphReport(graph: Graph, history: History | undefined): GraphReport {
  const changed = new Map<string, "new" | "edited" | "deleted">();
  for (const id of history?.added ?? []) changed.set(id, "new");
  for (const [id, change] of history?.changes ?? []) {
    if (change.body === "deleted") changed.set(id, "deleted");
    else if (change.body === "edited" || change.reparented) changed.set(id, "edited");
  }
  const parentsOf = (id: string) => graph.parents.get(id) ?? history?.graph.parents.get(id) ?? [];
  const wanted = new Set([...changed.keys(), ...graph.heads]);
  for (const parent of [...wanted].flatMap(parentsOf)) wanted.add(parent);
  const shown = [...wanted].slice(0, MOST_NODES);
  const heads = new Set(graph.heads);
  return {
    nodes: shown.map((id) => ({
      id,
      label: (graph.revisions.get(id) ?? history?.graph.revisions.get(id))?.message ?? "",
      parents: parentsOf(id).filter((parent) => shown.includes(parent)),
      state: changed.get(id) ?? "base",
      head: heads.has(id),
    })),
    omitted: new Set([...graph.revisions.keys(), ...wanted]).size - shown.length,
  };
}

/** The table of phases, without those that had nothing to do. Why a phase was not run stands in notChecked. */
export function phaseReports({ phases }: Evidence): PhaseReport[] {
  return phases
    .filter(({ state, planned, id }) => id !== "prepare" && (state !== "not-run" || planned.length > 0))
    .map(({ id, title, planned, seconds, state, compared, steps }) => ({
      id,
      title,
      revisions: state === "not-run" ? planned.length : steps.filter(({ ended }) => ended).length,
      seconds,
      outcome: state,
      ...(compared && id !== "upgrade" && { compared: { with: compared.with, differences: compared.differences.length } }),
    }));
}

/** What the pull request does to the schema, and the SQL that its upgrades executed. */
export function schemaReport({ phases, schema }: Evidence): SchemaReport | undefined {
  if (!schema) return undefined;
  const steps = phases.find(({ id }) => id === "upgrade")?.steps ?? [];
  const sql = steps.flatMap(({ revision, statements }) =>
    statements.map((statement) => ({ revision, statement: statement.sql.trim() })),
  );
  return { changes: describeAll(schema), sql };
}
