import { code, text } from "../text.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "unsupported-database",
  family: "setup",
  severity: "error",
  summary: "The project runs on another database than Postgres or SQLite",
  needs: ["run", "environment"],
  judge: ({ run, environment }) =>
    run.unsupported === undefined
      ? []
      : [
          {
            file: environment.config,
            line: 1,
            message: text`This environment runs on ${code(run.unsupported)}, and the gate runs migrations on Postgres and SQLite only: its revisions were not run.`,
            help: text`Judge the graph and the history alone: ${code("static: true")}.`,
          },
        ],
});
