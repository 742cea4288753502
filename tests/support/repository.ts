/** A real git repository for a case: the base branch, the pull request's branch and the merge commit that GitHub makes of them. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { root, type Case } from "./fixtures.ts";

const run = promisify(execFile);

export interface Repository {
  /** Absolute path of the checkout. */
  folder: string;
  /** Tip of main. */
  base: string;
  /** Tip of the pull request's branch. */
  head: string;
  /** The commit of refs/pull/1/merge: its first parent is `base`, its second is `head`. */
  merge: string;
  /** Where the checkout came from; the same folder at a desk. */
  origin: string;
  /** Removes everything; safe to call twice. */
  remove(): Promise<void>;
}

/** What of a case makes a repository. */
export type Source = Pick<Case, "folder" | "project" | "deleted" | "renamed">;

export interface CheckoutOptions {
  /**
   * `branch`: the pull request's branch in a repository with all history, as at a desk.
   * `merge`: the merge commit, detached, as actions/checkout leaves it.
   */
  checkout?: "branch" | "merge";
  /** With `merge`: as `fetch-depth` of actions/checkout. 1 is a shallow clone, 0 the whole history. */
  depth?: number;
}

const clean = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
  GIT_AUTHOR_DATE: "2026-03-16T10:00:00Z",
  GIT_COMMITTER_DATE: "2026-03-16T10:00:00Z",
};

/** Runs git in a folder, without the configuration of the machine. */
export async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run("git", ["-c", "init.defaultBranch=main", "-c", "core.autocrlf=false", ...args], {
    cwd: folder,
    env: clean,
  });
  return stdout.trim();
}

/** Lays the files of one folder over another; a folder that is not there adds nothing. */
async function lay(from: string, over: string): Promise<void> {
  await cp(from, over, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

async function commit(folder: string, message: string): Promise<string> {
  await git(folder, "add", "--all");
  await git(folder, "commit", "--quiet", "--allow-empty", "--message", message);
  return git(folder, "rev-parse", "HEAD");
}

/** Makes the repository of a case in a new temporary folder. */
export async function makeRepository(
  source: Source,
  { checkout = "branch", depth = 1 }: CheckoutOptions = {},
): Promise<Repository> {
  const place = await mkdtemp(path.join(tmpdir(), "case-"));
  const origin = path.join(place, "origin");
  await mkdir(origin);
  await git(origin, "init", "--quiet");
  await lay(path.join(root, "fixtures", "projects", source.project), origin);
  await lay(path.join(source.folder, "base"), origin);
  const fork = await commit(origin, "Base branch");

  await git(origin, "checkout", "--quiet", "-b", "pull-request");
  for (const file of source.deleted) await rm(path.join(origin, file));
  for (const [from, to] of Object.entries(source.renamed)) {
    await mkdir(path.dirname(path.join(origin, to)), { recursive: true });
    await rename(path.join(origin, from), path.join(origin, to));
  }
  await lay(path.join(source.folder, "files"), origin);
  const head = await commit(origin, "Pull request");

  await git(origin, "checkout", "--quiet", "main");
  await lay(path.join(source.folder, "landed"), origin);
  const landed = await git(origin, "status", "--porcelain");
  const base = landed === "" ? fork : await commit(origin, "Landed meanwhile");

  await git(origin, "checkout", "--quiet", "--detach");
  await git(origin, "merge", "--quiet", "--no-ff", "--message", `Merge ${head} into ${base}`, "pull-request");
  const merge = await git(origin, "rev-parse", "HEAD");
  await git(origin, "update-ref", "refs/pull/1/merge", merge);
  await git(origin, "update-ref", "refs/pull/1/head", head);
  await git(origin, "checkout", "--quiet", "pull-request");

  const folder = checkout === "branch" ? origin : await checkOutMerge(place, origin, merge, depth);
  return { folder, base, head, merge, origin, remove: () => rm(place, { recursive: true, force: true }) };
}

/** The same git commands as actions/checkout gives on a pull request. */
async function checkOutMerge(place: string, origin: string, merge: string, depth: number): Promise<string> {
  const folder = path.join(place, "work");
  await mkdir(folder);
  // GitHub's server lets everybody fetch any commit by its id.
  await git(origin, "config", "uploadpack.allowAnySHA1InWant", "true");
  await git(folder, "init", "--quiet");
  await git(folder, "remote", "add", "origin", `file://${origin}`);
  const refs = [`+${merge}:refs/remotes/pull/1/merge`];
  const history = depth === 0 ? ["+refs/heads/*:refs/remotes/origin/*"] : [`--depth=${depth}`];
  await git(
    folder,
    "fetch",
    "--quiet",
    "--no-tags",
    "--prune",
    ...history.filter((one) => one.startsWith("--")),
    "origin",
    ...history.filter((one) => !one.startsWith("--")),
    ...refs,
  );
  await git(folder, "checkout", "--quiet", "--force", "refs/remotes/pull/1/merge");
  return folder;
}
