import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import { connect } from "../../src/postgres/client.ts";
import { choosePort } from "../../src/postgres/serving.ts";
import { boot, makeFolder, type Binaries } from "../../src/postgres/supervisor.ts";
import { plain } from "../../src/text.ts";
import { findBinaries, isInstalled } from "./binaries.ts";

const NOBODY = { uid: 65534, gid: 65534 };
const SERVE = fileURLToPath(new URL("serve.ts", import.meta.url));
const isRoot = process.getuid?.() === 0;

let binaries: Binaries;
let folder: string;

beforeAll(async () => {
  binaries = await findBinaries();
  folder = await mkdtemp(join(tmpdir(), "supervisor-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** The process id of the server whose folder this is. */
const serverOf = async (folder: string) => Number.parseInt(await readFile(join(folder, "data", "postmaster.pid"), "utf8"));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Waits until neither the server nor its folder is there; false after five seconds. */
async function isGone(pid: number, folder: string): Promise<boolean> {
  for (const deadline = Date.now() + 5000; Date.now() < deadline; await sleep(10)) {
    if (!isAlive(pid) && !existsSync(folder)) return true;
  }
  return false;
}

/** The supervisor's process id, and its server's folder. */
async function supervisorOf(parent: number): Promise<{ pid: number; folder: string }> {
  for (;;) {
    for (const line of (await ps("-eo", "pid=,ppid=")).split("\n")) {
      const [pid, ppid] = line.trim().split(/\s+/).map(Number);
      if (ppid !== parent || !pid) continue;
      const folder = / alembic-gate (\S+\/alembic-gate-\w+)/.exec(await ps("-o", "args=", "-p", String(pid)))?.[1];
      if (folder) return { pid, folder };
    }
    await sleep(5);
  }
}

/** Nothing for a process that has just ended. */
const ps = (...flags: string[]): Promise<string> =>
  promisify(execFile)("ps", flags).then(
    ({ stdout }) => stdout,
    () => "",
  );

interface Served {
  child: ChildProcess;
  folder: string;
  port: number;
  uid: number;
  pid: number;
}

async function serve(argument = "", options: { uid?: number; gid?: number } = {}): Promise<Served> {
  const child = spawn(process.execPath, ["--no-warnings", SERVE, argument], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
    cwd: "/",
    env: { PATH: process.env.PATH },
    ...options,
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    said += String(chunk);
    if (said.includes("\n")) break;
  }
  const told = JSON.parse(said) as { folder: string; port: number; uid: number };
  return { child, ...told, pid: await serverOf(told.folder).catch(() => 0) };
}

describe("however we go, the server and its folder go too", () => {
  test.for<NodeJS.Signals>(["SIGKILL", "SIGTERM", "SIGINT"])("after %s", async (signal) => {
    const { child, folder, pid } = await serve();
    expect(isAlive(pid)).toBe(true);
    const exit = once(child, "exit");
    // To the whole group, as a terminal does.
    process.kill(-child.pid!, signal);
    await exit;
    expect(await isGone(pid, folder)).toBe(true);
  });

  test("after SIGKILL while the data directory is being made", async () => {
    const child = spawn(process.execPath, ["--no-warnings", SERVE], {
      stdio: "ignore",
      env: { PATH: process.env.PATH },
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const { pid, folder } = await supervisorOf(child.pid!);
    while (!existsSync(join(folder, "data", "base"))) await sleep(2);
    child.kill("SIGKILL");
    expect(await isGone(-pid, folder)).toBe(true);
  });

  test("after a program that forgot to stop it: it is not kept from ending either", async () => {
    const { child, folder, pid } = await serve("forget");
    if (child.exitCode === null) await once(child, "exit");
    expect(child.exitCode).toBe(0);
    expect(await isGone(pid, folder)).toBe(true);
  });

  // Another user cannot read the binaries that npm brought for this one.
  test.runIf(isRoot && isInstalled)("for a user that is not root", async () => {
    const { child, folder, pid, uid } = await serve("", NOBODY);
    expect(uid).toBe(NOBODY.uid);
    expect((await stat(folder)).uid).toBe(NOBODY.uid);
    process.kill(-child.pid!, "SIGKILL");
    expect(await isGone(pid, folder)).toBe(true);
  });
});

describe("boot", () => {
  test("two at the same time, each with its own port, password and data", async () => {
    const servers = await Promise.all([boot(binaries), boot(binaries)]);
    try {
      const [first, second] = servers;
      expect(first.port).not.toBe(second.port);
      expect(first.password).not.toBe(second.password);
      for (const server of servers) {
        const overTcp = connect({ ...server, socket: undefined });
        expect(
          await overTcp`select current_setting('server_encoding') as encoding, (select datcollate from pg_database where datname = current_database()) as collation`,
        ).toMatchObject([{ encoding: "UTF8", collation: "C" }]);
        await overTcp.end();
        const stranger = connect({ ...server, socket: undefined, password: "guess" });
        await expect(stranger`select 1`).rejects.toThrow("password authentication failed");
        await stranger.end();
      }
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
    for (const { socket } of servers) expect(existsSync(socket!)).toBe(false);
  });

  test("an abort ends the start at once", async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error("enough")), 100);
    await expect(boot(binaries, { signal: abort.signal })).rejects.toThrow("enough");
  });

  test("a copy of a copy outlives what it came from, and ends with the first", async () => {
    const first = await boot(binaries);
    const second = await first.another!("same");
    const third = await second.another!("same");
    const pid = await serverOf(third.socket!);
    await second.stop();
    const client = connect(third);
    expect(await client`select 1 as alive`).toEqual([{ alive: 1 }]);
    await client.end();
    await first.stop();
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(third.socket!)).toBe(false);
    await expect(first.another!("empty")).rejects.toThrow("has been stopped");
  });

  test.runIf(process.platform === "linux")("servers that come from one share its port, which can be chosen before", async () => {
    const port = await choosePort();
    const first = await boot(binaries, { port });
    const others = await Promise.all([first.another!("empty"), first.another!("same")]);
    expect([first, ...others].map((server) => server.port)).toEqual([port, port, port]);
    expect(new Set([first, ...others].map(({ host }) => host)).size).toBe(3);
    for (const { socket: _, ...server } of others) {
      const client = connect(server);
      expect(await client`select inet_server_addr()::text as host, inet_server_port() as port`).toEqual([
        { host: `${server.host}/32`, port },
      ]);
      await client.end();
    }
    await first.stop();
  });

  test("a port that another program has is no trouble", async () => {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const server = await boot(binaries, { port });
    listener.close();
    const { socket: _, ...byAddress } = server;
    const client = connect(byAddress);
    expect(await client`select 1 as alive`).toEqual([{ alive: 1 }]);
    await client.end();
    await server.stop();
  });

  test("an abort ends a running server, and the copies of it", async () => {
    const abort = new AbortController();
    const server = await boot(binaries, { signal: abort.signal });
    const copy = await server.another!("same");
    const [pid, copyPid] = [await serverOf(server.socket!), await serverOf(copy.socket!)];
    abort.abort();
    expect(await isGone(pid, server.socket!)).toBe(true);
    expect(await isGone(copyPid, copy.socket!)).toBe(true);
  });

  test("a server that does not start is reported in its own words", async () => {
    const programs = join(folder, "broken");
    await mkdir(programs);
    await chmod(folder, 0o755);
    await writeFile(join(programs, "initdb"), "#!/bin/sh\necho 'initdb: error: no shared memory left' >&2\nexit 1\n", {
      mode: 0o755,
    });
    const failure = await boot({ ...binaries, folder: programs }).catch((error: unknown) => error as Failure);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ exitCode: 3, message: expect.stringContaining("does not start") });
    expect(plain((failure as Failure).help)).toContain("initdb: error: no shared memory left");
  });
});

describe("the folder of the data", () => {
  const user = isRoot ? NOBODY : undefined;

  test("is private, in the first place that can be written", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    const made = makeFolder(user, [join(file, "below"), "/tmp"]);
    expect(made).toMatch(/^\/tmp\/alembic-gate-/);
    expect((await stat(made)).mode & 0o777).toBe(0o700);
    await rm(made, { recursive: true });
  });

  test("is refused with the reason where there is none", async () => {
    const closed = join(folder, "closed");
    await mkdir(closed, { mode: 0o500 });
    const failure = await (async () => makeFolder(user, [closed]))().catch((error: unknown) => error as Failure);
    expect(failure).toBeInstanceOf(Failure);
    expect((failure as Failure).message).toContain(closed);
    expect(plain((failure as Failure).help)).toMatch(isRoot ? /closed to the user nobody/ : /EACCES/);
  });
});
