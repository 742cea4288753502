/**
 * What the job of one slice of a long history reports, and how the slices come together to what one job would have said of all. Pure.
 *
 * One job goes down from head to base. What it would have seen follows from the slices, from head down: as long as they end in the
 * schema that they should, the next one begins as it did in its own job. One that went on to base stands for all below it. Where one
 * stops, the revisions below are only seen to pass or to fail by themselves, and nothing is known of what any of them leaves.
 */
import type { EnvironmentReport, Finding, NotChecked, PhaseReport, Report, SliceReport } from "./finding.ts";
import { RULES } from "./rules/index.ts";
import type { Rule } from "./rules/rule.ts";
import type { Evidence, Phase, PhaseId } from "./run/evidence.ts";
import { sliceReason } from "./run/slice-reason.ts";
import { UNUSED_IGNORE, worstFirst } from "./settle.ts";
import { code, listOf, plain, text, type Text } from "./text.ts";

/** What every slice judges; the newest one judges all. */
const EVERYWHERE = new Set<string>(["run", "setup"] satisfies Rule["family"][]);

/** The rules that a slice is judged by. */
export const rulesOf = (rules: readonly Rule[], slice: { number: number } | undefined): Rule[] =>
  rules.filter(({ family }) => !slice || slice.number === 1 || EVERYWHERE.has(family));

const HISTORY = ["history-downgrade", "history-upgrade", "history-each"];

const phaseIn = ({ phases }: Evidence, id: PhaseId): Phase | undefined => phases.find((phase) => phase.id === id);

/**
 * What other jobs need to know of a slice.
 *
 * @param judged gives the findings of what was observed
 */
export function sliceReport(
  asked: { number: number; of: number },
  run: Evidence | undefined,
  judged: (run: Evidence) => Finding[],
): SliceReport {
  const { slice } = run ?? {};
  if (!run || !slice) return { ...asked, whole: false, otherwise: {} };
  const down = phaseIn(run, "history-downgrade");
  const up = phaseIn(run, "history-upgrade");
  const top = slice.revisions.at(-1);
  const left = (down?.compared?.differences.length ?? 0) > 0;
  const again = up?.stop !== undefined || (up?.compared?.differences.length ?? 0) > 0;
  const stops = down?.state === "failed";
  return {
    ...asked,
    cut: {
      parts: slice.parts,
      revisions: slice.revisions.length,
      ...(top !== undefined && { top }),
      ...(slice.bottom !== undefined && { bottom: slice.bottom }),
    },
    ...(down && down.state !== "not-run" && { way: wayOf(down, slice.revisions.length) }),
    ...(up?.stop && { failedAgain: true as const }),
    whole: run.phases.every(({ state, planned }) => state === "ok" || (state === "not-run" && planned.length === 0)),
    otherwise: {
      ...((left || again) && { stopped: judged(without(run, { left: true, again: true })) }),
      ...((left || again || stops) && { stoppedAbove: judged(without(run, { left: true, again: true, stop: true })) }),
      ...(again && { failedBelow: judged(without(run, { again: true })) }),
    },
  };
}

function wayOf({ state, planned, compared }: Phase, revisions: number): SliceReport["way"] {
  if (state === "failed") return "stopped";
  if (planned.length > revisions) return "base";
  return (compared?.differences.length ?? 0) > 0 ? "left" : "clean";
}

/** What was observed without a part of it; `stop`: without a downgrade that stopped and passes by itself. */
function without(run: Evidence, less: { left?: true; again?: true; stop?: true }): Evidence {
  const reduced = (phase: Phase): Phase => {
    const { compared: _, stop, rows: __, ...rest } = phase;
    if (phase.id === "history-upgrade" && less.again) return { ...rest, state: "ok" };
    if (phase.id !== "history-downgrade" || !less.left) return phase;
    const goes = less.stop && stop?.passesAlone;
    return { ...rest, ...(stop && !goes && { stop }), ...(goes && { state: "ok" as const }) };
  };
  const phases = (one: Evidence) => one.phases.map(reduced);
  return { ...run, phases: phases(run), ...(run.onBase && { onBase: run.onBase }) };
}

export type Sliced = EnvironmentReport & { slice: SliceReport };
type Failures = Report["failures"];

/**
 * One report of the slices of one environment on one server.
 *
 * @returns the whole, and why it is none, if so
 */
