import type { Draft } from "../finding.ts";
import { block, code, text } from "../text.ts";
import { allow, literal, placeOf, relatedTo, sqlText, unreleased } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "renamed-revision-id",
  family: "history",
  severity: "error",
  summary: "A revision that the base branch has got another id",
  needs: ["graph", "history"],
  wants: ["settings"],
  judge: ({ graph, history, settings }) =>
    [...history.changes.values()].flatMap(({ id, before, becameId }): Draft[] => {
      if (becameId === undefined) return [];
      const after = graph.revisions.get(becameId)!;
      const place = {
        ...placeOf(after, "revision"),
        revision: becameId,
        object: { kind: "revision", name: id },
        related: [relatedTo(before, "revision", text`what the base branch has`, history.base.commit)],
      };
      if (history.unreleased.has(id)) return [unreleased(place, [id], text`${code(id)} is called ${code(becameId)} now`)];
      const row = `UPDATE alembic_version SET version_num = ${sqlText(becameId)} WHERE version_num = ${sqlText(id)};`;
      return [
        {
          ...place,
          message: text`${code(id)} is applied already and called ${code(becameId)} now: a database that stands at ${code(id)} is stranded, since every alembic command stops there with ${code(`Can't locate revision identified by '${id}'`)}.`,
          help: text`Keep the id, here and in the ${code("down_revision")} of what builds on it:${block(`revision = ${literal(after, after.at.revision, [id])}`, "python")}Where the new id is wanted, each database that stands at the old one needs this before the next deployment:${block(row, "sql")}${allow("renamed-revision-id", settings)}`,
        },
      ];
    }),
});
