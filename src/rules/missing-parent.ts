import type { Draft } from "../finding.ts";
import type { Graph } from "../project/graph.ts";
import { block, code, listOf, text, type Text } from "../text.ts";
import { literal, placeOf, relatedTo, unlessUnknowable } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "missing-parent",
  family: "graph",
  severity: "error",
  summary: "A revision builds on one that no file defines",
  needs: ["graph"],
  wants: ["history", "environment"],
  judge: ({ graph, history, environment }) =>
    graph.missing.map(({ id, parent, from }): Draft => {
      const revision = graph.revisions.get(id)!;
      const what = from === "down_revision" ? "down" : "dependsOn";
      const span = revision.at[what];
      const deleted = history?.changes.get(parent);
      const near = deleted ? [] : nearest(parent, id, graph);
      const ids = from === "down_revision" ? revision.down : revision.dependsOn;
      const replaced = near.length === 1 ? ids.map((one) => (one === parent ? near[0]! : one)) : undefined;
      const insert = replaced && literal(revision, span, replaced);
      return {
        ...placeOf(revision, what),
        ...unlessUnknowable(environment),
        revision: id,
        object: { kind: from, name: parent },
        preexisting:
          history?.graph.missing.some((other) => other.id === id && other.parent === parent && other.from === from) ?? false,
        message: text`${code(id)} ${from === "down_revision" ? "builds on" : "depends on"} ${code(parent)}, which no revision file defines: every alembic command stops with ${code(`KeyError: '${parent}'`)}.`,
        help: helpFor(parent, from, deleted !== undefined, near, insert === undefined ? undefined : `${from} = ${insert}`),
        ...(deleted &&
          history && {
            related: [relatedTo(deleted.before, "revision", text`it stands here on the base branch`, history.base.commit)],
          }),
        ...(insert !== undefined &&
          span?.value && {
            fix: {
              title: `Build ${id} on ${near[0]}`,
              edits: [
                {
                  file: revision.file,
                  start: span.value.start,
                  end: span.value.end,
                  expected: revision.source.slice(span.value.start, span.value.end),
                  insert,
                },
              ],
            },
          }),
      };
    }),
});

function helpFor(parent: string, from: string, deleted: boolean, near: readonly string[], line: string | undefined): Text {
  if (deleted) return text`This pull request deletes ${code(parent)}. Keep its file, or build on what comes before it.`;
  if (line !== undefined) return text`Did you mean ${code(near[0]!)}? Alembic takes whole ids only:${block(line, "python")}`;
  if (near.length > 1) return text`Name one that exists: ${listOf(near)} ${near.length > 1 ? "look" : "looks"} like it.`;
  return text`Add the file that defines ${code(parent)} (was it left out of the commit, or is it still on another branch?), or name ${from === "down_revision" ? "the parent" : "a revision or branch label"} that exists.`;
}

/** Ids that were probably meant: those that begin like it, or differ in one or two characters. */
function nearest(wanted: string, child: string, graph: Graph): string[] {
  const ids = [...graph.revisions.keys()].filter((id) => id !== child);
  const begin = wanted.length >= 4 ? ids.filter((id) => id.startsWith(wanted) || wanted.startsWith(id)) : [];
  return begin.length > 0 ? begin : ids.filter((id) => wanted.length >= 6 && distance(id, wanted) <= 2);
}

/** Characters to add, remove or replace. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
