import { describe, expect, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import { makeFromModels, readBaseline } from "../../src/run/baseline.ts";
import { plain } from "../../src/text.ts";
import { alembicFiles, asyncEnv, ini, revision, syncEnv } from "../support/alembic.ts";
import { drive, table } from "../support/driver.ts";
import { createDatabase } from "../support/postgres.ts";

const models = `from sqlalchemy import Column, Enum, ForeignKey, Integer
from sqlalchemy.orm import declarative_base
Base = declarative_base()
class Thing(Base):
    __tablename__ = "things"
    __table_args__ = {"schema": "store"}
    id = Column(Integer, primary_key=True)
    kind = Column(Enum("a", "b", name="kind"))
`;
const two = { a: revision("a", table("ta")), b: revision("b", { down: "a", ...table("tb") }) };
const withModels = (env: string, options = ""): string =>
  `from models import Base\n${env.replace("target_metadata=None", `target_metadata=Base.metadata${options}`)}`;
const project = (env: string, more: Record<string, string> = {}) => ({
  ...alembicFiles(two, env),
  "alembic.ini": `${ini}prepend_sys_path = .\n`,
  "models.py": models,
  ...more,
});

test.each([
  ["a synchronous env.py", withModels(syncEnv())],
  ["an asynchronous one", withModels(asyncEnv())],
  ["a transaction for each revision", withModels(syncEnv(), ", transaction_per_migration=True")],
])("the models' tables, types and schemas are made, and stand for the base branch's head: %s", async (_, env) => {
  const database = { name: "models", ...(await createDatabase()) };
  const process = await drive(project(env));
  expect(await makeFromModels({ database, base: new Set(["a"]), process })).toMatchObject({ revision: "a" });
  expect(await database.query("insert into store.things (kind) values ('b') returning id")).toEqual([{ id: 1 }]);
  expect(await database.query("select to_regclass('ta') as ta")).toEqual([{ ta: null }]);
});

describe("what is in the way is said", () => {
  const failure = async (files: Record<string, string>, base: string[]): Promise<string> => {
    const database = { name: "models", ...(await createDatabase()) };
    const process = await drive(files);
    return makeFromModels({ database, base: new Set(base), process }).then(
      () => "nothing was thrown",
      (error: unknown) => (error instanceof Failure ? `${error.exitCode}: ${plain(error.sentence)}` : String(error)),
    );
  };
  const vector = models.replace(
    "Column(Integer, primary_key=True)",
    "Column(Integer, primary_key=True, server_default=text('nothing()'))",
  );
  test.each([
    [
      "no base branch",
      project(withModels(syncEnv())),
      [],
      "2: baseline: models stands for the revisions of a base branch, and there are none to compare with.",
    ],
    [
      "two heads",
      { ...project(withModels(syncEnv())), "migrations/versions/c.py": revision("c", { down: "a" }) },
      ["a", "b", "c"],
      "2: baseline: models stands for one head, but the base branch has b and c.",
    ],
    [
      "no models",
      project(syncEnv()),
      ["a"],
      "2: baseline: models is given, but env.py gives Alembic no target_metadata, so there are no models.",
    ],
    [
      "a function that is not there",
      project(withModels(syncEnv()), { "models.py": vector.replace("import Column", "import text, Column") }),
      ["a"],
      "ProgrammingError: function nothing() does not exist",
    ],
  ])("%s", async (_, files, base, message) => {
    expect(await failure(files, base)).toContain(message);
  });

  test("the base branch's files cannot be loaded", async () => {
    const database = { name: "models", ...(await createDatabase()) };
    const made = makeFromModels({ database, base: new Set(["a"]), process: undefined });
    await expect(made).rejects.toThrow("baseline: models needs the base branch's files, and they cannot be loaded here.");
  });
});

test("a file needs its revision, the models need none", async () => {
  expect(await readBaseline("/", { baseline: "models" })).toBeUndefined();
  await expect(readBaseline("/", { baseline: "schema.sql" })).rejects.toThrow("baseline is given without baseline-revision.");
  await expect(readBaseline("/nowhere", { baseline: "schema.sql", baselineRevision: "a" })).rejects.toThrow("cannot be read");
});
