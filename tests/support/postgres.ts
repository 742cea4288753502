/** Databases on the server that the whole suite shares; each test makes its own. */
import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { inject, onTestFinished } from "vitest";
import type { Connection } from "../../src/postgres/server.ts";

export interface TestDatabase {
  connection: Connection;
  /** Runs SQL as text, several statements at once if there are no parameters. */
  query(sql: string, parameters?: readonly string[]): Promise<Record<string, unknown>[]>;
}

/** A database of the running test, dropped when it ends. */
export async function createDatabase(): Promise<TestDatabase> {
  const { host, port, user, password, database } = inject("postgres");
  const name = `test_${randomBytes(6).toString("hex")}`;
  const options = { host, port, user, password, max: 1, fetch_types: false, onnotice: () => {} };
  const admin = postgres({ ...options, database });
  await admin.unsafe(`create database ${name}`);
  const sql = postgres({ ...options, database: name });
  onTestFinished(async () => {
    await sql.end();
    await admin.unsafe(`drop database ${name} with (force)`);
    await admin.end();
  });
  return {
    connection: { host, port, user, password, database: name },
    query: async (text, parameters = []) => [...(await sql.unsafe(text, [...parameters]))],
  };
}
