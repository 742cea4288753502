/** Reads an ini file as Python's ConfigParser does, which is how Alembic reads alembic.ini. */
import { code, plain, text, type Text } from "../text.ts";

/** What is wrong, under the names that Python gives to it. */
export type IniErrorKind =
  | "MissingSectionHeaderError"
  | "DuplicateSectionError"
  | "DuplicateOptionError"
  | "ParsingError"
  | "InterpolationSyntaxError"
  | "InterpolationMissingOptionError"
  | "InterpolationDepthError";

/** The file breaks ConfigParser's rules. */
export class IniError extends Error {
  readonly kind: IniErrorKind;
  /** 1-based; for a bad interpolation the line of the option. */
  readonly line: number;
  /** What is wrong there, half a sentence: `the section [a] is there already, in line 1`. */
  readonly reason: Text;

  constructor(kind: IniErrorKind, line: number, reason: Text) {
    super(plain(reason));
    this.name = "IniError";
    this.kind = kind;
    this.line = line;
    this.reason = reason;
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
  const options: { section: Section; name: string; parts: string[]; line: number }[] = [];
  let section: Section | undefined;
  let sectionName = "";
  /** The option that an indented line continues. */
  let open: string[] | undefined;
  let indent = 0;
  let unreadable: IniError | undefined;

  for (const [index, raw] of splitLines(source).entries()) {
    const line = index + 1;
    const content = strip(raw);
    if (content.startsWith("#") || content.startsWith(";")) continue;
    if (content === "") {
      open?.push("");
      continue;
    }
    const depth = LEADING.exec(raw)?.[0].length ?? 0;
    if (open && depth > indent) {
      open.push(content);
      continue;
    }
    indent = depth;
    const header = /^\[(.+)\]/s.exec(content)?.[1];
    if (header !== undefined) {
      if (sections.has(header))
        throw new IniError("DuplicateSectionError", line, alreadyThere(`[${header}]`, headers.get(header)!));
      if (!headers.has(header)) headers.set(header, line);
      section = header === DEFAULT ? shared : new Map();
      if (header !== DEFAULT) sections.set(header, section);
      sectionName = header;
      open = undefined;
      continue;
    }
    if (!section)
      throw new IniError("MissingSectionHeaderError", line, content.startsWith("\ufeff") ? BYTE_ORDER_MARK : NO_SECTION);
    const delimiter = content.search(/[=:]/);
    if (delimiter === -1) {
      unreadable ??= new IniError("ParsingError", line, NO_OPTION);
      continue;
    }
    const name = stripEnd(content.slice(0, delimiter)).toLowerCase();
    if (name === "") unreadable ??= new IniError("ParsingError", line, text`a value has no name before it`);
    const key = JSON.stringify([sectionName, name]);
    if (seen.has(key))
      throw new IniError(
        "DuplicateOptionError",
        line,
        alreadyThere(name, options.find((option) => option.section === section && option.name === name)!.line),
      );
    seen.add(key);
    const parts = [strip(content.slice(delimiter + 1))];
    options.push({ section, name, parts, line });
    open = name === "" ? undefined : parts;
  }
  if (unreadable) throw unreadable;
  for (const { section, name, parts, line } of options) section.set(name, { value: stripEnd(parts.join("\n")), line });

  const lookup = (section: string, name: string) =>
    sections.get(section)?.get(name.toLowerCase()) ?? shared.get(name.toLowerCase());
  return {
    sections: [...sections.keys()],
    ownOptions: (section) => [...(sections.get(section)?.keys() ?? [])],
    get(section, option) {
      const found = sections.has(section) ? lookup(section, option) : undefined;
      return found && interpolate(found.value, (name) => lookup(section, name), option, found.line ?? 1);
    },
    line: (section, option) => (option === undefined ? headers.get(section) : lookup(section, option)?.line),
  };
}

const BYTE_ORDER_MARK = text`it begins with a byte order mark; save it as UTF-8 without one`;
const NO_SECTION = text`a line stands before the first ${code("[section]")}`;
const NO_OPTION = text`a line is neither a ${code("[section]")}, nor ${code("option = value")}, nor indented to continue a value`;
const alreadyThere = (what: string, line: number) => text`${code(what)} is there already, in line ${line}`;

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
  const fail = (kind: IniErrorKind, what: Text) => new IniError(kind, line, text`the value of ${code(option)} ${what}`);
  let length = 0;
  const fill = (value: string, depth: number): string => {
    if (depth > MAX_DEPTH || length > MAX_LENGTH)
      throw fail("InterpolationDepthError", text`refers to itself, or through too many others`);
    return value.replace(/%(%|\(([^)]+)\)s)?/g, (whole, escape: string | undefined, name: string | undefined) => {
      if (escape === undefined)
        throw fail(
          "InterpolationSyntaxError",
          text`has a ${code("%")} that begins no ${code("%(name)s")}; a percent sign is written ${code("%%")}`,
        );
      if (name === undefined) return "%";
      const found = lookup(name);
      if (!found) throw fail("InterpolationMissingOptionError", text`refers to ${code(whole)}, which is not there`);
      length += found.value.length;
      return found.value.includes("%") ? fill(found.value, depth + 1) : found.value;
    });
  };
  return fill(value, 1);
}
