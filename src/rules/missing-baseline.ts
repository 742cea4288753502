import type { Graph } from "../project/graph.ts";
import type { Evidence } from "../run/evidence.ts";
import { block, code, text, type Text } from "../text.ts";
import { causeOf, phasesOf, placeOfStop } from "./observed.ts";
import { evidenceOf, firstLine } from "./raised.ts";
import { rule } from "./rule.ts";

/** The revision at which a database of the base branch stands: what a dump of production is likely to have. */
function headOf(graph: Graph, { base }: Evidence, fallback: string): string {
  const parents = new Set([...base].flatMap((id) => graph.parents.get(id) ?? []));
  return [...base].findLast((id) => graph.revisions.has(id) && !parents.has(id)) ?? fallback;
}

/** @param given a baseline is given already, which is too old */
function wayOut({ hasModels }: Evidence, given: boolean, head: string): Text {
  const file = text`dump a schema whose revision is ${given ? "later" : "known"}, production's as a rule, with ${code("pg_dump --schema-only")}, commit the file, and name it with the revision at which it stands: ${block(`baseline = "schema.sql"\nbaseline-revision = "${head}"`, "toml")}`;
  if (given || !hasModels)
    return text`Give the gate a schema that the chain can start from, in ${code("alembic-gate.toml")}: ${file}`;
  return text`Tell the gate in ${code("alembic-gate.toml")} what the chain starts from. Where new databases are made by ${code("create_all()")} and stamped, the base branch's models stand for all of its revisions, and there is nothing to keep up to date: ${block('baseline = "models"', "toml")} Where production has what no model declares (views, triggers, old tables), ${file}`;
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
        help: text`${wayOut(run, baseline, headOf(graph, run, stop.revision!))} Until then ${code("static: true")} judges the graph and the history alone.`,
        evidence: evidenceOf(stop),
        ...(place.file !== undefined && { related: [{ file: place.file, line: place.line, message: text`this fails` }] }),
      },
    ];
  },
});
