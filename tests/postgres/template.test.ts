import { chmod, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { connect } from "../../src/postgres/client.ts";
import type { Server } from "../../src/postgres/server.ts";
import { boot, type Binaries } from "../../src/postgres/supervisor.ts";
import { templateOf } from "../../src/postgres/template.ts";
import { findBinaries } from "./binaries.ts";

let folder: string;
/** Those of this machine, with an initdb that counts. */
let binaries: Binaries;
let cache: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "template-test-"));
  // Open to the user that serves for root.
  await chmod(folder, 0o777);
  const real = await findBinaries();
  binaries = { ...real, folder };
  await symlink(join(real.folder, "postgres"), join(folder, "postgres"));
  await writeFile(join(folder, "initdb"), `#!/bin/sh\necho called >>${folder}/calls\nexec ${real.folder}/initdb "$@"\n`);
  await chmod(join(folder, "initdb"), 0o755);
});
afterAll(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  cache = await mkdtemp(join(folder, "cache-"));
  await chmod(cache, 0o755);
  await writeFile(join(folder, "calls"), "");
  await chmod(join(folder, "calls"), 0o666);
});

async function start(env: NodeJS.ProcessEnv = {}): Promise<Server> {
  const server = await boot(binaries, { template: templateOf(binaries, env, cache) });
  onTestFinished(() => server.stop());
  return server;
}

const calls = async () => (await readFile(join(folder, "calls"), "utf8")).split("called").length - 1;

/** Whether a password opens the server over TCP. */
async function opens({ socket: _, ...server }: Server, password: string): Promise<boolean> {
  const client = connect({ ...server, password });
  const opened = await client`select 1`.then(
    () => true,
    () => false,
  );
  await client.end({ timeout: 0 });
  return opened;
}

test("a cluster is made once, and every server that begins with it has its own password and nothing of another one", async () => {
  const first = await start();
  await first.admin!`create database theirs`;
  await first.admin!`create role theirs`;
  const beside = await first.another!("empty");
  await first.stop();
  const second = await start();
  expect(await calls()).toBe(1);
  expect(await readdir(cache)).toEqual([expect.stringMatching(/^cluster-\d+[.\d]*-[0-9a-f]{16}$/)]);
  expect(second.password).not.toBe(first.password);
  expect(beside.password).not.toBe(first.password);
  expect([await opens(second, first.password), await opens(second, second.password)]).toEqual([false, true]);
  expect(
    await second.admin!`select (select count(*)::int from pg_database) as databases, to_regrole('theirs') is not null as known`,
  ).toEqual([{ databases: 3, known: false }]);
});

test("others of one family are copied from what initdb has left, also where nothing is kept", async () => {
  const first = await start({ RUNNER_ENVIRONMENT: "github-hosted" });
  await first.admin!`create role theirs`;
  const second = await first.another!("empty");
  expect([await opens(second, first.password), await opens(second, second.password)]).toEqual([false, true]);
  expect(await second.admin!`select to_regrole('theirs') is not null as known`).toEqual([{ known: false }]);
  expect(await calls()).toBe(1);
  expect(await readdir(cache)).toEqual([]);
});

test("a cluster that others can write to is not taken, and one that is no longer whole is made anew", async () => {
  await (await start()).stop();
  const [name] = await readdir(cache);
  await chmod(join(cache, name!), 0o777);
  await (await start()).stop();
  expect(await calls()).toBe(2);
  await chmod(join(cache, name!), 0o755);
  await rm(join(cache, name!, "global"), { recursive: true });
  const server = await start();
  expect(await calls()).toBe(3);
  expect(await server.admin!`select 1 as alive`).toEqual([{ alive: 1 }]);
  await server.stop();
  await start();
  expect(await calls()).toBe(3);
});
