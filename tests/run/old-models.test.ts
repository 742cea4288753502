/** Which differences of the models the base branch has already. */
import { expect, test } from "vitest";
import { plain } from "../../src/text.ts";
import { ini, syncEnv } from "../support/alembic.ts";
import { runItinerary } from "../support/itinerary.ts";

const env = `from models import Base\n${syncEnv().replace("target_metadata=None", "target_metadata=Base.metadata, compare_type=True")}`;
/** A model of the table `things` with these columns beside its key. */
const models = (...columns: string[]) => ({
  "alembic.ini": `${ini}prepend_sys_path = .\n`,
  "models.py": `from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import declarative_base
Base = declarative_base()
class Thing(Base):
    __tablename__ = "things"
    id = Column(Integer, primary_key=True)
${columns.map((column) => `    ${column}\n`).join("")}`,
});
const base = {
  a: {
    upgrade: 'op.create_table("things", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(10)))',
    downgrade: 'op.drop_table("things")',
  },
};
const widen = (downgrade: string) => ({
  b: { down: "a", upgrade: 'op.alter_column("things", "name", type_=sa.String(20))', downgrade },
});
const name = "name = Column(String(30))";
const told = ({ models }: Awaited<ReturnType<typeof runItinerary>>) =>
  models!.differences.map(({ change, name, old }) => `${old ? "old" : "new"}: ${change} ${name}`);

test("a touched column that differed before: seen where the downgrade has brought the base branch's database back", async () => {
  const head = widen('op.alter_column("things", "name", type_=sa.String(10))');
  expect(told(await runItinerary({ base, head, env, files: models(name) }))).toEqual(["old: differs name"]);
});

test.each([
  ["fails", "raise RuntimeError('no')"],
  ["brings nothing back", "pass"],
])("where the downgrade %s, that database is made once more", async (_, downgrade) => {
  const evidence = await runItinerary({ base, head: widen(downgrade), env, files: models(name) });
  expect(told(evidence)).toEqual(["old: differs name"]);
  expect(evidence.notes.filter(({ what }) => what.includes("models"))).toEqual([]);
});

test("where the pull request changes models, the base branch's own are asked", async () => {
  const evidence = await runItinerary({
    base,
    head: widen('op.alter_column("things", "name", type_=sa.String(10))'),
    env,
    files: models(name, "size = Column(Integer)"),
    baseFiles: models(name),
    plan: { fromBaseFiles: false, changed: ["models.py"] },
  });
  expect(told(evidence)).toEqual(["new: missing size", "old: differs name"]);
  expect(evidence.models).not.toHaveProperty("baseUnknown");
});

test("the process that was asked may then run the base branch's history", async () => {
  const evidence = await runItinerary({
    base: { a: { ...base.a, downgrade: "raise RuntimeError('never worked')" } },
    env,
    files: models(name, "size = Column(Integer)"),
    baseFiles: models(name),
    plan: { fromBaseFiles: false, changed: ["models.py"] },
  });
  expect(told(evidence)).toEqual(["new: missing size", "old: differs name"]);
  expect(evidence.onBase!.phases.find(({ id }) => id === "history-downgrade")!.stop!.raised.message).toBe("never worked");
});

test("where the base branch's models cannot be asked, what the pull request touches is taken for new, and a note says so", async () => {
  const evidence = await runItinerary({
    base: {
      ...base,
      other: {
        down: "a",
        upgrade: 'op.create_table("others", sa.Column("id", sa.Integer))',
        downgrade: 'op.drop_table("others")',
      },
    },
    env,
    files: models("size = Column(Integer)"),
    baseFiles: { "models.py": "raise ImportError('not here')\n" },
    plan: { fromBaseFiles: false, changed: ["models.py"] },
  });
  expect(told(evidence).sort()).toEqual(["new: extra name", "new: missing size", "old: extra null"]);
  expect(evidence.notes.map(({ reason }) => plain(reason))).toContain(
    "the base branch's models could not be compared: ImportError: not here",
  );
});

test("where there is no base branch, everything is new", async () => {
  const evidence = await runItinerary({ base: {}, head: base, env, files: models(name, "size = Column(Integer)") });
  expect(told(evidence)).toEqual(["new: missing size", "new: differs name"]);
});

test("where head is not reached, nothing is said of models", async () => {
  const head = { b: { down: "a", upgrade: "raise RuntimeError('no')" } };
  expect((await runItinerary({ base, head, env, files: models(name) })).models).toBeUndefined();
});

test("an autogenerate that raises is a note", async () => {
  const broken = env.replace("compare_type=True", "compare_type=True, include_object=lambda *_: 1 / 0");
  const evidence = await runItinerary({ base, env: broken, files: models(name) });
  expect(evidence.models).toBeUndefined();
  expect(evidence.notes.map(({ reason }) => plain(reason))).toEqual([
    "Alembic's autogenerate could not compare them: ZeroDivisionError: division by zero",
  ]);
});

test("on SQLite, too", async () => {
  const file = env.replace(/"postgresql[^"]*"/, '"sqlite:///things.db"');
  const files = models("name = Column(String(10))", "size = Column(Integer)");
  expect(told(await runItinerary({ base, env: file, files, sqlite: true }))).toEqual(["old: missing size"]);
});
