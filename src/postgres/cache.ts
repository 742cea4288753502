/** The folder in which downloaded binaries, and clusters that were made once, are kept from run to run. */
import { existsSync } from "node:fs";
import { access, chmod, constants, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { Failure } from "../failure.ts";
import { block, code, text } from "../text.ts";
import { isOpenToAll, servingUser } from "./serving.ts";

/** Where things may be kept, the best place first. @param given the one place where they are to be kept */
export function cacheFolders(env: NodeJS.ProcessEnv, given?: string): string[] {
  if (given !== undefined) return [given];
  const home = env.HOME ?? homedir();
  return [
    ...(env.RUNNER_TOOL_CACHE ? [env.RUNNER_TOOL_CACHE] : []),
    env.XDG_CACHE_HOME || join(home, ".cache"),
    ...(servingUser() ? ["/var/cache"] : []),
  ].map((folder) => join(folder, "alembic-gate"));
}

/**
 * The folder that is kept from run to run: the first that can be written and, for root, that the server's user can read.
 * @throws Failure (exit code 3) where there is none
 */
export async function openCache(env: NodeJS.ProcessEnv, given?: string): Promise<string> {
  const reasons: string[] = [];
  for (const folder of cacheFolders(env, given)) {
    try {
      let existing = folder;
      while (!existsSync(existing)) existing = dirname(existing);
      demandOpen(existing);
      if (existing !== folder) await makeOpenFolder(folder);
      demandOpen(folder);
      await access(folder, constants.W_OK);
      return folder;
    } catch (error) {
      reasons.push(`${folder}: ${(error as Error).message}`);
    }
  }
  throw new Failure(
    3,
    text`There is no folder to keep the binaries of PostgreSQL in.`,
    text`Point ${code("XDG_CACHE_HOME")} at a folder that can be written. What was wrong: ${block(reasons.join("\n"))}`,
  );
}

function demandOpen(folder: string): void {
  if (servingUser() && !isOpenToAll(folder))
    throw new Error("the user nobody cannot read it, and PostgreSQL does not run as root");
}

/** Renamed into its place when everybody may read it: with a strict umask, who looks at the same moment would find it closed. */
async function makeOpenFolder(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const making = await mkdtemp(`${folder}-`);
  await chmod(making, 0o755);
  await rename(making, folder).catch(async (error: unknown) => {
    await rm(making, { recursive: true });
    if (!existsSync(folder)) throw error;
  });
}
