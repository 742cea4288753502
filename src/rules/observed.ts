/** Look-ups in the evidence that several rules share. */
import type { Draft, Place, Related } from "../finding.ts";
import type { Difference } from "../postgres/catalog.ts";
import type { Graph } from "../project/graph.ts";
import type { Revision } from "../project/revision.ts";
import type { Evidence, Phase, PhaseId, Statement, Step, Stop } from "../run/evidence.ts";
import type { Raised } from "../run/protocol.ts";
import { block, code, text, type Text } from "../text.ts";

/** The phases of the evidence with these ids, in the order of the itinerary. */
export const phasesOf = (run: Evidence, ...ids: PhaseId[]): Phase[] => run.phases.filter((phase) => ids.includes(phase.id));

/** What stopped a phase, by the kind of mend that it needs. */
export type Cause = "hang" | "environment" | "extension" | "role" | "irreversible" | "fault";

/** Types and functions that only an extension provides, and its name. */
const FROM_EXTENSION = new Map(
  Object.entries({
    vector: "vector",
    halfvec: "vector",
    sparsevec: "vector",
    geometry: "postgis",
    geography: "postgis",
    raster: "postgis_raster",
    citext: "citext",
    hstore: "hstore",
    ltree: "ltree",
    cube: "cube",
    gin_trgm_ops: "pg_trgm",
    gist_trgm_ops: "pg_trgm",
    similarity: "pg_trgm",
    uuid_generate_v1: "uuid-ossp",
    uuid_generate_v4: "uuid-ossp",
    gen_random_bytes: "pgcrypto",
    crypt: "pgcrypto",
    digest: "pgcrypto",
    unaccent: "unaccent",
    create_hypertable: "timescaledb",
  }),
);

/** The extension that a database error asks for, if it does. */
export function missingExtension({ raised }: Stop): string | undefined {
  const { message, sqlstate } = raised;
  const control =
    /extension "([^"]+)" is not available|open extension control file "[^"]*\/([^"/]+)\.control"|extension "([^"]+)" does not exist/.exec(
      message,
    );
  if (control) return control[1] ?? control[2] ?? control[3];
  if (sqlstate !== "42704" && sqlstate !== "42883") return undefined;
  const named = /(?:type|function|operator class) "?(?:[\w]+\.)?(\w+)/.exec(message)?.[1];
  return named && FROM_EXTENSION.get(named.toLowerCase());
}

/** The role that a database error asks for, if it does. */
export const missingRole = ({ raised }: Stop): string | undefined =>
  raised.sqlstate === "42704" ? /role "([^"]+)" does not exist/.exec(raised.message)?.[1] : undefined;

/** Classes that people raise to refuse; with the others, an error of Python's own may use the same words. */
const DELIBERATE = /^(Exception|RuntimeError|ValueError|AssertionError|SystemExit|CommandError)$/;

/** Whether somebody wrote that a revision cannot be undone. `raise NotImplemented` is a TypeError, and means it too. */
function isRefusal({ type, message, sqlstate }: Raised): boolean {
  if (sqlstate !== undefined) return false;
  if (
    /^(NotImplementedError|Irreversible\w*|CannotDowngrade\w*)$/.test(type) ||
    (type === "TypeError" && /NotImplementedType|must derive from BaseException/.test(message))
  )
    return true;
  return (
    DELIBERATE.test(type) &&
    /irreversible|not reversible|cannot be (downgraded|reverted|undone)|no downgrade|downgrade.* not supported/i.test(message)
  );
}

/**
 * Why a phase stopped.
 *
 * @param is what the body of the downgrade() that stopped is: one that only raises refuses
 */
export function causeOf(stop: Stop, is?: Revision["downgradeIs"]): Cause {
  if (stop.timedOut) return "hang";
  if (stop.revision === undefined) return "environment";
  if (missingExtension(stop)) return "extension";
  if (missingRole(stop)) return "role";
  return isRefusal(stop.raised) || (is === "raises" && stop.raised.sqlstate === undefined) ? "irreversible" : "fault";
}

/** The first line of a database's or Python's message, without SQLAlchemy's wrapping. */
export function firstLine(message: string): string {
  const line = message.split("\n").find((line) => line.trim() !== "") ?? "";
  return line
    .replace(/^\([\w.]+\)\s*/, "")
    .replace(/^<class '[^']+'>:\s*/, "")
    .trim();
}

/** The message, the statement and, where there is no statement, the end of the traceback. */
export function evidenceOf({ raised }: Stop): Text {
  const name = raised.sqlstate ? `${raised.type}, SQLSTATE ${raised.sqlstate}` : raised.type;
  const message = block(raised.message.replace(/\n\[SQL:[\s\S]*$|\n\(Background on this error[\s\S]*$/g, "").trim());
  const rest = raised.sql
    ? text`It was executing ${block(raised.sql.trim(), "sql")}`
    : text`${block(raised.traceback.trim().split("\n").slice(-12).join("\n"))}`;
  return text`${name}: ${message} ${rest}`;
}

/** The place of a function of a revision. */
export function placeOf(graph: Graph, revision: string | undefined, part: "upgrade" | "downgrade" | "revision"): Place {
  const found = revision === undefined ? undefined : graph.revisions.get(revision);
  if (!found) return {};
  const span = (part === "revision" ? found.at.revision : found[part]) ?? found.at.revision;
  return { file: found.file, line: span?.line ?? 1 };
}

/** Where a stop is to be shown: the line that was reached, else the function that ran. */
export function placeOfStop(graph: Graph, stop: Stop, direction: "upgrade" | "downgrade"): Place {
  const revision = stop.revision === undefined ? undefined : graph.revisions.get(stop.revision);
  const reached = stop.raised.frames.findLast((frame) => frame.file === revision?.file);
  const file = stop.file ?? reached?.file;
  const line = stop.line ?? reached?.line;
  return file !== undefined && line !== undefined ? { file, line } : placeOf(graph, stop.revision, direction);
}

/** A finding about a phase that stopped at a revision. */
export function stopped(graph: Graph, stop: Stop, direction: "upgrade" | "downgrade", message: Text, help: Text): Draft {
  return {
    ...placeOfStop(graph, stop, direction),
    ...(stop.revision !== undefined && { revision: stop.revision }),
    message,
    help,
    evidence: evidenceOf(stop),
  };
}

const upgradeSteps = (run: Evidence): Step[] =>
  phasesOf(run, "upgrade", "base", "upgrade-again", "history-upgrade").flatMap(({ steps }) =>
    steps.filter((step) => step.direction === "upgrade"),
  );

/** The parts of a qualified name as SQL has them, its arguments aside: `public`, `"odd.name"`. */
export const nameParts = (name: string): string[] =>
  /^(?:"(?:[^"]|"")*"|[^"(])*/.exec(name)![0].match(/"(?:[^"]|"")*"|[^".]+/g) ?? [];

