/** What databases of one server see of each other. */
import type { Scratch } from "../postgres/scratch.ts";
import type { Phase, Step } from "./evidence.ts";

/**
 * The databases of a given server share their roles: two histories side by side may make the same one, drop what the other uses, or
 * change one row at once. SQLSTATEs of duplicate_object, undefined_object, dependent_objects_still_exist, object_in_use,
 * unique_violation and "tuple concurrently updated".
 */
const DISTURBANCES = new Set(["42710", "42704", "2BP01", "55006", "23505", "XX000"]);

/** Whether a phase stopped on what another one on the same server may have done. */
export const isDisturbance = ({ stop }: Phase): boolean => DISTURBANCES.has(stop?.raised.sqlstate ?? "");

/** Whether all databases share one cluster: a server that was given. */
export const isShared = ({ server }: Scratch): boolean => !server.another;

const ROLES = /\b(?:create|drop|alter)\s+(?:role|user|group)\b/i;

/** Whether revisions make or drop roles, which belong to the whole server. */
export const touchesRoles = (steps: readonly Step[]): boolean =>
  steps.some(({ statements }) => statements.some(({ sql }) => ROLES.test(sql)));
