import { describe, expect, inject, onTestFinished, test } from "vitest";
import { startDriver, type Driver, type DriverOptions } from "../../src/run/driver.ts";
import { alembicFiles, asyncEnv, revision, syncEnv } from "../support/alembic.ts";
import { writeFiles } from "../support/files.ts";
import { createDatabase } from "../support/postgres.ts";

type Options = Partial<Omit<DriverOptions, "load">> & { load?: Partial<DriverOptions["load"]> };

/** A driver for files in a new folder. */
async function drive(files: Record<string, string>, { load, ...options }: Options = {}): Promise<Driver> {
  const root = await writeFiles(files);
  const driver = startDriver({
    python: [inject("pythons").default],
    directory: root,
    env: process.env,
    timeout: 20,
    ...options,
    load: {
      type: "load",
      config: `${root}/alembic.ini`,
      format: "ini",
      section: "alembic",
      kind: "alembic",
      x: [],
      root,
      ...load,
    },
  });
  onTestFinished(() => driver.stop());
  return driver;
}

const table = (name: string) => ({
  upgrade: `op.create_table("${name}", sa.Column("id", sa.Integer, primary_key=True))`,
  downgrade: `op.drop_table("${name}")`,
});

const two = { a: revision("a", table("ta")), b: revision("b", { down: "a", ...table("tb") }) };

describe.each(["default", "oldest"] as const)("with %s versions", (name) => {
  test.each([
    ["sync", syncEnv()],
    ["async", asyncEnv()],
  ])("%s: runs up, down and up again in one process", async (_, env) => {
    const database = await createDatabase();
    const driver = await drive(alembicFiles(two, env), { python: [inject("pythons")[name]] });
    const loaded = await driver.loaded;
    expect(loaded).toMatchObject({ order: ["a", "b"], heads: ["b"], bases: ["a"], warnings: [] });
    for (const [direction, revisions, expected] of [
      ["upgrade", ["a", "b"], ["b"]],
      ["downgrade", ["b", "a"], []],
      ["upgrade", ["a", "b"], ["b"]],
    ] as const) {
      const result = await driver.run({ direction, revisions, connection: database.connection });
      expect(result.raised).toBeUndefined();
      expect(result.steps.map((step) => [step.revision, step.ended])).toEqual(revisions.map((id) => [id, true]));
      expect(result.expected).toEqual(expected);
      const rows = await database.query("select version_num from alembic_version");
      expect(rows.map((row) => row.version_num)).toEqual(expected);
      expect(result.steps[0]!.statements).toMatchObject([
        { file: `migrations/versions/${revisions[0]}.py`, line: direction === "upgrade" ? 10 : 13 },
      ]);
      expect(result.connects).toEqual([
        { dialect: "postgresql", driver: env === syncEnv() ? "psycopg2" : "asyncpg", wanted: "db.internal:5432/app" },
      ]);
    }
  });
});
