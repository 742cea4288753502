/** Look-ups in the evidence that several rules share. */
import type { Draft, Place } from "../finding.ts";
import type { Graph } from "../project/graph.ts";
import type { Revision } from "../project/revision.ts";
import type { Evidence, Phase, PhaseId, Stop } from "../run/evidence.ts";
import { firstErrorOf } from "../run/first-error.ts";
import type { Raised } from "../run/protocol.ts";
import type { Text } from "../text.ts";
import { evidenceOf } from "./raised.ts";

/** The phases of the evidence with these ids, or all, in the order of the itinerary; what stopped one is the error that came first. */
export const phasesOf = (run: Evidence, ...ids: PhaseId[]): Phase[] =>
  run.phases.filter((phase) => ids.length === 0 || ids.includes(phase.id)).map(withFirstError);

/** What stopped a downgrade(), and is its own: in the phases that go down, and where each was tried by itself. */
export const stopsGoingDown = (run: Evidence): Stop[] =>
  phasesOf(run, "downgrade", "history-downgrade", "history-each")
    .flatMap(({ stop, stops = [] }) => [...(stop ? [stop] : []), ...stops])
    .filter(({ inTheWay }) => !inTheWay);

/** The phase with the errors that came first. */
function withFirstError(phase: Phase): Phase {
  const { stop, stops, steps } = phase;
  return {
    ...phase,
    ...(stop && { stop: firstErrorOf(stop, steps) }),
    ...(stops && { stops: stops.map((one) => firstErrorOf(one, steps)) }),
  };
}

/** What stopped a phase, by the kind of mend that it needs. */
export type Cause = "others" | "hang" | "environment" | "extension" | "role" | "irreversible" | "fault";

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
    uuid_generate_v1mc: "uuid-ossp",
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
  if (stop.inTheWay) return "others";
  if (stop.timedOut) return "hang";
  if (stop.revision === undefined) return "environment";
  if (missingExtension(stop)) return "extension";
  if (missingRole(stop)) return "role";
  return isRefusal(stop.raised) || (is === "raises" && stop.raised.sqlstate === undefined) ? "irreversible" : "fault";
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

/** The parts of a qualified name as SQL has them, its arguments and the label of its database aside: `public`, `"odd.name"`. */
export const nameParts = (name: string): string[] =>
  /^(?:"(?:[^"]|"")*"|[^"(])*/.exec(name.replace(/^\[[^\]]*\] /, ""))![0].match(/"(?:[^"]|"")*"|[^".]+/g) ?? [];

/** An identifier without its quotes. */
export const unquoted = (identifier: string): string =>
  identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;

/** The last part of a qualified name without its arguments and quotes: `status` of `public.status`. */
export const bareName = (name: string): string => unquoted(nameParts(name).at(-1) ?? "");

/** Finds a name as a whole word. */
export const mentions = (name: string): RegExp =>
  new RegExp(`(?<![\\w$])${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w$])`, "i");
