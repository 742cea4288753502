import fc from "fast-check";
import { expect, test } from "vitest";
import { textsLike, textsOfLike } from "../../src/postgres/patterns.ts";

test.for([
  ["^[A-Z]{3}-\\d+$"],
  ["^[a-z0-9]+(?:-[a-z0-9]+)*$"],
  ["^[^@\\s]+@[^@]+\\.[a-z]{2,}$"],
  ["^(\\+\\d{1,3})?\\d{6,12}$"],
  ["^#(?:[0-9a-fA-F]{3}){1,2}$"],
  ["^(draft|sent)$"],
  ["^[A-Za-z][\\w.-]*$"],
  ["^s3://[^/]+/.*$"],
  ["^\\d{4}-(0[1-9]|1[0-2])$"],
] as const)("%s", ([pattern]) => {
  const texts = textsLike(pattern);
  expect(texts.length).toBeGreaterThan(0);
  for (const text of texts) expect(text).toMatch(new RegExp(pattern));
});

test("classes as only Postgres writes them", () => {
  expect(textsLike("^[[:upper:]]{2}[[:digit:]]*$")).toEqual(["AB0", "BC12", "CD"]);
});

test.for([["(?=a)b"], ["a**"], ["[z-"], ["(a"], ["a)"], ["\\1"], ["x{5000}"]] as const)("%s is left alone", ([pattern]) => {
  expect(textsLike(pattern)).toEqual([]);
});

test("any text is read, or left alone", () => {
  fc.assert(fc.property(fc.string(), (pattern) => textsLike(pattern).every((text) => typeof text === "string")));
});

test("LIKE", () => {
  expect(textsOfLike("a%b_")).toEqual(["aba", "aaba", "a12ba"]);
});
