/** Boots a Postgres of our own in a private folder, under a shell that ends it and removes the folder when we are gone, however we went. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chownSync, readFileSync, statfsSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { block, code, listOf, text } from "../text.ts";
import type { Server } from "./server.ts";

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
 * SIGQUIT to the process group until nothing of it runs; a signal alone could be lost between fork and exec. The shell leads its own
 * group, so Ctrl-C in the terminal does not reach it before we do.
 * Arguments: folder, binaries, flags of initdb (without spaces), then the server's flags.
 */
const script = `
trap '' HUP INT TERM QUIT
umask 077
folder=$1 binaries=$2 flags=$3
shift 3
exec 3<&0 </dev/null
(
  while read -r _; do :; done <&3
  while :; do kill -QUIT 0; sleep 0.05; done
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
"$binaries/initdb" -D "$folder/data" --pwfile="$folder/password" $flags >"$folder/log" 2>&1 &&
  "$binaries/postgres" -D "$folder/data" "$@" >>"$folder/log" 2>&1
status=$?
kill -KILL $watcher
tail -c 4000 "$folder/log" >&2
rm -rf "$folder"
exit $status
`;

/** A data directory here lives in memory; below this much room it goes to the temporary folder on disk. */
const memory = { folder: "/dev/shm", bytes: 2 ** 30 };

/** Longest path of a unix socket that macOS and Linux both take. */
const longestSocket = 103;

const bootSeconds = 60;

/** What nobody but the tests of a single run relies on: durability is given up for speed, and nothing works in the background. */
const settings: Record<string, string> = {
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_wal_size: "256MB",
  min_wal_size: "32MB",
  autovacuum: "off",
  max_logical_replication_workers: "0",
  max_parallel_workers: "0",
  jit: "off",
  // Thousands of tables in one transaction need thousands of locks.
  max_locks_per_transaction: "1024",
  // In the data directory, so that nothing is left in /dev/shm.
  dynamic_shared_memory_type: "mmap",
  listen_addresses: "127.0.0.1",
  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: "off",
  log_min_messages: "log",
};

/**
 * Boots a server from the binaries in a new private folder.
 * @returns when it takes connections; aborting `signal` ends it at once, before and after
 * @throws Failure (exit 3) with the server's own words when it does not come up
 */
export async function boot(binaries: Binaries, signal?: AbortSignal): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const { server, died } = await bootOnce(binaries, signal);
    if (server) return server;
    // Another process took the port between our look and the server's start.
    if (attempt < 3 && /Address already in use/.test(died)) continue;
    throw new Failure(
      3,
      text`PostgreSQL ${binaries.version} (${binaries.provider}, ${code(binaries.folder)}) does not start`,
      text`It said: ${block(died.trim() || "(nothing)")}Give another server with ${code("--postgres")}: ${code("embedded")}, ${code("installed")} or the URL of a running one.`,
    );
  }
}

