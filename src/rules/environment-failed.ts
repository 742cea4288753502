import { block, code, text, type Text } from "../text.ts";
import type { Raised } from "../run/protocol.ts";
import { causeOf, evidenceOf, firstLine } from "./observed.ts";
import { rule } from "./rule.ts";

/** What to do about an error that env.py, or what it imports, raised. */
function wayOut({ type, message }: Raised): Text {
  const missing = /No module named '([^']+)'/.exec(message)?.[1];
  if (missing)
    return text`The interpreter that runs the project lacks ${code(missing)}: install the project's dependencies before the gate, or name the right interpreter with ${code("python")}. ${block(`- run: pip install ${missing.split(".")[0]}`, "yaml")}`;
  if (type === "KeyError")
    return text`If that is an environment variable, give it to the gate's step; for a database URL any value does, since the gate puts its own server in its place. ${block(`env:\n  ${firstLine(message).replace(/^['"]|['"]$/g, "")}: postgresql://user:password@localhost/db`, "yaml")}`;
  if (/ValidationError|SettingsError|ImproperlyConfigured/.test(type))
    return text`The application's settings want values: give them to the gate's step under ${code("env:")}; for a database URL any value does, since the gate puts its own server in its place.`;
  return text`Run ${code("alembic current")} in the same folder with the same interpreter: it runs the same env.py and should show the same error.`;
}

export default rule({
  id: "environment-failed",
  family: "setup",
  severity: "error",
  summary: "env.py, or what it imports, raises",
  needs: ["run", "environment", "graph"],
  judge({ run, environment, graph }) {
    const stop = run.phases.find(({ stop }) => stop && causeOf(stop) === "environment")?.stop;
    if (!stop) return [];
    const { file, line, raised } = stop;
    const revision = [...graph.revisions.values()].find((candidate) => candidate.file === file)?.id;
    // Of a process that hangs or dies nothing was raised, and Alembic may raise without a line of the project.
    const raises =
      file === undefined ? text`Alembic raises ${code(raised.type)}` : text`${code(file)} raises ${code(raised.type)}`;
    const who = /^(Hang|ProcessDied)$/.test(raised.type) ? text`The project does not finish loading` : raises;
    return [
      {
        file: file ?? environment.config,
        line: line ?? 1,
        ...(revision !== undefined && { revision }),
        message: text`${who}, so no migration can run: ${firstLine(raised.message)}`,
        help: wayOut(raised),
        evidence: evidenceOf(stop),
      },
    ];
  },
});
