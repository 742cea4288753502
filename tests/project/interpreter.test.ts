import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import { findInterpreter, type InterpreterSearch } from "../../src/project/interpreter.ts";
import { plain } from "../../src/text.ts";
import { writeFiles } from "./trees.ts";

/** A virtual environment with Alembic, and one without. */
const FULL = path.resolve(import.meta.dirname, "../../.venvs/default");
let bare: string;
let home: string;
let root: string;

beforeAll(() => {
  home = mkdtempSync(path.join(tmpdir(), "interpreter-"));
  bare = path.join(home, "bare");
  execFileSync(path.join(FULL, "bin/python"), ["-m", "venv", "--without-pip", bare]);
});
afterAll(() => rmSync(home, { recursive: true }));
beforeEach(() => {
  root = path.join(mkdtempSync(path.join(home, "root-")), "a 'project'; $(x)");
  mkdirSync(root);
});
afterEach(() => rmSync(path.dirname(root), { recursive: true }));

/** A PATH on which there are only these programs: shell scripts by name. */
function programs(scripts: Record<string, string>): string {
  const bin = mkdtempSync(path.join(home, "bin-"));
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  return bin;
}

const python = (environment: string) => `exec ${path.join(environment, "bin/python")} "$@"`;
const place = (target: string, ...link: string[]) => {
  mkdirSync(path.dirname(path.join(root, ...link)), { recursive: true });
  symlinkSync(target, path.join(root, ...link));
};
const find = (search: Partial<InterpreterSearch> = {}) =>
  findInterpreter({ root, directory: "", env: { PATH: programs({}) }, ...search });
const failure = async (search: Partial<InterpreterSearch> = {}) => {
  const error = await find(search).then(
    (interpreter) => interpreter,
    (error: unknown) => error,
  );
  if (!(error instanceof Failure)) throw new Error(`no Failure: ${JSON.stringify(error)}`);
  return { sentence: plain(error.sentence), help: plain(error.help), exitCode: error.exitCode };
};

describe("the first with Alembic", () => {
  test("tells versions and how it was found", async () => {
    place(FULL, ".venv");
    expect(await find()).toEqual({
      command: [path.join(root, ".venv/bin/python")],
      version: expect.stringMatching(/^3\.\d+\.\d+$/),
      alembic: expect.stringMatching(/^1\.\d+\.\d+$/),
      sqlalchemy: expect.stringMatching(/^2\.\d+\.\d+$/),
      how: ".venv",
    });
  });

  test("the active environment before those in the folder; one without Alembic is passed over", async () => {
    place(FULL, ".venv");
    for (const name of ["VIRTUAL_ENV", "CONDA_PREFIX"]) {
      expect((await find({ env: { PATH: "", [name]: FULL } })).how).toBe(`the active ${name}`);
      expect((await find({ env: { PATH: "", [name]: bare } })).how).toBe(".venv");
      expect((await find({ env: { PATH: "", [name]: "/nowhere" } })).how).toBe(".venv");
    }
  });

  test("the folder's own before those above, and never those above the root", async () => {
    place(FULL, "..", ".venv");
    place(FULL, "venv");
    place(FULL, "a/b/env");
    place(bare, "a/.venv");
    mkdirSync(path.join(root, "a/b/.venv"));
    const answers = await Promise.all(["a/b", "a", ""].map((directory) => find({ directory })));
    expect(answers.map(({ how }) => how)).toEqual(["a/b/env", "venv", "venv"]);
    rmSync(path.join(root, "venv"));
    expect((await failure({ directory: "a" })).help).toContain("a/.venv");
  });

  test("then PATH: python3 before python", async () => {
    expect((await find({ env: { PATH: programs({ python3: python(FULL), python: python(FULL) }) } })).how).toBe(
      "python3 on PATH",
    );
    expect(await find({ env: { PATH: programs({ python3: python(bare), python: python(FULL) }) } })).toMatchObject({
      how: "python on PATH",
      command: ["python"],
    });
  });

  test("a folder called alembic in the project is no Alembic", async () => {
    writeFiles(root, { "alembic/__init__.py": "__version__ = '9'", "sqlalchemy/__init__.py": "__version__ = '9'" });
    expect((await failure({ env: { PATH: programs({ python3: python(bare) }) } })).help).toContain("No module named 'alembic'");
  });

  test("what the environment prints by itself does no harm", async () => {
    const env = { PATH: programs({ python3: `echo '{"version": "0"}'; echo noise >&2; ${python(FULL)}` }) };
    expect((await find({ env })).alembic).toMatch(/^1\./);
  });

  test("the same run is answered once per folder", async () => {
    const env = { PATH: programs({ python3: python(FULL) }) };
    const [first, second] = await Promise.all([find({ env }), find({ env })]);
    expect(second).toBe(first);
    expect(await find({ env: { ...env } })).not.toBe(first);
  });
});

