import { describe, expect, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import { factoryEnvironment } from "../../src/project/factory.ts";
import { workTree } from "../../src/project/tree.ts";
import { writeFiles } from "../support/files.ts";

const env = "from alembic import context\n";
const find = async (files: Record<string, string>, factory: string, config: string[] = [], directory = "") =>
  factoryEnvironment(workTree(await writeFiles(files)), { factory, directory, config });
const failure = async (...given: Parameters<typeof find>): Promise<string> =>
  find(...given).then(
    () => "nothing was thrown",
    (error: unknown) => (error instanceof Failure && error.exitCode === 2 ? error.message : String(error)),
  );

test.each([
  ["app.db:make", { "app/db.py": "" }, { config: "app/db.py", directory: "" }],
  ["app.db:make", { "src/app/db.py": "" }, { config: "src/app/db.py", directory: "" }],
  [
    "app:Settings.alembic",
    { "service/src/app/__init__.py": "" },
    { config: "service/src/app/__init__.py", directory: "service" },
  ],
  ["db:make", { "backend/db.py": "", "backend/tests/db.py": "" }, { config: "backend/db.py", directory: "backend" }],
])("%s in %j", async (factory, files, expected) => {
  expect(await find({ ...files, "migrations/env.py": env }, factory)).toMatchObject({
    ...expected,
    name: factory,
    factory,
    kind: "factory",
    scriptLocation: "migrations",
    versionFolders: ["migrations/versions"],
  });
});

test("of several folders, config names the one that is meant", async () => {
  const files = { "a/db.py": "", "a/migrations/env.py": env, "b/migrations/env.py": env, "c/env.py": "unrelated" };
  expect(await failure(files, "db:make")).toBe("There are several folders with an env.py: a/migrations and b/migrations.");
  expect(await find(files, "db:make", ["b/migrations"])).toMatchObject({ scriptLocation: "b/migrations" });
  expect(await find(files, "db:make", [], "a")).toMatchObject({ scriptLocation: "a/migrations" });
});

describe("what cannot be found", () => {
  test.each([
    ["make", {}, [], "config-factory is make, which names no function."],
    ["app.db:make", { "app/other.py": "" }, [], "There is no module app.db in the repository, which config-factory names."],
    ["db:make", { "db.py": "" }, [], "There is no env.py of Alembic in the repository."],
    ["db:make", { "db.py": "" }, ["nowhere"], "There is no env.py in nowhere, which config names."],
  ])("%s in %j with %j", async (factory, files, config, message) => {
    expect(await failure(files, factory, config)).toBe(message);
  });
});
