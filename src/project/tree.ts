/** A tree of files, read only: the working tree, or a commit. Everything static reads through this. */
import { execFile } from "node:child_process";
import { lstatSync, readFileSync } from "node:fs";
import { readdir, realpath } from "node:fs/promises";
import path from "node:path";

export interface Tree {
  /** Paths of all files below a folder ("" is the root), relative to the root, with `/`, sorted. No links, no .git, no node_modules, no virtual environments. */
  list(folder: string): Promise<string[]>;
  /** The bytes of one file, or undefined where there is none. */
  read(file: string): Promise<Uint8Array | undefined>;
}

const FOREIGN_FOLDERS = new Set([".git", "node_modules", "__pycache__", "site-packages"]);
const ENVIRONMENT_MARKS = new Set(["pyvenv.cfg", "conda-meta"]);

/**
 * The working tree below a folder, untracked files included. Folders that git ignores, and other checkouts inside it, are
 * passed over, unless they are the very folder that is listed: nobody searches there, but a setting may point there.
 * Ignored files in folders that count do count: Alembic reads them too. Each listing is taken once and kept.
 * Nothing outside the root is read, whatever `..` or links say.
 *
 * @param root path of an existing folder
 */
export function workTree(root: string): Tree {
  const listings = new Map<string, Promise<string[]>>();
  const folders = new Map<string, Promise<string | undefined>>();
  let ignored: Promise<ReadonlySet<string>> | undefined;
  let realRoot: Promise<string> | undefined;

  /** The absolute path of a place in the tree; undefined where a link or `..` stands in the way, or nothing is there. */
  const locate = async (relative: string): Promise<string | undefined> => {
    realRoot ??= realpath(root);
    const absolute = path.join(await realRoot, relative);
    const real = await realpath(absolute).catch(() => undefined);
    return real !== undefined && real === path.resolve(absolute) && isInside(await realRoot, real) ? real : undefined;
  };

  const walk = async (absolute: string, relative: string, into: string[], top: boolean): Promise<void> => {
    const entries = await readdir(absolute, { withFileTypes: true }).catch(() => []);
    const isForeign = entries.some((entry) => ENVIRONMENT_MARKS.has(entry.name) || entry.name === ".git");
    if (isForeign && !top) return;
    ignored ??= ignoredFolders(root);
    const skipped = await ignored;
    const below: Promise<void>[] = [];
    for (const entry of entries) {
      const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isFile()) into.push(name);
      else if (entry.isDirectory() && !FOREIGN_FOLDERS.has(entry.name) && !skipped.has(name))
        below.push(walk(path.join(absolute, entry.name), name, into, false));
    }
    await Promise.all(below);
  };

  const list = async (folder: string): Promise<string[]> => {
    const absolute = await locate(folder);
    const files: string[] = [];
    if (absolute !== undefined) await walk(absolute, folder, files, true);
    return files.sort();
  };

  return {
    list(folder) {
      const relative = tidy(folder);
      let listing = listings.get(relative);
      if (!listing) listings.set(relative, (listing = list(relative)));
      return listing;
    },
    async read(given) {
      const file = given.replaceAll(path.sep, "/");
      const end = file.lastIndexOf("/");
      const dir = file.slice(0, Math.max(end, 0));
      let folder = folders.get(dir);
      if (!folder) folders.set(dir, (folder = locate(dir)));
      const place = await folder;
      return place === undefined ? undefined : bytesOf(`${place}${path.sep}${file.slice(end + 1)}`);
    },
  };
}

/** The bytes of a file that is no link; a named pipe would be read for ever. At once, since waiting for hundreds of files takes far longer than reading them. */
function bytesOf(absolute: string): Uint8Array | undefined {
  try {
    if (!lstatSync(absolute).isFile()) return undefined;
  } catch {
    return undefined;
  }
  return readFileSync(absolute);
}

/** `a/./b/../c/` → `a/c`; the root is "". */
const tidy = (folder: string): string =>
  path.posix
    .normalize(folder || ".")
    .replace(/\/+$/, "")
    .replace(/^\.$/, "");

function isInside(folder: string, inner: string): boolean {
  const relative = path.relative(folder, inner);
  return relative !== ".." && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

/** Folders without a tracked file that git ignores, relative to the root; none where there is no git. */
function ignoredFolders(root: string): Promise<ReadonlySet<string>> {
  const args = ["-c", "safe.directory=*", "-c", "core.fsmonitor=false"];
  args.push("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory");
  return new Promise((resolve) => {
    execFile("git", args, { cwd: root, maxBuffer: 1 << 28, windowsHide: true }, (error, stdout) => {
      const names = error ? [] : stdout.split("\0");
      resolve(new Set(names.filter((name) => name.endsWith("/")).map((name) => name.slice(0, -1))));
    });
  });
}