describe("package managers", () => {
  const interpreter = path.join(FULL, "bin/python");

  test.each([
    ["uv", "uv.lock", "uv", "python find"],
    ["poetry", "poetry.lock", "poetry", "env info --executable"],
    ["pipenv", "Pipfile.lock", "pipenv", "--py"],
  ])("%s is asked where its lock file is, in its folder", async (how, lock, program, wanted) => {
    const script = `[ "$*" = "${wanted}" ] && [ -f ${lock} ] && echo warning && echo ${interpreter}`;
    const env = { PATH: programs({ [program]: script }) };
    writeFiles(root, { [`a/${lock}`]: "" });
    expect(await find({ directory: "a/b", env }).catch((error: Error) => error.message)).toContain("No Python");
    mkdirSync(path.join(root, "a/b"));
    expect(await find({ directory: "a/b", env: { ...env } })).toMatchObject({ how, command: [interpreter] });
    expect((await failure({ env: { ...env } })).help).not.toContain(`${how}:`);
  });

  test("pdm's choice is read", async () => {
    writeFiles(root, { "pdm.lock": "", ".pdm-python": `${interpreter}\n` });
    expect(await find()).toMatchObject({ how: "pdm", command: [interpreter] });
  });

  test("reasons when they have none", async () => {
    writeFiles(root, { "uv.lock": "", "poetry.lock": "", "pdm.lock": "", "Pipfile.lock": "" });
    const scripts = { uv: "echo 'error: No interpreter found' >&2; exit 2", poetry: "true" };
    const { help } = await failure({ env: { PATH: programs(scripts) } });
    expect(help).toContain("uv: uv.lock is there, but uv names no interpreter: error: No interpreter found");
    expect(help).toContain("poetry: poetry.lock is there, but poetry names no interpreter\n");
    expect(help).toContain("pdm: pdm.lock is there, but pdm names no interpreter: there is no .pdm-python");
    expect(help).toContain("pipenv: Pipfile.lock is there, but pipenv names no interpreter: there is no such program");
  });
});

describe("a given one", () => {
  test("is a path from the folder or the root, a virtual environment, or a command", async () => {
    place(FULL, "a/environment");
    place(FULL, ".venv");
    const command = async (given: string, env = { PATH: programs({ "my-python": python(FULL) }) }) =>
      (await find({ directory: "a", given, env })).command[0];
    mkdirSync(path.join(root, "my-python"));
    expect(await command("environment/bin/python")).toBe(path.join(root, "a/environment/bin/python"));
    expect(await command("./environment")).toBe(path.join(root, "a/environment/bin/python"));
    expect(await command(".venv")).toBe(path.join(root, ".venv/bin/python"));
    expect(await command(path.join(FULL, "bin/python"))).toBe(path.join(FULL, "bin/python"));
    expect(await command("my-python")).toBe("my-python");
  });

  test("and no other is tried", async () => {
    place(FULL, ".venv");
    place(bare, "bare");
    expect(await failure({ given: "bare" })).toEqual({
      exitCode: 2,
      sentence: "The interpreter bare, which python names, cannot be used.",
      help: expect.stringMatching(/ModuleNotFoundError: No module named 'alembic'[\s\S]*must have Alembic/),
    });
    expect((await failure({ given: "./nowhere" })).help).toContain("there is no such file");
    expect((await failure({ given: "/bin/echo" })).help).toContain("it is no Python");
    expect((await failure({ given: "/etc/passwd" })).help).toContain("EACCES");
  });
});

describe("none", () => {
  test("is the project's fault; what was tried is told with its reason", async () => {
    place(bare, ".venv");
    const answer = await failure({ env: { PATH: "", VIRTUAL_ENV: "/nowhere" } });
    expect(answer).toMatchObject({ exitCode: 1, sentence: "No Python with Alembic was found for the project." });
    const [active, venv, python3, pythonTwo] = answer.help
      .split("\n")
      .filter((line) => /: /.test(line))
      .slice(0, 5)
      .filter((line) => !line.startsWith("Tried"));
    expect(active).toBe("the active VIRTUAL_ENV (/nowhere/bin/python): there is no such program");
    expect(venv).toMatch(
      /^\.venv \(.*\/\.venv\/bin\/python\): Python 3\.\d+\.\d+, ModuleNotFoundError: No module named 'alembic'$/,
    );
    expect([python3, pythonTwo]).toEqual([
      "python3 on PATH: there is no such program",
      "python on PATH: there is no such program",
    ]);
  });

  test.each([
    [{ "uv.lock": "" }, "uv sync"],
    [{ "a/poetry.lock": "", "requirements.txt": "" }, "cd a\npoetry install"],
    [{ "pdm.lock": "" }, "pdm sync"],
    [{ "Pipfile.lock": "" }, "pipenv sync"],
    [{ "requirements.txt": "" }, "python -m pip install -r requirements.txt"],
    [{ "pyproject.toml": "" }, "python -m pip install -e ."],
    [{}, "python -m pip install alembic"],
  ])("%j: the install line fits", async (files, line) => {
    writeFiles(root, { ...files, "a/b/x.py": "" });
    const env = { PATH: "" };
    expect((await failure({ directory: "a/b", env })).help).toContain(`Install the project's packages: \n${line}\n`);
    const { help } = await failure({ directory: "a/b", env: { ...env, GITHUB_ACTIONS: "true" } });
    expect(help).toMatch(/^- (uses|run): /m);
    expect(help).toContain(`- run: ${line.replace(/^cd a\n/, "")}${line.startsWith("cd") ? "\n  working-directory: a" : ""}`);
  });
});

test("the project's code sees no tokens and no libpq settings", async () => {
  const log = path.join(home, "seen");
  const hidden = ["INPUT_PYTHON", "ACTIONS_RUNTIME_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "GITHUB_OUTPUT", "PGSERVICE"];
  const shown = ["DATABASE_URL", "PG_DSN", "GITHUB_SHA"];
  const env = Object.fromEntries([...hidden, ...shown].map((name) => [name, "1"]));
  await find({ env: { ...env, PATH: programs({ python3: `/usr/bin/env > ${log}; ${python(FULL)}` }) } });
  const seen = readFileSync(log, "utf8")
    .split("\n")
    .map((line) => line.split("=")[0]!);
  expect(seen.filter((name) => name in env).sort()).toEqual(shown.sort());
});
