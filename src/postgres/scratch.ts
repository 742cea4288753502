/** The databases of one run: `alembic_gate_<run>_<name>`, made and dropped by us alone. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { roomInMemory } from "../memory.ts";
import { block, code, listOf, text, type Text } from "../text.ts";
import { catalogQuery, parseCatalog, type Catalog } from "./catalog.ts";
import { applicationName, connect, quote, type Client } from "./client.ts";
import type { Connection, Server } from "./server.ts";

/** One scratch database. */
export interface Database {
  /** As the server knows it: `alembic_gate_3f2a9c01_upgrade`. */
  name: string;
  connection: Connection;
}

type Row = Record<string, unknown>;

/** What one session in a database is doing, to explain a phase in which nothing moves. */
interface Session {
  statement: string;
  /** `active`, `idle in transaction`, … */
  state: string;
  /** `AccessExclusiveLock on users`. */
  waitingFor?: string;
  /** The last statement of each session that is in the way, with its state. */
  blockedBy?: string;
}

/** What a given server had before a run began, or has of others, and keeps a role from being made or dropped. */
export interface InTheWay {
  role: string;
  /** Those in which something is the role's, or it may do something; none: the role itself was there before. */
  databases: string[];
}

export interface Scratch {
  dialect: "postgresql" | "sqlite";
  server: Server;
  /** All databases are in one cluster: they share its roles, and nobody may be connected to one that is copied. */
  inOne: boolean;
  /** Reads a database's whole catalog, as text. */
  readCatalog(database: Database): Promise<string>;
  /** Lets the server think of how to read it while something else runs, which takes it longer than the reading; never fails. */
  expectReading?(database: Database): void;
  /** The statement that reads it on whatever connection (one row, one column), and what makes a Catalog of that text. */
  catalogQuery(): string;
  parseCatalog(json: string): Catalog;
  /** Tables with one of these names, in any schema. */
  tables(database: Database, names: readonly string[]): Promise<{ schema: string; name: string }[]>;
  /** A new, empty database. The name is made legal and unique. */
  create(name: string): Promise<Database>;
  /**
   * A database with all that another has now. In clusters of their own, neither sees roles and settings that are made or dropped in the
   * other; in one cluster, whoever is still connected to the original is disconnected.
   */
  clone(from: Database, name: string): Promise<Database>;
  /** Disconnects everybody and drops it; what is gone already may be dropped again. */
  drop(database: Database): Promise<void>;
  /** Runs SQL: one statement with parameters `$1`, `$2`, …, or several without. Returns the rows; arrays and numbers beyond 32 bits are text. */
  query<R extends Row = Row>(database: Database, sql: string, parameters?: readonly unknown[]): Promise<R[]>;
  /** Only where env.py opens several databases: see src/run/several.ts. */
  connectionFor?(database: Database, place: string): Promise<Connection>;
  /** The name that tells a place's database apart in what is reported; none for the first. */
  labelFor?(database: Database, place: string): string;
  parts?(database: Database): { label: string; place?: string; database: Database }[];
  /** The sessions in a database that are in the midst of something, and what they wait for. */
  whoBlocks(database: Database): Promise<Session[]>;
  /** The roles that the database's server knows, sorted; the built-in ones aside. */
  roles(database: Database): Promise<string[]>;
  /** What the words of an error that a given server raised name as in the way and is none of ours; undefined where they name nothing else. */
  inTheWay?(error: { message: string; sqlstate?: string }): InTheWay | undefined;
  /** Drops all databases of this run, to begin anew; on a given server also the roles made since the run began that `isOurs` knows. */
  restart(isOurs: (role: string) => boolean): Promise<void>;
  /** Disconnects and drops all databases of this run; on a server of our own they go with it. Safe to call twice. */
  close(): Promise<void>;
  /**
   * Databases of one cluster of our own: whether one of them may have met another one's doings. Something that belongs to none of them was
   * made or set, or somebody had to leave one for a copy.
   */
  haveMet?(): Promise<boolean>;
}

