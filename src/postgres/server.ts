/** A throwaway Postgres, whoever provides it. */
import { Failure } from "../failure.ts";
import { code, listOf, text, type Text } from "../text.ts";
import type { Client } from "./client.ts";
import { embeddedMajors, fetchEmbedded, otherWays } from "./embedded.ts";
import { parseUrl, useGiven } from "./given.ts";
import { findInstalled, oldestMajor } from "./installed.ts";
import { isUrl, ownPort } from "./serving.ts";
import { boot, type Binaries } from "./supervisor.ts";
import { templateOf } from "./template.ts";

/** How to reach one database over TCP. */
export interface Connection {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

/** `database` is one that exists, from which others are created. */
export interface Server extends Connection {
  /** As the server says it: `16.4`. */
  version: string;
  major: number;
  provider: "installed" | "embedded" | "docker" | "url" | "file";
  /** Folder of the unix socket, where the server is our own. */
  socket?: string;
  /** What the reader of the report must know about the choice: `wanted PostgreSQL 14, judged on 15`. */
  note?: Text;
  /** Our own connection to `database`, where the server is our own; ends with it. */
  admin?: Client;
  /** Where the server is our own: a second one, empty or with all that this one has now. It may outlive a copy that it came from, but not the server that was started first. */
  another?(content: "empty" | "same"): Promise<Server>;
  /** Stops it and removes all that it left; safe to call twice. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** `auto`, `installed`, `embedded`, or the URL of a running server. */
  choice: string;
  /** The major version that production has. */
  major?: number;
  env: NodeJS.ProcessEnv;
  /** What `findInstalled` says of this machine, where it was asked already. */
  installed?: Promise<Binaries[]>;
  /** From `portOf`, for what must know it before the server runs. */
  port?: number;
  /** Where downloaded binaries are kept; default: the runner's tool cache, else the user's cache folder. */
  cacheFolder?: string;
  /** Ends the start, and the server once it runs. */
  signal?: AbortSignal;
}

/** What production most likely runs where nothing says it, and the machine has no server. */
const DEFAULT_MAJOR = 17;

/**
 * Starts a server, or reaches the one behind a URL.
 *
 * `auto` takes an installed server of the wanted major, else embedded binaries of it, else the nearest major that can be had;
 * without a wanted major the newest that is installed, else embedded binaries of a usual one.
 *
 * @throws Failure: 2 for a choice that is none, 3 where no server can be had
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { choice, major, env, signal, port } = options;
  signal?.throwIfAborted();
  if (isUrl(choice)) return withNote(await useGiven(choice, env, signal), major);
  const choose = CHOICES[choice];
  if (!choose) {
    throw new Failure(
      2,
      text`${code(`--postgres ${shown(choice)}`)} is no choice.`,
      text`Give ${code("auto")}, ${code("installed")}, ${code("embedded")}, or a URL such as ${code("postgres://user:password@localhost:5432/postgres")}.`,
    );
  }
  if (process.platform === "win32") {
    throw new Failure(
      3,
      text`On Windows the gate cannot start a PostgreSQL of its own.`,
      text`Give the URL of one that runs with ${code("--postgres")}, or judge the graph and the history alone with ${code("--static")}.`,
    );
  }
  const { binaries, reason } = await choose(options);
  const template = templateOf(binaries, env, options.cacheFolder);
  return withNote(await boot(binaries, { signal, template, ...(port !== undefined && { port }) }), major, reason);
}

/**
 * The port of a server that is to be started by this choice, and on Linux of all others that come from it.
 *
 * @returns undefined where nobody knows it before
 */
export async function portOf({ choice, env }: Pick<ServerOptions, "choice" | "env">): Promise<number | undefined> {
  if (!isUrl(choice)) return ownPort();
  try {
    return parseUrl(choice, env).port;
  } catch {
    // Whoever starts it says what is wrong.
    return undefined;
  }
}

interface Chosen {
  binaries: Binaries;
  /** Why it is not what was wanted. */
  reason?: Text;
}

const CHOICES: Record<string, (options: ServerOptions) => Promise<Chosen>> = {
  auto: chooseAny,
  async installed({ major, env, signal, installed: asked }) {
    const installed = await (asked ?? findInstalled(env, signal));
    const binaries = installed.find((candidate) => major === undefined || candidate.major === major);
    if (binaries) return { binaries };
    throw new Failure(
      3,
      installed.length === 0
        ? text`No PostgreSQL server (${oldestMajor} or newer) is installed on this machine.`
        : text`PostgreSQL ${major ?? ""} is not installed on this machine, only ${listOf(installed.map(({ version }) => version))}.`,
      text`Install it, put the folder of its ${code("initdb")} on the PATH, or let the gate find or fetch a server with ${code("--postgres auto")}.`,
    );
  },
  embedded: async ({ major = DEFAULT_MAJOR, ...rest }) => ({ binaries: await fetchEmbedded({ ...rest, major }) }),
  docker: () => {
    throw new Failure(
      2,
      text`${code("--postgres docker")} does not exist yet.`,
      text`${code("--postgres auto")} needs no Docker. For an image of your own, with extensions: ${otherWays(DEFAULT_MAJOR)}`,
    );
  },
};

async function chooseAny({ major, installed: asked, ...rest }: ServerOptions): Promise<Chosen> {
  const installed = await (asked ?? findInstalled(rest.env, rest.signal));
  const exact = major === undefined ? installed[0] : installed.find((candidate) => candidate.major === major);
  if (exact) return { binaries: exact };
  const wanted = major ?? DEFAULT_MAJOR;
  const distance = (candidate: number) => Math.abs(candidate - wanted);
  const nearestFirst = (a: number, b: number) => distance(a) - distance(b) || b - a;
  const nearest = installed.toSorted((a, b) => nearestFirst(a.major, b.major))[0];
  const fetchable = embeddedMajors.toSorted(nearestFirst)[0] ?? DEFAULT_MAJOR;
  if (nearest && distance(nearest.major) <= distance(fetchable)) return { binaries: nearest };
  try {
    return { binaries: await fetchEmbedded({ ...rest, major: fetchable }) };
  } catch (error) {
    if (!nearest || !(error instanceof Failure)) throw error;
    return { binaries: nearest, reason: error.sentence };
  }
}

/** Says so where the server is not of the wanted major. */
function withNote(server: Server, wanted: number | undefined, reason: Text = []): Server {
  if (wanted === undefined || server.major === wanted) return server;
  return {
    ...server,
    note: text`Wanted PostgreSQL ${wanted}, judged on ${server.version}.${reason.length > 0 ? text` ${reason}` : ""}`,
  };
}

/** A mistyped URL may hold a password. */
const shown = (choice: string): string => (/[:@]/.test(choice) ? `${choice.slice(0, choice.search(/[:@]/))}…` : choice);
