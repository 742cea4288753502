/** Reads an ini file as Python's ConfigParser does, which is how Alembic reads alembic.ini. */

/** What is wrong, under the names that Python gives to it. */
export type IniErrorKind =
  | "MissingSectionHeaderError"
  | "DuplicateSectionError"
  | "DuplicateOptionError"
  | "ParsingError"
  | "InterpolationSyntaxError"
  | "InterpolationMissingOptionError"
  | "InterpolationDepthError";

/** The file breaks ConfigParser's rules. `message` is half a sentence for people: `the section [a] stands there twice`. */
export class IniError extends Error {
  readonly kind: IniErrorKind;
  /** 1-based; for a bad interpolation the line of the option. */
  readonly line: number;

  constructor(kind: IniErrorKind, line: number, message: string) {
    super(message);
    this.name = "IniError";
    this.kind = kind;
    this.line = line;
  }
}

export interface Ini {
  /** In the file's order, without DEFAULT. */
  sections: readonly string[];
  /** The section's own options, without those of DEFAULT; their names in lower case. */
  ownOptions(section: string): readonly string[];
  /** The value with its interpolations filled in, DEFAULT included; undefined where section or option is missing. @throws IniError */
  get(section: string, option: string): string | undefined;
  /** Line of an option or, without one, of a section's header, 1-based; undefined where it is not in the file. */
  line(section: string, option?: string): number | undefined;
}

interface Option {
  value: string;
  line?: number;
}

type Section = Map<string, Option>;

const DEFAULT = "DEFAULT";

/** Python's white space, which is neither that of `trim` nor of `\s`. */
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING = new RegExp(`^${SPACE}+`);
const TRAILING = new RegExp(`(?<!${SPACE})${SPACE}+$`);
const stripEnd = (value: string) => value.replace(TRAILING, "");
const strip = (value: string) => stripEnd(value.replace(LEADING, ""));

/**
 * @param source the decoded file, with its byte order mark if it has one: ConfigParser stumbles over it, too
 * @param defaults options that are there from the start, such as `here`; the file's [DEFAULT] overrides them
 * @throws IniError
 */
export function readIni(source: string, defaults: Readonly<Record<string, string>> = {}): Ini {
  const shared: Section = new Map(Object.entries(defaults).map(([name, value]) => [name.toLowerCase(), { value }]));
  const sections = new Map<string, Section>();
  const headers = new Map<string, number>();
  const seen = new Set<string>();
  const lines: { section: Section; option: string; parts: string[]; line: number }[] = [];
  let section: Section | undefined;
  let sectionName = "";
  let current: (typeof lines)[number] | undefined;
  let indent = 0;
  let unreadable: IniError | undefined;

  for (const [index, raw] of splitLines(source).entries()) {
    const line = index + 1;
    const text = strip(raw);
    if (text.startsWith("#") || text.startsWith(";")) continue;
    if (text === "") {
      current?.parts.push("");
      continue;
    }
    const depth = LEADING.exec(raw)?.[0].length ?? 0;
    if (current && depth > indent) {
      current.parts.push(text);
      continue;
    }
    indent = depth;
    const header = /^\[(.+)\]/s.exec(text)?.[1];
    if (header !== undefined) {
      current = undefined;
      sectionName = header;
      if (sections.has(header))
        throw new IniError(
          "DuplicateSectionError",
          line,
          `the section [${header}] is there already, in line ${headers.get(header)}`,
        );
      if (!headers.has(header)) headers.set(header, line);
      section = header === DEFAULT ? shared : new Map();
      if (header !== DEFAULT) sections.set(header, section);
      continue;
    }
    if (!section)
      throw new IniError(
        "MissingSectionHeaderError",
        line,
        `a line stands before the first [section]${text.startsWith("\ufeff") ? ", or rather a byte order mark does: save the file without one" : ""}`,
      );
    const delimiter = text.search(/[=:]/);
    if (delimiter === -1) {
      unreadable ??= new IniError(
        "ParsingError",
        line,
        "a line is neither a [section], nor `option = value`, nor indented to continue a value",
      );
      continue;
    }
    const option = stripEnd(text.slice(0, delimiter)).toLowerCase();
    if (option === "") unreadable ??= new IniError("ParsingError", line, "a value has no option name before it");
    const key = JSON.stringify([sectionName, option]);
    if (seen.has(key))
      throw new IniError("DuplicateOptionError", line, `the option ${option} is there already in [${sectionName}]`);
    seen.add(key);
    const added = { section, option, parts: [strip(text.slice(delimiter + 1))], line };
    lines.push(added);
    current = option === "" ? undefined : added;
  }
  if (unreadable) throw unreadable;
  for (const { section, option, parts, line } of lines) section.set(option, { value: stripEnd(parts.join("\n")), line });

  return {
    sections: [...sections.keys()],
    ownOptions: (name) => [...(sections.get(name)?.keys() ?? [])],
    get(name, option) {
      const own = sections.get(name);
      if (!own) return undefined;
      const lookup = (key: string) => own.get(key.toLowerCase()) ?? shared.get(key.toLowerCase());
      const found = lookup(option);
      return found && interpolate(found.value, lookup, option, found.line ?? 1);
    },
    line: (name, option) =>
      option === undefined
        ? headers.get(name)
        : (sections.get(name)?.get(option.toLowerCase()) ?? shared.get(option.toLowerCase()))?.line,
  };
}

/** Lines as Python's text files give them. */
function splitLines(source: string): string[] {
  const lines = source.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Ten is Python's depth; the length is our own guard against values that multiply themselves. */
const MAX_DEPTH = 10;
const MAX_LENGTH = 1_000_000;

function interpolate(value: string, lookup: (name: string) => Option | undefined, option: string, line: number): string {
  let length = 0;
  const fill = (text: string, depth: number): string => {
    if (depth > MAX_DEPTH || length > MAX_LENGTH)
      throw new IniError("InterpolationDepthError", line, `the value of ${option} refers to itself, or through too many others`);
    return text.replace(/%(%|\(([^)]+)\)s)?/g, (whole, escape: string | undefined, name: string | undefined) => {
      if (escape === undefined)
        throw new IniError(
          "InterpolationSyntaxError",
          line,
          `a % in the value of ${option} is neither %% nor %(name)s: write %% for a percent sign`,
        );
      if (name === undefined) return "%";
      const found = lookup(name);
      if (!found)
        throw new IniError(
          "InterpolationMissingOptionError",
          line,
          `the value of ${option} refers to ${whole}, which is not there`,
        );
      length += found.value.length;
      return fill(found.value, depth + (found.value.includes("%") ? 1 : 0));
    });
  };
  return fill(value, 1);
}
