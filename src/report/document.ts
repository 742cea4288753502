/** A report as a document: what stands in it, before anybody knows in which language it is written. Foreign text is in the parts. */
import type { GraphReport } from "../finding.ts";
import type { Part, Text } from "../text.ts";

export type Icon = "passed" | "failed" | "broken" | "error" | "warning" | "notice" | "ignored" | "skipped";

/** A part of a sentence. `url` is made by us (escape.ts), its foreign segments encoded. */
export type Inline = Part | { icon: Icon } | { strong: Text } | { url: string; of: Text };

export type Line = readonly Inline[];

export type Block =
  | { heading: Line; level: 2 | 3 | 4 }
  | { paragraph: Line }
  /** Set in small letters. */
  | { small: Line }
  | { items: Line[] }
  | { head: Line[]; rows: Line[][] }
  | { code: string; language: string }
  | { graph: GraphReport }
  | { details: Block[]; title: Line; open: boolean };

/** A Text as blocks of a document: its prose as paragraphs, its blocks between them. */
export function paragraphs(parts: Text): ({ paragraph: Text } | { code: string; language: string })[] {
  const blocks: ReturnType<typeof paragraphs> = [];
  let line: Part[] = [];
  const end = () => {
    if (line.some((part) => "code" in part || ("text" in part && part.text.trim() !== ""))) blocks.push({ paragraph: line });
    line = [];
  };
  for (const part of parts) {
    if ("block" in part) {
      end();
      blocks.push({ code: part.block, language: part.language });
    } else if ("code" in part) {
      line.push(part);
    } else {
      part.text.split(/\n\s*\n/).forEach((text, index) => {
        if (index > 0) end();
        if (text !== "") line.push({ text });
      });
    }
  }
  end();
  return blocks;
}
