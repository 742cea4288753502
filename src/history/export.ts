/** Lays the files of a commit into a folder, without touching the checkout or its index. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Git } from "./git.ts";

/** A folder with the files of a commit; `remove` takes it away. */
export interface Exported {
  folder: string;
  remove(): Promise<void>;
}

/** @throws GitError where objects are missing */
export async function exportCommit(git: Git, commit: string): Promise<Exported> {
  const place = await mkdtemp(path.join(tmpdir(), "alembic-gate-base-"));
  const folder = path.join(place, "tree");
  const remove = () => rm(place, { recursive: true, force: true });
  try {
    await mkdir(folder);
    const environment = { GIT_INDEX_FILE: path.join(place, "index") };
    await git.run(["read-tree", commit], { environment });
    await git.run(["checkout-index", "--all", "--force", `--prefix=${folder}/`], { environment, network: true });
    return { folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
