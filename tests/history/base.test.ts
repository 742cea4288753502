import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import { changedFiles, findBase, labelsOf, mergedTree, type Base, type GitEvent } from "../../src/history/base.ts";
import { workTree } from "../../src/project/tree.ts";
import { plain } from "../../src/text.ts";
import { checkOut, makePullRequest, makeRepo, removeAll, repoIn, temporaryFolder, type Repo } from "./repositories.ts";

let pr: Awaited<ReturnType<typeof makePullRequest>>;
beforeAll(async () => {
  pr = await makePullRequest();
});
afterAll(removeAll);

const pullRequest = (): GitEvent => ({
  name: "pull_request",
  ref: "refs/pull/1/merge",
  payload: {
    pull_request: { base: { ref: "main", sha: pr.base }, head: { ref: "feature", sha: pr.head } },
    repository: { default_branch: "main" },
  },
});

async function baseOf(repo: Repo, event?: GitEvent, base?: string): Promise<Base> {
  const found = await findBase({ git: await repo.open(), ...(event && { event }), ...(base !== undefined && { base }) });
  if (!found.known) throw new Error(plain(found.reason));
  return found.value;
}

async function reasonOf(repo: Repo, event?: GitEvent): Promise<string> {
  const found = await findBase({ git: await repo.open(), ...(event && { event }) });
  return found.known ? `known: ${found.value.commit}` : plain(found.reason);
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  return work.then(
    () => {
      throw new Error("no failure");
    },
    (error: unknown) => {
      if (error instanceof Failure) return error;
      throw error;
    },
  );
}

describe("a pull request", () => {
  test.each([undefined, 1, 2])("checked out as its merge commit, with depth %s: the first parent", async (depth) => {
    const repo = await checkOut(pr.origin, "refs/pull/1/merge", depth);
    expect(await baseOf(repo, pullRequest())).toEqual({ commit: pr.base, label: "main" });
    expect(await (await repo.open()).ask(["show", `${pr.base}:versions/c.py`])).toContain("revision");
    // Naming the branch that it is made for changes nothing.
    expect(await baseOf(repo, pullRequest(), "main")).toEqual({ commit: pr.base, label: "main" });
  });

  test.each([undefined, 1])(
    "checked out as its own commit, with depth %s: the base's tip, and where it was left",
    async (depth) => {
      const repo = await checkOut(pr.origin, "refs/pull/1/head", depth);
      expect(await baseOf(repo, pullRequest())).toEqual({ commit: pr.base, label: "main", mergeBase: pr.fork });
    },
  );

  test("a branch that merged main into itself is not taken for the merge commit", async () => {
    const { origin, head, base } = pr;
    await origin.run("checkout", "--quiet", "-B", "merged", head);
    await origin.run("merge", "--quiet", "--no-ff", "--message", "main", "main");
    const merged = await origin.run("rev-parse", "HEAD");
    await origin.run("checkout", "--quiet", "main");
    const event = pullRequest();
    (event.payload as { pull_request: { head: { sha: string } } }).pull_request.head.sha = merged;
    expect(await baseOf(await checkOut(origin, "refs/heads/merged"), event)).toEqual({ commit: base, label: "main" });
  });

  test("what cannot be fetched is a failure that names the lines to add", async () => {
    const repo = await checkOut(pr.origin, "refs/pull/1/merge", 1);
    await repo.run("remote", "set-url", "origin", "file:///nonexistent");
    const failure = await failureOf(baseOf(repo, pullRequest()));
    expect(failure.exitCode).toBe(3);
    expect(plain(failure.sentence)).toContain(pr.base.slice(0, 12));
    expect(plain(failure.help)).toContain("fetch-depth: 0");
  });

  test("histories that have nothing in common", async () => {
    const repo = await checkOut(pr.origin, "refs/pull/1/head");
    await repo.run("checkout", "--quiet", "--orphan", "other");
    await repo.commit({ x: "1" });
    expect(await reasonOf(repo, pullRequest())).toContain("no commit in common");
  });

  test("a full clone is not made shallow", async () => {
    const repo = await checkOut(pr.origin, "refs/pull/1/head");
    const event = pullRequest();
    const base = await pr.origin.commit({ later: "1" });
    await pr.origin.run("reset", "--quiet", "--hard", pr.base);
    (event.payload as { pull_request: { base: { sha: string } } }).pull_request.base.sha = base;
    expect(await baseOf(repo, event)).toMatchObject({ commit: base, mergeBase: pr.fork });
    expect((await repo.open()).shallow).toBe(false);
  });
});

