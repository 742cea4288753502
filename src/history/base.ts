/** Which commit stands for the base branch, and what the pull request's side looks like once it is merged. */
import { Failure } from "../failure.ts";
import type { IdentifiedTree } from "../project/graph.ts";
import { block, code, text, type Text } from "../text.ts";
import { configEnvironment, commitTree, GitError, type Git } from "./git.ts";

/** The commit that stands for the base branch. */
export interface Base {
  commit: string;
  /** How it was found, for people: `main`, `the first parent of the merge commit`. */
  label: string;
  /** Where the checkout left the base branch, when the base branch has moved on since: what landed there must be merged in. */
  mergeBase?: string;
}

/** What started the workflow, as plain data. */
export interface GitEvent {
  /** `pull_request`, `push`, `merge_group`, … */
  name: string;
  /** The parsed event payload. */
  payload: unknown;
  ref?: string;
  /** For fetching, where the checkout kept no credentials. */
  token?: string;
  /** `https://github.com` by default. */
  serverUrl?: string;
}

export type BaseFact = { known: true; value: Base } | { known: false; reason: Text };

const FETCH_ALL = block("- uses: actions/checkout@v5\n  with:\n    fetch-depth: 0", "yaml");
const COMMIT = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** A string somewhere in foreign JSON. */
export function at(value: unknown, ...keys: string[]): string | undefined {
  for (const key of keys) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return typeof value === "string" ? value : undefined;
}

/** The labels of the pull request that the event is about; events of a merge queue and pushes tell none. */
export function labelsOf(event: GitEvent | undefined): string[] {
  const { pull_request: request } = (event?.payload ?? {}) as { pull_request?: { labels?: unknown } };
  return Array.isArray(request?.labels) ? request.labels.flatMap((label) => at(label, "name") ?? []) : [];
}

/** The same, where it is a commit id that exists (pushes of new branches come from 000…). */
function commitAt(value: unknown, ...keys: string[]): string | undefined {
  const found = at(value, ...keys);
  return found !== undefined && COMMIT.test(found) && !/^0+$/.test(found) ? found : undefined;
}

/**
 * Finds the commit that the pull request is compared with.
 *
 * A checked-out merge commit: its first parent. Merge queue: the commit before the group. Push to the default branch: what was there
 * before. Otherwise the tip of `base` or of the remote's default branch, with the merge base where that tip has moved on.
 *
 * The network is used only when there is an event, that is on a runner.
 *
 * @param options.base a branch or commit that the user named
 * @returns not known where there is no history to compare with; the reason is a sentence for people
 * @throws Failure when the user's `base` does not exist, or when a runner's clone lacks commits and they cannot be fetched
 */
export async function findBase({ git, event, base }: { git: Git; event?: GitEvent; base?: string }): Promise<BaseFact> {
  const head = (await git.object("HEAD^{commit}"))?.id;
  if (head === undefined) return { known: false, reason: text`this repository has no commit yet` };
  const known = (commit: string, label: string): BaseFact => ({ known: true, value: { commit, label } });

  const payload = event?.payload;
  const name = at(payload, "pull_request", "base", "ref");
  if (base !== undefined && base !== name) {
    const tip = await resolve(git, base, event);
    if (tip === undefined) {
      throw new Failure(
        2,
        text`There is no branch or commit ${code(base)} in this repository.`,
        text`Name one that exists, or get it first:${block(`git fetch origin ${base}`, "sh")}`,
      );
    }
    return fork(git, head, tip, base, event);
  }

  if (event?.name === "merge_group") {
    const before = commitAt(payload, "merge_group", "base_sha");
    if (before !== undefined) {
      await need(git, before, event);
      return known(before, `${shortRef(at(payload, "merge_group", "base_ref")) ?? "the base branch"} before this merge group`);
    }
  }
  const parents = await parentsOf(git, head);
  if (parents.length === 2 && parents[1] === commitAt(payload, "pull_request", "head", "sha")) {
    await need(git, parents[0]!, event!);
    return known(parents[0]!, name ?? "the first parent of the merge commit");
  }
  const target = commitAt(payload, "pull_request", "base", "sha");
  if (target !== undefined) {
    await need(git, target, event!);
    return fork(git, head, target, name ?? "the base branch", event);
  }
  const usual = at(payload, "repository", "default_branch");
  if (event?.name === "push" && usual !== undefined && event.ref === `refs/heads/${usual}`) {
    const before = commitAt(payload, "before");
    if (before !== undefined) {
      await need(git, before, event);
      return known(before, `${usual} before this push`);
    }
  }

  for (const branch of usual !== undefined ? [usual] : [await defaultBranch(git), "main", "master"]) {
    const tip = branch === undefined ? undefined : await resolve(git, branch, event);
    if (tip !== undefined) return fork(git, head, tip, branch!, event);
  }
  return {
    known: false,
    reason: text`no branch was found to compare with: there is neither ${code("origin/HEAD")} nor ${code("main")} nor ${code("master")}; name one with ${code("--base")}`,
  };
}

