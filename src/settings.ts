/**
 * The settings: ONE table for command line flags, action inputs and the settings file.
 * Precedence: flag > action input > alembic-gate.toml or [tool.alembic-gate] nearest above the configuration > default.
 */
import path from "node:path/posix";
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { parse as parseToml, TomlError } from "smol-toml";
import { Failure } from "./failure.ts";
import type { Tree } from "./project/tree.ts";
import { block, code, listOf, text, type Text } from "./text.ts";

export interface Option {
  kind: "text" | "list" | "flag" | "number" | "choice" | "slice";
  choices?: readonly string[];
  /** What the value is called in the help: `FILE.sql`. */
  value?: string;
  help: string;
  /** Only for the command line and the action: it makes no sense in a file of the project. */
  perRun?: boolean;
  /** Only for the command line: the action writes to the places that GitHub has. */
  atDesk?: boolean;
  /** Only for the action. */
  onGitHub?: boolean;
}

/** Every setting. action.yml lists the same names but those of the desk; a test compares them. */
export const OPTIONS = {
  directory: {
    kind: "text",
    value: "DIRECTORY",
    help: "folder to check; the repository around it is found by itself",
    perRun: true,
  },
  base: {
    kind: "text",
    value: "REF",
    help: "what to compare with; found from the event or the remote's default branch",
    perRun: true,
  },
  config: { kind: "list", value: "alembic.ini", help: "Alembic configurations; all in the folder when not given" },
  name: { kind: "list", value: "SECTION", help: "sections of the ini, as alembic --name" },
  "config-factory": {
    kind: "text",
    value: "MODULE:FUNCTION",
    help: "function that builds Alembic's Config, where there is no alembic.ini; config is then the folder of env.py",
  },
  x: { kind: "list", value: "KEY=VALUE", help: "arguments for env.py, as alembic -x" },
  "allow-hosts": {
    kind: "list",
    value: "HOST:PORT",
    help: "other machines that the project's code may reach while it runs, such as a service container; without a port, all of their ports",
  },
  static: { kind: "flag", help: "run no project code: the graph and the history alone", perRun: true },
  only: {
    kind: "list",
    choices: ["graph", "history", "run", "data", "drift", "setup"],
    value: "FAMILY",
    help: "only rules of these families",
    perRun: true,
  },
  scope: {
    kind: "choice",
    choices: ["changed", "all"],
    help: "all: judge every revision as if the pull request had added it",
    perRun: true,
  },
  python: { kind: "text", value: "PATH", help: "interpreter that imports the project" },
  postgres: { kind: "text", value: "auto|installed|embedded|URL", help: "where the throwaway Postgres comes from", perRun: true },
  "postgres-version": { kind: "number", value: "MAJOR", help: "major version that production runs" },
  "setup-sql": { kind: "list", value: "FILE.sql", help: "SQL files that run first: extensions, roles, schemas" },
  baseline: {
    kind: "text",
    value: "FILE.sql|models",
    help: "schema that the revisions start from, where that is not an empty database; models: the tables of the base branch's models",
  },
  "baseline-revision": { kind: "text", value: "REVISION", help: "revision at which the baseline stands" },
  seed: {
    kind: "text",
    value: "FILE.sql|COMMAND",
    help: "rows for a database of the base branch: a file of SQL, or a command that finds the database in DATABASE_URL and PGHOST …",
  },
  timeout: { kind: "number", value: "SECONDS", help: "how long a migration may stand still (120)" },
  slice: {
    kind: "slice",
    value: "K/N",
    help: "of a long history only this part, 1/N being the newest; `alembic-gate plan` says which there are",
    perRun: true,
  },
  "slice-revisions": {
    kind: "number",
    value: "N",
    help: "how many revisions `alembic-gate plan` gives to one slice (500)",
  },
  downgrades: {
    kind: "choice",
    choices: ["required", "optional"],
    help: "optional: a team that never goes back gets notices only",
  },
  "expected-heads": { kind: "number", value: "N", help: "how many heads are meant" },
  released: {
    kind: "choice",
    choices: ["base", "tags"],
    help: "tags: a revision that no tag contains may still be changed",
  },
  "allow-label": {
    kind: "text",
    value: "LABEL",
    help: "label of pull requests that may change applied revisions (migration-history-allowed)",
  },
  "fail-on": { kind: "choice", choices: ["error", "warning", "never"], help: "which findings make the job fail", perRun: true },
  comment: {
    kind: "choice",
    choices: ["auto", "always", "never"],
    help: "the comment on the pull request: auto, when there is something to say",
    perRun: true,
    onGitHub: true,
  },
  recheck: {
    kind: "flag",
    help: "on a push: tell the open pull requests that have two heads by it",
    perRun: true,
    onGitHub: true,
  },
  format: {
    kind: "choice",
    choices: ["text", "unix", "json", "markdown", "sarif", "gitlab", "junit", "html"],
    help: "what the command line prints",
    perRun: true,
    atDesk: true,
  },
  output: {
    kind: "text",
    value: "FILE",
    help: "write the report there too, in the format that is asked for",
    perRun: true,
    atDesk: true,
  },
} as const satisfies Record<string, Option>;

