import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { expect, inject, test } from "vitest";
import { workflow, type WorkflowFacts } from "../src/workflow.ts";
import { hostileTexts } from "./report/hostile.ts";

const facts: WorkflowFacts = {
  installations: [{ manager: "uv", folder: "", file: "uv.lock", commands: ["pipx install uv", "uv sync --frozen"] }],
  python: { version: "3.12", file: ".python-version" },
  postgres: { major: 16, image: "postgres:16", file: "compose.yml" },
  newest: 18,
  extensions: ["pg_trgm"],
  directory: "",
  variables: {},
};

interface Workflow {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: {
    "alembic-gate": {
      steps: {
        uses?: string;
        run?: string;
        with?: Record<string, unknown>;
        env?: Record<string, string>;
        "working-directory"?: string;
      }[];
      services?: Record<string, { image: string }>;
    };
  };
}

/** What a real YAML parser reads; of YAML 1.1, which takes `on` for true. */
const read = (texts: string[]) =>
  JSON.parse(
    execFileSync(
      inject("pythons")["pre-commit"],
      [
        "-c",
        "import json, sys, yaml\nprint(json.dumps([{('on' if k is True else k): v for k, v in yaml.safe_load(t).items()} for t in json.load(sys.stdin)]))",
      ],
      { input: JSON.stringify(texts), encoding: "utf8", maxBuffer: 1 << 26 },
    ),
  ) as Workflow[];
const stepsOf = (changed: Partial<WorkflowFacts>) => read([workflow({ ...facts, ...changed })])[0]!.jobs["alembic-gate"].steps;

test("a whole workflow", async () => {
  await expect(workflow(facts)).toMatchFileSnapshot("workflow.yml");
  const [parsed] = read([workflow(facts)]);
  expect(parsed!.on).toEqual({ pull_request: null, merge_group: null });
  expect(parsed!.permissions).toEqual({ contents: "read" });
});

test("actions of others are pinned to whole commits", () => {
  const foreign = stepsOf({}).flatMap(({ uses }) => (uses && !uses.startsWith("alembic-gate/") ? [uses] : []));
  expect(foreign).toHaveLength(2);
  for (const uses of foreign) expect(uses).toMatch(/^actions\/[\w-]+@[0-9a-f]{40}$/);
});

test("packages are installed where their file lies", () => {
  const installations = [
    { manager: "poetry" as const, folder: "api", commands: ["pipx install poetry", "poetry install"] },
    { manager: "pip" as const, folder: "", commands: ["python -m pip install -r 'a b.txt'"] },
  ];
  expect(stepsOf({ installations }).slice(2, -1)).toEqual([
    { run: "pipx install poetry", "working-directory": "api" },
    { run: "poetry install", "working-directory": "api" },
    { run: "python -m pip install -r 'a b.txt'" },
  ]);
});

test("a version is a text, and a file that says it is named", () => {
  expect(stepsOf({ python: { version: "3.10" } })[1]!.with).toEqual({ "python-version": "3.10" });
  expect(stepsOf({ python: { version: "3.10", file: "api/.python-version" } })[1]!.with).toEqual({
    "python-version-file": "api/.python-version",
  });
});

test("an extension that Postgres does not bring makes a service of an image that does, the repository's own if it is one", () => {
  const of = (changed: Partial<WorkflowFacts>) => read([workflow({ ...facts, ...changed })])[0]!.jobs["alembic-gate"];
  const usual = of({ extensions: ["vector"] });
  expect(usual.services!.postgres!.image).toBe("pgvector/pgvector:pg16");
  expect(usual.steps.at(-1)!.with).toEqual({ postgres: "postgresql://postgres:postgres@localhost:5432/postgres" });
  const own = of({ extensions: ["postgis"], postgres: { major: 15, image: "postgis/postgis:15-3.4", file: "c.yml" } });
  expect(own.services!.postgres!.image).toBe("postgis/postgis:15-3.4");
  expect(of({ extensions: ["pg_trgm", "hstore"] }).services).toBeUndefined();
});

test("without a major the newest is taken, and the file says so", () => {
  const { postgres: _, ...without } = facts;
  expect(workflow(without)).toContain(
    "postgres-version: 18 # nothing in the repository says which major production runs: set it",
  );
});

test("names and values of strangers stay what they are", () => {
  const all = hostileTexts.filter((text) => !/[\ud800-\udfff]/.test(text));
  const texts = all.map((text) =>
    workflow({
      ...facts,
      directory: `a${text}`,
      python: { version: "3.12", file: `${text}/Dockerfile` },
      postgres: { major: 16, image: text, file: text },
      installations: [{ manager: "pip", folder: `b${text}`, commands: [`echo ${text}`] }],
      variables: { NAME: text },
    }),
  );
  read(texts).forEach((parsed, index) => {
    const { steps } = parsed.jobs["alembic-gate"];
    expect(steps).toHaveLength(4);
    expect(steps[2]).toEqual({ run: `echo ${all[index]}`, "working-directory": `b${all[index]}` });
    expect(steps[3]!.with!.directory).toBe(`a${all[index]}`);
    expect(steps[3]!.env).toEqual({ NAME: all[index] });
  });
  fc.assert(
    fc.property(fc.string({ unit: "grapheme-ascii" }), (text) => {
      expect(workflow({ ...facts, postgres: { major: 1, image: "", file: text } }).split("\n")).toHaveLength(
        workflow(facts).split("\n").length,
      );
    }),
  );
});
