/** What the action brings to a pull request with its token, and that nothing which GitHub says to it changes a verdict. */
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { pullRequestEvent, runAction, type ActionRun, type GitHubEvent } from "../support/action.ts";
import { rendered, tags } from "../report/github.ts";
import { loadCase } from "../support/fixtures.ts";
import { BOT, patchesOf, withGitHub, type FakeGitHub } from "../support/github-api.ts";
import { ANSWERS } from "../support/github-answers.ts";
import { makeCase } from "../support/made.ts";
import { git, makeRepository, type Repository } from "../support/repository.ts";

const repositories = new Map<string, Promise<Repository>>();
afterAll(async () => {
  await Promise.all([...repositories.values()].map(async (repository) => (await repository).remove()));
});

/** A checkout of a case that no test changes: it has the base commit already, since many runs at once could not fetch it. */
function checkout(name: string): Promise<Repository> {
  const make = async () => {
    const repository = await makeRepository(loadCase(name), { checkout: "merge" });
    await git(repository.folder, "fetch", "--quiet", "--depth=1", "origin", repository.base);
    return repository;
  };
  const made = repositories.get(name) ?? make();
  repositories.set(name, made);
  return made;
}

interface Options {
  inputs?: Record<string, string>;
  event?: (repository: Repository) => GitHubEvent;
  env?: Record<string, string>;
}

/** Runs the action, statically since nothing here needs a database, with GitHub at its side. */
async function run(github: FakeGitHub, name: string | Repository, { inputs, event, env }: Options = {}): Promise<ActionRun> {
  const repository = typeof name === "string" ? await checkout(name) : name;
  github.patches = await patchesOf(repository);
  return runAction({
    folder: repository.folder,
    inputs: { static: "true", ...inputs },
    event: (event ?? pullRequestEvent)(repository),
    env: { GITHUB_API_URL: github.url, ...env },
  });
}

const RED = "two-heads";
const GREEN = "clean-two-revisions";
const notices = ({ annotations }: ActionRun) =>
  annotations.filter(({ level }) => level === "notice").map(({ message }) => message);
const posts = ({ calls }: FakeGitHub) => calls.filter(({ method }) => method !== "GET").map(({ operation }) => operation);

test.concurrent("what is wrong is said in one comment, with a suggestion", () =>
  withGitHub(async (github) => {
    const result = await run(github, RED);
    expect(result).toMatchObject({ exitCode: 1, left: [], leaked: "" });
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]!.body).toMatch(/^<!-- alembic-gate comment .*-->\n### ❌ /);
    expect(github.comments[0]!.body).toContain("multiple-heads");
    expect(github.comments[0]!.body).toContain("https://github.com/octo/shop/actions/runs/1");
    expect(github.reviewComments).toHaveLength(1);
    expect(github.reviewComments[0]!.body).toMatch(/```suggestion\n[^`]*down_revision[^`]*\n```/);
    expect(notices(result)).toEqual([]);
  }));

test.concurrent("the comment is updated in place, and no suggestion comes twice", () =>
  withGitHub(async (github) => {
    await run(github, RED);
    const [first, suggestion] = [github.comments[0]!.body, github.reviewComments[0]!.body];
    await run(github, RED, { env: { GITHUB_RUN_ID: "2" } });
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]!.body).not.toBe(first);
    expect(github.reviewComments.map(({ body }) => body)).toEqual([suggestion]);
  }));

test.concurrent("after the mend the comment says so and folds, and the suggestion is taken back", () =>
  withGitHub(async (github) => {
    await run(github, RED);
    await run(github, GREEN, { env: { GITHUB_RUN_ID: "2" } });
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]!.body).toMatch(/-->\n### ✅ What the Alembic gate found here is gone\n\n<details><summary>/);
    expect(github.reviewComments[0]!.body).toContain("No longer needed");
    expect(github.reviewComments[0]!.body).not.toContain("```suggestion");
    const before = github.calls.length;
    await run(github, RED, { env: { GITHUB_RUN_ID: "3" } });
    expect(github.comments[0]!.body).toMatch(/### ❌/);
    expect(github.reviewComments).toHaveLength(2);
    expect(github.calls.length - before).toBeLessThanOrEqual(6);
  }));

