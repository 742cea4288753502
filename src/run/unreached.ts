/** Goes on where a way down stopped, and says what comes of it in the evidence. */
import type { Database, Scratch } from "../postgres/scratch.ts";
import { tryEach } from "./each.ts";
import type { Evidence, Phase, PhaseId } from "./evidence.ts";
import type { Laboratory } from "./laboratory.ts";
import { freshDatabase, type Plan, type Ports } from "./plan.ts";
import { sharesRoles } from "./shared.ts";
import type { States } from "./states.ts";
import { text } from "../text.ts";

const WAYS_DOWN = new Set<PhaseId>(["downgrade", "history-downgrade"]);

/** Seconds that going on after a failure may take, however quick the history was. */
export const LEAST_SECONDS = 10;

/**
 * Tries the downgrades that a failed one keeps from being judged, and that one itself, each by itself.
 *
 * @param order those that go up from what `fresh` makes; by default a new database
 * @param since what differs from the state before one of the added revisions
 * @returns the phase, which is part of the evidence then; undefined where there is nothing to try
 */
export async function tryUnreached(
  lab: Laboratory,
  plan: Plan,
  ports: Ports,
  evidence: Evidence,
  {
    order,
    tried: wanted,
    watched,
    since,
    fresh = () => freshDatabase(lab, plan, ports),
  }: {
    order: readonly string[];
    tried: readonly string[];
    watched: readonly string[];
    since: States["changesSince"];
    fresh?: () => Promise<Database>;
  },
): Promise<Phase | undefined> {
  const known = evidence.phases.flatMap(({ id, stop }) => (stop && WAYS_DOWN.has(id) ? [stop] : []));
  const cutOff = new Set(
    known.flatMap(({ timedOut, raised, revision }) => (timedOut || raised.type === "ProcessDied" ? [revision] : [])),
  );
  const tried = wanted.filter((id) => !cutOff.has(id));
  if (tried.length === 0) return undefined;
  const took = (...ids: PhaseId[]) =>
    evidence.phases.reduce((sum, { id, seconds }) => (ids.includes(id) ? sum + seconds : sum), 0);
  const { phase, untried } = await tryEach(lab, {
    order,
    tried,
    watched: tried.filter((id) => watched.includes(id)),
    // The history is up, down, and up again.
    seconds: Math.max(LEAST_SECONDS, 2 * took("base", "upgrade") + took("history-downgrade")),
    fresh,
    ...places(ports.scratch, plan),
    unrestored: since,
  });
  for (const stop of known) {
    const passed = phase.steps.some(({ revision, ended }) => revision === stop.revision && ended);
    if (passed) stop.passesAlone = true;
  }
  phase.stops = phase.stops!.filter(({ revision }) => !known.some((stop) => stop.revision === revision));
  evidence.phases.push(phase);
  if (untried) evidence.notes.push(untried);
  if (evidence.phases.some(({ id, stop }) => id === "history-downgrade" && stop))
    evidence.notes.push({
      what: "what downgrades of old revisions leave behind",
      reason: text`downgrade base did not reach the empty database, and each by itself is only seen to pass or to fail`,
    });
  return phase;
}

/** Files are copied in no time. What a copy has keeps a role from being dropped where they share them. */
export const places = (scratch: Scratch, { speaksOfRoles }: Pick<Plan, "speaksOfRoles">) => ({
  drop: (database: Database) => scratch.drop(database),
  ...(!(speaksOfRoles && sharesRoles(scratch)) && { copy: (database: Database) => scratch.clone(database, "trial") }),
  inCopies: scratch.dialect === "sqlite",
});
