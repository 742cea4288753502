/** What the pull request does to the revisions that the base branch has. Facts only; the rules judge. */
import { Failure } from "../failure.ts";
import { findEnvironments, type Environment } from "../project/environment.ts";
import { blobId, readGraph, type Graph, type IdentifiedTree, type ReadCache } from "../project/graph.ts";
import type { Revision } from "../project/revision.ts";
import type { Settings } from "../settings.ts";
import type { Text } from "../text.ts";
import { changedFiles as filesChanged, mergedTree, type Base } from "./base.ts";
import { compareBodies, sameWork, type Comparison } from "./cosmetic.ts";
import { commitTree, type Git } from "./git.ts";
import { helpersOf } from "./helpers.ts";
import { landingOf, replacedBy, unreleasedOf, type Landing } from "./past.ts";

export type { Base } from "./base.ts";

/** One revision of the base branch, beside what the pull request has of it. */
export interface Change {
  id: string;
  before: Revision;
  /** Absent when deleted. */
  after?: Revision;
  /** cosmetic: the same syntax tree once comments, docstrings, formatting, quoting, import order and annotations are set aside. */
  body: "same" | "cosmetic" | "edited" | "deleted";
  /** Where the body was edited, in the pull request's file; `""` among the functions is code outside of functions. */
  edited?: Omit<Extract<Comparison, { same: false }>, "same">;
  /** Files that the revision imports or opens and that the pull request changed or deleted, where its own body does the same. */
  helpers?: readonly string[];
  moved: boolean;
  /** Parents before and after, where they differ. */
  reparented?: { before: readonly string[]; after: readonly string[] };
  dependenciesChanged: boolean;
  labelsChanged: boolean;
  /** The new revision that took its place with the same body or in the same file, where this one vanished: its id was changed. */
  becameId?: string;
  /** Edited to exactly what the base branch had before this commit of its own. */
  restores?: Landing;
}

export interface History {
  base: Base;
  graph: Graph;
  changes: ReadonlyMap<string, Change>;
  /** Ids that the base branch does not have, in Alembic's order of reading. */
  added: readonly string[];
  /** Files that differ between base and head, relative to the root. */
  changedFiles: readonly string[];
  /** When heads of the base branch landed there, where the pull request leaves several heads. */
  landed: ReadonlyMap<string, Landing>;
  /** Of the revisions that the pull request changes, those that no tag contains, where tags are what counts as released. */
  unreleased: ReadonlySet<string>;
  /** Why nobody can tell which ones are released, where that is asked for. */
  releasedUnknown?: Text;
}

const sameSet = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((item) => b.includes(item));

/**
 * Compares the graphs of both sides.
 *
 * @param given.helpers files beside the revisions that the base branch has and the pull request changed or deleted
 */
export function compareHistory(given: {
  base: Base;
  baseGraph: Graph;
  headGraph: Graph;
  changedFiles: readonly string[];
  helpers?: readonly string[];
}): History {
  const { base, baseGraph, headGraph, changedFiles, helpers = [] } = given;
  const added = [...headGraph.revisions.keys()].filter((id) => !baseGraph.revisions.has(id));
  const changes = new Map<string, Change>();
  for (const [id, before] of baseGraph.revisions) {
    // Of a duplicated id, the file that the base branch has is the one to compare.
    const doubles = headGraph.duplicates.find((duplicate) => duplicate.id === id)?.files;
    const after = doubles?.find(({ file }) => file === before.file) ?? headGraph.revisions.get(id);
    changes.set(id, after ? compare(before, after, helpers) : { ...vanished(before), ...becameOf(before, added, headGraph) });
  }
  return { base, graph: baseGraph, changes, added, changedFiles, landed: new Map(), unreleased: new Set() };
}

function compare(before: Revision, after: Revision, helpers: readonly string[]): Change {
  const { id } = before;
  const comparison = before.source === after.source ? undefined : compareBodies(before, after);
  const unknown = (key: "down" | "dependsOn" | "labels") => before.computed?.includes(key) || after.computed?.includes(key);
  const same = (key: "down" | "dependsOn" | "labels") => unknown(key) || sameSet(before[key], after[key]);
  const touched = comparison === undefined || comparison.same ? helpersOf(after, helpers) : [];
  return {
    id,
    before,
    after,
    body: comparison === undefined ? "same" : comparison.same ? "cosmetic" : "edited",
    ...(comparison && !comparison.same && { edited: (({ same: _, ...difference }) => difference)(comparison) }),
    ...(touched.length > 0 && { helpers: touched }),
    moved: before.file !== after.file,
    ...(!same("down") && { reparented: { before: before.down, after: after.down } }),
    dependenciesChanged: !same("dependsOn"),
    labelsChanged: !same("labels"),
  };
}

