/** Real git repositories for the tests of history/. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { openGit, type Git } from "../../src/history/git.ts";
import { git } from "../support/repository.ts";

export interface Repo {
  folder: string;
  run(...args: string[]): Promise<string>;
  /** Writes files (null: removes them) and commits all that is there; gives the commit. */
  commit(files: Record<string, string | null>): Promise<string>;
  write(files: Record<string, string | null>): Promise<void>;
  open(): Promise<Git>;
}

const places: string[] = [];

export async function temporaryFolder(): Promise<string> {
  const place = await mkdtemp(path.join(tmpdir(), "history-"));
  places.push(place);
  return place;
}

/** Removes all that was made. */
export const removeAll = async (): Promise<void> =>
  void (await Promise.all(places.splice(0).map((place) => rm(place, { recursive: true, force: true }))));

export function repoIn(folder: string): Repo {
  const write: Repo["write"] = async (files) => {
    for (const [file, content] of Object.entries(files)) {
      const place = path.join(folder, file);
      if (content === null) await rm(place);
      else {
        await mkdir(path.dirname(place), { recursive: true });
        await writeFile(place, content);
      }
    }
  };
  return {
    folder,
    run: (...args) => git(folder, ...args),
    write,
    async commit(files) {
      await write(files);
      await git(folder, "add", "--all");
      await git(folder, "commit", "--quiet", "--allow-empty", "--message", "commit");
      return git(folder, "rev-parse", "HEAD");
    },
    open: async () => (await openGit(folder))!,
  };
}

/** A new repository whose branch is main. */
export async function makeRepo(): Promise<Repo> {
  const folder = await temporaryFolder();
  await git(folder, "init", "--quiet");
  // As GitHub's server: any commit may be fetched by its id.
  await git(folder, "config", "uploadpack.allowAnySHA1InWant", "true");
  await git(folder, "config", "uploadpack.allowFilter", "true");
  return repoIn(folder);
}

/** What actions/checkout leaves: a fresh repository with one ref of the origin. */
export async function checkOut(origin: Repo, ref: string, depth?: number): Promise<Repo> {
  const folder = await temporaryFolder();
  await git(folder, "init", "--quiet");
  await git(folder, "remote", "add", "origin", `file://${origin.folder}`);
  const wanted =
    depth === undefined ? ["+refs/heads/*:refs/remotes/origin/*", `+${ref}:refs/remotes/event`] : [`+${ref}:refs/remotes/event`];
  await git(folder, "fetch", "--quiet", "--no-tags", ...(depth === undefined ? [] : [`--depth=${depth}`]), "origin", ...wanted);
  await git(folder, "checkout", "--quiet", "--detach", "refs/remotes/event");
  return repoIn(folder);
}

/** A pull request: main with two commits, a branch off the first, and the merge of both. */
export async function makePullRequest(): Promise<{ origin: Repo; fork: string; base: string; head: string; merge: string }> {
  const origin = await makeRepo();
  const fork = await origin.commit({ "app.py": "1\n", "versions/a.py": 'revision = "a"\ndown_revision = None\n' });
  await origin.run("checkout", "--quiet", "-b", "feature");
  const head = await origin.commit({ "versions/b.py": 'revision = "b"\ndown_revision = "a"\n' });
  await origin.run("checkout", "--quiet", "main");
  const base = await origin.commit({ "versions/c.py": 'revision = "c"\ndown_revision = "a"\n' });
  await origin.run("checkout", "--quiet", "--detach");
  await origin.run("merge", "--quiet", "--no-ff", "--message", "merge", "feature");
  const merge = await origin.run("rev-parse", "HEAD");
  await origin.run("update-ref", "refs/pull/1/merge", merge);
  await origin.run("update-ref", "refs/pull/1/head", head);
  await origin.run("checkout", "--quiet", "main");
  return { origin, fork, base, head, merge };
}
