import type { Graph } from "../project/graph.ts";
import type { Evidence } from "../run/evidence.ts";
import { block, code, text } from "../text.ts";
import { causeOf, phasesOf, placeOfStop } from "./observed.ts";
import { evidenceOf, firstLine } from "./raised.ts";
import { rule } from "./rule.ts";

/** The revision at which a database of the base branch stands: what a dump of production is likely to have. */
function headOf(graph: Graph, { base }: Evidence, fallback: string): string {
  const parents = new Set([...base].flatMap((id) => graph.parents.get(id) ?? []));
  return [...base].findLast((id) => graph.revisions.has(id) && !parents.has(id)) ?? fallback;
}

export default rule({
  id: "missing-baseline",
  family: "setup",
  severity: "error",
  summary: "The base branch's own revisions do not run from an empty database, so nothing can be judged",
  needs: ["run", "environment", "graph"],
  judge({ run, environment, graph }) {
    const [phase] = phasesOf(run, "base");
    const stop = phase?.stop;
    if (!stop || !["fault", "irreversible"].includes(causeOf(stop))) return [];
    const baseline = run.order.some((id) => run.base.has(id) && !phase.planned.includes(id));
    const where = baseline ? text`with the baseline that is given` : text`from an empty database`;
    const place = placeOfStop(graph, stop, "upgrade");
    return [
      {
        file: environment.config,
        line: 1,
        message: text`The migrations do not start ${where}: the revision ${code(stop.revision!)}, which the base branch has already, fails there (${firstLine(stop.raised.message)}). The pull request's revisions were not run.`,
        help: text`Give the gate a schema that the chain can start from: dump one whose revision is ${baseline ? "later" : "known"}, production's as a rule, with ${code("pg_dump --schema-only")}, commit the file, and name it with the revision at which it stands in ${code("alembic-gate.toml")}: ${block(`baseline = "schema.sql"\nbaseline-revision = "${headOf(graph, run, stop.revision!)}"`, "toml")} Until then ${code("static: true")} judges the graph and the history alone.`,
        evidence: evidenceOf(stop),
        ...(place.file !== undefined && { related: [{ file: place.file, line: place.line, message: text`this fails` }] }),
      },
    ];
  },
});
