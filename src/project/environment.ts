/** Alembic environments: where they are configured and where their revisions lie. */
import path from "node:path/posix";
import { Failure } from "../failure.ts";
import { HERE, readAlembicConfig, type AlembicConfig } from "./alembic-config.ts";
import { foundSources, hasSection, mainSections, mayBeNone, namedSources, type Sources } from "./config-files.ts";
import { badScriptLocation, noScriptLocation, nothingFound, unknownSection } from "./environment-failures.ts";
import {
  folderOf,
  importingFolder,
  isBelow,
  isPackage,
  isRelative,
  isResource,
  listingOf,
  locate,
  upwards,
  type Listing,
} from "./location.ts";
import type { Tree } from "./tree.ts";

export interface Environment {
  /** How people call it: the path of its configuration, with `[section]` where that is not `alembic`. */
  name: string;
  /** alembic.ini or pyproject.toml, relative to the repository's root, with `/`. */
  config: string;
  /** Section of the ini, `alembic` as a rule. */
  section: string;
  format: "ini" | "pyproject";
  /** Flask-Migrate environments run inside the application's context, from the folder above. */
  kind: "alembic" | "flask-migrate" | "factory";
  /** `module:function` that builds the Config; `config` is the module's file then. */
  factory?: string;
  /** Folder from which its alembic commands are run, relative to the root; "" is the root. */
  directory: string;
  /** Folder of env.py, relative to the root. */
  scriptLocation: string;
  /** Folders of revision files, relative to the root. */
  versionFolders: string[];
  recursive: boolean;
  /** Where a static reader cannot know the folders (`pkg:dir` of an installed package, a computed value), why. */
  unknowable?: string;
  /** env.py names the folders when it is run: `asked`; once it has been run, they are in versionFolders: `told`. */
  foldersFromEnv?: "asked" | "told";
  /** prepend_sys_path, absolute or from the directory, as Alembic itself resolves it. */
  prependSysPath: string[];
}

/** What to look for. Paths are relative to the tree's root, with `/`. */
export interface Search {
  /** Folder to look in; the root when absent. */
  directory?: string;
  /** Configurations, relative to the directory or to the root; all that are found when empty. */
  config?: readonly string[];
  /** Sections of the ini; [alembic], or those with a script_location of their own, when empty. */
  names?: readonly string[];
}

/**
 * Finds the Alembic environments of a tree, those nearest to its root first. No project code runs.
 *
 * @throws Failure (exit code 2) where there is none, or one is configured wrongly
 */
export async function findEnvironments(tree: Tree, { directory = "", config = [], names = [] }: Search): Promise<Environment[]> {
  const listing = await listingOf(tree);
  const all = config.length > 0 ? await namedSources(listing, directory, config) : await foundSources(listing, directory);
  if (all.length === 0) throw await nothingFound(listing, directory);
  for (const name of names) if (!all.some((sources) => hasSection(sources, name))) throw unknownSection(name, all);

  const environments = new Map<string, Environment>();
  let leftOut: Failure | undefined;
  for (const sources of all) {
    for (const section of names.length > 0 ? names.filter((name) => hasSection(sources, name)) : mainSections(sources)) {
      try {
        if (sources.broken) throw sources.broken;
        const environment = await environmentOf(listing, sources, section);
        // Two configurations of the same revisions, for development and production say, are judged once.
        const { scriptLocation, versionFolders } = environment;
        const key = config.length > 0 || names.length > 0 ? environment.name : JSON.stringify([scriptLocation, versionFolders]);
        if (!environments.has(key)) environments.set(key, environment);
      } catch (error) {
        if (!(error instanceof Failure) || config.length > 0 || !mayBeNone(sources)) throw error;
        leftOut ??= error;
      }
    }
  }
  if (environments.size === 0 && leftOut) throw leftOut;
  return [...environments.values()];
}

async function environmentOf(listing: Listing, sources: Sources, section: string): Promise<Environment> {
  const config = readAlembicConfig(sources.ini, sources.pyproject, section);
  const { directory, scriptLocation, kind } = await placeOf(listing, sources, config);
  const environment = {
    name: section === "alembic" ? config.file : `${config.file}[${section}]`,
    config: config.file,
    section,
    format: config.format,
    kind,
    directory,
    scriptLocation: scriptLocation ?? "",
    versionFolders: [],
    recursive: config.recursive,
    prependSysPath: config.prependSysPath.map((entry) => fromDirectory(entry, directory)),
  };
  if (scriptLocation === undefined)
    return { ...environment, unknowable: `script_location is ${config.scriptLocation}, in a package outside of this repository` };
  const written = config.versionLocations?.length ? config.versionLocations : undefined;
  const places = written?.map((location) => locate(listing, location, directory)) ?? [path.join(scriptLocation, "versions")];
  const versionFolders = [...new Set(places.filter((place) => place !== undefined))];
  const outside = written?.[places.indexOf(undefined)];
  const unknowable =
    outside === undefined
      ? await whyUnknowable(listing.tree, config, scriptLocation, versionFolders)
      : `version_locations names ${outside}, which is outside of this repository`;
  return {
    ...environment,
    versionFolders,
    ...(unknowable !== undefined && { unknowable }),
    ...(unknowable === ENV_SETS_FOLDERS && { foldersFromEnv: "asked" }),
  };
}

/** A path below `%(here)s` as one from the folder that commands are run from; others stay as they are. */
const fromDirectory = (written: string, directory: string): string =>
  written.startsWith(`${HERE}/`) ? path.relative(path.join(HERE, directory), written) || "." : written;

