import { block, code, text } from "../text.ts";
import { causeOf, missingRole, phasesOf, placeOfStop } from "./observed.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "missing-role",
  family: "setup",
  severity: "error",
  summary: "A migration names a role that no revision creates",
  needs: ["run", "graph"],
  judge({ run, graph }) {
    const stop = phasesOf(run).find(({ id, stop }) => stop && !id.includes("downgrade") && causeOf(stop) === "role")?.stop;
    const role = stop && missingRole(stop);
    if (!stop || role === undefined) return [];
    return [
      {
        ...placeOfStop(graph, stop, "upgrade"),
        revision: stop.revision!,
        object: { kind: "role", name: role },
        message: text`${code(stop.revision!)} needs the role ${code(role)}, which no revision creates: nothing after it could be run.`,
        help: text`Put it into a file and name that in ${code("setup-sql")}: ${block(`CREATE ROLE "${role.replaceAll('"', '""')}";`, "sql")}`,
      },
    ];
  },
});
