/** The pull request behind a `workflow_run` event, by what GitHub itself says of it: the run's own files are a stranger's. */
import type { Api } from "./octokit.ts";
import { at, type GitHubRun, type PullRequest } from "./run.ts";

/** A run of another workflow, on a pull request. */
export interface OtherRun {
  workflow: string;
  id: number;
  attempt: number;
  /** The tip of the pull request's branch when it started. */
  head: string;
  branch: string;
  /** Who owns the repository of that branch. */
  headOwner: string;
}

/** @returns undefined where the event is no `workflow_run` of a pull request */
export function otherRun(payload: unknown): OtherRun | undefined {
  const of = (...keys: string[]) => at(payload, "workflow_run", ...keys);
  const [workflow, head, branch] = [of("name"), of("head_sha"), of("head_branch")];
  const headOwner = of("head_repository", "owner", "login");
  const [id, attempt] = [of("id"), of("run_attempt")];
  if (of("event") !== "pull_request" || typeof id !== "number" || typeof attempt !== "number") return undefined;
  if (typeof workflow !== "string" || typeof head !== "string" || typeof branch !== "string" || typeof headOwner !== "string")
    return undefined;
  return { workflow, id, attempt, head, branch, headOwner };
}

/** @returns undefined where it is closed, or has moved on since that run */
export async function pullRequestOf(api: Api, run: GitHubRun, other: OtherRun): Promise<PullRequest | undefined> {
  const { data } = await api.rest.pulls.list({
    owner: run.owner,
    repo: run.repo,
    state: "open",
    head: `${other.headOwner}:${other.branch}`,
    per_page: 100,
  });
  const found = data.find(({ head }) => head.sha === other.head);
  return found && { number: found.number, head: found.head.sha, base: found.base.ref, fork: true };
}
