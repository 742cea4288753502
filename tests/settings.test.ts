import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { describe, expect, test } from "vitest";
import { Failure } from "../src/failure.ts";
import { layer, OPTIONS, readArguments, readInputs, readSettingsFile, usage, type Given } from "../src/settings.ts";
import { plain } from "../src/text.ts";
import { treeOf } from "./project/trees.ts";
import { root } from "./support/fixtures.ts";

interface Told {
  said: string;
  help: string;
  exitCode: number;
  file?: string;
  line?: number;
}

/** What a failure tells the user; anything else is thrown on. */
function told(error: unknown): Told {
  if (!(error instanceof Failure)) throw error;
  return { said: plain(error.sentence), help: plain(error.help), exitCode: error.exitCode, ...error.place };
}

async function failure(work: () => unknown): Promise<Told> {
  try {
    await work();
  } catch (error) {
    return told(error);
  }
  throw new Error("nothing was thrown");
}

const given = (...argv: string[]) => readArguments(argv).given;
const settingsOf = (files: Record<string, string>, folder = "") => readSettingsFile(treeOf(files), folder);
const toml = (source: string) => settingsOf({ "alembic-gate.toml": source });

describe("arguments", () => {
  test("nothing is given without any", () => {
    expect(readArguments([])).toEqual({ command: "check", given: {}, fix: { yes: false, merge: false } });
  });

  test("fix has flags of its own, and a folder may be called so", () => {
    expect(readArguments(["fix", "--yes", "db"])).toEqual({
      command: "fix",
      given: { directory: "db" },
      fix: { yes: true, merge: false },
    });
    expect(readArguments(["./fix"])).toMatchObject({ command: "check", given: { directory: "./fix" } });
    expect(() => readArguments(["--merge"])).toThrow("There is no flag --merge.");
  });

  test("rules and explain are commands, and a folder may be called so", () => {
    expect(readArguments(["rules"])).toMatchObject({ command: "rules", given: {} });
    expect(readArguments(["explain", "new-base"])).toMatchObject({ command: "explain", rule: "new-base", given: {} });
    expect(readArguments(["explain"]).rule).toBeUndefined();
    expect(readArguments(["hook", "a.py", "b.py"])).toMatchObject({ command: "hook", files: ["a.py", "b.py"], given: {} });
    expect(readArguments(["./rules"])).toMatchObject({ command: "check", given: { directory: "./rules" } });
  });

  test("every kind of flag", () => {
    expect(given("--base", "main", "--static", "--timeout=30", "--scope", "all", "--postgres-version", "16")).toEqual({
      base: "main",
      static: true,
      timeout: 30,
      scope: "all",
      "postgres-version": 16,
    });
  });

  test("lists are repeated, and families may be one text", () => {
    expect(given("-x", "tenant=a", "-xdata=1", "--config", "a.ini", "--config=b.ini", "--only", "graph,history")).toEqual({
      x: ["tenant=a", "data=1"],
      config: ["a.ini", "b.ini"],
      only: ["graph", "history"],
    });
  });

  test("an argument of env.py keeps its commas and equals signs", () => {
    expect(given("-x", "a=b=c,d")).toEqual({ x: ["a=b=c,d"] });
  });

  test("the folder is an argument, with or without the command", () => {
    expect(given("backend")).toEqual({ directory: "backend" });
    expect(given("check", "backend")).toEqual({ directory: "backend" });
    expect(given("check")).toEqual({});
    expect(given("./check")).toEqual({ directory: "./check" });
    expect(given("--static", "--", "--odd")).toEqual({ static: true, directory: "--odd" });
  });

  test("help and version", () => {
    expect(readArguments(["--help", "--static"]).command).toBe("help");
    expect(readArguments(["-h"]).command).toBe("help");
    expect(readArguments(["-V"]).command).toBe("version");
  });

  test.for<[string[], string, string]>([
    [["--bsae", "main"], "There is no flag --bsae.", "Did you mean --base?"],
    [["--directory", "a"], "There is no flag --directory.", "Known: --help, --version, --base"],
    [["-z"], "There is no flag -z.", "Known: --help"],
    [["--constructor"], "There is no flag --constructor.", "Known: --help"],
    [["--no-static"], "There is no flag --no-static.", "Known: --help"],
    [["--base"], "--base needs a value.", "What it means: what to compare with"],
    [["--base="], "--base needs a value.", "What it means"],
    [["--config", "--static"], "--config needs a value.", "Alembic configurations"],
    [["--static=no"], "--static takes no value.", "Leave =no out."],
    [["--timeout", "soon"], "--timeout: soon is not a whole number above zero.", "how long a migration may stand still"],
    [["--timeout", "0"], "--timeout: 0 is not a whole number above zero.", "how long"],
    [["--timeout", "1.5"], "--timeout: 1.5 is not a whole number above zero.", "how long"],
    [["--timeout=-1"], "--timeout: -1 is not a whole number above zero.", "how long"],
    [["--postgres-version", "16.4"], "--postgres-version: 16.4 is not a whole number above zero.", "major version"],
    [["--expected-heads", "99999999999999999999"], "--expected-heads: 99999999999999999999 is not", "how many heads"],
    [["--fail-on", "notice"], "--fail-on: notice is not known.", "Allowed: error, warning and never."],
    [["--only", "graph,safety"], "--only: safety is not known.", "Allowed: graph, history, run, data, drift and setup."],
    [["a", "b"], "One folder at a time, not a and b.", "--config"],
  ])("%j is refused", async ([argv, said, help]) => {
    const failed = await failure(() => readArguments(argv));
    expect(failed).toMatchObject({ exitCode: 2, said: expect.stringContaining(said), help: expect.stringContaining(help) });
  });

  test("any others are read, or refused with one helpful failure", () => {
    const word = fc.oneof(fc.string(), fc.constantFrom(...Object.keys(OPTIONS).flatMap((name) => [`--${name}`, `--${name}=`])));
    fc.assert(
      fc.property(fc.array(word), (argv) => {
        try {
          readArguments(argv);
        } catch (error) {
          const { exitCode, said, help } = told(error);
          expect([exitCode, said.endsWith("."), help.length > 0]).toEqual([2, true, true]);
        }
      }),
    );
  });
});