export interface ScratchOptions {
  /** On a server of our own, all databases are in its cluster, which nobody else has: a copy takes a third of the time there. See `haveMet`. */
  together?: boolean;
  /** Hears what was done to others and what stays behind. */
  say?: (note: Text) => void;
  /** Ends all running queries; what is there is then still dropped by `close`. */
  signal?: AbortSignal;
}

/** Longer identifiers are cut by the server. */
const LONGEST_NAME = 63;

/** The statement that reads a catalog, as our sessions know it. */
const READING = "alembic_gate_catalog";
const UNKNOWN_STATEMENT = "26000";

/** Milliseconds: a client that said goodbye takes a moment to vanish, one that we end a little longer. */
const LEAVING = 200;
const ENDED = 10_000;

/** So many databases that nobody needs any more stay in a cluster of our own until it ends: making room takes time from the others. */
const LEFT = 8;

/** Unless there is less room than this in memory, where the cluster may be; bytes. */
const SCARCE = 2 ** 30;

/** All runs of this process: they may share a given server. */
const runs = new Set<string>();
const nameOfRun = (run: string): string => `alembic_gate_${run}_`;

/** Servers of our own that somebody has: what is in one cluster shares its roles. */
const taken = new WeakSet<Server>();

/** A cluster that nobody has: the server's own where that is free, else one like it. */
export async function clusterOn(server: Server): Promise<Server> {
  const home = server.another && taken.has(server) ? await server.another("empty") : server;
  taken.add(home);
  return home;
}

