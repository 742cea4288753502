import { spawnSync } from "node:child_process";
import path from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IniError, readIni } from "../../src/project/ini.ts";

const PYTHON = path.resolve(import.meta.dirname, "../../.venvs/default/bin/python");

/** What one ini says: the kind of its error, or each option's value, or the kind of its error. */
type Answer = string | Record<string, Record<string, string | { error: string }>>;

const ORACLE = `
import configparser, json, os, sys, tempfile
def value(parser, section, option):
    try:
        return parser.get(section, option)
    except configparser.Error as error:
        return {"error": type(error).__name__}
def answer(source):
    with tempfile.NamedTemporaryFile() as file:
        file.write(source.encode())
        file.flush()
        parser = configparser.ConfigParser({"here": "/a folder"})
        try:
            parser.read(file.name, encoding="utf-8")
        except configparser.Error as error:
            name = type(error).__name__
            return name if not hasattr(error, "errors") or name == "MissingSectionHeaderError" else f"{name} {error.errors[0][0]}"
        return {s: {o: value(parser, s, o) for o in parser.options(s)} for s in parser.sections()}
print(json.dumps([answer(source) for source in json.load(sys.stdin)]))
`;

function askPython(sources: readonly string[]): Answer[] {
  const run = spawnSync(PYTHON, ["-c", ORACLE], { input: JSON.stringify(sources), encoding: "utf8", maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout);
}

/** Our answer to the same source. DEFAULT's names are not offered by the reader: those that Python found are asked for. */
function ask(source: string, oracle: Answer): Answer {
  const names = typeof oracle === "string" ? [] : Object.values(oracle).flatMap((section) => Object.keys(section));
  try {
    const ini = readIni(source, { here: "/a folder" });
    return Object.fromEntries(ini.sections.map((section) => [section, Object.fromEntries(options(ini, section, names))]));
  } catch (error) {
    if (!(error instanceof IniError)) throw error;
    return error.kind === "ParsingError" ? `${error.kind} ${error.line}` : error.kind;
  }
}

function options(ini: ReturnType<typeof readIni>, section: string, names: readonly string[]) {
  const result: [string, string | { error: string }][] = [];
  for (const name of new Set([...ini.ownOptions(section), ...names])) {
    try {
      const value = ini.get(section, name);
      if (value !== undefined) result.push([name, value]);
    } catch (error) {
      if (!(error instanceof IniError)) throw error;
      result.push([name, { error: error.kind }]);
    }
  }
  return result;
}

/** As text, names in order: a section may be called `constructor`. */
const sorted = (answer: Answer) =>
  JSON.stringify(
    answer,
    (_, value) =>
      typeof value === "object" ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
    1,
  );

describe("like Python's ConfigParser", () => {
  test("on every file that is made of its marks", () => {
    const name = fc.constantFrom("a", "b", "A b", "here", "É", "__proto__", "constructor", "x y");
    const value = fc
      .array(
        fc.constantFrom(
          "v",
          " ",
          "%",
          "%%",
          "%(a)s",
          "%(b)s",
          "%(A B)s",
          "%(here)s/x",
          "%(nope)s",
          "%(",
          "#",
          ";",
          " ; c",
          "=",
          ":",
          "]",
          "\u00a0",
          "\u0085",
          "\ufeff",
          "é\u2028",
        ),
        { maxLength: 4 },
      )
      .map((parts) => parts.join(""));
    const indent = fc.constantFrom("", "", "", " ", "  ", "\t", "\u00a0", "\u001f");
    const line = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.tuple(name, fc.constantFrom("=", ":", " = ", "\t:\u00a0", "  ="), value).map((parts) => parts.join("")),
      },
      { weight: 3, arbitrary: name.map((section) => `[${section}]`) },
      { weight: 1, arbitrary: fc.constantFrom("[DEFAULT]", "[DEFAULT] tail", "[]", "[a", "[ a ]") },
      { weight: 2, arbitrary: value },
      { weight: 2, arbitrary: fc.constantFrom("", "", " ", "# comment", "; comment = x", "#") },
      { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 8 }) },
    );
    const file = fc
      .tuple(
        fc.constantFrom("", "[a]", "[DEFAULT]\na=1\n[b]", "\ufeff[a]"),
        fc.array(fc.tuple(indent, line, fc.constantFrom("\n", "\n", "\r\n", "\r")), { maxLength: 12 }),
      )
      .map(([start, lines]) => start + (start && "\n") + lines.map((parts) => parts.join("")).join(""));
    const sources = fc.sample(file, 2_000);
    const answers = askPython(sources);
    expect(answers.filter((answer) => typeof answer !== "string").length).toBeGreaterThan(300);
    const wrong = sources
      .map((source, index) => ({ source, ours: sorted(ask(source, answers[index]!)), python: sorted(answers[index]!) }))
      .filter(({ ours, python }) => ours !== python);
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  test.each([
    ["a value over several lines, with comments and blank lines in it", "[a]\nx =\n  one\n  # no\n\n  two\n\ny = 1"],
    ["an inline comment belongs to the value", "[a]\nx = os  # default: use os.pathsep\ny = 1 ; c"],
    ["names without case, sections with it", "[A]\nXy = 1\n[a]\nxY = 2"],
    [
      "a section inherits, and DEFAULT may stand anywhere",
      "[a]\nx = %(base)s/a\n[DEFAULT]\nbase = b\n[c]\nbase = d\nx = %(base)s",
    ],
    ["DEFAULT may override here", "[DEFAULT]\nhere = else\n[a]\nx = %(here)s"],
    ["the first delimiter counts", "[a]\nurl = postgresql://u:p@h/d?x=1\nx: a = b"],
    [
      "ten steps of reference, and eleven",
      `[a]\n${Array.from({ length: 12 }, (_, i) => `x${i} = %(x${i + 1})s`).join("\n")}\nx12 = end`,
    ],
    ["old Macintosh line ends", "[a]\rx = 1\ry = 2"],
    ["an indented section", " [a]\n  x = 1\n  y = 2\n [b]\n x = 1"],
  ])("%s", (_, source) => {
    const answer = askPython([source])[0]!;
    expect(typeof answer).toBe("object");
    expect(sorted(ask(source, answer))).toBe(sorted(answer));
  });
});