describe("inputs", () => {
  test("are read by their names, and empty ones are unset", () => {
    const env = {
      "INPUT_POSTGRES-VERSION": "16",
      INPUT_CONFIG: "a/alembic.ini\n\n b/alembic.ini \n",
      INPUT_STATIC: "false",
      INPUT_ONLY: "graph\nhistory, run",
      INPUT_BASE: "",
      INPUT_PYTHON: "  \n",
      INPUT_TOKEN: "secret",
      GITHUB_BASE_REF: "main",
    };
    expect(readInputs(env)).toEqual({
      "postgres-version": 16,
      config: ["a/alembic.ini", "b/alembic.ini"],
      static: false,
      only: ["graph", "history", "run"],
    });
  });

  test.for<[string, string, string, string]>([
    ["POSTGRES-VERSOIN", "16", "There is no input postgres-versoin.", "Did you mean postgres-version?"],
    ["FORMAT", "json", "There is no input format.", "Known: directory, base"],
    ["OUTPUT", "report.json", "There is no input output.", "Known: directory, base"],
    ["CONSTRUCTOR", "x", "There is no input constructor.", "Known: directory, base"],
    ["STATIC", "yes", "The input static: yes is neither true nor false.", "Allowed: true and false."],
    ["TIMEOUT", "2 minutes", "The input timeout: 2 minutes is not a whole number above zero.", "stand still"],
    ["DOWNGRADES", "never", "The input downgrades: never is not known.", "Allowed: required and optional."],
    ["ONLY", "safety", "The input only: safety is not known.", "Allowed: graph, history, run, data, drift and setup."],
  ])("%s: %s is refused", async ([name, value, said, help]) => {
    const failed = await failure(() => readInputs({ [`INPUT_${name}`]: value }));
    expect(failed).toMatchObject({ exitCode: 2, said, help: expect.stringContaining(help) });
  });
});