describe("other events", () => {
  const push = (ref: string, before: string, after: string): GitEvent => ({
    name: "push",
    ref,
    payload: { before, after, repository: { default_branch: "main" } },
  });

  test("a push to the default branch: what was there before, fetched where the clone is shallow", async () => {
    const repo = await checkOut(pr.origin, "refs/heads/main", 1);
    expect(await baseOf(repo, push("refs/heads/main", pr.fork, pr.base))).toEqual({
      commit: pr.fork,
      label: "main before this push",
    });
  });

  test("a push to another branch: the default branch, since nothing of what it had before is applied anywhere", async () => {
    const repo = await checkOut(pr.origin, "refs/heads/feature", 1);
    expect(await baseOf(repo, push("refs/heads/feature", pr.head, pr.head))).toEqual({
      commit: pr.base,
      label: "main",
      mergeBase: pr.fork,
    });
  });

  test("a push of a new branch: the default branch", async () => {
    const repo = await checkOut(pr.origin, "refs/heads/feature");
    expect(await baseOf(repo, push("refs/heads/feature", "0".repeat(40), pr.head))).toEqual({
      commit: pr.base,
      label: "main",
      mergeBase: pr.fork,
    });
  });

  test("a merge queue: the commit before the group", async () => {
    const repo = await checkOut(pr.origin, "refs/pull/1/merge", 1);
    const event: GitEvent = {
      name: "merge_group",
      ref: "refs/heads/gh-readonly-queue/main/pr-1",
      payload: {
        merge_group: { base_sha: pr.base, head_sha: pr.merge, base_ref: "refs/heads/main" },
        repository: { default_branch: "main" },
      },
    };
    expect(await baseOf(repo, event)).toEqual({ commit: pr.base, label: "main before this merge group" });
  });

  test("a schedule on the default branch: itself", async () => {
    const repo = await checkOut(pr.origin, "refs/heads/main", 1);
    const event: GitEvent = { name: "schedule", ref: "refs/heads/main", payload: { repository: { default_branch: "main" } } };
    expect(await baseOf(repo, event)).toEqual({ commit: pr.base, label: "main" });
  });

  test("a clone that is too shallow to reach the fork, after fetching deeper", async () => {
    const origin = await makeRepo();
    await origin.commit({ a: "0" });
    await origin.run("checkout", "--quiet", "-b", "feature");
    const head = await origin.commit({ b: "0" });
    await origin.run("checkout", "--quiet", "main");
    const commits = Array.from({ length: 520 }, (_, index) => {
      const from = index === 0 ? "from refs/heads/main^0\n" : "";
      return `commit refs/heads/main\ncommitter A <a@b.c> ${1_700_000_000 + index} +0000\ndata 1\nx\n${from}M 100644 inline f\ndata 3\n${100 + index}\n`;
    });
    execFileSync("git", ["-C", origin.folder, "fast-import", "--quiet"], { input: commits.join("") });
    const repo = await checkOut(origin, head, 1);
    const failure = await failureOf(baseOf(repo, push("refs/heads/feature", head, head)));
    expect(failure.exitCode).toBe(3);
    expect(plain(failure.help)).toContain("fetch-depth: 0");
  });
});

describe("at a desk", () => {
  test("the remote's default branch, whatever the local one says", async () => {
    const folder = await temporaryFolder();
    await repoIn(folder).run("clone", "--quiet", pr.origin.folder, "clone");
    const repo = repoIn(`${folder}/clone`);
    await repo.commit({ "versions/d.py": "" });
    expect(await baseOf(repo)).toEqual({ commit: pr.base, label: "main" });
    await repo.run("checkout", "--quiet", "-b", "mine", "origin/feature");
    expect(await baseOf(repo)).toEqual({ commit: pr.base, label: "main", mergeBase: pr.fork });
  });

  test("master where there is no main and no remote", async () => {
    const repo = await makeRepo();
    const commit = await repo.commit({ a: "1" });
    await repo.run("branch", "--move", "master");
    await repo.run("checkout", "--quiet", "-b", "feature");
    await repo.commit({ b: "1" });
    expect(await baseOf(repo)).toEqual({ commit, label: "master" });
  });

  test("a branch, a tag or a commit that is named", async () => {
    const repo = await makeRepo();
    const first = await repo.commit({ a: "1" });
    await repo.run("tag", "v1");
    await repo.commit({ b: "1" });
    expect(await baseOf(repo, undefined, "v1")).toEqual({ commit: first, label: "v1" });
    expect((await baseOf(repo, undefined, "HEAD~1")).commit).toBe(first);
    expect((await baseOf(repo, undefined, first.slice(0, 10))).commit).toBe(first);
    const failure = await failureOf(baseOf(repo, undefined, "--upload-pack=evil"));
    expect([failure.exitCode, plain(failure.sentence)]).toEqual([
      2,
      "There is no branch or commit --upload-pack=evil in this repository.",
    ]);
  });

  test("no commit, no branch to compare with, a shallow clone: the reason", async () => {
    const repo = await makeRepo();
    expect(await reasonOf(repo)).toContain("no commit yet");
    await repo.commit({ a: "1" });
    await repo.run("branch", "--move", "trunk");
    expect(await reasonOf(repo)).toContain("--base");
    const shallow = await checkOut(pr.origin, "refs/pull/1/head", 1);
    await shallow.run("fetch", "--quiet", "--depth=1", "origin", "+refs/heads/main:refs/remotes/origin/main");
    expect(await reasonOf(shallow)).toContain("git fetch --unshallow");
  });
});

