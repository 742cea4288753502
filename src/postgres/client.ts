/** Node's own connections. */
import postgres from "postgres";
import type { Connection, Server } from "./server.ts";

export type Client = postgres.Sql;

/** A client with one connection, made at the first query; over the unix socket where there is one. */
export function connect(server: Connection & Pick<Server, "socket">, database = server.database): Client {
  return postgres({
    host: server.socket ?? server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database,
    ssl: false,
    max: 1,
    connect_timeout: 10,
    fetch_types: false,
    onnotice: () => {},
    // What reads the catalog seems costly to the planner; compiling it would take seconds.
    connection: { application_name: applicationName, jit: "off" },
  });
}

export const applicationName = "alembic-gate";

/** An identifier as SQL. */
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
