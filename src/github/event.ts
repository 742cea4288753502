/** What GitHub says about the run that the gate is part of. */
import { readFileSync } from "node:fs";
import { Failure } from "../failure.ts";
import type { GitEvent } from "../history/base.ts";
import type { SummaryOptions } from "../report/summary.ts";
import { block, code, text } from "../text.ts";

/** @throws Failure for an event on which the gate must not run */
export function readEvent(env: NodeJS.ProcessEnv, token: string | undefined): GitEvent {
  const name = env.GITHUB_EVENT_NAME ?? "";
  if (name === "pull_request_target") {
    throw new Failure(
      2,
      text`The gate does not run on ${code("pull_request_target")}: the pull request's own code would run with the base repository's token and secrets.`,
      text`Use ${block("on:\n  pull_request:\n  merge_group:", "yaml")}`,
    );
  }
  const payload: unknown = env.GITHUB_EVENT_PATH ? JSON.parse(readFileSync(env.GITHUB_EVENT_PATH, "utf8")) : {};
  const given = token?.trim();
  return {
    name,
    payload,
    ...(env.GITHUB_REF && { ref: env.GITHUB_REF }),
    ...(given && { token: given }),
    ...(env.GITHUB_SERVER_URL && { serverUrl: env.GITHUB_SERVER_URL }),
  };
}

/**
 * Links to the rules' pages and to the code of a commit.
 *
 * @param commit the one that was judged
 */
export function linksOf(env: NodeJS.ProcessEnv, commit = env.GITHUB_SHA): Pick<SummaryOptions, "rules" | "source"> {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = env;
  const { GITHUB_ACTION_REPOSITORY: action, GITHUB_ACTION_REF: ref } = env;
  return {
    ...(server && action && ref && { rules: `${server}/${action}/blob/${ref}/docs/rules` }),
    ...(server && repository && commit && { source: `${server}/${repository}/blob/${commit}` }),
  };
}
