/** The open pull requests that are to be merged into a branch. */
import { text } from "../text.ts";
import type { OpenPullRequests } from "../world.ts";
import type { GitHubRun } from "./run.ts";
import { troubleOf } from "./trouble.ts";

/** Those that are looked at: the most recently touched ones. */
const MOST = 30;

/** Milliseconds; the migrations are running meanwhile. */
const PATIENCE = 15_000;

/** @param but the number of the one that asks */
export async function openPullRequests(
  run: GitHubRun,
  { base, but }: { base: string; but?: number },
  env: NodeJS.ProcessEnv,
): Promise<OpenPullRequests> {
  try {
    const { connect } = await import("./octokit.ts");
    const api = await connect(run, env, AbortSignal.timeout(PATIENCE));
    const where = { owner: run.owner, repo: run.repo, base };
    const { data } = await api.rest.pulls.list({ ...where, state: "open", sort: "updated", direction: "desc", per_page: 100 });
    const others = data.filter(({ number }) => number !== but);
    const pulls = others.slice(0, MOST).map(({ number, head }) => ({ number, head: head.sha }));
    return { known: true, pulls, more: others.length > pulls.length };
  } catch (error) {
    const { why } = troubleOf(error, "the open pull requests", "pull-requests: read");
    return { known: false, reason: text`${why}` };
  }
}
