/** Facts made by hand: what rules and settle judge, without a database. */
import type { Draft } from "../../src/finding.ts";
import type { Difference } from "../../src/postgres/catalog.ts";
import type { Environment } from "../../src/project/environment.ts";
import { buildGraph, type Graph } from "../../src/project/graph.ts";
import { readRevision } from "../../src/project/revision.ts";
import type { FactsOf, Rule } from "../../src/rules/rule.ts";
import type { Evidence, Phase, PhaseId, Statement, Step, Stop } from "../../src/run/evidence.ts";
import type { Raised } from "../../src/run/protocol.ts";
import { plain, text } from "../../src/text.ts";
import { revision, type RevisionOptions } from "./alembic.ts";

/** Where a made-up revision stands. */
export const fileOf = (id: string): string => `migrations/versions/${id}.py`;

/** The graph of revisions that are given by their ids; upgrade() begins on line 9. */
export function graphOf(revisions: Record<string, RevisionOptions>): Graph {
  const bytes = (source: string) => new TextEncoder().encode(source);
  return buildGraph(Object.entries(revisions).map(([id, options]) => readRevision(fileOf(id), bytes(revision(id, options)))!));
}

/** A chain of revisions, each on the one before it. */
export function chainOf(...revisions: [id: string, options?: RevisionOptions][]): Graph {
  return graphOf(
    Object.fromEntries(revisions.map(([id, options], index) => [id, { down: revisions[index - 1]?.[0], ...options }])),
  );
}

export const environment: Environment = {
  name: "alembic.ini",
  config: "alembic.ini",
  section: "alembic",
  format: "ini",
  kind: "alembic",
  directory: "",
  scriptLocation: "migrations",
  versionFolders: ["migrations/versions"],
  recursive: false,
  prependSysPath: ["."],
};

export const statement = (sql: string, more: Partial<Statement> = {}): Statement => ({
  sql,
  parameters: null,
  seconds: 0,
  ...more,
});

/** A step that ended, up unless something else is said. */
export const step = (revision: string, more: Partial<Step> = {}): Step => ({
  revision,
  direction: "upgrade",
  ended: true,
  seconds: 0,
  statements: [],
  ...more,
});

export const raised = (more: Partial<Raised> = {}): Raised => ({
  type: "RuntimeError",
  message: "it broke",
  frames: [],
  traceback: "",
  ...more,
});

/** What stopped a phase; an error of the database where a SQLSTATE is given. */
export const stop = (revision: string | undefined, error: Partial<Raised> = {}, more: Partial<Stop> = {}): Stop => ({
  ...(revision !== undefined && { revision }),
  raised: raised(error),
  ...more,
});

/** A phase that went well, or failed where something stopped it. */
export function phase(id: PhaseId, more: Partial<Phase> = {}): Phase {
  const state = more.stop ? "failed" : "ok";
  return { id, title: `the phase ${id}`, planned: [], state, seconds: 1, steps: [], unrestored: [], ...more };
}

/** Evidence with these phases; the base branch has the revisions of `base`. */
export const evidence = (phases: Phase[], more: Partial<Evidence> = {}): Evidence => ({
  serverVersion: "16.4",
  serverProvider: "installed",
  python: "3.13.1",
  alembic: "1.20.1",
  sqlalchemy: "2.1.9",
  order: [],
  base: new Set(),
  phases,
  foreign: [],
  notes: [],
  ...more,
});

export const added = (kind: string, name: string, more: Partial<Difference> = {}): Difference => ({
  change: "added",
  kind,
  name,
  properties: [],
  ...more,
});

export const removed = (kind: string, name: string, more: Partial<Difference> = {}): Difference => ({
  ...added(kind, name, more),
  change: "removed",
});

/** Something of which some properties changed: name, before, after. */
export const changed = (
  kind: string,
  name: string,
  ...properties: [name: string, before: string | boolean | null, after: string | boolean | null][]
): Difference => ({
  ...added(kind, name),
  change: "changed",
  properties: properties.map(([name, before, after]) => ({ name, before, after })),
});

/** The phases down, with differences that were not undone by one revision. */
export const wentDown = (revision: string, ...differences: Difference[]): Phase =>
  phase("downgrade", {
    planned: [revision],
    compared: { with: "the base branch", differences },
    unrestored: [{ revision, differences }],
  });

/** All facts; those that are not given are unknown. */
export function factsOf(known: Partial<{ [K in keyof FactsOf]: Extract<FactsOf[K], { known: true }>["value"] }>): FactsOf {
  const unknown = { known: false, reason: text`it was not looked at` } as const;
  const facts = Object.entries(known).map(([name, value]) => [name, { known: true, value }]);
  return {
    environment: unknown,
    graph: unknown,
    history: unknown,
    run: unknown,
    edits: unknown,
    settings: unknown,
    ...Object.fromEntries(facts),
  };
}

/** What one rule says. */
export function judge(rule: Rule, graph: Graph, run: Evidence): Draft[] {
  return rule.judge({ graph, run, environment } as never);
}

/** The sentence of a draft, and what can be pasted from its help, without mark-up. */
export const said = ({ message }: Draft): string => plain(message);
export const toPaste = ({ help }: Draft): string[] => help.flatMap((part) => ("block" in part ? [part.block] : []));
