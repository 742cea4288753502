import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { json } from "../../src/report/json.ts";
import { pullRequestEvent, runAction } from "../support/action.ts";
import { findChromium } from "../support/chromium.ts";
import { loadCase } from "../support/fixtures.ts";
import { makeRepository } from "../support/repository.ts";
import { hostileTexts } from "./hostile.ts";
import { green, red, sources, withText } from "./samples.ts";

const root = path.resolve(import.meta.dirname, "../..");
const reader =
  "import sys, xml.etree.ElementTree as e; print(' '.join(''.join(t.itertext()) for t in e.parse(sys.argv[1]).iter('{http://www.w3.org/2000/svg}text')))";

/** Draws a report, reads both pictures with a real XML parser, and returns their words. */
function drawn(report: typeof red, ...options: string[]) {
  const folder = mkdtempSync(path.join(tmpdir(), "pictures-"));
  writeFileSync(path.join(folder, "report.json"), json(report));
  for (const [file, source] of Object.entries(sources)) {
    mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(folder, file), source);
  }
  const given = options.map((option) => option.replace("FOLDER", folder));
  execFileSync(process.execPath, ["scripts/pictures.js", path.join(folder, "report.json"), "--output", folder, ...given], {
    cwd: root,
    stdio: "pipe",
  });
  const words = (name: string) =>
    execFileSync(path.join(root, ".venvs/default/bin/python"), ["-c", reader, path.join(folder, name)], { encoding: "utf8" });
  return {
    annotation: words("annotation.svg"),
    summary: words("summary.svg"),
    svg: readFileSync(path.join(folder, "summary.svg"), "utf8"),
  };
}

test("the pictures say what the report says", () => {
  const { annotation, summary } = drawn(red, "--source", "FOLDER");
  expect(annotation).toContain("Check failure on line 14 in 2024_03_18_1c0de5ca1ab1e_add_orders.py");
  expect(annotation).toContain('sa.Column("total", sa.Numeric(12, 4), nullable=False),');
  expect(annotation).toContain("alembic-gate: edited-revision");
  expect(summary).toContain("2 revisions are new; 3 errors have to be mended before the merge");
  expect(summary).toContain("leftover-after-downgrade");
});
test("hostile text draws nothing", () => {
  const { svg, summary } = drawn(withText(hostileTexts.join(" ").replace(/\0/g, "")));
  expect(svg).not.toMatch(/<(script|img|h1|details)/);
  expect(summary).toContain("<script>alert(1)</script>");
});
test("a report without annotations is refused in one sentence", () => {
  expect(() => drawn(green)).toThrow(/The report has no annotation with a place\./);
});

test("the pictures of the README are those of docs/demo.json (mend with npm run pictures)", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "pictures-"));
  execFileSync(process.execPath, ["scripts/pictures.js", "--output", folder], { cwd: root, stdio: "pipe" });
  const committed = path.join(root, "docs/images");
  const drawn = readdirSync(folder).filter((name) => name !== "page.png");
  expect([...drawn, "page.png"].sort()).toEqual(readdirSync(committed).sort());
  for (const name of drawn)
    expect([name, readFileSync(path.join(folder, name), "utf8")]).toEqual([
      name,
      readFileSync(path.join(committed, name), "utf8"),
    ]);
});

/** Size of a PNG, and the digest of the page that it shows. */
function ofPicture(file: string) {
  const png = readFileSync(file);
  const source = /Source\0([0-9a-f]{64})/.exec(png.toString("latin1"))?.[1];
  return { signature: png.toString("latin1", 1, 4), width: png.readUInt32BE(16), height: png.readUInt32BE(20), source };
}
const digestOf = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
const images = path.join(root, "docs/images");

test("the picture of the page shows the page beside it (mend with npm run pictures)", () => {
  expect(ofPicture(path.join(images, "page.png"))).toMatchObject({
    signature: "PNG",
    source: digestOf(path.join(images, "page.html")),
  });
});

test.skipIf(findChromium() === undefined)("the picture of the page is what a browser draws", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "pictures-"));
  execFileSync(process.execPath, ["scripts/pictures.js", "docs/demo.json", "--output", folder], { cwd: root, stdio: "pipe" });
  const made = ofPicture(path.join(folder, "page.png"));
  const committed = ofPicture(path.join(images, "page.png"));
  expect(made.source).toBe(digestOf(path.join(folder, "page.html")));
  expect([made.signature, made.width]).toEqual([committed.signature, committed.width]);
  // Fonts differ from machine to machine, and code stands only in one of them.
  expect(made.height / committed.height).toBeGreaterThan(0.5);
  expect(made.height / committed.height).toBeLessThan(1.5);
});

test("the pictures of the README are shown there, and all of them are XML", () => {
  const readme = readFileSync(path.join(root, "README.md"), "utf8");
  const pictures = readdirSync(path.join(root, "docs/images"));
  for (const name of pictures) {
    expect(readme).toContain(`docs/images/${name}`);
    if (name.endsWith(".svg"))
      execFileSync(path.join(root, ".venvs/default/bin/python"), ["-c", reader, path.join(root, "docs/images", name)]);
  }
});

test("docs/demo.json is what the demo reports (mend with npm run pictures -- --record)", async () => {
  const repository = await makeRepository(loadCase("demo"), { checkout: "merge" });
  onTestFinished(() => repository.remove());
  const inputs = { python: inject("pythons").default, token: "" };
  const { report } = await runAction({ folder: repository.folder, inputs, event: pullRequestEvent(repository) });
  /** Without what differs from run to run, and from machine to machine. */
  const steady = (value: typeof red) => ({
    ...value,
    timings: {},
    environments: value.environments.map((environment) => ({
      ...environment,
      server: "",
      runtime: "",
      phases: environment.phases.map((phase) => ({ ...phase, seconds: 0 })),
    })),
  });
  const committed = JSON.parse(readFileSync(path.join(root, "docs/demo.json"), "utf8")) as typeof red;
  expect(steady(report!)).toEqual(steady(committed));
});
