/** What alembic.ini and [tool.alembic] say about one environment, under Alembic's own rules. */
import path from "node:path";
import { parse, TomlError } from "smol-toml";
import { Failure } from "../failure.ts";
import { block, code, listOf, text, type Part, type Text } from "../text.ts";
import { IniError, readIni, type Ini } from "./ini.ts";

/** A configuration file, parsed. */
export interface ConfigFile {
  /** Relative to the root. */
  file: string;
  ini?: Ini;
  /** The table [tool.alembic]. */
  toml?: { table: Readonly<Record<string, unknown>>; source: string };
}

/** The options of one environment. Paths are as written, with `%(here)s` filled in; see `HERE`. */
export interface AlembicConfig {
  /** Where script_location stands, or would have to. */
  file: string;
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

/**
 * Parses an ini, whatever its name, or a pyproject.toml.
 *
 * @returns undefined for a pyproject.toml without [tool.alembic]
 * @throws Failure (exit code 2) when it cannot be read
 */
export function parseConfigFile(file: string, bytes: Uint8Array): ConfigFile | undefined {
  let source: string;
  try {
    source = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Failure(2, text`${code(file)} is not UTF-8.`, text`Save it as UTF-8: Alembic cannot read it either.`, { file });
  }
  if (path.posix.basename(file) === "pyproject.toml") return parsePyproject(file, source);
  return { file, ini: reading(file, () => readIni(source, { here: here(file) })) };
}

function parsePyproject(file: string, source: string): ConfigFile | undefined {
  if (!source.includes("alembic")) return undefined;
  let table: unknown;
  try {
    table = (parse(source).tool as { alembic?: unknown } | undefined)?.alembic;
  } catch (error) {
    // Whose file it is that is no TOML, an example's say, is not ours to judge as long as it does not configure Alembic.
    if (!(error instanceof TomlError) || !/^\s*\[\[?\s*tool\s*\.\s*alembic\s*[.\]]/m.test(source)) return undefined;
    const reason = error.message.split("\n", 1)[0]!.replace(/^Invalid TOML document: /, "");
    throw new Failure(2, text`${code(file)} cannot be read: ${reason}.`, text`Correct line ${error.line}.`, {
      file,
      line: error.line,
    });
  }
  if (table === undefined) return undefined;
  if (typeof table !== "object" || table === null || Array.isArray(table))
    throw new Failure(
      2,
      text`${code("tool.alembic")} in ${code(file)} is not a table.`,
      text`Write its options below ${code("[tool.alembic]")}.`,
      { file },
    );
  return { file, toml: { table: table as Record<string, unknown>, source } };
}

/** Line on which an option stands, or its section begins, for pointing at it. */
export function lineOf(config: ConfigFile, section: string, option: string): number | undefined {
  if (config.ini) return config.ini.line(section, option) ?? config.ini.line(section);
  const lines = config.toml!.source.split("\n");
  const own = lines.findIndex((line) => new RegExp(`^\\s*["']?${option}["']?\\s*=`).test(line));
  const line = own === -1 ? lines.findIndex((line) => /^\s*\[\s*tool\s*\.\s*alembic\s*\]/.test(line)) : own;
  return line === -1 ? undefined : line + 1;
}

/**
 * Reads one section of the ini, beside the pyproject.toml of the same folder: what the ini does not say is looked up there.
 *
 * @throws Failure (exit code 2) for values that Alembic stumbles over
 */
export function readAlembicConfig(
  ini: ConfigFile | undefined,
  pyproject: ConfigFile | undefined,
  section: string,
): AlembicConfig {
  const fromIni = (option: string) => (ini?.ini ? reading(ini.file, () => ini.ini!.get(section, option)) : undefined);
  const toml = (option: string) => (pyproject?.toml ? formatted(pyproject, option) : undefined);
  const flag = (option: string): boolean => {
    const value = fromIni(option);
    if (value !== undefined) return value === "true";
    const raw = toml(option) ?? false;
    if (typeof raw !== "boolean") throw wrongType(pyproject!, option, text`${code("true")} or ${code("false")}`);
    return raw;
  };
  const separator = (...options: string[]): string | undefined => {
    const option = options.find((option) => fromIni(option) !== undefined);
    if (option === undefined) return undefined;
    const found = SEPARATORS.get(fromIni(option)!);
    if (found === undefined) {
      const sentence = text`${code(fromIni(option)!)} is no ${code(option)} that Alembic knows (${code(ini!.file)}).`;
      const help = text`Allowed: ${listOf([...SEPARATORS.keys()])}. A comment on the same line belongs to the value: move it to a line of its own.`;
      throw new Failure(2, sentence, help, { file: ini!.file, line: lineOf(ini!, section, option) });
    }
    return found;
  };
  const list = (option: string, separators: string[], legacy: RegExp): string[] | undefined => {
    const value = fromIni(option);
    if (!value) {
      const raw = toml(option);
      if (raw === undefined || (Array.isArray(raw) && raw.every((item) => typeof item === "string"))) return raw;
      throw wrongType(pyproject!, option, text`a list of paths`);
    }
    const split = separator(...separators);
    if (split === undefined) return value.split(legacy);
    return value.split(split).flatMap((item) => (item === "" ? [] : [item.trim()]));
  };

  const inIni = fromIni("script_location");
  const scriptLocation = inIni ?? toml("script_location");
  if (scriptLocation !== undefined && typeof scriptLocation !== "string")
    throw wrongType(pyproject!, "script_location", text`a path`);
  const isPyproject = !ini || (inIni === undefined && scriptLocation !== undefined);
  return {
    file: isPyproject ? pyproject!.file : ini.file,
    format: isPyproject ? "pyproject" : "ini",
    section,
    scriptLocation,
    versionLocations: list("version_locations", ["path_separator", "version_path_separator"], /, *| +/),
    prependSysPath: list("prepend_sys_path", ["path_separator"], /, *| +|:/) ?? [],
    recursive: flag("recursive_version_locations"),
    sourceless: flag("sourceless"),
  };
}

const SEPARATORS = new Map([
  ["space", " "],
  ["newline", "\n"],
  ["os", path.delimiter],
  [":", ":"],
  [";", ";"],
]);

const wrongType = ({ file, ...config }: ConfigFile, option: string, wanted: Part | Text) =>
  new Failure(
    2,
    text`${code(option)} in ${code(file)} is not ${wanted}.`,
    text`For example: ${block('[tool.alembic]\nscript_location = "%(here)s/migrations"\nversion_locations = ["%(here)s/migrations/versions"]', "toml")}`,
    { file, line: lineOf({ file, ...config }, "", option) },
  );

/** A value of [tool.alembic] after Python's `%` formatting, which Alembic applies to texts alone. */
function formatted(pyproject: ConfigFile, option: string): unknown {
  const { file } = pyproject;
  const format = (value: unknown): unknown =>
    typeof value !== "string"
      ? value
      : value.replace(/%(%|\(here\)s)?/g, (_, kind: string | undefined) => {
          if (kind === "%") return "%";
          if (kind) return here(file);
          const sentence = text`A ${code("%")} in ${code(option)} of ${code(file)} begins no ${code("%(here)s")}.`;
          throw new Failure(2, sentence, text`A percent sign is written ${code("%%")}.`, {
            file,
            line: lineOf(pyproject, "", option),
          });
        });
  const value = pyproject.toml!.table[option];
  return Array.isArray(value) ? value.map(format) : format(value);
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
