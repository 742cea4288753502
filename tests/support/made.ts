/** Cases that a test makes up for itself, where a folder of fixtures would be one too many: broken projects, hostile names. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Source } from "./repository.ts";

/** Path in the project, and what the pull request makes of the file; null deletes it. */
export type Changes = Record<string, string | null>;

export interface Made extends Source {
  remove(): Promise<void>;
}

/** A pull request on a project of fixtures/projects; `base` is what is laid over the project before that, on the base branch. */
export async function makeCase(project: string, changes: Changes, base: Record<string, string> = {}): Promise<Made> {
  const folder = await mkdtemp(path.join(tmpdir(), "made-"));
  const write = async (tree: string, files: Changes) => {
    for (const [name, content] of Object.entries(files)) {
      if (content === null) continue;
      const file = path.join(folder, tree, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, content);
    }
  };
  await write("files", changes);
  await write("base", base);
  const deleted = Object.entries(changes).flatMap(([name, content]) => (content === null ? [name] : []));
  return { folder, project, deleted, renamed: {}, remove: () => rm(folder, { recursive: true, force: true }) };
}
