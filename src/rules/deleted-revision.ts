import type { Draft, Place } from "../finding.ts";
import { deletionsOf, type Deletion } from "../history/deletions.ts";
import type { Change, History } from "../history/history.ts";
import { describeAll } from "../postgres/describe.ts";
import type { Evidence } from "../run/evidence.ts";
import { block, code, count, listOf, text, type Text } from "../text.ts";
import { alembic, allow, allowInSettings, placeOf, quoted, relatedTo, sqlText, unreleased } from "./lineage.ts";
import { phasesOf } from "./observed.ts";
import { firstLine } from "./raised.ts";
import { rule, type Facts } from "./rule.ts";

export default rule({
  id: "deleted-revision",
  family: "history",
  severity: "error",
  summary: "A revision that the base branch has was deleted",
  needs: ["graph", "history", "environment"],
  wants: ["run", "settings"],
  judge: ({ graph, history, ...others }) => deletionsOf(graph, history).map((deletion) => draftFor(deletion, history, others)),
});

function draftFor(
  { changes: group, last: named, stranded, children, substitute }: Deletion,
  history: History,
  { environment, run, settings }: Pick<Facts, "environment"> & Partial<Facts>,
): Draft {
  const ids = new Set(group.map(({ id }) => id));
  // Nothing that remains came before what is gone: the beginning was cut off, and databases beyond it go on.
  const beginning = !stranded && group.every(({ before }) => before.down.every((parent) => ids.has(parent)));
  const what: Text =
    group.length === 1
      ? text`${code(named)} is deleted`
      : text`${count(group.length, "revision")} up to ${code(named)} are deleted${group.length > 5 ? text`` : text` (${listOf([...ids])})`}`;
  const lost = text`every alembic command stops there with ${code(`Can't locate revision identified by '${named}'`)}`;
  const consequence = stranded
    ? text`databases that stand at ${code(named)} are stranded, ${lost}`
    : beginning
      ? text`databases that have gone beyond go on as before, but one that stands at any of them is stranded: ${lost}`
      : text`databases that have it keep what it did, new ones never get it, and one that stands at it is stranded: ${lost}`;
  const restore = block(`git checkout ${history.base.commit.slice(0, 12)} -- ${filesOf(group, history)}`, "sh");
  const place: Place = substitute
    ? placeOf(substitute, "revision")
    : children[0]?.after
      ? placeOf(children[0].after, "down")
      : {};
  const related = group.slice(0, 10).map(({ before }) => relatedTo(before, "revision", text`deleted`, history.base.commit));
  const one = group.length === 1;
  const [it, did] = one ? ["it", "it did"] : ["them", "they did"];
  if (group.every(({ id }) => history.unreleased.has(id)))
    return unreleased({ ...place, revision: named, related }, [...ids], what);
  const allowing =
    place.file === undefined ? allowInSettings("deleted-revision", named, settings) : allow("deleted-revision", settings);
  const below = [...new Set(group.flatMap(({ before }) => before.down))].filter((parent) => !ids.has(parent));
  const tail = stranded && !substitute && children.length === 0;
  const help = beginning
    ? text`Make sure that every database has gone beyond ${code(named)}, and that the revisions which remain build the same schema from nothing. ${allowing}`
    : tail
      ? text`A revert takes nothing back in databases that ran ${it}. Keep the ${one ? "file" : "files"}, and undo what ${did} in a new revision:${restore}Where only databases of your own ran ${it}, take them down first, with the base branch's files:${block(alembic(environment, `downgrade ${below.length === 1 ? quoted(below[0]!) : "base"}`), "sh")}${allowing}`
      : text`Bring ${it} back, and undo what ${did} in a new revision:${restore}${substitute && !one ? squash(substitute.id, named) : ""}${allowing}`;
  const proof = substitute && !one && run ? proofOf(run) : undefined;
  const refuted = proof && !proof.same && substitute;
  return {
    ...place,
    revision: named,
    ...(beginning && !refuted && { severity: "warning" as const }),
    message: text`${what} although applied already${substitute ? text`, and ${code(substitute.id)} stands in ${one ? "its" : "their"} place` : text``}: ${refuted ? text`new databases get another schema than ${code(named)} led to, and ` : ""}${consequence}.`,
    help,
    related,
    ...(proof && { evidence: proof.evidence }),
  };
}

/** More differences than these nobody reads in one finding. */
const MOST_SHOWN = 10;

/** Whether the run shows that a squash builds what the deleted revisions built. Undefined where it was not run, or something of others was in its way. */
function proofOf(run: Evidence): { same: boolean; evidence: Text } | undefined {
  const phase = phasesOf(run, "squash")[0];
  if (phase?.stop?.inTheWay) return undefined;
  if (phase?.stop)
    return { same: false, evidence: text`Refuted: on an empty database it fails: ${firstLine(phase.stop.raised.message)}.` };
  if (!phase?.compared) return undefined;
  const { differences } = phase.compared;
  if (differences.length === 0)
    return {
      same: true,
      evidence: text`Proved: from an empty database the new revisions build the schema that the base branch's build. Rows that the deleted ones wrote were not compared.`,
    };
  const shown = describeAll(differences).slice(0, MOST_SHOWN);
  return {
    same: false,
    evidence: text`Refuted: from an empty database, beside the base branch's schema, the new revisions' ${shown.flatMap((one, index) => (index === 0 ? one : text`; ${one}`))}${differences.length > MOST_SHOWN ? text`; and ${differences.length - MOST_SHOWN} more` : text``}.`,
  };
}

/** How databases get over a squash. */
const squash = (substitute: string, last: string): Text =>
  text`A squash is right once every database stands at ${code(last)} and is told the new name before the next deployment:${block(`UPDATE alembic_version SET version_num = ${sqlText(substitute)} WHERE version_num = ${sqlText(last)};`, "sql")}`;

/** The deleted files as a shell takes them. */
function filesOf(group: readonly Change[], { base }: History): string {
  const files = group.map(({ before }) => quoted(before.file));
  if (files.length <= 5) return files.join(" ");
  const folders = [...new Set(group.map(({ before }) => quoted(before.file.slice(0, before.file.lastIndexOf("/") + 1) || ".")))];
  return `$(git diff --name-only --diff-filter=D ${base.commit.slice(0, 12)} -- ${folders.join(" ")})`;
}
