import { block, code, text } from "../text.ts";
import { causeOf, evidenceOf, firstLine, phasesOf } from "./observed.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "missing-baseline",
  family: "setup",
  severity: "error",
  summary: "The base branch's own revisions do not run from an empty database, so nothing can be judged",
  needs: ["run", "environment"],
  judge({ run, environment }) {
    const stop = phasesOf(run, "base")[0]?.stop;
    if (!stop || !["fault", "irreversible"].includes(causeOf(stop))) return [];
    return [
      {
        file: environment.config,
        line: 1,
        message: text`The migrations do not start from an empty database: the revision ${code(stop.revision!)}, which the base branch has already, fails there (${firstLine(stop.raised.message)}). The pull request's revisions were not run.`,
        help: text`Give the gate the schema that the chain starts from: dump a database that stands at some revision with ${code("pg_dump --schema-only")}, commit the file, and name both in ${code("alembic-gate.toml")}: ${block(`baseline = "schema.sql"\nbaseline-revision = "${stop.revision!}"`, "toml")} Until then ${code("static: true")} judges the graph and the history alone.`,
        evidence: evidenceOf(stop),
      },
    ];
  },
});