describe("the pull request's side", () => {
  test("has what landed on the base branch since, unless it changed the same file itself", async () => {
    const repo = await makeRepo();
    await repo.commit({ "v/a.py": "a", "v/b.py": "b", "v/c.py": "c", "v/d.py": "d", "v/e.py": "e\n", "app.py": "1" });
    await repo.run("checkout", "--quiet", "-b", "feature");
    await repo.commit({
      "v/b.py": "b of the pull request",
      "v/d.py": null,
      "v/mine.py": "mine",
      "v/both.py": "both of the pull request",
    });
    await repo.run("checkout", "--quiet", "main");
    await repo.commit({
      "v/a.py": "a of main",
      "v/b.py": "b of main",
      "v/c.py": null,
      "v/d.py": "d of main",
      "v/e.py": "e of main\n",
      "v/landed.py": "landed",
      "v/both.py": "both of main",
      "app.py": "2",
    });
    await repo.run("checkout", "--quiet", "feature");
    // A checkout may change the ends of lines.
    await repo.write({ "v/untracked.py": "untracked", "v/e.py": "e\r\n" });
    const git = await repo.open();
    const base = await baseOf(repo);
    const tree = mergedTree(git, workTree(repo.folder), base);
    const files = await tree.list("v");
    const contents = await Promise.all(files.map(async (file) => [file, Buffer.from((await tree.read(file))!).toString()]));
    expect(Object.fromEntries(contents)).toEqual({
      "v/a.py": "a of main",
      "v/b.py": "b of the pull request",
      "v/both.py": "both of the pull request",
      "v/e.py": "e of main\n",
      "v/landed.py": "landed",
      "v/mine.py": "mine",
      "v/untracked.py": "untracked",
    });
    expect(await tree.read("v/c.py")).toBeUndefined();
    expect(await changedFiles(git, base)).toEqual(["v/b.py", "v/both.py", "v/d.py", "v/e.py", "v/mine.py", "v/untracked.py"]);
  });

  test("changed files: staged, not staged, untracked, deleted; not ignored", async () => {
    const repo = await makeRepo();
    await repo.commit({ a: "1", b: "1", c: "1", ".gitignore": "ignored\n" });
    await repo.write({ a: "2", b: "2", "d ü": "1", ignored: "1", c: null });
    await repo.run("add", "a");
    expect(await changedFiles(await repo.open(), { commit: await repo.run("rev-parse", "HEAD"), label: "x" })).toEqual([
      "a",
      "b",
      "c",
      "d ü",
    ]);
  });
});

test("a token is given to git only when it has no credentials of its own, and only for its server", async () => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(401, { "www-authenticate": "Basic" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    const repo = await checkOut(pr.origin, "refs/pull/1/merge", 1);
    await repo.run("remote", "set-url", "origin", `http://127.0.0.1:${port}/x.git`);
    const event = { ...pullRequest(), token: "secret", serverUrl: `http://127.0.0.1:${port}` };
    const failure = await failureOf(baseOf(repo, event));
    expect(failure.exitCode).toBe(3);
    expect(JSON.stringify([failure.sentence, failure.help])).not.toContain("secret");
    expect(seen[0]).toBeUndefined();
    expect(seen.at(-1)).toBe(`basic ${Buffer.from("x-access-token:secret").toString("base64")}`);
    seen.length = 0;
    await failureOf(baseOf(repo, { ...event, serverUrl: "https://github.com" }));
    expect(seen.every((header) => header === undefined)).toBe(true);
  } finally {
    server.close();
  }
});

test("the labels of the pull request that an event is about", () => {
  const event = (payload: unknown) => ({ name: "pull_request", payload });
  expect(labelsOf(event({ pull_request: { labels: [{ name: "one" }, { name: 2 }, null, { name: "two" }] } }))).toEqual([
    "one",
    "two",
  ]);
  for (const payload of [null, {}, { pull_request: null }, { pull_request: { labels: "one" } }, "x"])
    expect(labelsOf(event(payload))).toEqual([]);
  expect(labelsOf(undefined)).toEqual([]);
});
