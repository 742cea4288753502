import { execFileSync } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { json } from "../../src/report/json.ts";
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