/** Where the commands are run and where script_location leads; it is undefined in a package outside of the repository. */
interface Place {
  directory: string;
  scriptLocation?: string;
  kind: Environment["kind"];
}

/**
 * Most run their commands beside the configuration, but some keep it in a folder of its own and run from above: relative paths are
 * meant from the first folder upwards that they fit.
 */
async function placeOf(listing: Listing, { ini }: Sources, config: AlembicConfig): Promise<Place> {
  const home = folderOf(config.file);
  const written = config.scriptLocation;
  const beside = config.format === "ini" ? await envIn(listing.tree, home) : undefined;
  const isFlasks = /flask/i.test(beside ?? "") || ini?.ini.sections.includes("logger_flask_migrate");
  // Flask-Migrate takes the ini's own folder for script_location, whatever the ini says; without one nothing else can run it.
  if (beside !== undefined && (needsApplication(beside) || (written === undefined && isFlasks))) {
    const starts = (folder: string) => listing.files.has(path.join(folder, ".flaskenv")) || !isPackage(listing, folder);
    return { directory: upwards(home).slice(1).find(starts) ?? "", scriptLocation: home, kind: "flask-migrate" };
  }
  if (written === undefined) throw noScriptLocation(listing, config);

  const directories = isRelative(written) ? upwards(home) : [home];
  const places = directories.flatMap((directory) => {
    const scriptLocation = locate(listing, written, directory);
    return scriptLocation === undefined ? [] : [{ directory, scriptLocation }];
  });
  for (const place of places) {
    const env = await envIn(listing.tree, place.scriptLocation);
    if (env === undefined) continue;
    const kind = needsApplication(env) ? "flask-migrate" : "alembic";
    if (isRelative(written)) return { ...place, kind };
    const relative = config.versionLocations?.filter(isRelative) ?? [];
    const fits = (folder: string) => relative.some((location) => listing.folders.has(locate(listing, location, folder) ?? "/"));
    const directory = upwards(home).find(fits) ?? (await importingFolder(listing, home, place.scriptLocation));
    return { ...place, directory, kind };
  }
  if (isResource(written) && places.length === 0) return { directory: home, kind: "alembic" };
  throw badScriptLocation(
    listing,
    config,
    places.find(({ scriptLocation }) => listing.folders.has(scriptLocation))?.scriptLocation,
  );
}

/** The text of a folder's env.py. */
async function envIn(tree: Tree, folder: string): Promise<string | undefined> {
  const bytes = await tree.read(path.join(folder, "env.py"));
  return bytes && new TextDecoder().decode(bytes);
}

/** env.py uses Flask's current_app and makes no application context for itself. */
const needsApplication = (env: string): boolean =>
  /^[ \t]*from[ \t]+flask[ \t]+import[ \t]*(\([^)]{0,1000}|.*)\bcurrent_app\b|\bflask\.current_app\b/m.test(env) &&
  !env.includes("app_context");

const ENV_SETS_FOLDERS = "env.py sets version_locations by itself";

/** Why the revision files cannot be known by reading, if so. */
async function whyUnknowable(tree: Tree, config: AlembicConfig, scriptLocation: string, folders: readonly string[]) {
  const env = ((await envIn(tree, scriptLocation)) ?? "").replace(/#.*/g, "");
  if (/\.version_locations\s*=(?!=)|set_(main|section)_option\([^)]{0,200}\bversion_locations\b/.test(env))
    return ENV_SETS_FOLDERS;
  const files = (await Promise.all(folders.map((folder) => tree.list(folder)))).flat();
  const loaded = files.filter((file) => config.recursive || folders.includes(folderOf(file)));
  if (config.sourceless && loaded.some((file) => /\.py[co]$/.test(file) && !files.includes(file.slice(0, -1))))
    return "sourceless is set, and there are revisions without a source";
  if (!loaded.some(isModule) && files.some(isModule))
    return "the revision files lie in sub-folders, and recursive_version_locations is not set: something else must name these folders";
  return undefined;
}

const isModule = (file: string): boolean => file.endsWith(".py") && path.basename(file) !== "__init__.py";

/** Names of files that decide with which packages, settings or server migrations run. */
const RELEVANT_NAMES = [
  /\.(py|pyi|sql|mako|ini|toml|cfg|lock)$/i,
  /^(requirements|constraints).*\.(txt|in)$/i,
  /^(Pipfile|\.python-version|\.tool-versions|\.flaskenv|environment\.ya?ml)$/,
  /^(Dockerfile|Containerfile)/,
  /\.(Dockerfile|Containerfile)$/i,
  /^(docker-)?compose.*\.ya?ml$/,
  /^\.env(\.|$)|\.env$/,
];

/**
 * Whether a change of a file can change what the gate says: when no changed file concerns migrations, there is nothing to judge.
 * Rather too often yes than once too seldom: models are imported from anywhere.
 *
 * @param file relative to the root
 */
export function concernsMigrations(file: string, environments: readonly Environment[]): boolean {
  const name = path.basename(file);
  if (
    RELEVANT_NAMES.some((pattern) => pattern.test(name)) ||
    /^(\.github\/workflows\/.*\.ya?ml|(.*\/)?requirements\/.*\.txt)$/.test(file)
  )
    return true;
  return environments.some(
    ({ config, scriptLocation, versionFolders }) =>
      file === config || [scriptLocation, ...versionFolders].some((folder) => isBelow(file, folder)),
  );
}
