/** A server that the user runs and gives us by its URL. We make and drop databases of our own on it, and touch nothing else. */
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { block, code, text, type Text } from "../text.ts";
import { connect, type Client } from "./client.ts";
import { oldestMajor } from "./installed.ts";
import type { Connection, Server } from "./server.ts";

/** How long a server that is just starting is waited for, as a service beside a job may be. */
const STARTING_SECONDS = 15;

/** What a server, or what stands before it, says while it starts: cannot_connect_now, and connections that are cut. */
const STARTING = new Set(["57P03", "ECONNRESET", "CONNECTION_CLOSED"]);

/**
 * Reaches the server behind a URL: `postgres://user:password@host:port/database`. The password may be in PGPASSWORD instead.
 * @throws Failure: 2 for a URL that cannot be used, 3 where the server cannot; none names the password
 */
export async function useGiven(url: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Server> {
  const connection = parseUrl(url, env);
  const client = connect(connection);
  const abort = () => void client.end({ timeout: 0 }).catch(() => {});
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const { version, number, may, standby } = await ask(client, connection, signal);
    const major = Math.floor(number / 10_000);
    const where = text`${code(`${connection.host}:${connection.port}`)}`;
    if (major < oldestMajor) {
      throw new Failure(
        3,
        text`The server at ${where} is PostgreSQL ${code(version)}, which is too old: the gate needs ${oldestMajor} or newer.`,
        text`Give the URL of a newer one.`,
      );
    }
    if (standby)
      throw new Failure(
        3,
        text`The server at ${where} is a standby, on which nothing can be written.`,
        text`Give the URL of its primary, or of a server for tests.`,
      );
    if (!may) {
      throw new Failure(
        3,
        text`The user ${code(connection.user)} may not create databases on the server at ${where}.`,
        text`The gate runs the migrations in databases of its own, named ${code("alembic_gate_*")}. Let a superuser allow it:${block(`ALTER ROLE "${connection.user.replaceAll('"', '""')}" CREATEDB;`, "sql")}`,
      );
    }
    return { ...connection, version: version.split(" ")[0] ?? version, major, provider: "url", stop: async () => {} };
  } finally {
    signal?.removeEventListener("abort", abort);
    await client.end({ timeout: 1 });
  }
}

interface Answer {
  version: string;
  number: number;
  may: boolean;
  standby: boolean;
}

async function ask(client: Client, { host, port }: Connection, signal?: AbortSignal): Promise<Answer> {
  for (const deadline = Date.now() + STARTING_SECONDS * 1000; ; await sleep(250, undefined, signal ? { signal } : {})) {
    signal?.throwIfAborted();
    try {
      const [answer] = await client<Answer[]>`
        select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
          (select rolcreatedb or rolsuper from pg_roles where rolname = current_user) as may, pg_is_in_recovery() as standby`;
      if (answer) return answer;
    } catch (error) {
      signal?.throwIfAborted();
      const { code: reason = "", message } = error as Error & { code?: string };
      if (STARTING.has(reason) && Date.now() < deadline) continue;
      throw new Failure(
        3,
        text`The PostgreSQL server at ${code(`${host}:${port}`)} cannot be used: ${code(message)}.`,
        adviceFor(reason, host),
      );
    }
  }
}

function adviceFor(reason: string, host: string): Text {
  if (reason.startsWith("28"))
    return text`Check the user and the password in the URL of ${code("--postgres")}, and the server's ${code("pg_hba.conf")}; the gate connects without TLS.`;
  if (reason === "3D000")
    return text`Name a database that exists at the end of the URL, such as ${code("postgres")}; the gate only connects to it to create others.`;
  if (host === "localhost" || host === "127.0.0.1") {
    return text`Is the server running, and is its port published? A service of a job needs ${code('ports: ["5432:5432"]')}; a job that runs in a container reaches it by the service's name instead of ${code("localhost")}.`;
  }
  return text`Is the server running, and can this machine reach it? Without it, ${code("--postgres auto")} brings a server of its own.`;
}

const SHAPE = "postgres://user:password@host:5432/postgres";

const wrong = (sentence: Text) =>
  new Failure(2, sentence, text`It has this shape: ${code(SHAPE)}. Special characters in the password are percent-encoded.`);

/** @throws Failure (exit code 2) for a URL that cannot be used */
export function parseUrl(given: string, env: NodeJS.ProcessEnv): Connection {
  let url: URL;
  let decoded: { user: string; password: string; database: string };
  try {
    url = new URL(given);
    decoded = {
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: decodeURIComponent(url.pathname.slice(1)),
    };
  } catch {
    throw wrong(text`The URL given as ${code("--postgres")} cannot be read.`);
  }
  const mode = url.searchParams.get("sslmode");
  if (mode && !["disable", "allow", "prefer"].includes(mode)) {
    throw wrong(
      text`The URL given as ${code("--postgres")} asks for TLS (${code(`sslmode=${mode}`)}), which the gate does not speak: it is meant for a server beside it.`,
    );
  }
  const host = (url.searchParams.get("host") ?? url.hostname).replace(/^\[(.*)\]$/, "$1");
  if (host === "" || host.includes("/"))
    throw wrong(text`The URL given as ${code("--postgres")} names no host: the database drivers need TCP.`);
  if (decoded.user === "") throw wrong(text`The URL given as ${code("--postgres")} names no user.`);
  return {
    host,
    port: Number(url.port || url.searchParams.get("port") || 5432),
    user: decoded.user,
    password: decoded.password || (env.PGPASSWORD ?? ""),
    database: decoded.database || "postgres",
  };
}