describe("files", () => {
  const table = (value: string) => `[tool.alembic-gate]\n${value}\n`;

  test("a file without settings, and no file", async () => {
    expect(await settingsOf({})).toEqual({ given: {} });
    expect(await settingsOf({ "pyproject.toml": "[project]\nname = 'shop'\n" })).toEqual({ given: {} });
    expect(await settingsOf({ "pyproject.toml": "[tool.ruff]\n# alembic-gate\n" })).toEqual({ given: {} });
    expect(await settingsOf({ "pyproject.toml": "this is not TOML" })).toEqual({ given: {} });
  });

  test("every setting of a project", async () => {
    const source = `
config = ["alembic.ini"]
name = ["alembic"]
x = ["tenant=a"]
python = ".venv/bin/python"
postgres-version = 16
setup-sql = "roles.sql"
baseline = "schema.sql"
baseline-revision = "3f2a"
timeout = 30
downgrades = "optional"
expected-heads = 2

[[ignore]]
rule = "missing-downgrade"
revision = "3f2a"
reason = "the rows are gone"

[[ignore]]
rule = "new-base"
reason = "a second application"
`;
    const { given, file } = await toml(source);
    expect(file).toBe("alembic-gate.toml");
    expect(layer(given)).toMatchObject({
      config: ["alembic.ini"],
      name: ["alembic"],
      x: ["tenant=a"],
      python: ".venv/bin/python",
      postgresVersion: 16,
      setupSql: ["roles.sql"],
      baseline: "schema.sql",
      baselineRevision: "3f2a",
      timeout: 30,
      downgrades: "optional",
      expectedHeads: 2,
      ignore: [
        { rule: "missing-downgrade", revision: "3f2a", reason: "the rows are gone" },
        { rule: "new-base", reason: "a second application" },
      ],
    });
  });

  test("the nearest one above the folder counts, alembic-gate.toml before pyproject.toml", async () => {
    const files = {
      "alembic-gate.toml": "timeout = 1",
      "backend/pyproject.toml": table("timeout = 2"),
      "backend/db/pyproject.toml": "[project]\nname = 'db'\n",
      "worker/alembic-gate.toml": "timeout = 3",
      "worker/pyproject.toml": table("timeout = 4"),
    };
    const timeoutIn = async (folder: string) => (await settingsOf(files, folder)).given.timeout;
    expect(await timeoutIn("")).toBe(1);
    expect(await timeoutIn("backend")).toBe(2);
    expect(await timeoutIn("backend/db/migrations")).toBe(2);
    expect(await timeoutIn("worker/db")).toBe(3);
    expect(await timeoutIn("other/place")).toBe(1);
  });

  test("an empty text is unset, and does not hide the default", async () => {
    const { given } = await toml('python = ""\ntimeout = ""\nconfig = [""]\n');
    expect(layer(given)).toMatchObject({ timeout: 120, config: [] });
    expect(layer(given)).not.toHaveProperty("python");
  });

  test.for<[string, string, string, number | undefined]>([
    ["timeout = ", "alembic-gate.toml is not TOML: ", "Mend line 1.", 1],
    ["a = 1\na = 2", "alembic-gate.toml is not TOML: ", "Mend line 2.", 2],
    ["\ntimout = 3", "There is no setting timout (alembic-gate.toml).", "Did you mean timeout?", 2],
    [
      "[tool.alembic-gate]\ntimeout = 3",
      "There is no setting tool (alembic-gate.toml).",
      "leave the line [tool.alembic-gate] out",
      undefined,
    ],
    ["toString = 3", "There is no setting toString (alembic-gate.toml).", "Known: config, name", 1],
    [
      "static = true",
      "static cannot be set in alembic-gate.toml: it belongs to a single run.",
      "Give it as --static or as an input",
      1,
    ],
    [
      "directory = 'a'",
      "directory cannot be set in alembic-gate.toml",
      "Give it as an argument or as an input of the action.",
      1,
    ],
    ["format = 'json'", "format cannot be set in alembic-gate.toml", "Give it as --format.", 1],
    ["timeout = '5s'", "timeout in alembic-gate.toml: 5s is not a whole number above zero.", "stand still", 1],
    ["timeout = 1.5", "timeout in alembic-gate.toml: 1.5 is not a whole number above zero.", "stand still", 1],
    ["timeout = true", "timeout in alembic-gate.toml: true is not a whole number above zero.", "stand still", 1],
    ["timeout = [5]", "timeout in alembic-gate.toml: [5] is not a whole number above zero.", "stand still", 1],
    ["\n\ndowngrades = 'no'", "downgrades in alembic-gate.toml: no is not known.", "Allowed: required and optional.", 3],
    ["downgrades = false", "downgrades in alembic-gate.toml: false is not a text.", "Allowed: required and optional.", 1],
    ["config = [1]", "config in alembic-gate.toml: [1] is not a list of texts.", "Alembic configurations", 1],
    ["[x]\na = 1", 'x in alembic-gate.toml: {"a":1} is not a list of texts.', "arguments for env.py", 1],
    ["python = 3.12", "python in alembic-gate.toml: 3.12 is not a text.", "interpreter", 1],
    ["ignore = 'all'", "ignore in alembic-gate.toml is not a list of tables.", "[[ignore]]", 1],
    ["ignore = ['new-base']", "ignore in alembic-gate.toml is not a list of tables.", "[[ignore]]", 1],
    ["[ignore]\nrule = 'new-base'", "ignore in alembic-gate.toml is not a list of tables.", "[[ignore]]", 1],
    ["[[ignore]]\nrule = 'new-base'", "Each ignore in alembic-gate.toml needs a rule and a reason.", "[[ignore]]", 1],
    [
      "[[ignore]]\nrule = 'new-base'\nreason = ' '",
      "Each ignore in alembic-gate.toml needs a rule and a reason.",
      "[[ignore]]",
      1,
    ],
    ["[[ignore]]\nrule = 'new-base'\nreason = 'a'\nrevision = 1", "Each ignore in alembic-gate.toml needs", "[[ignore]]", 1],
    [
      "[[ignore]]\nrule = 'new-base'\nreason = 'a'\nrevison = '1'",
      "An ignore in alembic-gate.toml has no revison",
      "[[ignore]]",
      1,
    ],
  ])("%j is refused", async ([source, said, help, line]) => {
    const failed = await failure(() => toml(source));
    const place = { file: "alembic-gate.toml", ...(line !== undefined && { line }) };
    expect(failed).toMatchObject({
      exitCode: 2,
      said: expect.stringContaining(said),
      help: expect.stringContaining(help),
      ...place,
    });
    if (line === undefined) expect(failed).not.toHaveProperty("line");
  });

  test.for<[string, string, number | undefined]>([
    ["[tool]\nalembic-gate = 5", "tool.alembic-gate in pyproject.toml is not a table.", undefined],
    ["[[tool.alembic-gate]]\ntimeout = 5", "tool.alembic-gate in pyproject.toml is not a table.", undefined],
    ["[project]\nname = 'shop'\n\n[tool.alembic-gate]\nname = 5", "name in pyproject.toml: 5 is not a list of texts.", 5],
    [
      "[tool.alembic-gate]\ntimeout = 5\n[[tool.alembic-gate.ignore]]\nrule = 'new-base'",
      "Each ignore in pyproject.toml needs",
      3,
    ],
    ["[tool.alembic-gate", "pyproject.toml is not TOML: ", 1],
  ])("%j in pyproject.toml is refused", async ([source, said, line]) => {
    const failed = await failure(() => settingsOf({ "pyproject.toml": source }));
    expect(failed).toMatchObject({ exitCode: 2, said: expect.stringContaining(said), file: "pyproject.toml" });
    expect(failed.line).toBe(line);
  });

  test("the example of an ignore can be pasted where it is shown", async () => {
    for (const [file, before] of [
      ["alembic-gate.toml", ""],
      ["pyproject.toml", "[tool.alembic-gate]\n"],
    ] as const) {
      const { help } = await failure(() => settingsOf({ [file]: `${before}ignore = 1` }));
      const { given } = await settingsOf({ [file]: before + help.replace("For example:", "") });
      expect(given.ignore).toEqual([expect.objectContaining({ rule: "leftover-after-downgrade" })]);
    }
  });

  test("any values are read, or refused with one helpful failure", async () => {
    const scalar = fc.oneof(fc.string(), fc.integer({ min: -9, max: 9 }), fc.boolean(), fc.double({ noNaN: true }));
    const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.dictionary(fc.string(), scalar, { maxKeys: 2 }));
    const name = fc.oneof(fc.constantFrom(...Object.keys(OPTIONS), "ignore"), fc.string());
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, value, { maxKeys: 3 }), async (table) => {
        try {
          await toml(stringify(table));
        } catch (error) {
          const { exitCode, said, help, file } = told(error);
          expect([exitCode, said.endsWith("."), help.length > 0, file]).toEqual([2, true, true, "alembic-gate.toml"]);
        }
      }),
    );
  });
});

