/** Environments without alembic.ini: a function of the project's builds the Config in Python. */
import path from "node:path/posix";
import { Failure } from "../failure.ts";
import { block, code, listOf, text } from "../text.ts";
import type { Environment } from "./environment.ts";
import { byDepth, folderOf, isBelow, isTemplate, listingOf } from "./location.ts";
import type { Tree } from "./tree.ts";

interface Search {
  /** `module:function`. */
  factory: string;
  /** Folder to look in, relative to the root; "" is the root. */
  directory: string;
  /** The folder of env.py, where there are several. */
  config: readonly string[];
}

/**
 * The environment whose Config a function builds. No project code runs: the folder of env.py is looked for.
 *
 * @throws Failure (exit code 2) where the function's module or the folder cannot be found
 */
export async function factoryEnvironment(tree: Tree, { factory, directory, config }: Search): Promise<Environment> {
  const [, name] = /^(\w+(?:\.\w+)*):\w+(?:\.\w+)*$/.exec(factory) ?? [];
  if (name === undefined)
    throw new Failure(
      2,
      text`${code("config-factory")} is ${code(factory)}, which names no function.`,
      text`Write its module and its name: ${block('config-factory = "app.database:alembic_config"', "toml")}`,
    );
  const { files } = await listingOf(tree);
  const stem = name.replaceAll(".", "/");
  const isIt = (file: string) => [`${stem}.py`, `${stem}/__init__.py`].some((end) => file === end || file.endsWith(`/${end}`));
  const [module] = [...files].filter((file) => isIt(file) && isBelow(file, directory)).sort(byDepth);
  if (module === undefined)
    throw new Failure(
      2,
      text`There is no module ${code(name)} in the repository, which ${code("config-factory")} names.`,
      text`It is looked for as ${code(`${stem}.py`)}, in any folder.`,
    );
  const scriptLocation = config[0] === undefined ? await onlyFolder(tree, files, directory) : path.join(directory, config[0]);
  if (!files.has(path.join(scriptLocation, "env.py")))
    throw new Failure(
      2,
      text`There is no ${code("env.py")} in ${code(scriptLocation)}, which ${code("config")} names.`,
      text`With ${code("config-factory")}, ${code("config")} is the folder of env.py: what the function sets as script_location.`,
    );
  const inside = module.slice(0, -(module.endsWith("/__init__.py") ? `${stem}/__init__.py` : `${stem}.py`).length);
  const importable = inside.replace(/\/$/, "");
  return {
    name: factory,
    config: module,
    section: "alembic",
    format: "ini",
    kind: "factory",
    factory,
    // A folder such as src/ is put on the path; commands are run above it.
    directory: path.basename(importable) === "src" ? folderOf(importable) : importable,
    scriptLocation,
    versionFolders: [path.join(scriptLocation, "versions")],
    recursive: false,
    prependSysPath: [".", "src"],
  };
}

/** The folder with an env.py of Alembic. */
async function onlyFolder(tree: Tree, files: ReadonlySet<string>, directory: string): Promise<string> {
  const candidates = [...files].filter(
    (file) => path.basename(file) === "env.py" && isBelow(file, directory) && !isTemplate(file),
  );
  const isAlembics = async (file: string) => /\balembic\b/.test(new TextDecoder().decode(await tree.read(file)));
  const found = await Promise.all(candidates.map(async (file) => ((await isAlembics(file)) ? [folderOf(file)] : [])));
  const folders = found.flat().sort(byDepth);
  if (folders.length === 1) return folders[0]!;
  throw new Failure(
    2,
    folders.length === 0
      ? text`There is no ${code("env.py")} of Alembic in the repository.`
      : text`There are several folders with an ${code("env.py")}: ${listOf(folders)}.`,
    text`Name the one that ${code("config-factory")} uses: ${block('config = ["path/to/migrations"]', "toml")}`,
  );
}
