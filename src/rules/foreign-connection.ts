import { code, text } from "../text.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "foreign-connection",
  family: "setup",
  severity: "error",
  summary: "A migration or env.py wanted to connect to another server and was refused",
  needs: ["run"],
  judge: ({ run }) =>
    run.foreign.map(({ wanted, file, line }) => ({
      ...(file !== undefined && { file, line }),
      object: { kind: "server", name: wanted },
      message: text`A connection to ${code(wanted)} was refused: under the gate migrations reach nothing but the throwaway database.`,
      help: text`Use the connection that Alembic gives, ${code("op.get_bind()")}. What needs another service does not belong into a migration: a deployment would need it too. A machine that the project must reach to be loaded at all is named in ${code("allow-hosts")}.`,
    })),
});
