import { describe, expect, inject, test } from "vitest";
import { openCheckout, openProject, serverFor } from "../src/opening.ts";
import { layer } from "../src/settings.ts";
import { plain } from "../src/text.ts";
import type { World } from "../src/world.ts";
import { treeOf } from "./project/trees.ts";
import { alembicFiles, ini, revision, syncEnv } from "./support/alembic.ts";
import { writeFiles } from "./support/files.ts";
import { sharedUrl } from "./support/url.ts";

const world = (cwd: string): World => ({ cwd, env: process.env, signal: new AbortController().signal, progress: () => {} });
const files = alembicFiles({ a: revision("a") });

describe("the project", () => {
  test("is the folder itself where there is no checkout", async () => {
    const root = await writeFiles(files);
    const project = await openProject({}, await openCheckout({}, world(root)));
    expect(project).toMatchObject({ root, environments: [{ environment: { name: "alembic.ini" } }] });
    expect(project).not.toHaveProperty("git");
  });

  test("each environment has the settings nearest above its configuration, under what is given for the run", async () => {
    const root = await writeFiles({
      "alembic-gate.toml": "timeout = 10\npostgres-version = 15",
      "a/alembic.ini": ini,
      "a/migrations/env.py": syncEnv(),
      "a/migrations/versions/a.py": revision("a"),
      "b/alembic.ini": ini,
      "b/migrations/env.py": syncEnv(),
      "b/migrations/versions/b.py": revision("b"),
      "b/alembic-gate.toml": "timeout = 20",
    });
    const timeouts = async (given: Parameters<typeof openProject>[0]) => {
      const { environments, settings } = await openProject(given, await openCheckout(given, world(root)));
      const own = environments.map(({ environment, settings: { timeout, postgresVersion } }) => [
        environment.name,
        timeout,
        postgresVersion,
      ]);
      return [settings.timeout, ...own.sort(([a], [b]) => String(a).localeCompare(String(b)))];
    };
    expect(await timeouts({})).toEqual([10, ["a/alembic.ini", 10, 15], ["b/alembic.ini", 20, undefined]]);
    expect(await timeouts({ timeout: 5 })).toEqual([5, ["a/alembic.ini", 5, 15], ["b/alembic.ini", 5, undefined]]);
    expect(await timeouts({ directory: "b" })).toEqual([20, ["alembic.ini", 20, undefined]]);
  });

  test("a folder that is none, or a file, is wrong use", async () => {
    const root = await writeFiles(files);
    for (const directory of ["nowhere", "alembic.ini"]) {
      const error = await openCheckout({ directory }, world(root)).catch((error: unknown) => error);
      expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining("There is no folder") });
    }
  });
});

describe("the server", () => {
  const { major } = inject("postgres");
  const open = () => serverFor({ settings: layer({ postgres: sharedUrl() }), tree: treeOf({}) }, world("/"));

  test("is one for all who want the same version, and another for others", async () => {
    const servers = open();
    const [one, same, other] = [servers.get({}), servers.get({}), servers.get({ postgresVersion: major + 1 })];
    expect(same).toBe(one);
    expect((await one).note).toBeUndefined();
    expect(plain((await other).note!)).toContain(String(major + 1));
    await servers.stop();
  });

  test("that cannot be had is told to those who ask, and not when it is stopped", async () => {
    const servers = serverFor({ settings: layer({ postgres: "nonsense" }), tree: treeOf({}) }, world("/"));
    await expect(servers.get({})).rejects.toMatchObject({ exitCode: 2 });
    await expect(servers.stop()).resolves.toBeUndefined();
  });

  test("that nobody asks for is never booted", async () => {
    await expect(open().stop()).resolves.toBeUndefined();
  });
});