const shortRef = (ref: string | undefined) => ref?.replace(/^refs\/heads\//, "");

/** Parents as the commit itself names them: a shallow clone hides them from everything else. */
async function parentsOf(git: Git, commit: string): Promise<string[]> {
  const raw = (await git.object(commit))?.bytes ?? [];
  const header = Buffer.from(raw).toString("utf8").split("\n\n", 1)[0]!;
  return [...header.matchAll(/^parent ([0-9a-f]+)$/gm)].map((match) => match[1]!);
}

/** Most pull requests have no more commits than this, and reading them costs less than another process. */
const RECENT = 20;

/** Whether a commit stands among the newest first parents of another, or is that very one. False: nobody knows. */
async function isRecentAncestor(git: Git, commit: string, of: string): Promise<boolean> {
  let at: string | undefined = of;
  for (let step = 0; step <= RECENT && at !== undefined; step++) {
    if (at === commit) return true;
    at = (await parentsOf(git, at))[0];
  }
  return false;
}

/** The branch that `origin/HEAD` points to. */
async function defaultBranch(git: Git): Promise<string | undefined> {
  const ref = await git.ask(["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"]);
  return ref?.replace(/^refs\/remotes\/origin\//, "");
}

/** The commit of a branch, tag or commit id; of a branch name the remote's, which others have seen. */
async function resolve(git: Git, name: string, event: GitEvent | undefined): Promise<string | undefined> {
  const find = async () => {
    const candidates = [`refs/remotes/origin/${name}`, name].map((candidate) => git.object(`${candidate}^{commit}`));
    return (await Promise.all(candidates)).find((found) => found !== undefined)?.id;
  };
  const found = await find();
  if (found !== undefined || !event) return found;
  const answer = await fetch(git, event, [`+refs/heads/${name}:refs/remotes/origin/${name}`], git.shallow ? 1 : undefined);
  return answer === undefined ? find() : undefined;
}

/** The tip of the base branch, and where the checkout left it. */
async function fork(git: Git, head: string, tip: string, label: string, event: GitEvent | undefined): Promise<BaseFact> {
  const mergeBase = () => git.ask(["merge-base", head, tip]);
  let left = (await isRecentAncestor(git, tip, head)) ? tip : await mergeBase();
  for (const depth of left === undefined && git.shallow && event ? [50, 500] : []) {
    await fetch(git, event!, [head, tip], depth);
    left = await mergeBase();
    if (left !== undefined) break;
  }
  if (left !== undefined) return { known: true, value: { commit: tip, label, ...(left === tip ? {} : { mergeBase: left }) } };
  if (!git.shallow) return { known: false, reason: text`this checkout and ${code(label)} have no commit in common` };
  if (!event)
    return {
      known: false,
      reason: text`this clone is shallow and does not reach the commit where it left ${code(label)}; ${code("git fetch --unshallow")} mends that`,
    };
  throw new Failure(
    3,
    text`This clone is shallow and does not reach the commit where the pull request left ${code(label)}, so nobody can tell which revisions are new.`,
    text`Check out the whole history:${FETCH_ALL}`,
  );
}

/** Makes sure that a commit's tree is here. */
async function need(git: Git, commit: string, event: GitEvent): Promise<void> {
  const here = () => git.ask(["cat-file", "-e", `${commit}^{tree}`]);
  if ((await here()) !== undefined) return;
  const trouble = await fetch(git, event, [commit], git.shallow ? 1 : undefined);
  if (trouble === undefined && (await here()) !== undefined) return;
  throw new Failure(
    3,
    text`The base branch's commit ${code(commit.slice(0, 12))} is not in this clone and could not be fetched${trouble === undefined ? "" : text`: ${code(trouble)}`}.`,
    text`Check out the whole history:${FETCH_ALL}`,
  );
}

/** Fetches commits; undefined when that went well, else what git said. A depth is given in shallow clones only: it would make others shallow. */
async function fetch(
  git: Git,
  event: GitEvent,
  wanted: readonly string[],
  depth: number | undefined,
): Promise<string | undefined> {
  const remotes = (await git.ask(["remote"]))?.split("\n") ?? [];
  const remote = remotes.includes("origin") ? "origin" : remotes[0];
  if (!remote) return "there is no remote";
  const command = [
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    ...(depth === undefined ? [] : [`--depth=${depth}`]),
    "--end-of-options",
    remote,
    ...wanted,
  ];
  const attempt = (environment?: Record<string, string>) =>
    git.run(command, { network: true, timeout: 120_000, environment }).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof GitError) return error.stderr;
        throw error;
      },
    );
  const trouble = await attempt();
  if (trouble === undefined || !event.token) return trouble;
  // Only when git has no credentials of its own: two authorization headers are refused.
  const header = `AUTHORIZATION: basic ${Buffer.from(`x-access-token:${event.token}`).toString("base64")}`;
  const server = (event.serverUrl ?? "https://github.com").replace(/\/+$/, "");
  const second = await attempt(configEnvironment({ [`http.${server}/.extraheader`]: header }));
  return second === undefined ? undefined : trouble;
}