test.concurrent("a run that was overtaken by a later one leaves its comment alone", () =>
  withGitHub(async (github) => {
    await run(github, RED, { env: { GITHUB_RUN_ID: "9" } });
    const { body } = github.comments[0]!;
    await run(github, GREEN, { env: { GITHUB_RUN_ID: "8" } });
    expect(github.comments[0]!.body).toBe(body);
  }));

test.concurrent("another job of the same run that found nothing does not call it mended", () =>
  withGitHub(async (github) => {
    await run(github, RED);
    const { body } = github.comments[0]!;
    await run(github, GREEN);
    expect(github.comments[0]!.body).toBe(body);
  }));

test.concurrent("jobs and workflows have comments of their own", () =>
  withGitHub(async (github) => {
    await run(github, RED);
    await run(github, RED, { env: { GITHUB_JOB: "other" } });
    await run(github, RED, { env: { GITHUB_WORKFLOW: "a --> b" } });
    await run(github, RED, { inputs: { config: "alembic.ini" } });
    await run(github, RED, { inputs: { config: "alembic.ini" }, env: { GITHUB_RUN_ID: "2" } });
    expect(github.comments).toHaveLength(4);
  }));

describe.concurrent("nothing to say", () => {
  test("posts nothing, and asks little", () =>
    withGitHub(async (github) => {
      const result = await run(github, GREEN);
      expect(result).toMatchObject({ exitCode: 0, left: [] });
      expect(posts(github)).toEqual([]);
      expect(github.calls.length).toBeLessThanOrEqual(6);
      expect(notices(result)).toEqual([]);
    }));

  test("comment: always posts it all the same", () =>
    withGitHub(async (github) => {
      await run(github, GREEN, { inputs: { comment: "always" } });
      await run(github, GREEN, { inputs: { comment: "always" }, env: { GITHUB_RUN_ID: "2" } });
      expect(github.comments).toHaveLength(1);
      expect(github.comments[0]!.body).toMatch(/-->\n### ✅ No finding blocks/);
    }));

  test("comment: never posts nothing", () =>
    withGitHub(async (github) => {
      expect(await run(github, RED, { inputs: { comment: "never" } })).toMatchObject({ exitCode: 1 });
      // Only for the other pull requests.
      expect(github.calls.map(({ operation }) => operation)).toEqual(["GET /repos/{owner}/{repo}/pulls"]);
    }));

  const payload = { repository: { full_name: "octo/shop", default_branch: "main" } };
  test.for<[string, (repository: Repository) => GitHubEvent]>([
    ["push", (repository) => push(repository)],
    [
      "merge_group",
      ({ base, merge }) => ({
        name: "merge_group",
        sha: merge,
        ref: "refs/heads/gh-readonly-queue/main/pr-1",
        payload: { ...payload, merge_group: { base_ref: "refs/heads/main", base_sha: base, head_sha: merge } },
      }),
    ],
    ["workflow_dispatch", ({ head }) => ({ name: "workflow_dispatch", sha: head, ref: "refs/heads/pull-request", payload })],
    ["schedule", ({ head }) => ({ name: "schedule", sha: head, ref: "refs/heads/main", payload })],
  ])("on %s there is nobody to tell, and the verdict is the same", ([, event]) =>
    withGitHub(async (github) => {
      const repository = await makeRepository(loadCase(RED), { checkout: "merge", depth: 0 });
      try {
        expect(await run(github, repository, { event })).toMatchObject({ exitCode: 1, outputs: { verdict: "fail" } });
        expect(github.calls).toEqual([]);
      } finally {
        await repository.remove();
      }
    }),
  );
});

test.concurrent.for(["labeled", "unlabeled", "opened"])("a pull request that was %s is judged", (action) =>
  withGitHub(async (github) => {
    const event = (repository: Repository) => {
      const given = pullRequestEvent(repository);
      return { ...given, payload: { ...(given.payload as object), action, label: { name: "migrations" } } };
    };
    expect(await run(github, RED, { event })).toMatchObject({ exitCode: 1 });
    expect(github.comments).toHaveLength(1);
  }),
);

test.concurrent("what a person writes with our marker in it is not ours", () =>
  withGitHub(async (github) => {
    await run(github, RED);
    const { body } = github.comments[0]!;
    github.comments.splice(0, 1, { id: 5, user: { login: "mallory", type: "User" }, body });
    github.comments.push({ id: 6, user: BOT, body: `> ${body}` });
    await run(github, RED, { env: { GITHUB_RUN_ID: "2" } });
    expect(github.comments).toHaveLength(3);
    expect(github.comments[0]!.body).toBe(body);
    expect(github.comments[2]!.user).toEqual(BOT);
  }));

test.concurrent("our comment is found below a hundred others", () =>
  withGitHub(async (github) => {
    for (let id = 1; id <= 130; id++) github.comments.push({ id, user: { login: "ada", type: "User" }, body: "Nice" });
    await run(github, RED);
    await run(github, RED, { env: { GITHUB_RUN_ID: "2" } });
    expect(github.comments).toHaveLength(131);
  }));

/** Adds a branch to where a checkout came from, as another pull request. */
async function another({ origin, base }: Repository, files: Record<string, string>): Promise<string> {
  const before = await git(origin, "rev-parse", "--abbrev-ref", "HEAD");
  await git(origin, "checkout", "--quiet", "--detach", base);
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(origin, name), content);
  await git(origin, "add", "--all");
  await git(origin, "commit", "--quiet", "--message", "Another pull request");
  const head = await git(origin, "rev-parse", "HEAD");
  await git(origin, "checkout", "--quiet", before);
  return head;
}

