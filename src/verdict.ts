/** The report as a whole: what was judged in each environment, what failed, and what follows from it. Pure. */
import { Failure } from "./failure.ts";
import type { EnvironmentReport, Finding, Report } from "./finding.ts";
import type { Settings } from "./settings.ts";
import { block, count, text, type Text } from "./text.ts";

type ReportedFailure = Report["failures"][number];

/** A failure as the report holds it. What is no Failure is a bug of ours, and says so. */
export function reported(error: unknown, signal?: AbortSignal): ReportedFailure {
  if (signal?.aborted) {
    return {
      message: text`The gate was interrupted (${String(signal.reason)}) and has cleaned up.`,
      help: text`Run it again.`,
      exitCode: 3,
    };
  }
  if (error instanceof Failure) return { message: error.sentence, help: error.help, exitCode: error.exitCode, ...error.place };
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    message: text`The gate itself has a bug: ${error instanceof Error ? error.message : String(error)}`,
    help: text`Please report it with this trace: ${block(trace)}`,
    exitCode: 3,
  };
}

/** The report of a gate that could not begin. */
export function brokenReport(error: unknown, signal?: AbortSignal, timings: Report["timings"] = {}): Report {
  return conclude([], [reported(error, signal)], { failOn: "error" }, timings);
}

/**
 * The report. Exit code 3 outranks 2, 2 outranks 1, and findings are reported all the same; `fail-on: never` affects 1 only.
 *
 * @param timings milliseconds by part of the gate
 */
export function conclude(
  environments: EnvironmentReport[],
  failures: ReportedFailure[],
  { failOn }: Pick<Settings, "failOn">,
  timings: Report["timings"],
): Report {
  const findings = environments.flatMap(({ findings }) => findings);
  const blocking = findings.filter(({ blocks }) => blocks);
  const worst = Math.max(0, ...failures.map(({ exitCode }) => exitCode));
  const atFault = blocking.length > 0 || worst === 1;
  const verdict = worst >= 2 ? "error" : atFault ? "fail" : "pass";
  const exitCode = worst >= 2 ? worst : atFault && failOn !== "never" ? 1 : 0;
  const headline = headlineOf(verdict, environments, blocking, failures);
  return { version: 1, verdict, exitCode: exitCode as Report["exitCode"], headline, environments, failures, timings };
}

function headlineOf(
  verdict: Report["verdict"],
  environments: EnvironmentReport[],
  blocking: Finding[],
  failures: ReportedFailure[],
): Text {
  const [worst] = [...failures].sort((a, b) => b.exitCode - a.exitCode);
  if (worst && (verdict === "error" || blocking.length === 0)) return worst.message;
  if (blocking.length === 1) return blocking[0]!.message;
  if (blocking.length > 1) return text`${count(blocking.length, "finding")} of this pull request block it.`;
  const went =
    (...ids: string[]) =>
    (environment: EnvironmentReport) =>
      ids.every((id) => environment.phases.some((phase) => phase.id === id && phase.outcome === "ok"));
  const slices = environments.flatMap(({ slice }) => slice ?? []);
  if (slices.length > 0 && slices.length === environments.length && slices.every(({ number }) => number > 1))
    return text`No finding blocks in slice ${slices[0]!.number} of ${slices[0]!.of} of the history.`;
  const repaired = environments.flatMap(({ repairedHeads = [] }) => repairedHeads).length;
  const passes = text`No finding blocks${repaired > 0 ? `, and the base branch's ${repaired} heads are repaired` : ""}`;
  const adding = environments.filter(({ revisions }) => revisions.added.length > 0);
  if (adding.length === 0) {
    const ran = environments.length > 0 && environments.every(went("base"));
    return text`${passes}: this pull request adds no revision${ran ? ", and those that there are run" : ""}.`;
  }
  const what = count(adding.flatMap(({ revisions }) => revisions.added).length, "new revision");
  if (adding.every(went("upgrade", "downgrade", "upgrade-again"))) return text`${passes}: ${what} went up, down and up again.`;
  if (adding.every(went("upgrade"))) return text`${passes}: ${what} went up, but not all the way down and up again.`;
  return text`${passes}: ${what}, ${adding.some(went("upgrade")) ? "not all of which were run" : "judged without running"}.`;
}
