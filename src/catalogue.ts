/** Every rule as people know it, and its page. The pages are docs/rules/: what is read there is what `explain` and SARIF say. */
import { readFileSync } from "node:fs";
import type { Severity } from "./finding.ts";
import { Failure } from "./failure.ts";
import { RULES } from "./rules/index.ts";
import type { Family } from "./rules/rule.ts";
import { didYouMean } from "./settings.ts";
import { UNUSED_IGNORE } from "./settle.ts";
import { code, text } from "./text.ts";

export interface RuleCard {
  id: string;
  family: Family | "gate";
  severity: Severity;
  /** One line. */
  summary: string;
}

/** The rules in the order of the documentation; last those that judge the use of the gate itself. */
export const CATALOGUE: readonly RuleCard[] = [...RULES, { ...UNUSED_IGNORE, family: "gate" }];

/** The page of a rule of the catalogue, in Markdown. */
export const pageOf = (id: string): string => readFileSync(new URL(`../docs/rules/${id}.md`, import.meta.url), "utf8");

/** What `alembic-gate rules` prints: a line for each rule, below its family. */
export function ruleList(): string {
  const width = Math.max(...CATALOGUE.map(({ id }) => id.length));
  const families = [...new Set(CATALOGUE.map(({ family }) => family))];
  const lines = families.map((family) => {
    const own = CATALOGUE.filter((rule) => rule.family === family);
    return `${family}\n${own.map(({ id, severity, summary }) => `  ${id.padEnd(width)}  ${severity.padEnd(7)}  ${summary}\n`).join("")}`;
  });
  return `${lines.join("\n")}\nalembic-gate explain RULE prints the page of a rule.\n`;
}

/**
 * What `alembic-gate explain RULE` prints.
 *
 * @throws Failure (exit code 2) where there is no such rule
 */
export function explain(rule: string | undefined): string {
  if (rule === undefined)
    throw new Failure(
      2,
      text`${code("explain")} needs the name of a rule.`,
      text`${code("alembic-gate rules")} lists them; for example ${code("alembic-gate explain multiple-heads")}.`,
    );
  const ids = CATALOGUE.map(({ id }) => id);
  if (!ids.includes(rule)) throw new Failure(2, text`There is no rule ${code(rule)}.`, didYouMean(rule, ids));
  return pageOf(rule);
}
