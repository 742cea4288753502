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
const isResource = (written: string): boolean => !path.isAbsolute(written) && written.includes(":");

/** Where it leads depends on the folder that commands are run from. */
export const isRelative = (written: string): boolean => !path.isAbsolute(written) && !isResource(written);

/**
 * The folder that a written path names, whether or not it is there.
 *
 * @param from the folder that commands are run from
 * @returns undefined where it is outside of the repository, or in a package that is
 */
export function locate({ folders }: Listing, written: string, from: string): string | undefined {
  if (isResource(written)) {
    const [name, ...inner] = written.split(":");
    const wanted = tidy(path.join(name!.replaceAll(".", "/"), ...inner));
    const closeness = (folder: string) =>
      upwards(from).findIndex((above) => above === "" || `${folder}/`.startsWith(`${above}/`));
    const byCloseness = (a: string, b: string) => closeness(a) - closeness(b) || a.length - b.length;
    return [...folders].filter((folder) => `/${folder}`.endsWith(`/${wanted}`)).sort(byCloseness)[0];
  }
  const place = path.join(path.isAbsolute(written) ? "/" : path.join(HERE, from), written);
  return place === HERE || place.startsWith(`${HERE}/`) ? tidy(place.slice(HERE.length + 1)) : undefined;
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
