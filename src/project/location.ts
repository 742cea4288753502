/** Where the paths of a configuration lead: script_location, version_locations, and the folder that commands are run from. */
import path from "node:path/posix";
import { HERE } from "./alembic-config.ts";
import type { Tree } from "./tree.ts";

/** A tree with its listing at hand. */
export interface Listing {
  tree: Tree;
  files: ReadonlySet<string>;
  folders: ReadonlySet<string>;
}

/** @returns the listing of the whole tree */
export async function listingOf(tree: Tree): Promise<Listing> {
  const files = await tree.list("");
  const folders = new Set([""]);
  for (const file of files) for (let at = folderOf(file); !folders.has(at); at = folderOf(at)) folders.add(at);
  return { tree, files: new Set(files), folders };
}

/** Orders those that are nearer to the root first. */
export const byDepth = (a: string, b: string): number => a.split("/").length - b.split("/").length;

/** The file is in the folder, or below it. */
export const isBelow = (file: string, folder: string): boolean => folder === "" || file.startsWith(`${folder}/`);

/** A file of a cookiecutter or copier template, which does not run as it is. */
export const isTemplate = (file: string): boolean => /\{\{|\{%/.test(file);

/** `a/b` → `a`, `a` → "". */
export const folderOf = (file: string): string => tidy(path.dirname(file));

/** The folder itself and all above it, up to the root "". */
export function upwards(folder: string): string[] {
  const all = [folder];
  for (let at = folder; at !== "";) all.push((at = folderOf(at)));
  return all;
}

const tidy = (folder: string): string => path.normalize(folder).replace(/\/+$/, "").replace(/^\.$/, "");

/** `pkg:dir`, a folder inside of a package. */
export const isResource = (written: string): boolean => !path.isAbsolute(written) && written.includes(":");

/** Where it leads depends on the folder that commands are run from. */
export const isRelative = (written: string): boolean => !path.isAbsolute(written) && !isResource(written);

/**
 * The folder that a written path names, whether or not it is there.
 *
 * @param from the folder that commands are run from
 * @returns undefined where it is outside of the repository, or in a package that the repository does not have
 */
export function locate(listing: Listing, written: string, from: string): string | undefined {
  if (isResource(written)) return locateResource(listing, written, from);
  return inRepository(path.join(path.isAbsolute(written) ? "/" : path.join(HERE, from), written));
}

const inRepository = (place: string): string | undefined =>
  place === HERE || place.startsWith(`${HERE}/`) ? tidy(place.slice(HERE.length + 1)) : undefined;

/** The package may lie anywhere, below `src` say: one that has the folder is preferred, then the nearest. */
function locateResource({ folders }: Listing, written: string, from: string): string | undefined {
  const [name, ...inner] = written.split(":");
  if (!name) return undefined;
  const packages = [...folders].filter((folder) => `/${folder}`.endsWith(`/${name.replaceAll(".", "/")}`));
  const above = upwards(from);
  const distance = (folder: string) => above.findIndex((one) => isBelow(folder, one));
  packages.sort((a, b) => distance(a) - distance(b) || byDepth(a, b));
  const places = packages.map((folder) => inRepository(path.join(HERE, folder, ...inner)));
  return places.find((place) => place !== undefined && folders.has(place)) ?? places[0];
}

/**
 * The folder from which commands are run, where no path of the configuration tells: the first upwards that is no package and holds
 * a module that env.py imports; if none does, the first that is no package.
 */
export async function importingFolder(listing: Listing, home: string, scriptLocation: string): Promise<string> {
  const { files, folders } = listing;
  const modules = await importsOf(listing, path.join(scriptLocation, "env.py"));
  const candidates = upwards(home).filter((folder) => !isPackage(listing, folder));
  const holds = (folder: string, module: string) =>
    folders.has(path.join(folder, module)) || files.has(path.join(folder, `${module}.py`));
  return candidates.find((folder) => modules.some((module) => holds(folder, module))) ?? candidates[0] ?? "";
}

/** Python would import it from the folder above. */
export const isPackage = ({ files }: Listing, folder: string): boolean =>
  folder !== "" && files.has(path.join(folder, "__init__.py"));

/** Names of the top-level modules that a file imports, those that every env.py imports left out. */
async function importsOf({ tree }: Listing, file: string): Promise<string[]> {
  const source = new TextDecoder().decode(await tree.read(file));
  const names = [...source.matchAll(/^[ \t]*(?:from|import)[ \t]+(\w+)/gm)].map((match) => match[1]!);
  return names.filter((name) => !["alembic", "sqlalchemy", "logging", "os", "sys"].includes(name));
}
