import type { Draft } from "../finding.ts";
import type { Change, History } from "../history/history.ts";
import { block, code, listOf, text, type Text } from "../text.ts";
import { allow, quoted } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "edited-revision",
  family: "history",
  severity: "error",
  summary: "A revision that the base branch has was changed in what it does",
  needs: ["history"],
  judge: ({ history }) => [
    ...[...history.changes.values()].filter(({ body }) => body === "edited").map((change) => edited(change, history)),
    ...throughHelpers(history),
  ],
});

function edited({ id, before, after, edited }: Change, history: History): Draft {
  const { functions, line, importsOnly } = edited!;
  const file = after!.file;
  const restore = block(`git checkout ${history.base.commit.slice(0, 12)} -- ${quoted(before.file)}`, "sh");
  const place = { file, line, revision: id };
  const related = [
    {
      file: before.file,
      line: before.upgrade?.line ?? before.at.revision?.line ?? 1,
      commit: history.base.commit,
      message: text`what databases have run`,
    },
  ];
  if (importsOnly) {
    return {
      ...place,
      severity: "warning",
      message: text`${code(id)} is applied already, and imports what it uses from elsewhere now: nobody can tell from the code whether it still does the same.`,
      help: text`Make sure that the imported code is the same, or copy what the revision needs into its file.${allow("edited-revision")}`,
      related,
    };
  }
  return {
    ...place,
    message: text`${code(id)} is applied already, and ${whatChanged(functions)} changed: ${consequence(functions)}.`,
    help: text`Take the change back and write it as a new revision:${restore}The code was compared, not what it does to a database.${allow("edited-revision")}`,
    related,
  };
}

const isEntry = (name: string) => name === "upgrade" || name === "downgrade";

function whatChanged(functions: readonly string[]): Text {
  const entries = functions.filter(isEntry);
  const others = functions.filter((name) => name !== "" && !isEntry(name));
  const names = (entries.length > 0 ? entries : others).map((name) => `${name}()`);
  return names.length > 0 ? listOf(names) : text`the code that runs when it is loaded`;
}

function consequence(functions: readonly string[]): string {
  return functions.every((name) => name === "downgrade")
    ? "going back does something else than it did when the revision was released"
    : "databases that have it keep what it did before, new ones get something else";
}

/** Revisions whose own code is the same, but not that of a file which they import or open. One finding for each such file. */
function throughHelpers(history: History): Draft[] {
  const users = new Map<string, string[]>();
  for (const { id, helpers } of history.changes.values())
    for (const file of helpers ?? []) users.set(file, [...(users.get(file) ?? []), id]);
  return [...users].map(([file, ids]): Draft => {
    const { after } = history.changes.get(ids[0]!)!;
    return {
      file: after!.file,
      line: after!.upgrade?.line ?? after!.at.revision?.line ?? 1,
      severity: "warning",
      ...(ids.length === 1 && { revision: ids[0]! }),
      object: { kind: "file", name: file },
      message: text`${code(file)} changed, and ${listOf(ids)} ${ids.length === 1 ? "uses it and is" : "use it and are"} applied already: nobody can tell from the code whether ${ids.length === 1 ? "it still does" : "they still do"} the same.`,
      help: text`Leave the file as it is for the revisions that use it, and give new revisions a new one.${allow("edited-revision")}`,
      related: [{ file, message: text`the file that changed` }],
    };
  });
}
