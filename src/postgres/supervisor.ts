/** A Postgres of our own in a private folder, under a shell that ends it and removes the folder when we are gone, however we went. */
import { spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { chownSync, existsSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { memoryFolder, roomInMemory } from "../memory.ts";
import { block, code, listOf, text } from "../text.ts";
import { connect } from "./client.ts";
import type { Connection, Server } from "./server.ts";

/** The programs of one Postgres. */
export interface Binaries {
  provider: "installed" | "embedded";
  /** Folder of `initdb` and `postgres`. */
  folder: string;
  /** `16.4`. */
  version: string;
  major: number;
}

/**
 * Its standard input is a pipe that only we hold open. When the pipe closes (we stopped, crashed or were killed) the watcher sends
 * SIGQUIT to the process group until nothing of it runs; a single signal could be lost between fork and exec. Only initdb may finish
 * first, within half a second: killed, it would leave shared memory behind. The shell leads a group of its own, so Ctrl-C in the
 * terminal does not reach the server before we have spoken to it.
 *
 * Arguments: folder, binaries, data directory to copy or nothing, flags of initdb (none has a space), then the server's flags.
 */
const SCRIPT = `
trap '' HUP INT TERM QUIT
umask 077
folder=$1 binaries=$2 original=$3 flags=$4
shift 4
exec 3<&0 </dev/null
: >"$folder/making"
(
  while read -r _; do :; done <&3
  : >"$folder/unwanted"
  while :; do [ -e "$folder/making" ] || kill -QUIT 0; sleep 0.05; done
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
make() {
  if [ -z "$original" ]; then
    "$binaries/initdb" -D "$folder/data" --pwfile="$folder/password" $flags
  else
    cp -R "$original" "$folder/data" && rm -f "$folder/data/postmaster.pid" "$folder/data/postgresql.auto.conf"
  fi
}
make >"$folder/log" 2>&1 && rm "$folder/making" && [ ! -e "$folder/unwanted" ] &&
  "$binaries/postgres" -D "$folder/data" "$@" >>"$folder/log" 2>&1
status=$?
kill -KILL $watcher
tail -c 4000 "$folder/log" >&2
rm -rf "$folder"
exit $status
`;

/** Durability is given up for speed, and nothing works in the background: the data outlives nobody. */
const SETTINGS: Record<string, string> = {
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_wal_size: "256MB",
  min_wal_size: "2MB",
  autovacuum: "off",
  max_logical_replication_workers: "0",
  max_parallel_workers: "0",
  jit: "off",
  // Thousands of tables in one transaction take thousands of locks.
  max_locks_per_transaction: "1024",
  // In the data directory and not in /dev/shm, where it would outlive a killed server.
  dynamic_shared_memory_type: "mmap",
  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: "off",
  log_min_messages: "log",
};

/** Data lives in memory where that has this much room, else on disk. */
const LEAST_ROOM = 2 ** 30;

/** The longest path of a unix socket that both Linux and macOS take. */
const LONGEST_SOCKET = 103;

const BOOT_SECONDS = 60;
const STOP_SECONDS = 15;

/** How often a copy is tried while somebody writes. */
const COPY_ATTEMPTS = 5;

/** Above those that systems give to connections by chance, and those that programs are known by. */
const PORTS = { first: 61_000, last: 65_535 };

/** All of 127.0.0.0/8 is this machine on Linux: there the servers of one family share a port, and each has an address of its own. */
const HOST = "127.0.0.1";
const hasAddresses = process.platform === "linux";

interface BootOptions {
  /** Ends the start, and the server once it runs. */
  signal?: AbortSignal;
  /** What it starts from, where that is not an empty cluster. */
  original?: { data: string; password: string };
  /** From `choosePort`; on Linux all servers that come from this one have the same. */
  port?: number;
  /** The servers that end together with the first of them; absent for that one. */
  family?: { servers: Set<Server>; ended: boolean };
}

/**
 * Boots a server from the binaries in a new private folder.
 *
 * @returns when it takes connections; aborting the signal ends it at once, before that and after
 * @throws Failure (exit 3) with the server's own words when it does not come up
 */
export async function boot(binaries: Binaries, options: BootOptions = {}): Promise<Server> {
  const shared = options.port ?? (await choosePort());
  let alone = !hasAddresses;
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    const isOther = options.family !== undefined || attempt > 1;
    const place = alone
      ? { host: HOST, port: isOther ? await choosePort() : shared }
      : { host: isOther ? ownAddress() : HOST, port: shared };
    const outcome = await bootOnce(binaries, place, options);
    if (typeof outcome !== "string") return outcome;
    // Another process took the port between our look and the server's start.
    if (attempt < 3 && outcome.includes("Address already in use")) continue;
    // What looks like Linux, and has the one address.
    if (!alone && outcome.includes("Cannot assign requested address")) {
      alone = true;
      continue;
    }
    throw new Failure(
      3,
      text`PostgreSQL ${binaries.version} (${binaries.provider}, ${code(binaries.folder)}) does not start.`,
      text`It said: ${block(outcome.trim() || "(nothing)")}Choose another server with ${code("--postgres")}: ${code("installed")}, ${code("embedded")} or the URL of one that runs.`,
    );
  }
}

/** The running server, or what was said instead. */
async function bootOnce(
  binaries: Binaries,
  { host, port }: Pick<Connection, "host" | "port">,
  { signal, original, family }: BootOptions,
): Promise<Server | string> {
  const user = servingUser();
  const folder = await makeFolder(user);
  const data = join(folder, "data");
  const password = original?.password ?? randomBytes(18).toString("base64url");
  await writeFile(join(folder, "password"), password, { mode: 0o600 });
  try {
    if (user) for (const path of [join(folder, "password"), folder]) chownSync(path, user.uid, user.gid);
  } catch (error) {
    // A container without the capability.
    await rm(folder, { recursive: true, force: true });
    return `PostgreSQL does not run as root, and this root may not act as another user: ${(error as Error).message}`;
  }
  const socket = join(folder, `.s.PGSQL.${port}`).length <= LONGEST_SOCKET ? folder : undefined;
  const settings = Object.entries({
    ...SETTINGS,
    listen_addresses: host,
    port: String(port),
    unix_socket_directories: socket ?? "",
  });
  const start = [folder, binaries.folder, original?.data ?? "", initdbFlags(binaries.major).join(" ")];
  const child = spawn(
    "/bin/sh",
    ["-c", SCRIPT, "alembic-gate", ...start, ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    {
      cwd: "/",
      detached: true,
      stdio: ["pipe", "ignore", "pipe"],
      env: { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC", HOME: "/" },
      ...user,
    },
  );
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
  child.stdin.on("error", () => {});
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      said += `/bin/sh: ${error.message}`;
      resolve();
    });
    child.once("close", () => resolve());
  });
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;

  const relatives = family ?? { servers: new Set<Server>(), ended: false };
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= end());
  const abort = () => void stop().catch(() => {});
  const end = async () => {
    signal?.removeEventListener("abort", abort);
    child.ref();
    child.stdin.end();
    if (!family) {
      relatives.ended = true;
      await Promise.all([...relatives.servers].map((server) => server.stop()));
    }
    await Promise.race([ended, sleep(STOP_SECONDS * 1000, undefined, { ref: false })]);
    if (isRunning()) process.kill(-child.pid!, "SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  signal?.addEventListener("abort", abort, { once: true });

  if (!(await isReady(data, () => isRunning() && !stopping))) {
    const late = isRunning() && !stopping;
    await stop();
    signal?.throwIfAborted();
    return late ? `not ready within ${BOOT_SECONDS} seconds\n${said}` : said;
  }
  // A gate that forgot the server must still be able to end: the pipe closes with it.
  child.unref();
  (child.stdin as Socket).unref();
  (child.stderr as Socket).unref();

  const address = { host, port, user: "postgres", password, database: "postgres", ...(socket && { socket }) };
  return {
    ...address,
    version: binaries.version,
    major: binaries.major,
    provider: binaries.provider,
    async another(content) {
      const refuseLate = () => {
        signal?.throwIfAborted();
        if (stopping || relatives.ended) throw new Error("the server has been stopped");
      };
      refuseLate();
      const options = { signal, port, family: relatives };
      const copy = () => boot(binaries, { ...options, original: { data, password } });
      const server = await (content === "empty" ? boot(binaries, options) : copyOf(address, copy)).catch((error: unknown) => {
        refuseLate();
        throw error;
      });
      relatives.servers.add(server);
      if (relatives.ended) {
        await server.stop();
        refuseLate();
      }
      return server;
    },
    stop,
  };
}

/**
 * Copies a running server's data, which is whole as long as nothing is written meanwhile: all pages are on disk after a checkpoint,
 * and a log position that stood still proves that nobody wrote. Open transactions are not part of the copy, nor are rows of unlogged tables.
 */
async function copyOf(address: Connection & Pick<Server, "socket">, bootCopy: () => Promise<Server>): Promise<Server> {
  const client = connect(address);
  const position = async () => (await client<{ lsn: string }[]>`select pg_current_wal_insert_lsn()::text as lsn`)[0]?.lsn;
  try {
    for (let attempt = 1; attempt <= COPY_ATTEMPTS; attempt++) {
      await client`checkpoint`;
      const before = await position();
      const copy = await bootCopy().catch((error: unknown) => error as Error);
      if (before === (await position())) {
        if (copy instanceof Error) throw copy;
        return copy;
      }
      if (!(copy instanceof Error)) await copy.stop();
      await sleep(50 * attempt);
    }
    const sessions = await client<
      { query: string }[]
    >`select query from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()`;
    throw new Failure(
      3,
      text`The scratch database cannot be copied: something in the project keeps writing to it.`,
      text`The migrations have ended, but these statements still run: ${block(sessions.map(({ query }) => query).join("\n") || "(none that can be named)", "sql")}End the threads or processes that env.py leaves behind.`,
    );
  } finally {
    await client.end({ timeout: 1 });
  }
}

/** Waits until the server's pid file says that it takes connections; false where it ends before, or takes too long. */
async function isReady(data: string, isRunning: () => boolean): Promise<boolean> {
  const file = join(data, "postmaster.pid");
  for (const deadline = Date.now() + BOOT_SECONDS * 1000; isRunning() && Date.now() < deadline; await sleep(3)) {
    const lines = (await readFile(file, "utf8").catch(() => "")).split("\n");
    // A copied data directory has the other server's file for a moment.
    if (lines[1] === data && lines[7]?.startsWith("ready")) return isRunning();
  }
  return false;
}

function initdbFlags(major: number): string[] {
  // SCRAM costs asyncpg 18 ms of pure Python for each connection.
  const authentication = major >= 19 ? "scram-sha-256" : "md5";
  const flags = ["-U", "postgres", "-A", authentication, "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1"];
  return major >= 18 ? [...flags, "--no-data-checksums"] : flags;
}

/** initdb and postgres refuse to run as root: then they run as `nobody`. Undefined where we are not root. */
export function servingUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = existsSync("/etc/passwd") ? readFileSync("/etc/passwd", "utf8").split("\n") : [];
  const [, , uid, gid] = users.map((line) => line.split(":")).find(([name]) => name === "nobody") ?? [];
  return { uid: Number(uid ?? 65534), gid: Number(gid ?? 65534) };
}

