import { toUSVString } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as escape from "../../src/report/escape.ts";
import { readCommand } from "../support/runner.ts";
import { rendered, seen, tags } from "./github.ts";
import { each, hostile, hostileTexts } from "./hostile.ts";

/**
 * Asks GitHub's renderer for `write(text)` of all hostile texts and of many mixtures of them.
 *
 * @returns those in which it sees other tags than `frame`, or other words than `words(text)`
 */
function misread(write: (text: string) => string, frame: string[], words = (text: string) => text) {
  const texts = [...hostileTexts, ...fc.sample(hostile, 1000)];
  const html = rendered(texts.map(write));
  const found = texts.map((text, index) => ({ text, seen: seen(html[index]!), tags: tags(html[index]!).join(" ") }));
  const wanted = (text: string) => words(escape.visible(text)).replace(/\s+/g, " ").trim();
  return found.filter(({ text, seen, tags }) => seen !== wanted(text) || tags !== frame.join(" "));
}

describe("visible", () => {
  test("leaves nothing that moves the cursor, hides or turns text", () => {
    each((text) => {
      expect(escape.visible(text)).not.toMatch(/(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    });
  });
  test("names what it found", () => {
    expect(escape.visible("a\u202eb")).toBe("a<U+202E>b");
    expect(escape.visible("\u001b[31mred\u001b[0m")).toBe("red");
    expect(escape.visible("a\u0000\u0007")).toBe("a<U+0000><U+0007>");
    expect(escape.visible("a\r\nb\rc")).toBe("a\nb\nc");
    expect(escape.visible("\ud800")).toBe("\ufffd");
  });
  test("leaves everyday text of all languages alone", () => {
    for (const text of ["naïve café", "表テーブル", "👩‍💻", "نام‌ها", "a\tb"]) expect(escape.visible(text)).toBe(text);
  });
});

describe("markdownText", () => {
  test("stays in its paragraph", () => {
    expect(
      misread(
        (text) => `a ${escape.markdownText(text)} b`,
        ["p", "/p"],
        (text) => `a ${text} b`,
      ),
    ).toEqual([]);
  });
  test("opens no block at the start of one", () => {
    expect(
      misread(
        (text) => `${escape.markdownText(text)}a`,
        ["p", "/p"],
        (text) => `${text}a`,
      ),
    ).toEqual([]);
  });
  test("stays in a table's cell", () => {
    expect(
      misread(
        (text) => `| a |\n|---|\n| a ${escape.markdownText(text)} b |`,
        ["table", "thead", "tr", "th", "/th", "/tr", "/thead", "tbody", "tr", "td", "/td", "/tr", "/tbody", "/table"],
        (text) => `a a ${text} b`,
      ),
    ).toEqual([]);
  });
  test("makes no mention, reference, emoji or formula", () => {
    const html = rendered(["@octocat", "#1", "octo/repo#1", "GH-1", ":tada:", "$x$", "`$`"].map(escape.markdownText)).join("");
    expect(html).not.toMatch(/@\w|#\d|GH-\d|:\w+:|\$\w/);
  });
});

const CELL = (inside: string[]) => [
  "table",
  "thead",
  "tr",
  "th",
  "/th",
  "/tr",
  "/thead",
  "tbody",
  "tr",
  "td",
  ...inside,
  "/td",
  "/tr",
  "/tbody",
  "/table",
];

describe("markdownCode", () => {
  test("is one piece of code in a paragraph", () => {
    expect(
      misread(
        (text) => `a ${escape.markdownCode(text)} b`,
        ["p", "code", "/code", "/p"],
        (text) => `a ${text} b`,
      ),
    ).toEqual([]);
  });
  test("is one piece of code at the start of a line", () => {
    expect(misread((text) => escape.markdownCode(text), ["p", "code", "/code", "/p"])).toEqual([]);
  });
  test("is one piece of code in a table's cell", () => {
    expect(
      misread(
        (text) => `| a |\n|---|\n| a ${escape.markdownCode(text)} b |`,
        CELL(["code", "/code"]),
        (text) => `a a ${text} b`,
      ),
    ).toEqual([]);
  });
  test("is a piece of its own after another", () => {
    expect(
      misread(
        (text) => `${escape.markdownCode("x`y")}${escape.markdownCode(text, "`")}`,
        ["p", "code", "/code", "code", "/code", "/p"],
        (text) => `x\`y${text}`,
      ),
    ).toEqual([]);
  });
  test("is written with as few signs as it takes", () => {
    expect(escape.markdownCode("public.users")).toBe("`public.users`");
    expect(escape.markdownCode("a`b")).toBe("``a`b``");
    expect(escape.markdownCode("`a``")).toBe("``` `a`` ```");
  });
});

describe("markdownFence", () => {
  test("ends where it is ended", () => {
    const frame = ["p", "/p", "pre", "code", "/code", "/pre", "p", "/p"];
    expect(
      misread(
        (text) => `a\n\n${escape.markdownFence(text, "sql")}\n\nb`,
        frame,
        (text) => `a ${text} b`,
      ),
    ).toEqual([]);
  });
  test("keeps lines and their indentation", () => {
    expect(escape.markdownFence("\n  a\n    b\n", "python")).toBe("```python\n  a\n    b\n```");
  });
  test("never names a language that GitHub draws, nor one that is no name", () => {
    for (const language of ["mermaid", "math", "geojson", "a`b", "a b", "sql\n"])
      expect(escape.markdownFence("x", language)).toBe("```\nx\n```");
  });
});

describe("HTML in Markdown", () => {
  test("text stays between its tags", () => {
    const frame = ["details", "summary", "/summary", "p", "/p", "/details"];
    expect(
      misread(
        (text) => `<details><summary>a ${escape.htmlText(text)} b</summary>\n\nc\n\n</details>`,
        frame,
        (text) => `a ${text} b c`,
      ),
    ).toEqual([]);
  });
  test("code stays between its tags", () => {
    const frame = ["details", "summary", "code", "/code", "/summary", "p", "/p", "/details"];
    expect(
      misread(
        (text) => `<details><summary>a ${escape.htmlCode(text)} b</summary>\n\nc\n\n</details>`,
        frame,
        (text) => `a ${text} b c`,
      ),
    ).toEqual([]);
  });
});

describe("markdownUrl", () => {
  test("a foreign path stays a path", () => {
    each((text) => {
      const url = escape.markdownUrl("https://github.example/blob/1/", `versions/${text}`);
      expect(url).toMatch(/^https:\/\/github\.example\/blob\/1\/versions\/[\w.%/~-]*$/);
      expect(url.split("/").slice(6).map(decodeURIComponent).join("/")).toBe(toUSVString(text));
    });
  });
  test("the link around it is one link", () => {
    expect(
      misread(
        (text) => `[${escape.markdownCode(text)}](${escape.markdownUrl("https://github.example", text)})`,
        ["p", "a", "code", "/code", "/a", "/p"],
      ),
    ).toEqual([]);
  });
});

describe("mermaidLabel", () => {
  test("holds nothing that Mermaid reads, and everything that people do", () => {
    each((text) => {
      const label = escape.mermaidLabel(text);
      expect(label).toMatch(/^"([\p{L}\p{M}\p{N} ,_-]|#\d+;|…)+"$/u);
      expect(label.slice(1, -1).replace(/#(\d+);/g, (_, number) => String.fromCodePoint(number))).toBe(
        escape.oneLine(text) || "…",
      );
    });
  });
  test("has room for a note", () => {
    expect(escape.mermaidLabel("3f2a add", "new, head")).toBe('"3f2a add<br/>new, head"');
  });
});

describe("workflow commands", () => {
  test("the runner reads one command and gets every character back", () => {
    const registered = new Set(["error", "warning", "notice", "set-output", "stop-commands", "add-mask", "group"]);
    each((text) => {
      const line = `::error file=${escape.commandProperty(`x${text}`)},line=1,title=t::${escape.commandData(text)}`;
      expect(line).not.toMatch(/[\r\n]/);
      const command = readCommand(line, registered);
      expect(command).toEqual({
        name: "error",
        properties: { file: toUSVString(`x${text}`), line: "1", title: "t" },
        data: toUSVString(text),
      });
    });
  });
});
