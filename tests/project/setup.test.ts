import { describe, expect, test } from "vitest";
import { exampleVariables, extensionsOf, flaskApps, installationOf, pythonOf } from "../../src/project/setup.ts";
import { treeOf } from "./trees.ts";

describe("the package manager", () => {
  test.for<[string, Record<string, string>, string, object]>([
    [
      "uv by its lock file, which stands above",
      { "uv.lock": "", "backend/pyproject.toml": "[project]\n" },
      "backend",
      { manager: "uv", folder: "", file: "uv.lock", commands: ["pipx install uv", "uv sync --frozen"] },
    ],
    [
      "the nearest lock file",
      { "uv.lock": "", "api/poetry.lock": "" },
      "api",
      { manager: "poetry", folder: "api", file: "api/poetry.lock" },
    ],
    ["pdm", { "pdm.lock": "", "pyproject.toml": "" }, "", { manager: "pdm" }],
    [
      "pipenv by its lock file",
      { Pipfile: "", "Pipfile.lock": "" },
      "",
      { manager: "pipenv", commands: ["pipx install pipenv", "pipenv sync --dev"] },
    ],
    ["pipenv without one", { Pipfile: "" }, "", { manager: "pipenv", commands: ["pipx install pipenv", "pipenv install --dev"] }],
    [
      "poetry by its table",
      { "pyproject.toml": "[tool.poetry]\nname = 'x'\n" },
      "",
      { manager: "poetry", file: "pyproject.toml" },
    ],
    [
      "uv by its table",
      { "pyproject.toml": "[project]\n[tool.uv.sources]\n" },
      "",
      { manager: "uv", commands: ["pipx install uv", "uv sync"] },
    ],
    [
      "pip with the requirements that name Alembic",
      { "requirements-dev.txt": "alembic", "requirements/prod.txt": "Flask-Migrate==4\n", "requirements.txt": "flask" },
      "",
      { manager: "pip", file: "requirements/prod.txt", commands: ["python -m pip install -r requirements/prod.txt"] },
    ],
    [
      "pip with requirements.txt where none names it",
      { "requirements.txt": "-r more.txt", "requirements-lint.txt": "ruff" },
      "",
      { file: "requirements.txt" },
    ],
    [
      "pip with the project itself",
      { "pyproject.toml": "[project]\nname='x'" },
      "",
      { manager: "pip", commands: ["python -m pip install -e ."] },
    ],
    ["pip with setup.py above", { "setup.py": "", "db/alembic.ini": "" }, "db", { manager: "pip", folder: "", file: "setup.py" }],
    [
      "a pyproject.toml for tools alone is no project",
      { "pyproject.toml": "[tool.ruff]\n" },
      "",
      { manager: "pip", commands: ["python -m pip install alembic sqlalchemy psycopg2-binary"] },
    ],
    [
      "requirements with a name that a shell would read",
      { "requirements $(x).txt": "alembic" },
      "",
      { commands: ["python -m pip install -r 'requirements $(x).txt'"] },
    ],
  ])("%s", async ([, files, folder, expected]) => {
    expect(await installationOf(treeOf(files), folder)).toMatchObject(expected);
  });
});

describe("the Python version", () => {
  test.for<[string, Record<string, string>, string | undefined, object]>([
    [
      ".python-version",
      { ".python-version": "3.12.8\n", Dockerfile: "FROM python:3.9" },
      "3.11.2",
      { version: "3.12", file: ".python-version" },
    ],
    [
      "of the nearest folder",
      { ".python-version": "3.9", "api/.python-version": "cpython-3.13\n" },
      undefined,
      { version: "3.13", file: "api/.python-version" },
    ],
    ["asdf", { ".tool-versions": "nodejs 20\npython 3.11.4\n" }, undefined, { version: "3.11", file: ".tool-versions" }],
    [
      "the image that production runs on",
      { Dockerfile: "FROM node:20\nFROM docker.io/python:3.10-slim AS x\n" },
      "3.13.0",
      { version: "3.10", file: "Dockerfile" },
    ],
    ["Pipfile", { Pipfile: '[requires]\npython_version = "3.9"\n' }, undefined, { version: "3.9", file: "Pipfile" }],
    [
      "the interpreter that is there, before a mere lower bound",
      { "pyproject.toml": 'requires-python = ">=3.9"' },
      "3.12.1",
      { version: "3.12" },
    ],
    [
      "a lower bound",
      { "pyproject.toml": '[project]\nrequires-python = ">=3.10,<4"' },
      undefined,
      { version: "3.10", file: "pyproject.toml" },
    ],
    ["nothing at all", {}, undefined, { version: "3.13" }],
  ])("%s", async ([, files, running, expected]) => {
    expect(await pythonOf(treeOf(files), "api", running)).toEqual(expected);
  });
});

test("extensions are those that revisions create, and that their types need", () => {
  const sources = [
    'op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")',
    `op.execute('create extension "uuid-ossp"')`,
    'op.execute("CREATE EXTENSION \\"hstore\\"")',
    "from pgvector.sqlalchemy import Vector\nimport geoalchemy2\n",
    'op.execute("DROP EXTENSION citext")',
  ];
  expect(extensionsOf(sources.map((source) => ({ source })))).toEqual(["hstore", "pg_trgm", "postgis", "uuid-ossp", "vector"]);
});

test("example variables come from the nearest example, quotes and remarks aside, and hold no expression of a workflow", async () => {
  const tree = treeOf({
    ".env.example": "A=far\nB='b b'\n# C=1\nexport D=\"d\"\nE=e # remark\nF=${{ secrets.F }}\n",
    "api/example.env": "A=near\n",
    "tests/test.env": "G=g",
    ".env": "SECRET=1",
  });
  expect(Object.fromEntries(await exampleVariables(tree, "api"))).toEqual({ A: "near", B: "b b", D: "d", E: "e", G: "g" });
});

test("the application of Flask is what the repository says it is, then the factories of its modules", async () => {
  const tree = treeOf({
    Dockerfile: "ENV FLASK_APP=shop.wsgi:app\n",
    "shop/__init__.py": "def create_app(config=None):\n    pass\n",
    "shop/web/app.py": "def make_app():\n    pass\n",
    "shop/tests/app.py": "def create_app():\n    pass\n",
    "shop/other.py": "    def create_app():\n",
  });
  expect(await flaskApps(tree, "")).toEqual(["shop.wsgi:app", "shop:create_app", "shop.web.app:make_app"]);
});
