import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edited } from "../../src/edits.ts";
import type { Fix } from "../../src/finding.ts";
import { marker, type Owner } from "../../src/report/marker.ts";
import { rightSide, suggestions } from "../../src/report/suggestions.ts";
import { text } from "../../src/text.ts";
import { rendered, tags } from "./github.ts";
import { each } from "./hostile.ts";
import { environment, finding, green } from "./samples.ts";

const owner: Owner = { workflow: "CI", job: "migrations", environment: "" };
const FILE = "versions/2.py";

/** A file that the pull request adds, as GitHub's diff has it. */
const added = (source: string) => {
  const lines = source.replace(/\n$/, "").split("\n");
  return [`@@ -0,0 +1,${lines.length} @@`, ...lines.map((line) => `+${line}`)].join("\n");
};

const suggested = (source: string, edits: Fix["edits"], patch = added(source), title = "Mend it") => {
  const one = finding("multiple-heads", "error", text`two heads`, { file: FILE, fix: { title, edits } });
  const diff = { source: (file: string) => (file === FILE ? source : undefined), patches: new Map([[FILE, patch]]) };
  return suggestions({ ...green, environments: [environment({ findings: [one] })] }, diff, owner);
};

/** Replaces the one place where a text stands. */
const replacing = (source: string, expected: string, insert: string): Fix["edits"][number] => {
  const start = source.indexOf(expected);
  return { file: FILE, start, end: start + expected.length, expected, insert };
};

const SOURCE = `"""two

Revises: 0
"""

revision = "2"
down_revision = "0"
`;

/** The lines that GitHub would put in the place of the old ones. */
const inside = (body: string) => /^(`{3,})suggestion\n(?:(.*)\n)?\1$/ms.exec(body)![2] ?? "";

test("one line", () => {
  const [one, ...others] = suggested(SOURCE, [replacing(SOURCE, 'down_revision = "0"', 'down_revision = "1"')]);
  expect(others).toEqual([]);
  expect(one).toMatchObject({ path: FILE, line: 7 });
  expect(one).not.toHaveProperty("startLine");
  expect(one!.body).toBe(
    `${marker("suggestion", owner, { fingerprint: one!.fingerprint })}\n\`multiple-heads\`: Mend it\n\n\`\`\`suggestion\ndown_revision = "1"\n\`\`\`\n`,
  );
});

test("the down_revision and the line of the docstring are one suggestion", () => {
  const [one] = suggested(SOURCE, [
    replacing(SOURCE, "Revises: 0", "Revises: 1"),
    replacing(SOURCE, 'down_revision = "0"', 'down_revision = "1"'),
  ]);
  expect(one).toMatchObject({ startLine: 3, line: 7 });
  expect(inside(one!.body)).toBe('Revises: 1\n"""\n\nrevision = "2"\ndown_revision = "1"');
});

test("a line that is added stands with the one before it, one that goes is replaced by nothing", () => {
  expect(inside(suggested(SOURCE, [replacing(SOURCE, "\nrevision", "\nx = 1\nrevision")])[0]!.body)).toBe("\nx = 1");
  const [gone] = suggested(SOURCE, [replacing(SOURCE, 'revision = "2"\n', "")]);
  expect(gone).toMatchObject({ line: 6 });
  expect(inside(gone!.body)).toBe("");
});

describe("nothing is suggested", () => {
  const edit = replacing(SOURCE, 'down_revision = "0"', 'down_revision = "1"');
  test.for<[string, () => unknown[]]>([
    ["where the diff does not have the line", () => suggested(SOURCE, [edit], "@@ -1,2 +1,2 @@\n x\n+y")],
    ["where the diff has other text there", () => suggested(SOURCE, [edit], added(SOURCE.replace('"0"', '"9"')))],
    ["where the file is another by now", () => suggested(SOURCE, [{ ...edit, expected: "x" }])],
    ["where lines end as on Windows", () => suggested(SOURCE.replaceAll("\n", "\r\n"), [replacing(SOURCE, "2", "3")])],
    ["where nobody could see what is inserted", () => suggested(SOURCE, [{ ...edit, insert: 'down_revision = "\u202e1"' }])],
    ["where it would be longer than anybody reads", () => suggested(SOURCE, [{ ...edit, insert: "x\n".repeat(100) }])],
    ["over two files", () => suggested(SOURCE, [edit, { ...edit, file: "other.py" }])],
    ["where nothing would change", () => suggested(SOURCE, [{ ...edit, insert: edit.expected }])],
  ])("%s", ([, make]) => {
    expect(make()).toEqual([]);
  });
});

