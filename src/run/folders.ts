/** Folders of revisions that only env.py knows: it is run once, with no revision, on a database of its own. */
import path from "node:path";
import type { Server } from "../postgres/server.ts";
import { openScratch } from "../postgres/scratch.ts";
import type { Environment } from "../project/environment.ts";
import type { Interpreter } from "../project/interpreter.ts";
import type { Settings } from "../settings.ts";
import { LoadError, startDriver } from "./driver.ts";
import { environmentToLoad } from "./load-request.ts";

export interface FoldersAsked {
  environment: Environment;
  /** Absolute. */
  root: string;
  interpreter: Interpreter;
  server: Server;
  /** The port of all its databases; undefined where it is not known before it runs. */
  port?: number;
  settings: Pick<Settings, "x" | "allowHosts" | "timeout">;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** @returns the folders, relative to the root; undefined where env.py sets none, cannot be run, or names one outside of the root */
export async function foldersFromEnv(asked: FoldersAsked): Promise<string[] | undefined> {
  const { environment, root, interpreter, server, port, settings, env, signal } = asked;
  const scratch = await openScratch(server, { signal });
  const driver = startDriver({
    python: interpreter.command,
    directory: path.join(root, environment.directory),
    connection: async () => (await scratch.create("folders")).connection,
    load: { type: "load", ...environmentToLoad(environment, root, settings), ...(port !== undefined && { ports: [port] }) },
    env,
    signal,
    timeout: settings.timeout,
  });
  try {
    await driver.loaded;
    const { connection } = await scratch.create("folders");
    const { versionFolders } = await driver.run({ direction: "upgrade", revisions: [], connection });
    return versionFolders?.every((folder) => !path.isAbsolute(folder)) ? [...versionFolders] : undefined;
  } catch (error) {
    // The run of the migrations will say what is wrong.
    if (error instanceof LoadError) return undefined;
    throw error;
  } finally {
    await driver.stop();
    await scratch.close();
  }
}
