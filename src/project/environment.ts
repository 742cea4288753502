/** Alembic environments: where they are configured and where their revisions lie. */
import path from "node:path/posix";
import { Failure } from "../failure.ts";
import { block, code, listOf, text, type Text } from "../text.ts";
import { lineOf, parseConfigFile, readAlembicConfig, type AlembicConfig, type ConfigFile } from "./alembic-config.ts";
import { folderOf, importingFolder, isPackage, isRelative, listingOf, locate, upwards, type Listing } from "./location.ts";
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
  kind: "alembic" | "flask-migrate";
  /** Folder from which its alembic commands are run, relative to the root; "" is the root. */
  directory: string;
  /** Folder of env.py, relative to the root. */
  scriptLocation: string;
  /** Folders of revision files, relative to the root. */
  versionFolders: string[];
  recursive: boolean;
  /** Where a static reader cannot know the folders (`pkg:dir` of an installed package, a computed value), why. */
  unknowable?: string;
  /** prepend_sys_path, as written and resolved against the directory by Alembic itself. */
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

/** An ini beside the pyproject.toml of its folder; one of them may be missing. */
interface Sources {
  ini?: ConfigFile;
  pyproject?: ConfigFile;
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
    for (const section of names.length > 0 ? names.filter((name) => hasSection(sources, name)) : sectionsOf(sources)) {
      try {
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

/** The configurations that were asked for. */
async function namedSources(listing: Listing, directory: string, config: readonly string[]): Promise<Sources[]> {
  const sources = new Map<string, Sources>();
  for (const name of config) {
    const places = [path.join(directory, name), path.normalize(name)];
    const found = await Promise.all(places.map((place) => listing.tree.read(place)));
    const file = places.find((_, index) => found[index]);
    if (file === undefined) throw missingConfig(listing, name, directory);
    const one = await sourcesOf(listing.tree, file);
    if (!one.ini && !one.pyproject)
      throw new Failure(
        2,
        text`${code(file)} has no ${code("[tool.alembic]")}.`,
        text`Add it, or name an alembic.ini. ${toPaste(exampleOf("migrations"))}`,
        { file },
      );
    sources.set(one.ini?.file ?? file, one);
  }
  return [...sources.values()];
}

/** Every alembic.ini and [tool.alembic] below a folder. */
async function foundSources({ tree, files }: Listing, directory: string): Promise<Sources[]> {
  const depth = (file: string) => file.split("/").length;
  const candidates = [...files].filter((file) => isConfig(file) && isBelow(file, directory) && !isTemplate(file));
  candidates.sort((a, b) => depth(a) - depth(b));
  const sources = new Map<string, Sources>();
  for (const file of candidates) {
    const one = await sourcesOf(tree, file);
    const main = one.ini ?? one.pyproject;
    if (main) sources.set(main.file, one);
  }
  return [...sources.values()];
}

/** A configuration and its companion in the same folder: Alembic reads both, the ini first. */
async function sourcesOf(tree: Tree, file: string): Promise<Sources> {
  const parsed = async (place: string) => {
    const bytes = await tree.read(place);
    return bytes && parseConfigFile(place, bytes);
  };
  const isToml = path.basename(file) === "pyproject.toml";
  const pyproject = await parsed(path.join(folderOf(file), "pyproject.toml"));
  if (isToml && !pyproject) return {};
  return { ini: await parsed(isToml ? path.join(folderOf(file), "alembic.ini") : file), pyproject };
}

const isConfig = (file: string): boolean => ["alembic.ini", "pyproject.toml"].includes(path.basename(file));
const isBelow = (file: string, folder: string): boolean => folder === "" || file === folder || file.startsWith(`${folder}/`);
/** Of cookiecutter or copier: it does not run as it is. */
const isTemplate = (file: string): boolean => /\{\{|\{%/.test(file);

/** A found configuration without env.py may be an example's, or hold nothing but options for another one. */
function mayBeNone({ ini, pyproject }: Sources): boolean {
  const words = /(^|[-_.])(templates?|examples?|samples?|tests?|testdata|fixtures?|docs?)($|[-_.])/i;
  const folders = folderOf((ini ?? pyproject)!.file).split("/");
  return (!ini && pyproject?.toml?.table.script_location === undefined) || folders.some((folder) => words.test(folder));
}

const hasSection = ({ ini, pyproject }: Sources, section: string): boolean =>
  ini?.ini?.sections.includes(section) || (section === "alembic" && pyproject?.toml?.table.script_location !== undefined);

/** The sections of a configuration that are environments when nobody names them. */
function sectionsOf({ ini, pyproject }: Sources): string[] {
  const sections = ini?.ini?.sections ?? [];
  const hasMain = sections.includes("alembic") && ini?.ini?.line("alembic", "script_location") !== undefined;
  if (hasMain || pyproject?.toml?.table.script_location !== undefined) return ["alembic"];
  const own = sections.filter((section) => ini?.ini?.ownOptions(section).includes("script_location"));
  return own.length > 0 ? own : ["alembic"];
}

async function environmentOf(listing: Listing, { ini, pyproject }: Sources, section: string): Promise<Environment> {
  const config = readAlembicConfig(ini, pyproject, section);
  const source = config.format === "ini" ? ini! : pyproject!;
  const { directory, scriptLocation, kind } = await placeOf(listing, config, source);
  const environment = {
    name: section === "alembic" ? config.file : `${config.file}[${section}]`,
    config: config.file,
    section,
    format: config.format,
    kind,
    directory,
    scriptLocation: scriptLocation ?? "",
    recursive: config.recursive,
    prependSysPath: config.prependSysPath,
  };
  if (scriptLocation === undefined) {
    const unknowable = `script_location is ${config.scriptLocation}, which is in a package outside of this repository`;
    return { ...environment, versionFolders: [], unknowable };
  }
  const written = config.versionLocations?.length ? config.versionLocations : undefined;
  const places = written?.map((location) => locate(listing, location, directory)) ?? [path.join(scriptLocation, "versions")];
  const versionFolders = [...new Set(places.filter((place) => place !== undefined))];
  const outside = written?.[places.indexOf(undefined)];
  const unknowable =
    outside !== undefined
      ? `version_locations names ${outside}, which is outside of this repository`
      : await obscurity(listing, config, scriptLocation, versionFolders);
  return { ...environment, versionFolders, ...(unknowable !== undefined && { unknowable }) };
}

interface Place {
  /** Where commands are run. */
  directory: string;
  /** Undefined where it lies in a package outside of the repository. */
  scriptLocation?: string;
  kind: Environment["kind"];
}

/** Decides where commands are run, and so where script_location leads. */
async function placeOf(listing: Listing, config: AlembicConfig, source: ConfigFile): Promise<Place> {
  const home = folderOf(config.file);
  const written = config.scriptLocation;
  const envBeside = await envSource(listing, home);
  if (config.format === "ini" && envBeside !== undefined && isFlaskMigrate(envBeside, source, written)) {
    const above = upwards(home).slice(1);
    // Flask-Migrate takes the ini's folder for script_location, whatever the ini says.
    const directory =
      above.find((folder) => listing.files.has(path.join(folder, ".flaskenv")) || !isPackage(listing, folder)) ?? "";
    return { directory, scriptLocation: home, kind: "flask-migrate" };
  }
  if (written === undefined) throw noScriptLocation(listing, config, source);
  if (isRelative(written)) {
    for (const directory of upwards(home)) {
      const scriptLocation = locate(listing, written, directory);
      const env = scriptLocation === undefined ? undefined : await envSource(listing, scriptLocation);
      if (env !== undefined) return { directory, scriptLocation, kind: needsApplication(env) ? "flask-migrate" : "alembic" };
    }
    throw badScriptLocation(listing, config, source);
  }
  const scriptLocation = locate(listing, written, home);
  if (scriptLocation === undefined && isForeignPackage(listing, written)) return { directory: home, kind: "alembic" };
  const env = scriptLocation === undefined ? undefined : await envSource(listing, scriptLocation);
  if (scriptLocation === undefined || env === undefined) throw badScriptLocation(listing, config, source);
  const relative = config.versionLocations?.filter(isRelative) ?? [];
  const fits = (folder: string) =>
    relative.length > 0 && relative.every((location) => listing.folders.has(locate(listing, location, folder) ?? "//"));
  const directory = upwards(home).find(fits) ?? (await importingFolder(listing, home, scriptLocation));
  return { directory, scriptLocation, kind: needsApplication(env) ? "flask-migrate" : "alembic" };
}

/** The text of env.py in a folder. */
async function envSource({ tree }: Listing, folder: string): Promise<string | undefined> {
  const bytes = await tree.read(path.join(folder, "env.py"));
  return bytes && new TextDecoder().decode(bytes);
}

/** env.py takes Flask's current_app and makes no application context for itself. */
const needsApplication = (env: string): boolean =>
  /^[ \t]*from[ \t]+flask[ \t]+import\b.*\bcurrent_app\b/m.test(env) && !env.includes("app_context");

/** The ini lies beside env.py; without script_location only Flask-Migrate can run it. */
const isFlaskMigrate = (env: string, { ini }: ConfigFile, written: string | undefined): boolean =>
  needsApplication(env) ||
  (written === undefined && (/flask/i.test(env) || ini?.sections.includes("logger_flask_migrate") === true));

/** `pkg:dir` of a package that the tree does not have. */
const isForeignPackage = ({ folders }: Listing, written: string): boolean =>
  !path.isAbsolute(written) && ![...folders].some((folder) => `/${folder}`.endsWith(`/${written.split(/[.:]/, 1)[0]}`));

/** Why the revision files cannot be known by reading, if so. */
async function obscurity(
  { tree, ...listing }: Listing,
  config: AlembicConfig,
  scriptLocation: string,
  folders: string[],
): Promise<string | undefined> {
  const env = (await envSource({ tree, ...listing }, scriptLocation)) ?? "";
  if (/\.version_locations\s*=(?!=)|set_(main|section)_option\([^)]*["']version_locations["']/.test(env.replace(/#.*/g, "")))
    return "env.py sets version_locations by itself";
  const files = (await Promise.all(folders.map((folder) => tree.list(folder)))).flat();
  const inside = files.filter((file) => config.recursive || folders.includes(folderOf(file)));
  const names = new Set(files);
  if (config.sourceless && inside.some((file) => /\.py[co]$/.test(file) && !names.has(file.slice(0, -1))))
    return "sourceless = true, and there are revisions without source";
  const isRevision = (file: string) => file.endsWith(".py") && !path.basename(file).startsWith("__init__");
  if (!inside.some(isRevision) && files.some(isRevision))
    return "revision files lie in sub-folders only, and recursive_version_locations is not set; something else must name these folders";
  return undefined;
}

/** Lines for an alembic.ini in the root, or in `home`, of an environment in a folder. */
const exampleOf = (folder: string, home = ""): Text =>
  text`${block(`[alembic]\nscript_location = %(here)s/${path.relative(`/${home}`, `/${folder}`)}`, "ini")}`;

const toPaste = (example: Text): Text => text`For example: ${example}`;

/** How a configuration is named, for the command line and for a workflow. */
const nameIt = (file: string): Text =>
  text`${block(`alembic-gate --config ${file}`, "sh")} or, in the workflow: ${block(`with:\n  config: ${file}`, "yaml")}`;

const missingConfig = ({ files }: Listing, name: string, directory: string): Failure => {
  const known = [...files].filter((file) => path.basename(file) === "alembic.ini");
  const sentence = text`There is no file ${code(name)}${directory === "" ? "" : text`, neither in ${code(directory)} nor in the root`}; ${code("config")} names it.`;
  return new Failure(
    2,
    sentence,
    known.length > 0
      ? text`There is ${listOf(known)}.`
      : text`Paths are relative to the repository's root; links are not followed.`,
  );
};

async function nothingFound(listing: Listing, directory: string): Promise<Failure> {
  const where = directory === "" ? text`` : text` below ${code(directory)}`;
  const sentence = text`No ${code("alembic.ini")} was found${where}, and no ${code("pyproject.toml")} with ${code("[tool.alembic]")}.`;
  const files = [...listing.files];
  const elsewhere = files.filter((file) => path.basename(file) === "alembic.ini" && !isTemplate(file));
  if (elsewhere.length > 0)
    return new Failure(2, sentence, text`There is ${listOf(elsewhere)}: check another folder, or leave the folder out.`);
  const templates = files.filter((file) => path.basename(file) === "alembic.ini");
  if (templates.length > 0)
    return new Failure(
      2,
      sentence,
      text`${listOf(templates)} is a template and was left out. Where it works as it is, name it: ${nameIt(templates[0]!)}`,
    );
  const others = await containing(
    listing,
    files.filter((file) => /\.(ini|cfg|conf)$/.test(file)),
    /^\s*script_location\s*[=:]/m,
  );
  if (others.length > 0)
    return new Failure(2, sentence, text`${listOf(others)} has a ${code("script_location")}. Name it: ${nameIt(others[0]!)}`);
  const environments = (await containing(listing, envFiles(listing), /\balembic\b/)).map(folderOf);
  if (environments.length === 0)
    return new Failure(2, sentence, text`If the configuration has another name, give it: ${nameIt("path/to/alembic.ini")}`);
  const help = text`${listOf(environments)} looks like an Alembic environment. Add an ${code("alembic.ini")} to the root: ${exampleOf(environments[0]!)}`;
  return new Failure(2, sentence, help);
}

const envFiles = ({ files }: Listing): string[] =>
  [...files].filter((file) => path.basename(file) === "env.py" && !isTemplate(file));

/** Those of the files whose text matches; of many files the first hundred. */
async function containing({ tree }: Listing, files: readonly string[], pattern: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const file of files.slice(0, 100)) if (pattern.test(new TextDecoder().decode(await tree.read(file)))) found.push(file);
  return found;
}

function unknownSection(name: string, all: readonly Sources[]): Failure {
  const known = all.flatMap(({ ini }) =>
    (ini?.ini?.sections ?? []).filter((section) => ini?.ini?.line(section, "script_location") !== undefined),
  );
  const file = (all[0]!.ini ?? all[0]!.pyproject)!.file;
  const where = all.length === 1 ? text`${code(file)} has no section` : text`No configuration has a section`;
  const help =
    known.length > 0
      ? text`Sections with a ${code("script_location")}: ${listOf([...new Set(known)], 20)}.`
      : text`No section there has a ${code("script_location")}.`;
  return new Failure(
    2,
    text`${where} ${code(`[${name}]`)}; ${code("name")} asks for it.`,
    help,
    all.length === 1 ? { file } : {},
  );
}

/** `script_location = …` for each env.py of the repository that the configuration could mean. */
function suggestion(listing: Listing, { file, format, section }: AlembicConfig): Text {
  const [nearest] = envFiles(listing)
    .map(folderOf)
    .sort((a, b) => path.relative(`/${folderOf(file)}`, `/${a}`).length - path.relative(`/${folderOf(file)}`, `/${b}`).length);
  if (nearest === undefined)
    return text`No folder of the repository has an ${code("env.py")}; ${code("alembic init")} makes one.`;
  const value = path.join("%(here)s", path.relative(`/${folderOf(file)}`, `/${nearest}`));
  const lines =
    format === "ini"
      ? block(`[${section}]\nscript_location = ${value}`, "ini")
      : block(`[tool.alembic]\nscript_location = ${JSON.stringify(value)}`, "toml");
  return text`There is an ${code("env.py")} in ${code(nearest)}: ${lines}`;
}

function noScriptLocation(listing: Listing, config: AlembicConfig, source: ConfigFile): Failure {
  const where = config.format === "ini" ? `[${config.section}]` : "[tool.alembic]";
  const line = lineOf(source, config.section, "script_location");
  return new Failure(
    2,
    text`${code(config.file)} has no ${code("script_location")} in ${code(where)}.`,
    suggestion(listing, config),
    { file: config.file, line },
  );
}

function badScriptLocation(listing: Listing, config: AlembicConfig, source: ConfigFile): Failure {
  const written = config.scriptLocation!;
  const there = isRelative(written)
    ? upwards(folderOf(config.file)).map((folder) => locate(listing, written, folder))
    : [locate(listing, written, folderOf(config.file))];
  const folder = there.find((place) => place !== undefined && listing.folders.has(place));
  const sentence =
    folder === undefined
      ? text`script_location of ${code(config.file)} is ${code(written)}, which the repository does not have (links are not followed).`
      : text`script_location of ${code(config.file)} leads to ${code(folder || ".")}, which has no ${code("env.py")}.`;
  return new Failure(2, sentence, suggestion(listing, config), {
    file: config.file,
    line: lineOf(source, config.section, "script_location"),
  });
}

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
