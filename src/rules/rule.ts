/** A rule: a pure function from facts to findings. One file each; src/rules/index.ts lists them. */
import type { Draft, Severity } from "../finding.ts";
import type { History } from "../history/history.ts";
import type { Neighbour } from "../history/neighbours.ts";
import type { Environment } from "../project/environment.ts";
import type { Graph } from "../project/graph.ts";
import type { Edits } from "../run/effect.ts";
import type { Evidence } from "../run/evidence.ts";
import type { Text } from "../text.ts";

/** A fact is known, or carries the reason why it is not. */
export type Fact<T> = { known: true; value: T } | { known: false; reason: Text };

export interface Facts {
  environment: Environment;
  /** The pull request's graph, merged with what landed on the base since. */
  graph: Graph;
  history: History;
  run: Evidence;
  /** What edited revisions would execute, before and after. */
  edits: Edits;
  /** What other open pull requests add. */
  neighbours: readonly Neighbour[];
  /** What the settings say about what is meant. */
  settings: { expectedHeads?: number; allowLabel?: string; downgrades?: "required" | "optional" };
}

/** Each fact, known or not; of other pull requests only GitHub knows. */
export type FactsOf = { [K in Exclude<keyof Facts, "neighbours">]: Fact<Facts[K]> } & { neighbours?: Fact<Facts["neighbours"]> };

type Need = keyof Facts;

export type Family = "graph" | "history" | "run" | "data" | "drift" | "setup";

export interface Rule<N extends Need = Need, O extends Need = Need> {
  id: string;
  family: Family;
  severity: Severity;
  /** One line for listings. */
  summary: string;
  /** Without these the rule does not run, and the report says so. */
  needs: readonly N[];
  /** These are given where they are known. */
  wants: readonly O[];
  judge(facts: Pick<Facts, N> & Partial<Pick<Facts, O>>): Draft[];
}

/** Defines a rule; `judge` receives exactly what it needs and wants, typed. */
export function rule<const N extends Need, const O extends Need = never>(
  definition: Omit<Rule<N, O>, "wants"> & { wants?: readonly O[] },
): Rule {
  return { wants: [], ...definition };
}
