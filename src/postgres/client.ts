/** Node's own connections. */
import postgres from "postgres";
import type { Connection, Server } from "./server.ts";

export type Client = postgres.Sql;

interface ClientOptions {
  /** Connections that are made as they are needed, 1 by default. */
  max?: number;
  /** Seconds after which a connection that nobody uses is let go, and made again when it is needed: it keeps no program from ending. */
  idle?: number;
}

/** A client whose connection is made at the first query; over the unix socket where there is one. */
export function connect(
  server: Connection & Pick<Server, "socket">,
  database = server.database,
  { max = 1, idle }: ClientOptions = {},
): Client {
  return postgres({
    host: server.socket ?? server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database,
    ssl: false,
    max,
    ...(idle !== undefined && { idle_timeout: idle }),
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
