/** Suggestions as comments of a review: new ones posted, old ones brought up to date or taken back. */
import type { Report } from "../finding.ts";
import { readMarker, type Owner } from "../report/marker.ts";
import { fixable, suggestions, type Suggestion } from "../report/suggestions.ts";
import { count } from "../text.ts";
import type { Api } from "./octokit.ts";
import { PAGES, type Authorship } from "./own.ts";
import type { GitHubRun, PullRequest } from "./run.ts";
import { attempt, type Trouble } from "./trouble.ts";

/** GitHub takes more, but nobody reads more. */
const PER_REVIEW = 30;

interface Suggesting {
  run: GitHubRun;
  owner: Owner;
  /** A file of the tree that was judged. */
  source(file: string): string | undefined;
}

interface OwnSuggestion {
  id: number;
  body: string;
  fingerprint: string;
  /** Its lines are still in the diff. */
  current: boolean;
  path: string;
  line?: number;
}

/** Posts new suggestions, brings old ones up to date, and says of those that nobody needs any more that it is so. */
export async function sendSuggestions(
  api: Api,
  report: Report,
  sending: Suggesting,
  pull: PullRequest,
  mine: Authorship,
): Promise<Trouble[]> {
  const where = { owner: sending.run.owner, repo: sending.run.repo, pull_number: pull.number };
  return attempt("suggestions", "pull-requests: write", async () => {
    const wanted = fixable(report).length > 0 ? suggestions(report, await diffOf(api, sending, pull), sending.owner) : [];
    const there = await ownSuggestions(api, sending, pull, mine);
    const fresh: Suggestion[] = [];
    for (const suggestion of wanted) {
      const old = there.find(({ fingerprint, current }) => current && fingerprint === suggestion.fingerprint);
      if (!old || old.path !== suggestion.path || old.line !== suggestion.line) fresh.push(suggestion);
      else {
        there.splice(there.indexOf(old), 1);
        if (old.body.trimEnd() !== suggestion.body.trimEnd()) await rewrite(api, sending.run, old.id, suggestion.body);
      }
    }
    // A gate that could not do its work does not know what is mended.
    if (report.verdict !== "error") for (const { id, body } of there) await rewrite(api, sending.run, id, withdrawn(body));
    const comments = fresh.slice(0, PER_REVIEW).map(({ path, line, startLine, body }) => ({
      path,
      line,
      side: "RIGHT",
      body,
      ...(startLine !== undefined && { start_line: startLine, start_side: "RIGHT" }),
    }));
    if (comments.length === 0) return;
    const more = fresh.length - comments.length;
    const body = `The Alembic gate can mend ${comments.length === 1 ? "this" : count(comments.length, "thing")}${more > 0 ? `, and ${more} more: \`alembic-gate fix\` does it` : ""}.`;
    await api.rest.pulls.createReview({
      ...where,
      commit_id: pull.head,
      event: "COMMENT",
      body,
      comments,
      request: { retries: 0 },
    });
  });
}

/** Marks of suggestions that are no longer wanted. */
const WITHDRAWN = "~~Suggestion~~ No longer needed.";

/** The marker stays, so that it is known; what could be committed goes. */
const withdrawn = (body: string): string => `${body.split("\n", 1)[0]}\n${WITHDRAWN}\n`;

const rewrite = (api: Api, { owner, repo }: GitHubRun, id: number, body: string) =>
  api.rest.pulls.updateReviewComment({ owner, repo, comment_id: id, body });

async function ownSuggestions(api: Api, sending: Suggesting, pull: PullRequest, mine: Authorship): Promise<OwnSuggestion[]> {
  const { owner, repo } = sending.run;
  const found: OwnSuggestion[] = [];
  for (let page = 1; page <= PAGES; page++) {
    const { data } = await api.rest.pulls.listReviewComments({ owner, repo, pull_number: pull.number, per_page: 100, page });
    for (const { id, body, user, line, path } of data) {
      const marks = mine(user) && !body.includes(WITHDRAWN) ? readMarker(body, "suggestion", sending.owner) : undefined;
      if (marks?.fingerprint === undefined) continue;
      const place = typeof line === "number" ? { current: true, line } : { current: false };
      found.push({ id, body, fingerprint: marks.fingerprint, path, ...place });
    }
    if (data.length < 100) break;
  }
  return found;
}

async function diffOf(api: Api, sending: Suggesting, pull: PullRequest): Promise<Parameters<typeof suggestions>[1]> {
  const { owner, repo } = sending.run;
  const patches = new Map<string, string>();
  for (let page = 1; page <= PAGES; page++) {
    const { data } = await api.rest.pulls.listFiles({ owner, repo, pull_number: pull.number, per_page: 100, page });
    for (const { filename, patch } of data) if (patch !== undefined) patches.set(filename, patch);
    if (data.length < 100) break;
  }
  return { source: sending.source, patches };
}
