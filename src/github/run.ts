/** What GitHub tells a run about itself: read from its variables and its event, nobody is asked. */
export interface PullRequest {
  number: number;
  /** The tip of its branch, not the merge commit that is checked out. */
  head: string;
  /** The branch that it is to be merged into. */
  base: string;
  /** From another repository: such a run's token may only read. */
  fork: boolean;
}

export interface GitHubRun {
  /** `https://api.github.com`, or a GitHub Enterprise Server's. */
  apiUrl: string;
  serverUrl: string;
  owner: string;
  repo: string;
  token: string;
  workflow: string;
  job: string;
  id: number;
  attempt: number;
  /** The check run of this job, whose annotations may be more than a step's. */
  checkRun?: number;
  pull?: PullRequest;
}

/** Something in foreign JSON; undefined where it is not there. */
export function at(value: unknown, ...keys: string[]): unknown {
  for (const key of keys) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** The pull request that an event is about. */
function pullRequest(payload: unknown, repository: string): PullRequest | undefined {
  const number = at(payload, "pull_request", "number");
  const head = at(payload, "pull_request", "head", "sha");
  const base = at(payload, "pull_request", "base", "ref");
  if (!Number.isSafeInteger(number) || typeof head !== "string" || typeof base !== "string") return undefined;
  const fork = at(payload, "pull_request", "head", "repo", "full_name") !== repository;
  return { number: number as number, head, base, fork };
}

/** @returns undefined where there is no token, or no repository to speak to */
export function githubRun(env: NodeJS.ProcessEnv, payload: unknown, token: string | undefined): GitHubRun | undefined {
  const [owner, repo, ...rest] = (env.GITHUB_REPOSITORY ?? "").split("/");
  if (!owner || !repo || rest.length > 0 || !token) return undefined;
  const pull = pullRequest(payload, `${owner}/${repo}`);
  const checkRun = env["INPUT_CHECK-RUN-ID"]?.trim() ?? "";
  return {
    apiUrl: (env.GITHUB_API_URL || "https://api.github.com").replace(/\/+$/, ""),
    serverUrl: (env.GITHUB_SERVER_URL || "https://github.com").replace(/\/+$/, ""),
    owner,
    repo,
    token,
    workflow: env.GITHUB_WORKFLOW ?? "",
    job: env.GITHUB_JOB ?? "",
    id: Number(env.GITHUB_RUN_ID) || 0,
    attempt: Number(env.GITHUB_RUN_ATTEMPT) || 1,
    ...(/^\d+$/.test(checkRun) && { checkRun: Number(checkRun) }),
    ...(pull && { pull }),
  };
}
