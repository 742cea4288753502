/** A throwaway Postgres, whoever provides it. */
import { Failure } from "../failure.ts";
import { code, listOf, text, type Text } from "../text.ts";
import { findInstalled } from "./installed.ts";
import { boot } from "./supervisor.ts";

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
  provider: "installed" | "embedded" | "docker" | "url";
  /** Folder of the unix socket, where the server is our own. */
  socket?: string;
  /** What the reader of the report must know about the choice: `wanted PostgreSQL 14, judged on 15`. */
  note?: Text;
  /** Where the server is our own: a second one, empty or with all that this one has now. It ends with this one, or before. */
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
  /** Where downloaded binaries are kept; default: the runner's tool cache, else the user's cache folder. */
  cacheFolder?: string;
  /** Ends the start, and the server once it runs. */
  signal?: AbortSignal;
}

/**
 * Starts (or, for a URL, reaches) the server that the migrations will run on.
 * @throws Failure: 2 for a choice that is none, 3 where no server can be had
 */
export async function startServer({ env, major, signal }: ServerOptions): Promise<Server> {
  const found = await findInstalled(env, signal);
  const binaries = found.find((candidate) => major === undefined || candidate.major === major);
  if (!binaries) {
    throw new Failure(
      3,
      text`No PostgreSQL ${major ?? ""} is installed on this machine`,
      text`Found: ${listOf(found.map(({ version }) => version))}. Give the URL of a running server with ${code("--postgres")}.`,
    );
  }
  return boot(binaries, signal);
}
