/**
 * From what the rules say to what blocks: applies ignores, marks what is pre-existing, drops repetitions and consequences,
 * and says what was not checked. Pure.
 */
import { createHash } from "node:crypto";
import type { Draft, Finding, NotChecked, Severity } from "./finding.ts";
import { bareName } from "./rules/observed.ts";
import type { Facts, FactsOf, Family, Rule } from "./rules/rule.ts";
import type { Ignore, Settings } from "./settings.ts";
import { block, code, plain, text } from "./text.ts";

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

/** Runs the rules on the facts. Nothing is settled yet: no finding blocks. */
export function ask({ rules, environment, facts }: Pick<Judged, "rules" | "environment" | "facts">): Said {
  const said: Said = { findings: [], unknown: new Map(), ran: new Set() };
  const value = (need: keyof Facts) => (facts[need].known ? facts[need].value : undefined);
  for (const rule of rules) {
    const missing = rule.needs.map((need) => ({ need, fact: facts[need] })).find(({ fact }) => !fact.known);
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
export function settle({ rules, environment, facts, settings, proof }: Judged): { findings: Finding[]; notChecked: NotChecked[] } {
  const { findings, unknown, ran } = ask({ rules, environment, facts });
  const applied = facts.run.known ? facts.run.value.base : new Set<string>();
  for (const finding of findings) {
    const family = rules.find(({ id }) => id === finding.rule)!.family;
    const old = family === "run" && (finding.revision === undefined || applied.has(finding.revision)) && applied.size > 0;
    if (old && proof) finding.preexisting ||= proof === "only-additions" || proof.has(finding.fingerprint);
    if (settings.downgrades === "optional" && DOWNGRADE_RULES.has(finding.rule)) finding.severity = "notice";
  }
  const told = withoutRepetitions(findings);
  const unused = applyIgnores(told, facts, settings.ignore, environment, ran);
  const families = new Map(rules.map(({ id, family }) => [id, family]));
  const kept = foldConsequences(told, families);
  for (const finding of kept) {
    const grave = finding.severity === "error" || (finding.severity === "warning" && settings.failOn === "warning");
    finding.blocks = grave && !finding.preexisting && !finding.suppressed;
  }
  return { findings: [...kept, ...unused].sort(worstFirst), notChecked: notChecked(facts, unknown) };
}

function complete(rule: Rule, draft: Draft, environment: string): Finding {
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

const worstFirst = (a: Finding, b: Finding): number =>
  Number(b.blocks) - Number(a.blocks) ||
  Number(a.preexisting || !!a.suppressed) - Number(b.preexisting || !!b.suppressed) ||
  ORDER[a.severity] - ORDER[b.severity] ||
  (a.file ?? "").localeCompare(b.file ?? "") ||
  (a.line ?? 0) - (b.line ?? 0);

/** Two phases may see the same fault: the first one tells it. Findings that name no revision and no object are never the same. */
function withoutRepetitions(findings: Finding[]): Finding[] {
  const seen = new Set<string>();
  return findings.filter((finding) => {
    if (finding.revision === undefined && finding.object === undefined) return true;
    const key = `${finding.fingerprint} ${finding.object ? "" : `${finding.file}:${finding.line}`}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
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
      if (finding.rule === "missing-baseline") return cause.rule === "upgrade-failed";
      if (finding.rule === "multiple-heads") return cause.rule === "missing-parent" && cause.revision === finding.revision;
      if (families.get(finding.rule) !== "run" || finding.revision === undefined || cause.revision !== finding.revision) return false;
      if (families.get(cause.rule) === "history" || cause.rule === "revision-id-too-long") return true;
      const again = finding.rule === "second-upgrade-failed" || finding.rule === "second-upgrade-differs";
      const name = cause.object && bareName(cause.object.name);
      return again && LEFT_BEHIND.has(cause.rule) && (name === undefined || plain(finding.message).includes(name));
    });
  const folded = new Map(findings.map((finding) => [finding, causeOf(finding)]));
  // A cause may be a consequence itself: the first of the chain tells all.
  const first = (finding: Finding): Finding => {
    const cause = folded.get(finding);
    return cause ? first(cause) : finding;
  };
  for (const [finding, cause] of folded) {
    if (!cause) continue;
    const teller = first(cause);
    teller.evidence = text`${teller.evidence ?? ""}${teller.evidence ? " " : ""}It follows: ${finding.message}`;
  }
  return findings.filter((finding) => !folded.get(finding));
}

const IGNORE = /#\s*alembic-gate:\s*ignore\[([^\]]*)\](?:\s*--\s*(.*\S))?/;

/** Applies the ignores of files and settings; returns findings about those that do nothing. */
function applyIgnores(findings: Finding[], facts: Judged["facts"], ignores: readonly Ignore[], environment: string, ran: ReadonlySet<string>): Finding[] {
  const about = (draft: Draft): Finding => ({
    ...complete({ id: "unused-ignore", severity: "warning" } as Rule, draft, environment),
  });
  const result: Finding[] = [];
  for (const { rule, revision, reason } of ignores) {
    const matching = findings.filter((finding) => finding.rule === rule && (revision === undefined || finding.revision === revision));
    for (const finding of matching) finding.suppressed = { reason };
  }
  if (!facts.graph.known) return result;
  for (const { file, source } of facts.graph.value.revisions.values()) {
    if (!source.includes("alembic-gate:")) continue;
    for (const [index, text_] of source.split(/\r\n|\r|\n/).entries()) {
      const match = IGNORE.exec(text_);
      if (!match) continue;
      const line = index + 1;
      const named = match[1]!.split(",").map((name) => name.trim());
      const here = findings.filter((finding) => finding.file === file && named.includes(finding.rule) && [line, line + 1].includes(finding.line ?? 0));
      const reason = match[2];
      if (reason === undefined) {
        const message = text`This ignore gives no reason, so it does nothing.`;
        const help = text`Write why it is right: ${block(`# alembic-gate: ignore[${named.join(", ")}] -- the reason`, "python")}`;
        result.push(about({ file, line, object: { kind: "ignore", name: named.join(", ") }, message, help }));
      } else if (here.length > 0) for (const finding of here) finding.suppressed = { reason };
      else if (named.every((name) => ran.has(name))) {
        const message = text`Nothing is found here any more that ${code(`ignore[${named.join(", ")}]`)} would allow.`;
        result.push(about({ file, line, object: { kind: "ignore", name: named.join(", ") }, message, help: text`Remove the comment.` }));
      }
    }
  }
  return result;
}

function notChecked(facts: FactsOf, unknown: Map<string, { rules: string[]; reason: NotChecked["reason"] }>): NotChecked[] {
  const result: NotChecked[] = [...unknown.values()].map(({ rules, reason }) => ({ what: rules.join(", "), reason }));
  if (facts.environment.known && facts.environment.value.unknowable !== undefined) {
    result.push({ what: "revisions that the files do not show", reason: text`${facts.environment.value.unknowable}` });
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