/** Kind, line and sentence of the error that reading the file, or one option of it, gives. */
const failure = (source: string, read?: [string, string]) => {
  try {
    const ini = readIni(source);
    if (read) ini.get(...read);
  } catch (error) {
    return error instanceof IniError ? [error.kind, error.line, error.message] : error;
  }
  return undefined;
};

describe("errors say what is wrong, and where", () => {
  test.each([
    ["x = 1", "MissingSectionHeaderError", 1, "before the first [section]"],
    ["\ufeff[a]", "MissingSectionHeaderError", 1, "byte order mark"],
    ["[a]\n[b]\n\n[a]", "DuplicateSectionError", 4, "[a] is there already, in line 1"],
    ["[a]\nx=1\nX=2", "DuplicateOptionError", 3, "x is there already, in line 2"],
    ["[a]\nx=1\nnonsense", "ParsingError", 3, "neither"],
    ["[a]\n=1", "ParsingError", 2, "no name"],
  ])("%j", (source, kind, line, words) => {
    expect(failure(source)).toEqual([kind, line, expect.stringContaining(words)]);
  });

  test.each([
    ["50%", "InterpolationSyntaxError", "written %%"],
    ["%(nope)s", "InterpolationMissingOptionError", "%(nope)s"],
    ["%(x)s", "InterpolationDepthError", "itself"],
  ])("x = %s", (value, kind, words) => {
    expect(failure(`[a]\ny = 1\nx = ${value}`, ["a", "x"])).toEqual([kind, 3, expect.stringContaining(words)]);
  });

  test("a value that multiplies itself is given up at once", () => {
    const source = `[a]\n${Array.from({ length: 9 }, (_, i) => `x${i} = ${`%(x${i + 1})s`.repeat(100)}`).join("\n")}\nx9 = end`;
    expect(failure(source, ["a", "x0"])).toEqual(["InterpolationDepthError", 2, expect.anything()]);
  });
});

test("lines of options and sections", () => {
  const ini = readIni("[DEFAULT]\nd = 1\n[a]\n\nx = 1\n", { here: "/" });
  expect([
    ini.line("a"),
    ini.line("a", "X"),
    ini.line("a", "d"),
    ini.line("a", "here"),
    ini.line("b"),
    ini.line("b", "x"),
  ]).toEqual([3, 5, 2, undefined, undefined, undefined]);
  expect([ini.sections, ini.ownOptions("a"), ini.get("b", "d")]).toEqual([["a"], ["x"], undefined]);
});
