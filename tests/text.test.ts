import fc from "fast-check";
import { expect, test } from "vitest";
import { block, code, count, listOf, plain, text } from "../src/text.ts";

test("prose is put together, and foreign words stay in parts of their own", () => {
  expect(text`upgrade() of ${code("3f2a")} took ${3} ${"seconds"}.`).toEqual([
    { text: "upgrade() of " },
    { code: "3f2a" },
    { text: " took 3 seconds." },
  ]);
});

test("texts can be nested, and empty prose leaves no part", () => {
  expect(text`${text`a ${code("b")}`}${""} c`).toEqual([{ text: "a " }, { code: "b" }, { text: " c" }]);
  expect(text`${code("a")}${code("b")}`).toEqual([{ code: "a" }, { code: "b" }]);
  expect(text``).toEqual([]);
});

test("putting texts together changes none of them", () => {
  const first = text`a`;
  expect(text`${first}b`).toEqual([{ text: "ab" }]);
  expect(first).toEqual([{ text: "a" }]);
});

test("backslashes and line breaks are as they are written", () => {
  expect(text`a\tb${code("x")}`).toEqual([{ text: "a\tb" }, { code: "x" }]);
});

test("lists name their items, and count what is too many", () => {
  expect(plain(listOf([]))).toBe("");
  expect(plain(listOf(["a"]))).toBe("a");
  expect(plain(listOf(["a", "b"]))).toBe("a and b");
  expect(plain(listOf(["a", "b", "c"]))).toBe("a, b and c");
  expect(plain(listOf(["a", "b", "c", "d", "e"]))).toBe("a, b, c, d and e");
  expect(plain(listOf(["a", "b", "c", "d", "e", "f"]))).toBe("a, b, c, d and 2 more");
  expect(plain(listOf(["a", "b", "c"], 2))).toBe("a and 2 more");
});

test("every item of a list is code", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.integer({ min: 1, max: 9 }), (items, limit) => {
      const named = listOf(items, limit).flatMap((part) => ("code" in part ? [part.code] : []));
      expect(named).toEqual(items.length > limit ? items.slice(0, limit - 1) : items);
    }),
  );
});

test("numbers and their nouns", () => {
  expect([count(0, "head"), count(1, "head"), count(2, "head"), count(2, "entry", "entries")]).toEqual([
    "0 heads",
    "1 head",
    "2 heads",
    "2 entries",
  ]);
});

test("without mark-up, blocks stand on lines of their own", () => {
  expect(plain(text`Run ${block("alembic upgrade head", "sh")}and look.`)).toBe("Run \nalembic upgrade head\nand look.");
});

test("no word of a foreign text is lost or changed", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      expect(plain(text`<${code(a)}|${a}|${b}>`)).toBe(`<${a}|${a}|${b}>`);
    }),
  );
});
