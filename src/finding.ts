/** What rules, settle and reporters share: the finding and the report. The report *is* the JSON contract (docs/report.schema.json). */
import type { Text } from "./text.ts";

export type Severity = "error" | "warning" | "notice";

/** A place in the head tree. Paths are relative to the repository's root, with `/`; lines and columns are 1-based. */
export interface Place {
  file?: string;
  line?: number;
  endLine?: number;
  column?: number;
  endColumn?: number;
}

/** Another place that belongs to a finding; `commit` where it stands on the base branch only. */
export interface Related {
  file: string;
  line?: number;
  commit?: string;
  message: Text;
}

/** A textual edit that mends the finding. Offsets are UTF-16 units in the file; `expected` must stand between them. */
export interface Fix {
  title: string;
  edits: { file: string; start: number; end: number; expected: string; insert: string }[];
}

/** What a rule says. `settle` makes a Finding of it. */
export interface Draft extends Place {
  /** Where this finding is weaker or stronger than its rule. */
  severity?: Severity;
  /** One sentence: what, where, what it will do to them. */
  message: Text;
  /** What to do, with the command or lines to paste. */
  help: Text;
  revision?: string;
  object?: { kind: string; name: string };
  /** What was seen: the server's message, the difference. */
  evidence?: Text;
  /** The rule knows that the base branch has this already. */
  preexisting?: boolean;
  related?: Related[];
  fix?: Fix;
}

export interface Finding extends Draft {
  rule: string;
  severity: Severity;
  environment: string;
  /** Makes the job fail: an error that is neither pre-existing nor suppressed. */
  blocks: boolean;
  preexisting: boolean;
  suppressed?: { reason: string };
  /** Of rule, environment, revision and object; never of line or text. */
  fingerprint: string;
  related: Related[];
}

/** Something that was not judged, and why. */
export interface NotChecked {
  what: string;
  reason: Text;
}

/** An object of the catalog that is not the same on both sides, its properties in words; a side on which it is not has none. */
export interface ObjectDifference {
  change: "added" | "removed" | "changed";
  kind: string;
  name: string;
  properties: { name: string; before?: string; after?: string }[];
}

/** One row of the table of phases. */
export interface PhaseReport {
  id: string;
  title: string;
  revisions: number;
  seconds: number;
  outcome: "ok" | "failed" | "not-run";
  /** What the catalog was compared with, and how it came out. */
  compared?: {
    with: string;
    differences: number;
    /** The first of them. */
    objects?: ObjectDifference[];
  };
  /** The revision that stopped it. */
  stoppedAt?: string;
  reason?: Text;
}

/** The touched part of the revision graph, for drawing. */
export interface GraphReport {
  nodes: {
    id: string;
    label: string;
    parents: string[];
    state: "base" | "new" | "edited" | "deleted";
    head: boolean;
    /** It has parents that are left out. */
    earlier?: true;
  }[];
  /** How many revisions are left out. */
  omitted: number;
}

/** Which lines of a new revision's function ran, with rows in its tables or without. */
export interface LinesReport {
  revision: string;
  function: "upgrade" | "downgrade";
  file: string;
  /** How many lines may run, and how many did. */
  lines: number;
  ran: number;
  /** Those that never did; `below`: the condition or the loop that they stand in. */
  never: { line: number; endLine: number; below?: string }[];
}

/** What the pull request does to the schema. */
export interface SchemaReport {
  changes: Text[];
  /** The same, object by object; the first of them. */
  objects?: ObjectDifference[];
  /** The SQL that the pull request's upgrades executed. */
  sql: { revision: string; statement: string }[];
}

/** One slice of a long history; other jobs have the others. */
export interface SliceReport {
  /** The `number`th of those that were asked for, 1-based; the newest first. */
  number: number;
  of: number;
  /** Absent where nothing was run. */
  cut?: {
    /** Into how many slices the history could be cut. */
    parts: number;
    /** How many revisions this one has. */
    revisions: number;
    /** Its uppermost revision, and the one below it. */
    top?: string;
    bottom?: string;
  };
  /**
   * How its way down ended; absent where it was not reached. `left`: in another schema, which is nothing to the slices below; `base`:
   * in another schema, so it went on down to base; `stopped`: at a revision that fails.
   */
  way?: "clean" | "left" | "base" | "stopped";
  /** The second upgrade failed. */
  failedAgain?: true;
  /** Everything that it was to run came to its end. */
  whole: boolean;
  /** What stands in the place of `findings` … */
  otherwise: {
    /** … where this slice or one below it stopped: nothing is known of what downgrades left behind; */
    stopped?: Finding[];
    /** … where one above it stopped: nothing but the downgrades that fail by themselves; */
    stoppedAbove?: Finding[];
    /** … where the second upgrade failed further down. */
    failedBelow?: Finding[];
  };
}

export interface EnvironmentReport {
  name: string;
  config: string;
  base?: { commit: string; label: string };
  heads: string[];
  /** Heads of the base branch, where the pull request repairs them: it leaves fewer, and no database loses a way up. */
  repairedHeads?: string[];
  /** Revisions on the pull request's side, and those that the base does not have. */
  revisions: { total: number; added: string[]; changed: string[] };
  /** Which server judged: `PostgreSQL 16.4 (installed)`. */
  server?: string;
  /** Python, Alembic and SQLAlchemy versions and the database driver that ran. */
  runtime?: string;
  /** Other jobs have judged the rest of its history. */
  slice?: SliceReport;
  graph?: GraphReport;
  phases: PhaseReport[];
  schema?: SchemaReport;
  lines?: LinesReport[];
  findings: Finding[];
  notChecked: NotChecked[];
}

type Verdict = "pass" | "fail" | "error";

export interface Report {
  version: 1;
  verdict: Verdict;
  /** 0 passed · 1 the project's fault · 2 wrong use · 3 the gate could not do its work. */
  exitCode: 0 | 1 | 2 | 3;
  /** One sentence for the top of every output. */
  headline: Text;
  environments: EnvironmentReport[];
  /** What stopped the gate, where something did. */
  failures: { message: Text; help: Text; exitCode: 1 | 2 | 3; file?: string; line?: number }[];
  /** Milliseconds by part of the gate. */
  timings: Record<string, number>;
}