const vanished = (before: Revision): Change => ({
  id: before.id,
  before,
  body: "deleted",
  moved: false,
  dependenciesChanged: false,
  labelsChanged: false,
});

/** The new revision that a vanished one became. */
function becameOf(before: Revision, added: readonly string[], headGraph: Graph): Pick<Change, "becameId"> {
  const candidates = added.map((id) => headGraph.revisions.get(id)!);
  const became =
    candidates.find(({ file }) => file === before.file) ?? candidates.find((candidate) => sameWork(before, candidate));
  return became ? { becameId: became.id } : {};
}

/** The environment as the base branch has it, which may be in another folder. */
async function onBase(
  tree: IdentifiedTree,
  environment: Environment,
  graph: Graph,
  cache: ReadCache,
  skim: (file: string) => boolean,
): Promise<{ baseEnvironment: Environment; baseGraph: Graph }> {
  const here = { baseEnvironment: environment, baseGraph: await readGraph(tree, environment, cache, skim) };
  if (here.baseGraph.revisions.size > 0 || graph.revisions.size === 0) return here;
  const others = await findEnvironments(tree, {}).catch((error: unknown) => {
    // There was none yet, or it was configured wrongly: nothing to compare with.
    if (error instanceof Failure) return [];
    throw error;
  });
  let [best, most] = [here, 0];
  for (const baseEnvironment of others) {
    const baseGraph = await readGraph(tree, baseEnvironment, cache, skim);
    const shared = [...baseGraph.revisions.keys()].filter((id) => graph.revisions.has(id)).length;
    if (shared > most) [best, most] = [{ baseEnvironment, baseGraph }, shared];
  }
  return best;
}

/** Files that revisions may open. Others are code, or nothing that a migration reads. */
const DATA = /\.(?:sql|psql|csv|tsv|json|ya?ml|txt|xml)$/;

/** Asking about so few costs next to nothing, whether or not they turn out to be edited. */
const FEW = 3;

/**
 * Has git read what changed revisions were before, and look for their versions in the past, while we read and parse the others.
 *
 * @returns once git is at work: the commits that replaced the pull request's versions, by file, as far as they were asked for
 */
async function askAhead(
  { git, base, tree, environment }: { git: Git; base: Base; tree: IdentifiedTree; environment: Environment },
  changed: Promise<readonly string[]>,
): Promise<Map<string, Promise<Landing | undefined>>> {
  const baseTree = commitTree(git, base.commit);
  // Whoever asks later gets the listing, or its error.
  const lists = await Promise.all(environment.versionFolders.map((folder) => baseTree.list(folder).catch(() => [])));
  const there = new Set(lists.flat());
  const files = (await changed.catch(() => [])).filter((file) => file.endsWith(".py") && there.has(file));
  for (const file of files) baseTree.read(file).catch(() => undefined);
  return new Map(
    files.length > FEW ? [] : files.map((file) => [file, replacing(git, base, tree, file, file).catch(() => undefined)]),
  );
}

/** The commit of the base branch that replaced what the pull request has of a file. */
async function replacing(
  git: Git,
  base: Base,
  tree: IdentifiedTree,
  before: string,
  after: string,
): Promise<Landing | undefined> {
  const bytes = await tree.read(after);
  return bytes && replacedBy(git, base.commit, before, blobId(bytes, git.objectFormat));
}

/**
 * Reads both sides of one environment and compares them.
 *
 * @param given.tree the working tree
 * @returns the pull request's graph as it will be once merged, and the history
 */
