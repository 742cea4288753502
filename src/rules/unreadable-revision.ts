import type { Draft } from "../finding.ts";
import type { Unreadable } from "../project/revision.ts";
import { block, code, text, type Text } from "../text.ts";
import { quoted, unlessUnknowable } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "unreadable-revision",
  family: "graph",
  severity: "error",
  summary: "A file in a version folder is no revision that Alembic can load",
  needs: ["graph"],
  wants: ["history", "environment"],
  judge: ({ graph, history, environment }) =>
    graph.unreadable.flatMap((unreadable): Draft[] => {
      const { file, line, reason } = unreadable;
      const preexisting =
        history?.graph.unreadable.some((other) => other.reason === reason && nameOf(other.file) === nameOf(file)) ?? false;
      // Nothing is wrong with those, and a project that computes its headers computes hundreds.
      if (reason === "computed" && preexisting) return [];
      const revision = [...graph.revisions.values()].find((one) => one.file === file)?.id;
      const { message, help } = wording(unreadable);
      return [
        {
          file,
          line,
          ...(revision !== undefined && { revision }),
          object: { kind: "file", name: file.slice(file.lastIndexOf("/") + 1) },
          ...(reason === "no-revision" && unlessUnknowable(environment)),
          ...(reason === "computed" && { severity: "notice" as const }),
          preexisting,
          message,
          help,
        },
      ];
    }),
});

const nameOf = (file: string) => file.slice(file.lastIndexOf("/") + 1);

function wording({ file, reason, detail, line }: Unreadable): { message: Text; help: Text } {
  const name = code(nameOf(file));
  const dies = text`every alembic command stops when it loads the revisions`;
  switch (reason) {
    case "syntax":
      return {
        message: text`Python 3 cannot read ${name} (line ${line}: ${detail}): ${dies}.`,
        help:
          detail.startsWith("Missing parentheses") || detail.startsWith("multiple exception types")
            ? text`This is Python 2; write it as Python 3 has it.`
            : text`Mend the line; this tells whether Python takes it:${block(`python -m py_compile ${quoted(file)}`, "sh")}`,
      };
    case "encoding":
      return {
        message: text`Python cannot decode ${name} (${detail}): ${dies}.`,
        help: text`Save the file as UTF-8, or name its encoding in the first line:${block("# -*- coding: latin-1 -*-", "python")}`,
      };
    case "no-revision":
      return {
        message: text`${name} stands in a version folder and defines no ${code("revision")}: ${dies} with ${code("Could not determine revision id from filename")}.`,
        help: text`Move the file out of the folder if it is no revision, or give it an id:${block('revision = "…"\ndown_revision = "…"', "python")}`,
      };
    case "refused":
      return {
        message: text`Alembic does not accept the header of ${name} (${detail}): ${dies}.`,
        help: text`Ids are strings without ${code("@")}, ${code("-")}, ${code("+")} and ${code(":")}.`,
      };
    case "computed":
      return {
        message: text`${code(detail)} of ${name} is computed when Alembic loads the file, so nothing can be said here about its place in the graph.`,
        help: text`Write the id out, as ${code("alembic revision")} does. When the migrations are run (without ${code("--static")}), the graph that Alembic loads is taken.`,
      };
  }
}
