/** A document as GitHub's Markdown, for the job summary and `--format markdown`. */
import type { GraphReport } from "../finding.ts";
import type { Block, Icon, Inline, Line } from "./document.ts";
import { htmlCode, htmlText, markdownCode, markdownFence, markdownText, mermaidLabel } from "./escape.ts";
import { count } from "../text.ts";
import { nodeLines } from "./view.ts";

const ICONS: Record<Icon, string> = {
  passed: "✅",
  failed: "❌",
  broken: "🛑",
  error: "❌",
  warning: "⚠️",
  notice: "ℹ️",
  ignored: "🔕",
  skipped: "➖",
};

/** What one kind of surroundings makes of each part. `before` is what stands to the left of a piece of code. */
interface Dialect {
  text(value: string): string;
  code(value: string, before: string): string;
  strong(content: string): string;
  link(url: string, content: string): string;
}

const inMarkdown: Dialect = {
  text: markdownText,
  code: markdownCode,
  strong: (content) => `**${content}**`,
  link: (url, content) => `[${content}](${url})`,
};

/** Between HTML tags nothing is read as Markdown. */
const inHtml: Dialect = {
  text: htmlText,
  code: htmlCode,
  strong: (content) => `<b>${content}</b>`,
  link: (url, content) => `<a href="${url}">${content}</a>`,
};

function written(part: Inline, dialect: Dialect, before: string): string {
  if ("icon" in part) return ICONS[part.icon];
  if ("text" in part) return dialect.text(part.text);
  if ("code" in part) return dialect.code(part.code, before);
  if ("block" in part) return dialect.code(part.block, before);
  if ("strong" in part) return dialect.strong(line(part.strong, dialect));
  return dialect.link(part.url, line(part.of, dialect));
}

const line = (parts: Line, dialect: Dialect = inMarkdown): string =>
  parts.reduce((before, part) => before + written(part, dialect, before), "").trim();

/** GitHub draws flowcharts of at most 500 edges; nobody reads more than this. */
const NODES_DRAWN = 40;

function mermaid({ nodes, omitted }: GraphReport): string {
  const important = [...nodes].sort(
    (a, b) => Number(b.head) - Number(a.head) || Number(a.state === "base") - Number(b.state === "base"),
  );
  const kept = new Set(important.slice(0, NODES_DRAWN));
  const drawn = nodes.filter((node) => kept.has(node));
  const names = new Map(drawn.map((node, index) => [node.id, `r${index}`]));
  const lines = [`flowchart ${drawn.length > 6 ? "TB" : "LR"}`];
  for (const node of drawn) {
    const label = mermaidLabel(...nodeLines(node));
    lines.push(`  ${names.get(node.id)}${node.head ? `([${label}])` : `[${label}]`}:::${node.state}`);
  }
  let earlier = 0;
  for (const node of drawn) {
    const parents = node.parents.map((parent) => names.get(parent));
    for (const parent of parents) if (parent !== undefined) lines.push(`  ${parent} --> ${names.get(node.id)}`);
    if (parents.includes(undefined)) lines.push(`  e${earlier}["…"]:::earlier -.-> ${names.get(node.id)}`);
    if (parents.includes(undefined)) earlier++;
  }
  lines.push(
    "  classDef base fill:#f6f8fa,stroke:#8c959f,color:#1f2328",
    "  classDef new fill:#dafbe1,stroke:#1a7f37,color:#1f2328,stroke-width:2px",
    "  classDef edited fill:#fff8c5,stroke:#9a6700,color:#1f2328,stroke-width:2px",
    "  classDef deleted fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-width:2px,stroke-dasharray:4 3",
    "  classDef earlier fill:none,stroke:none,color:#8c959f",
  );
  const hidden = omitted + nodes.length - drawn.length;
  const rest = hidden > 0 ? `\n\n<sub>${count(hidden, "further revision")} not drawn</sub>` : "";
  return "```mermaid\n" + lines.join("\n") + "\n```" + rest;
}

function writtenBlock(block: Block): string {
  if ("heading" in block) return `${"#".repeat(block.level)} ${line(block.heading)}`;
  if ("paragraph" in block) return line(block.paragraph);
  if ("small" in block) return `<sub>${line(block.small)}</sub>`;
  if ("items" in block) return block.items.map((item) => `- ${line(item)}`).join("\n");
  if ("rows" in block) {
    const row = (cells: Line[]) => `| ${cells.map((cell) => line(cell)).join(" | ")} |`;
    return [row(block.head), `|${" --- |".repeat(block.head.length)}`, ...block.rows.map(row)].join("\n");
  }
  if ("graph" in block) return mermaid(block.graph);
  if ("details" in block) {
    const title = line(block.title, inHtml);
    return `<details${block.open ? " open" : ""}><summary>${title}</summary>\n\n${markdown(block.details)}\n</details>`;
  }
  return markdownFence(block.code, block.language);
}

/** The document as Markdown, ended by a newline. */
export const markdown = (document: readonly Block[]): string => `${document.map(writtenBlock).join("\n\n")}\n`;
