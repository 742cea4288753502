/** What databases of one server see of each other. */
import type { Scratch } from "../postgres/scratch.ts";
import type { Evidence, Phase, Step } from "./evidence.ts";

/**
 * The databases of a given server share their roles: two histories side by side may make the same one, drop what the other uses, or
 * change one row at once. SQLSTATEs of duplicate_object, undefined_object, dependent_objects_still_exist, object_in_use,
 * unique_violation and "tuple concurrently updated".
 */
const DISTURBANCES = new Set(["42710", "42704", "2BP01", "55006", "23505", "XX000"]);

/** Whether a phase stopped on what another one on the same server may have done. */
export const isDisturbance = ({ stop }: Phase): boolean => DISTURBANCES.has(stop?.raised.sqlstate ?? "");

/** All phases that were run, the base branch's own among them. */
const allPhases = ({ phases, onBase }: Evidence): Phase[] => [...phases, ...(onBase?.phases ?? [])];

/** Whether something stopped on what another one may have done. */
export const isDisturbed = (evidence: Evidence): boolean => allPhases(evidence).some(isDisturbance);

/** Whether all databases are on a server that was given: nothing parts them there. On our own, those that have met are parted and run again. */
export const isShared = ({ server }: Scratch): boolean => !server.another;

/** Whether what is seen may be due to another database's roles. SQLite has none. */
export const sharesRoles = (scratch: Scratch): boolean => scratch.dialect === "postgresql" && isShared(scratch);

const executedIn = ({ phases }: Evidence): string[] =>
  phases.flatMap(({ steps }) => steps.flatMap(({ statements }) => statements.map(({ sql }) => sql)));

/** Whether a role is one of those that the project's revisions speak of. */
export const mentionedIn = (evidence: Evidence): ((role: string) => boolean) => {
  const executed = executedIn(evidence);
  return (role) => executed.some((sql) => sql.includes(role));
};

/** Whether a role is one of those that the project's revisions, or its files of SQL, were seen to make. */
export const madeIn = (evidence: Evidence, scripts: readonly { sql: string }[]): ((role: string) => boolean) => {
  const about = [...executedIn(evidence), ...scripts.map(({ sql }) => sql)].filter((sql) => ROLES.test(sql));
  return (role) => about.some((sql) => sql.includes(role));
};

const ROLES = /\b(?:create|drop|alter)\s+(?:role|user|group)\b|\b(?:drop|reassign)\s+owned\b/i;

/** What else belongs to the whole server, or sees all of it. */
const SERVER = new RegExp(
  String.raw`${ROLES.source}|\b(?:create|drop|alter|(?:connect|create|temp|temporary|all|privileges|comment|label)\s+on)\s+database\b|\b(?:create|drop|alter)\s+tablespace\b|\balter\s+system\b|\b(?:create|drop)\s+subscription\b|\bpg_(?:terminate_backend|cancel_backend|stat_activity|locks)\b`,
  "i",
);

const executing = (pattern: RegExp) => (steps: readonly Pick<Step, "statements">[]) =>
  steps.some(({ statements }) => statements.some(({ sql }) => pattern.test(sql)));

/** Whether revisions make or drop roles, which belong to the whole server. */
export const touchesRoles = executing(ROLES);

/** Whether statements act on what databases of one server have in common, roles among it. */
export const touchesServer = executing(SERVER);

const DOCSTRING = /^\s*(?:#[^\n]*\s+)*[ru]?("""|''')[\s\S]*?\1/i;

/** The same in source code, which may put statements together from several literals. */
const mentioning = ({ source }: RegExp) => {
  const inCode = new RegExp(source.replaceAll("\\s+", String.raw`\W+(?:[bfru]{1,2}\W+)?`), "i");
  return (code: string) => inCode.test(code.replace(DOCSTRING, ""));
};

/** Whether code may make or drop roles, as far as it stands there: what it only imports, or puts together from values, is not seen. */
export const mentionsRoles = mentioning(ROLES);

/** Whether code may act on what databases of one server have in common, in the same way. */
export const mentionsServer = mentioning(SERVER);

/** What a server says of what its databases have in common. */
const ABOUT_SERVER =
  /^(?:role|database|tablespace) ".*" (?!does not exist)|"pg_(?:authid|auth_members|db_role_setting|database)_|^tuple concurrently |administrator command/;

/** Whether a phase stopped on something that belongs to the whole server. */
export const stoppedOnServer = (evidence: Evidence): boolean =>
  allPhases(evidence).some(({ stop, stops = [] }) =>
    [stop, ...stops].some((one) => one && ABOUT_SERVER.test(one.raised.message)),
  );
