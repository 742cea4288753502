// Chance that can be repeated: the same seed gives the same numbers.

/**
 * @param {number} seed
 * @returns a source of chance with the choices that makers of projects and of mutants need
 */
export function chance(seed) {
  let state = seed >>> 0;
  /** Below 1, by Mulberry32. */
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit) => Math.floor(next() * limit);
  return {
    below,
    /** @param {number} part between 0 and 1 */
    happens: (part) => next() < part,
    /** One of some, undefined where there is none. */
    pick: (items) => items[below(items.length)],
    /** All of them in another order. */
    shuffled(items) {
      const all = [...items];
      for (let index = all.length - 1; index > 0; index--) {
        const other = below(index + 1);
        [all[index], all[other]] = [all[other], all[index]];
      }
      return all;
    },
    /** A revision id as Alembic makes them. */
    id: () => Array.from({ length: 12 }, () => below(16).toString(16)).join(""),
  };
}
