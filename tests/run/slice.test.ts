/** What a slice leaves, and whether the revisions below it might meet it. */
import { describe, expect, test } from "vitest";
import type { Difference } from "../../src/postgres/catalog.ts";
import { sliceReason } from "../../src/run/slice-reason.ts";
import { standsApart } from "../../src/run/slice.ts";
import { plain } from "../../src/text.ts";

const added = (kind: string, name: string): Difference => ({ change: "added", kind, name, properties: [] });
const type = added("enum type", 'public."Shape"');

describe("what is left stands apart", () => {
  test("where it is of its own, and nobody further down names it", () => {
    expect(standsApart([type, added("sequence", "public.numbers")], ['op.drop_table("t")', ""])).toBe(true);
    expect(standsApart([], [undefined])).toBe(true);
  });

  test.for<[string, Difference[], (string | undefined)[]]>([
    ["named", [type], ['op.execute("DROP TYPE IF EXISTS shape")']],
    ["named as a part of a word", [type], ["drop(shapes)"]],
    ["a table, which may refer to others", [added("table", "public.kept")], [""]],
    ["a part of something", [{ ...added("sequence", "public.t_id_seq"), parent: "table public.t" }], [""]],
    ["gone", [{ ...type, change: "removed" }], [""]],
    ["other than before", [{ ...type, change: "changed" }], [""]],
    ["one of several", [type, added("view", "public.seen")], [""]],
    ["swept away", [type], ['op.execute("DROP SCHEMA public CASCADE")']],
    ["looked for in the catalog", [type], ['op.execute("SELECT typname FROM pg_type")']],
    ["below a file that nobody has", [type], [undefined]],
  ])("but not where it is %s", ([, differences, sources]) => {
    expect(standsApart(differences, sources)).toBe(false);
  });
});

test("a slice says what it takes", () => {
  const slice = { number: 2, of: 3, parts: 3, revisions: ["c", "d"], bottom: "b" };
  expect(plain(sliceReason(slice))).toMatch(/^this is slice 2 of 3: it takes 2 revisions above b up to d down and up again/);
  expect(plain(sliceReason({ ...slice, number: 3, revisions: ["a", "b"], bottom: undefined! }))).toContain("from the first one");
  expect(plain(sliceReason({ ...slice, number: 3, parts: 1, revisions: [] }))).toContain("can be cut into 1 slice only");
});