/** An identifier without its quotes. */
export const unquoted = (identifier: string): string =>
  identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;

/** The last part of a qualified name without its arguments and quotes: `status` of `public.status`. */
export const bareName = (name: string): string => unquoted(nameParts(name).at(-1) ?? "");

/** Finds a name as a whole word. */
export const mentions = (name: string): RegExp =>
  new RegExp(`(?<![\\w$])${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w$])`, "i");

/**
 * Which revision made an object, and with which statement.
 * The steps whose effect was seen decide; for all others the statement that creates something of that name does.
 */
export function creationOf(
  run: Evidence,
  object: Pick<Difference, "kind" | "name">,
): { revision: string; statement?: Statement } | undefined {
  const steps = upgradeSteps(run);
  const seen = steps.find((step) =>
    step.effect?.some((effect) => effect.change === "added" && effect.kind === object.kind && effect.name === object.name),
  );
  const named = mentions(bareName(object.name));
  const creates = (statement: Statement) =>
    /\b(create|add|rename|alter)\b/i.test(statement.sql) && named.test(statement.sql) && !statement.error;
  if (seen) {
    const statement = seen.statements.find(creates);
    return { revision: seen.revision, ...(statement && { statement }) };
  }
  for (const step of steps.filter((step) => step.effect === undefined)) {
    const statement =
      step.statements.find((statement) => creates(statement) && /\b(create|add)\b/i.test(statement.sql)) ??
      step.statements.find(creates);
    if (statement) return { revision: step.revision, statement };
  }
  return undefined;
}

/** The line that created an object, as a related place. */
export function createdHere(run: Evidence, object: Pick<Difference, "kind" | "name">): Related[] {
  const statement = creationOf(run, object)?.statement;
  if (!statement?.file) return [];
  return [{ file: statement.file, line: statement.line, message: text`${object.kind} ${code(object.name)} is created here` }];
}

/** Which revisions' effects were not undone: each once, the pull request's own phase first. */
export interface Unrestored {
  revision?: string;
  difference: Difference;
}

/**
 * What was not as before after the downgrades, with the revision whose downgrade() should have restored it.
 * A difference after one step counts only if it is still there at the end.
 */
export function unrestored(run: Evidence): Unrestored[] {
  const found: Unrestored[] = [];
  const key = ({ kind, name, change }: Difference) => `${change} ${kind} ${name}`;
  const downgrade = phasesOf(run, "downgrade")[0];
  for (const difference of downgrade?.compared?.differences ?? []) {
    const owner = downgrade!.unrestored.find(({ differences }) => differences.some((other) => key(other) === key(difference)));
    found.push({ revision: owner?.revision ?? ownerAmong(downgrade!, run, difference), difference });
  }
  const known = new Set(found.map(({ difference }) => key(difference)));
  for (const difference of phasesOf(run, "history-downgrade")[0]?.compared?.differences ?? []) {
    if (!known.has(key(difference))) found.push({ revision: creationOf(run, difference)?.revision, difference });
  }
  return withoutRenames(found);
}

/**
 * Which of the pull request's revisions is to blame for a difference, where the states between them are not known.
 *
 * @param phase one of the pull request's own phases
 */
export function ownerAmong({ planned, steps }: Phase, run: Evidence, difference: Difference): string | undefined {
  const creator = creationOf(run, difference)?.revision;
  if (creator !== undefined && planned.includes(creator)) return creator;
  const named = mentions(bareName(difference.name));
  return steps.find(({ statements }) => statements.some(({ sql }) => named.test(sql)))?.revision ?? planned.at(-1);
}

/** Something that came back under another name is one thing that was not restored, and not one that is left over as well. */
function withoutRenames(found: Unrestored[]): Unrestored[] {
  const removed = found.filter(({ difference }) => difference.change === "removed" && difference.parent !== undefined);
  const isOther = ({ revision, difference }: Unrestored) =>
    difference.change === "added" &&
    removed.some(
      (other) =>
        other.revision === revision &&
        other.difference.kind === difference.kind &&
        other.difference.parent === difference.parent &&
        difference.kind !== "column",
    );
  return found.filter((item) => !isOther(item));
}

/** An enum label cannot be taken back, and an extension may have other users: what is left of these is worth a notice only. */
export const isMinor = ({ kind, change, properties }: Difference): boolean =>
  (kind === "extension" && change === "added") ||
  (kind === "enum type" && change === "changed" && properties.every(({ name }) => name === "labels"));
