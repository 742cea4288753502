/** The page, in a real browser. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Report } from "../../src/finding.ts";
import { layOut, newestFirst } from "../../src/report/page/graph.ts";
import { page } from "../../src/report/page/page.ts";
import { block, text } from "../../src/text.ts";
import { findChromium, startChromium, type Browser, type Opening, type Tab } from "../support/chromium.ts";
import { longHostile, manyHostile } from "./many-hostile.ts";
import { broken, environment, finding, green, huge, red, sources, two, untouched, withText } from "./samples.ts";

const options = { version: "1.2.3", rules: [{ id: "multiple-heads", summary: "x" }], source: (file: string) => sources[file] };
const written = (report: Report) => page(report, options);
/** A page whose every foreign text is this one, the code's lines too. */
const foreign = (value: string) => page(withText(value), { ...options, source: () => `${value}\n`.repeat(5) });

const chromium = findChromium();
if (chromium === undefined)
  console.error(
    "\n*** No Chromium: the page is NOT tested in a browser. Install one (Debian, Ubuntu: apt-get install chromium), or name it in CHROMIUM. ***\n",
  );

const folder = mkdtempSync(path.join(tmpdir(), "page-"));
let files = 0;
function saved(html: string): string {
  const file = path.join(folder, `${files++}.html`);
  writeFileSync(file, html);
  return file;
}
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(chromium === undefined)("in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium(chromium!);
  });
  afterAll(() => browser.close());
  const opened = (report: Report, opening: Opening): Promise<Tab> => browser.open(saved(written(report)), opening);

  const samples = { red, green, untouched, broken, two };
  for (const width of [360, 768, 1440]) {
    test.for(Object.entries(samples))(
      `${width} pixels wide: %s fits, asks for nothing and complains about nothing`,
      async ([, report]) => {
        const tab = await opened(report, { width });
        expect(await tab.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
        expect(await tab.evaluate("document.querySelector('h1').textContent.length")).toBeGreaterThan(5);
        expect([tab.requests, tab.complaints]).toEqual([[], []]);
      },
    );
  }

  test.for([false, true])("dark: %s. Every text has a contrast of 4.5 or more to what is behind it", async (dark) => {
    const tab = await opened(red, { width: 1000, dark });
    const poor = await tab.evaluate<string[]>(`(() => {
      for (const details of document.querySelectorAll("details")) details.open = true;
      const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
      const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
          const colour = parse(getComputedStyle(at).backgroundColor);
          if (colour.length === 3 || colour[3] === 1) return colour;
        }
      };
      const poor = [];
      for (const element of document.querySelectorAll("body *")) {
        if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
        const style = getComputedStyle(element);
        const inSvg = element.namespaceURI.endsWith("svg");
        const [a, b] = [luminance(parse(inSvg ? style.fill : style.color)), luminance(behind(element))].sort((x, y) => y - x);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < 4.5) poor.push(element.tagName + "." + element.className + " " + contrast.toFixed(2));
      }
      return poor;
    })()`);
    expect(poor).toEqual([]);
    expect(await tab.evaluate("getComputedStyle(document.body).backgroundColor")).toBe(
      dark ? "rgb(15, 20, 26)" : "rgb(255, 255, 255)",
    );
  });

  test("the keyboard reaches all there is to open, to scroll and to follow, in the order of the page", async () => {
    const tab = await opened(red, { width: 800 });
    const all = await tab.evaluate<number>("document.querySelectorAll('a, summary, [tabindex=\"0\"]').length");
    const shown = await tab.evaluate<number>(
      "[...document.querySelectorAll('a, summary, [tabindex=\"0\"]')].filter((e) => e.checkVisibility()).length",
    );
    expect(all).toBeGreaterThan(shown);
    const reached: string[] = [];
    for (let step = 0; step < shown; step++) {
      await tab.press("Tab");
      reached.push(await tab.evaluate("(document.activeElement.dataset.seen = 1, document.activeElement.tagName)"));
    }
    expect(reached[0]).toBe("A");
    expect(await tab.evaluate("document.querySelectorAll('[data-seen]').length")).toBe(shown);
    const summary = "[...document.querySelectorAll('summary')].find((e) => e.textContent.includes('SQL'))";
    await tab.evaluate(`${summary}.focus()`);
    await tab.press("Enter");
    expect(await tab.evaluate(`${summary}.parentElement.open`)).toBe(true);
  });

  test("a screen reader is told headings, regions and pictures by name", async () => {
    const tab = await opened(red, { width: 800 });
    const tree = await tab.accessibility();
    const of = (role: string) => tree.filter((node) => node.role === role).map(({ name }) => name);
    expect(await tab.evaluate("document.documentElement.lang")).toBe("en");
    expect(await tab.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((e) => Number(e.tagName[1]))")).toSatisfy(
      (levels: number[]) =>
        levels.every((level, index) => level - (levels[index - 1] ?? 0) <= 1) &&
        levels.filter((level) => level === 1).length === 1,
    );
    expect(of("heading")[0]).toBe("2 revisions are new; 3 errors have to be mended before the merge");
    expect([...of("image"), ...of("img")]).toEqual(["Revision graph, newest first", "Phases of the run, one after the other"]);
    for (const role of ["region", "link", "article", "image"]) expect(of(role).filter((name) => name === "")).toEqual([]);
    expect(of("main")).toHaveLength(1);
    expect(of("article")).toContainEqual(expect.stringMatching(/^error edited-revision/));
  });

  test("the graph draws revisions, heads and those that collide; the itinerary where it stopped", async () => {
    const tab = await opened(red, { width: 1000 });
    const count = (selector: string) => tab.evaluate<number>(`document.querySelectorAll(${JSON.stringify(selector)}).length`);
    expect(await count("svg.graph .node")).toBe(4);
    expect(await count("svg.graph .node.new .core")).toBe(2);
    expect(await count("svg.graph .wrong")).toBe(3);
    expect(await count("svg.graph .edge:not(.earlier)")).toBe(3);
    expect(await count("svg.itinerary .phase")).toBe(7);
    expect(await count("svg.itinerary .phase.failed .stop")).toBe(1);
    expect(await count("svg.itinerary .phase.not-run .gap")).toBe(1);
    const outside = await tab.evaluate<
      string[]
    >(`[...document.querySelectorAll("svg")].flatMap((svg) => [...svg.querySelectorAll("text")]
      .filter((text) => { const box = text.getBBox(); return box.x < 0 || box.x + box.width > svg.viewBox.baseVal.width; }).map((text) => text.textContent))`);
    expect(outside).toEqual([]);
  });

  test("each finding has its lines, the marked one among them, and differences stand side by side", async () => {
    const tab = await opened(red, { width: 1000 });
    const marked = await tab.evaluate<string[]>(
      "[...document.querySelectorAll('.finding .marked')].map((e) => e.textContent.trim())",
    );
    expect(marked[0]).toBe('14        sa.Column("total", sa.Numeric(12, 4), nullable=False),');
    const sides = await tab.evaluate<string[]>(
      "[...document.querySelector('table.sides tbody tr').cells].map((e) => e.textContent.trim())",
    );
    expect(sides).toEqual(["total NUMERIC(12, 2) NOT NULL", "total NUMERIC(12, 4) NOT NULL"]);
    expect(await tab.evaluate("[...document.querySelectorAll('details pre')].at(-1).textContent")).toContain(
      "CREATE INDEX ix_orders_status",
    );
  });

  test(
    "two hundred hostile texts make the same elements as a harmless one, run nothing and ask for nothing",
    { timeout: 120_000 },
    async () => {
      const shape =
        "JSON.stringify([...document.querySelectorAll('*')].map((e) => e.tagName).filter((t) => !/^(CODE|P|PRE|DIV|SPAN|MARK|TR|TD|TH|DEL|INS|B)$/.test(t)))";
      const expected = await (await browser.open(saved(foreign("harmless")), { width: 800 })).evaluate<string>(shape);
      const tab = await browser.open(saved("<!doctype html><title>x</title>"), { width: 800 });
      // A frame each, which may run scripts: nothing but the page itself keeps them from it.
      for (const hostile of manyHostile) {
        const frame = await tab.evaluate<string[]>(`new Promise((resolve) => {
        const frame = document.createElement("iframe");
        window.alert = () => { window.alerted = true; };
        frame.onload = () => {
          frame.contentWindow.alert = window.alert;
          const document = frame.contentDocument;
          const found = [${shape}, String(window.alerted), [...document.querySelectorAll("*")].flatMap((e) => e.getAttributeNames()).filter((n) => n.startsWith("on") || n === "src" || n === "srcdoc").join()];
          frame.remove();
          resolve(found);
        };
        frame.srcdoc = ${JSON.stringify(foreign(hostile))};
        document.body.append(frame);
      })`);
        expect([hostile, ...frame]).toEqual([hostile, expected, "undefined", ""]);
      }
      expect([tab.requests.filter((url) => url !== "about:srcdoc"), tab.complaints]).toEqual([[], []]);
    },
  );

  test("a megabyte in every place fits into the width, and says what is cut", async () => {
    for (const hostile of longHostile) {
      const tab = await browser.open(saved(foreign(hostile)), { width: 800 });
      expect(await tab.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(800);
      expect(await tab.evaluate("document.body.textContent.length")).toBeLessThan(2_000_000);
    }
  });

  test("five thousand findings: worst first, and the number that is not shown is said", { timeout: 120_000 }, async () => {
    const tab = await opened(huge, { width: 1000 });
    const own = huge.environments
      .flatMap(({ findings }) => findings)
      .filter(({ preexisting, suppressed }) => !preexisting && !suppressed);
    expect(await tab.evaluate("document.querySelectorAll('article').length")).toBeGreaterThanOrEqual(200);
    expect(await tab.evaluate("document.querySelector('article').className")).toContain("is-error");
    expect(await tab.evaluate("document.body.textContent")).toContain(`${own.length - 200} further findings`);
    expect(await tab.evaluate("document.body.textContent")).toContain(
      `… and ${own.length - 200 - 1000} more further findings, in the JSON report.`,
    );
  });
});

