import fc from "fast-check";
import { expect, test } from "vitest";
import { cutsBelow, cutsOf, headersOf, partsOf } from "../../src/project/slices.ts";

type Edges = Record<string, { down?: string[]; dependsOn?: string[] }>;

const headers = (edges: Edges) => Object.entries(edges).map(([id, { down = [], dependsOn = [] }]) => ({ id, down, dependsOn }));
const cuts = (edges: Edges) => cutsOf(Object.keys(edges), headers(edges)).map((cut) => Object.keys(edges)[cut - 1]);

const chain = (...ids: string[]): Edges =>
  Object.fromEntries(ids.map((id, index) => [id, index > 0 ? { down: [ids[index - 1]!] } : {}]));

test("a chain can be cut everywhere but at its head", () => {
  expect(cuts(chain("a", "b", "c"))).toEqual(["a", "b"]);
  expect(cuts(chain("a"))).toEqual([]);
  expect(cuts({})).toEqual([]);
});

test("branches can be cut only where they are one", () => {
  const diamond: Edges = { ...chain("a", "b"), c: { down: ["a"] }, d: { down: ["b", "c"] }, e: { down: ["d"] } };
  expect(cuts(diamond)).toEqual(["a", "d"]);
  expect(cuts({ ...chain("a", "b"), c: { down: ["b"] }, d: { down: ["b"] } })).toEqual(["a", "b"]);
  expect(cuts({ a: {}, b: {}, c: { down: ["a", "b"] }, d: { down: ["c"] } })).toEqual(["c"]);
  expect(cuts({ ...chain("a", "b", "c"), z: {} })).toEqual([]);
});

test("what depends on an earlier revision passes by", () => {
  expect(cuts({ ...chain("a", "b", "c", "d"), d: { down: ["c"], dependsOn: ["b"] } })).toEqual(["a", "b"]);
  // A dependency alone leaves the version row of what is depended upon.
  expect(cuts({ a: {}, b: { dependsOn: ["a"] }, c: { down: ["b"] } })).toEqual([]);
});

test("parents that are not among them are applied already", () => {
  expect(cutsOf(["b", "c", "d"], headers(chain("a", "b", "c", "d")))).toEqual([1, 2]);
});

/** Names of revisions before a place: mostly the one before it, as in a real history. */
const some = (at: number): fc.Arbitrary<string[]> =>
  at === 0
    ? fc.constant([])
    : fc.oneof(
        { weight: 4, arbitrary: fc.constant<string[]>([`r${at - 1}`]) },
        {
          weight: 1,
          arbitrary: fc.uniqueArray(fc.nat(at - 1), { maxLength: 2 }).map((places): string[] => places.map((one) => `r${one}`)),
        },
      );

const graphs: fc.Arbitrary<Edges> = fc.integer({ min: 1, max: 14 }).chain((size) => {
  const none: fc.Arbitrary<string[]> = fc.constant([]);
  const edges = (at: number) => fc.record({ down: some(at), dependsOn: fc.oneof(none, some(at)) });
  return fc.record(Object.fromEntries(Array.from({ length: size }, (_, at) => [`r${at}`, edges(at)])));
});

test("a cut is where all below are ancestors, all above descendants, and one row stands for them", () => {
  fc.assert(
    fc.property(graphs, (edges) => {
      const order = Object.keys(edges);
      const needs = (id: string) => [...(edges[id]!.down ?? []), ...(edges[id]!.dependsOn ?? [])];
      const within = (id: string, next: (id: string) => string[]): Set<string> => {
        const found = new Set([id]);
        for (const one of found) for (const other of next(one)) found.add(other);
        return found;
      };
      const expected = order.flatMap((id, at) => {
        const below = within(id, (one) => edges[one]!.down ?? []);
        const all = below.size === at + 1;
        const above = order.slice(at + 1).every((other) => {
          // Every way down passes through it.
          const without = within(other, (one) => (one === id ? [] : needs(one)));
          const roots = [...without].every((one) => one === id || (edges[one]!.down ?? []).length > 0);
          return roots && order.slice(0, at).every((one) => !without.has(one));
        });
        return all && above && at < order.length - 1 ? [at + 1] : [];
      });
      expect(cutsOf(order, headers(edges))).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test("slices are the whole, the newest first, and the lower ones are longer", () => {
  const order = Array.from({ length: 1000 }, (_, index) => `r${index}`);
  const all = order.map((_, index) => index + 1).slice(0, -1);
  const parts = partsOf(order, all, 4);
  expect(parts.map(({ own }) => own.length)).toEqual([123, 185, 277, 415]);
  expect(parts.map(({ own, lower }) => own.length + lower.length)).toEqual([1000, 877, 692, 415]);
  expect([...parts].reverse().flatMap(({ own }) => own)).toEqual(order);
});

test("there are fewer where it cannot be cut so often, and one at least", () => {
  const order = ["a", "b", "c", "d", "e", "f"];
  expect(partsOf(order, [2], 4).map(({ own }) => own)).toEqual([
    ["c", "d", "e", "f"],
    ["a", "b"],
  ]);
  expect(partsOf(order, [], 4)).toEqual([{ own: order, lower: [] }]);
  expect(partsOf([], [], 2)).toEqual([{ own: [], lower: [] }]);
});

test("nothing is cut above what is not of a kind", () => {
  const order = ["a", "b", "c", "d"];
  expect(cutsBelow([1, 2, 3], order, (id) => id !== "c")).toEqual([1, 2]);
  expect(cutsBelow([1, 2, 3], order, () => true)).toEqual([1, 2, 3]);
  expect(cutsBelow([1, 2, 3], order, () => false)).toEqual([]);
});

test("a graph from its files is put in order, whatever the order of the files", () => {
  fc.assert(
    fc.property(
      graphs.chain((edges) =>
        fc.tuple(fc.constant(edges), fc.shuffledSubarray(Object.keys(edges), { minLength: Object.keys(edges).length })),
      ),
      ([edges, files]) => {
        const parents = new Map(files.map((id) => [id, edges[id]!.down ?? []]));
        const dependencies = new Map(files.map((id) => [id, edges[id]!.dependsOn ?? []]));
        const { order, headers: found } = headersOf({ parents, dependencies });
        expect([...order].sort()).toEqual(Object.keys(edges).sort());
        for (const { id, down, dependsOn } of found)
          for (const other of [...down, ...dependsOn]) expect(order.indexOf(other)).toBeLessThan(order.indexOf(id));
        // Cuts are the same in every order.
        expect(cutsOf(order, found)).toEqual(cutsOf(Object.keys(edges), headers(edges)));
      },
    ),
  );
});
