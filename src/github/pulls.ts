/** The open pull requests that are to be merged into a branch. */
import { text } from "../text.ts";
import type { OpenPullRequests } from "../world.ts";
import type { OpenPullRequest } from "../history/neighbours.ts";
import type { Api } from "./octokit.ts";
import type { GitHubRun } from "./run.ts";
import { troubleOf } from "./trouble.ts";

/** Those that are looked at: the most recently touched ones. */
const MOST = 30;

/** Milliseconds; the migrations are running meanwhile. */
const PATIENCE = 15_000;

/**
 * Asks for them.
 *
 * @param of.but the number of the one that asks
 */
export async function listOpen(
  api: Api,
  { owner, repo }: GitHubRun,
  of: { base: string; but?: number },
): Promise<{ pulls: OpenPullRequest[]; more: boolean }> {
  const { base, but } = of;
  const order = { sort: "updated", direction: "desc", per_page: 100 } as const;
  const { data } = await api.rest.pulls.list({ owner, repo, base, state: "open", ...order });
  const others = data.filter(({ number }) => number !== but);
  const pulls = others.slice(0, MOST).map(({ number, head }) => ({ number, head: head.sha }));
  return { pulls, more: others.length > pulls.length };
}

/** The same for the gate, which goes on without them. */
export async function openPullRequests(
  run: GitHubRun,
  of: { base: string; but?: number },
  env: NodeJS.ProcessEnv,
): Promise<OpenPullRequests> {
  try {
    const { connect } = await import("./octokit.ts");
    const api = await connect(run, env, AbortSignal.timeout(PATIENCE));
    return { known: true, ...(await listOpen(api, run, of)) };
  } catch (error) {
    const { why } = troubleOf(error, "the open pull requests", "pull-requests: read");
    return { known: false, reason: text`${why}` };
  }
}
