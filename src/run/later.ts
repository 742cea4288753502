/** A promise that somebody else keeps; only the first call of `resolve` counts. */
export function later<T>() {
  let resolve!: (value: T | PromiseLike<T>) => void;
  const promise = new Promise<T>((keep) => (resolve = keep));
  return { promise, resolve };
}
