/** What was observed while the migrations ran. No judgement: the rules read this. */
import type { LoadedHeader } from "../project/graph.ts";
import type { Difference } from "../postgres/catalog.ts";
import type { InTheWay } from "../postgres/scratch.ts";
import type { Text } from "../text.ts";
import type { Edit } from "./effect.ts";
import type { ModelDifference, Raised, RenderedStatement } from "./protocol.ts";
import type { RowsEvidence } from "./rows.ts";

/** One statement that a revision executed. Files are relative to the root where they are in it. */
export interface Statement {
  sql: string;
  parameters: string | null;
  file?: string;
  line?: number;
  seconds: number;
  error?: { message: string; sqlstate?: string };
  /** With all its parameters, where that was asked for. */
  exact?: RenderedStatement;
  /** Where env.py has several databases: the place that the connection was to lead to. */
  database?: string;
}

/** One revision, one direction. */
export interface Step {
  revision: string;
  direction: "upgrade" | "downgrade";
  /** False: it was begun and did not end. */
  ended: boolean;
  seconds: number;
  statements: Statement[];
  /** How many statements were left out, since there were thousands. */
  unreported?: number;
  /** Lines of its function that may run, and those that did, where that was watched. */
  lines?: { every: number[]; ran: number[] };
  /** What it did to the catalog: known of a single revision, and of several where one of them does not come back. */
  effect?: Difference[];
}

/** What stopped a phase. */
export interface Stop {
  /** The revision that was running, if one was. */
  revision?: string;
  raised: Raised;
  /** Line in the revision's file, where one could be named. */
  file?: string;
  line?: number;
  /** Set when nothing moved any more within the time limit: what it waited for. */
  timedOut?: { seconds: number; statement?: string; waitingFor?: string };
  /** What is in its way on a given server, and none of this run's. */
  inTheWay?: InTheWay;
  /** A downgrade() that passes where it is run by itself, right after its own upgrade(). */
  passesAlone?: true;
}

export type PhaseId =
  | "prepare"
  | "base"
  | "squash"
  | "upgrade"
  | "downgrade"
  | "upgrade-again"
  | "history-downgrade"
  | "history-upgrade"
  | "history-each"
  | "rows-upgrade"
  | "rows-downgrade"
  | "rows-upgrade-again";

export interface Phase {
  id: PhaseId;
  title: string;
  /** In the order in which they were to run. */
  planned: string[];
  state: "ok" | "failed" | "not-run";
  /** Why it was not run. */
  reason?: Text;
  seconds: number;
  steps: Step[];
  stop?: Stop;
  /** Of the phase that tries each downgrade() by itself: what stopped single ones. Its steps are those downgrades. */
  stops?: Stop[];
  /** Version rows found, and those that the ended steps must leave; of equal content in a sound project. */
  rows?: { found: string[]; expected: string[] };
  /** The catalog after the phase, compared with the state that should have come back. */
  compared?: { with: string; differences: Difference[] };
  /** After one downgrade step: what differs from the state before that revision's upgrade. */
  unrestored: { revision: string; differences: Difference[] }[];
}

/** The models at head, compared with the database there. */
export interface Models {
  /** `old`: the base branch's models differ from its database in the same. */
  differences: (ModelDifference & { old: boolean })[];
  /** Files in which there are new ones: comments in them may allow these. */
  sources?: { file: string; source: string }[];
  /** Why it is not known what the base branch has of them; `old` is then a guess. */
  baseUnknown?: Text;
}

/** The part of the history that one of several machines ran. */
export interface SliceEvidence {
  /** The `number`th of those that were asked for, 1-based; the newest first. */
  number: number;
  of: number;
  /** Into how many the history could be cut. */
  parts: number;
  /** Its revisions, from the bases up; none where there are fewer parts. */
  revisions: string[];
  /** The revision below it; absent for the oldest. */
  bottom?: string;
}

export interface Evidence {
  /** `16.4`. */
  serverVersion: string;
  serverProvider: string;
  python: string;
  alembic: string;
  sqlalchemy: string;
  /** Database driver that env.py used: `psycopg2`, `asyncpg`. */
  dbapi?: string;
  /** Ids in Alembic's order. */
  order: string[];
  /** What Alembic has loaded of them. */
  loaded?: readonly LoadedHeader[];
  /** The ids that the base branch has. */
  base: ReadonlySet<string>;
  /** Not all of the history was run. */
  slice?: SliceEvidence;
  /** What the base branch has was run from its own files, since the pull request changes them. */
  baseFiles?: true;
  /** The pull request's files, run from an empty database, end in the schema that it has reached on what the base branch has. */
  sameFromEmpty?: true;
  phases: Phase[];
  /** What the pull request does to the schema: B0 → H. */
  schema?: Difference[];
  /** env.py gives Alembic models to compare the database with. */
  hasModels?: boolean;
  /** Absent where there are none, or head was not reached. */
  models?: Models;
  /** The dialect of the URL that env.py asked for: `postgresql`. */
  dialect?: string;
  /** What the project runs on, where that is neither Postgres nor SQLite: `mysql`. */
  unsupported?: string;
  /** What the pull request's revisions did to rows; absent where none of them touches a table that was there before. */
  rows?: RowsEvidence;
  /** How edited revisions compare that only a database can tell about, as far as both versions were executed on rows. */
  bodies?: ReadonlyMap<string, Partial<Edit>>;
  /** What the base branch's own files did, where old revisions looked faulty. */
  onBase?: Evidence;
  foreign: { wanted: string; file?: string; line?: number }[];
  /** Notes for notChecked. */
  notes: { what: string; reason: Text }[];
}
