/** Lays the files of a commit into a folder, without touching the checkout or its index. */
import { rmSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { memoryFolder, roomInMemory } from "../memory.ts";
import type { Git } from "./git.ts";

/** A folder with the files of a commit; `remove` takes it away. */
export interface Exported {
  folder: string;
  remove(): Promise<void>;
}

/** Files are laid out in memory where that has room for any project. */
const LEAST_ROOM = 2 ** 31;

/**
 * @param changed files that the working tree has otherwise than the commit, relative to the root
 * @throws GitError where objects are missing
 */
export async function exportCommit(git: Git, commit: string, changed: readonly string[]): Promise<Exported> {
  if (roomInMemory() >= LEAST_ROOM) {
    const inMemory = await exportBelow(memoryFolder, git, commit, changed).catch(() => undefined);
    if (inMemory) return inMemory;
  }
  return exportBelow(tmpdir(), git, commit, changed);
}

async function exportBelow(parent: string, git: Git, commit: string, changed: readonly string[]): Promise<Exported> {
  const place = await mkdtemp(path.join(parent, "alembic-gate-base-"));
  const folder = path.join(place, "tree");
  // In one go: file by file it takes twice as long.
  const remove = async () => rmSync(place, { recursive: true, force: true });
  try {
    await mkdir(folder);
    const environment = { GIT_INDEX_FILE: path.join(place, "index") };
    await git.run(["read-tree", commit], { environment });
    await git.run(["checkout-index", "--all", "--force", `--prefix=${folder}/`], { environment, network: true });
    await lendBytecode(git.root, folder, new Set(changed));
    return { folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Gives the copy what Python has compiled in the working tree: compiling a large project again takes longer than its migrations. */
async function lendBytecode(from: string, to: string, changed: ReadonlySet<string>): Promise<void> {
  const entries = await readdir(to, { recursive: true, withFileTypes: true });
  const folders = entries.flatMap((entry) =>
    entry.isDirectory() ? [path.relative(to, path.join(entry.parentPath, entry.name))] : [],
  );
  await Promise.all(
    ["", ...folders].map(async (folder) => {
      const cache = path.join(folder, "__pycache__");
      const names = (await readdir(path.join(from, cache)).catch(() => [])).filter((name) => name.endsWith(".pyc"));
      if (names.length > 0) await mkdir(path.join(to, cache), { recursive: true });
      await Promise.all(
        names.map(async (name) => {
          const source = path.join(folder, `${name.split(".", 1)[0]}.py`);
          if (changed.has(source.split(path.sep).join("/"))) return;
          try {
            // Bytecode counts only beside a source of the same size and time.
            const [{ atime, mtime }] = await Promise.all([stat(path.join(from, source)), stat(path.join(to, source))]);
            await copyFile(path.join(from, cache, name), path.join(to, cache, name));
            await utimes(path.join(to, source), atime, mtime);
          } catch {
            // A source that one of the two does not have.
          }
        }),
      );
    }),
  );
}
