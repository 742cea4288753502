/** The action on real checkouts of pull requests: what stands beside the code, in the summary and in the outputs. */
import { expect, inject, test } from "vitest";
import { pullRequestEvent, runAction, type ActionRun, type GitHubEvent } from "../support/action.ts";
import { revision } from "../support/alembic.ts";
import { compareReport, loadCase } from "../support/fixtures.ts";
import { makeCase, type Changes } from "../support/made.ts";
import { makeRepository, type CheckoutOptions, type Repository } from "../support/repository.ts";
import { sharedUrl } from "../support/url.ts";

const inputs = { python: inject("pythons").default, postgres: sharedUrl() };

interface Options {
  checkout?: CheckoutOptions;
  event?: (repository: Repository) => GitHubEvent;
  inputs?: Record<string, string>;
}

/** Runs the action on a case, in a shallow checkout of its merge commit. `difference` says what is not as the case wants it. */
async function run(
  name: string,
  { checkout, event = pullRequestEvent, inputs: more }: Options = {},
): Promise<ActionRun & { difference: string }> {
  const one = loadCase(name);
  const repository = await makeRepository(one, { checkout: "merge", ...checkout });
  try {
    const options = { folder: repository.folder, inputs: { ...inputs, ...more }, event: event(repository), env: one.env };
    const result = await runAction(options);
    return { ...result, difference: compareReport(one, result.report) };
  } finally {
    await repository.remove();
  }
}

/** A run that says what its case wants, and leaves nothing. */
const asExpected = { difference: "", left: [], leaked: "" };

const errorsOf = ({ annotations }: ActionRun) => annotations.filter(({ level }) => level === "error");

const places = (list: { file?: string; line?: number }[]) => list.map(({ file, line }) => `${file}:${line}`).toSorted();

test.concurrent("each finding stands at its line, and all of them in the summary", async () => {
  const { findings } = loadCase("demo");
  const result = await run("demo");
  expect(result).toMatchObject(asExpected);
  expect(places(errorsOf(result))).toEqual(places(findings));
  for (const { rule } of findings) expect(result.summary).toContain(rule);
  expect(result.outputs).toMatchObject({ verdict: "fail", blocking: String(findings.length), errors: String(findings.length) });
  const { results } = (JSON.parse(result.sarif!) as { runs: { results: { ruleId: string }[] }[] }).runs[0]!;
  expect(results.map(({ ruleId }) => ruleId).toSorted()).toEqual(findings.map(({ rule }) => rule).toSorted());
  // The page has the code as well.
  expect(result.page).toContain("def downgrade():");
});

test.concurrent("a sound pull request is green, and the summary says what was run", async () => {
  const result = await run("clean-enum");
  expect(result).toMatchObject({ ...asExpected, exitCode: 0, outputs: { verdict: "pass", blocking: "0", errors: "0" } });
  expect(result.annotations.filter(({ level }) => level !== "notice")).toEqual([]);
  expect(result.summary).toMatch(/PostgreSQL \d+/);
});

test.concurrent("what was wrong before is said and does not block", async () => {
  const result = await run("old-broken-downgrade");
  expect(result).toMatchObject({ ...asExpected, exitCode: 0 });
  expect(errorsOf(result)).toEqual([]);
  expect(result.summary).toContain("downgrade-failed");
});

test.concurrent("a checkout with all history gives the same", async () => {
  expect(await run("two-heads-after-main-moved", { checkout: { depth: 0 } })).toMatchObject(asExpected);
});

test.concurrent("a shallow checkout of a branch that main has left behind", async () => {
  expect(await run("two-heads-after-main-moved")).toMatchObject(asExpected);
});

test.concurrent("an edited revision is compared with the base commit that was fetched", async () => {
  expect(await run("edited-type")).toMatchObject(asExpected);
});

const repository = { full_name: "octo/shop", default_branch: "main" };

test.concurrent("a merge queue", async () => {
  const ref = "refs/heads/gh-readonly-queue/main/pr-1";
  const event = ({ base, merge }: Repository): GitHubEvent => ({
    name: "merge_group",
    sha: merge,
    ref,
    payload: {
      action: "checks_requested",
      merge_group: { base_ref: "refs/heads/main", base_sha: base, head_ref: ref, head_sha: merge },
      repository,
    },
  });
  expect(await run("downgrade-fails", { event })).toMatchObject(asExpected);
});

test.concurrent("a push", async () => {
  const ref = "refs/heads/main";
  const event = ({ base, merge }: Repository): GitHubEvent => ({
    name: "push",
    sha: merge,
    ref,
    payload: { before: base, after: merge, ref, repository },
  });
  expect(await run("leftover-sequence", { event })).toMatchObject(asExpected);
});

test.concurrent("commands run in a sub-folder: paths are those of the repository", async () => {
  const result = await run("folder-two-heads");
  expect(result).toMatchObject(asExpected);
  expect(errorsOf(result).map(({ file }) => file)).toEqual(["Database/migrations/versions/0003_loans.py"]);
});

test.concurrent("without a server the gate boots one of its own, and ends it", async () => {
  expect(await run("clean-two-revisions", { inputs: { postgres: "auto" } })).toMatchObject(asExpected);
});

test.concurrent("more findings than GitHub shows: the worst are shown, all are in the summary, and that is said", async () => {
  const changes: Changes = {};
  for (let number = 0; number < 14; number++) {
    const id = `${10 + number}aaaaaaaaaa`;
    changes[`migrations/versions/${id}_broken.py`] = revision(id, { down: "f4b8d60c1e27" }).replace(
      "def upgrade():",
      "def upgrade(:",
    );
  }
  const made = await makeCase("shop", changes);
  const repository = await makeRepository(made, { checkout: "merge" });
  try {
    const result = await runAction({ folder: repository.folder, inputs, event: pullRequestEvent(repository) });
    expect(result).toMatchObject({ exitCode: 1, dropped: [] });
    expect(errorsOf(result)).not.toEqual([]);
    for (const file of Object.keys(changes)) expect(result.summary).toContain(file.split("/").at(-1));
  } finally {
    await Promise.all([repository.remove(), made.remove()]);
  }
});