/** Whether every user can get to a file or folder and read it. */
export function isOpenToAll(path: string): boolean {
  if ((statSync(path).mode & 0o004) === 0) return false;
  for (let folder = path; ; folder = dirname(folder)) {
    if (statSync(folder).isDirectory() && (statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/**
 * Makes a private folder in the first parent that will do.
 * @param user who is to own it, and must be able to remove it
 */
export async function makeFolder(
  user: { uid: number } | undefined,
  parents: readonly string[] = [memoryFolder, tmpdir(), "/tmp", "/var/tmp"],
): Promise<string> {
  const reasons = new Map<string, string>();
  for (const parent of new Set(parents)) {
    try {
      if (parent === memoryFolder && roomInMemory() < LEAST_ROOM) throw new Error("has less than 1 GiB of room");
      if (user && (!isOpenToAll(parent) || (statSync(parent).mode & 0o002) === 0)) {
        throw new Error("is closed to the user nobody, and PostgreSQL does not run as root");
      }
      return await mkdtemp(join(parent, "alembic-gate-"));
    } catch (error) {
      reasons.set(parent, (error as Error).message);
    }
  }
  throw new Failure(
    3,
    text`There is no folder for the data of a throwaway PostgreSQL: none of ${listOf([...reasons.keys()])} can be used.`,
    text`Point ${code("TMPDIR")} at a folder that can be written. What was wrong: ${block([...reasons].map(([parent, reason]) => `${parent}: ${reason}`).join("\n"))}`,
  );
}

/** A port that is free now. On Linux one that nobody is given by chance, for all servers that come from one. */
export async function choosePort(): Promise<number> {
  const attempts = hasAddresses ? 20 : 0;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = await listenOnce(randomInt(PORTS.first, PORTS.last + 1)).catch(() => undefined);
    if (port !== undefined) return port;
  }
  return listenOnce(0);
}

/** An address of this machine that no other server has. */
const ownAddress = (): string => `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;

async function listenOnce(wanted: number): Promise<number> {
  const listener = createServer().listen(wanted, HOST);
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, "close");
  return port;
}
