/** What the pull request does to the revisions that the base branch has. Facts only; the rules judge. */
import type { Graph } from "../project/graph.ts";
import type { Revision } from "../project/revision.ts";

/** The commit that stands for the base branch. */
export interface Base {
  commit: string;
  /** How it was found, for people: `main`, `the first parent of the merge commit`. */
  label: string;
}

/** One revision of the base branch, beside what the pull request has of it. */
export interface Change {
  id: string;
  before: Revision;
  /** Absent when deleted. */
  after?: Revision;
  /** cosmetic: the same syntax tree once comments, docstrings, formatting, quoting, import order and annotations are set aside. */
  body: "same" | "cosmetic" | "edited" | "deleted";
  /** Where the body was edited, in the pull request's file. */
  edited?: { functions: string[]; line: number };
  moved: boolean;
  /** Parents before and after, where they differ. */
  reparented?: { before: readonly string[]; after: readonly string[] };
  dependenciesChanged: boolean;
  labelsChanged: boolean;
  /** A new revision with the same body, where this one vanished: its id was changed. */
  becameId?: string;
}

export interface History {
  base: Base;
  graph: Graph;
  changes: ReadonlyMap<string, Change>;
  /** Ids that the base branch does not have, in no order. */
  added: readonly string[];
  /** Files that differ between base and head, relative to the root. */
  changedFiles: readonly string[];
}
