/** Which comments of a pull request are ours. */
import { readMarker, type Marks, type Owner } from "../report/marker.ts";
import { TURNED } from "../report/turned.ts";
import type { Api } from "./octokit.ts";
import type { GitHubRun, PullRequest } from "./run.ts";

/** Pages of a hundred that are read. */
export const PAGES = 5;

export interface OwnComment {
  id: number;
  body: string;
  marks: Marks;
}

/** The first comment that is ours, and the one that a push has left. */
export async function findComment(
  api: Api,
  sending: { run: GitHubRun; owner?: Owner },
  pull: Pick<PullRequest, "number">,
  mine: Authorship,
): Promise<{ found?: OwnComment; turned?: OwnComment }> {
  const { owner, repo } = sending.run;
  const own: { found?: OwnComment; turned?: OwnComment } = {};
  for (let page = 1; page <= PAGES; page++) {
    const { data } = await api.rest.issues.listComments({ owner, repo, issue_number: pull.number, per_page: 100, page });
    for (const { id, body = "", user } of data) {
      if (!mine(user)) continue;
      const marks = sending.owner && readMarker(body, "comment", sending.owner);
      if (marks) own.found ??= { id, body, marks };
      const turn = readMarker(body, TURNED.kind, TURNED.owner);
      if (turn) own.turned ??= { id, body, marks: turn };
    }
    if (data.length < 100 || own.found) break;
  }
  return own;
}

/** Whether an author is ourselves. */
export type Authorship = (author: { login: string; type?: string } | null | undefined) => boolean;

/**
 * Which authors are we. A job's token, or an app's, writes as a bot and may not ask who it is; a person's token may.
 * What a person writes with our marker in it is never taken for ours.
 */
export async function authorship(api: Api, { token }: GitHubRun): Promise<Authorship> {
  if (token.startsWith("ghs_")) return (author) => author?.type === "Bot";
  const me = await api.rest.users.getAuthenticated().then(
    ({ data }) => data.login,
    () => undefined,
  );
  return (author) => (me === undefined ? author?.type === "Bot" : author?.login === me);
}
