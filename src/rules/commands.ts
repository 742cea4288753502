/** The commands that a user types, for help and for repeating what the gate saw. */
import path from "node:path/posix";
import type { Environment } from "../project/environment.ts";
import type { Graph } from "../project/graph.ts";

/** `alembic -c conf/alembic.ini downgrade ae10`, `flask db downgrade ae10`, as typed in the folder from which the project's commands are run. */
export function command(
  { kind, config, directory, format, section, factory }: Environment,
  verb: "upgrade" | "downgrade",
  target: string,
): string {
  const file = path.relative(directory, config);
  if (kind === "flask-migrate") {
    const folder = path.dirname(file);
    return ["flask", "db", verb, ...(folder === "migrations" ? [] : ["-d", folder]), target].join(" ");
  }
  if (factory !== undefined) {
    const [module, name] = factory.split(":");
    return `python -c "from alembic import command; import ${module}; command.${verb}(${module}.${name}(), '${target}')"`;
  }
  const options = [
    ...(format === "ini" && file !== "alembic.ini" ? ["-c", file] : []),
    ...(section === "alembic" ? [] : ["-n", section]),
  ];
  return ["alembic", ...options, verb, target].join(" ");
}

/** What to go down to so that a revision's downgrade() is run; any one parent of a merge will do. */
export const below = (graph: Graph, revision: string): string => graph.parents.get(revision)?.[0] ?? "base";
