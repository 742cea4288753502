import { expect, inject, onTestFinished, test } from "vitest";
import type { Catalog } from "../../src/postgres/catalog.ts";
import { compareCatalogs } from "../../src/postgres/compare.ts";
import { openScratch } from "../../src/postgres/scratch.ts";
import { openLaboratory } from "../../src/run/laboratory.ts";
import { alembicFiles, asyncEnv, revision, syncEnv } from "../support/alembic.ts";
import { drive, table } from "../support/driver.ts";
import { phase } from "../support/evidence.ts";

async function open(env = syncEnv()) {
  const scratch = await openScratch({ ...inject("postgres"), stop: async () => {} });
  onTestFinished(() => scratch.close());
  const sql = (...statements: string[]) => statements.map((statement) => `op.execute("${statement}")`).join("\n");
  const kinds = {
    upgrade: sql("CREATE TYPE kind AS ENUM ('x')", "ALTER TABLE ta ADD k kind DEFAULT 'x'"),
    downgrade: sql("ALTER TABLE ta DROP k", "DROP TYPE kind"),
  };
  const names = {
    upgrade: sql("ALTER TABLE ta RENAME TO tz", "CREATE VIEW v AS SELECT k FROM tz"),
    downgrade: sql("DROP VIEW v", "ALTER TABLE tz RENAME TO ta"),
  };
  const revisions = {
    a: revision("a", table("ta")),
    b: revision("b", { down: "a", ...kinds }),
    c: revision("c", { down: "b", ...names }),
    d: revision("d", { down: "c" }),
  };
  const evidence = { foreign: [] };
  const lab = await openLaboratory(
    scratch,
    () => drive(alembicFiles(revisions, env)),
    evidence,
    () => {},
  );
  onTestFinished(() => lab.stop());
  return { scratch, lab, evidence };
}

test.for([
  ["psycopg2", syncEnv()],
  ["asyncpg", asyncEnv()],
] as const)("what is seen inside the open transaction of %s is what is committed", async ([dbapi, env]) => {
  const { scratch, lab, evidence } = await open(env);
  const order = ["a", "b", "c", "d"];
  const together = await scratch.create("together");
  const alone = await scratch.create("alone");
  await lab.run(phase("prepare"), together, { own: true });
  for (const direction of ["upgrade", "downgrade"] as const) {
    const planned = direction === "upgrade" ? order : [...order].reverse();
    const open = new Map<string, Catalog>();
    expect(
      await lab.run(phase(direction, { planned }), together, { own: true, after: (id, catalog) => open.set(id, catalog) }),
    ).toBe(true);
    open.set(planned.at(-1)!, await lab.snapshot(together));
    expect([...open.keys()]).toEqual(planned);
    for (const id of planned) {
      expect(await lab.run(phase(direction, { planned: [id] }), alone, { own: true })).toBe(true);
      expect(compareCatalogs(await lab.snapshot(alone), open.get(id)!)).toEqual([]);
    }
  }
  expect(evidence).toEqual({ foreign: [], dbapi, dialect: "postgresql", hasModels: false });
});

test("a phase that goes wrong is recorded as far as it came", async () => {
  const { scratch, lab } = await open();
  const database = await scratch.create("wrong");
  await scratch.query(database, "CREATE VIEW v AS SELECT 1");
  const record = phase("upgrade", { planned: ["a", "b", "c", "d"] });
  expect(await lab.run(record, database, { own: false })).toBe(false);
  expect(record).toMatchObject({
    state: "failed",
    stop: { revision: "c", raised: { sqlstate: "42P07" } },
    rows: { found: ["b"], expected: ["b"] },
  });
  expect(record.steps.map(({ revision, ended }) => [revision, ended])).toEqual([
    ["a", true],
    ["b", true],
    ["c", false],
  ]);
});

test("a revision is stamped once", async () => {
  const { scratch, lab } = await open();
  const database = await scratch.create("stamped");
  await lab.run(phase("prepare"), database, { own: true });
  await lab.stamp(database, "b");
  await lab.stamp(database, "c");
  expect(await scratch.query(database, "SELECT version_num FROM alembic_version")).toEqual([{ version_num: "b" }]);
});

test("which lines run is told of the pull request's phases alone, until all have run", async () => {
  const { scratch, lab } = await open();
  const database = await scratch.create("lines");
  const told = async (id: Parameters<typeof phase>[0], planned: string[]) => {
    const record = phase(id, { planned });
    await lab.run(record, database, { own: true });
    return record.steps.map(({ lines }) => lines && lines.ran.length > 0 && lines.every.length === lines.ran.length);
  };
  expect(await told("prepare", [])).toEqual([]);
  expect(await told("base", ["a"])).toEqual([undefined]);
  expect(await told("upgrade", ["b", "c"])).toEqual([true, true]);
  expect(await told("downgrade", ["c", "b"])).toEqual([true, true]);
  expect(await told("rows-upgrade", ["b", "c"])).toEqual([undefined, undefined]);
});