export function mergeSlices(given: readonly Sliced[]): { environment: EnvironmentReport; failures: Failures } {
  const slices = [...given].sort((a, b) => a.slice.number - b.slice.number);
  const failures = faultsOf(slices);
  const [newest] = slices as [Sliced, ...Sliced[]];
  const parts = contributions(slices);
  const { slice: _, ...rest } = newest;
  return {
    environment: {
      ...rest,
      phases: phasesOf(newest, parts),
      findings: findingsOf(
        slices,
        parts.flatMap(({ findings }) => findings),
      ),
      notChecked: notCheckedOf(slices),
    },
    failures,
  };
}

/** What keeps slices from being a whole. */
function faultsOf(slices: readonly Sliced[]): Failures {
  const { name, server = "" } = slices[0]!;
  const where = text`${code(name)}${server && ` on ${/^\S+ \d+/.exec(server)?.[0] ?? server}`}`;
  const numbers = slices.map(({ slice }) => slice.number);
  const cuts = slices.flatMap(({ slice }) => slice.cut ?? []);
  const wanted = cuts[0]?.parts ?? slices[0]!.slice.of;
  const help = text`Give ${code("alembic-gate report --merge")} the reports of all jobs of one plan, made for one commit; look at what ended those that left none.`;
  const fault = (message: Text): Failures => [{ message, help, exitCode: 3 }];
  const counted = new Set(slices.map(({ slice }) => slice.of));
  if (counted.size > 1 || new Set(cuts.map(({ parts }) => parts)).size > 1)
    return fault(
      text`The history of ${where} was cut into ${[...counted].join(" and into ")} slices: parts of different plans make no whole.`,
    );
  const [of] = counted;
  const missing = Array.from({ length: wanted }, (_, index) => index + 1).filter((number) => !numbers.includes(number));
  if (missing.length > 0) {
    const which = listOf(
      missing.map((number) => `${number}/${of}`),
      20,
    );
    return fault(
      text`Of the history of ${where} ${missing.length === 1 ? "the slice" : "the slices"} ${which} ${missing.length === 1 ? "is" : "are"} missing, so nobody knows what there is to say.`,
    );
  }
  const twice = numbers.find((number, index) => numbers.indexOf(number) !== index);
  if (twice !== undefined) return fault(text`Of the history of ${where} the slice ${code(`${twice}/${of}`)} is there twice.`);
  const apart = slices.find(({ slice }, index) => {
    const above = slices[index - 1]?.slice.cut;
    return above && slice.cut?.top !== undefined && slice.cut.top !== above.bottom;
  });
  return apart
    ? fault(
        text`The slice ${code(`${apart.slice.number}/${of}`)} of the history of ${where} does not begin where the one above it ends.`,
      )
    : [];
}

interface Contribution {
  from: Sliced;
  findings: Finding[];
  /** One job would have come by there, or would have tried its downgrades by themselves; `nothing`: all of it was seen further up. */
  as: "way" | "each" | "nothing";
}

/** What each slice has to say beside the others. */
function contributions(slices: readonly Sliced[]): Contribution[] {
  let above: Contribution["as"] = slices[0]!.slice.way === undefined ? "nothing" : "way";
  let stopped = false;
  const said = slices.map(({ slice: { way } }) => {
    // What kept it from going down at all is to be said in any case.
    if (way === undefined) return "way" as const;
    const as = above;
    if (as === "way" && way === "stopped") [above, stopped] = ["each", true];
    if (as === "way" && way === "base") above = "nothing";
    return as;
  });
  const lowest = slices.findLast(({ slice }, index) => said[index] === "way" && slice.failedAgain);
  return slices.map((from, index) => {
    const as = said[index]!;
    const { stopped: left, stoppedAbove, failedBelow } = from.slice.otherwise;
    if (as === "nothing") return { from, as, findings: [] };
    // What stops both of them on the way up is told by the newest.
    const { findings: known } = slices[0]!;
    const fresh = (finding: Finding) => !known.some(({ fingerprint }) => fingerprint === finding.fingerprint);
    if (from.slice.way === undefined && index > 0) return { from, as, findings: from.findings.filter(fresh) };
    const other = as === "each" ? stoppedAbove : stopped ? left : lowest && lowest !== from ? failedBelow : undefined;
    return { from, as, findings: other ?? from.findings };
  });
}