describe("as text", () => {
  test("it is one file without scripts, addresses or other files", () => {
    const html = written(red);
    expect(html).not.toMatch(/<script|<link|<img|\ssrc=|@import|url\(|https?:\/\//);
    expect(html).toContain("default-src &#39;none&#39;");
  });
  test("rules are links where their pages are on the web", () => {
    const html = page(red, { ...options, pages: "https://example.invalid/docs" });
    expect(html).toContain('<a href="https://example.invalid/docs/multiple-heads.md">multiple-heads</a>');
  });
  test("the object of a finding is shown as it should be and as it is", () => {
    const objects = [
      {
        change: "changed" as const,
        kind: "column",
        name: "public.t.a",
        properties: [{ name: "type", before: "character varying(50)", after: "text" }],
      },
    ];
    const phases = environment().phases.map((phase) => ({ ...phase, compared: { with: "x", differences: 1, objects } }));
    const findings = [finding("schema-not-restored", "error", text`m`, { object: { kind: "column", name: "public.t.a" } })];
    const html = written({ ...green, environments: [environment({ phases, findings })] });
    expect(html).toMatch(/<article.*<del>character varying\(50\)<\/del>.*<ins>text<\/ins>.*<\/article>/s);
  });
  test("lines that never ran are grey, where a finding shows them and by themselves, and are told to those who cannot see it", () => {
    const file = Object.keys(sources)[0]!;
    const lines = [
      {
        revision: "c0de5ca1ab1e",
        function: "upgrade" as const,
        file,
        lines: 5,
        ran: 3,
        never: [{ line: 13, endLine: 14, below: "if x:" }],
      },
    ];
    const findings = [finding("a", "error", text`m`, { file, line: 12 })];
    const html = written({ ...green, environments: [environment({ lines, findings })] });
    const grey = [
      ...html.matchAll(/<span class="line grey"><span class="number">(\d+)<\/span><span class="unseen">never ran: /g),
    ].map(([, number]) => number);
    expect(grey).toEqual(["13", "14", "13", "14"]);
    expect(html).toMatch(/<h3>Lines that never ran<\/h3>/);
  });
  test("a block that only looks like a difference is none", () => {
    const of = (code: string) =>
      written({
        ...green,
        environments: [environment({ findings: [finding("a", "error", text`m`, { evidence: text`${block(code, "diff")}` })] })],
      });
    expect(of("-a\n+b")).toContain("<del>a</del>");
    expect(of("-a\nnothing")).not.toContain("<del>");
  });
});

describe("the layout of the graph", () => {
  const node = (id: string, ...parents: string[]) => ({ id, label: id, parents, state: "base" as const, head: false });

  test("children stand before their parents, whatever the order given", () => {
    expect(newestFirst([node("a"), node("b", "a"), node("m", "c", "b"), node("c", "a")]).map(({ id }) => id)).toEqual([
      "m",
      "c",
      "b",
      "a",
    ]);
  });
  test("a merge has its parents in lanes of their own, which meet again", () => {
    const { placed, edges, lanes } = layOut([node("m", "b", "c"), node("b", "a"), node("c", "a"), node("a")]);
    expect(lanes).toBe(2);
    expect(Object.fromEntries(placed.map(({ node, lane }) => [node.id, lane]))).toEqual({ m: 0, b: 0, c: 1, a: 0 });
    expect(edges).toHaveLength(4);
  });
  test("circles, parents twice and ids twice are drawn as well", () => {
    expect(newestFirst([node("a", "b"), node("b", "a"), node("c", "c"), node("d", "e", "e"), node("d")]).length).toBe(4);
    expect(layOut([node("a", "b"), node("b", "a")]).edges).toHaveLength(2);
  });
});
