/** The error that came first, where others only follow from it. */
import type { Step, Stop } from "./evidence.ts";

/** Once a statement has failed Postgres refuses all others (25P02): what the project swallowed is what there is to mend. */
export function firstErrorOf(stop: Stop, steps: readonly Step[]): Stop {
  if (stop.raised.sqlstate !== "25P02") return stop;
  const statements = steps.find(({ revision, ended }) => !ended && revision === stop.revision)?.statements ?? [];
  const failed = statements.find(({ error }) => error && error.sqlstate !== "25P02");
  if (!failed?.error) return stop;
  const { file, line, sql, error } = failed;
  const { sqlstate: _, ...raised } = stop.raised;
  return { ...stop, ...(file !== undefined && { file, line }), raised: { ...raised, type: "DatabaseError", ...error, sql } };
}
