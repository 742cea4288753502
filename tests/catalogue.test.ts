import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { CATALOGUE, explain, ruleList } from "../src/catalogue.ts";
import { root } from "./support/fixtures.ts";

const pages = path.join(root, "docs/rules");

test("the list names every rule that has a page, with its severity and one line", () => {
  const listed = [...ruleList().matchAll(/^ {2}([a-z-]+) +(error|warning|notice) +\S.*$/gm)].map(([, id]) => id);
  expect(listed.sort()).toEqual(
    readdirSync(pages)
      .map((file) => path.basename(file, ".md"))
      .sort(),
  );
});

test.for(CATALOGUE)("explain $id prints its page, which says the severity that the list says", ({ id, severity }) => {
  const page = readFileSync(path.join(pages, `${id}.md`), "utf8");
  expect(explain(id)).toBe(page);
  expect(page).toMatch(new RegExp(`^\\*\\*${severity}`, "im"));
});

test("a rule that does not exist is answered with the nearest", () => {
  expect(() => explain("multiple-head")).toThrow("There is no rule multiple-head.");
  expect(() => explain(undefined)).toThrow("explain needs the name of a rule.");
  expect(() => explain("../../README")).toThrow("There is no rule ../../README.");
});