export async function readHistory(given: {
  git: Git;
  base: Base;
  tree: IdentifiedTree;
  environment: Environment;
  released?: Settings["released"];
  /** Of revisions that are the same on both sides the header is enough. */
  skim?: boolean;
  cache?: ReadCache;
}): Promise<{ graph: Graph; history: History }> {
  const { git, base, tree, environment, released, cache = new Map() } = given;
  const changed = filesChanged(git, base);
  const baseTree = commitTree(git, base.commit);
  const replaced = await askAhead({ git, base, tree, environment }, changed);
  const differing = new Set(given.skim ? await changed : []);
  const skim = (file: string) => given.skim === true && !differing.has(file);
  const graph = await readGraph(mergedTree(git, tree, base), environment, cache, skim);
  // Afterwards, so that files that are the same on both sides are found in the cache.
  const { baseEnvironment, baseGraph } = await onBase(baseTree, environment, graph, cache, skim);
  const changedFiles = await changed;
  const revisions = new Set([...baseGraph.revisions.values(), ...graph.revisions.values()].map(({ file }) => file));
  const beside = [baseEnvironment.scriptLocation, ...baseEnvironment.versionFolders].map((folder) =>
    folder === "" ? "" : `${folder}/`,
  );
  const candidates = changedFiles.filter(
    (file) =>
      !revisions.has(file) && (DATA.test(file) || (file.endsWith(".py") && beside.some((folder) => file.startsWith(folder)))),
  );
  const known = await Promise.all(candidates.map((file) => baseTree.id!(file)));
  const helpers = candidates.filter((_, index) => known[index] !== undefined);
  const history = compareHistory({ base, baseGraph, headGraph: graph, changedFiles, helpers });
  const folders = [...baseEnvironment.versionFolders, ...environment.versionFolders];
  return { graph, history: { ...history, ...(await past({ git, tree, graph, history, folders, released, replaced })) } };
}

/** More edits than this are no reverts of single ones. */
const MOST_RESTORED = 20;

/** What the base branch's commits tell, asked only where something follows from it. */
async function past(given: {
  git: Git;
  tree: IdentifiedTree;
  graph: Graph;
  history: History;
  folders: readonly string[];
  released: Settings["released"] | undefined;
  replaced: ReadonlyMap<string, Promise<Landing | undefined>>;
}): Promise<Pick<History, "changes" | "landed" | "unreleased" | "releasedUnknown">> {
  const { git, tree, graph, history, folders, released, replaced } = given;
  const rivals = graph.heads.length > 1 ? graph.heads.filter((head) => history.graph.revisions.has(head)) : [];
  const landings = rivals.map(
    async (id) => [id, await landingOf(git, history.base, history.graph.revisions.get(id)!.file)] as const,
  );
  const changed = [...history.changes.values()].filter(
    ({ body, reparented, dependenciesChanged, helpers }) =>
      body === "edited" || body === "deleted" || reparented || dependenciesChanged || helpers,
  );
  const edited = changed.filter(({ body, edited }) => body === "edited" && !edited!.settingsOnly);
  const restored = (edited.length > MOST_RESTORED ? [] : edited).map(async ({ id, before, after, moved }) => {
    const asked = moved ? undefined : replaced.get(before.file);
    return [id, await (asked ?? replacing(git, history.base, tree, before.file, after!.file))] as const;
  });
  const tagged =
    released === "tags"
      ? unreleasedOf(
          git,
          changed.map(({ before }) => before),
          folders,
        )
      : undefined;
  const unreleased = await tagged;
  const restores = new Map(await Promise.all(restored));
  const found = (entry: readonly [string, Landing | undefined]): entry is readonly [string, Landing] => entry[1] !== undefined;
  return {
    changes: new Map(
      [...history.changes].map(([id, change]) => [id, restores.get(id) ? { ...change, restores: restores.get(id)! } : change]),
    ),
    landed: new Map((await Promise.all(landings)).filter(found)),
    unreleased: unreleased?.known ? unreleased.value : new Set(),
    ...(unreleased && !unreleased.known && { releasedUnknown: unreleased.reason }),
  };
}

/** Whether the base branch has a revision as it is, comments and formatting aside, in the same place. */
export function isUntouched(id: string, history: Pick<History, "graph" | "changes"> | undefined): boolean {
  if (!history?.graph.revisions.has(id)) return false;
  const change = history.changes.get(id);
  if (!change) return true;
  const { body, helpers, reparented, dependenciesChanged, labelsChanged, becameId } = change;
  const isSame = (body === "same" || body === "cosmetic") && !helpers;
  return isSame && !reparented && !dependenciesChanged && !labelsChanged && becameId === undefined;
}
