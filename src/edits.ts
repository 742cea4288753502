/** Applies the edits that a finding carries. Pure. */
import type { Fix } from "./finding.ts";

/** The text with all edits made; undefined where something else stands in their place. */
export function edited(source: string, edits: Fix["edits"]): string | undefined {
  let result = source;
  // From the end, so that the offsets of the others stay right.
  for (const { start, end, expected, insert } of edits.toSorted((a, b) => b.start - a.start)) {
    if (result.slice(start, end) !== expected) return undefined;
    result = result.slice(0, start) + insert + result.slice(end);
  }
  return result;
}
