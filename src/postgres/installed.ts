/** Finds the Postgres servers that are installed on this machine. */
import { execFile } from "node:child_process";
import { accessSync, constants, readdirSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { isOpenToAll, servingUser } from "./serving.ts";
import type { Binaries } from "./supervisor.ts";

const run = promisify(execFile);

/** Below this, DROP DATABASE … WITH (FORCE) does not exist. */
export const oldestMajor = 13;

/** Folders with one folder for each version, and where the programs are in it. */
const families: [parent: string, name: RegExp, programs: string][] = [
  ["/usr/lib/postgresql", /^\d+$/, "bin"],
  ["/usr", /^pgsql-\d+$/, "bin"],
  ["/opt/homebrew/opt", /^postgresql(@\d+)?$/, "bin"],
  ["/usr/local/opt", /^postgresql(@\d+)?$/, "bin"],
  ["/home/linuxbrew/.linuxbrew/opt", /^postgresql(@\d+)?$/, "bin"],
  ["/Applications/Postgres.app/Contents/Versions", /^\d+$/, "bin"],
];

/**
 * All servers (folders with both `initdb` and `postgres`) of this machine, newest first.
 * Looks into the usual folders, PGBIN, what `pg_config` names, and PATH.
 */
export async function findInstalled(env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Binaries[]> {
  /** By what their program really is: links in /usr/local/bin and two entries of PATH lead to the same one, which is asked once. */
  const servers = new Map<string, Promise<Binaries | undefined>>();
  const look = (folder: string): void => {
    const program = programIn(folder);
    if (program !== undefined && !servers.has(program)) servers.set(program, inspect(folder, signal));
  };
  const configured = run("pg_config", ["--bindir"], { env, ...(signal ? { signal } : {}) }).then(
    ({ stdout }) => look(stdout.trim()),
    () => {},
  );
  for (const [parent, name, programs] of families)
    for (const entry of entriesOf(parent)) if (name.test(entry)) look(join(parent, entry, programs));
  const onPath = (env.PATH ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  for (const folder of [...(env.PGBIN ? [env.PGBIN] : []), "/usr/local/pgsql/bin", ...onPath]) look(folder);
  await configured;
  const found = await Promise.all(servers.values());
  signal?.throwIfAborted();
  return found.filter((entry) => entry !== undefined).sort((a, b) => b.version.localeCompare(a.version, "en", { numeric: true }));
}

function entriesOf(parent: string): string[] {
  try {
    return readdirSync(parent);
  } catch {
    return [];
  }
}

/** What the server's program in a folder really is; undefined where there is none that we can run. */
function programIn(folder: string): string | undefined {
  try {
    for (const program of ["initdb", "postgres"]) accessSync(join(folder, program), constants.X_OK);
    const program = realpathSync(join(folder, "postgres"));
    return servingUser() && !isOpenToAll(program) ? undefined : program;
  } catch {
    return undefined;
  }
}

/** The server in a folder; undefined where we cannot use it. */
async function inspect(folder: string, signal?: AbortSignal): Promise<Binaries | undefined> {
  try {
    const version = await versionOf(folder, signal);
    const major = Number.parseInt(version);
    return major >= oldestMajor ? { provider: "installed", folder, version, major } : undefined;
  } catch {
    return undefined;
  }
}

/** `16.4`, as `postgres --version` says it. */
export async function versionOf(folder: string, signal?: AbortSignal): Promise<string> {
  const { stdout } = await run(join(folder, "postgres"), ["--version"], signal ? { signal } : {});
  const version = /\(PostgreSQL\) (\d+[\w.]*)/.exec(stdout)?.[1];
  if (!version) throw new Error(`${folder}/postgres --version says ${stdout}`);
  return version;
}
