import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readRevision, type Revision } from "../../src/project/revision.ts";
import rule from "../../src/rules/colliding-pull-request.ts";
import { plain } from "../../src/text.ts";
import { chain, draftsOf, file, sides, told } from "./histories.ts";

const encoder = new TextEncoder();
const revisionsOf = (...links: Parameters<typeof file>[]): Revision[] =>
  links.map((link) => readRevision(`versions/${link[0]}_.py`, encoder.encode(file(...link))) as Revision);

const base = chain(["a", null], ["b", "a"]);
const ours = { ...base, ...chain(["c", "b"], ["d", "c"]) };

async function judged(neighbours: { number: number; revisions: Revision[] }[], head = ours) {
  const facts = await sides(base, head);
  return draftsOf(rule, { ...facts, neighbours } as Parameters<typeof draftsOf>[1]);
}

test("another one on the same parent", async () => {
  const drafts = await judged([{ number: 123, revisions: revisionsOf(["x", "b"], ["y", "x"]) }]);
  expect(told(rule, drafts)).toEqual([["notice", "c_.py:2", "c"]]);
  expect(plain(drafts[0]!.message)).toBe(
    "Merging after #123 makes two heads: this open pull request builds on b as c does. Whoever comes second re-parents.",
  );
  expect(plain(drafts[0]!.help)).toContain("git pull origin main\nnpx alembic-gate fix --yes");
  expect(plain(drafts[0]!.help)).toContain('After #123 that is\ndown_revision = "y"');
});

test("several are one notice", async () => {
  const drafts = await judged([1, 2, 3, 4, 5, 6, 7].map((number) => ({ number, revisions: revisionsOf([`x${number}`, "b"]) })));
  expect(drafts).toHaveLength(1);
  expect(plain(drafts[0]!.message)).toContain("#1, #2, #3, #4 and 3 more makes two heads");
});

describe("no collision", () => {
  test.for<[string, Revision[]]>([
    ["nothing added", []],
    ["one that builds on ours", revisionsOf(["c", "b"], ["d", "c"], ["e", "d"])],
    ["one that has two heads by itself", revisionsOf(["x", "a"])],
    ["a branch with a label", revisionsOf(["x", "b", { labels: "billing" }])],
    ["the same revision", revisionsOf(["c", "b"])],
    ["files that the base branch has deleted since", revisionsOf(["old", null])],
  ])("%s", async ([, revisions]) => {
    expect(await judged([{ number: 1, revisions }])).toEqual([]);
  });
  test("a pull request that adds nothing", async () => {
    expect(await judged([{ number: 1, revisions: revisionsOf(["x", "b"]) }], base)).toEqual([]);
  });
  test("where nobody was asked", async () => {
    expect(draftsOf(rule, await sides(base, ours))).toEqual([]);
  });
  test("a parent that only Python can tell", async () => {
    const [one] = revisionsOf(["x", "b"]);
    expect(await judged([{ number: 1, revisions: [{ ...one!, down: [], computed: ["down"] }] }])).toEqual([]);
  });
});

test("whatever is merged, a collision is said exactly where it makes a head more than each alone", () => {
  const heads = (edges: readonly (readonly [string, string])[]) => {
    const parents = new Set(edges.map(([, parent]) => parent));
    return edges.filter(([id]) => !parents.has(id)).length;
  };
  const chainOf = (prefix: string) =>
    fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }).map((picks) =>
      picks.map((pick, index): [string, string] => {
        const known = ["a", "b", ...picks.slice(0, index).map((_, other) => `${prefix}${other}`)];
        return [`${prefix}${index}`, known[Math.max(0, known.length - 1 - pick)]!];
      }),
    );
  return fc.assert(
    fc.asyncProperty(chainOf("o"), chainOf("t"), async (mine, theirs) => {
      const start: [string, string][] = [
        ["a", ""],
        ["b", "a"],
      ];
      const facts = await sides(base, { ...base, ...chain(...mine) });
      const revisions = revisionsOf(...theirs);
      const drafts = draftsOf(rule, { ...facts, neighbours: [{ number: 1, revisions }] } as Parameters<typeof draftsOf>[1]);
      const more = heads([...start, ...mine, ...theirs]) > Math.max(heads([...start, ...mine]), heads([...start, ...theirs]));
      const shared = mine.some(([, parent]) => ["a", "b"].includes(parent) && theirs.some(([, other]) => other === parent));
      expect(drafts.length > 0).toBe(more && shared);
    }),
    { numRuns: 100 },
  );
});