/** Opens the scratch area of one run on a server. */
export async function openScratch(
  server: Server,
  { together = false, say = () => {}, signal }: ScratchOptions = {},
): Promise<Scratch> {
  const run = randomBytes(4).toString("hex");
  runs.add(run);
  const isGiven = !server.another;
  const isTogether = together && !isGiven;
  const inOne = isGiven || isTogether;
  /** Where each database is, by its name. */
  const homes = new Map<string, Server>();
  const clients = new Map<Server, Map<string, Client>>();
  const names = new Set<string>();
  const { roles: rolesBefore, copying } = isGiven
    ? await withClient(server, (client) => aboutGiven(client, server.major))
    : { roles: [], copying: byFile(server.major) };

  const clientOf = (home: Server, database = home.database): Client => {
    if (home.admin && database === home.database && !inOne) return home.admin;
    const ofHome = clients.get(home) ?? new Map<string, Client>();
    clients.set(home, ofHome);
    // Databases are made and dropped side by side.
    const client = ofHome.get(database) ?? connect(home, database, database === home.database ? { max: 2 } : {});
    ofHome.set(database, client);
    return client;
  };
  const homeOf = ({ name }: Database): Server => {
    const home = homes.get(name);
    if (!home) throw new Error(`${name} is not a database of this run`);
    return home;
  };
  const leave = async (home: Server, database: string) => {
    const client = clients.get(home)?.get(database);
    clients.get(home)?.delete(database);
    await client?.end({ timeout: 1 });
  };
  const leaveAll = async (timeout: number) => {
    const all = [...clients.values()].flatMap((ofHome) => [...ofHome.values()]);
    clients.clear();
    await Promise.all(all.map((client) => client.end({ timeout })));
  };

  const register = (home: Server, wanted: string): Database => {
    const stem = `${nameOfRun(run)}${wanted.toLowerCase().replace(/[^a-z0-9_]+/g, "_")}`;
    let name = stem.slice(0, LONGEST_NAME);
    for (let number = 2; names.has(name); number++) name = `${stem.slice(0, LONGEST_NAME - 4)}_${number}`;
    names.add(name);
    homes.set(name, home);
    const { host, port, user, password } = home;
    return { name, connection: { host, port, user, password, database: name } };
  };

  /** Clients that know how to read a catalog. */
  const readers = new WeakMap<Client, Promise<unknown>>();
  const readerOf = (client: Client): Promise<unknown> => {
    const planned =
      readers.get(client) ??
      client.unsafe(`prepare ${READING} as ${catalogQuery()}`).then(() => client.unsafe(`explain execute ${READING}`));
    readers.set(client, planned);
    return planned;
  };

  /** Waits until nobody is connected to a database and ends who stays; returns what those did last. */
  const empty = async (home: Server, database: string): Promise<string[]> => {
    await leave(home, database);
    const ended = new Map<number, string>();
    for (const start = Date.now(); ; await sleep(2)) {
      const sessions = await clientOf(home)<{ pid: number; statement: string }[]>`
        select pid, coalesce(nullif(query, ''), application_name, '') as statement
        from pg_stat_activity where datname = ${database} and backend_type = 'client backend'`;
      if (sessions.length === 0) return [...ended.values()];
      const waited = Date.now() - start;
      if (waited > ENDED) {
        throw new Failure(
          3,
          text`Connections to the scratch database ${code(database)} cannot be ended.`,
          text`They run: ${block(sessions.map(({ statement }) => statement).join("\n"), "sql")}`,
        );
      }
      if (waited < LEAVING) continue;
      for (const { pid, statement } of sessions) {
        if (ended.has(pid)) continue;
        ended.set(pid, statement);
        await clientOf(home)`select pg_terminate_backend(${pid})`;
      }
    }
  };

  /** Runs `work` with a server for one new database; gives the server up again where that fails. */
  const settle = async (home: Server, name: string, work: (database: Database) => Promise<unknown>): Promise<Database> => {
    const database = register(home, name);
    try {
      await work(database);
      return database;
    } catch (error) {
      homes.delete(database.name);
      await release(home);
      throw error;
    }
  };
  const release = async (home: Server) => {
    if (home === server) return;
    const leaving = [...(clients.get(home)?.keys() ?? [])].map((database) => leave(home, database));
    clients.delete(home);
    await Promise.all([...leaving, home.stop()]);
  };

  /** What is being made; once the end has begun, nothing is any more. */
  const coming = new Set<Promise<Database>>();
  let ending = false;
  const making = (work: () => Promise<Database>): Promise<Database> => {
    if (ending) return Promise.reject(new Error("the run is over"));
    const made = work();
    coming.add(made);
    return made.finally(() => coming.delete(made));
  };

  const create = async (name: string): Promise<Database> => {
    const home = inOne ? server : await clusterOn(server);
    return settle(home, name, (database) => clientOf(home).unsafe(`create database ${quote(database.name)}`));
  };
  /** Somebody was disconnected for a copy. */
  let haveLeft = false;
  const clone = async (from: Database, name: string): Promise<Database> => {
    const original = homeOf(from);
    if (!inOne) {
      const home = await original.another!("same");
      taken.add(home);
      return settle(home, name, (database) =>
        clientOf(home).unsafe(`alter database ${quote(from.name)} rename to ${quote(database.name)}`),
      );
    }
    const ended = await empty(original, from.name);
    haveLeft ||= ended.length > 0;
    if (isGiven && ended.length > 0) {
      say(
        text`Connections that the project left open on ${code(from.name)} were ended, since it had to be copied. What they did last: ${block(ended.join("\n"), "sql")}`,
      );
    }
    return settle(original, name, (database) =>
      clientOf(original).unsafe(`create database ${quote(database.name)} template ${quote(from.name)}${copying}`),
    );
  };

  const remove = async (database: Database, home: Server) => {
    const left = leave(home, database.name);
    if (home === server) await clientOf(home).unsafe(`drop database if exists ${quote(database.name)} with (force)`);
    await Promise.all([left, release(home)]);
  };
  /** What nobody needs any more in a cluster of our own, the oldest first. */
  const unneeded: Database[] = [];
  const removeOldest = async (database: Database) => {
    unneeded.push(database);
    await leave(server, database.name);
    if (unneeded.length > LEFT || roomInMemory() < SCARCE) await remove(unneeded.shift()!, server);
    else await clientOf(server)`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${database.name}`;
  };
  /** What is being dropped, or was. */
  const going = new Map<string, Promise<void>>();
  const drop = (database: Database): Promise<void> => {
    const { name } = database;
    const home = homes.get(name);
    const gone = going.get(name) ?? (home ? (isTogether ? removeOldest : remove)(database, home) : Promise.resolve());
    homes.delete(name);
    going.set(name, gone);
    return gone;
  };

  const dropAll = (databases: [name: string, home: Server][]) =>
    Promise.all(databases.map(([name, home]) => drop({ name, connection: { ...home, database: name } })));
  /** The roles of a given server that were not there when the run began. */
  const madeRoles = async () => (await rolesOf(clientOf(server))).filter((role) => !rolesBefore.includes(role));

  const abort = () => void leaveAll(0).catch(() => {});
  signal?.addEventListener("abort", abort, { once: true });

  const end = async () => {
    signal?.removeEventListener("abort", abort);
    ending = true;
    await Promise.allSettled(coming);
    if (!isGiven) {
      // Our own server takes its databases and its copies with it when it stops; those need not wait for it.
      for (const home of homes.values()) void release(home).catch(() => {});
      await leaveAll(0);
      return;
    }
    await dropAll([...homes]);
    await Promise.allSettled(going.values());
    const made = await madeRoles();
    if (made.length > 0) say(text`Roles belong to the whole server, so these stay there: ${listOf(made)}`);
    await leaveAll(1);
  };
  let closing: Promise<void> | undefined;

  return {
    dialect: "postgresql",
    server,
    inOne,
    async readCatalog(database) {
      const client = clientOf(homeOf(database), database.name);
      const read = async () => {
        await readerOf(client);
        const [row] = await client.unsafe<Record<string, string>[]>(`execute ${READING}`);
        return Object.values(row!)[0]!;
      };
      return read().catch((error: { code?: string }) => {
        if (error.code !== UNKNOWN_STATEMENT) throw error;
        // SQL of the project, or another connection, made the session forget it.
        readers.delete(client);
        return read();
      });
    },
    expectReading: (database) => void readerOf(clientOf(homeOf(database), database.name)).catch(() => {}),
    catalogQuery,
    parseCatalog,
    async tables(database, names) {
      const rows = await clientOf(homeOf(database), database.name).unsafe<{ schema: string; name: string }[]>(
        `SELECT n.nspname AS schema, c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND c.relname = ANY (string_to_array($1, chr(10)))`,
        [names.join("\n")],
      );
      return [...rows];
    },
    create: (name) => making(() => create(name)),
    clone: (from, name) => making(() => clone(from, name)),
    drop,
    async query<R extends Row>(database: Database, sql: string, parameters?: readonly unknown[]) {
      const client = clientOf(homeOf(database), database.name);
      if (!parameters) return [...(await client.unsafe<R[]>(sql))];
      return [...(await client.unsafe<R[]>(sql, parameters as never[], { prepare: true }))];
    },
    // A connection of its own: ours may be what is blocked.
    whoBlocks: (database) => withClient({ ...homeOf(database), database: database.name }, sessionsOf),
    roles: (database) => rolesOf(clientOf(homeOf(database))),
    ...(isGiven && { inTheWay: (error: { message: string; sqlstate?: string }) => inTheWay(error, rolesBefore) }),
    async restart(isOurs) {
      await dropAll([...homes]);
      if (!isGiven) return;
      for (const role of await madeRoles()) {
        // One that something in a database of somebody else belongs to stays.
        if (isOurs(role))
          await clientOf(server)
            .unsafe(`drop role ${quote(role)}`)
            .catch(() => {});
      }
    },
    close: () => (closing ??= end()),
    ...(isTogether && { haveMet: async () => haveLeft || hasMore(clientOf(server)) }),
  };
}