type Name = keyof typeof OPTIONS;

const isName = (name: string): name is Name => Object.hasOwn(OPTIONS, name);

/** The names of those options that are for a place. */
const namesFor = (fits: (option: Option) => boolean): string[] =>
  Object.entries<Option>(OPTIONS).flatMap(([name, option]) => (fits(option) ? [name] : []));

/** An ignore from the settings file. */
export interface Ignore {
  rule: string;
  revision?: string;
  reason: string;
  /** Where it stands. */
  file: string;
  line?: number;
}

/** Values that were given somewhere, checked, under their own names. */
export type Given = Partial<Record<Name, string | number | boolean | string[]>> & { ignore?: Ignore[] };

export interface Settings {
  directory: string;
  base?: string;
  config: string[];
  name: string[];
  configFactory?: string;
  x: string[];
  allowHosts: string[];
  static: boolean;
  only: string[];
  scope: "changed" | "all";
  python?: string;
  postgres: string;
  postgresVersion?: number;
  setupSql: string[];
  baseline?: string;
  baselineRevision?: string;
  /** A file, or a command. */
  seed?: string;
  /** Seconds. */
  timeout: number;
  /** `2/4`: the second newest of four parts of the history. */
  slice?: string;
  sliceRevisions: number;
  downgrades: "required" | "optional";
  expectedHeads?: number;
  /** Which revisions of the base branch count as applied: all of them, or those that a tag contains. */
  released: "base" | "tags";
  /** Name of the label that allows what a pull request does to applied revisions. */
  allowLabel: string;
  failOn: "error" | "warning" | "never";
  comment: (typeof OPTIONS.comment.choices)[number];
  recheck: boolean;
  format: (typeof OPTIONS.format.choices)[number];
  output?: string;
  ignore: Ignore[];
}

const DEFAULTS: Settings = {
  directory: ".",
  config: [],
  name: [],
  x: [],
  allowHosts: [],
  static: false,
  only: [],
  scope: "changed",
  postgres: "auto",
  setupSql: [],
  timeout: 120,
  sliceRevisions: 500,
  downgrades: "required",
  released: "base",
  allowLabel: "migration-history-allowed",
  failOn: "error",
  comment: "auto",
  recheck: false,
  format: "text",
  ignore: [],
};

/** Lays settings over each other, strongest first. */
export function layer(...layers: Given[]): Settings {
  const settings = structuredClone(DEFAULTS) as unknown as Record<string, unknown>;
  for (const layer of [...layers].reverse())
    for (const [name, value] of Object.entries(layer))
      settings[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())] = value;
  return settings as unknown as Settings;
}

