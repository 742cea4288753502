/** A Postgres of our own in a private folder, under a shell that ends it and removes the folder when we are gone, however we went. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { memoryFolder, roomInMemory } from "../memory.ts";
import { block, code, listOf, text } from "../text.ts";
import { connect, type Client } from "./client.ts";
import type { Connection, Server } from "./server.ts";
import type { Template } from "./template.ts";
import { choosePort, hasAddresses, HOST, isOpenToAll, ownAddress, servingUser } from "./serving.ts";

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
 * A copy takes all but what is the running server's own, several files at a time: most of its cost is opening them.
 *
 * Arguments: folder, binaries, data directory to copy or nothing, names of its log files, flags of initdb for where there is none to
 * copy (none has a space), where to keep beside what initdb was needed for, as it has left it, then the server's flags.
 */
const SCRIPT = `
trap '' HUP INT TERM QUIT
umask 077
folder=$1 binaries=$2 original=$3 wal=$4 flags=$5 pristine=$6
shift 6
exec 3<&0 </dev/null
: >"$folder/making"
(
  while read -r _; do :; done <&3
  : >"$folder/unwanted"
  while :; do [ -e "$folder/making" ] || kill -QUIT 0; sleep 0.05; done
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
copy() {
  mkdir "$2" "$2/base" "$2/pg_wal" || return
  cp -R "$1"/PG_VERSION "$1"/global "$1"/pg_[!w]* "$1"/postgresql.conf "$2" &
  copying=$!
  (cd "$1/pg_wal" && cp $3 "$2/pg_wal") &
  copying="$copying $!"
  for database in "$1"/base/*; do
    cp -R "$database" "$2/base" &
    copying="$copying $!"
  done
  copied=0
  for part in $copying; do wait $part || copied=1; done
  return $copied
}
make() {
  if [ -n "$original" ]; then
    copy "$original" "$folder/data" "$wal" && return
    [ -n "$flags" ] || return
    rm -rf "$folder/data"
  fi
  "$binaries/initdb" -D "$folder/data" $flags || return
  [ -z "$pristine" ] || copy "$folder/data" "$pristine" '0*' || rm -rf "$pristine"
}
make >"$folder/log" 2>&1 && rm "$folder/making" && [ ! -e "$folder/unwanted" ] &&
  "$binaries/postgres" -D "$folder/data" "$@" >>"$folder/log" 2>&1
status=$?
kill -KILL $watcher
[ -e "$folder/unwanted" ] || tail -c 4000 "$folder/log" >&2
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
  // Thousands of tables in one transaction take thousands of locks; room for more would cost each start its time.
  max_locks_per_transaction: "512",
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

/** The servers that end together with the first of them. */
interface Family {
  servers: Set<Server>;
  ended: boolean;
  /** A cluster as initdb makes them, from which the others are copied that begin empty. */
  pristine?: string;
}

interface BootOptions {
  /** Ends the start, and the server once it runs. */
  signal?: AbortSignal;
  /** The running server of which it is a copy; absent where it begins empty. */
  original?: { data: string; password: string; wal: string };
  /** From `choosePort`; on Linux all servers that come from this one have the same. */
  port?: number;
  /** Absent for the first of them. */
  family?: Family;
  /** Where a new cluster is copied from, if it is there, and is kept otherwise. */
  template?: Template;
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
  { signal, original, family, template }: BootOptions,
): Promise<Server | string> {
  const user = servingUser();
  const folder = makeFolder(user);
  const data = join(folder, "data");
  const password = original?.password ?? randomBytes(18).toString("base64url");
  const socket = join(folder, `.s.PGSQL.${port}`).length <= LONGEST_SOCKET ? folder : undefined;
  const secret = join(folder, "password");
  if (!socket) writeFileSync(secret, password, { mode: 0o600 });
  try {
    if (user) for (const path of [...(socket ? [] : [secret]), folder]) chownSync(path, user.uid, user.gid);
  } catch (error) {
    // A container without the capability.
    await rm(folder, { recursive: true, force: true });
    return `PostgreSQL does not run as root, and this root may not act as another user: ${(error as Error).message}`;
  }
  const settings = Object.entries({
    ...SETTINGS,
    listen_addresses: host,
    port: String(port),
    unix_socket_directories: socket ?? "",
  });
  const relatives = family ?? { servers: new Set<Server>(), ended: false };
  // Clusters that others are copied from know no password: it is set through the socket, which nobody else can reach.
  const kept = socket && !original ? (relatives.pristine ?? template?.find()) : undefined;
  const pristine = socket && !original && !family ? join(folder, "pristine") : "";
  const flags = original ? [] : initdbFlags(binaries.major, socket ? undefined : secret);
  const start = [folder, binaries.folder, original?.data ?? kept ?? "", original?.wal ?? "0*", flags.join(" "), pristine];
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

  let admin: Client | undefined;
  /** What the cluster is kept for other runs by. */
  let keeping: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= end());
  const abort = () => void stop().catch(() => {});
  const end = async () => {
    signal?.removeEventListener("abort", abort);
    if (!family) {
      relatives.ended = true;
      await keeping;
    }
    child.ref();
    child.stdin.end();
    if (!family) {
      await Promise.all([...relatives.servers].map((server) => server.stop()));
    }
    const left = admin?.end({ timeout: 0 }).catch(() => {});
    await Promise.race([ended, sleep(STOP_SECONDS * 1000, undefined, { ref: false })]);
    if (isRunning()) process.kill(-child.pid!, "SIGKILL");
    await left;
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
  admin = connect(address, address.database, { idle: 1 });
  try {
    if (socket && !original) await admin.unsafe(`alter role postgres password '${password}'`);
  } catch (error) {
    await stop();
    signal?.throwIfAborted();
    return `${(error as Error).message}\n${said}`;
  }
  if (!family) {
    if (existsSync(pristine)) {
      relatives.pristine = pristine;
      keeping = template?.keep(pristine);
    } else if (kept) relatives.pristine = kept;
  }
  const settle = settling(admin);
  return {
    ...address,
    version: binaries.version,
    major: binaries.major,
    provider: binaries.provider,
    admin,
    async another(content) {
      const refuseLate = () => {
        signal?.throwIfAborted();
        if (stopping || relatives.ended) throw new Error("the server has been stopped");
      };
      refuseLate();
      const options = { signal, port, family: relatives };
      const copy = (wal: string) => boot(binaries, { ...options, original: { data, password, wal } });
      const server = await (content === "empty" ? boot(binaries, options) : copyOf(admin, settle, copy)).catch(
        (error: unknown) => {
          refuseLate();
          throw error;
        },
      );
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

/** What a copy of a running server takes of its log, and the position in it up to which all that was written is there. */
interface Settled {
  position: string;
  /** Names of files. */
  wal: string;
}

/** Where the log stands; `wal` is what a server needs of it that starts from the last checkpoint. */
async function standing(admin: Client): Promise<Settled & { flushed: boolean }> {
  const [row] = await admin<(Settled & { flushed: boolean })[]>`
    select i::text as position, f = i as flushed,
      (select string_agg(name, ' ') from pg_ls_waldir(), pg_control_checkpoint() where name between redo_wal_file and pg_walfile_name(i)) as wal
    from (select pg_current_wal_insert_lsn() as i, pg_current_wal_flush_lsn() as f) as lsn`;
  return row!;
}

/** Brings all that was written to the files of a server. Who asks while nothing was written since gets the same answer, at no cost. */
function settling(admin: Client): () => Promise<Settled> {
  let settled: Settled | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const settle = async (): Promise<Settled> => {
    if (settled && (await standing(admin)).position === settled.position) return settled;
    for (let attempt = 1; ; attempt++) {
      await admin`checkpoint`;
      const now = await standing(admin);
      // Somebody who writes meanwhile is found out by the copy.
      if (now.flushed || attempt === COPY_ATTEMPTS) return (settled = now);
    }
  };
  return () => {
    const next = last.then(settle, settle);
    last = next;
    return next;
  };
}

/**
 * Copies a running server's data, which is whole as long as nothing is written meanwhile: all pages are on disk after a checkpoint,
 * and a log position that stood still proves that nobody wrote. Open transactions are not part of the copy, nor are rows of unlogged tables.
 */
async function copyOf(
  admin: Client,
  settle: () => Promise<Settled>,
  bootCopy: (wal: string) => Promise<Server>,
): Promise<Server> {
  for (let attempt = 1; attempt <= COPY_ATTEMPTS; attempt++) {
    const { position, wal } = await settle();
    const copy = await bootCopy(wal).catch((error: unknown) => error as Error);
    const stoodStill = (await standing(admin)).position === position;
    if (stoodStill && !(copy instanceof Error)) return copy;
    // What is no table may vanish while it is copied: sessions that begin write their caches anew.
    if (stoodStill && attempt > 1) throw copy;
    if (!(copy instanceof Error)) await copy.stop();
    await sleep(50 * (attempt - 1));
  }
  const sessions = await admin<
    { query: string }[]
  >`select query from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()`;
  throw new Failure(
    3,
    text`The scratch database cannot be copied: something in the project keeps writing to it.`,
    text`The migrations have ended, but these statements still run: ${block(sessions.map(({ query }) => query).join("\n") || "(none that can be named)", "sql")}End the threads or processes that env.py leaves behind.`,
  );
}

/** Waits until the server's pid file says that it takes connections; false where it ends before, or takes too long. */
async function isReady(data: string, isRunning: () => boolean): Promise<boolean> {
  const file = join(data, "postmaster.pid");
  for (const deadline = Date.now() + BOOT_SECONDS * 1000; isRunning() && Date.now() < deadline; await sleep(3)) {
    const lines = contentOf(file).split("\n");
    // A copied data directory has the other server's file for a moment.
    if (lines[1] === data && lines[7]?.startsWith("ready")) return isRunning();
  }
  return false;
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** @param secret file with the password; without one, whoever reaches the socket needs none */
export function initdbFlags(major: number, secret?: string): string[] {
  // SCRAM costs asyncpg 18 ms of pure Python for each connection.
  const authentication = major >= 19 ? "scram-sha-256" : "md5";
  const local = secret === undefined ? ["--auth-local=trust"] : [`--auth-local=${authentication}`, `--pwfile=${secret}`];
  const flags = ["-U", "postgres", `--auth-host=${authentication}`, "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1"];
  return [...flags, ...local, ...(major >= 18 ? ["--no-data-checksums"] : [])];
}

/**
 * Makes a private folder in the first parent that will do.
 * @param user who is to own it, and must be able to remove it
 */
export function makeFolder(
  user: { uid: number } | undefined,
  parents: readonly string[] = [memoryFolder, tmpdir(), "/tmp", "/var/tmp"],
): string {
  const reasons = new Map<string, string>();
  for (const parent of new Set(parents)) {
    try {
      if (parent === memoryFolder && roomInMemory() < LEAST_ROOM) throw new Error("has less than 1 GiB of room");
      if (user && (!isOpenToAll(parent) || (statSync(parent).mode & 0o002) === 0)) {
        throw new Error("is closed to the user nobody, and PostgreSQL does not run as root");
      }
      return mkdtempSync(join(parent, "alembic-gate-"));
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
