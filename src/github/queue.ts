/** Labels in a merge queue, whose events carry none. */
import { text } from "../text.ts";
import type { Labels } from "../world.ts";
import { at, type GitHubRun } from "./run.ts";
import { troubleOf } from "./trouble.ts";

/** Milliseconds; the verdict waits for it. */
const PATIENCE = 15_000;

/** GitHub names the branch of a group after the last pull request in it: `gh-readonly-queue/main/pr-12-<commit>`. */
const QUEUED = /^refs\/heads\/gh-readonly-queue\/.+\/pr-(\d{1,15})-[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/**
 * The labels of the pull request that a merge group is named after. The others of the group are not known: nothing that GitHub
 * vouches for names them.
 *
 * @param run absent where there is no token
 */
export async function labelsInQueue(run: GitHubRun | undefined, payload: unknown, env: NodeJS.ProcessEnv): Promise<Labels> {
  const [, number] = QUEUED.exec(String(at(payload, "merge_group", "head_ref"))) ?? [];
  if (number === undefined) return { known: false, reason: text`the merge group's branch names no pull request` };
  if (!run) return { known: false, reason: text`there is no token to ask GitHub with for those of #${number}` };
  try {
    const { connect } = await import("./octokit.ts");
    const api = await connect(run, env, AbortSignal.timeout(PATIENCE));
    const { data } = await api.rest.pulls.get({ owner: run.owner, repo: run.repo, pull_number: Number(number) });
    return { known: true, value: data.labels.map(({ name }) => name) };
  } catch (error) {
    const { why } = troubleOf(error, "the labels", "pull-requests: read");
    return { known: false, reason: text`those of #${number} could not be asked for: ${why}` };
  }
}