/** All findings, each once. An ignore is unused where no slice has a use for it. */
function findingsOf(slices: readonly Sliced[], findings: readonly Finding[]): Finding[] {
  const keyOf = ({ fingerprint, severity, blocks, file, line, message }: Finding) =>
    JSON.stringify([fingerprint, severity, blocks, file, line, plain(message)]);
  const isOurs = ({ rule }: Finding) => rule === UNUSED_IGNORE.id;
  const unused = slices.map(({ findings }) => new Set(findings.filter(isOurs).map(keyOf)));
  const whole = slices.every(({ slice }) => slice.whole);
  const families = new Map(RULES.map(({ id, family }) => [id, family]));
  const isUnused = (finding: Finding): boolean => {
    const [newest, ...others] = unused as [Set<string>, ...Set<string>[]];
    const key = keyOf(finding);
    const about = (finding.object?.name ?? "").split(",").map((name) => families.get(name.trim()));
    const judgedByAll = about.some((family) => family === undefined || EVERYWHERE.has(family));
    if (others.every((other) => other.has(key))) return newest.has(key);
    const needsRun = about.some((family) => family !== "graph" && family !== "history");
    return newest.has(key) && !judgedByAll && (whole || !needsRun);
  };
  const told = new Map<string, Finding>();
  for (const finding of findings) {
    const key = keyOf(finding);
    if (!told.has(key) && (!isOurs(finding) || isUnused(finding))) told.set(key, finding);
  }
  return [...told.values()].sort(worstFirst);
}

/** What no slice has judged; that others run the rest is no reason any more. */
function notCheckedOf(slices: readonly Sliced[]): NotChecked[] {
  const told = new Map<string, NotChecked>();
  for (const { slice, notChecked } of slices) {
    for (const entry of notChecked) {
      const reason = plain(entry.reason);
      if (!isOfSlice(reason, slice)) told.set(JSON.stringify([entry.what, reason]), entry);
    }
  }
  return [...told.values()];
}

const isOfSlice = (reason: string, { number, of }: SliceReport): boolean => reason.startsWith(`this is slice ${number} of ${of}`);

/** The newest slice's phases, with the whole history of those by which one job would have come. */
function phasesOf(newest: Sliced, parts: readonly Contribution[]): PhaseReport[] {
  const partsOf = (id: string) =>
    parts.flatMap(({ from, as }) =>
      as === "way" || (as === "each" && id === "history-each") ? from.phases.filter((phase) => phase.id === id) : [],
    );
  const down = joined(partsOf("history-downgrade"));
  const [up] = partsOf("history-upgrade");
  const failed = partsOf("history-upgrade").findLast(({ outcome }) => outcome === "failed");
  const again = down?.outcome === "failed" ? up && notRun(up) : (failed ?? up);
  const together = [down, again, joined(partsOf("history-each"))];
  const ids = new Set(HISTORY);
  return [...newest.phases.filter(({ id }) => !ids.has(id)), ...together.flatMap((phase) => phase ?? [])];
}

function notRun({ id, title, revisions }: PhaseReport): PhaseReport {
  return { id, title, revisions, seconds: 0, outcome: "not-run" };
}

/** A phase of several slices, from head down, as one. */
function joined(parts: readonly PhaseReport[]): PhaseReport | undefined {
  const [first] = parts;
  if (!first) return undefined;
  const { compared: _, stoppedAt: __, ...rest } = first;
  const stopped = parts.find(({ stoppedAt }) => stoppedAt !== undefined);
  const compared = stopped ? [] : parts.flatMap((part) => part.compared ?? []);
  const objects = compared.flatMap((one) => one.objects ?? []);
  const sum = (of: (part: PhaseReport) => number) => parts.reduce((all, part) => all + of(part), 0);
  return {
    ...rest,
    revisions: sum(({ revisions }) => revisions),
    seconds: sum(({ seconds }) => seconds),
    outcome: (["failed", "not-run", "ok"] as const).find((one) => parts.some(({ outcome }) => outcome === one))!,
    ...(compared.length > 0 && {
      compared: {
        with: compared.at(-1)!.with,
        differences: compared.reduce((all, { differences }) => all + differences, 0),
        ...(objects.length > 0 && { objects }),
      },
    }),
    ...(stopped && { stoppedAt: stopped.stoppedAt! }),
  };
}

/** What a slice leaves to others, for notChecked. */
export function sliceNote({ slice }: Pick<Evidence, "slice">): NotChecked[] {
  if (!slice || slice.parts === 1) return [];
  const what =
    slice.number === 1
      ? "the history below this slice, down and up again"
      : "the pull request itself, the models, rows, and the rest of the history";
  return [{ what, reason: sliceReason(slice) }];
}
