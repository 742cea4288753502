/** Sending, call by call: what is refused costs one notice, and the rest is sent. */
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import type { Report } from "../../src/finding.ts";
import type { GitHubRun } from "../../src/github/run.ts";
import { sendToGitHub, type Sending } from "../../src/github/send.ts";
import { plain, text } from "../../src/text.ts";
import { broken, environment, finding, green } from "../report/samples.ts";
import { ANSWERS } from "../support/github-answers.ts";
import { withGitHub, type FakeGitHub } from "../support/github-api.ts";

// They wait, for GitHub asks for pauses, and take no time of the processor.
vi.setConfig({ maxConcurrency: 30 });

const FILE = "versions/2.py";
const SOURCE = 'revision = "2"\ndown_revision = "0"\n';
const PATCH = `@@ -0,0 +1,2 @@\n+revision = "2"\n+down_revision = "0"`;

const fixable = finding("multiple-heads", "error", text`two heads`, {
  file: FILE,
  line: 2,
  revision: "2",
  fix: { title: "Build 2 on 1", edits: [{ file: FILE, start: 32, end: 33, expected: "0", insert: "1" }] },
});
const further = Array.from({ length: 20 }, (_, line) =>
  finding("a", "error", text`number ${line}`, { file: FILE, line: line + 1, revision: `${line}` }),
);
const red: Report = {
  ...green,
  verdict: "fail",
  exitCode: 1,
  environments: [environment({ findings: [fixable, ...further] })],
};

let runs = 0;
const runOf = (github: FakeGitHub, more: Partial<GitHubRun> = {}): GitHubRun => ({
  apiUrl: github.url,
  serverUrl: "https://github.example",
  owner: "octo",
  repo: "shop",
  token: "ghs_made_up_for_tests",
  workflow: "CI",
  job: "migrations",
  id: ++runs,
  attempt: 1,
  checkRun: 77,
  pull: { number: 1, head: "5f0c2d7be1f4c9a2a3b7e8d9c0b1a2f3e4d5c6b7", base: "main", fork: false },
  ...more,
});

async function send(github: FakeGitHub, report: Report, more: Partial<Sending> = {}): Promise<string> {
  if (github.patches.size === 0) github.patches.set(FILE, PATCH);
  const notice = await sendToGitHub(report, {
    run: runOf(github),
    env: {},
    comment: "auto",
    owner: { workflow: "CI", job: "migrations", environment: "" },
    links: {},
    source: (file) => (file === FILE ? SOURCE : undefined),
    reserved: 1,
    ...more,
  });
  return notice ? plain(notice) : "";
}

/** Every call that the action makes, what it does then without, and the permission that it needs. */
const CALLS: Record<string, { missing: string; permission: string; before?: boolean }> = {
  "GET /repos/{owner}/{repo}/issues/{issue_number}/comments": {
    missing: "the comment on the pull request",
    permission: "pull-requests: write",
  },
  "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": {
    missing: "the comment on the pull request",
    permission: "pull-requests: write",
  },
  "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": {
    missing: "the comment on the pull request",
    permission: "pull-requests: write",
    before: true,
  },
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/files": { missing: "suggestions", permission: "pull-requests: write" },
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/comments": { missing: "suggestions", permission: "pull-requests: write" },
  "POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews": { missing: "suggestions", permission: "pull-requests: write" },
  "PATCH /repos/{owner}/{repo}/pulls/comments/{comment_id}": {
    missing: "suggestions",
    permission: "pull-requests: write",
    before: true,
  },
  "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}": {
    missing: "11 further annotations",
    permission: "checks: write",
  },
};

describe.concurrent.for(Object.entries(CALLS))("%s", ([operation, { missing, permission, before }]) => {
  test.for(Object.entries(ANSWERS))("%s", ([, { answer, said }]) =>
    withGitHub(async (github) => {
      if (before) {
        await send(github, red);
        github.reviewComments[0]!.body += "\nedited";
      }
      const [calls, comments, annotations] = [github.calls.length, github.comments.length, github.annotations.length];
      github.instead = (asked) => (asked === operation ? answer : undefined);
      const notice = await send(github, red);
      expect(github.calls.slice(calls).map((call) => call.operation)).toContain(operation);
      expect(notice).toContain(missing);
      expect(notice).toContain(said);
      if (said === "lacks") expect(notice).toContain(`permissions:\n  contents: read\n  ${permission}`);
      // What has nothing to do with it is sent all the same.
      if (missing !== "the comment on the pull request" && !before) expect(github.comments.length).toBe(comments + 1);
      if (permission !== "checks: write") expect(github.annotations.length).toBe(annotations + 1);
    }),
  );
});

test("5,000 findings: within every limit, and what is not sent is said", () =>
  withGitHub(async (github) => {
    const lines = Array.from({ length: 5000 }, (_, index) => `line_${index} = 0`);
    const source = `${lines.join("\n")}\n`;
    const findings = lines.map((line, index) => {
      const start = source.indexOf(`${line}\n`);
      const edits = [{ file: FILE, start, end: start + line.length, expected: line, insert: `${line}1` }];
      const place = { file: FILE, line: index + 1, revision: `${index}`, object: { kind: "line", name: `${index}` } };
      return finding("a", "error", text`${"word ".repeat(2000)}`, { ...place, fix: { title: "Mend it", edits } });
    });
    const report: Report = { ...red, environments: [environment({ findings })] };
    github.patches.set(FILE, `@@ -0,0 +1,5000 @@\n${lines.map((line) => `+${line}`).join("\n")}`);
    // What did not fit would have been refused, and what the description does not allow is a fault.
    expect(await send(github, report, { source: () => source })).toBe("");
    expect(github.reviewComments).toHaveLength(30);
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]!.body).toMatch(/… and 49\d\d more findings, in the job summary/);
    expect(github.annotations.flat()).toHaveLength(500);
    const review = github.calls.find(({ operation }) => operation.endsWith("/reviews"))!.body as { body: string };
    expect(review.body).toContain("4970 more: `alembic-gate fix`");
    const output = github.calls.find(({ operation }) => operation.includes("check-runs"))!.body as {
      output: { summary: string };
    };
    expect(output.output.summary).toContain("the worst 500 of them");
  }));