const X = (down: string) => ({
  "migrations/versions/aaaa1111bbbb_x.py": `revision = "aaaa1111bbbb"\ndown_revision = "${down}"\ndef upgrade():\n    pass\ndef downgrade():\n    pass\n`,
});

describe.concurrent("other open pull requests", () => {
  test("one that builds on the same revision is named, and its head is the one to build on", () =>
    withGitHub(async (github) => {
      const repository = await makeRepository(loadCase(GREEN), { checkout: "merge" });
      try {
        const before = await git(repository.folder, "for-each-ref");
        const colliding = await another(repository, X("f4b8d60c1e27"));
        const other = await another(repository, { "README.md": "# Shop\n" });
        github.pulls.push({ number: 1, head: repository.head }, { number: 2, head: colliding }, { number: 3, head: other });
        const result = await run(github, repository);
        expect(result).toMatchObject({ exitCode: 0, left: [], leaked: "" });
        const [notice, ...others] = result.annotations;
        expect(others).toEqual([]);
        expect(notice).toMatchObject({ level: "notice", title: "alembic-gate: colliding-pull-request" });
        expect(notice!.message).toContain("Merging after #2 makes two heads");
        expect(notice!.message).toContain('down_revision = "aaaa1111bbbb"');
        expect(github.comments[0]!.body).toContain("colliding-pull-request");
        // The checkout is as it was.
        expect(await git(repository.folder, "for-each-ref")).toBe(before);
        expect(await git(repository.folder, "status", "--porcelain")).toBe("");
      } finally {
        await repository.remove();
      }
    }));

  test("what cannot be fetched is said, and changes no verdict", () =>
    withGitHub(async (github) => {
      github.pulls.push({ number: 2, head: "1234".repeat(10) });
      const result = await run(github, GREEN);
      expect(result).toMatchObject({ exitCode: 0, left: [] });
      expect(JSON.stringify(result.report!.environments[0]!.notChecked)).toContain("their commits could not be fetched");
    }));

  test("whom GitHub does not tell about them says which permission that needs", () =>
    withGitHub(async (github) => {
      github.instead = (operation) =>
        operation === "GET /repos/{owner}/{repo}/pulls"
          ? { status: 403, body: { message: "Resource not accessible by integration" } }
          : undefined;
      const result = await run(github, GREEN);
      expect(result).toMatchObject({ exitCode: 0, left: [], annotations: [] });
      expect(result.summary).toContain("other open pull requests");
      expect(result.summary).toContain("pull-requests: read");
    }));

  test("nobody is asked where no revision is added", () =>
    withGitHub(async (github) => {
      await run(github, "clean-docstring");
      expect(github.calls.map(({ operation }) => operation)).not.toContain("GET /repos/{owner}/{repo}/pulls");
    }));
});

const queued = ({ base, merge }: Repository, pull = "pr-12"): GitHubEvent => {
  const ref = `refs/heads/gh-readonly-queue/main/${pull}-${base}`;
  const group = { base_ref: "refs/heads/main", base_sha: base, head_ref: ref, head_sha: merge };
  const repository = { full_name: "octo/shop", default_branch: "main" };
  return { name: "merge_group", sha: merge, ref, payload: { action: "checks_requested", merge_group: group, repository } };
};

