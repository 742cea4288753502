import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { RULES } from "../../src/rules/index.ts";
import { OPTIONS } from "../../src/settings.ts";
import { root } from "../support/fixtures.ts";

const pages = path.join(root, "docs", "rules");
const page = (id: string) => readFileSync(path.join(pages, `${id}.md`), "utf8");
/** What settle finds by itself. */
const OF_SETTLE = ["unused-ignore"];
const ids = [...RULES.map(({ id }) => id), ...OF_SETTLE];

test("every rule of src/rules is listed, once, under the name of its file", async () => {
  const files = readdirSync(path.join(root, "src", "rules")).filter((file) => file.endsWith(".ts") && file !== "index.ts");
  const load = async (name: string) => (await import(`../../src/rules/${name}.ts`)) as { default?: { id: string } };
  const exported = await Promise.all(files.map(async (file) => ({ file, ...(await load(path.basename(file, ".ts"))) })));
  const rules = exported.flatMap(({ file, default: rule }) => (rule ? [{ file, id: rule.id }] : []));
  expect(rules.map(({ file }) => file)).toEqual(rules.map(({ id }) => `${id}.ts`));
  expect(RULES.map(({ id }) => id).sort()).toEqual(rules.map(({ id }) => id).sort());
});

test("every family but those to come can be chosen", () => {
  expect([...new Set(RULES.map(({ family }) => family))].sort()).toEqual([...OPTIONS.only.choices].sort());
});

test("there is a page for every rule, and no other", () => {
  expect(readdirSync(pages).sort()).toEqual(ids.map((id) => `${id}.md`).sort());
});

test.for(ids)("the page of %s says what, why it hurts, an example, the fix and how to allow it", (id) => {
  const text = page(id);
  const severity = RULES.find((rule) => rule.id === id)?.severity ?? "warning";
  expect(text.split("\n")[0]).toBe(`# ${id}`);
  expect(text).toMatch(new RegExp(`^\\*\\*${severity}`, "im"));
  expect([...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual(["Why it hurts", "Example", "Fix", "Allow"]);
  const sections = text.split(/^## .*$/m).map((section) => section.trim());
  expect(sections.filter((section) => section.length < 20)).toEqual([]);
});

test.for(RULES)("the page of $id has a line to paste that allows it, or says what to do instead", ({ id }) => {
  const allow = page(id).split("## Allow")[1]!;
  expect(allow).toMatch(new RegExp(`ignore\\[${id}\\] -- |rule = "${id}"|Say that openly instead: `));
});
