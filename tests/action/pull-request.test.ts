/** The action on real checkouts of pull requests: what stands beside the code, in the summary and in the outputs. */
import { expect, inject, test } from "vitest";
import { pullRequestEvent, python, runAction, type ActionRun, type GitHubEvent } from "../support/action.ts";
import { compareFindings, loadCase } from "../support/fixtures.ts";
import { makeCase, revision, type Changes } from "../support/made.ts";
import { makeRepository, type CheckoutOptions, type Repository } from "../support/repository.ts";

const inputs = { python, postgres: inject("postgres") };

interface Options {
  checkout?: CheckoutOptions;
  event?: (repository: Repository) => GitHubEvent;
  inputs?: Record<string, string>;
}

/** Runs the action on a case, in a shallow checkout of its merge commit. */
async function run(name: string, { checkout, event = pullRequestEvent, inputs: more }: Options = {}): Promise<ActionRun> {
  const one = loadCase(name);
  const repository = await makeRepository(one, { checkout: "merge", ...checkout });
  try {
    const result = await runAction({ folder: repository.folder, inputs: { ...inputs, ...more }, event: event(repository), env: one.env });
    expect(compareFindings(one.findings, result.report?.environments.flatMap(({ findings }) => findings) ?? []), result.log).toBe("");
    expect(result).toMatchObject({ exitCode: one.exitCode, left: [], leaked: "", outputs: { verdict: one.verdict } });
    return result;
  } finally {
    await repository.remove();
  }
}

test.concurrent("each finding stands at its line, and all of them in the summary", async () => {
  const { findings } = loadCase("demo");
  const { annotations, summary, outputs } = await run("demo");
  expect(annotations.filter(({ level }) => level === "error").map(({ file, line }) => `${file}:${line}`).sort()).toEqual(findings.map(({ file, line }) => `${file}:${line}`).sort());
  for (const { rule } of findings) expect(summary).toContain(rule);
  expect(outputs).toMatchObject({ blocking: String(findings.length), errors: String(findings.length) });
});

test.concurrent("a sound pull request is green, and the summary says what was run", async () => {
  const { annotations, summary, outputs } = await run("clean-enum");
  expect(annotations.filter(({ level }) => level !== "notice")).toEqual([]);
  expect(summary).toMatch(/PostgreSQL \d+/);
  expect(outputs).toMatchObject({ blocking: "0", errors: "0" });
});

test.concurrent("what was wrong before is said and does not block", async () => {
  const { annotations } = await run("old-broken-downgrade");
  expect(annotations.filter(({ level }) => level === "error")).toEqual([]);
});

test.concurrent("a checkout with all history gives the same", () => run("two-heads-after-main-moved", { checkout: { depth: 0 } }));

test.concurrent("a shallow checkout of a branch that main has left behind", () => run("two-heads-after-main-moved"));

test.concurrent("an edited revision is compared with the base commit that was fetched", () => run("edited-type"));

test.concurrent("a merge queue", () =>
  run("downgrade-fails", {
    event: ({ base, merge }) => ({
      name: "merge_group",
      sha: merge,
      ref: "refs/heads/gh-readonly-queue/main/pr-1",
      payload: {
        action: "checks_requested",
        merge_group: { base_ref: "refs/heads/main", base_sha: base, head_ref: "refs/heads/gh-readonly-queue/main/pr-1", head_sha: merge },
        repository: { full_name: "octo/shop", default_branch: "main" },
      },
    }),
  }));

test.concurrent("a push", () =>
  run("leftover-sequence", {
    event: ({ base, merge }) => ({
      name: "push",
      sha: merge,
      ref: "refs/heads/main",
      payload: { before: base, after: merge, ref: "refs/heads/main", repository: { full_name: "octo/shop", default_branch: "main" } },
    }),
  }));

test.concurrent("commands run in a sub-folder: paths are those of the repository", async () => {
  const { annotations } = await run("folder-two-heads");
  expect(annotations.map(({ file }) => file)).toContain("Database/migrations/versions/0003_loans.py");
});

test.concurrent("without a server the gate boots one of its own, and ends it", () => run("clean-two-revisions", { inputs: { postgres: "auto" } }));

test.concurrent("more findings than GitHub shows: the worst are shown, all are in the summary, and that is said", async () => {
  const changes: Changes = {};
  for (let number = 0; number < 14; number++) {
    const id = `${10 + number}aaaaaaaaaa`;
    changes[`migrations/versions/${id}_broken.py`] = revision(id, "pass", "pass").replace("def upgrade():", "def upgrade(:");
  }
  const made = await makeCase("shop", changes);
  const repository = await makeRepository(made, { checkout: "merge" });
  try {
    const { annotations, dropped, summary, exitCode } = await runAction({ folder: repository.folder, inputs, event: pullRequestEvent(repository) });
    expect(exitCode).toBe(1);
    expect(dropped).toEqual([]);
    expect(annotations.filter(({ level }) => level === "error").length).toBeLessThanOrEqual(10);
    for (const file of Object.keys(changes)) expect(summary).toContain(file.split("/").at(-1));
  } finally {
    await Promise.all([repository.remove(), made.remove()]);
  }
});
