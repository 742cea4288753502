/** What a slice takes of the history, in words. Apart from what runs it, since reports need no more. */
import { code, count, text, type Text } from "../text.ts";
import type { SliceEvidence } from "./evidence.ts";

/** What of the history other machines run, as a reason for notChecked. */
export function sliceReason({ number, of, parts, revisions, bottom }: SliceEvidence): Text {
  const who = text`this is slice ${number} of ${of}`;
  if (revisions.length === 0)
    return text`${who}, and every way up passes through so few revisions that the history can be cut into ${count(parts, "slice")} only`;
  const from = bottom === undefined ? text`from the first one` : text`above ${code(bottom)}`;
  const what = text`${count(revisions.length, "revision")} ${from} up to ${code(revisions.at(-1)!)}`;
  return text`${who}: it takes ${what} down and up again, and other slices the others; ${code("alembic-gate report --merge")} makes one verdict of them`;
}
