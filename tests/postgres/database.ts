/** Databases for the tests of the catalog: on the shared server, or on another version of Postgres. */
import { randomBytes } from "node:crypto";
import postgres, { type Sql } from "postgres";
import { inject } from "vitest";
import { catalogQuery, parseCatalog, type Catalog } from "../../src/postgres/catalog.ts";
import type { Connection } from "../../src/postgres/server.ts";

export interface CatalogTest {
  major: number;
  /** A new database, a copy of another one where one is given, whose connections are closed for it. */
  create(template?: string): Promise<string>;
  connect(database: string): Sql;
  /** What a client of another kind needs. */
  connection(database: string): Connection;
  drop(database: string): Promise<void>;
  /** Ends the connections and drops the databases. */
  stop(): Promise<void>;
}

/** `ALEMBIC_GATE_TEST_POSTGRES=postgres://…` in the environment names another server. */
export async function openCatalogTest(): Promise<CatalogTest> {
  const at = connectionTo(process.env.ALEMBIC_GATE_TEST_POSTGRES);
  const databases = new Set<string>();
  const clients = new Map<string, Sql[]>();
  const open = (database: string) => postgres({ ...at, database, max: 1, fetch_types: false, onnotice: () => {} });
  const leave = async (database: string) => {
    await Promise.all((clients.get(database) ?? []).map((sql) => sql.end({ timeout: 1 })));
    clients.delete(database);
  };
  const admin = open(at.database);
  const drop = async (database: string) => {
    await leave(database);
    await admin.unsafe(`drop database ${database}`);
    databases.delete(database);
  };
  const [version] = await admin`select current_setting('server_version_num')::int / 10000 as major`;
  return {
    major: version!.major,
    async create(template) {
      const name = `catalog_${randomBytes(6).toString("hex")}`;
      if (template) await leave(template);
      await admin.unsafe(`create database ${name} ${template ? `template ${template}` : ""}`);
      databases.add(name);
      return name;
    },
    connect(database) {
      const sql = open(database);
      clients.set(database, [...(clients.get(database) ?? []), sql]);
      return sql;
    },
    connection: (database) => ({ ...at, database }),
    drop,
    async stop() {
      for (const database of databases) await drop(database);
      await admin.end();
    },
  };
}

function connectionTo(url: string | undefined): Connection {
  if (!url) {
    const { host, port, user, password, database } = inject("postgres");
    return { host, port, user, password, database };
  }
  const { hostname, port, username, password, pathname } = new URL(url);
  return { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) };
}

/** What the query returns, as it is. */
export async function readCatalog(sql: Pick<Sql, "unsafe">): Promise<string> {
  const [row] = await sql.unsafe<Record<string, string>[]>(catalogQuery());
  return Object.values(row!)[0]!;
}

export const snapshot = async (sql: Pick<Sql, "unsafe">): Promise<Catalog> => parseCatalog(await readCatalog(sql));
