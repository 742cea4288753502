import { readFile, writeFile } from "node:fs/promises";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sendSummary, summary } from "../../src/report/summary.ts";
import { block, code, text } from "../../src/text.ts";
import { rendered, seen, tags } from "./github.ts";
import { hostile, hostileTexts } from "./hostile.ts";
import { broken, environment, finding, green, huge, red, two, untouched, withText } from "./samples.ts";

const options = { rules: "https://github.example/gate/blob/v1/docs/rules", source: "https://github.example/o/r/blob/5f0c2d7" };
const html = (report: typeof red) => rendered([summary(report, options)])[0]!;

/** Blank lines in a Text part paragraphs: that is what they are for. */
const oneParagraph = (value: string) => /\S/.test(value) && !/\n\s*\n/.test(value.replace(/\r\n?/g, "\n"));

/** Hostile texts that change neither Markdown nor the number of paragraphs. */
const texts = () => [...hostileTexts, ...fc.sample(hostile, 300)].map((value) => `x${value}y`).filter(oneParagraph);

describe("a red day", () => {
  const page = summary(red, options);
  test("says first what is wrong, worst first", () => {
    expect(page).toMatch(
      /^## ❌ 2 revisions are new; 3 errors have to be mended before the merge\n\n\*\*3 errors\*\* · 1 warning · 1 notice/,
    );
    const rules = [...page.slice(0, page.indexOf("<details")).matchAll(/^\| \S+ \| \[`([\w-]+)`]/gm)].map(([, rule]) => rule);
    expect(rules).toEqual(["edited-revision", "multiple-heads", "leftover-after-downgrade", "fails-on-rows", "drops-data"]);
  });
  test("links rules to their pages and places to their lines", () => {
    expect(page).toContain("[`edited-revision`](https://github.example/gate/blob/v1/docs/rules/edited-revision.md)");
    expect(page).toContain(
      "[`2026_11_19_facade0ffbea_invoices.py:14`](https://github.example/o/r/blob/5f0c2d7/backend/migrations/versions/2026_11_19_facade0ffbea_invoices.py#L14-L17)",
    );
  });
  test("has no links where it knows no addresses", () => {
    expect(summary(red)).not.toContain("](");
  });
  test("shows what blocks without a click, the rest behind one", () => {
    const open = [...page.matchAll(/<details open><summary>\S+ <code>([\w-]+)/g)].map(([, rule]) => rule);
    expect(open).toEqual(["edited-revision", "multiple-heads", "leftover-after-downgrade"]);
  });
  test("gives evidence, help and related places", () => {
    expect(page).toContain("```diff\n-  total NUMERIC(12, 2) NOT NULL\n+  total NUMERIC(12, 4) NOT NULL\n```");
    expect(page).toContain(
      '**What to do:** Add to downgrade():\n\n```python\nsa.Enum(name="order_status").drop(op.get_bind())\n```',
    );
    expect(page).toMatch(/\*\*See also:\*\* \[`line 11`]\(\S+#L11\): enum type `public\.order_status` is created here/);
    expect(page).toContain("`alembic-gate fix` does it: restore the revision");
  });
  test("draws the history where heads or edits are the matter", () => {
    const before = page.slice(0, page.indexOf("<details"));
    expect(before).toContain(
      '```mermaid\nflowchart LR\n  r0["b01dface0ff5 add users"]:::base\n  r1["c0de5ca1ab1e add orders<br/>edited"]:::edited',
    );
    expect(before).toContain('r3(["invoices<br/>facade0ffbea<br/>new, head"]):::new');
    expect(before).toContain("r1 --> r3");
  });
  test("puts away what blocks nobody", () => {
    const own = page.indexOf("Not checked");
    expect(page.indexOf("`downgrade-failed`")).toBeGreaterThan(own);
    expect(page).toContain("<summary>1 pre-existing fault: on the base branch already, no reason to block</summary>");
    expect(page).toContain("– invoices must be kept by law");
  });
  test("says what was not checked, and why", () => {
    expect(page).toContain("### Not checked\n\n- **downgrade from 5eed5eed5eed to base**: `5eed5eed5eed` could not be undone");
  });
  test("tells phase by phase what was run", () => {
    expect(page).toContain("<summary>What was run: 6 phases in 2.5 s, 1 failed, 1 not run</summary>");
    expect(page).toContain("| downgrade base | 49 | 0.41 s |  | ❌ failed: `5eed5eed5eed` raised ProgrammingError |");
    expect(page).toContain("| the pull request's revisions, down | 1 | 0.03 s | the base branch: no difference | ✅ |");
  });
});

describe("a green day", () => {
  test("is short: what changes in the schema, the rest behind a click", () => {
    const words = seen(html(green).replace(/<details>.*?<\/details>/gs, ""));
    expect(words).toBe(
      [
        "✅ 1 new revision goes up, down and up again without a trace",
        "What this pull request does to the schema",
        "adds enum type public.order_status with the labels open, paid and shipped",
        "adds column public.orders.status: order_status NOT NULL DEFAULT 'open'",
        "adds index public.ix_orders_status on orders (status)",
        "backend/alembic.ini: 48 revisions, 1 new · compared with main (5f0c2d7) · PostgreSQL 16.4 (installed) · Python 3.12.4, Alembic 1.20.1, SQLAlchemy 2.0.58, psycopg2",
      ].join(" "),
    );
  });
  test("has the SQL, in one block a revision", () => {
    expect(summary(green)).toContain("CREATE TYPE order_status AS ENUM ('open', 'paid', 'shipped');\n\nALTER TABLE orders");
  });
  test("without a migration is two lines", () => {
    expect(summary(untouched)).toBe(
      "## ✅ No migration changed: nothing to run\n\n<sub>`backend/alembic.ini`: 47 revisions, 0 new · compared with main (`5f0c2d7`)</sub>\n",
    );
  });
  test("says so when the catalog is as before", () => {
    const same = environment({ schema: { changes: [], sql: [{ revision: "a", statement: "UPDATE users SET name = ''" }] } });
    expect(summary({ ...green, environments: [same] })).toContain("Nothing that the catalog shows.");
  });
});

describe("other days", () => {
  test("a gate that could not judge says why and what to do", () => {
    const page = summary(broken);
    expect(page).toMatch(/^## 🛑 The gate could not judge/);
    expect(page).toContain("No Postgres could be started: `initdb` ended with status 1.");
    expect(page).toContain("```yaml\nwith:\n  postgres: ");
    expect(page).toContain("`alembic.ini:3`");
  });
  test("each of several environments has its heading", () => {
    expect([...summary(two).matchAll(/^### (.*)$/gm)].map(([, title]) => title)).toEqual(["`billing`", "`backend/alembic.ini`"]);
  });
  test("many things not checked go behind a click", () => {
    const notChecked = Array.from({ length: 6 }, (_, index) => ({ what: `thing ${index}`, reason: text`reason` }));
    expect(summary({ ...green, environments: [environment({ notChecked })] })).toContain(
      "<summary>Not checked: 6 things, with the reasons</summary>",
    );
  });
  test("a long history is drawn from top to bottom, heads and changes first", () => {
    const graph = {
      nodes: Array.from({ length: 60 }, (_, index) => ({
        id: `${index}`,
        label: `rev ${index}`,
        parents: index === 0 ? [] : [`${index - 1}`],
        state: index < 50 ? ("base" as const) : ("new" as const),
        head: index === 59,
      })),
      omitted: 5,
    };
    const page = summary({ ...green, environments: [environment({ graph })] });
    expect(page).toContain("flowchart TB");
    expect(page).toContain("rev 59<br/>new, head");
    expect(page.match(/:::(base|new)/g)).toHaveLength(40);
    expect(page).toContain("<sub>25 further revisions not drawn</sub>");
  });
});

describe("the limit", () => {
  test("5,000 findings fit, and those left out are counted", () => {
    const page = summary(huge, options);
    expect(Buffer.byteLength(page)).toBeLessThanOrEqual(1_000_000);
    expect(page).toMatch(/… and 4\d{3} more findings, in the JSON report\./);
    expect(page).toMatch(/Details of the first \d+ only/);
    expect(page).toMatch(/… and 2\d{3} more changes, in the JSON report\./);
  });
  test.each([65_000, 10_000, 1_000])("%i bytes are enough for a page that stands", (limit) => {
    for (const report of [huge, red, green, broken, two, withText("<`|*".repeat(5000))]) {
      const page = summary(report, { ...options, limit });
      expect(Buffer.byteLength(page)).toBeLessThanOrEqual(limit);
      expect(page).toMatch(/^## \S/);
      const all = tags(rendered([page])[0]!);
      expect(all.filter((tag) => tag === "details").length).toBe(all.filter((tag) => tag === "/details").length);
    }
  });
  test("what others of the step wrote counts too", async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), "summary-")), "summary.md");
    await writeFile(file, "x".repeat(990_000));
    await sendSummary(huge, file);
    const written = await readFile(file, "utf8");
    expect(written.slice(990_000)).toMatch(/^## ❌ 5000 findings/);
    expect(Buffer.byteLength(written)).toBeLessThanOrEqual(1_000_000);
  });
  test("one long message does not take the room of all", () => {
    const long = finding("a", "error", text`${"word ".repeat(100_000)}`, { evidence: text`${block("line\n".repeat(100_000))}` });
    const page = summary({ ...red, environments: [environment({ findings: [long] })] });
    expect(page.length).toBeLessThan(20_000);
    expect(page).toContain("word…");
  });
});

describe("hostile text", () => {
  const harmless = tags(rendered([summary(withText("harmless"), options)])[0]!);
  test("changes no tag of the page", () => {
    const given = texts();
    const pages = rendered(given.map((value) => summary(withText(value), options)));
    const wrong = given.filter((_, index) => tags(pages[index]!).join(" ") !== harmless.join(" "));
    expect(wrong).toEqual([]);
  });
  test("links nowhere but to the two places that are ours", () => {
    const given = texts();
    for (const page of rendered(given.map((value) => summary(withText(value), options)))) {
      const targets = [...page.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, target]) => target!);
      expect(targets.length).toBeGreaterThan(3);
      for (const target of targets)
        expect(target).toMatch(/^https:\/\/github\.example\/(gate\/blob\/v1\/docs\/rules|o\/r\/blob\/5f0c2d7)\//);
    }
  });
  test("is readable all the same", () => {
    const name = 'a|b`c"<d>&_e_';
    expect(seen(rendered([summary(withText(name), options)])[0]!)).toContain(`${name} is ${name}${name}: ${name}`);
    expect(summary({ ...green, headline: text`${code("a")}` })).toMatch(/^## ✅ `a`\n/);
  });
});
