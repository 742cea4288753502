import { block, code, listOf, text, type Text } from "../text.ts";
import type { Raised } from "../run/protocol.ts";
import { causeOf, phasesOf } from "./observed.ts";
import { evidenceOf, firstLine, missingSettings } from "./raised.ts";
import { rule } from "./rule.ts";

/** What to do about an error that env.py, or what it imports, raised. */
function wayOut(raised: Raised): Text {
  const { type, message } = raised;
  const missing = /No module named '([^']+)'/.exec(message)?.[1];
  if (missing)
    return text`The interpreter that runs the project lacks ${code(missing)}: install the project's dependencies before the gate, or name the right interpreter with ${code("python")}. ${block(`- run: pip install ${missing.split(".")[0]}`, "yaml")}`;
  if (type === "KeyError")
    return text`If that is an environment variable, give it to the gate's step; for a database URL any value does, since the gate puts its own server in its place. ${block(`env:\n  ${firstLine(message).replace(/^['"]|['"]$/g, "")}: postgresql://user:password@localhost/db`, "yaml")}`;
  if (/ValidationError|SettingsError|ImproperlyConfigured/.test(type)) {
    const settings = missingSettings(raised);
    const lines = settings.length === 0 ? "" : block(["env:", ...settings.map((name) => `  ${name}: …`)].join("\n"), "yaml");
    return text`The application's settings want values: give them to the gate's step under ${code("env:")}, with the prefix that the settings have, if any; for a database URL any value does, since the gate puts its own server in its place. ${lines}`;
  }
  // What many applications do at each connection where no URL is set and SQLite is their default.
  if (raised.sqlstate && /\bPRAGMA\b/i.test(message))
    return text`The project takes its database for SQLite, as it does without a URL, and the gate runs on PostgreSQL: give it a URL of PostgreSQL under ${code("env:")}; any value does, since the gate puts its own server in its place.`;
  const [, kind, name] = /\b(schema|role|extension) "([^"]+)" does not exist/.exec(message) ?? [];
  if (raised.sqlstate && kind !== undefined)
    return text`Production got it by hand. Put it into a file and name that in ${code("setup-sql")}: ${block(`CREATE ${kind.toUpperCase()} "${name}";`, "sql")}`;
  return text`Run ${code("alembic current")} in the same folder with the same interpreter: it runs the same env.py and should show the same error.`;
}

/** The message's first line, which of pydantic says the least. */
function whatIsWrong(raised: Raised): Text {
  const settings = missingSettings(raised);
  return settings.length === 0 ? text`${firstLine(raised.message)}` : text`the settings lack ${listOf(settings)}`;
}

export default rule({
  id: "environment-failed",
  family: "setup",
  severity: "error",
  summary: "env.py, or what it imports, raises",
  needs: ["run", "environment", "graph"],
  judge({ run, environment, graph }) {
    const stop = phasesOf(run).find(({ stop }) => stop && causeOf(stop) === "environment")?.stop;
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
        message: text`${who}, so no migration can run: ${whatIsWrong(raised)}`,
        help: wayOut(raised),
        evidence: evidenceOf(stop),
      },
    ];
  },
});
