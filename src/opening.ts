/** What the gate needs before it judges: the checkout, the settings, the environments, the base commit, the server. */
import path from "node:path";
import { Failure } from "./failure.ts";
import { openGit, type Git } from "./history/git.ts";
import { findInstalled } from "./postgres/installed.ts";
import type { Server } from "./postgres/server.ts";
import { isUrl, ownPort } from "./postgres/serving.ts";
import type { Binaries } from "./postgres/supervisor.ts";
import { findEnvironments, type Environment } from "./project/environment.ts";
import { factoryEnvironment } from "./project/factory.ts";
import { wantedPostgres } from "./project/postgres-version.ts";
import { workTree, type Tree } from "./project/tree.ts";
import { layer, readSettingsFile, type Given, type Settings } from "./settings.ts";
import { code, text } from "./text.ts";
import { stat } from "node:fs/promises";
import type { World } from "./world.ts";

export interface Project {
  /** Absolute root of the checkout, or of the folder where there is none. */
  root: string;
  git?: Git;
  tree: Tree;
  /** Those of the folder that is checked; an environment may have its own. */
  settings: Settings;
  environments: { environment: Environment; settings: Settings }[];
}

/** The folder that is checked, and the checkout around it. */
export interface Checkout {
  /** Absolute. */
  folder: string;
  root: string;
  git?: Git;
}

/** @throws Failure (exit code 2) for a folder that is none */
export async function openCheckout(given: Given, { cwd }: Pick<World, "cwd">): Promise<Checkout> {
  const folder = path.resolve(cwd, typeof given.directory === "string" ? given.directory : ".");
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder)
    throw new Failure(
      2,
      text`There is no folder ${code(folder)}.`,
      text`Name the folder of the project, or leave it out for the current one.`,
    );
  const git = await openGit(folder);
  return { folder, root: git?.root ?? folder, ...(git && { git }) };
}

/** @throws Failure (exit code 2) for bad settings, or no environment */
export async function openProject(given: Given, { folder, root, git }: Checkout): Promise<Project> {
  const directory = path.relative(root, folder).split(path.sep).join("/");
  const tree = workTree(root);
  const settingsOf = async (place: string) => layer(given, (await readSettingsFile(tree, place)).given);
  const settings = await settingsOf(directory);
  const { config, configFactory: factory } = settings;
  const found =
    factory === undefined
      ? await findEnvironments(tree, { directory, config, names: settings.name })
      : [await factoryEnvironment(tree, { factory, directory, config })];
  const environments = found.map(async (environment) => {
    const place = path.posix.dirname(environment.config);
    return { environment, settings: await settingsOf(place === "." ? "" : place) };
  });
  return { root, ...(git && { git }), tree, settings, environments: await Promise.all(environments) };
}

/** Servers that are booted when somebody first asks for them, one for each major version. */
export interface LazyServer {
  get(settings: Pick<Settings, "postgresVersion">): Promise<Server>;
  /** The port that it will have, known before it runs; undefined where nobody can know. */
  port(settings: Pick<Settings, "postgresVersion">): Promise<number | undefined>;
  stop(): Promise<void>;
}

/** What a server of our own needs, looked for before it is known whether any is wanted. */
export interface Ahead {
  installed: Promise<Binaries[]>;
  port: Promise<number | undefined>;
}

/** Begins to look while the project is opened; undefined where the arguments say that no server of our own is wanted. */
export function lookAhead(given: Given, { env, signal }: Pick<World, "env" | "signal">): Ahead | undefined {
  const { postgres = "auto" } = given;
  if (given.static === true || (postgres !== "auto" && postgres !== "installed")) return undefined;
  const ahead = { installed: findInstalled(env, signal), port: ownPort() };
  for (const found of Object.values(ahead)) found.catch(() => {});
  return ahead;
}

/** The throwaway server that the settings of an environment, or the repository's own files, ask for. */
export function serverFor(
  { settings: { postgres: choice }, tree }: Pick<Project, "settings" | "tree">,
  { env, signal }: Pick<World, "env" | "signal">,
  ahead?: Ahead,
): LazyServer {
  const servers = new Map<number | undefined, Promise<Server>>();
  const ports = new Map<number | undefined, Promise<number | undefined>>();
  // Loaded where something is run: the graph and the history alone need none of it.
  const load = () => import("./postgres/server.ts");
  const portOf = (given: number | undefined) => {
    // The first server takes what was looked for ahead.
    const own = ports.size === 0 && !isUrl(choice) ? ahead?.port : undefined;
    const port = ports.get(given) ?? own ?? load().then((loaded) => loaded.portOf({ choice, env }));
    ports.set(given, port);
    return port;
  };
  const start = async (given: number | undefined) => {
    const major = given ?? (await wantedPostgres(tree))?.major;
    const [{ startServer }, port] = await Promise.all([load(), portOf(given)]);
    return startServer({
      choice,
      env,
      signal,
      ...(ahead && { installed: ahead.installed }),
      ...(major !== undefined && { major }),
      ...(port !== undefined && { port }),
    });
  };
  return {
    get({ postgresVersion }) {
      const server = servers.get(postgresVersion) ?? start(postgresVersion);
      servers.set(postgresVersion, server);
      return server;
    },
    port: ({ postgresVersion }) => portOf(postgresVersion),
    async stop() {
      // A boot that failed has told it already.
      const booted = await Promise.allSettled(servers.values());
      await Promise.all(booted.flatMap((server) => (server.status === "fulfilled" ? [server.value.stop()] : [])));
    },
  };
}