/**
 * The pull request's side as it will be once merged: the working tree, with what landed on the base branch since it was left.
 * Files that both sides changed are taken from the working tree.
 */
export function mergedTree(git: Git, head: IdentifiedTree, base: Base): IdentifiedTree {
  if (base.mergeBase === undefined) return head;
  const left = commitTree(git, base.mergeBase);
  const tip = commitTree(git, base.commit);
  let moved: Promise<ReadonlySet<string>> | undefined;
  const landed = () =>
    (moved ??= git
      .run(["diff-tree", "-r", "-z", "--no-renames", "--name-only", base.mergeBase!, base.commit])
      .then((answer) => new Set(answer.toString("utf8").split("\0").filter(Boolean))));
  const decided = new Map<string, Promise<boolean>>();
  /** Whether a file is to be taken as the base branch has it, or lacks it. */
  const isTaken = async (file: string): Promise<boolean> => {
    if (!(await landed()).has(file)) return false;
    let decision = decided.get(file);
    if (!decision) {
      decision = Promise.all([head.read(file), left.read(file)]).then(([ours, before]) =>
        ours && before ? sameText(ours, before) : !ours && !before,
      );
      decided.set(file, decision);
    }
    return decision;
  };
  return {
    async id(file) {
      return (await isTaken(file)) ? tip.id!(file) : head.id?.(file);
    },
    async list(folder) {
      const prefix = folder === "" ? "" : `${folder}/`;
      const files = new Set(await head.list(folder));
      const there = new Set(await tip.list(folder));
      for (const file of await landed()) {
        if (!file.startsWith(prefix) || !(await isTaken(file))) continue;
        if (there.has(file)) files.add(file);
        else files.delete(file);
      }
      return [...files].sort();
    },
    async read(file) {
      return (await isTaken(file)) ? tip.read(file) : head.read(file);
    },
  };
}

/** Equal but for the ends of lines, which a checkout may change. */
function sameText(a: Uint8Array, b: Uint8Array): boolean {
  const plain = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n");
  return Buffer.compare(a, b) === 0 || plain(a) === plain(b);
}

const changes = new WeakMap<Base, Promise<string[]>>();

/** Files that the pull request's side changed, adds (untracked ones included) or deletes, relative to the root. git is asked once for each base. */
export function changedFiles(git: Git, base: Base): Promise<string[]> {
  const known = changes.get(base) ?? filesChangedSince(git, base);
  changes.set(base, known);
  return known;
}

async function filesChangedSince(git: Git, base: Base): Promise<string[]> {
  const from = base.mergeBase ?? base.commit;
  const answers = await Promise.all([
    git.run([
      "diff",
      "--name-only",
      "-z",
      "--no-ext-diff",
      "--no-textconv",
      "--no-renames",
      "--ignore-submodules=all",
      from,
      "--",
    ]),
    git.run(["ls-files", "--others", "--exclude-standard", "-z"]),
  ]);
  return [...new Set(answers.flatMap((answer) => answer.toString("utf8").split("\0").filter(Boolean)))].sort();
}
