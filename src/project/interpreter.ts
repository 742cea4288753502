/** The Python that runs the project: the first that has Alembic. */
import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { Failure } from "../failure.ts";
import { block, code, text, type Text } from "../text.ts";
import { upwards } from "./location.ts";
import { projectEnvironment } from "./project-environment.ts";
import { shellWord, yamlText } from "./quoting.ts";

export interface Interpreter {
  /** Program and arguments that start it; what Python is to run comes behind. */
  command: string[];
  /** Of Python: `3.12.1`. */
  version: string;
  alembic: string;
  sqlalchemy: string;
  /** How it was found, for people: `backend/.venv`. */
  how: string;
}

export interface InterpreterSearch {
  /** Absolute root of the working tree. */
  root: string;
  /** Folder from which the migrations are run, relative to the root, with `/`. */
  directory: string;
  /** The interpreter that the settings name: a command, or a path of it or of its virtual environment. No other is tried then. */
  given?: string;
  env: NodeJS.ProcessEnv;
  /** Told of the first program that is there, before it is asked whether it has Alembic. */
  likely?: (program: string) => void;
}

/** Where an interpreter is, or why it is not; undefined where nothing says that there should be one. */
type Whereabouts = { program: string } | { reason: string } | undefined;

interface Candidate {
  how: string;
  find(): Promise<Whereabouts>;
}

/** One search per run and folder: every environment of a folder has the same interpreter. */
const found = new WeakMap<NodeJS.ProcessEnv, Map<string, Promise<Interpreter>>>();

/**
 * Finds the interpreter: the one given; else the first that has Alembic among the active virtual environment, those in the folder
 * and above it, those that the project's package manager keeps elsewhere, and the machine's own. Nothing is installed.
 * The same `env` object gets the same answer again.
 *
 * @throws Failure (exit code 1) that tells what was tried and how to install what is missing; 2 for a given one that does not do
 */
export function findInterpreter(search: InterpreterSearch): Promise<Interpreter> {
  const { root, directory, given, env } = search;
  const answers = found.get(env) ?? new Map<string, Promise<Interpreter>>();
  found.set(env, answers);
  const key = JSON.stringify([root, directory, given]);
  const answer = answers.get(key) ?? searchInterpreter(search);
  answers.set(key, answer);
  return answer;
}

async function searchInterpreter(search: InterpreterSearch): Promise<Interpreter> {
  const env = projectEnvironment(search.env);
  const cwd = path.join(search.root, search.directory);
  const tried: { how: string; reason: string }[] = [];
  const probed = new Set<string>();
  const candidates =
    search.given === undefined ? candidatesOf(search.root, search.directory, env) : [givenOne(search.given, search.root, cwd)];
  for (const { how, find } of candidates) {
    const place = await find();
    if (place === undefined) continue;
    if ("reason" in place) {
      tried.push({ how, ...place });
      continue;
    }
    const { program } = place;
    if (probed.has(program)) continue;
    if (probed.size === 0) search.likely?.(program);
    probed.add(program);
    const answer = await probe(program, cwd, env);
    if (!("reason" in answer)) return { command: [program], how, ...answer };
    tried.push({ how: how.includes(program) ? how : `${how} (${program})`, ...answer });
  }
  const log = block(tried.map(({ how, reason }) => `${how}: ${reason}`).join("\n"));
  if (search.given !== undefined)
    throw new Failure(
      2,
      text`The interpreter ${code(search.given)}, which ${code("python")} names, cannot be used.`,
      text`${log} It must have Alembic and SQLAlchemy installed.`,
    );
  const where = search.directory === "" ? text`the project` : text`${code(search.directory)}`;
  const help = text`Tried, in this order: ${log} ${await installation(search)}`;
  throw new Failure(1, text`No Python with Alembic was found for ${where}.`, help);
}

/** The program inside of a virtual environment, or of a conda environment. */
const programOf = (folder: string, isConda = false): string =>
  process.platform === "win32" ? path.join(folder, isConda ? "." : "Scripts", "python.exe") : path.join(folder, "bin", "python");