describe.concurrent("labels in a merge queue", () => {
  const EDITED = "edited-type";
  const ASKED = "GET /repos/{owner}/{repo}/pulls/{pull_number}";
  const event = (repository: Repository) => queued(repository);
  const unknown = ({ report }: ActionRun) =>
    report!.environments[0]!.notChecked.filter(({ what }) => what === "the label migration-history-allowed");

  test("allow what those of a pull request's own event allow", () =>
    withGitHub(async (github) => {
      github.labels.set(12, ["other", "Migration-History-Allowed"]);
      const result = await run(github, EDITED, { event });
      expect(result).toMatchObject({ exitCode: 0, left: [], leaked: "", outputs: { verdict: "pass" } });
      expect(result.summary).toContain("Migration-History-Allowed");
      expect(github.calls.map(({ operation, url }) => [operation, url])).toEqual([[ASKED, "/repos/octo/shop/pulls/12"]]);
      expect(unknown(result)).toEqual([]);
    }));

  test("others allow nothing", () =>
    withGitHub(async (github) => {
      github.labels.set(12, ["other"]);
      const result = await run(github, EDITED, { event });
      expect(result).toMatchObject({ exitCode: 1, left: [] });
      expect(notices(result)).toEqual([]);
      expect(unknown(result)).toEqual([]);
    }));

  test("nobody is asked where a label would change nothing", () =>
    withGitHub(async (github) => {
      expect(await run(github, GREEN, { event })).toMatchObject({ exitCode: 0 });
      expect(await run(github, RED, { event })).toMatchObject({ exitCode: 1 });
      expect(github.calls).toEqual([]);
    }));

  test.for(Object.entries({ ...ANSWERS, "nothing at all": { answer: "hang" as const, said: "GitHub did not answer" } }))(
    "where GitHub says: %s",
    ([, { answer, said }]) =>
      withGitHub(async (github) => {
        github.instead = () => answer;
        const result = await run(github, EDITED, { event });
        expect(result).toMatchObject({ exitCode: 1, left: [], outputs: { verdict: "fail" } });
        expect(notices(result)).toEqual([expect.stringContaining(said)]);
        expect(unknown(result)).toEqual([expect.objectContaining({ reason: expect.anything() })]);
        expect(github.calls.length).toBeLessThanOrEqual(3);
      }),
  );

  test("without a token, or where the branch names nobody, that is said", () =>
    withGitHub(async (github) => {
      const alone = await run(github, EDITED, { event, inputs: { token: "" } });
      expect(alone).toMatchObject({ exitCode: 1, left: [] });
      expect(notices(alone)).toEqual([expect.stringContaining("there is no token to ask GitHub with for those of #12")]);
      expect(alone.summary).toContain("the label migration-history-allowed");
      for (const pull of ["pr-x", "pr-12/../13", "pr-1234567890123456"]) {
        const odd = await run(github, EDITED, { event: (repository) => queued(repository, pull) });
        expect(odd).toMatchObject({ exitCode: 1, left: [] });
        expect(notices(odd)).toEqual([expect.stringContaining("names no pull request")]);
      }
      expect(github.calls).toEqual([]);
    }));
});

const push = ({ base, merge }: Repository): GitHubEvent => ({
  name: "push",
  sha: merge,
  ref: "refs/heads/main",
  payload: { before: base, after: merge, repository: { full_name: "octo/shop", default_branch: "main" } },
});

