/** The revision graph of one tree. */
import { hash } from "node:crypto";
import type { Environment } from "./environment.ts";
import { readRevision, type Revision, type Unreadable } from "./revision.ts";
import type { Tree } from "./tree.ts";

export interface Graph {
  /** By id; of a duplicated id the file that Alembic would keep. */
  revisions: ReadonlyMap<string, Revision>;
  /** Resolved parents by id. Missing ones are left out here. */
  parents: ReadonlyMap<string, readonly string[]>;
  /** Resolved depends_on (labels made ids) by id. Missing ones are left out here. */
  dependencies: ReadonlyMap<string, readonly string[]>;
  /** Revisions that no other revision names as its parent, as `alembic heads` prints them. */
  heads: readonly string[];
  bases: readonly string[];
  duplicates: readonly { id: string; files: readonly Revision[] }[];
  /** Branch labels that Alembic refuses, since another revision has them as its label or its id. */
  labelClashes: readonly { label: string; revisions: readonly Revision[] }[];
  missing: readonly { id: string; parent: string; from: "down_revision" | "depends_on" }[];
  /** Each cycle in the order child, parent, …; a revision that is its own parent is a cycle of one. */
  cycles: readonly (readonly string[])[];
  unreadable: readonly Unreadable[];
  /** False where an id or a parent is not known, as only Python can tell it: heads and missing parents are then uncertain. */
  complete: boolean;
}

/** A tree that may know the git blob id of a file without reading it. */
export interface IdentifiedTree extends Tree {
  id?(file: string): Promise<string | undefined>;
}

/** What was read from a file, by blob id and path, so that a second tree is not read twice. */
export type ReadCache = Map<string, Revision | Unreadable | undefined>;

/**
 * Puts revisions together as Alembic's RevisionMap does.
 *
 * @param files what readRevision gave, in Alembic's order of reading: of a duplicated id the last one is kept
 */
export function buildGraph(files: readonly (Revision | Unreadable)[]): Graph {
  const read: Revision[] = [];
  const unreadable: Unreadable[] = [];
  for (const file of files) {
    if ("reason" in file) unreadable.push(file);
    else {
      read.push(file);
      if (file.problem) unreadable.push(file.problem);
    }
  }

  const revisions = new Map<string, Revision>();
  const byId = new Map<string, Revision[]>();
  for (const revision of read) {
    byId.set(revision.id, [...(byId.get(revision.id) ?? []), revision]);
    revisions.set(revision.id, revision);
  }
  const duplicates = [...byId].filter(([, same]) => same.length > 1).map(([id, same]) => ({ id, files: same }));

  // The labels of a file that lost its id to another one count all the same.
  const labels = new Map<string, Revision>();
  const labelClashes: { label: string; revisions: Revision[] }[] = [];
  for (const revision of read) {
    for (const label of revision.labels) {
      const other = labels.get(label) ?? revisions.get(label);
      if (other) labelClashes.push({ label, revisions: [revision, other] });
      else labels.set(label, revision);
    }
  }
  const labelsKnown = ![...revisions.values()].some((revision) => revision.computed?.includes("labels"));
  const idsKnown = files.every((file) => !("reason" in file) || file.reason === "no-revision");

  const missing: Graph["missing"][number][] = [];
  const parents = new Map<string, string[]>();
  const dependencies = new Map<string, string[]>();
  for (const { id, down, dependsOn } of revisions.values()) {
    const up: string[] = [];
    for (const parent of new Set(down)) {
      if (revisions.has(parent)) up.push(parent);
      else if (idsKnown) missing.push({ id, parent, from: "down_revision" });
    }
    parents.set(id, up);
    const needed = new Set<string>();
    for (const name of new Set(dependsOn)) {
      const target = revisions.get(name) ?? labels.get(name);
      if (target) needed.add(target.id);
      else if (idsKnown && labelsKnown) missing.push({ id, parent: name, from: "depends_on" });
    }
    dependencies.set(id, [...needed]);
  }

  const named = new Set([...parents.values()].flat());
  return {
    revisions,
    parents,
    dependencies,
    heads: [...revisions.keys()].filter((id) => !named.has(id)),
    bases: [...revisions.values()]
      .filter((revision) => revision.down.length === 0 && !revision.computed?.includes("down"))
      .map(({ id }) => id),
    duplicates,
    labelClashes,
    missing,
    cycles: findCycles(parents, dependencies),
    unreadable,
    complete: idsKnown && !read.some(({ computed }) => computed?.includes("down")),
  };
}

/** What Alembic has of a revision once it has loaded it: ids, whatever was written. */
export interface LoadedHeader {
  id: string;
  down: readonly string[];
  dependsOn: readonly string[];
  labels: readonly string[];
}

/**
 * The graph with Alembic's own answers where only Python can tell a value.
 *
 * @param loaded all revisions that Alembic has loaded; those that the graph does not have are looked through
 * @returns undefined where nothing was left open
 */
