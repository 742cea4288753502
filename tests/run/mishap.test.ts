/** A given server that takes only so many connections is no fault of the project. */
import { randomBytes } from "node:crypto";
import { expect, inject, onTestFinished, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import { plain } from "../../src/text.ts";
import { alembicFiles, asyncEnv, revision, syncEnv } from "../support/alembic.ts";
import { table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { runProject } from "../support/migrations.ts";
import { createDatabase } from "../support/postgres.ts";

/** What comes of a run whose user may have so many connections: what failed, or what the failure says. */
async function runWith(connections: number, driver = "psycopg2") {
  const user = `few_${randomBytes(4).toString("hex")}`;
  const { query } = await createDatabase();
  await query(`CREATE ROLE ${user} LOGIN CREATEDB PASSWORD 'secret' CONNECTION LIMIT ${connections}`);
  onTestFinished(async () => void (await query(`DROP OWNED BY ${user}; DROP ROLE ${user}`)));
  const upgrade = 'op.execute("ALTER TABLE ta ADD x integer")';
  const files = {
    a: revision("a", table("ta")),
    b: revision("b", { down: "a", upgrade, downgrade: 'op.execute("ALTER TABLE ta DROP x")' }),
  };
  const env = driver === "asyncpg" ? asyncEnv() : syncEnv(`"postgresql+${driver}://app:secret@db.internal/app"`);
  const root = await writeFiles(alembicFiles(files, env));
  try {
    const evidence = await runProject({
      root,
      server: Promise.resolve({ ...inject("postgres"), user, password: "secret", stop: async () => {} }),
      applied: Promise.resolve({ base: new Set(["a"]), changed: [], fromBaseFiles: false, editedDowngrades: [], sources: [] }),
    });
    return evidence!.phases.filter(({ state }) => state === "failed").map(({ id, stop }) => [id, stop?.raised.message]);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return `${error.exitCode}: ${plain(error.sentence)} ${plain(error.help ?? [])}`;
  }
}

test.each([
  [1, "psycopg2"],
  [3, "psycopg2"],
  [4, "psycopg"],
  [4, "asyncpg"],
])("%i connections, %s: the gate says so", async (connections, driver) => {
  expect(await runWith(connections, driver)).toMatch(
    /^3: The PostgreSQL server takes no more connections: too many connections for role "few_\w+"\. The gate needs a dozen of them at once/,
  );
});

test("a dozen do", async () => {
  expect(await runWith(12)).toEqual([]);
});
