/** Clusters as initdb makes them, kept from run to run: copying one takes a tenth of the time. They know no password, and no database of anybody. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { lstatSync, realpathSync, statSync, utimesSync } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolders, openCache } from "./cache.ts";
import { initdbFlags, type Binaries } from "./supervisor.ts";

export interface Template {
  /** The data directory that was kept; undefined where there is none, or somebody else could have written it. */
  find(): string | undefined;
  /** Keeps a stopped data directory for other runs; never fails. */
  keep(data: string): Promise<void>;
}

/** Changes whenever what is kept would be made in another way. */
const FORMAT = 1;

/** What nobody has used for so long is removed when another one is made; milliseconds. */
const UNUSED = 30 * 24 * 3600_000;

/** Copies a cluster so that the user that serves for root can read it, and shows it to others when it is whole, in place of one that was not. */
const SCRIPT = `
trap '' HUP INT TERM
cp -R "$1" "$2/data" && chmod -R go-w,a+rX "$2" && { [ ! -e "$3" ] || mv "$3" "$2/old"; } && mv "$2/data" "$3"
rm -rf "$2"
`;

/**
 * The template of a server's binaries.
 *
 * @param cacheFolder as for `openCache`
 */
export function templateOf(binaries: Binaries, env: NodeJS.ProcessEnv, cacheFolder?: string): Template {
  const name = nameOf(binaries);
  return {
    find() {
      for (const folder of cacheFolders(env, cacheFolder)) {
        const data = join(folder, name);
        if (!isOurs(data)) continue;
        markUsed(data);
        return data;
      }
      return undefined;
    },
    async keep(data) {
      // A machine that is thrown away after the job has no use for it.
      if (env.RUNNER_ENVIRONMENT === "github-hosted") return;
      try {
        const cache = await openCache(env, cacheFolder);
        const making = await mkdtemp(join(cache, ".making-"));
        const copying = spawn("nice", ["-n", "19", "/bin/sh", "-c", SCRIPT, "alembic-gate", data, making, join(cache, name)], {
          stdio: "ignore",
          detached: true,
        });
        await once(copying, "close");
        await removeUnused(cache, name);
      } catch {
        // It is made anew next time.
      }
    },
  };
}

/** The same for what initdb would make the same cluster of: the programs, our flags, the system's collations. */
function nameOf({ folder, version, major }: Binaries): string {
  const stamps = ["initdb", "postgres"].map((program) => join(folder, program));
  const told = [...stamps, "/usr/lib/locale", "/usr/lib/locale/locale-archive"].map(stampOf);
  const hash = createHash("sha256").update(JSON.stringify([FORMAT, initdbFlags(major), told]));
  return `cluster-${version}-${hash.digest("hex").slice(0, 16)}`;
}

function stampOf(file: string): unknown[] {
  try {
    const path = realpathSync(file);
    const { size, mtimeMs } = statSync(path);
    return [path, size, mtimeMs];
  } catch {
    return [file];
  }
}

/** Whether it is there and nobody else can write to it: its settings name libraries that the server loads. */
function isOurs(data: string): boolean {
  try {
    const found = lstatSync(data);
    return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
  } catch {
    return false;
  }
}

/** Says that it is used; where nothing can be written, nothing is removed either. */
function markUsed(data: string): void {
  try {
    utimesSync(data, new Date(), new Date());
  } catch {
    // Nobody needs to know.
  }
}

async function removeUnused(cache: string, kept: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!/^(cluster|\.making)-/.test(name) || name === kept) continue;
    const { mtimeMs } = await stat(join(cache, name));
    if (Date.now() - mtimeMs > UNUSED) await rm(join(cache, name), { recursive: true, force: true });
  }
}