export function completedBy(graph: Graph, loaded: readonly LoadedHeader[]): Graph | undefined {
  const open = [...graph.revisions.values()].filter(({ computed }) => computed);
  if (open.length === 0) return undefined;
  const byId = new Map(loaded.map((header) => [header.id, header]));
  const nearest = (ids: readonly string[]): string[] => {
    const reached = new Set(ids);
    for (const id of reached) {
      if (graph.revisions.has(id)) continue;
      reached.delete(id);
      for (const other of byId.get(id)?.down ?? []) reached.add(other);
    }
    return [...reached];
  };
  const told = open.flatMap((revision) => {
    const header = byId.get(revision.id);
    if (!header) return [];
    const { computed, problem, ...rest } = revision;
    const has = (key: "down" | "dependsOn" | "labels") => computed!.includes(key);
    return [
      {
        ...rest,
        ...(problem && problem.reason !== "computed" && { problem }),
        ...(has("down") && { down: nearest(header.down) }),
        ...(has("dependsOn") && { dependsOn: nearest(header.dependsOn) }),
        ...(has("labels") && { labels: [...header.labels] }),
      },
    ];
  });
  const known = new Map(told.map((revision) => [revision.id, revision]));
  const others = graph.unreadable.filter((problem) => ![...graph.revisions.values()].some((one) => one.problem === problem));
  const rest = graph.duplicates.flatMap(({ files }) => files.filter((file) => graph.revisions.get(file.id) !== file));
  return buildGraph([...others, ...rest, ...[...graph.revisions.values()].map((one) => known.get(one.id) ?? one)]);
}

/** Strongly connected parts of parents and dependencies together, each walked from child to parent. */
function findCycles(
  parents: ReadonlyMap<string, readonly string[]>,
  dependencies: ReadonlyMap<string, readonly string[]>,
): string[][] {
  const next = (id: string) => [...(parents.get(id) ?? []), ...(dependencies.get(id) ?? [])];
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const waiting = new Set<string>();
  const cycles: string[][] = [];
  for (const start of parents.keys()) {
    if (index.has(start)) continue;
    const work: { id: string; edges: string[] }[] = [];
    const enter = (id: string) => {
      index.set(id, index.size);
      low.set(id, index.get(id)!);
      stack.push(id);
      waiting.add(id);
      work.push({ id, edges: next(id) });
    };
    enter(start);
    while (work.length > 0) {
      const { id, edges } = work.at(-1)!;
      const edge = edges.shift();
      if (edge === undefined) {
        work.pop();
        const above = work.at(-1);
        if (above) low.set(above.id, Math.min(low.get(above.id)!, low.get(id)!));
        if (low.get(id) === index.get(id)) {
          const part = stack.splice(stack.indexOf(id));
          part.forEach((member) => waiting.delete(member));
          if (part.length > 1 || next(id).includes(id)) cycles.push(ring(new Set(part), next));
        }
      } else if (!index.has(edge)) enter(edge);
      else if (waiting.has(edge)) low.set(id, Math.min(low.get(id)!, index.get(edge)!));
    }
  }
  return cycles;
}

/** One way round within a strongly connected part. */
function ring(part: ReadonlySet<string>, next: (id: string) => string[]): string[] {
  const path: string[] = [];
  let id = [...part].sort()[0]!;
  while (!path.includes(id)) {
    path.push(id);
    id = next(id).find((edge) => part.has(edge))!;
  }
  return path.slice(path.indexOf(id));
}

/** Code point order, as Python sorts strings. */
const byCodePoint = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Python files of an environment's version folders, in Alembic's order of reading. */
export async function revisionFiles(tree: Tree, environment: Environment): Promise<string[]> {
  const found = new Set<string>();
  for (const folder of environment.versionFolders) {
    const prefix = folder === "" ? "" : `${folder}/`;
    const names = (await tree.list(folder)).map((file) => file.slice(prefix.length)).filter((name) => name.endsWith(".py"));
    const visible = names.filter((name) =>
      environment.recursive ? !/(^|\/)[^/]*__pycache__\//.test(name) : !name.includes("/"),
    );
    // A folder's own files come before those of its folders.
    const key = (name: string) =>
      name
        .split("/")
        .map((part, index, parts) => (index === parts.length - 1 ? "\u0000" : "\u0001") + part)
        .join("\u0000");
    for (const name of visible.sort((a, b) => byCodePoint(key(a), key(b)))) found.add(prefix + name);
  }
  return [...found];
}

/** The id that git gives to a file of these bytes. */
export const blobId = (bytes: Uint8Array, algorithm: "sha1" | "sha256" = "sha1"): string =>
  hash(algorithm, Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]), "hex");

/** Milliseconds for which files are parsed at a stretch: the server and the processes that start meanwhile are heard in between. */
const TURN = 5;

/**
 * Reads the revision graph of one environment.
 *
 * @param cache share one between two trees of a repository: files that are the same in both are read once
 * @param skim whether of a file no more is needed than its header
 */
export async function readGraph(
  tree: IdentifiedTree,
  environment: Environment,
  cache: ReadCache = new Map(),
  skim: (file: string) => boolean = () => false,
): Promise<Graph> {
  const files = await revisionFiles(tree, environment);
  const read: (Revision | Unreadable | undefined)[] = [];
  const unread: Promise<void>[] = [];
  let turn = performance.now();
  for (const [index, file] of files.entries()) {
    const known = await tree.id?.(file);
    const key = known === undefined ? undefined : `${known}:${file}`;
    if (key !== undefined && cache.has(key)) read[index] = cache.get(key);
    else unread.push(readInto(index, file, key));
  }
  await Promise.all(unread);
  return buildGraph(read.filter((file) => file !== undefined));

  async function readInto(index: number, file: string, known: string | undefined): Promise<void> {
    const bytes = await tree.read(file);
    if (!bytes) return;
    const key = known ?? `${blobId(bytes)}:${file}`;
    if (performance.now() - turn > TURN) {
      await new Promise(setImmediate);
      turn = performance.now();
    }
    if (!cache.has(key)) cache.set(key, readRevision(file, bytes, { skim: skim(file) }));
    read[index] = cache.get(key);
  }
}
