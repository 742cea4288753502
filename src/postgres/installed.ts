/** Finds the Postgres servers that are installed on this machine. */
import { execFile } from "node:child_process";
import { access, constants, readdir, realpath } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { isOpenToAll, servingUser, type Binaries } from "./supervisor.ts";

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
  const [configured, ...installed] = await Promise.all([
    run("pg_config", ["--bindir"], { env, ...(signal ? { signal } : {}) }).then(
      ({ stdout }) => [stdout.trim()],
      () => [],
    ),
    ...families.map(async ([parent, name, programs]) => {
      const names = await readdir(parent).catch(() => []);
      return names.filter((entry) => name.test(entry)).map((entry) => join(parent, entry, programs));
    }),
  ]);
  const onPath = (env.PATH ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  const folders = [...installed.flat(), ...(env.PGBIN ? [env.PGBIN] : []), "/usr/local/pgsql/bin", ...configured, ...onPath];
  const found = await Promise.all([...new Set(folders)].map((folder) => inspect(folder, signal)));
  signal?.throwIfAborted();
  // The same server by another way: links in /usr/local/bin, two entries of PATH.
  const programs = new Set<string>();
  const servers = found.flatMap((entry) => {
    if (!entry || programs.has(entry.program)) return [];
    programs.add(entry.program);
    return [entry.binaries];
  });
  return servers.sort((a, b) => b.version.localeCompare(a.version, "en", { numeric: true }));
}

/** The server in a folder, and what its program really is; nothing where there is none that we can run and use. */
async function inspect(folder: string, signal?: AbortSignal): Promise<{ program: string; binaries: Binaries } | undefined> {
  try {
    await Promise.all(["initdb", "postgres"].map((program) => access(join(folder, program), constants.X_OK)));
    const program = await realpath(join(folder, "postgres"));
    if (servingUser() && !isOpenToAll(program)) return undefined;
    const version = await versionOf(folder, signal);
    const major = Number.parseInt(version);
    return major >= oldestMajor ? { program, binaries: { provider: "installed", folder, version, major } } : undefined;
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
