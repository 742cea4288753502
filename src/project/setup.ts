/** How a project is installed, told from its files: package manager, Python version, extensions of the database. Nothing is run. */
import path from "node:path/posix";
import type { Revision } from "./revision.ts";
import { byDepth, upwards } from "./location.ts";
import { shellWord } from "./quoting.ts";
import type { Tree } from "./tree.ts";

export interface Installation {
  manager: "uv" | "poetry" | "pdm" | "pipenv" | "pip";
  /** Where its file lies and its commands are run, relative to the root; "" is the root. */
  folder: string;
  /** The file that says so, relative to the root. */
  file?: string;
  /** Shell commands: what brings the manager, and what installs the project. */
  commands: string[];
}

const text = async (tree: Tree, file: string): Promise<string | undefined> => {
  const bytes = await tree.read(file);
  return bytes && new TextDecoder().decode(bytes);
};

/** The managers by the files that only they have. */
const LOCKS = [
  { file: "uv.lock", manager: "uv", commands: ["pipx install uv", "uv sync --frozen"] },
  { file: "poetry.lock", manager: "poetry", commands: ["pipx install poetry", "poetry install --no-interaction"] },
  { file: "pdm.lock", manager: "pdm", commands: ["pipx install pdm", "pdm sync"] },
  { file: "Pipfile.lock", manager: "pipenv", commands: ["pipx install pipenv", "pipenv sync --dev"] },
  { file: "Pipfile", manager: "pipenv", commands: ["pipx install pipenv", "pipenv install --dev"] },
] as const;

/** The same without a lock file: their tables in pyproject.toml. */
const TABLES = [
  { table: /^\[tool\.uv[\].]/m, manager: "uv", commands: ["pipx install uv", "uv sync"] },
  { table: /^\[tool\.poetry[\].]/m, manager: "poetry", commands: ["pipx install poetry", "poetry install --no-interaction"] },
  { table: /^\[tool\.pdm[\].]/m, manager: "pdm", commands: ["pipx install pdm", "pdm install"] },
] as const;

