/** What people allow, with a reason: comments in revisions and models, and entries of the settings file. */
import type { Draft, Finding } from "./finding.ts";
import { RULES } from "./rules/index.ts";
import type { FactsOf } from "./rules/rule.ts";
import { didYouMean, type Ignore } from "./settings.ts";
import { block, code, text, type Text } from "./text.ts";

interface Asked {
  facts: FactsOf;
  /** From the settings. */
  ignores: readonly Ignore[];
  /** Ids of the rules that could run. */
  ran: ReadonlySet<string>;
}

const COMMENT = /#\s*alembic-gate:\s*(.*?)\s*$/;
const IGNORE = /^ignore\[([^\]]+)\](?:\s*--\s*(.+))?$/;
const EXAMPLE = "# alembic-gate: ignore[missing-downgrade] -- the reason";
const KNOWN = new Map(RULES.map(({ id, family }) => [id, family]));

/**
 * Marks the findings that somebody allows.
 *
 * @returns what is to be said about the ignores that do nothing
 */
export function applyIgnores(findings: readonly Finding[], asked: Asked): Draft[] {
  return [...fromSettings(findings, asked), ...fromComments(findings, asked)];
}

function fromSettings(findings: readonly Finding[], asked: Asked): Draft[] {
  const graph = asked.facts.graph.known ? asked.facts.graph.value : undefined;
  return asked.ignores.flatMap(({ rule, revision, reason, ...place }): Draft[] => {
    const allowed = findings.filter(
      (finding) => finding.rule === rule && (revision === undefined || finding.revision === revision),
    );
    for (const finding of allowed) finding.suppressed = { reason };
    const useless = (message: Text, help: Text): Draft[] => [
      { ...place, object: { kind: "ignore", name: rule }, ...(revision !== undefined && { revision }), message, help },
    ];
    if (!KNOWN.has(rule))
      return useless(text`There is no rule ${code(rule)} that this ignore could allow.`, didYouMean(rule, [...KNOWN.keys()]));
    // Without a revision it may be meant for another environment, or for one that is yet to come.
    if (allowed.length > 0 || revision === undefined || !graph?.revisions.has(revision) || !isConclusive(rule, asked)) return [];
    return useless(
      text`Nothing is found any more that the ignore of ${code(rule)} for ${code(revision)} would allow.`,
      text`Remove it.`,
    );
  });
}

function fromComments(findings: readonly Finding[], asked: Asked): Draft[] {
  if (!asked.facts.graph.known) return [];
  const models = asked.facts.run.known ? (asked.facts.run.value.models?.sources ?? []) : [];
  return [...asked.facts.graph.value.revisions.values(), ...models].flatMap(({ file, source }) => {
    if (!source.includes("alembic-gate:")) return [];
    const lines = source.split(/\r\n|\r|\n/);
    const about = findings.filter((finding) => finding.file === file);
    return lines.flatMap((line, index) => (COMMENT.test(line) ? fromComment(lines, index, file, about, asked) : []));
  });
}

function fromComment(lines: readonly string[], index: number, file: string, about: readonly Finding[], asked: Asked): Draft[] {
  const words = COMMENT.exec(lines[index]!)![1]!;
  const [, list, reason] = IGNORE.exec(words) ?? [];
  const useless = (message: Text, help: Text): Draft[] => [
    { file, line: index + 1, object: { kind: "ignore", name: list ?? words }, message, help },
  ];
  if (list === undefined)
    return useless(text`This comment allows nothing: ${code(words)} is not understood.`, text`Write ${block(EXAMPLE, "python")}`);
  const rules = list.split(",").map((name) => name.trim());
  const unknown = rules.find((name) => !KNOWN.has(name));
  if (unknown !== undefined)
    return useless(text`There is no rule ${code(unknown)} that this ignore could allow.`, didYouMean(unknown, [...KNOWN.keys()]));
  if (reason === undefined) {
    const help = text`Write why it is right: ${block(`# alembic-gate: ignore[${rules.join(", ")}] -- the reason`, "python")}`;
    return useless(text`This ignore gives no reason, so it does nothing.`, help);
  }
  // A comment on a line of its own speaks of what comes below it, further comments aside.
  let last = index;
  while (/^\s*#/.test(lines[last] ?? "")) last++;
  const allowed = about.filter(
    ({ rule, line }) => rules.includes(rule) && line !== undefined && line > index && line <= last + 1,
  );
  for (const finding of allowed) finding.suppressed = { reason };
  if (allowed.length > 0 || !rules.every((rule) => isConclusive(rule, asked))) return [];
  return useless(
    text`Nothing is found here any more that ${code(`ignore[${rules.join(", ")}]`)} would allow.`,
    text`Remove the comment.`,
  );
}

/** Whether a rule had all that it judges: what was not reached may still need its ignore. */
function isConclusive(rule: string, { facts, ran }: Asked): boolean {
  if (!ran.has(rule)) return false;
  if (["graph", "history"].includes(KNOWN.get(rule)!)) return true;
  return (
    facts.run.known &&
    facts.run.value.phases.every(({ state, planned }) => state === "ok" || (state === "not-run" && planned.length === 0))
  );
}
