/**
 * From what the rules say to what blocks: applies ignores, marks what is pre-existing, drops repetitions and consequences,
 * and says what was not checked. Pure.
 */
import { createHash } from "node:crypto";
import type { Draft, Finding, NotChecked, Severity } from "./finding.ts";
import { applyIgnores } from "./ignores.ts";
import { bareName, mentions } from "./rules/observed.ts";
import type { Fact, Facts, FactsOf, Family, Rule } from "./rules/rule.ts";
import type { Settings } from "./settings.ts";
import { count, plain, text, type Text } from "./text.ts";

/** Rules that speak of the way back; `downgrades: optional` makes notices of them. */
const DOWNGRADE_RULES = new Set([
  "downgrade-failed",
  "missing-downgrade",
  "irreversible-downgrade",
  "leftover-after-downgrade",
  "schema-not-restored",
  "second-upgrade-failed",
  "second-upgrade-differs",
]);

const ORDER: Record<Severity, number> = { error: 0, warning: 1, notice: 2 };

/** Where faults of old revisions come from: the pull request cannot be their cause, or the base branch shows these fingerprints too. */
export type Proof = "only-additions" | ReadonlySet<string>;

export interface Judged {
  rules: readonly Rule[];
  environment: string;
  facts: FactsOf;
  settings: Pick<Settings, "ignore" | "downgrades" | "failOn">;
  /** Absent: nothing is known about the base's own faults, and every fault counts as the pull request's. */
  proof?: Proof;
  /** The label of the pull request that allows what it does to applied revisions. */
  allowedBy?: string;
}

/** The fingerprint of a finding: of rule, environment, revision and object, never of line or text. */
export function fingerprint(rule: string, environment: string, draft: Draft): string {
  const parts = [rule, environment, draft.revision ?? "", draft.object?.kind ?? "", draft.object?.name ?? ""];
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 16);
}

interface Said {
  findings: Finding[];
  /** Facts that rules lacked, with those rules and the reason. */
  unknown: Map<string, { rules: string[]; reason: NotChecked["reason"] }>;
  /** Ids of the rules that could run. */
  ran: Set<string>;
}

const UNKNOWN: Fact<never> = { known: false, reason: text`nobody was asked` };

/** Runs the rules on the facts. Nothing is settled yet: no finding blocks. */
export function ask({ rules, environment, facts }: Pick<Judged, "rules" | "environment" | "facts">): Said {
  const said: Said = { findings: [], unknown: new Map(), ran: new Set() };
  const value = (need: keyof Facts) => (facts[need]?.known ? facts[need].value : undefined);
  for (const rule of rules) {
    const missing = rule.needs.map((need) => ({ need, fact: facts[need] ?? UNKNOWN })).find(({ fact }) => !fact.known);
    if (missing && !missing.fact.known) {
      const entry = said.unknown.get(missing.need) ?? { rules: [], reason: missing.fact.reason };
      entry.rules.push(rule.id);
      said.unknown.set(missing.need, entry);
      continue;
    }
    said.ran.add(rule.id);
    const given = Object.fromEntries([...rule.needs, ...rule.wants].map((need) => [need, value(need)]));
    for (const draft of rule.judge(given as never)) said.findings.push(complete(rule, draft, environment));
  }
  return said;
}

/**
 * Runs the rules on the facts and settles what they say.
 *
 * @returns the findings, worst first, and what could not be judged, with the reason
 */
export function settle({ rules, environment, facts, settings, proof, allowedBy }: Judged): {
  findings: Finding[];
  notChecked: NotChecked[];
} {
  const { findings, unknown, ran } = ask({ rules, environment, facts });
  const applied = facts.run.known ? facts.run.value.base : new Set<string>();
  for (const finding of findings) {
    const family = rules.find(({ id }) => id === finding.rule)!.family;
    const old = family === "run" && (finding.revision === undefined || applied.has(finding.revision)) && applied.size > 0;
    if (old && proof) finding.preexisting ||= proof === "only-additions" || proof.has(finding.fingerprint);
    if (settings.downgrades === "optional" && DOWNGRADE_RULES.has(finding.rule)) finding.severity = "notice";
  }
  const told = withoutRepetitions(findings);
  const unused = applyIgnores(told, { facts, ignores: settings.ignore, ran }).map((draft) =>
    complete(UNUSED_IGNORE, draft, environment),
  );
  const families = new Map(rules.map(({ id, family }) => [id, family]));
  if (allowedBy !== undefined) {
    for (const finding of told)
      if (families.get(finding.rule) === "history" && finding.severity !== "notice")
        finding.suppressed ??= { reason: `the pull request has the label ${allowedBy}` };
  }
  const kept = foldConsequences(told, families);
  for (const finding of kept) {
    const grave = finding.severity === "error" || (finding.severity === "warning" && settings.failOn === "warning");
    finding.blocks = grave && !finding.preexisting && !finding.suppressed;
  }
  return { findings: [...kept, ...unused].sort(worstFirst), notChecked: notChecked(facts, unknown) };
}

/** What settle finds by itself. */
export const UNUSED_IGNORE = {
  id: "unused-ignore",
  severity: "warning",
  summary: "An ignore allows nothing any more, or is not understood",
} as const;

