/** Cutting a long history into slices, each for a machine of its own. Pure: whoever has the same graph cuts it alike. */
import type { Graph, LoadedHeader } from "./graph.ts";

/** A part of the history: its revisions and all below it, in the order in which they go up. */
export interface Part {
  own: string[];
  lower: string[];
}

type Header = Pick<LoadedHeader, "id" | "down" | "dependsOn">;

/** How much larger than the one above it a slice is: it has less to go up before it begins. */
const GROWTH = 1.5;

/**
 * Where a history can be cut: after revisions that every way from the bases to the heads passes through. A database that stands there
 * has applied all below and nothing else, and its version table has one row.
 *
 * @param order the ids from the bases up; parents that are not among them are taken for applied
 * @returns how many revisions come up to each such place, in ascending order
 */
export function cutsOf(order: readonly string[], headers: readonly Header[]): number[] {
  const places = new Map(order.map((id, index) => [id, index]));
  const placesOf = (ids: readonly string[]) => ids.flatMap((id) => places.get(id) ?? []);
  const firstChild = order.map(() => order.length);
  const lowestParent = order.map(() => -1);
  for (const { id, down, dependsOn } of headers) {
    const at = places.get(id);
    const parents = placesOf(down);
    if (at === undefined || parents.length === 0) continue;
    lowestParent[at] = Math.min(...parents, ...placesOf(dependsOn));
    for (const parent of parents) firstChild[parent] = Math.min(firstChild[parent]!, at);
  }
  const lowestAbove = [...order.map(() => 0), order.length];
  for (let at = order.length - 1; at >= 0; at--) lowestAbove[at] = Math.min(lowestAbove[at + 1]!, lowestParent[at]!);
  const cuts: number[] = [];
  let lastChildBelow = -1;
  for (let at = 0; at < order.length - 1; at++) {
    if (lastChildBelow <= at && lowestAbove[at + 1]! >= at) cuts.push(at + 1);
    lastChildBelow = Math.max(lastChildBelow, firstChild[at]!);
  }
  return cuts;
}

/** Those cuts below which all revisions are of a kind. */
export function cutsBelow(cuts: readonly number[], order: readonly string[], isSuch: (id: string) => boolean): number[] {
  const first = order.findIndex((id) => !isSuch(id));
  return first === -1 ? [...cuts] : cuts.filter((cut) => cut <= first);
}

/**
 * Cuts a history into slices of about the same work, the newest first.
 *
 * @param order the ids from the bases up
 * @param cuts where it may be cut
 * @returns fewer than asked for where it cannot be cut so often; one at least
 */
export function partsOf(order: readonly string[], cuts: readonly number[], slices: number): Part[] {
  const sum = (GROWTH ** slices - 1) / (GROWTH - 1);
  const bottoms = new Set<number>();
  let above = 0;
  for (let slice = 0; slice < slices - 1 && cuts.length > 0; slice++) {
    above += GROWTH ** slice;
    const wanted = order.length * (1 - above / sum);
    bottoms.add(cuts.reduce((best, cut) => (Math.abs(cut - wanted) < Math.abs(best - wanted) ? cut : best)));
  }
  const ends = [order.length, ...[...bottoms].sort((a, b) => b - a), 0];
  return ends.slice(1).map((bottom, index) => ({ own: order.slice(bottom, ends[index]), lower: order.slice(0, bottom) }));
}

/** The ids of a graph from the bases up, and what `cutsOf` wants to know of them. Revisions of a cycle are left out. */
export function headersOf({ parents, dependencies }: Pick<Graph, "parents" | "dependencies">): {
  order: string[];
  headers: Header[];
} {
  const headers = [...parents].map(([id, down]) => ({ id, down, dependsOn: dependencies.get(id) ?? [] }));
  const waiting = new Map<string, number>();
  const above = new Map<string, string[]>();
  for (const { id, down, dependsOn } of headers) {
    const needed = new Set([...down, ...dependsOn]);
    waiting.set(id, needed.size);
    for (const other of needed) above.set(other, [...(above.get(other) ?? []), id]);
  }
  const order = [...waiting].flatMap(([id, number]) => (number === 0 ? [id] : []));
  for (const id of order) {
    for (const next of above.get(id) ?? []) {
      const left = waiting.get(next)! - 1;
      waiting.set(next, left);
      if (left === 0) order.push(next);
    }
  }
  return { order, headers };
}
