/** The revision graph of one tree. */
import type { Revision, Unreadable } from "./revision.ts";

export interface Graph {
  /** By id; of a duplicated id the file that Alembic would keep. */
  revisions: ReadonlyMap<string, Revision>;
  /** Resolved parents (labels and partial ids made full ids) by id. Missing ones are left out here. */
  parents: ReadonlyMap<string, readonly string[]>;
  /** Resolved depends_on by id. */
  dependencies: ReadonlyMap<string, readonly string[]>;
  /** Revisions that no other revision names as its parent, as `alembic heads` prints them. */
  heads: readonly string[];
  bases: readonly string[];
  duplicates: readonly { id: string; files: readonly Revision[] }[];
  missing: readonly { id: string; parent: string; from: "down_revision" | "depends_on" }[];
  cycles: readonly (readonly string[])[];
  unreadable: readonly Unreadable[];
}
