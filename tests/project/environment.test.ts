import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import { concernsMigrations, findEnvironments, type Environment, type Search } from "../../src/project/environment.ts";
import { workTree, type Tree } from "../../src/project/tree.ts";
import { plain } from "../../src/text.ts";
import { treeOf, writeFiles } from "./trees.ts";

const PYTHON = path.resolve(import.meta.dirname, "../../.venvs/default/bin/python");
const ini = (...lines: string[]) => ["[alembic]", ...lines, ""].join("\n");
const find = (files: Record<string, string>, search: Search = {}) => findEnvironments(treeOf(files), search);
const findOne = async (files: Record<string, string>, search: Search = {}) => {
  const environments = await find(files, search);
  expect(environments.map(({ name }) => name)).toHaveLength(1);
  return environments[0]!;
};
const failure = async (files: Record<string, string>, search: Search = {}) => {
  const error = await find(files, search).then(
    (environments) => environments,
    (error: unknown) => error,
  );
  if (!(error instanceof Failure)) throw new Error(`no Failure: ${JSON.stringify(error)}`);
  return { sentence: plain(error.sentence), help: plain(error.help), exitCode: error.exitCode, place: error.place };
};

const placeOfFailure = async (files: Record<string, string>) => (await failure(files)).place;

const toml = (...lines: string[]) => ["[tool.alembic]", ...lines, ""].join("\n");

/** What Alembic can be asked for, too. */
const ask = async (tree: Tree, config: string, section: string) => {
  const found = await findEnvironments(tree, { config: [config], names: [section] });
  const { scriptLocation, versionFolders, recursive, prependSysPath, unknowable } = found[0]!;
  // Whether a package is installed is not to be seen in the tree.
  if (unknowable?.includes("outside")) return "ModuleNotFoundError";
  return {
    scriptLocation,
    versionFolders: versionFolders.map((place) => place || ".").sort(),
    recursive,
    prependSysPath,
  };
};

/** One line of an ini, or none. */
const option = (name: string, values: readonly string[]) =>
  fc
    .option(fc.constantFrom(...values), { nil: undefined, freq: 2 })
    .map((value) => (value === undefined ? [] : [`${name} = ${value}`]));

