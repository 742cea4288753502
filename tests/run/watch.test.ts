/** What the project's code does beside its migrations. */
import { connect, createServer, type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { tidy } from "../../src/run/tidy.ts";
import { plain } from "../../src/text.ts";
import { alembicFiles, asyncEnv, revision, syncEnv } from "../support/alembic.ts";
import { drive, table, type Options } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { runProject } from "../support/migrations.ts";
import { createDatabase } from "../support/postgres.ts";

/** An address of those that are kept free for examples. */
const REMOTE = "192.0.2.1";

async function up(files: Record<string, string>, options: Options = {}) {
  const heard = { written: new Map<string, boolean>(), refused: [] as unknown[][] };
  const database = await createDatabase();
  const driver = await drive(files, {
    ...options,
    wrote: ({ file, existed }) => heard.written.set(file, existed),
    refused: (wanted, place) => heard.refused.push([wanted, place.file, place.line]),
  });
  const result = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  await driver.stop();
  return { ...heard, result };
}

describe("another machine", () => {
  test.each([
    [
      "a revision",
      { upgrade: `import socket\nsocket.create_connection(("${REMOTE}", 443), timeout=9)` },
      syncEnv(),
      "migrations/versions/a.py",
      11,
    ],
    [
      "env.py",
      {},
      `import urllib.request\nurllib.request.urlopen("http://${REMOTE}/x", timeout=9)\n${syncEnv()}`,
      "migrations/env.py",
      2,
    ],
    [
      "a revision that uses asyncio",
      { upgrade: `import asyncio\nasync def go():\n    await asyncio.open_connection("${REMOTE}", 443)\nasyncio.run(go())` },
      syncEnv(),
      "migrations/versions/a.py",
      12,
    ],
  ])("is not reached by %s", async (_, options, env, file, line) => {
    const started = performance.now();
    const { result, refused } = await up(alembicFiles({ a: revision("a", options) }, env));
    expect(result.foreign).toMatchObject([{ wanted: expect.stringContaining(REMOTE), file, line }]);
    expect(JSON.stringify(result.raised)).toContain("nothing reaches another machine");
    expect(refused).toEqual([]);
    // Nobody waited for an answer.
    expect(performance.now() - started).toBeLessThan(8000);
  });

  test("that the application itself wants is refused with a note, and an application that bears it runs on", async () => {
    const app = `import socket
try:
    socket.create_connection(("${REMOTE}", 9), timeout=9)
except OSError:
    pass
`;
    const env = `import os, sys\nsys.path.insert(0, os.getcwd())\nimport app\n${syncEnv()}`;
    const { result, refused } = await up({ ...alembicFiles({ a: revision("a") }, env), "app.py": app });
    expect(result).toMatchObject({ foreign: [], steps: [{ ended: true }] });
    expect(refused).toEqual([[`${REMOTE}:9`, "app.py", 3]]);
  });

  test("is reached where the settings name it", async () => {
    const upgrade = `import socket
try:
    socket.create_connection(("${REMOTE}", 9), timeout=0.3)
except TimeoutError:
    pass
except OSError as error:
    assert "gate" not in str(error)`;
    const { result } = await up(alembicFiles({ a: revision("a", { upgrade }) }), { load: { allowed: [REMOTE] } });
    expect(result.raised).toBeUndefined();
    expect(result.foreign).toEqual([]);
  });

  test("is none where a service of this one is reached, or no connection is made", async () => {
    const server = createServer((socket) => socket.end("hello")).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const upgrade = `import socket
assert socket.create_connection(("localhost", ${(server.address() as AddressInfo).port})).recv(5) == b"hello"
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("${REMOTE}", 80))
socket.socketpair()`;
    const { result, refused } = await up(alembicFiles({ a: revision("a", { upgrade }) }));
    expect(result.raised).toBeUndefined();
    expect([result.foreign, refused]).toEqual([[], []]);
  });
});

const address = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === "IPv4" && !one.internal)?.address;

test.skipIf(!address)("a given server on another machine is reached, whatever the driver's sockets", async () => {
  const database = await createDatabase();
  const proxy = createServer((socket) => {
    const server = connect(database.connection.port, database.connection.host);
    socket
      .on("error", () => {})
      .pipe(server.on("error", () => {}))
      .pipe(socket);
  }).listen(0, address);
  onTestFinished(() => void proxy.close());
  await new Promise((resolve) => proxy.once("listening", resolve));
  const connection = { ...database.connection, host: address!, port: (proxy.address() as AddressInfo).port };
  for (const env of [asyncEnv(), syncEnv()]) {
    const driver = await drive(alembicFiles({ a: revision("a", table("ta")) }, env));
    for (const direction of ["upgrade", "downgrade"] as const) {
      const result = await driver.run({ direction, revisions: ["a"], connection });
      expect([result.raised, result.foreign]).toEqual([undefined, []]);
    }
  }
});