describe.concurrent("recheck, on a push", () => {
  const inputs = { recheck: "true" };

  test("says on the pull request that has two heads by it that it has, once; its next run takes that back", () =>
    withGitHub(async (github) => {
      const repository = await makeRepository(loadCase(GREEN), { checkout: "merge" });
      try {
        const turned = await another(repository, X("f4b8d60c1e27"));
        const sound = await another(repository, { "README.md": "# Shop\n" });
        github.pulls.push({ number: 2, head: turned }, { number: 3, head: sound }, { number: 4, head: sound, base: "release" });
        const result = await run(github, repository, { event: push, inputs });
        expect(result).toMatchObject({ exitCode: 0, left: [], leaked: "", annotations: [] });
        expect(posts(github)).toEqual(["POST /repos/{owner}/{repo}/issues/{issue_number}/comments"]);
        expect(github.calls.at(-1)!.url).toBe("/repos/octo/shop/issues/2/comments");
        expect(github.comments[0]!.body).toContain("Two heads, since");
        expect(github.comments[0]!.body).toContain("`aaaa1111bbbb` of this pull request would be a head beside");
        expect(github.comments[0]!.body).toContain("git pull origin main\nnpx alembic-gate fix --yes");
        await run(github, repository, { event: push, inputs, env: { GITHUB_RUN_ID: "2" } });
        expect(posts(github)).toHaveLength(1);
        await run(github, repository);
        expect(github.comments[0]!.body).toContain("Judged again since");
      } finally {
        await repository.remove();
      }
    }));

  test("asks once where nobody is concerned, and not at all where it is not wanted", () =>
    withGitHub(async (github) => {
      await run(github, GREEN, { event: push });
      expect(github.calls).toEqual([]);
      await run(github, GREEN, { event: push, inputs });
      expect(github.calls.map(({ operation }) => operation)).toEqual(["GET /repos/{owner}/{repo}/pulls"]);
    }));

  test.for(Object.entries(ANSWERS))("where GitHub says: %s", ([, { answer, said }]) =>
    withGitHub(async (github) => {
      github.instead = () => answer;
      const result = await run(github, GREEN, { event: push, inputs });
      expect(result).toMatchObject({ exitCode: 0, left: [], outputs: { verdict: "pass" } });
      expect(notices(result)).toEqual([expect.stringContaining(said)]);
    }),
  );
});

test.concurrent("hostile names reach the comment and the check run as text, and nothing else", () =>
  withGitHub(async (github) => {
    const hostile = "x,line=1::error::y`<img src=x>|@octo #1";
    const id = 'a"`</details><!--';
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [
        `migrations/versions/${hostile}${index}.py`,
        `revision = ${JSON.stringify(`${id}${index}`)}\ndown_revision = "nowhere <b>${index}"\ndef upgrade(:\n`,
      ]),
    );
    const made = await makeCase("shop", files);
    const repository = await makeRepository(made, { checkout: "merge" });
    await made.remove();
    try {
      const result = await run(github, repository, { env: { GITHUB_WORKFLOW: "--> <b>", GITHUB_JOB: "a b=c" } });
      expect(result).toMatchObject({ exitCode: 1, left: [], leaked: "" });
      expect(notices(result).filter((message) => message.startsWith("The verdict"))).toEqual([]);
      const { body } = github.comments[0]!;
      const allowed = new Set("!-- h3 p strong table thead tbody tr th td code a sub details summary pre ul li h4".split(" "));
      expect(tags(rendered([body])[0]!).filter((tag) => !allowed.has(tag.replace("/", "")))).toEqual([]);
      expect(github.annotations.flat().length).toBeGreaterThan(0);
    } finally {
      await repository.remove();
    }
  }));

/** Many revisions that cannot be read: each is a finding. */
async function crowded(): Promise<Repository & { files: string[] }> {
  const changes = Object.fromEntries(
    Array.from({ length: 65 }, (_, index) => [
      `migrations/versions/${1000 + index}_broken.py`,
      `revision = "${1000 + index}"\ndown_revision = "f4b8d60c1e27"\n\ndef upgrade(:\n`,
    ]),
  );
  const made = await makeCase("shop", changes);
  const repository = await makeRepository(made, { checkout: "merge" });
  await rm(made.folder, { recursive: true });
  return { ...repository, files: Object.keys(changes) };
}

test.concurrent("annotations beyond a step's ten go to the job's own check run, fifty a request", () =>
  withGitHub(async (github) => {
    const repository = await crowded();
    try {
      const result = await run(github, repository, { inputs: { comment: "never" } });
      expect(result).toMatchObject({ exitCode: 1, dropped: [] });
      const errors = Number(result.outputs.errors);
      expect(errors).toBeGreaterThan(110);
      expect(github.annotations.map(({ length }) => length)).toEqual([50, 50, errors - 110]);
      const patched = github.calls.filter(({ method }) => method !== "GET").map(({ url }) => url);
      expect(new Set(patched)).toEqual(new Set(["/repos/octo/shop/check-runs/77"]));
      const printed = result.annotations.flatMap(({ file, level }) => (level === "error" ? [file] : []));
      const sent = github.annotations.flat().map((annotation) => (annotation as { path: string }).path);
      expect([...new Set([...printed, ...sent])].toSorted()).toEqual(repository.files.toSorted());
    } finally {
      await repository.remove();
    }
  }));

