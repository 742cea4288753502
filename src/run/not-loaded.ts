/** What is told of a project that could not be loaded. */
import type { Interpreter } from "../project/interpreter.ts";
import type { Evidence } from "./evidence.ts";
import type { LoadError } from "./load-error.ts";

/** The evidence of a project that Alembic could not load. */
export function notLoaded({ raised, place }: LoadError, interpreter: Interpreter, base: ReadonlySet<string>): Evidence {
  return {
    serverVersion: "",
    serverProvider: "",
    python: interpreter.version,
    alembic: interpreter.alembic,
    sqlalchemy: interpreter.sqlalchemy,
    order: [],
    base,
    phases: [
      {
        id: "prepare",
        title: "loading the project",
        planned: [],
        state: "failed",
        seconds: 0,
        steps: [],
        unrestored: [],
        stop: { raised, ...place },
      },
    ],
    foreign: [],
    notes: [],
  };
}
