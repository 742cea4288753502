/** octokit as we use it: few attempts, short waits, nothing printed. A chunk of its own, loaded when there is something to ask or to send. */
import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";
import { Octokit } from "@octokit/rest";
import type { GitHubRun } from "./run.ts";

export type Api = Octokit;

/** Milliseconds for one answer. */
const ANSWER = 10_000;

/** Seconds that a rate limit may ask us to wait. */
const PATIENCE = 5;

/** octokit hands on what is called like this without another attempt. */
class Unreachable extends Error {
  override name = "AbortError";
}

type Fetch = (input: string, init: RequestInit) => Promise<Response>;

/** What a second attempt may mend. */
const BROKEN = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** The error that fetch hides in its own. */
function rootOf(error: unknown): Partial<NodeJS.ErrnoException> {
  let at = error;
  while (at instanceof Error && at.cause !== undefined) at = at.cause;
  return at instanceof Error ? at : { message: String(at) };
}

const codeOf = (error: unknown): string => rootOf(error).code ?? "";
const causeOf = (error: unknown): string => codeOf(error) || (rootOf(error).message ?? "");

/** fetch with a limit of time, through the proxy that the environment names. */
async function fetching(apiUrl: string, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Fetch> {
  const proxy = proxyFor(new URL(apiUrl), env);
  const send: Fetch = proxy === undefined ? fetch : await through(proxy);
  return async (input, init) => {
    const limit = AbortSignal.timeout(ANSWER);
    try {
      return await send(input, { ...init, signal: AbortSignal.any([limit, signal]) });
    } catch (error) {
      if (signal.aborted) throw new Unreachable("there was no time left");
      if (limit.aborted) throw new Unreachable(`no answer within ${ANSWER / 1000} seconds`);
      if (BROKEN.has(codeOf(error))) throw error;
      throw new Unreachable(`it cannot be reached (${causeOf(error)})`);
    }
  };
}

/** The proxy for a URL, as curl and others read the variables; the lower-case names are the stronger. */
export function proxyFor({ protocol, hostname, port }: URL, env: NodeJS.ProcessEnv): string | undefined {
  const either = (name: string) => env[name] || env[name.toUpperCase()] || undefined;
  const usual = protocol === "https:" ? "443" : "80";
  const excepted = (either("no_proxy") ?? "").split(/[\s,]+/).some((entry) => {
    const [, host = "", only] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase())!;
    if (host === "" || (only !== undefined && only !== (port || usual))) return false;
    return host === "*" || hostname === host || hostname.endsWith(`.${host}`);
  });
  return excepted ? undefined : either(`${protocol.slice(0, -1)}_proxy`);
}

async function through(proxy: string): Promise<Fetch> {
  const { ProxyAgent, fetch } = await import("undici");
  const dispatcher = new ProxyAgent(proxy.includes("://") ? proxy : `http://${proxy}`);
  return ((input: string, init: object) => fetch(input, { ...init, dispatcher })) as unknown as Fetch;
}

/** @param signal ends everything that is under way */
export async function connect(
  { apiUrl, token, id }: Pick<GitHubRun, "apiUrl" | "token" | "id">,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Api> {
  const silent = () => {};
  const patient = (seconds: number, _options: unknown, _octokit: unknown, attempts: number) =>
    seconds <= PATIENCE && attempts === 0;
  const Ours = Octokit.plugin(retry, throttling);
  return new Ours({
    auth: token,
    baseUrl: apiUrl,
    userAgent: "alembic-gate",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    request: { fetch: await fetching(apiUrl, env, signal) },
    retry: { retries: 2, retryAfterBaseValue: 300 },
    throttle: { id: String(id), onRateLimit: patient, onSecondaryRateLimit: patient },
  });
}