const isFile = (place: string): Promise<boolean> =>
  stat(place).then(
    (found) => found.isFile(),
    () => false,
  );

const isVirtualEnvironment = (folder: string): Promise<boolean> => isFile(path.join(folder, "pyvenv.cfg"));

function givenOne(given: string, root: string, cwd: string): Candidate {
  const find = async () => {
    // A path may be meant from the folder or from the root; without a slash it is a command, unless it is a virtual environment.
    for (const place of [path.resolve(cwd, given), path.resolve(root, given)]) {
      if (await isVirtualEnvironment(place)) return { program: programOf(place) };
      if (/[\\/]/.test(given) && (await isFile(place))) return { program: place };
    }
    return /[\\/]/.test(given) ? { reason: "there is no such file" } : { program: given };
  };
  return { how: "the setting python", find };
}

function candidatesOf(root: string, directory: string, env: NodeJS.ProcessEnv): Candidate[] {
  const folders = upwards(directory);
  const active = ["VIRTUAL_ENV", "CONDA_PREFIX"].flatMap((name): Candidate[] => {
    const folder = env[name];
    return folder
      ? [{ how: `the active ${name}`, find: async () => ({ program: programOf(folder, name === "CONDA_PREFIX") }) }]
      : [];
  });
  const beside = folders.flatMap((folder) =>
    [".venv", "venv", "env"].map((name): Candidate => {
      const place = path.join(root, folder, name);
      const find = async () => ((await isVirtualEnvironment(place)) ? { program: programOf(place) } : undefined);
      return { how: path.posix.join(folder, name), find };
    }),
  );
  const managed = MANAGERS.map((manager): Candidate => ({
    how: manager.how,
    find: () => managedProgram(manager, root, folders, env),
  }));
  const installed = ["python3", "python"].map((program): Candidate => ({
    how: `${program} on PATH`,
    find: async () => ({ program }),
  }));
  return [...active, ...beside, ...managed, ...installed];
}

/** A package manager that may keep the project's virtual environment in a place of its own. */
interface Manager {
  how: string;
  /** The file that says that the project uses it. */
  lock: string;
  /** Prints the path of the interpreter and changes nothing. */
  ask: string[];
  /** Installs what the lock file says. */
  install: string;
  /** Steps of a workflow that bring the manager itself. */
  steps: string;
}

const MANAGERS: readonly Manager[] = [
  { how: "uv", lock: "uv.lock", ask: ["uv", "python", "find"], install: "uv sync", steps: "- uses: astral-sh/setup-uv@v7" },
  {
    how: "poetry",
    lock: "poetry.lock",
    ask: ["poetry", "env", "info", "--executable"],
    install: "poetry install",
    steps: "- run: pipx install poetry",
  },
  { how: "pdm", lock: "pdm.lock", ask: [], install: "pdm sync", steps: "- uses: pdm-project/setup-pdm@v4" },
  { how: "pipenv", lock: "Pipfile.lock", ask: ["pipenv", "--py"], install: "pipenv sync", steps: "- run: pipx install pipenv" },
];

/** No tool may download a Python, look for news, or prompt. */
const QUIET = {
  UV_PYTHON_DOWNLOADS: "never",
  UV_OFFLINE: "1",
  POETRY_NO_INTERACTION: "1",
  PIPENV_VERBOSITY: "-1",
  PIPENV_NOSPIN: "1",
  PIPENV_IGNORE_VIRTUALENVS: "1",
};

