/** What GitHub makes of Markdown: its own renderer, called through Python. */
import { execFileSync } from "node:child_process";
import path from "node:path";

const python = path.resolve(import.meta.dirname, "../../.venvs/default/bin/python");
const script = `
import json, sys
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
print(json.dumps([github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE) for text in json.load(sys.stdin)]))
`;

/** HTML of each Markdown text, raw HTML kept as GitHub keeps what it allows. */
export function rendered(texts: string[]): string[] {
  return JSON.parse(
    execFileSync(python, ["-I", "-c", script], { input: JSON.stringify(texts), encoding: "utf8", maxBuffer: 1e9 }),
  );
}

/** The tags of a piece of HTML in their order, attributes aside; without those that only hold a dollar sign. */
export const tags = (html: string): string[] =>
  (html.replaceAll("<span>$</span>", "").match(/<!--|<\/?[a-z][^\s>]*/gi) ?? []).map((tag) => tag.slice(1).toLowerCase());

const NAMED: Record<string, string> = { lt: "<", gt: ">", quot: '"', amp: "&" };

/** What a reader sees of a piece of HTML: no tags, entities as characters, white space as one space; zero-width spaces aside. */
export const seen = (html: string): string =>
  html
    .replace(/<[^>]*>/g, "")
    .replace(/&(?:#(\d+)|(\w+));/g, (entity, number, name: string) =>
      number ? String.fromCodePoint(Number(number)) : (NAMED[name] ?? entity),
    )
    .replaceAll("\u200b", "")
    .replace(/\s+/g, " ")
    .trim();
