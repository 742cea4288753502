/** A Text for places that have no mark-up at all. */
import { plain, type Text } from "../text.ts";
import { paragraphs } from "./document.ts";
import { oneLine, visible } from "./escape.ts";

/** Code bare, blocks between blank lines; nothing that is invisible or moves a cursor. */
export function bare(parts: Text): string {
  const blocks = paragraphs(parts).map((block) =>
    "code" in block ? visible(block.code).replace(/^\n+|\s+$/g, "") : oneLine(plain(block.paragraph)),
  );
  return blocks.join("\n\n");
}