async function withClient<T>(server: Server, work: (client: Client) => Promise<T>): Promise<T> {
  const client = connect(server);
  try {
    return await work(client);
  } finally {
    await client.end({ timeout: 1 });
  }
}

/** The first object identifier that initdb leaves to others. */
const FIRST_OID = 16_384;

/** Whether a cluster of our own has more that belongs to the whole server than initdb makes, and databases of ours. */
async function hasMore(client: Client): Promise<boolean> {
  const [row] = await client<{ more: boolean }[]>`
    select exists (select from pg_authid where oid >= ${FIRST_OID})
      or exists (select from pg_auth_members where member >= ${FIRST_OID} or member = 'postgres'::regrole)
      or exists (select from pg_db_role_setting)
      or exists (select from pg_tablespace where oid >= ${FIRST_OID})
      or exists (select from pg_subscription)
      or exists (select from pg_replication_slots)
      or exists (select from pg_file_settings where sourcefile like '%/postgresql.auto.conf')
      or exists (select from pg_database where oid >= ${FIRST_OID} and (not starts_with(datname, 'alembic_gate_')
        or datacl is not null or datconnlimit <> -1 or not datallowconn or shobj_description(oid, 'pg_database') is not null))
      as more`;
  return row!.more;
}

/** How a server copies a database soonest where it waits for no disk: file by file. */
const byFile = (major: number): string => (major >= 15 ? " strategy file_copy" : "");

