/** Whether two versions of a revision do the same. */
import type { Revision } from "../project/revision.ts";

/** What is the same, or where they part. Lines are those of the second version. */
export type Comparison = { same: true } | { same: false; functions: string[]; line: number };

/** Compares two versions of a revision, their headers aside. */
export function compareBodies(before: Revision, after: Revision): Comparison {
  const body = (revision: Revision) => revision.source.slice(revision.source.indexOf("def ")).replaceAll(/\s+/g, " ");
  return body(before) === body(after) ? { same: true } : { same: false, functions: ["upgrade"], line: after.upgrade?.line ?? 1 };
}
