/** What users read when an environment is not found or is configured wrongly. All are wrong use: exit code 2. */
import path from "node:path/posix";
import { Failure } from "../failure.ts";
import { block, code, listOf, text, type Part, type Text } from "../text.ts";
import type { AlembicConfig } from "./alembic-config.ts";
import type { Sources } from "./config-files.ts";
import { byDepth, folderOf, isTemplate, type Listing } from "./location.ts";
import { shellWord, yamlText } from "./quoting.ts";

/** script_location for a folder that is given from the configuration's own. */
const fromHere = (folder: string): string => ["%(here)s", ...(folder === "" ? [] : [folder.replaceAll("%", "%%")])].join("/");

const iniFor = (folder: string, section = "alembic"): Part => block(`[${section}]\nscript_location = ${fromHere(folder)}`, "ini");

export const INI_EXAMPLE = iniFor("migrations");

/** How a configuration is named, on the command line and in a workflow. */
const nameIt = (file: string): Text =>
  text`${block(`alembic-gate --config ${shellWord(file)}`, "sh")} or, in the workflow: ${block(`with:\n  config: ${yamlText(file)}`, "yaml")}`;

const named = ({ files }: Listing, name: string): string[] => [...files].filter((file) => path.basename(file) === name);

/** `config` names a file that is not there. */
export function missingConfig(listing: Listing, name: string, directory: string): Failure {
  const where = directory === "" ? text`in the repository` : text`in ${code(directory)} or in the repository's root`;
  const known = named(listing, "alembic.ini");
  const help =
    known.length > 0
      ? text`There is ${listOf(known)}.`
      : text`There is no ${code("alembic.ini")} at all. Links are not followed.`;
  return new Failure(2, text`There is no file ${code(name)} ${where}, which ${code("config")} names.`, help);
}

/** No configuration below the directory. */
export async function nothingFound(listing: Listing, directory: string): Promise<Failure> {
  const where = directory === "" ? text`` : text` below ${code(directory)}`;
  const sentence = text`No ${code("alembic.ini")} was found${where}, and no ${code("pyproject.toml")} with ${code("[tool.alembic]")}.`;
  return new Failure(2, sentence, await whereItMayBe(listing));
}

async function whereItMayBe(listing: Listing): Promise<Text> {
  const all = named(listing, "alembic.ini");
  const elsewhere = all.filter((file) => !isTemplate(file));
  if (elsewhere.length > 0) return text`There is ${listOf(elsewhere)}: name its folder, or leave the folder out.`;
  if (all.length > 0) return text`${listOf(all)} looks like a template. If it works as it is, name it: ${nameIt(all[0]!)}`;
  const settings = [...listing.files].filter((file) => /\.(ini|cfg|conf)$/.test(file));
  const others = await matching(listing, settings, /^[ \t]*script_location[ \t]*[=:]/m);
  if (others.length > 0) return text`There is a ${code("script_location")} in ${listOf(others)}. Name it: ${nameIt(others[0]!)}`;
  const [folder, ...more] = (await matching(listing, named(listing, "env.py"), /\balembic\b/)).map(folderOf);
  if (folder === undefined) return text`If the configuration has another name, give it: ${nameIt("path/to/alembic.ini")}`;
  const folders = listOf([folder, ...more].map((folder) => folder || "."));
  return text`There is an ${code("env.py")} in ${folders}. Add an ${code("alembic.ini")} to the repository's root: ${iniFor(folder)} Where the Config is built in Python, name the function that returns it in ${code("alembic-gate.toml")}: ${block('config-factory = "module:function"', "toml")}`;
}

/** Those of the files whose text matches; of many files the first hundred are looked at. */
async function matching({ tree }: Listing, files: readonly string[], pattern: RegExp): Promise<string[]> {
  const texts = files.slice(0, 100).map(async (file) => ({ file, text: new TextDecoder().decode(await tree.read(file)) }));
  return (await Promise.all(texts)).flatMap(({ file, text }) => (pattern.test(text) ? [file] : []));
}

/** `name` asks for a section that no configuration has. */
export function unknownSection(name: string, all: readonly Sources[]): Failure {
  const known = all.flatMap(({ ini }) =>
    (ini?.ini.sections ?? []).filter((section) => ini?.ini.line(section, "script_location") !== undefined),
  );
  const files = listOf(all.map(({ file }) => file));
  const help =
    known.length > 0
      ? text`Sections with a ${code("script_location")}: ${listOf([...new Set(known)], 20)}.`
      : text`No section there has a ${code("script_location")}.`;
  return new Failure(
    2,
    text`There is no section ${code(`[${name}]`)} in ${files}, which ${code("name")} asks for.`,
    help,
    all.length === 1 ? { file: all[0]!.file } : {},
  );
}

const placeOf = ({ file, line }: AlembicConfig) => ({ file, line });

export function noScriptLocation(listing: Listing, config: AlembicConfig): Failure {
  const table = config.format === "ini" ? `[${config.section}]` : "[tool.alembic]";
  const sentence = text`${code(config.file)} has no ${code("script_location")} in ${code(table)}.`;
  return new Failure(2, sentence, suggestion(listing, config), placeOf(config));
}

/** @param folder where it leads, if the tree has that folder; it has no env.py then */
export function badScriptLocation(listing: Listing, config: AlembicConfig, folder: string | undefined): Failure {
  const written = text`${code("script_location")} in ${code(config.file)} is ${code(config.scriptLocation!)}`;
  const sentence =
    folder === undefined
      ? text`${written}, a folder that the repository does not have.`
      : text`${written}, but there is no ${code("env.py")} in ${code(folder || ".")}.`;
  return new Failure(2, sentence, suggestion(listing, config), placeOf(config));
}

/** The lines that would lead to the env.py which is nearest to the configuration. */
function suggestion(listing: Listing, { file, format, section }: AlembicConfig): Text {
  const relative = (folder: string) => path.relative(`/${folderOf(file)}`, `/${folder}`);
  const folders = named(listing, "env.py").map(folderOf);
  const [nearest] = folders.sort((a, b) => byDepth(relative(a), relative(b)));
  if (nearest === undefined)
    return text`No folder has an ${code("env.py")}; links are not followed. ${code("alembic init")} makes a new environment.`;
  const place = relative(nearest);
  const lines =
    format === "ini"
      ? iniFor(place, section)
      : block(`[tool.alembic]\nscript_location = ${JSON.stringify(fromHere(place))}`, "toml");
  return text`There is an ${code("env.py")} in ${code(nearest || ".")}: ${lines}`;
}
