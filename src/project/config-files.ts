/** The configuration files of a tree: which there are, and which of their sections are environments. */
import path from "node:path/posix";
import { Failure } from "../failure.ts";
import { code, text } from "../text.ts";
import { parseIni, parsePyproject, type IniFile, type Pyproject } from "./alembic-config.ts";
import { INI_EXAMPLE, missingConfig } from "./environment-failures.ts";
import { byDepth, folderOf, isBelow, isTemplate, type Listing } from "./location.ts";
import type { Tree } from "./tree.ts";

/** An ini and the pyproject.toml of its folder: Alembic reads both. One of them may be missing. */
export interface Sources {
  /** The ini, else the pyproject.toml. */
  file: string;
  ini?: IniFile;
  pyproject?: Pyproject;
  /** It cannot be read, which is told only if nothing else is found: it may be an example's. */
  broken?: Failure;
}

/**
 * The configurations that were asked for.
 *
 * @param config paths relative to the directory or to the root
 * @throws Failure (exit code 2) for one that is not there
 */
export async function namedSources(listing: Listing, directory: string, config: readonly string[]): Promise<Sources[]> {
  const all: Sources[] = [];
  for (const name of config) {
    let file: string | undefined;
    for (const place of [path.join(directory, name), path.normalize(name)]) if (await listing.tree.read(place)) file ??= place;
    if (file === undefined) throw missingConfig(listing, name, directory);
    const sources = await sourcesOf(listing.tree, file);
    if (!sources)
      throw new Failure(2, text`${code(file)} has no ${code("[tool.alembic]")}.`, text`Name an alembic.ini: ${INI_EXAMPLE}`, {
        file,
      });
    if (!all.some(({ file }) => file === sources.file)) all.push(sources);
  }
  return all;
}

/** Every alembic.ini and every pyproject.toml with [tool.alembic] below a folder, the nearest first; one for each folder. */
export async function foundSources({ tree, files }: Listing, directory: string): Promise<Sources[]> {
  const names = new Set(["alembic.ini", "pyproject.toml"]);
  const candidates = [...files].filter((file) => names.has(path.basename(file)) && isBelow(file, directory) && !isTemplate(file));
  const byFile = new Map<string, Sources>();
  for (const file of candidates.sort(byDepth)) {
    const sources = await sourcesOf(tree, file).catch((error: unknown): Sources => {
      if (error instanceof Failure && isExample(file)) return { file, broken: error };
      throw error;
    });
    if (sources) byFile.set(sources.file, sources);
  }
  return [...byFile.values()];
}

/** @returns undefined for a pyproject.toml without [tool.alembic] */
async function sourcesOf(tree: Tree, file: string): Promise<Sources | undefined> {
  const folder = folderOf(file);
  const isPyproject = path.basename(file) === "pyproject.toml";
  const tomlFile = path.join(folder, "pyproject.toml");
  const tomlBytes = await tree.read(tomlFile);
  const pyproject = tomlBytes && parsePyproject(tomlFile, tomlBytes);
  if (isPyproject && !pyproject) return undefined;
  const iniFile = isPyproject ? path.join(folder, "alembic.ini") : file;
  const iniBytes = await tree.read(iniFile);
  const ini = iniBytes && parseIni(iniFile, iniBytes);
  return { file: ini?.file ?? file, ini, pyproject };
}

/** Whether `alembic --name` would find it. */
export const hasSection = ({ ini, pyproject }: Sources, section: string): boolean =>
  ini?.ini.sections.includes(section) || (section === "alembic" && pyproject?.table.script_location !== undefined);

/** The sections that are environments when nobody names them: [alembic], else those with a script_location of their own. */
export function mainSections({ ini, pyproject }: Sources): string[] {
  const sections = ini?.ini.sections ?? [];
  const isMain = sections.includes("alembic") && ini?.ini.line("alembic", "script_location") !== undefined;
  if (isMain || pyproject?.table.script_location !== undefined) return ["alembic"];
  const own = sections.filter((section) => ini?.ini.ownOptions(section).includes("script_location"));
  return own.length > 0 ? own : ["alembic"];
}

/** It may configure no environment at all: an example's or a test's, or options for one that is configured elsewhere. */
export const mayBeNone = ({ file, ini, pyproject }: Sources): boolean =>
  isExample(file) || (!ini && pyproject?.table.script_location === undefined);

function isExample(file: string): boolean {
  const words = /(^|[-_.])(templates?|examples?|samples?|tests?|testdata|fixtures?|docs?)($|[-_.])/i;
  return folderOf(file)
    .split("/")
    .some((folder) => words.test(folder));
}
