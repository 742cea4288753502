/** What other open pull requests add to an environment. Their commits are fetched into a place of their own, and nothing of them is run. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Environment } from "../project/environment.ts";
import { readRevision, type Revision } from "../project/revision.ts";
import { at, type Base, type GitEvent } from "./base.ts";
import { commitTree, configEnvironment, gitIn, type Git } from "./git.ts";

/** A pull request by its number and the tip of its branch. */
export interface OpenPullRequest {
  number: number;
  head: string;
}

/** One that adds revisions. */
export interface Neighbour {
  number: number;
  revisions: readonly Revision[];
}

/** Commits that were fetched without touching the checkout. */
export interface Aside {
  git: Git;
  remove(): Promise<void>;
}

/** Milliseconds. A verdict waits for its own run only a little longer. */
const PATIENCE = 20_000;

/** Who adds more revision files than this is not looked at. */
const MOST_FILES = 50;

/** A revision is never as large; what else strangers put into their branches is not fetched. */
const LARGEST = "256k";

/** @throws GitError where a commit cannot be had, or not in time */
export async function fetchAside(git: Git, event: GitEvent, commits: readonly string[]): Promise<Aside> {
  const { token } = event;
  const server = (event.serverUrl ?? "https://github.com").replace(/\/+$/, "");
  const folder = await mkdtemp(path.join(tmpdir(), "alembic-gate-pulls-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const bare = gitIn(folder, git);
    await bare.run(["init", "--quiet", "--bare", `--object-format=${git.objectFormat}`]);
    const objects = (await git.run(["rev-parse", "--git-path", "objects"])).toString("utf8").trim();
    await writeFile(path.join(folder, "objects", "info", "alternates"), `${path.resolve(git.root, objects)}\n`);
    await bare.run(["config", "remote.origin.url", await urlOf(git, event, server)]);
    const header = `AUTHORIZATION: basic ${Buffer.from(`x-access-token:${token ?? ""}`).toString("base64")}`;
    await bare.run(
      ["fetch", "--quiet", "--no-tags", "--depth=1", `--filter=blob:limit=${LARGEST}`, "--end-of-options", "origin", ...commits],
      {
        network: true,
        timeout: PATIENCE,
        ...(token && { environment: configEnvironment({ [`http.${server}/.extraheader`]: header }) }),
      },
    );
    return { git: bare, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Where the checkout came from; by the token where it came by a key, which only the checkout knows. */
async function urlOf(git: Git, { payload }: GitEvent, server: string): Promise<string> {
  const url = (await git.run(["remote", "get-url", "origin"])).toString("utf8").trim();
  if (/^(https?|file):\/\//.test(url)) return url;
  const repository = at(payload, "repository", "full_name");
  return repository === undefined ? url : `${server}/${repository}.git`;
}

/** The revisions that each pull request has and the base branch has not. */
export async function readNeighbours(given: {
  git: Git;
  aside: Git;
  base: Base;
  environment: Environment;
  pulls: readonly OpenPullRequest[];
}): Promise<Neighbour[]> {
  const { git, aside, base, environment, pulls } = given;
  const there = commitTree(git, base.commit);
  const folders = environment.versionFolders;
  await Promise.all(folders.map((folder) => there.list(folder)));
  const neighbours: Neighbour[] = [];
  // One after the other: the migrations are running meanwhile.
  for (const { number, head } of pulls) {
    const tree = commitTree(aside, head);
    const files = (await Promise.all(folders.map((folder) => tree.list(folder)))).flat();
    const known = await Promise.all(files.map((file) => there.id!(file)));
    const added = files.filter((_, index) => known[index] === undefined);
    if (added.length > MOST_FILES) continue;
    const revisions: Revision[] = [];
    for (const file of added) {
      const bytes = await tree.read(file);
      const read = bytes && readRevision(file, bytes);
      if (read && "id" in read) revisions.push(read);
    }
    if (revisions.length > 0) neighbours.push({ number, revisions });
  }
  return neighbours;
}