describe("precedence", () => {
  test("a flag or an input is stronger than a file, and a file than the default", () => {
    const file: Given = { timeout: 30, "postgres-version": 15, config: ["a.ini"] };
    expect(layer({ timeout: 5, config: ["b.ini"] }, file)).toMatchObject({ timeout: 5, postgresVersion: 15, config: ["b.ini"] });
    expect(layer({}, {})).toMatchObject({
      timeout: 120,
      downgrades: "required",
      failOn: "error",
      scope: "changed",
      postgres: "auto",
      ignore: [],
    });
  });

  test("the defaults cannot be changed from outside", () => {
    layer().config.push("mine.ini");
    expect(layer().config).toEqual([]);
  });
});

describe("what people read", () => {
  const names = Object.entries(OPTIONS).flatMap(([name, option]) => ("atDesk" in option ? [] : [name]));

  test("format and output alone are for the command line only", () => {
    expect(Object.keys(OPTIONS).filter((name) => !names.includes(name))).toEqual(["format", "output"]);
  });

  test("action.yml lists every setting, and the token", () => {
    const action = readFileSync(path.join(root, "action.yml"), "utf8");
    const inputs = /^inputs:\n(.*?)^outputs:/ms.exec(action)![1]!;
    expect([...inputs.matchAll(/^ {2}(\S+):$/gm)].map(([, name]) => name)).toEqual([...names, "token", "check-run-id"]);
  });

  test("action.yml gives no input a default that would hide the project's own settings", () => {
    const action = readFileSync(path.join(root, "action.yml"), "utf8");
    const defaults = [...action.matchAll(/^ +default: (.*)$/gm)].map(([, value]) => value);
    expect(defaults).toEqual(["${{ github.token }}", "${{ job.check_run_id }}"]);
  });

  test("the README's table names every setting, and its text what is for the command line", () => {
    const readme = readFileSync(path.join(root, "README.md"), "utf8");
    const rows = /^\| name \| what \|\n(.*?)\n\n/ms.exec(readme)![1]!.split("\n").slice(1);
    const named = rows.flatMap((row) => [...row.split("|")[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
    expect(named.sort()).toEqual([...names].sort());
    expect(readme).toContain("--format json --output report.json");
  });

  test("the help lists every flag", () => {
    const help = usage("1.2.3");
    expect(help).toMatch(/^alembic-gate 1\.2\.3: /);
    for (const [name, option] of Object.entries(OPTIONS))
      if (name !== "directory" && !("onGitHub" in option)) expect(help).toMatch(new RegExp(`^  --${name}\\b`, "m"));
    expect(help).not.toContain("undefined");
  });
});
