/** A tree of files, read only: the working tree, or a commit. Everything static reads through this. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

export interface Tree {
  /** Paths of all files below a folder ("" is the root), relative to the root, with `/`, sorted. No links, no .git, no node_modules, no virtual environments. */
  list(folder: string): Promise<string[]>;
  /** The bytes of one file, or undefined where there is none. */
  read(file: string): Promise<Uint8Array | undefined>;
}