async function bootOnce(binaries: Binaries, signal?: AbortSignal): Promise<{ server?: Server; died: string }> {
  const user = servingUser();
  const folder = await makeFolder(user);
  const password = randomBytes(18).toString("base64url");
  const port = await freePort();
  await writeFile(join(folder, "password"), password, { mode: 0o600 });
  if (user) {
    chownSync(join(folder, "password"), user.uid, user.gid);
    chownSync(folder, user.uid, user.gid);
  }
  const socket = join(folder, `.s.PGSQL.${port}`).length <= longestSocket ? folder : undefined;
  const flags = Object.entries({ ...settings, port: String(port), unix_socket_directories: socket ?? "" });
  const child = spawn(
    "/bin/sh",
    ["-c", script, "alembic-gate", folder, binaries.folder, initdbFlags(binaries.major), ...flags.flatMap(([key, value]) => ["-c", `${key}=${value}`])],
    {
      cwd: "/",
      detached: true,
      stdio: ["pipe", "ignore", "pipe"],
      env: { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC", HOME: "/" },
      ...user,
    },
  );
  const ended = watch(child, folder);
  const stop = async () => {
    child.stdin?.end();
    child.ref();
    const patience = new AbortController();
    await Promise.race([ended, sleep(15_000, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
    if (child.exitCode === null && child.signalCode === null && child.pid) process.kill(-child.pid, "SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  let stopping: Promise<void> | undefined;
  const stopOnce = () => (stopping ??= stop());
  const abort = () => void stopOnce();
  signal?.addEventListener("abort", abort, { once: true });

  const ready = await Promise.race([isReady(join(folder, "data", "postmaster.pid"), ended), ended.then(() => false)]);
  if (!ready || signal?.aborted) {
    const running = child.exitCode === null && child.signalCode === null;
    await stopOnce();
    signal?.removeEventListener("abort", abort);
    signal?.throwIfAborted();
    const said = await ended;
    return { died: running ? `not ready within ${bootSeconds} seconds\n${said}` : said };
  }
  // A finished gate that forgot the server must not wait for it: closing the pipe at our exit ends it.
  child.unref();
  (child.stdin as Socket).unref();
  (child.stderr as Socket).unref();
  return {
    died: "",
    server: {
      version: binaries.version,
      major: binaries.major,
      provider: binaries.provider,
      host: "127.0.0.1",
      port,
      user: "postgres",
      password,
      database: "postgres",
      ...(socket ? { socket } : {}),
      stop: async () => {
        signal?.removeEventListener("abort", abort);
        await stopOnce();
      },
    },
  };
}

/** Resolves with what the supervisor said at its end: the tail of the server's log. */
function watch(child: ChildProcess, folder: string): Promise<string> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
  child.stdin?.on("error", () => {});
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(`/bin/sh in ${folder}: ${error.message}`));
    child.once("close", () => resolve(said));
  });
}

/** The last line of the server's pid file says when it takes connections. */
async function isReady(file: string, ended: Promise<string>): Promise<boolean> {
  let running = true;
  void ended.then(() => (running = false));
  for (const deadline = Date.now() + bootSeconds * 1000; running && Date.now() < deadline; await sleep(3)) {
    const lines = (await readFile(file, "utf8").catch(() => "")).split("\n");
    if (lines[7]?.startsWith("ready")) return true;
  }
  return false;
}

function initdbFlags(major: number): string {
  const flags = ["-U", "postgres", "-A", "md5", "-E", "UTF8", "--locale=C", "--no-sync"];
  if (major >= 18) flags.push("--no-data-checksums");
  return flags.join(" ");
}

/** initdb and postgres refuse to run as root: then they run as `nobody`. Undefined: we are not root. */
export function servingUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entry = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name]) => name === "nobody");
  return entry ? { uid: Number(entry[2]), gid: Number(entry[3]) } : { uid: 65534, gid: 65534 };
}

/** Whether users other than the owner can get to a file or folder and read it. */
export function isOpenToAll(path: string): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o005) !== 0o005) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** A new private folder: in memory where there is room, else in the temporary folder. */
async function makeFolder(user: { uid: number } | undefined): Promise<string> {
  const tried = new Map<string, string>();
  for (const parent of new Set([memory.folder, tmpdir(), "/tmp", "/var/tmp"])) {
    try {
      if (parent === memory.folder) {
        const room = statfsSync(parent);
        if (room.bavail * room.bsize < memory.bytes) throw new Error("too little room");
      }
      // The server's user removes the folder, so it must be able to write to the parent.
      if (user && (!isOpenToAll(parent) || (statSync(parent).mode & 0o002) === 0)) throw new Error("closed to the user nobody");
      return await mkdtemp(join(parent, "alembic-gate-"));
    } catch (error) {
      tried.set(parent, (error as Error).message);
    }
  }
  throw new Failure(
    3,
    text`No folder can be written for the data of a throwaway Postgres; tried ${listOf([...tried.keys()])}`,
    text`Point ${code("TMPDIR")} at a folder that can be written. ${block([...tried.values()].join("\n"))}`,
  );
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, "close");
  return port;
}