interface Where {
  /** How the reader knows the setting: `--only`. */
  label: Text;
  file?: string;
  line?: number;
}

/** Checks one value from wherever it came, and converts strings. An empty string is unset: undefined. */
function check(name: Name, raw: unknown, { label, ...place }: Where): Given[Name] {
  const option: Option = OPTIONS[name];
  const shown = code(typeof raw === "string" ? raw : JSON.stringify(raw));
  const { choices, kind, help } = option;
  const allowed = choices
    ? text`Allowed: ${listOf(choices, 20)}.`
    : kind === "flag"
      ? text`Allowed: ${listOf(["true", "false"])}.`
      : text`What it means: ${help}.`;
  const wrong = (what: Text) => new Failure(2, text`${label}: ${what}.`, allowed, place);
  if (raw === "" && kind !== "list") return undefined;
  if (kind === "flag") {
    if (raw === true || raw === "true") return true;
    if (raw === false || raw === "false") return false;
    throw wrong(text`${shown} is neither true nor false`);
  }
  if (kind === "number") {
    const number = typeof raw === "number" ? raw : typeof raw === "string" && /^\d+$/.test(raw.trim()) ? Number(raw) : Number.NaN;
    if (!Number.isSafeInteger(number) || number <= 0) throw wrong(text`${shown} is not a whole number above zero`);
    return number;
  }
  if (kind === "slice") {
    const [, number, of] = /^\s*(\d{1,4})\/(\d{1,4})\s*$/.exec(String(raw)) ?? [];
    if (!(Number(number) > 0) || !(Number(number) <= Number(of))) throw wrong(text`${shown} is not like ${code("2/4")}`);
    return `${Number(number)}/${Number(of)}`;
  }
  if (kind === "list") {
    const values: unknown[] | undefined = Array.isArray(raw) ? raw : typeof raw === "string" ? raw.split("\n") : undefined;
    if (!values?.every((value) => typeof value === "string")) throw wrong(text`${shown} is not a list of texts`);
    const items = values.flatMap((value) => (choices ? value.split(",") : [value])).map((value) => value.trim());
    const list = items.filter((value) => value !== "");
    const unknown = choices && list.find((value) => !choices.includes(value));
    if (unknown !== undefined) throw wrong(text`${code(unknown)} is not known`);
    return list;
  }
  if (typeof raw !== "string") throw wrong(text`${shown} is not a text`);
  if (choices && !choices.includes(raw)) throw wrong(text`${shown} is not known`);
  return raw;
}

/** Which slice of the history is asked for, if one is; 1-based, the newest first. */
export function sliceAsked({ slice }: Pick<Settings, "slice">): { number: number; of: number } | undefined {
  if (slice === undefined) return undefined;
  const [number, of] = slice.split("/").map(Number);
  return { number: number!, of: of! };
}

/** The name in `names` that is nearest to a misspelt one, if any is near. */
function nearest(wanted: string, names: readonly string[]): string | undefined {
  const distance = (a: string, b: string) => {
    let row = Array.from({ length: b.length + 1 }, (_, index) => index);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++)
        next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      row = next;
    }
    return row[b.length]!;
  };
  const [best] = names.map((name) => ({ name, far: distance(wanted, name) })).sort((a, b) => a.far - b.far);
  return best && best.far <= Math.min(2, wanted.length / 2) ? best.name : undefined;
}

/** The help for a misspelt name: the nearest one, or all. */
export const didYouMean = (wanted: string, names: readonly string[], dashes = ""): Text => {
  const near = nearest(wanted, names);
  return near
    ? text`Did you mean ${code(dashes + near)}?`
    : text`Known: ${listOf(
        names.map((name) => dashes + name),
        40,
      )}.`;
};

/** What a first argument may be beside a folder; `./fix` is a folder. */
const COMMANDS = ["check", "fix", "init", "rules", "explain", "hook"] as const;

export type Command = (typeof COMMANDS)[number] | "help" | "version";

