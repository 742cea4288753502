/** Trees for tests. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Tree } from "../../src/project/tree.ts";

/** A tree in memory. */
export function treeOf(files: Readonly<Record<string, string>>): Tree {
  const contents = new Map(Object.entries(files));
  return {
    list: async (folder) => [...contents.keys()].filter((file) => folder === "" || file.startsWith(`${folder}/`)).sort(),
    read: async (file) => {
      const content = contents.get(file);
      return content === undefined ? undefined : new TextEncoder().encode(content);
    },
  };
}

/** Writes files into a folder on the disk. */
export function writeFiles(root: string, files: Readonly<Record<string, string>>): void {
  for (const [file, content] of Object.entries(files)) {
    const place = path.join(root, file);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, content);
  }
}