describe("as Alembic itself reads it", () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(path.join(tmpdir(), "environment-"));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  /** Alembic's own answer, for many environments in one process; an error is its class's name. */
  const ORACLE = `
import importlib, json, os, sys, warnings
from alembic.config import Config
from alembic.script import ScriptDirectory
warnings.simplefilter("ignore")
def relative(place):
    return os.path.relpath(os.path.normpath(place), sys.argv[1]).replace(sys.argv[1], "/.repository-root")
def answer(folder, section):
    os.chdir(os.path.join(sys.argv[1], folder))
    start = list(sys.path)
    sys.path.insert(0, os.getcwd())
    config = Config("alembic.ini", toml_file="pyproject.toml", ini_section=section)
    try:
        script = ScriptDirectory.from_config(config)
        return {
            "scriptLocation": relative(os.path.abspath(script.dir)),
            "versionFolders": sorted({relative(place) for place in script._version_locations}),
            "recursive": script.recursive_version_locations,
            "prependSysPath": [os.path.relpath(place) if place.startswith(sys.argv[1]) else place.replace(sys.argv[1], "/.repository-root") for place in config.get_prepend_sys_paths_list() or []],
        }
    except Exception as error:
        return type(error).__name__
    finally:
        sys.path[:] = start
        for name in [name for name in sys.modules if name.split(".")[0] == "pkg"]:
            del sys.modules[name]
        importlib.invalidate_caches()
print(json.dumps([answer(*case) for case in json.load(sys.stdin)]))
`;
  const askAlembic = (cases: [folder: string, section: string][]) => {
    const run = spawnSync(PYTHON, ["-c", ORACLE, root], { input: JSON.stringify(cases), encoding: "utf8", maxBuffer: 1 << 28 });
    if (run.status !== 0) throw new Error(run.stderr);
    return JSON.parse(run.stdout) as (string | Partial<Environment>)[];
  };
  const places = [
    "alembic",
    "./alembic",
    "%(here)s/alembic",
    "%(here)s/../shared",
    "alembic/",
    "%(name)s",
    "pkg:alembic",
    "pkg.sub:deep:alembic",
    "%(here)s",
  ];
  const versionLists = [
    "%(here)s/a %(here)s/b",
    "a, b,c",
    "a,b",
    "a:b",
    "a;b; c ",
    "a  b",
    "\n  a\n  # not this\n  %(here)s/b\n\n  c",
    "%(here)s/a:%(here)s/b",
    "../shared/versions",
    "pkg:versions b",
    "pkg:versions",
    "",
    "a",
    "a ,b",
  ];
  const separators = ["os", "space", "newline", ":", ";", "os  # the default", "OS", ""];
  const iniOptions = fc
    .tuple(
      fc.constantFrom(...places).map((place) => [`script_location = ${place}`]),
      option("version_locations", versionLists),
      option("path_separator", separators),
      option("version_path_separator", separators),
      option("prepend_sys_path", [".", "", ". src", ".:%(here)s/lib", ".,src", "\n  .\n  src"]),
      option("recursive_version_locations", ["true", "True", "false", "1", "true # yes"]),
      option("sourceless", ["true", "false"]),
    )
    .map((options) => options.flat());

  const environmentFiles = {
    "alembic/env.py": "",
    "shared/env.py": "",
    "env.py": "",
    "pkg/__init__.py": "",
    "pkg/alembic/env.py": "",
    "pkg/versions/x.py": "",
    "pkg/sub/__init__.py": "",
    "pkg/sub/deep/alembic/env.py": "",
  };

  // The resources of packages are found in another way before Python 3.10, and then remembered.
  test.skipIf(inject("pythonMinor") < 10)("alembic.ini, whatever its options", async () => {
    const cases = fc.sample(fc.tuple(iniOptions, fc.constantFrom("alembic", "other")), 60).map(([options, section], index) => {
      const folder = `ini ${index}`;
      const source = ["[DEFAULT]", "name = alembic", `[${section}]`, ...options].join("\n");
      writeFiles(path.join(root, folder), { ...environmentFiles, "alembic.ini": source });
      return { folder, section, source };
    });
    writeFiles(root, { "shared/env.py": "" });
    const tree = workTree(root);
    const answers = askAlembic(cases.map(({ folder, section }) => [folder, section]));
    expect(answers.filter((answer) => typeof answer !== "string").length).toBeGreaterThan(10);
    const wrong: unknown[] = [];
    for (const [index, { folder, section, source }] of cases.entries()) {
      const ours = await ask(tree, `${folder}/alembic.ini`, section).catch((error: unknown) =>
        error instanceof Failure ? "Failure" : error,
      );
      const answer = answers[index]!;
      const alembic = typeof answer === "string" && answer !== "ModuleNotFoundError" ? "Failure" : answer;
      if (JSON.stringify(ours) !== JSON.stringify(alembic)) wrong.push({ source, ours, alembic: answers[index] });
    }
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  test("pyproject.toml, alone and beside an ini", async () => {
    const all = 'version_locations = ["%(here)s/a", "b"]\nprepend_sys_path = ["."]\nrecursive_version_locations = true';
    const cases: Record<string, Record<string, string>> = {
      alone: { "pyproject.toml": toml('script_location = "%(here)s/alembic"', all) },
      "the ini has a URL only": {
        "pyproject.toml": toml('script_location = "alembic"'),
        "alembic.ini": ini("sqlalchemy.url = x"),
      },
      "the ini goes first, option by option": {
        "pyproject.toml": toml('script_location = "pkg/alembic"', 'version_locations = ["a%%b"]'),
        "alembic.ini": ini("script_location = alembic"),
      },
      "an empty list in the ini": {
        "pyproject.toml": toml('version_locations = ["a"]'),
        "alembic.ini": ini("script_location = alembic", "version_locations ="),
      },
      "an empty list in the toml": { "pyproject.toml": toml('script_location = "alembic"', "version_locations = []") },
      "dotted keys": { "pyproject.toml": 'tool.alembic.script_location = "alembic"' },
    };
    for (const [folder, files] of Object.entries(cases)) writeFiles(path.join(root, folder), { ...environmentFiles, ...files });
    const answers = askAlembic(Object.keys(cases).map((folder) => [folder, "alembic"]));
    const tree = workTree(root);
    const configs = Object.entries(cases).map(
      ([folder, files]) => `${folder}/${"alembic.ini" in files ? "alembic.ini" : "pyproject.toml"}`,
    );
    const ours = await Promise.all(configs.map((config) => ask(tree, config, "alembic")));
    expect(ours).toEqual(answers);
    expect(answers.map((answer) => typeof answer)).toEqual(ours.map(() => "object"));
  });
});

describe("where it looks", () => {
  test("everywhere, the nearest to the root first; the same revisions once", async () => {
    const files = {
      "a/b/alembic.ini": ini("script_location = x"),
      "a/b/x/env.py": "",
      "z/alembic.ini": ini("script_location = x"),
      "z/x/env.py": "",
      "z/deploy/alembic.ini": ini("script_location = ../x"),
      "Database/alembic.ini": ini("script_location = %(here)s"),
      "Database/env.py": "",
    };
    expect((await find(files)).map(({ name }) => name)).toEqual(["Database/alembic.ini", "z/alembic.ini", "a/b/alembic.ini"]);
    expect((await find(files, { directory: "a" })).map(({ name }) => name)).toEqual(["a/b/alembic.ini"]);
  });

  test("not in templates, and not in tests and examples without env.py", async () => {
    const good = { "alembic.ini": ini("script_location = m"), "m/env.py": "" };
    const files = {
      ...good,
      "{{cookiecutter.slug}}/alembic.ini": ini("script_location = m"),
      "{{cookiecutter.slug}}/m/env.py": "",
      "src/templates/alembic.ini": ini("script_location = ${x}"),
      "tests/data/alembic.ini": "not an ini",
      "pyproject.toml": "[tool.other]\n",
      "docs/pyproject.toml": '[tool.alembic]\nscript_location = "nowhere"',
      "more/pyproject.toml": "alembic is not here, nor is this TOML",
    };
    expect((await findOne(files)).name).toBe("alembic.ini");
    expect(
      (await findOne({ "tests/app/alembic.ini": ini("script_location = m"), "tests/app/m/env.py": "" })).scriptLocation,
    ).toBe("tests/app/m");
    expect((await failure({ "tests/data/alembic.ini": "not an ini" })).sentence).toContain(
      "tests/data/alembic.ini cannot be read",
    );
    expect((await failure({ ...good, "app/alembic.ini": "not an ini" })).sentence).toContain("app/alembic.ini cannot be read");
  });

  test("a pyproject.toml with options for an ini elsewhere is no environment", async () => {
    const files = {
      "pyproject.toml": "[tool.alembic]\npost_write_hooks = []",
      "db/alembic.ini": ini("script_location = m"),
      "db/m/env.py": "",
    };
    expect((await findOne(files)).name).toBe("db/alembic.ini");
    expect(await failure({ "pyproject.toml": "[tool.alembic]\nx = 1" })).toMatchObject({
      sentence: "pyproject.toml has no script_location in [tool.alembic].",
      place: { file: "pyproject.toml", line: 1 },
    });
  });

  test("where config says: any name, from the folder or the root, each once", async () => {
    const files = {
      "db/prod.ini": ini("script_location = m"),
      "db/m/env.py": "",
      "other/alembic.ini": ini("script_location = ../db/m"),
    };
    const names = async (search: Search) => (await find(files, search)).map(({ name }) => name);
    expect(await names({ config: ["db/prod.ini", "./db/prod.ini"] })).toEqual(["db/prod.ini"]);
    expect(await names({ config: ["prod.ini"], directory: "db" })).toEqual(["db/prod.ini"]);
    expect(await names({ config: ["db/prod.ini"], directory: "db" })).toEqual(["db/prod.ini"]);
    expect(await names({ config: ["other/alembic.ini", "db/prod.ini"] })).toEqual(["other/alembic.ini", "db/prod.ini"]);
  });
});

describe("sections", () => {
  const several = {
    "alembic.ini":
      "[DEFAULT]\nprepend_sys_path = .\n[one]\nscript_location = a\n[two]\nscript_location = b\n[loggers]\nkeys = root",
    "a/env.py": "",
    "b/env.py": "",
  };

  test("all that have a script_location of their own when there is no [alembic]", async () => {
    const found = await find(several);
    expect(
      found.map(({ name, section, scriptLocation, prependSysPath }) => [name, section, scriptLocation, prependSysPath]),
    ).toEqual([
      ["alembic.ini[one]", "one", "a", ["."]],
      ["alembic.ini[two]", "two", "b", ["."]],
    ]);
  });

  test("only [alembic] when it has one, inherited or not", async () => {
    expect(
      (await findOne({ ...several, "alembic.ini": `[alembic]\nscript_location = b\n${several["alembic.ini"]}` })).scriptLocation,
    ).toBe("b");
    expect(
      (await findOne({ ...several, "alembic.ini": "[DEFAULT]\nscript_location = a\n[alembic]\n[two]\nscript_location = b" }))
        .scriptLocation,
    ).toBe("a");
  });

  test("those that are named", async () => {
    expect((await findOne(several, { names: ["two"] })).name).toBe("alembic.ini[two]");
    expect((await find(several, { names: ["two", "one"] })).map(({ section }) => section)).toEqual(["two", "one"]);
    expect(
      (await find({ ...several, "x/alembic.ini": ini("script_location = ../a") }, { names: ["one"] })).map(({ name }) => name),
    ).toEqual(["alembic.ini[one]"]);
  });

  test("a name that is not there", async () => {
    expect(await failure(several, { names: ["one", "three"] })).toMatchObject({
      exitCode: 2,
      sentence: "There is no section [three] in alembic.ini, which name asks for.",
      help: "Sections with a script_location: one and two.",
    });
    expect((await failure({ "pyproject.toml": '[tool.alembic]\nscript_location = "a"' }, { names: ["x"] })).help).toContain(
      "No section",
    );
  });
});

describe("the folder from which commands are run", () => {
  test.each([
    ["the ini's", { "app/alembic.ini": ini("script_location = m"), "app/m/env.py": "", "m/env.py": "" }, "app", "app/m"],
    [
      "the root, with the ini in a folder of its own",
      { "conf/alembic.ini": ini("script_location = h/m"), "h/m/env.py": "" },
      "",
      "h/m",
    ],
    [
      "one between, with the ini beside env.py",
      { "api/src/db/m/alembic.ini": ini("script_location = src/db/m"), "api/src/db/m/env.py": "" },
      "api",
      "api/src/db/m",
    ],
    [
      "a folder without env.py does not count",
      { "a/alembic.ini": ini("script_location = m"), "a/m/x.py": "", "m/env.py": "" },
      "",
      "m",
    ],
    [
      "with %(here)s, where what env.py imports is",
      {
        "m/alembic.ini": ini("script_location = %(here)s"),
        "m/env.py": "import os\nfrom app.models import Base\n",
        "app/__init__.py": "",
      },
      "",
      "m",
    ],
    [
      "with %(here)s, outside of packages",
      {
        "a/b/c/alembic.ini": ini("script_location = %(here)s/m"),
        "a/b/c/__init__.py": "",
        "a/b/__init__.py": "",
        "a/b/c/m/env.py": "",
      },
      "a",
      "a/b/c/m",
    ],
    [
      "with %(here)s, otherwise the ini's",
      { "a/alembic.ini": ini("script_location = %(here)s/m"), "a/m/env.py": "from elsewhere import x" },
      "a",
      "a/m",
    ],
    [
      "where relative version folders are",
      { "a/alembic.ini": ini("script_location = %(here)s/m", "version_locations = b/v"), "a/m/env.py": "", "b/v/1.py": "" },
      "",
      "a/m",
    ],
    [
      "with pkg:dir, where the package is",
      {
        "s/pkg/db/alembic.ini": ini("script_location = pkg.db:m"),
        "s/pkg/__init__.py": "",
        "s/pkg/db/m/env.py": "from pkg import x",
      },
      "s",
      "s/pkg/db/m",
    ],
  ])("%s", async (_, files, directory, scriptLocation) => {
    expect(await findOne(files)).toMatchObject({ directory, scriptLocation, versionFolders: [expect.anything()] });
  });

  test("pkg:dir takes the nearest of several packages of one name", async () => {
    const files = { "one/pkg/m/env.py": "", "two/pkg/m/env.py": "", "pkg/n/env.py": "" };
    expect((await findOne({ ...files, "two/alembic.ini": ini("script_location = pkg:m") })).scriptLocation).toBe("two/pkg/m");
    expect((await findOne({ ...files, "one/x/alembic.ini": ini("script_location = pkg:m") })).scriptLocation).toBe("one/pkg/m");
  });
});

describe("Flask-Migrate", () => {
  const env = "from flask import current_app\ncurrent_app.extensions['migrate']";

  test.each([
    ["no script_location", { "migrations/alembic.ini": ini(), "migrations/env.py": env }, "", "migrations"],
    [
      "an import over several lines",
      { "migrations/alembic.ini": ini(), "migrations/env.py": "from flask import (\n    g,\n    current_app,\n)" },
      "",
      "migrations",
    ],
    [
      "in a folder",
      { "backend/migrations/alembic.ini": ini(), "backend/migrations/env.py": env },
      "backend",
      "backend/migrations",
    ],
    [
      "inside of a package",
      { "src/app/migrations/alembic.ini": ini(), "src/app/migrations/env.py": env, "src/app/__init__.py": "" },
      "src",
      "src/app/migrations",
    ],
    [
      "inside of a package with .flaskenv",
      { "app/migrations/alembic.ini": ini(), "app/migrations/env.py": env, "app/__init__.py": "", "app/.flaskenv": "" },
      "app",
      "app/migrations",
    ],
    [
      "a script_location that Flask-Migrate overrides",
      { "migrations/alembic.ini": ini("script_location = nowhere"), "migrations/env.py": env },
      "",
      "migrations",
    ],
    [
      "an env.py of their own",
      { "migrations/alembic.ini": `${ini()}[logger_flask_migrate]\nlevel = INFO\n`, "migrations/env.py": "from app import db" },
      "",
      "migrations",
    ],
    ["the ini in the root", { "alembic.ini": ini("script_location = migrations"), "migrations/env.py": env }, "", "migrations"],
  ])("%s", async (_, files, directory, scriptLocation) => {
    expect(await findOne(files)).toMatchObject({
      kind: "flask-migrate",
      directory,
      scriptLocation,
      versionFolders: [`${scriptLocation}/versions`],
    });
  });

  test("is not meant where env.py makes the application's context", async () => {
    const files = {
      "migrations/alembic.ini": ini("script_location = %(here)s"),
      "migrations/env.py": `${env}\ncreate_app().app_context().push()`,
    };
    expect((await findOne(files)).kind).toBe("alembic");
    expect((await failure({ ...files, "migrations/alembic.ini": ini(), "migrations/env.py": "import os" })).sentence).toContain(
      "no script_location",
    );
  });
});

describe("what cannot be known by reading", () => {
  const files = (options: string[], more: Record<string, string> = {}) => ({
    "alembic.ini": ini("script_location = m", ...options),
    "m/env.py": "",
    ...more,
  });

  test.each([
    ["a foreign package", { "alembic.ini": ini("script_location = elsewhere:m") }, "a package outside", []],
    ["a foreign package's versions", files(["version_locations = m/versions elsewhere:v"]), "elsewhere:v", ["m/versions"]],
    ["an absolute path", files(["version_locations = /srv/v"]), "/srv/v", []],
    ["a path out of the repository", files(["version_locations = ../v"]), "../v", []],
    [
      "env.py assigns",
      files([], { "m/env.py": "context.script.version_locations = [x]" }),
      "env.py sets version_locations",
      ["m/versions"],
    ],
    [
      "env.py sets",
      files([], { "m/env.py": 'config.set_main_option(\n  "version_locations", x)' }),
      "env.py sets version_locations",
      ["m/versions"],
    ],
    ["folders inside", files([], { "m/versions/2024/1.py": "" }), "sub-folders", ["m/versions"]],
    [
      "without source",
      files(["sourceless = true"], { "m/versions/1.pyc": "", "m/versions/2.py": "", "m/versions/2.pyc": "" }),
      "sourceless",
      ["m/versions"],
    ],
  ])("%s", async (_, files, reason, versionFolders) => {
    expect(await findOne(files)).toMatchObject({ unknowable: expect.stringContaining(reason), versionFolders });
  });

  test.each([
    files([], {
      "m/env.py":
        "# context.script.version_locations = x\nif script.version_locations == 1: config.get_main_option('version_locations')",
    }),
    files(["recursive_version_locations = true"], { "m/versions/2024/1.py": "" }),
    files([], { "m/versions/1.py": "", "m/versions/old/0.py": "", "m/versions/__init__.py": "" }),
    files(["sourceless = true"], { "m/versions/2.py": "", "m/versions/2.pyc": "" }),
    files([], { "m/versions/1.pyc": "" }),
    files([]),
  ])("and what can", async (files) => {
    expect((await findOne(files)).unknowable).toBe(undefined);
  });
});

describe("failures say what happened, where, and the way out", () => {
  test.each([
    [
      "nothing at all",
      {},
      "No alembic.ini was found, and no pyproject.toml with [tool.alembic].",
      "with:\n  config: path/to/alembic.ini",
    ],
    [
      "an env.py without ini",
      { "db/env.py": "from alembic import context", "x/env.py": "" },
      "No alembic.ini",
      "There is an env.py in db. Add an alembic.ini to the repository's root: \n[alembic]\nscript_location = %(here)s/db\n",
    ],
    [
      "an ini of another name",
      { "conf/migrate.ini": ini("script_location = m"), "m/env.py": "alembic" },
      "No alembic.ini",
      "There is a script_location in conf/migrate.ini. Name it: \nalembic-gate --config conf/migrate.ini\n",
    ],
    [
      "a template",
      { "{{x}}/alembic.ini": ini("script_location = m") },
      "No alembic.ini",
      "{{x}}/alembic.ini looks like a template",
    ],
    [
      "no script_location",
      { "alembic.ini": ini("x = 1"), "a/b/env.py": "", "b/env.py": "" },
      "alembic.ini has no script_location in [alembic].",
      "There is an env.py in b: \n[alembic]\nscript_location = %(here)s/b\n",
    ],
    [
      "no [alembic]",
      { "alembic.ini": "[loggers]\nkeys = root\n" },
      "alembic.ini has no script_location in [alembic].",
      "No folder has an env.py",
    ],
    [
      "a folder that is not there",
      { "a/alembic.ini": ini("script_location = m"), "b/env.py": "" },
      "script_location in a/alembic.ini is m, a folder that the repository does not have.",
      "script_location = %(here)s/../b\n",
    ],
    [
      "a folder out of the repository",
      { "alembic.ini": ini("script_location = /app/m"), "m/env.py": "" },
      "is /app/m, a folder",
      "script_location = %(here)s/m\n",
    ],
    [
      "a folder without env.py",
      { "alembic.ini": ini("script_location = m"), "m/x.py": "" },
      "script_location in alembic.ini is m, but there is no env.py in m.",
      "alembic init",
    ],
    [
      "a folder missing in a package",
      { "alembic.ini": ini("script_location = pkg:m"), "pkg/__init__.py": "" },
      "is pkg:m, a folder",
      "alembic init",
    ],
    [
      "toml, a folder that is not there",
      { "pyproject.toml": '[tool.alembic]\nscript_location = "m"', "b/env.py": "" },
      "script_location in pyproject.toml is m, a folder",
      '[tool.alembic]\nscript_location = "%(here)s/b"\n',
    ],
    [
      "broken syntax",
      { "alembic.ini": "[alembic]\n\nnonsense" },
      "alembic.ini cannot be read: a line is neither",
      "Correct line 3",
    ],
    [
      "a bad percent sign",
      { "alembic.ini": ini("script_location = m", "prepend_sys_path = 100%") },
      "alembic.ini cannot be read: the value of prepend_sys_path has a % that",
      "Correct line 3",
    ],
    ["another encoding", { "alembic.ini": "" }, "alembic.ini is not UTF-8.", "Save it as UTF-8"],
    [
      "a separator with a comment",
      { "alembic.ini": ini("script_location = m", "version_locations = a", "path_separator = os # default") },
      "path_separator in alembic.ini is os # default, which Alembic does not know.",
      "move it to a line of its own",
    ],
    [
      "broken toml",
      { "pyproject.toml": "[tool.alembic]\nscript_location = " },
      "pyproject.toml cannot be read: ",
      "Correct line 2",
    ],
    [
      "toml of another type",
      { "pyproject.toml": "[[tool.alembic]]\nscript_location = 1" },
      "tool.alembic in pyproject.toml is not a table.",
      "[tool.alembic]\n",
    ],
    [
      "a list that is none",
      { "pyproject.toml": '[tool.alembic]\nscript_location = "m"\nversion_locations = "m"' },
      "version_locations in pyproject.toml is not a list of paths.",
      "version_locations = [",
    ],
    [
      "a number for a path",
      { "pyproject.toml": "[tool.alembic]\nscript_location = 1" },
      "script_location in pyproject.toml is not a path.",
      "For example",
    ],
    [
      "a text for a flag",
      { "pyproject.toml": '[tool.alembic]\nscript_location = "m"\nsourceless = "true"' },
      "sourceless in pyproject.toml is not true or false.",
      "For example",
    ],
    [
      "a bad percent sign in toml",
      { "pyproject.toml": '[tool.alembic]\nscript_location = "%(there)s"' },
      "A % in script_location of pyproject.toml begins no %(here)s.",
      "%%",
    ],
  ])("%s", async (name, files, sentence, help) => {
    const tree = treeOf(files);
    const broken = { ...tree, read: async (file: string) => (file === "alembic.ini" ? new Uint8Array([0xff, 0xfe]) : undefined) };
    const error = await findEnvironments(name === "another encoding" ? broken : tree, {}).catch((error: Failure) => error);
    if (!(error instanceof Failure)) throw new Error("no Failure");
    expect(plain(error.sentence)).toContain(sentence);
    expect(plain(error.help)).toContain(help.trimEnd());
    expect(error.exitCode).toBe(2);
  });

  test("with the line to point at", async () => {
    expect(await placeOfFailure({ "a/alembic.ini": "[x]\n[alembic]\n\nscript_location = m" })).toEqual({
      file: "a/alembic.ini",
      line: 4,
    });
    expect(await placeOfFailure({ "a/alembic.ini": "[x]\n[alembic]\nx = 1" })).toEqual({ file: "a/alembic.ini", line: 2 });
    expect(await placeOfFailure({ "pyproject.toml": '[x]\n[tool.alembic]\n"script_location" = "m"' })).toEqual({
      file: "pyproject.toml",
      line: 3,
    });
    expect(
      await placeOfFailure({ "alembic.ini": ini("script_location = m", "prepend_sys_path = .", "path_separator = x") }),
    ).toEqual({
      file: "alembic.ini",
      line: 4,
    });
  });

  test("config that is not there, or is no configuration", async () => {
    const files = { "db/alembic.ini": ini("script_location = m"), "db/m/env.py": "", "pyproject.toml": "[project]" };
    expect(await failure(files, { config: ["alembic.ini"] })).toMatchObject({
      sentence: "There is no file alembic.ini in the repository, which config names.",
      help: "There is db/alembic.ini.",
    });
    expect((await failure(files, { config: ["x.ini"], directory: "db" })).sentence).toContain(
      "in db or in the repository's root",
    );
    expect((await failure({}, { config: ["../x.ini"] })).help).toContain("no alembic.ini at all");
    expect((await failure(files, { config: ["db"] })).sentence).toContain("no file db");
    expect((await failure(files, { config: ["pyproject.toml"] })).sentence).toBe("pyproject.toml has no [tool.alembic].");
    expect((await failure(files, { directory: "elsewhere" })).help).toContain("There is db/alembic.ini: name its folder");
  });

  test("foreign text stands in parts of its own", async () => {
    const evil = "`**x**`\n::error::x";
    const error = await find({ [`${evil}/alembic.ini`]: ini(`script_location = ${evil.split("\n")[0]}`) }).catch(
      (error: Failure) => error,
    );
    const parts = (error as Failure).sentence;
    expect(parts.filter((part) => "text" in part && /[`*:]|error/.test(part.text))).toEqual([]);
    expect(parts).toContainEqual({ code: `${evil}/alembic.ini` });
  });
});

/** A tree has no other paths than these. */
const inTree = (file: string) => path.normalize(file).replace(/^\/+|^(\.\.\/)+/, "");

describe("hostile configurations", () => {
  test("no names, however strange, do anything but fail or be found", async () => {
    const strange = fc.constantFrom(
      "__proto__",
      "constructor",
      "..",
      "../..",
      "/etc",
      "~",
      "a:b",
      ":",
      "::",
      "%%",
      "\u0000",
      "é",
      "$(x)",
      "a b",
      "",
      ".",
      "//",
      "{{x}}",
    );
    const place = fc.array(strange, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
    await fc.assert(
      fc.asyncProperty(place, place, place, strange, async (script, versions, folder, section) => {
        const files = {
          [inTree(`${folder}/alembic.ini`)]: `[${section}]\nscript_location = ${script}\nversion_locations = ${versions}\n`,
          [inTree(`${script}/env.py`)]: "",
          "m/env.py": "",
        };
        const environments = await find(files).catch((error: unknown) => {
          if (!(error instanceof Failure)) throw error;
          return [];
        });
        for (const { scriptLocation, versionFolders, directory } of environments)
          for (const inside of [scriptLocation, directory, ...versionFolders]) {
            expect(inside.split("/")).not.toContain("..");
            expect(inside).not.toMatch(/^\/|\/$/);
          }
      }),
      { numRuns: 500 },
    );
  });

  test("long files are read in a moment", async () => {
    const env = `${"from flask import (".repeat(20_000)}\n${"set_main_option(".repeat(20_000)}\n${"from flask import (\n".repeat(5_000)}`;
    const files = {
      "alembic.ini": ini("script_location = m", `x = ${"%".repeat(100_000)}`, `version_locations = ${"a, ".repeat(10_000)}`),
      "m/env.py": env,
    };
    expect((await find(files)).map(({ config }) => config)).toEqual(["alembic.ini"]);
  });
});

describe("concernsMigrations", () => {
  const environments = [
    { config: "db/settings", scriptLocation: "db/m", versionFolders: ["db/m/versions", "plugins/v"] },
  ] as Environment[];

  test.each([
    "app/models.py",
    "app/x.SQL",
    "db/m/script.py.mako",
    "setup.cfg",
    "tox.ini",
    "pyproject.toml",
    "alembic-gate.toml",
    "uv.lock",
    "a/poetry.lock",
    "Pipfile",
    "Pipfile.lock",
    "requirements.txt",
    "a/requirements-dev.txt",
    "requirements/base.txt",
    "constraints.txt",
    "environment.yml",
    ".python-version",
    "Dockerfile",
    "docker/Dockerfile.api",
    "db.Dockerfile",
    "docker-compose.yml",
    "compose.prod.yaml",
    ".env",
    ".env.test",
    "config/prod.env",
    ".flaskenv",
    ".github/workflows/ci.yml",
    "db/settings",
    "db/m/data/countries.csv",
    "plugins/v/README",
  ])("%s does", (file) => {
    expect(concernsMigrations(file, environments)).toBe(true);
  });

  test.each([
    "README.md",
    "docs/index.rst",
    "web/app.ts",
    "web/package.json",
    "a/b.yml",
    "db/mm/x.csv",
    "LICENSE",
    "notes.txt",
    "env",
    ".github/CODEOWNERS",
  ])("%s does not", (file) => {
    expect(concernsMigrations(file, environments)).toBe(false);
  });

  test("everything does where the script location is unknown", () => {
    expect(
      concernsMigrations("README.md", [
        { config: "alembic.ini", scriptLocation: "", versionFolders: [] as string[] } as Environment,
      ]),
    ).toBe(true);
  });
});