/**
 * Flags of `alembic-gate fix` alone: to write, instead of showing the difference; to merge, instead of re-parenting. `init` has the
 * first as well: to write over what is there.
 */
const FIX_FLAGS = ["yes", "merge"] as const;

/**
 * Reads the arguments of the command line, without `node` and the script.
 *
 * @returns what was given, and which command
 * @throws Failure (exit code 2) for an unknown flag or a bad value
 */
export function readArguments(argv: readonly string[]): {
  command: Command;
  given: Given;
  fix: Record<(typeof FIX_FLAGS)[number], boolean>;
  /** The rule that is to be explained. */
  rule?: string;
  /** The files that a hook was given. */
  files?: string[];
} {
  const flags = Object.entries<Option>(OPTIONS).filter(([name, { onGitHub }]) => name !== "directory" && !onGitHub);
  const options: ParseArgsOptionsConfig = { help: { type: "boolean", short: "h" }, version: { type: "boolean", short: "V" } };
  for (const [name, { kind }] of flags)
    options[name] = {
      type: kind === "flag" ? "boolean" : "string",
      multiple: kind === "list",
      ...(name === "x" ? { short: "x" } : {}),
    };
  const first = argv.find((argument) => !argument.startsWith("-"));
  const named = COMMANDS.find((name) => name === first);
  const own = named === "fix" ? FIX_FLAGS : named === "init" ? (["yes"] as const) : [];
  for (const name of own) options[name] = { type: "boolean" };
  const known = Object.keys(options);
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const given: Given = {};
  const positionals: string[] = [];
  let command: Command = named ?? "check";
  const fix = { yes: false, merge: false };
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    if (!known.includes(token.name))
      throw new Failure(2, text`There is no flag ${code(token.rawName)}.`, didYouMean(token.name, known, "--"));
    if (token.name === "help" || token.name === "version") {
      command = token.name;
      continue;
    }
    if (token.name === "yes" || token.name === "merge") {
      fix[token.name] = true;
      continue;
    }
    const name = token.name as Name;
    const { kind, help } = OPTIONS[name] as Option;
    // `--config --static`: the value was forgotten. One that begins with a dash is written `--config=-odd.ini`.
    const forgotten = !token.value || (!token.inlineValue && token.value.startsWith("-"));
    if (kind !== "flag" && forgotten)
      throw new Failure(2, text`${code(token.rawName)} needs a value.`, text`What it means: ${help}.`);
    if (kind === "flag" && token.value !== undefined)
      throw new Failure(2, text`${code(token.rawName)} takes no value.`, text`Leave ${code(`=${token.value}`)} out.`);
    const value = check(name, token.value ?? true, { label: text`${code(token.rawName)}` });
    given[name] = kind === "list" ? [...((given[name] as string[]) ?? []), ...(value as string[])] : value;
  }
  if (named) positionals.shift();
  if (named === "hook") return { command, given, fix, files: positionals };
  if (named === "explain") return { command, given, fix, ...(positionals[0] !== undefined && { rule: positionals[0] }) };
  if (positionals.length > 1)
    throw new Failure(
      2,
      text`One folder at a time, not ${listOf(positionals)}.`,
      text`Several configurations in one folder are named with ${code("--config")}.`,
    );
  if (positionals[0] !== undefined) given.directory = positionals[0];
  return { command, given, fix };
}

/** Inputs that carry what the runner knows; nobody sets them but for the token. */
const RUNNERS = new Set(["token", "check-run-id"]);

/**
 * Reads the inputs of the action from INPUT_* variables; an empty one is unset.
 *
 * @throws Failure (exit code 2) for a bad value or an input that does not exist
 */
