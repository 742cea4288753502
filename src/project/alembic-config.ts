/** What alembic.ini and [tool.alembic] say about one environment, under Alembic's own rules. */
import path from "node:path";
import { parse, TomlError } from "smol-toml";
import { Failure } from "../failure.ts";
import { block, code, listOf, text, type Text } from "../text.ts";
import { IniError, readIni, type Ini } from "./ini.ts";

/** A parsed ini file. Paths of files are relative to the root. */
export interface IniFile {
  file: string;
  ini: Ini;
}

/** The table [tool.alembic] of a pyproject.toml. */
export interface Pyproject {
  file: string;
  table: Readonly<Record<string, unknown>>;
  source: string;
}

/** The options of one environment. Paths are as written, with `%(here)s` filled in; see `HERE`. */
export interface AlembicConfig {
  /** The file in which script_location stands, or would have to. */
  file: string;
  /** Its line there, or its section's, 1-based. */
  line?: number;
  format: "ini" | "pyproject";
  section: string;
  scriptLocation?: string;
  versionLocations?: string[];
  prependSysPath: string[];
  recursive: boolean;
  sourceless: boolean;
}

/** Stands for the repository's root in `%(here)s`: a tree has no place on a disk. */
export const HERE = "/.repository-root";

const here = (file: string) => path.posix.join(HERE, path.posix.dirname(file));

/** @throws Failure (exit code 2) when it breaks ConfigParser's rules */
export function parseIni(file: string, bytes: Uint8Array): IniFile {
  const source = decode(file, bytes);
  return { file, ini: reading(file, () => readIni(source, { here: here(file) })) };
}

/**
 * @returns undefined where it has no [tool.alembic]
 * @throws Failure (exit code 2) when it has one and cannot be read
 */
export function parsePyproject(file: string, bytes: Uint8Array): Pyproject | undefined {
  // A file that is no text, or no TOML, an example's say, is not ours to judge as long as it does not configure Alembic.
  if (!Buffer.from(bytes).includes("alembic")) return undefined;
  const source = decode(file, bytes);
  let table: unknown;
  try {
    table = (parse(source).tool as { alembic?: unknown } | undefined)?.alembic;
  } catch (error) {
    if (!(error instanceof TomlError) || !TOOL_ALEMBIC.test(source)) return undefined;
    const reason = error.message.split("\n", 1)[0]!.replace(/^Invalid TOML document: /, "");
    throw new Failure(2, text`${code(file)} cannot be read: ${reason}.`, text`Correct line ${error.line}.`, {
      file,
      line: error.line,
    });
  }
  if (table === undefined) return undefined;
  if (typeof table === "object" && table !== null && !Array.isArray(table)) return { file, table: { ...table }, source };
  throw new Failure(2, text`${code("tool.alembic")} in ${code(file)} is not a table.`, text`For example: ${TOML_EXAMPLE}`, {
    file,
  });
}

/** The header of the table, or of a table inside of it. */
const TOOL_ALEMBIC = /^[ \t]*\[\[?[ \t]*tool[ \t]*\.[ \t]*alembic[ \t]*[.\]]/m;

const TOML_EXAMPLE = block(
  '[tool.alembic]\nscript_location = "%(here)s/migrations"\nversion_locations = ["%(here)s/migrations/versions"]\nprepend_sys_path = ["."]',
  "toml",
);

function decode(file: string, bytes: Uint8Array): string {
  try {
    // A byte order mark is kept: ConfigParser stumbles over it.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Failure(2, text`${code(file)} is not UTF-8.`, text`Save it as UTF-8: Alembic cannot read it either.`, { file });
  }
}

/** Runs a reader of the ini and turns its errors into Failures. */
function reading<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof IniError)) throw error;
    const help = text`Correct line ${error.line}: Alembic stops at it, too.`;
    throw new Failure(2, text`${code(file)} cannot be read: ${error.reason}.`, help, { file, line: error.line });
  }
}

/**
 * Reads one section of an ini beside the pyproject.toml of the same folder: what the ini does not say is looked up there. One of
 * them may be missing.
 *
 * @throws Failure (exit code 2) for values that Alembic stumbles over
 */
