/** The kernel's limit for C libraries and for other programs. */
import { execFileSync } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { choosePort } from "../../src/postgres/serving.ts";
import { driverFolder } from "../../src/run/process.ts";
import type { Program } from "../../src/run/refused.ts";
import { alembicFiles, asyncEnv, revision, syncEnv } from "../support/alembic.ts";
import { drive, table, type Options } from "../support/driver.ts";
import { hasLandlock } from "../support/landlock.ts";
import { createDatabase } from "../support/postgres.ts";

/** Of those that are kept free for examples. */
const REMOTE = "192.0.2.1";

/** An address that is not known to be this machine's. */
const OWN = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === "IPv4" && !one.internal)?.address;

/** A service that answers `hello`; its port. */
async function serve(host: string, port = 0): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {}).end("hello\n")).listen(port, host);
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

/** Reads what a service says by a program that is not Python. */
const byBash = (host: string, port: string | number) => `import subprocess
said = subprocess.run(["bash", "-c", "exec 3<>/dev/tcp/${host}/${port} && head -1 <&3"], stdout=subprocess.PIPE).stdout`;

/** The same by the C library of the process itself. */
const byC = (host: string, port: string | number) => `import ctypes, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
def reach():
    descriptor = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", ${port}) + socket.inet_aton("${host}") + bytes(8)
    return 0 if libc.connect(descriptor, address, len(address)) == 0 else ctypes.get_errno()`;

async function up(
  files: Record<string, string>,
  { load, ...options }: Options = {},
  { copy = false, loaded = async (): Promise<unknown> => undefined } = {},
) {
  const refused: unknown[][] = [];
  const started: Program[] = [];
  const database = await createDatabase();
  const first = await drive(files, {
    refused: (wanted, place, late) => refused.push([wanted, place.file, place.line, late]),
    starts: (program) => started.push(program),
    ...options,
    load: { ports: [database.connection.port], ...load },
  });
  const { limited } = await first.loaded;
  await loaded();
  const driver = copy ? (await first.copy())! : first;
  const result = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  return { refused, started, limited, result };
}