test.concurrent("without a number of the check run the step's annotations are all there are", () =>
  withGitHub(async (github) => {
    const repository = await crowded();
    try {
      const inputs = { comment: "never", "check-run-id": "" };
      expect(await run(github, repository, { inputs })).toMatchObject({ exitCode: 1 });
      expect(posts(github)).toEqual([]);
    } finally {
      await repository.remove();
    }
  }));

describe.concurrent("the verdict stands", () => {
  test.for(Object.entries(ANSWERS))("whatever is asked, GitHub says: %s", ([, { answer, said }]) =>
    withGitHub(async (github) => {
      github.instead = () => answer;
      const result = await run(github, RED);
      expect(result).toMatchObject({ exitCode: 1, left: [], leaked: "", outputs: { verdict: "fail" } });
      const [notice, ...others] = notices(result).filter((message) => message.startsWith("The verdict stands"));
      expect(others).toEqual([]);
      expect(notice).toContain(said);
      expect(result.summary).toContain("The verdict stands");
      expect(result.commands.filter(({ data }) => data === "x")).toEqual([]);
    }),
  );

  test("where GitHub never answers", () =>
    withGitHub(async (github) => {
      github.instead = () => "hang";
      const result = await run(github, RED);
      expect(result).toMatchObject({ exitCode: 1, outputs: { verdict: "fail" } });
      expect(notices(result).join()).toContain("no answer within 10 seconds");
    }));

  test("where nobody listens, and that takes no time", () =>
    withGitHub(async (github) => {
      const result = await run(github, RED, { env: { GITHUB_API_URL: "http://127.0.0.1:11" } });
      expect(result).toMatchObject({ exitCode: 1, outputs: { verdict: "fail" } });
      expect(notices(result).join()).toContain("it cannot be reached (");
    }));

  test("a green verdict where nothing may be asked stays silent", () =>
    withGitHub(async (github) => {
      github.instead = () => ({ status: 403, body: { message: "Resource not accessible by integration" } });
      const result = await run(github, GREEN);
      expect(result).toMatchObject({ exitCode: 0, annotations: [] });
    }));

  test("all that is missing is one notice with all permissions", () =>
    withGitHub(async (github) => {
      const repository = await crowded();
      try {
        github.instead = () => ({ status: 403, body: { message: "Resource not accessible by integration" } });
        const result = await run(github, repository);
        const [notice, ...others] = notices(result).filter((message) => message.startsWith("The verdict stands"));
        expect(others).toEqual([]);
        expect(notice).toContain("permissions:\n  contents: read\n  checks: write\n  pull-requests: write");
        expect(result.dropped).toEqual([]);
      } finally {
        await repository.remove();
      }
    }));

  test("a fork's run is told what can post for it", () =>
    withGitHub(async (github) => {
      github.instead = () => ({ status: 403, body: { message: "Resource not accessible by integration" } });
      const event = (repository: Repository) => {
        const given = pullRequestEvent(repository);
        const payload = structuredClone(given.payload) as { pull_request: { head: { repo: object } } };
        payload.pull_request.head.repo = { full_name: "mallory/shop", fork: true };
        return { ...given, payload };
      };
      const result = await run(github, RED, { event });
      expect(result).toMatchObject({ exitCode: 1 });
      expect(notices(result).join()).toContain("alembic-gate report --from report.json");
      expect(notices(result).join()).not.toContain("permissions:");
    }));
});

test.concurrent("a suggestion follows the lines that the pull request's own file has", () =>
  withGitHub(async (github) => {
    const repository = await makeRepository(loadCase(RED), { checkout: "merge" });
    try {
      // As if something had landed above: the merged file is longer than the pull request's own.
      const result = await run(github, repository);
      const { file } = result.annotations.find(({ level }) => level === "error")!;
      const [comment] = github.reviewComments.splice(0);
      const place = path.join(repository.folder, file!);
      const { readFile } = await import("node:fs/promises");
      await writeFile(place, `# landed\n${await readFile(place, "utf8")}`);
      await run(github, repository, { env: { GITHUB_RUN_ID: "2" } });
      expect(github.reviewComments[0]).toMatchObject({ path: comment!.path, line: comment!.line });
    } finally {
      await repository.remove();
    }
  }));