test("lines that landed on the base branch move it to where the pull request's own file has them", () => {
  const merged = `# landed\n# too\n${SOURCE}`;
  const edits = [replacing(merged, 'down_revision = "0"', 'down_revision = "1"')];
  expect(suggested(merged, edits, added(SOURCE))[0]).toMatchObject({ line: 7 });
  expect(suggested(merged, edits, added(`${SOURCE}down_revision = "0"\n`))).toEqual([]);
});

test("several environments that find the same give one suggestion", () => {
  const edits = [replacing(SOURCE, 'down_revision = "0"', 'down_revision = "1"')];
  const one = finding("multiple-heads", "error", text`two heads`, { file: FILE, fix: { title: "x", edits } });
  const report = {
    ...green,
    environments: [environment({ findings: [one] }), environment({ findings: [{ ...one, fingerprint: "other" }] })],
  };
  const diff = { source: () => SOURCE, patches: new Map([[FILE, added(SOURCE)]]) };
  expect(suggestions(report, diff, owner)).toHaveLength(1);
});

test("the lines of the right side, over several hunks", () => {
  const patch = "@@ -1,3 +1,3 @@ def a():\n a\n-b\n+c\n d\n@@ -10,2 +10,3 @@\n e\n+@@ f\n g\n\\ No newline at end of file";
  expect([...rightSide(patch)]).toEqual([
    [1, "a"],
    [2, "c"],
    [3, "d"],
    [10, "e"],
    [11, "@@ f"],
    [12, "g"],
  ]);
});

test("committed, it makes the file that the mend makes", () => {
  const line = fc.stringMatching(/^[ -~]{0,6}$/);
  const file = fc.array(line, { minLength: 1, maxLength: 12 }).map((lines) => `${lines.join("\n")}\n`);
  fc.assert(
    fc.property(file, fc.nat(), fc.nat(), fc.array(line, { maxLength: 3 }), (source, at, length, insert) => {
      const start = at % source.length;
      const end = Math.min(source.length, start + (length % 12));
      const edit = { file: FILE, start, end, expected: source.slice(start, end), insert: insert.join("\n") };
      const [one] = suggested(source, [edit]);
      // A file without its last line end has another last line, which a diff of ours here does not show.
      if (!one) return;
      const lines = source.split("\n");
      const first = one.startLine ?? one.line;
      const body = inside(one.body);
      const empty = /suggestion\n`+\s*$/.test(one.body);
      lines.splice(first - 1, one.line - first + 1, ...(empty ? [] : body.split("\n")));
      expect(lines.join("\n")).toBe(edited(source, [edit]));
    }),
  );
});

test("hostile titles and hostile lines stay in their places", () => {
  const bodies: string[] = [];
  each((value) => {
    const plain = value.replaceAll(/[\r\n]/g, " ");
    const edits = [replacing(SOURCE, 'down_revision = "0"', `down_revision = "1"  # ${plain}`)];
    const [one] = suggested(SOURCE, edits, undefined, value);
    if (!one) return;
    expect(inside(one.body)).toBe(`down_revision = "1"  # ${plain}`);
    bodies.push(one.body);
  });
  expect(bodies.length).toBeGreaterThan(200);
  for (const page of rendered(bodies)) {
    const shape = tags(page).filter((tag) => !["br"].includes(tag));
    expect(shape.join(" ")).toBe("!-- p code /code /p pre code /code /pre");
  }
});