export function readInputs(env: NodeJS.ProcessEnv): Given {
  const given: Given = {};
  const inputs = namesFor(({ atDesk }) => !atDesk);
  for (const [variable, raw] of Object.entries(env)) {
    if (!variable.startsWith("INPUT_") || !raw?.trim()) continue;
    const name = variable.slice("INPUT_".length).toLowerCase();
    if (RUNNERS.has(name)) continue;
    if (!isName(name) || !inputs.includes(name))
      throw new Failure(2, text`There is no input ${code(name)}.`, didYouMean(name, inputs));
    given[name] = check(name, raw.trim(), { label: text`The input ${code(name)}` });
  }
  return given;
}

/** Names of the files that may hold settings, the stronger first. */
const SETTINGS_FILES = ["alembic-gate.toml", "pyproject.toml"] as const;

/**
 * Reads the settings file nearest above a folder of the tree.
 *
 * @param folder relative to the tree's root, `/`-separated, "" for the root
 * @throws Failure (exit code 2) for broken TOML, an unknown name or a bad value
 */
export async function readSettingsFile(tree: Tree, folder: string): Promise<{ given: Given; file?: string }> {
  for (let at = folder; ; at = path.dirname(at)) {
    if (at === ".") at = "";
    for (const name of SETTINGS_FILES) {
      const file = path.join(at, name);
      const bytes = await tree.read(file);
      if (!bytes) continue;
      const source = new TextDecoder().decode(bytes);
      const table = tableOf(source, file);
      if (table) return { given: checkTable(table, file, source), file };
    }
    if (at === "") return { given: {} };
  }
}

/** The table of settings in a TOML file; undefined where a pyproject.toml has none. */
function tableOf(source: string, file: string): Record<string, unknown> | undefined {
  const isPyproject = path.basename(file) === "pyproject.toml";
  if (isPyproject && !source.includes("alembic-gate")) return undefined;
  try {
    const document = parseToml(source) as Record<string, unknown>;
    if (!isPyproject) return document;
    const table = isTable(document.tool) ? document.tool["alembic-gate"] : undefined;
    if (table === undefined || isTable(table)) return table;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n", 1)[0]!;
    throw new Failure(2, text`${code(file)} is not TOML: ${reason}.`, text`Mend line ${error.line}.`, { file, line: error.line });
  }
  const help = text`Write the settings below ${code("[tool.alembic-gate]")}.`;
  throw new Failure(2, text`${code("tool.alembic-gate")} in ${code(file)} is not a table.`, help, { file });
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);

function checkTable(table: Record<string, unknown>, file: string, source: string): Given {
  const given: Given = {};
  const names = namesFor(({ perRun }) => !perRun);
  for (const [name, raw] of Object.entries(table)) {
    const place = { file, ...lineOf(source, name) };
    if (name === "ignore") {
      given.ignore = checkIgnores(raw, place, source);
    } else if (!isName(name)) {
      const help =
        isTable(raw) && name === "tool"
          ? text`Only pyproject.toml has tables of tools: here, leave the line ${code("[tool.alembic-gate]")} out.`
          : didYouMean(name, [...names, "ignore"]);
      throw new Failure(2, text`There is no setting ${code(name)} (${code(file)}).`, help, place);
    } else if (!names.includes(name)) {
      const sentence = text`${code(name)} cannot be set in ${code(file)}: it belongs to a single run.`;
      const { atDesk, onGitHub } = OPTIONS[name] as Option;
      const flag = name === "directory" ? text`an argument` : text`${code(`--${name}`)}`;
      const ways = [...(onGitHub ? [] : [flag]), ...(atDesk ? [] : [text`an input of the action`])];
      throw new Failure(
        2,
        sentence,
        text`Give it as ${ways.flatMap((way, index) => (index === 0 ? way : text` or as ${way}`))}.`,
        place,
      );
    } else {
      const value = check(name, raw, { label: text`${code(name)} in ${code(file)}`, ...place });
      if (value !== undefined) given[name] = value;
    }
  }
  return given;
}