export function readAlembicConfig(ini: IniFile | undefined, pyproject: Pyproject | undefined, section: string): AlembicConfig {
  const fromIni = (option: string) => ini && reading(ini.file, () => ini.ini.get(section, option));
  const fromToml = (option: string) => pyproject && formatted(pyproject, option);

  const path = (option: string): string | undefined => {
    const value = fromIni(option) ?? fromToml(option);
    if (value === undefined || typeof value === "string") return value;
    throw wrongType(pyproject!, option, "a path");
  };
  const flag = (option: string): boolean => {
    const value = fromIni(option);
    if (value !== undefined) return value === "true";
    const raw = fromToml(option) ?? false;
    if (typeof raw === "boolean") return raw;
    throw wrongType(pyproject!, option, "true or false");
  };
  const list = (option: string, separators: readonly string[], legacy: RegExp): string[] | undefined => {
    const value = fromIni(option);
    if (!value) {
      const raw = fromToml(option);
      if (raw === undefined || (Array.isArray(raw) && raw.every((item) => typeof item === "string"))) return raw;
      throw wrongType(pyproject!, option, "a list of paths");
    }
    const separator = separators.find((option) => fromIni(option) !== undefined);
    if (separator === undefined) return value.split(legacy);
    const items = value.split(separatorOf(ini!, section, separator, fromIni(separator)!));
    return items.flatMap((item) => (item === "" ? [] : [item.trim()]));
  };

  const scriptLocation = path("script_location");
  const isPyproject = !ini || (scriptLocation !== undefined && fromIni("script_location") === undefined);
  const place = isPyproject
    ? { file: pyproject!.file, line: lineInToml(pyproject!, "script_location") }
    : { file: ini.file, line: ini.ini.line(section, "script_location") ?? ini.ini.line(section) };
  return {
    ...place,
    format: isPyproject ? "pyproject" : "ini",
    section,
    scriptLocation,
    versionLocations: list("version_locations", ["path_separator", "version_path_separator"], /, *| +/),
    prependSysPath: list("prepend_sys_path", ["path_separator"], /, *| +|:/) ?? [],
    recursive: flag("recursive_version_locations"),
    sourceless: flag("sourceless"),
  };
}

const SEPARATORS: ReadonlyMap<string, string> = new Map([
  ["os", path.delimiter],
  ["space", " "],
  ["newline", "\n"],
  [":", ":"],
  [";", ";"],
]);

function separatorOf({ file, ini }: IniFile, section: string, option: string, value: string): string {
  const separator = SEPARATORS.get(value);
  if (separator !== undefined) return separator;
  const help = text`Allowed: ${listOf([...SEPARATORS.keys()])}. A comment behind it belongs to the value: move it to a line of its own.`;
  const place = { file, line: ini.line(section, option) };
  throw new Failure(2, text`${code(option)} in ${code(file)} is ${code(value)}, which Alembic does not know.`, help, place);
}

const wrongType = (pyproject: Pyproject, option: string, wanted: string) => {
  const place = { file: pyproject.file, line: lineInToml(pyproject, option) };
  return new Failure(
    2,
    text`${code(option)} in ${code(pyproject.file)} is not ${wanted}.`,
    text`For example: ${TOML_EXAMPLE}`,
    place,
  );
};

/** The parser tells no lines: this is the first that looks like it. */
function lineInToml({ source }: Pyproject, option: string): number | undefined {
  const lines = source.split("\n");
  const assignment = lines.findIndex((line) => new RegExp(`^\\s*["']?${option}["']?\\s*=`).test(line));
  const line = assignment === -1 ? lines.findIndex((line) => TOOL_ALEMBIC.test(line)) : assignment;
  return line === -1 ? undefined : line + 1;
}

/** A value of [tool.alembic] after Python's `%` formatting, which Alembic applies to texts and lists of texts. */
function formatted(pyproject: Pyproject, option: string): unknown {
  const format = (value: unknown): unknown => (typeof value === "string" ? value.replace(/%(%|\(here\)s)?/g, replace) : value);
  const replace = (_: string, kind: string | undefined): string => {
    if (kind !== undefined) return kind === "%" ? "%" : here(pyproject.file);
    const sentence: Text = text`A ${code("%")} in ${code(option)} of ${code(pyproject.file)} begins no ${code("%(here)s")}.`;
    const place = { file: pyproject.file, line: lineInToml(pyproject, option) };
    throw new Failure(2, sentence, text`A percent sign is written ${code("%%")}.`, place);
  };
  const value = Object.hasOwn(pyproject.table, option) ? pyproject.table[option] : undefined;
  return Array.isArray(value) ? value.map(format) : format(value);
}