/** The roles of a server that was given, and how it copies a database soonest. */
async function aboutGiven(client: Client, major: number): Promise<{ roles: string[]; copying: string }> {
  const [settings] = await client<{ quick: boolean }[]>`select current_setting('fsync') = 'off' as quick`;
  return { roles: await rolesOf(client), copying: settings!.quick ? byFile(major) : "" };
}

async function rolesOf(client: Client): Promise<string[]> {
  const rows = await client<{ name: string }[]>`select rolname as name from pg_roles where rolname !~ '^pg_' order by rolname`;
  return rows.map(({ name }) => name);
}

/** @param rolesBefore those of the server when the run began */
function inTheWay(
  { message, sqlstate }: { message: string; sqlstate?: string },
  rolesBefore: readonly string[],
): InTheWay | undefined {
  if (sqlstate === "42710") {
    const role = /^role "(.+)" already exists/.exec(message)?.[1];
    return role !== undefined && rolesBefore.includes(role) ? { role, databases: [] } : undefined;
  }
  const [, role, detail] = (sqlstate === "2BP01" && /^role "(.+)" cannot be dropped.*\nDETAIL:\s+([^]+)/.exec(message)) || [];
  if (role === undefined || detail === undefined) return undefined;
  const databases = new Set<string>();
  for (const line of detail
    .split(/\n(?=HINT:|CONTEXT:|QUERY:|LINE )/)[0]!
    .trim()
    .split("\n")) {
    const [, what, database] = /^(\d+ objects? in|owner of|(?:initial )?privileges for) database (.+)$/.exec(line) ?? [];
    const isOurs = [...runs].some((run) => database?.startsWith(nameOfRun(run)));
    // What is in its own database, or a right on that, is for the revision to take away.
    if (database === undefined || (isOurs && !what!.endsWith("in"))) return undefined;
    if (!isOurs) databases.add(database);
  }
  return databases.size > 0 ? { role, databases: [...databases].sort() } : undefined;
}

async function sessionsOf(client: Client): Promise<Session[]> {
  await client`set statement_timeout = '5s'`;
  const rows = await client<{ statement: string; state: string; lock: string | null; blockers: string | null }[]>`
    select a.query as statement, coalesce(a.state, '') as state,
      (select l.mode || ' on ' || coalesce(l.relation::regclass::text, l.locktype)
         from pg_locks l where l.pid = a.pid and not l.granted limit 1) as lock,
      (select string_agg(b.query || ' (' || b.state || ')', '; ' order by b.pid)
         from pg_stat_activity b where b.pid = any (pg_blocking_pids(a.pid))) as blockers
    from pg_stat_activity a
    where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
      and not (a.state = 'idle' and a.application_name = ${applicationName})
    order by a.backend_start`;
  return rows.map(({ statement, state, lock, blockers }) => ({
    statement,
    state,
    ...(lock !== null && { waitingFor: lock }),
    ...(blockers !== null && { blockedBy: blockers }),
  }));
}
