import type { Draft } from "../finding.ts";
import { block, code, listOf, text } from "../text.ts";
import { phasesOf, placeOf } from "./observed.ts";
import { firstLine } from "./raised.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "hidden-failure",
  family: "run",
  severity: "error",
  summary: "A statement failed and the migration went on, or the version rows are not where they should be",
  needs: ["run", "graph"],
  judge({ run, graph }) {
    const swallowed = phasesOf(run, "base", "upgrade", "downgrade", "upgrade-again").flatMap(({ steps }) =>
      steps.flatMap((step) =>
        step.statements.flatMap((statement): Draft[] => {
          if (!step.ended || !statement.error) return [];
          return [
            {
              ...(statement.file
                ? { file: statement.file, line: statement.line }
                : placeOf(graph, step.revision, step.direction)),
              revision: step.revision,
              severity: "warning",
              object: { kind: "statement", name: statement.sql.trim().split(/\s+/).slice(0, 3).join(" ") },
              message: text`A statement in ${step.direction}() of ${code(step.revision)} failed and the error was swallowed: ${firstLine(statement.error.message)}`,
              help: text`Ask the database first (${code("IF EXISTS")}, ${code("sa.inspect(op.get_bind())")}) instead of catching the error: what else goes wrong there stays hidden as well.`,
              evidence: text`The statement was ${block(statement.sql.trim(), "sql")}`,
            },
          ];
        }),
      ),
    );
    const lost = run.phases.flatMap((phase): Draft[] => {
      if (phase.state === "not-run" || phase.stop || !phase.rows) return [];
      const { found, expected } = phase.rows;
      const open = phase.steps.find((step) => !step.ended);
      const silent = phase.state === "failed";
      if (found.join() === expected.join() && !silent) return [];
      const unreached = phase.planned.find((id) => !phase.steps.some((step) => step.revision === id && step.ended));
      const revision = open?.revision ?? unreached ?? phase.planned.at(-1);
      const rows = (ids: string[]) => (ids.length === 0 ? text`no row` : listOf(ids));
      const wrong =
        phase.id === "prepare"
          ? text`Before any revision was run the version table holds ${rows(found)}: env.py, or what it imports, migrates by itself, and a deployment would start from there.`
          : text`After ${phase.title} the version table holds ${rows(found)} where ${rows(expected)} must stand: the next deployment starts from the wrong place.`;
      return [
        {
          ...placeOf(graph, revision, phase.id.includes("downgrade") ? "downgrade" : "upgrade"),
          ...(revision !== undefined && { revision }),
          object: { kind: "version rows", name: phase.id },
          message: silent
            ? text`Running ${phase.title} ended without an error, but ${code(revision ?? "")} did not run to its end: something swallows the error, and a deployment would look green.`
            : wrong,
          help: text`Look in env.py for a ${code("try")} around ${code("context.run_migrations()")}, for a missing commit, and for ${code("COMMIT")} or ${code("ROLLBACK")} inside the revision.`,
        },
      ];
    });
    return [...swallowed, ...lost.slice(0, 1)];
  },
});