describe.skipIf(!hasLandlock())("where the kernel has Landlock", () => {
  test.each(["first", "copy"] as const)("a program of a revision reaches no other machine: in the %s process", async (which) => {
    const files = alembicFiles({ a: revision("a", { upgrade: byBash(REMOTE, 81) }) });
    const { result, started, limited } = await up(files, {}, { copy: which === "copy" });
    expect(limited).toBe(true);
    expect(result.raised).toBeUndefined();
    expect(result.foreign).toEqual([{ wanted: `${REMOTE}:81`, file: "migrations/versions/a.py", line: 11 }]);
    expect(started).toMatchObject([{ program: "bash", revision: "a", quiet: false }]);
  });

  test.skipIf(!OWN)("a port that listens is not reached either, unless it did so before the project was loaded", async () => {
    const early = await serve(OWN!);
    const late = await choosePort();
    const upgrade = `${byBash(OWN!, early)}
assert said == b"hello\\n", said
${byBash(OWN!, late)}
assert said == b"", said`;
    const files = alembicFiles({ a: revision("a", { upgrade }) });
    const { result } = await up(files, {}, { loaded: () => serve(OWN!, late) });
    expect(result.raised).toBeUndefined();
  });

  test("a C library is held to it in every thread, and what it says is a finding on the line", async () => {
    const upgrade = `${byC(REMOTE, 443)}
import threading
found = []
thread = threading.Thread(target=lambda: found.append(reach()))
thread.start()
thread.join()
assert found == [13], found
raise OSError(found[0], os.strerror(found[0]))`;
    const { result } = await up(alembicFiles({ a: revision("a", { upgrade }) }));
    expect(result.raised?.message).toBe("[Errno 13] Permission denied");
    expect(result.foreign).toEqual([{ wanted: "another machine", file: "migrations/versions/a.py", line: 22 }]);
  });

  test("what a program said to the project is told with what it raised", async () => {
    const upgrade = `import subprocess\nsubprocess.run(["bash", "-c", "exec 3<>/dev/tcp/${REMOTE}/81"], check=True, capture_output=True)`;
    const { result } = await up(alembicFiles({ a: revision("a", { upgrade }) }));
    expect(result.raised?.message).toContain("Permission denied");
    expect(result.foreign).toEqual([{ wanted: `${REMOTE}:81`, file: "migrations/versions/a.py", line: 11 }]);
  });

  test("a program that the application starts by itself is told of, and is no finding", async () => {
    const app = `import subprocess\nsubprocess.run(["bash", "-c", "exec 3<>/dev/tcp/${REMOTE}/81"])\n`;
    const env = `import os, sys\nsys.path.insert(0, os.getcwd())\nimport app\n${syncEnv()}`;
    const { result, refused, started } = await up({ ...alembicFiles({ a: revision("a") }, env), "app.py": app });
    expect([result.raised, result.foreign, started]).toEqual([undefined, [], []]);
    expect(refused).toEqual([[`${REMOTE}:81`, "app.py", 2, false]]);
  });

  test.each([
    ["psycopg2", syncEnv()],
    ["asyncpg", asyncEnv()],
  ])("the scratch database is reached by %s", async (_, env) => {
    const { result } = await up(alembicFiles({ a: revision("a", table("ta")) }, env));
    expect(result).toMatchObject({ steps: [{ ended: true }], foreign: [] });
  });

  test("services of this machine are reached, by Python and by programs", async () => {
    const port = await serve("127.0.0.1");
    const upgrade = `import socket
assert socket.create_connection(("localhost", ${port})).recv(5) == b"hello"
${byBash("127.0.0.1", port)}
assert said == b"hello\\n", said`;
    const { result } = await up(alembicFiles({ a: revision("a", { upgrade }) }));
    expect([result.raised, result.foreign]).toEqual([undefined, []]);
  });

  test("a service of this machine that is not there is missing as it always was", async () => {
    const upgrade = `import socket
with socket.socket() as own:
    own.bind(("127.0.0.1", 0))
    port = own.getsockname()[1]
try:
    socket.create_connection(("127.0.0.1", port))
except ConnectionRefusedError as error:
    assert "gate" not in str(error)`;
    const { result, refused } = await up(alembicFiles({ a: revision("a", { upgrade }) }));
    expect([result.raised, result.foreign, refused]).toEqual([undefined, [], []]);
  });

  test("a service that a revision starts itself is out of reach: that is said, and is no finding", async () => {
    const upgrade = `import socket
with socket.socket() as own:
    own.bind(("127.0.0.1", 0))
    own.listen()
    try:
        socket.create_connection(own.getsockname())
    except ConnectionRefusedError as error:
        assert "allow-hosts" in str(error)`;
    const { result, refused } = await up(alembicFiles({ a: revision("a", { upgrade }) }));
    expect([result.raised, result.foreign]).toEqual([undefined, []]);
    expect(refused).toEqual([[expect.stringMatching(/^127\.0\.0\.1:\d+$/), "migrations/versions/a.py", 15, true]]);
  });

  test.skipIf(!OWN)("a port of another machine that the settings name is reached, and no other one", async () => {
    const port = await serve("0.0.0.0");
    const reach = (host: string, wanted: number) => `socket.create_connection(("${host}", ${wanted}), timeout=0.3)`;
    const upgrade = `import socket
${reach(OWN!, port)}
try:
    ${reach(REMOTE, port)}
except ConnectionRefusedError as error:
    assert "gate" in str(error)`;
    const { result, limited } = await up(alembicFiles({ a: revision("a", { upgrade }) }), {
      load: { allowed: [`${OWN}:${port}`] },
    });
    expect([limited, result.raised]).toEqual([true, undefined]);
    expect(result.foreign).toMatchObject([{ wanted: `${REMOTE}:${port}` }]);
  });

  test("a machine that the settings name without a port lifts the limit", async () => {
    const files = alembicFiles({ a: revision("a", { upgrade: `${byC(REMOTE, 9)}\nassert reach` }) });
    expect((await up(files, { load: { allowed: [REMOTE] } })).limited).toBe(false);
  });
});

test("a kernel that does not know it, or may not be asked, leaves everything as it is", () => {
  const source = `import socket
from alembic_gate_driver import landlock
landlock._CREATE_RULESET = 9999
assert landlock.limit([1]) is None
own = socket.create_server(("127.0.0.1", 0))
socket.create_connection(own.getsockname())`;
  const env = { ...process.env, PYTHONPATH: driverFolder() };
  expect(() => execFileSync(inject("pythons").default, ["-c", source], { env })).not.toThrow();
});

test("without ports nothing is limited", async () => {
  const driver = await drive(alembicFiles({ a: revision("a") }));
  expect((await driver.loaded).limited).toBe(false);
});