describe("files in the tree", () => {
  test("that are written are told, with those that were there before", async () => {
    const upgrade = `import os, pathlib, shutil, sqlite3, tempfile
os.makedirs("made/deep")
pathlib.Path("made/deep/new.txt").write_text("x")
open("kept.txt", "a").close()
os.rename("made/deep/new.txt", "renamed.txt")
sqlite3.connect("data.db").close()
open("alembic.ini").read()
tempfile.TemporaryFile().close()`;
    const { written, result } = await up({ ...alembicFiles({ a: revision("a", { upgrade }) }), "kept.txt": "" });
    expect(result.raised).toBeUndefined();
    const root = path.dirname([...written.keys()].find((file) => file.endsWith("kept.txt"))!);
    expect(Object.fromEntries([...written].map(([file, existed]) => [path.relative(root, file), existed]))).toEqual({
      made: false,
      "made/deep": false,
      "made/deep/new.txt": false,
      "kept.txt": true,
      "renamed.txt": false,
      "data.db": false,
    });
  });

  const clean = async (root: string, written: Record<string, boolean>, since = 0, tracked: string[] = []) => {
    const all = new Map(Object.entries(written).map(([file, existed]) => [path.join(root, file), { existed }]));
    return (await tidy(all, { root, since, tracked: async () => new Set(tracked) })).map(({ reason }) => plain(reason));
  };

  test("that were not there before go, with their folders; others stay and are named", async () => {
    const root = await writeFiles({ "a/b/new.txt": "", "a/c/mine.txt": "", "old.txt": "", "read.txt": "", "known.txt": "" });
    const written = {
      a: true,
      "a/b": false,
      "a/b/new.txt": false,
      "a/c": false,
      "old.txt": true,
      "known.txt": false,
      "gone.txt": false,
    };
    expect(await clean(root, written, 0, ["known.txt"])).toEqual([
      "the project's code wrote a/b/ while it ran, and the gate removed that again",
      "the project's code changed known.txt and old.txt while it ran, and that was left as it is",
    ]);
    expect((await readdir(root, { recursive: true })).sort()).toEqual([
      "a",
      "a/c",
      "a/c/mine.txt",
      "known.txt",
      "old.txt",
      "read.txt",
    ]);
  });

  test("that were only opened are not named", async () => {
    const root = await writeFiles({ "old.txt": "" });
    expect(await clean(root, { "old.txt": true }, Date.now() + 60_000)).toEqual([]);
  });

  test("that only seem to be in it are left alone", async () => {
    const outside = await writeFiles({ "precious.txt": "" });
    const root = await writeFiles({ "x.txt": "" });
    await symlink(outside, path.join(root, "link"));
    await mkdir(path.join(root, "folder"));
    await writeFile(path.join(root, "folder/inside.txt"), "");
    expect(await clean(root, { "link/precious.txt": false, "../x": false })).toEqual([]);
    expect(await clean(root, { folder: false, link: false })).toEqual([
      "the project's code wrote link while it ran, and the gate removed that again",
    ]);
    expect(await readdir(outside)).toEqual(["precious.txt"]);
  });
});

test("a file that one process makes and another one finds was not there before, whoever tells first", async () => {
  const isBeside = `"history" in op.get_bind().scalar(sa.text("SELECT current_database()"))`;
  const upgrade = `import time
if not (${isBeside}): time.sleep(0.8)
open("made.txt", "a").close()
if ${isBeside}: time.sleep(1.6)`;
  const root = await writeFiles(alembicFiles({ a: revision("a", { upgrade }) }));
  const applied = { base: new Set<string>(), changed: [], fromBaseFiles: false, editedDowngrades: [], sources: [] };
  const evidence = (await runProject({ root, applied: Promise.resolve(applied) }))!;
  const notes = evidence.notes.filter(({ what }) => what === "the working tree").map(({ reason }) => plain(reason));
  expect(notes).toEqual(["the project's code wrote made.txt while it ran, and the gate removed that again"]);
});