function complete(rule: Pick<Rule, "id" | "severity">, draft: Draft, environment: string): Finding {
  return {
    ...draft,
    rule: rule.id,
    severity: draft.severity ?? rule.severity,
    environment,
    blocks: false,
    preexisting: draft.preexisting ?? false,
    fingerprint: fingerprint(rule.id, environment, draft),
    related: draft.related ?? [],
  };
}

/** The order of findings in a report. */
export const worstFirst = (a: Finding, b: Finding): number =>
  Number(b.blocks) - Number(a.blocks) ||
  Number(a.preexisting || !!a.suppressed) - Number(b.preexisting || !!b.suppressed) ||
  ORDER[a.severity] - ORDER[b.severity] ||
  (a.file ?? "").localeCompare(b.file ?? "") ||
  (a.line ?? 0) - (b.line ?? 0);

/** Two phases may see the same fault: the first one tells it. Findings that name no revision and no object are never the same. */
function withoutRepetitions(findings: Finding[]): Finding[] {
  const seen = new Map<string, Finding>();
  return findings.filter((finding) => {
    const { fingerprint, severity, preexisting, revision, object, file, line } = finding;
    if (revision === undefined && object === undefined) return true;
    const key = JSON.stringify([fingerprint, severity, preexisting, !object && [file, line]]);
    const first = seen.get(key);
    if (!first) seen.set(key, finding);
    else if (plain(first.message) !== plain(finding.message)) addEvidence(first, text`Also: ${finding.message}`);
    return !first;
  });
}

function addEvidence(finding: Finding, more: Text): void {
  finding.evidence = finding.evidence ? text`${finding.evidence} ${more}` : more;
}

/** Findings about what a downgrade leaves behind, which a second upgrade then stumbles over. */
const LEFT_BEHIND = new Set(["leftover-after-downgrade", "missing-downgrade", "schema-not-restored"]);

/** What only follows from another finding becomes a part of that one: one cause, one finding, nothing lost. */
function foldConsequences(findings: Finding[], families: ReadonlyMap<string, Family>): Finding[] {
  const causeOf = (finding: Finding): Finding | undefined =>
    findings.find((cause) => {
      const grave = cause.severity === "error" && !cause.suppressed && (!cause.preexisting || finding.preexisting);
      if (cause === finding || !grave) return false;
      if (finding.rule === "environment-failed") return cause.rule === "unreadable-revision";
      if (finding.rule === "missing-baseline") return cause.rule === "upgrade-failed" && !cause.preexisting;
      if (finding.rule === "upgrade-failed" && cause.rule === "missing-baseline") return finding.preexisting;
      if (finding.rule === "multiple-heads") return cause.rule === "missing-parent" && cause.revision === finding.revision;
      if (families.get(finding.rule) !== "run" || finding.revision === undefined || cause.revision !== finding.revision)
        return false;
      if (cause.rule === "revision-id-too-long") return finding.rule === "upgrade-failed";
      // An inserted revision is a new one: what its own functions do wrong follows from nothing.
      if (families.get(cause.rule) === "history") return cause.rule !== "inserted-revision" && !finding.preexisting;
      const again = finding.rule === "second-upgrade-failed" || finding.rule === "second-upgrade-differs";
      const name = cause.object && bareName(cause.object.name);
      return again && LEFT_BEHIND.has(cause.rule) && (name === undefined || mentions(name).test(plain(finding.message)));
    });
  const folded = new Map(findings.map((finding) => [finding, causeOf(finding)]));
  // A cause may be a consequence itself: the first of the chain tells all.
  const first = (finding: Finding): Finding => {
    const cause = folded.get(finding);
    return cause ? first(cause) : finding;
  };
  for (const [finding, cause] of folded) {
    if (!cause) continue;
    if (cause.rule === "missing-baseline") addEvidence(cause, text`Also: ${finding.message}`);
    else addEvidence(first(cause), text`Consequence: ${finding.message}${finding.evidence ? text` ${finding.evidence}` : ""}`);
  }
  return findings.filter((finding) => !folded.get(finding));
}

function notChecked(facts: FactsOf, unknown: Map<string, { rules: string[]; reason: NotChecked["reason"] }>): NotChecked[] {
  const result: NotChecked[] = [...unknown].map(([need, { rules, reason }]) => ({
    what: need === "run" ? `what running the migrations shows (${count(rules.length, "rule")})` : rules.join(", "),
    reason,
  }));
  if (facts.environment.known && facts.environment.value.unknowable !== undefined) {
    result.push({ what: "revisions that the files do not show", reason: text`${facts.environment.value.unknowable}` });
  }
  if (facts.history.known && facts.history.value.releasedUnknown) {
    result.push({ what: "which revisions are released", reason: facts.history.value.releasedUnknown });
  }
  if (!facts.run.known) return result;
  const { phases, order, base, notes } = facts.run.value;
  const nothingAdded = order.length > 0 && order.every((id) => base.has(id));
  // Phases that could not be reached for the same reason are one entry.
  const reasons = new Map<string, NotChecked>();
  for (const { id, title, state, reason } of phases) {
    if (state !== "not-run" || !reason || (nothingAdded && ["upgrade", "downgrade", "upgrade-again"].includes(id))) continue;
    const entry = reasons.get(plain(reason));
    reasons.set(plain(reason), { what: entry ? `${entry.what}; ${title}` : title, reason });
  }
  return [...result, ...notes, ...reasons.values()];
}
