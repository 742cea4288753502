/** What is in the way of revisions on a given server, and is nobody's fault here: roles belong to the whole server. */
import type { InTheWay, Scratch } from "../postgres/scratch.ts";
import { Failure } from "../failure.ts";
import { block, code, listOf, text, type Text } from "../text.ts";
import type { Evidence, PhaseId, Stop } from "./evidence.ts";
import { firstErrorOf } from "./first-error.ts";

/** Phases without which nothing is known of the pull request. */
const WAYS_TO_HEAD = new Set<PhaseId>(["base", "upgrade"]);

/**
 * Marks in the evidence what the server's own words name as in the way and none of this run's, and notes what was not checked for it.
 *
 * @throws Failure (exit code 3) where it keeps the pull request's revisions from being run at all
 */
export function tellInTheWay(evidence: Evidence, { inTheWay }: Pick<Scratch, "inTheWay">): void {
  if (!inTheWay) return;
  const told = new Set<string>();
  for (const run of [evidence, ...(evidence.onBase ? [evidence.onBase] : [])]) {
    for (const { id, stop, stops = [], steps } of run.phases) {
      for (const one of [...(stop ? [stop] : []), ...stops]) {
        const found = inTheWay(firstErrorOf(one, steps).raised);
        if (!found) continue;
        one.inTheWay = found;
        if (run !== evidence) continue;
        const way = id.includes("upgrade") || id === "base" ? "up" : "down";
        const what = one.revision === undefined ? "what was run" : `the way ${way} of ${one.revision}`;
        if (WAYS_TO_HEAD.has(id)) throw new Failure(3, text`${sentenceOf(one, found)}.`, wayOut(found));
        if (!told.has(what)) evidence.notes.push({ what, reason: text`${sentenceOf(one, found)}. ${wayOut(found)}` });
        told.add(what);
      }
    }
  }
}

function sentenceOf({ revision }: Stop, { role, databases }: InTheWay): Text {
  const who = revision === undefined ? text`the project` : code(revision);
  if (databases.length === 0)
    return text`${who} wants to make the role ${code(role)}, which the given server had before the run began`;
  const where = `database${databases.length === 1 ? "" : "s"}`;
  const none = databases.length === 1 ? "which is none of this run" : "which are none of this run";
  return text`${who} wants to drop the role ${code(role)}, and the server says that it is needed in the ${where} ${listOf(databases)}, ${none}`;
}

/** Roles belong to the whole server: it takes one of the gate's own, or nobody else there may have to do with this one. */
function wayOut({ role, databases }: InTheWay): Text {
  const name = `"${role.replaceAll('"', '""')}"`;
  const lines = [
    ...databases.flatMap((database) => [
      `\\connect ${JSON.stringify(database)}`,
      `REASSIGN OWNED BY ${name} TO CURRENT_USER; DROP OWNED BY ${name};`,
    ]),
    `DROP ROLE ${name};`,
  ];
  return text`Roles belong to the whole server. Let the gate start one of its own, without ${code("--postgres")}; or, where nobody needs the role there, run in psql: ${block(lines.join("\n"), "sql")}`;
}