/** The line on which a name is set or its table begins, where that is written plainly. */
function lineOf(source: string, name: string): { line?: number } {
  const lines = source.split("\n");
  const begin = Math.max(
    0,
    lines.findIndex((line) => line.includes("tool.alembic-gate")),
  );
  const nameIn = (line: string) =>
    /^[\s[]*([^=\]]*)/
      .exec(line)![1]!
      .replace(/^tool\.alembic-gate\./, "")
      .replaceAll(/["'\s]/g, "");
  const line = lines.findIndex((line, index) => index >= begin && nameIn(line) === name);
  return line === -1 ? {} : { line: line + 1 };
}

function checkIgnores(raw: unknown, whole: { file: string; line?: number }, source: string): Ignore[] {
  const table = path.basename(whole.file) === "pyproject.toml" ? "tool.alembic-gate.ignore" : "ignore";
  const example = block(
    `[[${table}]]\nrule = "leftover-after-downgrade"\nrevision = "3f2a1b"\nreason = "the type is shared with another service"`,
    "toml",
  );
  const bad = (what: Text, place = whole) => new Failure(2, what, text`For example: ${example}`, place);
  const file = code(whole.file);
  const entries = Array.isArray(raw) && raw.every(isTable) ? raw : undefined;
  if (!entries) throw bad(text`${code("ignore")} in ${file} is not a list of tables.`);
  const headers = source.split("\n").flatMap((line, index) => (/^\s*\[\[.*\bignore["'\s]*\]\]/.test(line) ? [index + 1] : []));
  return entries.map((entry, index) => {
    const place = headers.length === entries.length ? { ...whole, line: headers[index]! } : whole;
    const { rule, revision, reason, ...rest } = entry;
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined)
      throw bad(
        text`An ${code("ignore")} in ${file} has no ${code(unknown)}: it has a rule, a reason and, if wanted, a revision.`,
        place,
      );
    const given =
      typeof rule === "string" &&
      typeof reason === "string" &&
      reason.trim() !== "" &&
      (revision === undefined || typeof revision === "string");
    if (!given) throw bad(text`Each ${code("ignore")} in ${file} needs a rule and a reason.`, place);
    return { rule, reason, ...(revision !== undefined && { revision }), ...place };
  });
}

/** The help of the command line. */
export function usage(version: string): string {
  const rows = Object.entries<Option>(OPTIONS).flatMap(([name, { kind, choices, value, help, onGitHub }]) =>
    name === "directory" || onGitHub
      ? []
      : [
          [
            `--${name}${kind === "flag" ? "" : ` ${value ?? choices?.join("|")}`}`,
            `${help}${kind === "list" ? " (may be repeated)" : ""}`,
          ],
        ],
  );
  const width = Math.max(...rows.map(([flag]) => flag!.length));
  return `alembic-gate ${version}: runs the Alembic migrations of a pull request on a throwaway Postgres, and judges them.

Usage: alembic-gate [check] [DIRECTORY] [options]
       alembic-gate fix [DIRECTORY] [--merge] [--yes]     mends two heads; shows the difference first
       alembic-gate init [DIRECTORY] [--yes]              writes the workflow, and judges the newest revisions as an example
       alembic-gate rules                                 lists the rules
       alembic-gate hook FILE…                            judges the environments of these files, statically: for pre-commit
       alembic-gate explain RULE                          what a rule says, why it hurts, and what to do
       alembic-gate plan [DIRECTORY] [options]            environments and slices as a job matrix; --postgres-version as often as wanted
       alembic-gate report --merge FILE.json …            one verdict of the reports of several jobs
       alembic-gate report --from FILE.json               posts the comment for a fork's pull request, from a workflow_run job

${rows.map(([flag, help]) => `  ${flag!.padEnd(width)}  ${help}`).join("\n")}
  ${"-h, --help".padEnd(width)}  this text
  ${"-V, --version".padEnd(width)}  the version

Exit status: 0 passed · 1 findings block, or the project cannot run · 2 wrong use · 3 the gate could not do its work
`;
}
