/** Brings a report to the pull request: the comment, suggestions, and the annotations that a step may not print. Verdicts never depend on it. */
import type { Report } from "../finding.ts";
import { checkRunOutputs } from "../report/check-run.ts";
import { comment, saysSomething } from "../report/comment.ts";
import { markdownUrl } from "../report/escape.ts";
import type { Owner } from "../report/marker.ts";
import type { SummaryOptions } from "../report/summary.ts";
import { fixable } from "../report/suggestions.ts";
import { turnedAgain } from "../report/turned.ts";
import { Failure } from "../failure.ts";
import { count, text, type Text } from "../text.ts";
import type { Api } from "./octokit.ts";
import type { GitHubRun, PullRequest } from "./run.ts";
import { authorship, findComment, type OwnComment } from "./own.ts";
import { sendSuggestions } from "./review.ts";
import { pullRequestOf, type OtherRun } from "./workflow-run.ts";
import { attempt, noticeOf, troubleOf, type Trouble } from "./trouble.ts";

export interface Sending {
  run: GitHubRun;
  env: NodeJS.ProcessEnv;
  /** `auto`: when there is something to say, or was. */
  comment: "auto" | "always" | "never";
  owner: Owner;
  links: SummaryOptions;
  /** A file of the tree that was judged. */
  source(file: string): string | undefined;
  /** How many notices the step keeps for itself; see annotations.ts. */
  reserved: number;
  /** The report comes from a run of the pull request's own code. */
  secondHand?: boolean;
}

/** Milliseconds for everything together. */
const PATIENCE = 90_000;

/**
 * Sends what there is to send.
 *
 * @returns what could not be sent and why, as one notice; nothing where all went well
 */
export async function sendToGitHub(report: Report, sending: Sending): Promise<Text | undefined> {
  const { run, env } = sending;
  const outputs = run.checkRun === undefined ? [] : checkRunOutputs(report, sending.reserved);
  const pull = sending.comment === "never" ? undefined : run.pull;
  if (outputs.length === 0 && !pull) return undefined;
  const troubles = await attempt("everything", "pull-requests: write", async () => {
    const { connect } = await import("./octokit.ts");
    const api = await connect(run, env, AbortSignal.timeout(PATIENCE));
    const done = await Promise.all([
      outputs.length > 0 ? sendAnnotationsTo(api, run, outputs) : [],
      pull ? sendComment(api, report, sending, pull) : [],
    ]);
    return done.flat();
  });
  return noticeOf(troubles, run.pull?.fork ?? false);
}

/**
 * Posts the comment for a run that may not: of a fork's pull request. No suggestions, since its own code wrote the report.
 *
 * @returns what was done, in words
 * @throws Failure (exit code 3) where GitHub does not do it
 */
export async function postSecondHand(
  report: Report,
  other: OtherRun,
  { run, env, links }: Pick<Sending, "run" | "env" | "links">,
): Promise<string> {
  const { connect } = await import("./octokit.ts");
  const api = await connect(run, env, AbortSignal.timeout(PATIENCE));
  let pull: PullRequest | undefined;
  const looked = await attempt("the open pull requests", "pull-requests: write", async () => {
    pull = await pullRequestOf(api, run, other);
  });
  if (looked.length === 0 && !pull) return "Nothing posted: the pull request is closed, or has moved on since that run.";
  const { workflow, id, attempt: attempts } = other;
  const sending: Sending = {
    run: { ...run, workflow, id, attempt: attempts },
    env,
    comment: "auto",
    owner: { workflow, job: "", environment: "" },
    links,
    source: () => undefined,
    reserved: 0,
    secondHand: true,
  };
  const troubles = pull ? await sendComment(api, report, sending, pull) : looked;
  const missing = noticeOf(troubles, false);
  if (missing) throw new Failure(3, text`The comment was not posted.`, missing);
  return `Pull request ${pull!.number} has its comment.`;
}

function sendAnnotationsTo(api: Api, run: GitHubRun, outputs: ReturnType<typeof checkRunOutputs>): Promise<Trouble[]> {
  const number = outputs.reduce((sum, { annotations }) => sum + annotations.length, 0);
  return attempt(count(number, "further annotation"), "checks: write", async () => {
    for (const output of outputs) {
      await api.rest.checks.update({ owner: run.owner, repo: run.repo, check_run_id: run.checkRun!, output });
    }
  });
}

async function sendComment(api: Api, report: Report, sending: Sending, pull: PullRequest): Promise<Trouble[]> {
  const { run } = sending;
  const where = { owner: run.owner, repo: run.repo };
  const something = saysSomething(report);
  const mine = await authorship(api, run);
  let found: OwnComment | undefined;
  try {
    const own = await findComment(api, sending, pull, mine);
    found = own.found;
    const { turned } = own;
    if (turned?.marks.state === "open") {
      const body = turnedAgain();
      await attempt(
        "",
        "pull-requests: write",
        async () => void (await api.rest.issues.updateComment({ ...where, comment_id: turned.id, body })),
      );
    }
  } catch (error) {
    // Where nothing is to be said, nothing is missing.
    return something || sending.comment === "always"
      ? [troubleOf(error, "the comment on the pull request", "pull-requests: write")]
      : [];
  }
  /** What is to stand in the comment, given the one that is there; undefined where that one stays as it is. */
  const bodyFor = (there: OwnComment | undefined): string | undefined => {
    const [id = 0, attempts = 0] = (there?.marks.run ?? "").split(".").map(Number);
    const later = id > run.id || (id === run.id && attempts > run.attempt);
    // Another job of the same run, told to check the same, found something: that is not mended.
    const sibling = id === run.id && attempts === run.attempt && there?.marks.state === "open" && !something;
    if (later || sibling || (!there && !something && sending.comment !== "always")) return undefined;
    return comment(report, {
      ...sending.links,
      owner: sending.owner,
      run,
      mended: !something && there !== undefined && there.marks.state !== "green",
      page: markdownUrl(run.serverUrl, run.owner, run.repo, "actions", "runs", String(run.id)),
      commit: pull.head,
      ...(sending.secondHand && { secondHand: true }),
    });
  };
  const body = bodyFor(found);
  if (body === undefined) return [];
  let made: number | undefined;
  const posted = await attempt("the comment on the pull request", "pull-requests: write", async () => {
    if (found) await api.rest.issues.updateComment({ ...where, comment_id: found.id, body });
    else {
      // A second attempt might make a second comment.
      const issue = { ...where, issue_number: pull.number, body, request: { retries: 0 } };
      made = (await api.rest.issues.createComment(issue)).data.id;
    }
  });
  if (made !== undefined) await keepOne(made);
  // Suggestions come with a comment or after one: without any there is none to look for.
  if (posted.length > 0 || sending.secondHand || (!found && fixable(report).length === 0)) return posted;
  return [...posted, ...(await sendSuggestions(api, report, sending, pull, mine))];

  /** Two jobs that find no comment at the same moment make one each: the older one stays, with what there is to say now. */
  async function keepOne(younger: number): Promise<void> {
    await attempt("", "pull-requests: write", async () => {
      const { found: older } = await findComment(api, sending, pull, mine);
      if (!older || older.id >= younger) return;
      const words = bodyFor(older);
      if (words !== undefined) await api.rest.issues.updateComment({ ...where, comment_id: older.id, body: words });
      await api.rest.issues.deleteComment({ ...where, comment_id: younger });
    });
  }
}
