import { code, text } from "../text.ts";
import { placeOf } from "./lineage.ts";
import { rule } from "./rule.ts";

/** Width of alembic_version.version_num. */
const WIDTH = 32;

/** What VARCHAR counts. */
const lengthOf = (id: string) => Array.from(id).length;

export default rule({
  id: "revision-id-too-long",
  family: "graph",
  severity: "error",
  summary: `A revision's id has more than ${WIDTH} characters`,
  needs: ["graph"],
  wants: ["history"],
  judge({ graph, history }) {
    // Ids that are in use already show that this project has widened the column.
    if ([...(history?.graph.revisions.keys() ?? [])].some((id) => lengthOf(id) > WIDTH)) return [];
    return [...graph.revisions.values()]
      .filter(({ id }) => lengthOf(id) > WIDTH)
      .map((revision) => ({
        ...placeOf(revision, "revision"),
        revision: revision.id,
        message: text`The id ${code(revision.id)} has ${lengthOf(revision.id)} characters and ${code("alembic_version.version_num")} holds ${WIDTH}: the upgrade fails with ${code(`value too long for type character varying(${WIDTH})`)}.`,
        help: text`Shorten it to ${WIDTH} characters or fewer, here and in the ${code("down_revision")} of what builds on it.`,
      }));
  },
});
