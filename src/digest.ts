/** Facts in the shape in which the report shows them: the touched part of the graph, the phases, what happens to the schema. Pure. */
import type { GraphReport, LinesReport, ObjectDifference, PhaseReport, SchemaReport } from "./finding.ts";
import type { History } from "./history/history.ts";
import type { Difference, Value } from "./postgres/catalog.ts";
import { describeAll, valueText } from "./postgres/describe.ts";
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
      ...(parentsOf(id).some((parent) => !shown.includes(parent)) && { earlier: true as const }),
    })),
    omitted: new Set([...graph.revisions.keys(), ...wanted]).size - shown.length,
  };
}

/** More objects than this no reviewer compares. */
const MOST_OBJECTS = 100;

/** UTF-16 units of a value: a function's body may be of any length. */
const LONGEST_VALUE = 2_000;

const inWords = (value: Value): string => {
  const words = valueText(value);
  return words.length > LONGEST_VALUE ? `${words.slice(0, LONGEST_VALUE)}…` : words;
};

/** The first differences, object by object. A value that is unset on one side is absent there. */
const objectDifferences = (differences: readonly Difference[]): ObjectDifference[] =>
  differences.slice(0, MOST_OBJECTS).map(({ change, kind, name, properties }) => ({
    change,
    kind,
    name,
    properties: properties.map(({ name: property, before, after }) => ({
      name: property,
      ...(before !== null && { before: inWords(before) }),
      ...(after !== null && { after: inWords(after) }),
    })),
  }));

/** The table of phases, without those that had nothing to do. Why a phase was not run stands in notChecked. */
export function phaseReports({ phases, rows }: Evidence): PhaseReport[] {
  return phases
    .flatMap((phase) => (phase.id === "upgrade-again" && rows ? [phase, ...rows.phases] : [phase]))
    .filter(({ state, planned, id }) => id !== "prepare" && (state !== "not-run" || planned.length > 0))
    .map(({ id, title, planned, seconds, state, compared, steps, stop }) => ({
      id,
      title,
      revisions: state === "not-run" ? planned.length : steps.filter(({ ended }) => ended).length,
      seconds,
      outcome: state,
      ...(compared && id !== "upgrade" && { compared: comparison(compared) }),
      ...(stop?.revision !== undefined && { stoppedAt: stop.revision }),
    }));
}

const comparison = ({ with: other, differences }: { with: string; differences: Difference[] }): PhaseReport["compared"] => ({
  with: other,
  differences: differences.length,
  ...(differences.length > 0 && { objects: objectDifferences(differences) }),
});

/** What the pull request does to the schema, and the SQL that its upgrades executed. */
export function schemaReport({ phases, schema }: Evidence): SchemaReport | undefined {
  if (!schema) return undefined;
  const steps = phases.find(({ id }) => id === "upgrade")?.steps ?? [];
  const sql = steps.flatMap(({ revision, statements }) =>
    statements.map((statement) => ({ revision, statement: statement.sql.trim() })),
  );
  return { changes: describeAll(schema), ...(schema.length > 0 && { objects: objectDifferences(schema) }), sql };
}

const BLOCK = /^(?:if|elif|else|for|while|try|except|finally|with|match|case|def|async)\b.*:/;
const LONGEST_HEADER = 100;

/** The line that begins the block in which a line stands, if it is in one; `first` is the first line of the function. */
function headerOf(source: readonly string[], line: number, first: number): string | undefined {
  const indent = (text: string) => text.length - text.trimStart().length;
  const own = indent(source[line - 1] ?? "");
  for (let at = line - 1; at > first; at--) {
    const text = source[at - 1] ?? "";
    if (text.trim() === "" || text.trim().startsWith("#") || indent(text) >= own) continue;
    return BLOCK.test(text.trim()) ? text.trim().slice(0, LONGEST_HEADER) : undefined;
  }
  return undefined;
}

/** Which lines of the new revisions' functions ran in any phase; nothing of functions that never came to their end. */
export function linesReports({ phases, rows, order, base }: Evidence, graph: Graph): LinesReport[] {
  const steps = [...phases, ...(rows?.phases ?? [])].flatMap((phase) => phase.steps);
  const reportOf = (revision: string, direction: "upgrade" | "downgrade"): LinesReport[] => {
    const found = graph.revisions.get(revision);
    const own = steps.filter((step) => step.revision === revision && step.direction === direction && step.lines);
    if (!found || !own.some(({ ended }) => ended)) return [];
    const ran = new Set(own.flatMap(({ lines }) => lines!.ran));
    const every = [...new Set([...own.flatMap(({ lines }) => lines!.every), ...ran])].sort((a, b) => a - b);
    const source = found.source.split(/\r\n|\r|\n/);
    const never: LinesReport["never"] = [];
    for (const [index, line] of every.entries()) {
      if (ran.has(line)) continue;
      const last = never.at(-1);
      if (last && !ran.has(every[index - 1]!)) last.endLine = line;
      else {
        const below = headerOf(source, line, found[direction]?.line ?? 0);
        never.push({ line, endLine: line, ...(below !== undefined && { below }) });
      }
    }
    return [{ revision, function: direction, file: found.file, lines: every.length, ran: ran.size, never }];
  };
  return order.flatMap((id) => (base.has(id) ? [] : [...reportOf(id, "upgrade"), ...reportOf(id, "downgrade")]));
}