test("a gate that could not do its work takes nothing back", () =>
  withGitHub(async (github) => {
    await send(github, red);
    const { body } = github.reviewComments[0]!;
    expect(await send(github, broken)).toBe("");
    expect(github.comments[0]!.body).toContain("### 🛑");
    expect(github.reviewComments.map((comment) => comment.body)).toEqual([body]);
    await send(github, green);
    expect(github.reviewComments[0]!.body).toContain("No longer needed");
  }));

describe.concurrent("two jobs that make their first comment at the same moment", () => {
  /** Sends a report; another job's comment appears between the look for one and the look after the own one. */
  async function sendBeside(github: FakeGitHub, other: Report, own: Report, more: Partial<GitHubRun> = {}): Promise<string> {
    const run = runOf(github);
    await send(github, other, { run, comment: "always" });
    const [theirs] = github.comments.splice(0);
    github.calls.length = 0;
    github.instead = (operation) => {
      if (operation.startsWith("POST") && operation.endsWith("/issues/{issue_number}/comments")) github.comments.push(theirs!);
      return undefined;
    };
    return send(github, own, { run: { ...run, ...more }, comment: "always" });
  }
  const operations = (github: FakeGitHub) => github.calls.map(({ method, url }) => `${method} ${url.replace(/\?.*/, "")}`);

  test("leave one, the older, with what the later has to say", () =>
    withGitHub(async (github) => {
      expect(await sendBeside(github, green, red)).toBe("");
      expect(github.comments.map(({ id }) => id)).toEqual([1000]);
      expect(github.comments[0]!.body).toContain("two heads");
    }));

  test("take nothing back of what the other has found", () =>
    withGitHub(async (github) => {
      expect(await sendBeside(github, red, green)).toBe("");
      expect(github.comments.map(({ id }) => id)).toEqual([1000]);
      expect(github.comments[0]!.body).toContain("two heads");
      // Without findings it is six calls at most.
      expect(operations(github)).toEqual([
        "GET /repos/octo/shop/issues/1/comments",
        "POST /repos/octo/shop/issues/1/comments",
        "GET /repos/octo/shop/issues/1/comments",
        "DELETE /repos/octo/shop/issues/comments/1003",
      ]);
    }));

  test("leave a later run's comment as it is", () =>
    withGitHub(async (github) => {
      await sendBeside(github, red, { ...red, headline: text`Older words` }, { id: 0 });
      expect(github.comments.map(({ id }) => id)).toEqual([1000]);
      expect(github.comments[0]!.body).not.toContain("Older words");
    }));

  test("an older job's own comment is not taken for a second one", () =>
    withGitHub(async (github) => {
      await send(github, red);
      expect(github.comments).toHaveLength(1);
      expect(github.calls.some(({ method }) => method === "DELETE")).toBe(false);
    }));

  test("whatever GitHub answers to the second look, the comment is there and nothing is missing", () =>
    withGitHub(async (github) => {
      let looks = 0;
      github.instead = (operation) =>
        operation.startsWith("GET") && operation.endsWith("/issues/{issue_number}/comments") && ++looks > 1
          ? { status: 404, body: { message: "Not Found" } }
          : undefined;
      expect(await send(github, red)).toBe("");
      expect(github.comments).toHaveLength(1);
      expect(github.reviewComments.length).toBeGreaterThan(0);
    }));
});

describe.concurrent("a token that is a person's", () => {
  const person = { login: "ada", type: "User" } as const;
  test("finds its own comment, and no other person's", () =>
    withGitHub(async (github) => {
      github.me = person;
      const token = "ghp_made_up_for_tests";
      await send(github, red, { run: runOf(github, { token }) });
      expect(github.comments.map(({ user }) => user)).toEqual([person]);
      github.comments.unshift({ id: 1, user: { login: "mallory", type: "User" }, body: github.comments[0]!.body });
      const run = runOf(github, { token });
      await send(github, red, { run });
      expect(github.comments).toHaveLength(2);
      expect(github.comments[0]!.body).not.toContain(`run=${run.id}.`);
      expect(github.comments[1]!.body).toContain(`run=${run.id}.`);
    }));
});

test("a proxy is used for what is not excepted, and GitHub Enterprise Server's paths are kept", () =>
  withGitHub(async (github) => {
    const hosts: string[] = [];
    const proxy = createServer();
    proxy.on("connect", (request, socket: Duplex) => {
      hosts.push(request.url!);
      const there = connect(Number(new URL(github.url).port), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        there.pipe(socket).pipe(there);
      });
      for (const end of [there, socket]) end.on("error", () => end.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const env = { https_proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
    const proxied = { ...env, http_proxy: env.https_proxy };
    const away = runOf(github, { apiUrl: "http://github.example/api/v3" });
    github.prefix = "/api/v3";
    expect(await send(github, red, { run: away, env: proxied })).toBe("");
    expect(hosts).toContain("github.example:80");
    expect(github.comments).toHaveLength(1);
    const excepted = runOf(github, { apiUrl: `${github.url}/api/v3` });
    hosts.length = 0;
    expect(await send(github, red, { run: excepted, env: { ...proxied, no_proxy: "127.0.0.1" } })).toBe("");
    expect(hosts).toEqual([]);
    proxy.close();
    proxy.closeAllConnections();
  }));
