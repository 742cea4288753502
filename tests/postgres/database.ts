/** A server for the tests of the catalog, and the differences that statements make. */
import postgres from "postgres";
import { catalogQuery, parseCatalog, type Catalog } from "../../src/postgres/catalog.ts";
import { startServer, type Server } from "../../src/postgres/server.ts";

/** `ALEMBIC_GATE_TEST_POSTGRES=postgres://…` tests another version than the one that is installed. */
const url = process.env.ALEMBIC_GATE_TEST_POSTGRES;

export interface TestServer {
  major: number;
  /** A connection to a database, or to the one that is there from the start. */
  connect(database?: string): postgres.Sql;
  stop(): Promise<void>;
}

export async function testServer(): Promise<TestServer> {
  const open: postgres.Sql[] = [];
  const server: Pick<Server, "host" | "port" | "user" | "password" | "database" | "major" | "stop"> = url
    ? await given(url)
    : await startServer({ choice: "installed", env: process.env });
  const { host, port, user, password, major } = server;
  return {
    major,
    connect(database = server.database) {
      const sql = postgres({ host, port, user, password, database, max: 1, onnotice: () => {}, fetch_types: false });
      open.push(sql);
      return sql;
    },
    async stop() {
      await Promise.all(open.map((sql) => sql.end({ timeout: 1 })));
      await server.stop();
    },
  };
}

async function given(url: string) {
  const { hostname, port, username, password, pathname } = new URL(url);
  const sql = postgres(url, { max: 1 });
  const [row] = await sql`select current_setting('server_version_num')::int / 10000 as major`;
  await sql.end();
  return { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1), major: row!.major as number, stop: async () => {} };
}

export async function snapshot(sql: postgres.Sql): Promise<Catalog> {
  return parseCatalog(await json(sql));
}

export async function json(sql: postgres.Sql): Promise<string> {
  const rows = await sql.unsafe(catalogQuery());
  return Object.values(rows[0]!)[0] as string;
}
