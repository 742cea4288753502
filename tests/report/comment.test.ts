import { toUSVString } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { comment, saysSomething, type CommentOptions } from "../../src/report/comment.ts";
import { marker, readMarker, type Owner } from "../../src/report/marker.ts";
import { rendered, seen, tags } from "./github.ts";
import { each, hostile, hostileTexts } from "./hostile.ts";
import { broken, environment, finding, green, huge, red, two, untouched, withText } from "./samples.ts";
import { text } from "../../src/text.ts";

const owner: Owner = { workflow: "CI", job: "migrations", environment: "" };
const options: CommentOptions = {
  owner,
  run: { id: 7, attempt: 1 },
  rules: "https://github.example/gate/blob/v1/docs/rules",
  source: "https://github.example/o/r/blob/5f0c2d7",
  page: "https://github.example/o/r/actions/runs/7",
  commit: "5f0c2d7be1f4c9a2a3b7e8d9c0b1a2f3e4d5c6b7",
};
const html = (report: typeof red, more: Partial<CommentOptions> = {}) => rendered([comment(report, { ...options, ...more })])[0]!;

describe("a red day", () => {
  const page = comment(red, options);
  test("has the table, the details, and what was not checked; not what blocks nobody", () => {
    expect(page).toMatch(
      /^<!-- alembic-gate comment workflow=CI job=migrations environment= run=7\.1 state=open -->\n### ❌ 2 rev/,
    );
    const rules = [...page.slice(0, page.indexOf("<details")).matchAll(/^\| \S+ \| \[`([\w-]+)`]/gm)].map(([, rule]) => rule);
    expect(rules).toEqual(["edited-revision", "multiple-heads", "leftover-after-downgrade", "fails-on-rows", "drops-data"]);
    expect(page).toContain("#### Not checked");
    expect(page).not.toContain("pre-existing fault");
    expect(page).not.toContain("What was run");
    expect(page).toMatch(/<sub>\[job summary]\(https:\/\/github\.example\/o\/r\/actions\/runs\/7\) · judged `5f0c2d7`<\/sub>\n$/);
  });
  test("is shown by GitHub as it is meant", () => {
    expect(seen(html(red))).toMatch(/^❌ 2 revisions are new; 3 errors have to be mended before the merge/);
  });
});

test("whether there is something to say", () => {
  expect([red, broken, two].map(saysSomething)).toEqual([true, true, true]);
  expect([green, untouched].map(saysSomething)).toEqual([false, false]);
  const quiet = [
    finding("a", "error", text`a`, { preexisting: true }),
    finding("b", "error", text`b`, { suppressed: { reason: "c" } }),
  ];
  expect(saysSomething({ ...green, environments: [environment({ findings: quiet })] })).toBe(false);
  const notice = finding("a", "notice", text`a`);
  expect(saysSomething({ ...green, environments: [environment({ findings: [notice] })] })).toBe(true);
});

test("what was found is gone: it says so, and all else is behind a click", () => {
  const page = comment(green, { ...options, mended: true });
  expect(page).toMatch(/state=mended -->\n### ✅ What the Alembic gate found here is gone\n\n<details><summary>/);
  expect(seen(html(green, { mended: true }).replace(/<details>.*<\/details>/s, ""))).toBe(
    "✅ What the Alembic gate found here is gone job summary · judged 5f0c2d7",
  );
});

test("a green day has what happens to the schema", () => {
  expect(comment(green, options)).toContain("#### What this pull request does to the schema");
});

test("a report that a stranger may have written is called that", () => {
  expect(comment(red, { ...options, secondHand: true })).toContain("the check itself is what counts");
});

describe("GitHub's limit", () => {
  test("5,000 findings fit, the worst are shown and the others are counted", () => {
    const page = comment(huge, options);
    expect(page.length).toBeLessThanOrEqual(65_536);
    expect(page).toMatch(/… and 4\d{3} more findings, in the job summary\./);
    const shown = [...page.slice(0, page.indexOf("<details")).matchAll(/^\| (\S+) \|/gm)].map(([, icon]) => icon);
    expect(new Set(shown.slice(2))).toEqual(new Set(["❌"]));
  });
  test("whatever it is filled with", () => {
    for (const report of [huge, red, broken, two, withText("<`|*".repeat(5000)), withText("表".repeat(300_000))]) {
      const page = comment(report, options);
      expect(page.length).toBeLessThanOrEqual(65_536);
      expect(page).toMatch(/^<!-- alembic-gate [^\n]* -->\n### \S/);
      const all = tags(rendered([page])[0]!);
      expect(all.filter((tag) => tag === "details").length).toBe(all.filter((tag) => tag === "/details").length);
    }
  });
});

describe("hostile text", () => {
  const oneParagraph = (value: string) => /\S/.test(value) && !/\n\s*\n/.test(value.replace(/\r\n?/g, "\n"));
  const texts = [...hostileTexts, ...fc.sample(hostile, 300)].map((value) => `x${value}y`).filter(oneParagraph);
  const pages = rendered([withText("harmless"), ...texts.map(withText)].map((report) => comment(report, options)));
  test("there are more than two hundred of them", () => {
    expect(texts.length).toBeGreaterThan(200);
  });
  test("changes no tag of the comment", () => {
    const harmless = tags(pages[0]!).join(" ");
    expect(texts.filter((_, index) => tags(pages[index + 1]!).join(" ") !== harmless)).toEqual([]);
  });
  test("mentions nobody, refers to nothing and links nowhere", () => {
    for (const page of pages) {
      for (const [, target] of page.matchAll(/(?:href|src)="([^"]*)"/g)) {
        expect(target).toMatch(/^https:\/\/github\.example\/(gate\/blob\/v1\/docs\/rules|o\/r\/(blob\/5f0c2d7|actions\/runs))\//);
      }
      // GitHub reads mentions and references in what is left outside of code.
      const words = page.replace(/<(code|pre)[^>]*>.*?<\/\1>/gs, "").replace(/<[^>]*>/g, "");
      expect(words).not.toMatch(/@octo|(?<![\w&])#1\b|\bgh-1\b/i);
    }
  });
});

describe("markers", () => {
  test("are read as they were written, whatever is in them", () => {
    each((value) => {
      const mine = { workflow: value, job: `${value}b`, environment: value };
      const line = marker("comment", mine, { run: value });
      expect(line).toMatch(/^<!-- alembic-gate comment [\w.!~*'()%= ]* -->$/);
      expect(readMarker(`${line}\nbody`, "comment", mine)?.run).toBe(toUSVString(value));
      expect(readMarker(`${line}\r\nbody`, "suggestion", mine)).toBeUndefined();
      expect(readMarker(line, "comment", { ...mine, job: "x" })).toBeUndefined();
    });
  });
  test("count only at the very start", () => {
    const line = marker("comment", owner);
    expect(readMarker(line, "comment", owner)).toBeDefined();
    for (const body of [`> ${line}`, `hello\n${line}`, `\n${line}`, `${line} x`, line.replace("-->", "x -->"), ""])
      expect(readMarker(body, "comment", owner)).toBeUndefined();
  });
  test("any body is read without harm", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (body) => readMarker(body, "comment", owner) === undefined));
    expect(readMarker("<!-- alembic-gate comment workflow=%E0%A4%A -->", "comment", owner)).toBeUndefined();
  });
});
