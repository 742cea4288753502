/** `recheck`: tells open pull requests what a push did to them. */
import type { OpenPullRequest } from "../history/neighbours.ts";
import type { Turned } from "../rechecking.ts";
import { saysTurn, turnedComment } from "../report/turned.ts";
import type { Text } from "../text.ts";
import { authorship, findComment } from "./own.ts";
import { listOpen } from "./pulls.ts";
import type { GitHubRun } from "./run.ts";
import { attempt, noticeOf } from "./trouble.ts";

/** Milliseconds for everything together. */
const PATIENCE = 120_000;

/** What a push did to open pull requests, for `recheck`. */
export interface Recheck {
  /** What was pushed, and to which branch. */
  commit: string;
  branch: string;
  /** Finds those that have two heads by the push. */
  turned(pulls: readonly OpenPullRequest[]): Promise<Turned[]>;
}

/**
 * Says on each open pull request that has two heads by a push that it has, once.
 *
 * @returns what could not be done, as one notice
 */
export async function recheck(
  { commit, branch, turned }: Recheck,
  run: GitHubRun,
  env: NodeJS.ProcessEnv,
): Promise<Text | undefined> {
  const what = "what this push does to the open pull requests";
  const troubles = await attempt(what, "pull-requests: write", async () => {
    const { connect } = await import("./octokit.ts");
    const api = await connect(run, env, AbortSignal.timeout(PATIENCE));
    const { pulls } = await listOpen(api, run, { base: branch });
    const all = await turned(pulls);
    if (all.length === 0) return;
    const mine = await authorship(api, run);
    const where = { owner: run.owner, repo: run.repo };
    for (const number of new Set(all.map((one) => one.number))) {
      const own = all.filter((one) => one.number === number);
      const before = (await findComment(api, { run }, { number }, mine)).turned;
      if (before && saysTurn(before.marks, own)) continue;
      const body = turnedComment(own, commit, branch);
      if (before) await api.rest.issues.updateComment({ ...where, comment_id: before.id, body });
      else await api.rest.issues.createComment({ ...where, issue_number: number, body, request: { retries: 0 } });
    }
  });
  return noticeOf(troubles, false);
}