const NAMES_ALEMBIC = /^\s*["']?(alembic|flask[-_]migrate)\b/im;

/** How the packages of an environment get installed, from its folder upwards: lock files before requirements, those before a mere project. */
export async function installationOf(tree: Tree, directory: string): Promise<Installation> {
  const folders = upwards(directory);
  for (const folder of folders)
    for (const { file, manager, commands } of LOCKS) {
      const place = path.join(folder, file);
      if (await tree.read(place)) return { manager, folder, file: place, commands: [...commands] };
    }
  const requirements = await requirementsOf(tree, folders);
  for (const folder of folders) {
    const place = path.join(folder, "pyproject.toml");
    const project = await text(tree, place);
    const table = project !== undefined && TABLES.find((one) => one.table.test(project));
    if (table) return { manager: table.manager, folder, file: place, commands: [...table.commands] };
  }
  if (requirements) return requirements;
  for (const folder of folders)
    for (const file of ["pyproject.toml", "setup.py", "setup.cfg"]) {
      const place = path.join(folder, file);
      const found = await text(tree, place);
      if (found !== undefined && (file !== "pyproject.toml" || /^\[project\]/m.test(found)))
        return { manager: "pip", folder, file: place, commands: ["python -m pip install -e ."] };
    }
  return { manager: "pip", folder: directory, commands: ["python -m pip install alembic sqlalchemy psycopg2-binary"] };
}

/** The requirements that name Alembic, from the nearest folder; else requirements.txt, which may include others that do. */
async function requirementsOf(tree: Tree, folders: readonly string[]): Promise<Installation | undefined> {
  let usual: Installation | undefined;
  for (const folder of folders) {
    const prefix = folder === "" ? "" : `${folder}/`;
    const files = (await tree.list(folder)).filter((file) =>
      /^(requirements[^/]*\.txt|requirements\/[^/]+\.txt)$/.test(file.slice(prefix.length)),
    );
    const inOrder = files.sort((a, b) => rank(a.slice(prefix.length)) - rank(b.slice(prefix.length)) || (a < b ? -1 : 1));
    for (const file of inOrder) {
      const words = shellWord(file.slice(prefix.length));
      const found: Installation = { manager: "pip", folder, file, commands: [`python -m pip install -r ${words}`] };
      if (NAMES_ALEMBIC.test((await text(tree, file)) ?? "")) return found;
      if (file === `${prefix}requirements.txt`) usual ??= found;
    }
  }
  return usual;
}

/** Requirements of production before those of development and of tests. */
const rank = (file: string): number =>
  file === "requirements.txt" ? 0 : /prod|base|main|default/.test(file) ? 1 : /dev|test|lint|doc|format|check/.test(file) ? 3 : 2;

export interface PythonVersion {
  /** `3.12`. */
  version: string;
  /** The file that says so; absent where none does. */
  file?: string;
}

const VERSION = /\b(3\.\d{1,2})\b/;

/** Where a project says which Python it runs on, and how it says it there; the most binding first. */
const SAYINGS: readonly { file: string; pattern: RegExp }[] = [
  { file: ".python-version", pattern: /^\s*(?:cpython-)?(3\.\d{1,2})/m },
  { file: ".tool-versions", pattern: /^python\s+(3\.\d{1,2})/m },
  { file: "runtime.txt", pattern: /^python-(3\.\d{1,2})/m },
  { file: "Pipfile", pattern: /^python(?:_full)?_version\s*=\s*["'](3\.\d{1,2})/m },
  { file: "Dockerfile", pattern: /^FROM\s+(?:\S+\/)?python:(3\.\d{1,2})/im },
  { file: "pyproject.toml", pattern: /^(?:requires-python|python)\s*=\s*["'][^"'\d]*(3\.\d{1,2})/m },
];

/**
 * Which Python the project runs on.
 *
 * @param running the version of the interpreter that was found, if one was: better than a mere lower bound
 */
export async function pythonOf(tree: Tree, directory: string, running?: string): Promise<PythonVersion> {
  for (const { file, pattern } of SAYINGS) {
    if (file === "pyproject.toml" && running !== undefined) break;
    for (const folder of upwards(directory)) {
      const place = path.join(folder, file);
      const version = pattern.exec((await text(tree, place)) ?? "")?.[1];
      if (version !== undefined) return { version, file: place };
    }
  }
  return { version: VERSION.exec(running ?? "")?.[1] ?? "3.13" };
}

/** The extensions that revisions create or that their columns need, in the order of their names. */
export function extensionsOf(revisions: Iterable<Pick<Revision, "source">>): string[] {
  const found = new Set<string>();
  for (const { source } of revisions) {
    for (const match of source.matchAll(/CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?\\?["']?([\w-]+)/gi)) found.add(match[1]!);
    if (/^\s*(?:import|from)\s+geoalchemy2\b/m.test(source)) found.add("postgis");
    if (/^\s*(?:import|from)\s+pgvector\b/m.test(source)) found.add("vector");
  }
  return [...found].sort();
}

const EXAMPLE =
  /^(\.env\.(example|sample|template|dist|test|ci)|(example|sample|template|test|tests|dev)\.env|\.?env\.(example|sample|template)|\.env-(example|sample))$/;

/**
 * Variables with the values that the repository's own examples give them: `.env.example` and the like, of the nearest folder first,
 * and a folder of tests or of Docker's beside them.
 */
export async function exampleVariables(tree: Tree, directory: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const folders = upwards(directory).flatMap((folder) => [folder, ...["tests", "docker"].map((name) => path.join(folder, name))]);
  for (const folder of folders) {
    const prefix = folder === "" ? "" : `${folder}/`;
    const files = (await tree.list(folder)).filter((file) => EXAMPLE.test(file.slice(prefix.length)));
    for (const file of files.sort())
      for (const line of ((await text(tree, file)) ?? "").matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/gm))
        if (!found.has(line[1]!) && !line[2]!.includes("${{")) found.set(line[1]!, unquoted(line[2]!));
  }
  return found;
}

/** The value of a line of an env file: what is in quotes, or what stands before a remark. */
const unquoted = (value: string): string => /^(["'])(.*?)\1/.exec(value)?.[2] ?? value.replace(/\s+#.*$/, "");

/** Values that FLASK_APP may have: what the repository sets it to, then the factories that its modules define, the uppermost first. */
export async function flaskApps(tree: Tree, directory: string): Promise<string[]> {
  const files = await tree.list(directory);
  const prefix = directory === "" ? "" : `${directory}/`;
  const said: string[] = [];
  for (const file of files.filter((name) => /(^|\/)(\.flaskenv|Dockerfile[^/]*|Makefile|[^/]*compose[^/]*\.ya?ml)$/.test(name)))
    for (const match of ((await text(tree, file)) ?? "").matchAll(/\bFLASK_APP\s*[=: ]\s*["']?([\w./]+(?::\w+)?)/g))
      said.push(match[1]!);
  const modules = files
    .map((file) => file.slice(prefix.length))
    .filter((file) => /^[\w/]+\.py$/.test(file) && file.split("/").length <= 3 && !/(^|\/)(tests?|migrations)\//.test(file))
    .sort((a, b) => byDepth(a, b) || (a < b ? -1 : 1));
  const factories: string[] = [];
  for (const file of modules.slice(0, 300)) {
    const name = /^def ((?:create|make)_app)\(/m.exec((await text(tree, prefix + file)) ?? "")?.[1];
    if (name !== undefined) factories.push(`${file.replace(/(\/__init__)?\.py$/, "").replaceAll("/", ".")}:${name}`);
  }
  return [...new Set([...said, ...factories])].slice(0, 4);
}
