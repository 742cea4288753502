/** The databases of one run: `alembic_gate_<run>_<name>`, made and dropped by us alone. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { Failure } from "../failure.ts";
import { block, code, text, type Text } from "../text.ts";
import type { Connection, Server } from "./server.ts";

/** One scratch database. */
export interface Database {
  /** As the server knows it: `alembic_gate_3f2a9c01_upgrade`. */
  name: string;
  connection: Connection;
}

type Row = Record<string, unknown>;

/** What one session in a database is doing, for the message about a phase in which nothing moves. */
export interface Session {
  statement: string;
  /** `active`, `idle in transaction`, … */
  state: string;
  /** `AccessExclusiveLock on public.users`. */
  waitingFor?: string;
  /** The statement of the session that holds it, and that session's state. */
  blockedBy?: string;
}

export interface Scratch {
  server: Server;
  /** A new database. The name is made legal and unique. */
  create(name: string): Promise<Database>;
  /** A copy of a database. Nobody may be connected to the original: who still is gets disconnected, and `say` hears it. */
  clone(from: Database, name: string): Promise<Database>;
  /** Disconnects everybody and drops it. */
  drop(database: Database): Promise<void>;
  /** Runs one statement and returns its rows; parameters are `$1`, `$2`, … */
  query<R extends Row = Row>(database: Database, sql: string, parameters?: readonly unknown[]): Promise<R[]>;
  /** The sessions in a database, ours excepted. */
  whoBlocks(database: Database): Promise<Session[]>;
  /** Names of all roles of the server; what a phase made is found by comparing. */
  roles(): Promise<string[]>;
  /** Drops the roles that are not among `keep`, with what they own in our databases; returns those that could not be dropped. */
  dropRoles(keep: readonly string[]): Promise<string[]>;
  /** Drops all databases of this run and disconnects. Safe to call twice. */
  close(): Promise<void>;
}

/** Identifiers are cut here by the server. */
const longestName = 63;

/** How long a client that has said goodbye may take to vanish, and how long one that we end may. */
const grace = { leaving: 200, ended: 10_000 };

/**
 * Opens the scratch area of one run.
 * @param say hears what was done to others, such as connections that were ended
 */
export async function openScratch(server: Server, say: (note: Text) => void = () => {}): Promise<Scratch> {
  const run = randomBytes(4).toString("hex");
  const clients = new Map<string, postgres.Sql>();
  const databases = new Map<string, Database>();

  const client = (database: string): postgres.Sql => {
    let sql = clients.get(database);
    if (!sql) clients.set(database, (sql = connect(server, database)));
    return sql;
  };
  const admin = () => client(server.database);

  const leave = async (name: string) => {
    const sql = clients.get(name);
    clients.delete(name);
    await sql?.end({ timeout: 1 });
  };

  const named = (name: string): Database => {
    const stem = `alembic_gate_${run}_${name.toLowerCase().replace(/[^a-z0-9_]+/g, "_")}`;
    let unique = stem.slice(0, longestName);
    for (let number = 2; databases.has(unique); number++) unique = `${stem.slice(0, longestName - 5)}_${number}`;
    const { host, port, user, password } = server;
    return { name: unique, connection: { host, port, user, password, database: unique } };
  };

  /** Ends all connections to a database; returns the statements of those that did not leave by themselves. */
  const empty = async (name: string): Promise<string[]> => {
    await leave(name);
    const ended = new Map<number, string>();
    for (const start = Date.now(); ; await sleep(2)) {
      const sessions = await admin()<{ pid: number; statement: string }[]>`
        select pid, coalesce(nullif(query, ''), application_name, '') as statement
        from pg_stat_activity where datname = ${name} and backend_type = 'client backend'`;
      if (sessions.length === 0) return [...ended.values()];
      const waited = Date.now() - start;
      if (waited > grace.ended) throw new Failure(3, text`Connections to ${code(name)} cannot be ended`, text`They run: ${block(sessions.map(({ statement }) => statement).join("\n"))}`);
      if (waited < grace.leaving) continue;
      for (const { pid, statement } of sessions) {
        if (ended.has(pid)) continue;
        ended.set(pid, statement);
        await admin()`select pg_terminate_backend(${pid})`;
      }
    }
  };

  const create = async (name: string, rest = ""): Promise<Database> => {
    const database = named(name);
    databases.set(database.name, database);
    try {
      await admin().unsafe(`create database ${quote(database.name)} ${rest}`);
    } catch (error) {
      databases.delete(database.name);
      throw error;
    }
    return database;
  };

  const drop = async (database: Database) => {
    await leave(database.name);
    await admin().unsafe(`drop database if exists ${quote(database.name)} with (force)`);
    databases.delete(database.name);
  };

  const roles = async (): Promise<string[]> => {
    const rows = await admin()<{ rolname: string }[]>`select rolname from pg_roles where rolname !~ '^pg_' order by rolname`;
    return rows.map(({ rolname }) => rolname);
  };

  await admin()`select 1`;
  let closing: Promise<void> | undefined;
  const close = async () => {
    for (const database of [...databases.values()]) await drop(database);
    await Promise.all([...clients.keys()].map(leave));
  };

  return {
    server,
    create: (name) => create(name),
    async clone(from, name) {
      const ended = await empty(from.name);
      if (ended.length > 0) {
        say(text`Connections that were still open on ${code(from.name)} were ended before it was copied; the last statements on them: ${block(ended.join("\n"), "sql")}`);
      }
      // Copying files beats replaying them through the log, as long as nobody waits for the disk.
      const strategy = server.major >= 15 && server.provider !== "url" ? "strategy file_copy" : "";
      return create(name, `template ${quote(from.name)} ${strategy}`);
    },
    drop,
    async query<R extends Row>(database: Database, sql: string, parameters: readonly unknown[] = []) {
      return [...(await client(database.name).unsafe<R[]>(sql, parameters as never[]))];
    },
    async whoBlocks(database) {
      const rows = await client(database.name)<{ statement: string; state: string; lock: string | null; blocker: string | null }[]>`
        select a.query as statement, coalesce(a.state, '') as state,
          (select l.mode || ' on ' || coalesce(l.relation::regclass::text, l.locktype)
             from pg_locks l where l.pid = a.pid and not l.granted limit 1) as lock,
          (select string_agg(b.query || ' (' || b.state || ')', '; ')
             from pg_stat_activity b where b.pid = any(pg_blocking_pids(a.pid))) as blocker
        from pg_stat_activity a
        where a.datname = ${database.name} and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
        order by a.backend_start`;
      return rows.map(({ statement, state, lock, blocker }) => ({
        statement,
        state,
        ...(lock === null ? {} : { waitingFor: lock }),
        ...(blocker === null ? {} : { blockedBy: blocker }),
      }));
    },
    roles,
    async dropRoles(keep) {
      const kept = new Set(keep);
      const made = (await roles()).filter((role) => !kept.has(role));
      const left: string[] = [];
      for (const role of made) {
        for (const database of databases.values()) await client(database.name).unsafe(`drop owned by ${quote(role)}`);
        await admin().unsafe(`drop role ${quote(role)}`).catch(() => left.push(role));
      }
      return left;
    },
    close: () => (closing ??= close()),
  };
}

/** An identifier as SQL. */
const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A client for one database; over the socket where there is one. */
function connect(server: Server, database: string): postgres.Sql {
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
    connection: { application_name: "alembic-gate" },
  });
}