async function managedProgram(
  { lock, ask, how }: Manager,
  root: string,
  folders: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Whereabouts> {
  const folder = await firstWith(root, folders, lock);
  if (folder === undefined) return undefined;
  const cwd = path.join(root, folder);
  // `pdm info` may make a virtual environment; the file in which pdm notes its choice tells as much.
  const answer = ask.length === 0 ? await readChoice(path.join(cwd, ".pdm-python")) : await run(ask, cwd, { ...env, ...QUIET });
  if ("reason" in answer) return { reason: `${lock} is there, but ${how} names no interpreter: ${answer.reason}` };
  const program = lastLine(answer.output);
  return path.isAbsolute(program) ? { program } : { reason: `${lock} is there, but ${how} names no interpreter` };
}

const readChoice = (file: string): Promise<{ output: string } | { reason: string }> =>
  readFile(file, "utf8").then(
    (output) => ({ output }),
    () => ({ reason: `there is no ${path.basename(file)}` }),
  );

async function firstWith(root: string, folders: readonly string[], name: string): Promise<string | undefined> {
  for (const folder of folders) if (await isFile(path.join(root, folder, name))) return folder;
  return undefined;
}

const lastLine = (output: string): string => output.trimEnd().split(/\r?\n/).at(-1)!.trim();

/**
 * Tells the versions, read from the installed packages' metadata: importing them would take five times as long. The current folder
 * is left out of the search, or a project's own folder called alembic would be found. It must parse on Python 2, too.
 */
const PROBE = `
import json, sys
sys.path = [entry for entry in sys.path if entry]
def version(name):
    try:
        from importlib.metadata import version
        return version(name)
    except Exception:
        return __import__(name).__version__
answer = {"version": ".".join(str(part) for part in sys.version_info[:3])}
try:
    answer.update(alembic=version("alembic"), sqlalchemy=version("sqlalchemy"))
except Exception as error:
    answer["reason"] = "Python " + answer["version"] + ", " + type(error).__name__ + ": " + str(error)
print("\\n" + json.dumps(answer))
`;

async function probe(
  program: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<Pick<Interpreter, "version" | "alembic" | "sqlalchemy"> | { reason: string }> {
  const answer = await run([program, "-c", PROBE], cwd, env);
  if ("reason" in answer) return answer;
  try {
    const told = JSON.parse(lastLine(answer.output));
    if (typeof told.version === "string") return told;
  } catch {
    // Another program, which understands -c in its own way.
  }
  return { reason: "it is no Python" };
}

/** Runs a program for at most 30 seconds. */
function run(
  [program, ...args]: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ output: string } | { reason: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      program!,
      args,
      { cwd, env, timeout: 30_000, killSignal: "SIGKILL", windowsHide: true },
      (error, output, errors) => {
        if (!error) return resolve({ output });
        if (error.code === "ENOENT") return resolve({ reason: "there is no such program" });
        if (error.killed) return resolve({ reason: "it gave no answer within 30 seconds" });
        resolve({
          reason:
            lastLine(errors) ||
            (typeof error.code === "number" ? `it ended with exit code ${error.code}` : lastLine(error.message)),
        });
      },
    );
    child.stdin?.end();
  });
}

/** How the project's packages get installed, by what lies in its folder and above. */
async function installation({ root, directory, env }: InterpreterSearch): Promise<Text> {
  const folders = upwards(directory);
  const setupPython = '- uses: actions/setup-python@v6\n  with:\n    python-version: "3.x"';
  const ways = [
    ...MANAGERS,
    { lock: "requirements.txt", install: "python -m pip install -r requirements.txt", steps: setupPython },
    { lock: "pyproject.toml", install: "python -m pip install -e .", steps: setupPython },
    { lock: "setup.py", install: "python -m pip install -e .", steps: setupPython },
  ];
  let way = { install: "python -m pip install alembic", steps: setupPython };
  let folder: string | undefined;
  for (const one of ways) {
    folder = await firstWith(root, folders, one.lock);
    if (folder === undefined) continue;
    way = one;
    break;
  }
  if (env.GITHUB_ACTIONS === "true") {
    const place = folder ? `\n  working-directory: ${yamlText(folder)}` : "";
    return text`Install the project's packages in a step before this one: ${block(`${way.steps}\n- run: ${way.install}${place}`, "yaml")}`;
  }
  const lines = folder ? `cd ${shellWord(folder)}\n${way.install}` : way.install;
  return text`Install the project's packages: ${block(lines, "sh")} or name the interpreter that has them: ${block("alembic-gate --python path/to/python", "sh")}`;
}
