/** `alembic-gate report` and `alembic-gate plan`, as the jobs of a workflow use them. */
import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Report } from "../../src/finding.ts";
import { json } from "../../src/report/json.ts";
import { plain } from "../../src/text.ts";
import { rendered, tags } from "../report/github.ts";
import { green, red, withText } from "../report/samples.ts";
import { pullRequestEvent, runAction, runCommand, runCommandLine } from "../support/action.ts";
import { revision } from "../support/alembic.ts";
import { loadCase, root } from "../support/fixtures.ts";
import { withGitHub, type FakeGitHub } from "../support/github-api.ts";
import { makeCase } from "../support/made.ts";
import { makeRepository, type Source } from "../support/repository.ts";
import { readStepOutput } from "../support/runner.ts";
import { sharedUrl } from "../support/url.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "reports-"));
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
/** A file of this content, in a folder of its own. */
async function file(content: string): Promise<string> {
  const place = path.join(folder, String(count++));
  await mkdir(place);
  await writeFile(path.join(place, "report.json"), content);
  return path.join(place, "report.json");
}
const fileOf = (report: Report) => file(json(report));

const HEAD = "5f0c2d7be1f4c9a2a3b7e8d9c0b1a2f3e4d5c6b7";

/** What the run of a fork's pull request looks like from the base repository. */
const workflowRun = {
  action: "completed",
  workflow_run: {
    id: 41,
    run_attempt: 1,
    name: "migrations",
    event: "pull_request",
    head_sha: HEAD,
    head_branch: "patch-1",
    head_repository: { full_name: "mallory/shop", owner: { login: "mallory" } },
    pull_requests: [],
  },
};

/** The variables of a step in a job of GitHub's. */
async function variables(github: FakeGitHub, name: string, payload: unknown): Promise<Record<string, string>> {
  return {
    GITHUB_ACTIONS: "true",
    GITHUB_API_URL: github.url,
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_REPOSITORY: "octo/shop",
    GITHUB_EVENT_NAME: name,
    GITHUB_EVENT_PATH: await file(JSON.stringify(payload)),
    GITHUB_RUN_ID: "50",
    GITHUB_WORKFLOW: "post",
    GITHUB_JOB: "verdict",
    GITHUB_TOKEN: "ghs_made_up_for_tests",
  };
}

describe.concurrent("--from, for a fork", () => {
  const post = async (github: FakeGitHub, place: string, payload: unknown = workflowRun, more: Record<string, string> = {}) =>
    runCommand(folder, ["report", "--from", place], { ...(await variables(github, "workflow_run", payload)), ...more });

  test("posts the comment, once, and no suggestion", () =>
    withGitHub(async (github) => {
      github.pulls.push({ number: 12, head: HEAD, headLabel: "mallory:patch-1" }, { number: 13, head: "0".repeat(40) });
      const place = await fileOf(red);
      expect(await post(github, place)).toMatchObject({ exitCode: 0, stdout: "Pull request 12 has its comment.\n" });
      await post(github, place, { workflow_run: { ...workflowRun.workflow_run, id: 42 } });
      expect(github.comments).toHaveLength(1);
      expect(github.comments[0]!.body).toContain("the check itself is what counts");
      expect(github.comments[0]!.body).toContain("https://github.com/octo/shop/actions/runs/42");
      expect(new Set(github.calls.map(({ url }) => url.replace(/\?.*/, "")))).toEqual(
        new Set(["/repos/octo/shop/pulls", "/repos/octo/shop/issues/12/comments", "/repos/octo/shop/issues/comments/1000"]),
      );
      await post(github, await fileOf(green), { workflow_run: { ...workflowRun.workflow_run, id: 43 } });
      expect(github.comments[0]!.body).toContain("is gone");
    }));

  test("posts nothing where the pull request has moved on", () =>
    withGitHub(async (github) => {
      github.pulls.push({ number: 12, head: "1".repeat(40), headLabel: "mallory:patch-1" });
      expect(await post(github, await fileOf(red))).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("moved on") });
      expect(github.comments).toEqual([]);
    }));

  test("the number of another pull request in the file changes nothing", () =>
    withGitHub(async (github) => {
      github.pulls.push({ number: 12, head: HEAD, headLabel: "mallory:patch-1" });
      const content = JSON.stringify({ ...red, pull_request: { number: 1 }, number: 1, owner: "octo" });
      expect(await post(github, await file(content))).toMatchObject({ exitCode: 0 });
      expect(github.calls.some(({ url }) => url.includes("/issues/1/"))).toBe(false);
    }));

  test("hostile text stays text", () =>
    withGitHub(async (github) => {
      github.pulls.push({ number: 12, head: HEAD, headLabel: "mallory:patch-1" });
      const bodies: string[] = [];
      for (const [index, value] of [
        "harmless",
        "</details>\n<img src=x> @octo-org/team #1 ![x](http://evil.example)",
      ].entries()) {
        const payload = { workflow_run: { ...workflowRun.workflow_run, id: 60 + index } };
        expect(await post(github, await fileOf(withText(value)), payload)).toMatchObject({ exitCode: 0 });
        bodies.push(github.comments[0]!.body);
      }
      const [harmless, hostile] = rendered(bodies).map((page) => tags(page).join(" "));
      expect(hostile).toBe(harmless);
    }));

  test.for<[string, () => Promise<string>, string]>([
    ["not there", async () => path.join(folder, "nowhere.json"), "it is not there"],
    ["a folder", async () => folder, "it is no plain file"],
    [
      "a link",
      async () => {
        const place = path.join(folder, `link-${count++}`);
        await symlink("/etc/passwd", place);
        return place;
      },
      "it is no plain file",
    ],
    ["no JSON", () => file("secret ::error::x"), "it is not JSON"],
    ["another JSON", () => file('{"version": 1, "verdict": "secret"}'), "it is not as docs/report.schema.json wants it"],
    ["a report of another version", () => file(JSON.stringify({ ...red, version: 2 })), "it is not as docs/report.schema.json"],
    ["too deep", () => file("[".repeat(1_000_000)), "it is not JSON"],
    ["too large", () => file(" ".repeat(50_000_001)), "it is too large"],
  ])("a file that is %s", ([, make, said]) =>
    withGitHub(async (github) => {
      const result = await post(github, await make());
      expect(result.exitCode).toBe(3);
      expect(result.stdout.replace(/\s+/g, " ")).toContain(said);
      expect(result.stdout).not.toContain("secret");
      expect(github.calls).toEqual([]);
    }),
  );

  test("without a token, and on another event", () =>
    withGitHub(async (github) => {
      const place = await fileOf(red);
      expect(await post(github, place, workflowRun, { GITHUB_TOKEN: "" })).toMatchObject({ exitCode: 2 });
      expect(await post(github, place, { action: "opened" })).toMatchObject({ exitCode: 2 });
      const push = { workflow_run: { ...workflowRun.workflow_run, event: "push" } };
      expect(await post(github, place, push)).toMatchObject({ exitCode: 2 });
      expect(github.calls).toEqual([]);
    }));

  test("what GitHub refuses is the job's failure, with the permission", () =>
    withGitHub(async (github) => {
      github.pulls.push({ number: 12, head: HEAD, headLabel: "mallory:patch-1" });
      github.instead = (operation) =>
        operation.startsWith("POST") ? { status: 403, body: { message: "Resource not accessible by integration" } } : undefined;
      const result = await post(github, await fileOf(red));
      expect(result.exitCode).toBe(3);
      expect(result.stdout).toContain("pull-requests: write");
    }));
});

describe.concurrent("--merge", () => {
  test("makes one verdict of many reports", async () => {
    const files = [await fileOf(green), await fileOf(red)];
    const result = await runCommand(folder, ["report", "--merge", ...files]);
    expect(result).toMatchObject({ exitCode: 1 });
    expect(result.stdout).toContain("edited-revision");
    expect(await runCommand(folder, ["report", "--merge", files[0]!])).toMatchObject({ exitCode: 0 });
  });

  test("on a pull request: one comment, and the summary", () =>
    withGitHub(async (github) => {
      const files = [await fileOf(green), await fileOf(red)];
      const payload = pullRequestEvent({ base: "b", head: HEAD, merge: "m" } as Parameters<typeof pullRequestEvent>[0]).payload;
      const summary = await file("");
      const env = { ...(await variables(github, "pull_request", payload)), GITHUB_STEP_SUMMARY: summary };
      const result = await runCommand(folder, ["report", "--merge", ...files], env);
      expect(result).toMatchObject({ exitCode: 1 });
      expect(github.comments).toHaveLength(1);
      expect(readStepOutput(result.stdout, folder).annotations).toEqual([]);
    }));

  test("a job that left no report is no green one", async () => {
    const plan = JSON.stringify({ include: [{ name: "a" }, { name: "b" }] });
    const result = await runCommand(folder, ["report", "--merge", await fileOf(green), "--plan", plan]);
    expect(result.exitCode).toBe(3);
    expect(result.stdout).toContain("1 job of 2 left no report");
  });

  test("a plan without jobs is green without reports", async () => {
    const args = ["report", "--merge", "reports/*.json", "--plan", '{"include":[]}'];
    expect(await runCommand(folder, args)).toMatchObject({ exitCode: 0 });
  });

  test.for([
    [[]],
    [["--merge", "--from", "a.json"]],
    [["--from", "a.json", "b.json"]],
    [["a.json"]],
    [["--wat"]],
    [["--merge", "--plan", "x"]],
  ])("%j is wrong use", async ([args]) => {
    const result = await runCommand(folder, ["report", ...args!]);
    expect(result.exitCode).toBe(2);
    expect(result.stdout).toContain("alembic-gate");
  });
});

describe.concurrent("plan", () => {
  const planned = async (source: Source, args: string[] = []) => {
    const repository = await makeRepository(source);
    try {
      const result = await runCommand(repository.folder, ["plan", "--base", "main", ...args]);
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      return JSON.parse(result.stdout) as { include: Record<string, string>[] };
    } finally {
      await repository.remove();
    }
  };

  test("a job for each environment on each major", async () => {
    const { include } = await planned(loadCase("two-environments-clean"), [
      "--scope",
      "all",
      "--postgres-version",
      "14",
      "--postgres-version=16",
    ]);
    expect(include).toHaveLength(4);
    expect(new Set(include.map(({ name }) => name)).size).toBe(4);
    expect(new Set(include.map((job) => job["postgres-version"]))).toEqual(new Set(["14", "16"]));
    for (const job of include) expect(Object.keys(job)).toEqual(["name", "config", "section", "postgres-version", "slice"]);
  });

  test("environments that the pull request does not touch have none", async () => {
    const made = await makeCase("two-environments", { "billing/migrations/versions/1_x.py": 'revision = "1"\n' });
    const { include } = await planned(made);
    await made.remove();
    expect(include.map(({ config }) => config)).toEqual(["billing/alembic.ini"]);
  });

  test.for(readdirSync(path.join(root, "fixtures", "projects")))(
    "each job of %s checks its environment alone",
    async (project) => {
      const made = await makeCase(project, {});
      const repository = await makeRepository(made);
      try {
        const all = ["--static", "--scope", "all"];
        const { stdout } = await runCommand(repository.folder, ["plan", "--scope", "all"]);
        const { include } = JSON.parse(stdout) as { include: Record<string, string>[] };
        const whole = await runCommandLine(repository.folder, all);
        const parts: string[] = [];
        for (const { config, section } of include) {
          const named = [...(config ? ["--config", config] : []), ...(section ? ["--name", section] : [])];
          const { report } = await runCommandLine(repository.folder, [...all, ...named]);
          expect(report!.failures).toEqual([]);
          parts.push(...report!.environments.map(({ name }) => name));
        }
        expect(parts).toEqual(whole.report!.environments.map(({ name }) => name));
      } finally {
        await Promise.all([repository.remove(), made.remove()]);
      }
    },
  );

  test("a long history has slices, whose reports say together what one job says", async () => {
    const tableOf = (id: string, down: string, downgrade = `DROP TABLE ${id}`) => ({
      [`migrations/versions/${id}.py`]: revision(id, {
        down,
        upgrade: `op.execute("CREATE TABLE ${id} (n int)")`,
        downgrade: `op.execute("${downgrade}")`,
      }),
    });
    const base = {
      ...tableOf("old", "f4b8d60c1e27", "SELECT 1 / 0"),
      ...tableOf("b", "old"),
      ...tableOf("c", "b"),
      ...tableOf("d", "c"),
    };
    const made = await makeCase("shop", tableOf("added", "d", "SELECT 1 / 0"), base);
    const repository = await makeRepository(made, { checkout: "merge" });
    try {
      const event = pullRequestEvent(repository);
      const plan = await runCommand(repository.folder, ["plan", "--slice-revisions", "3"], {
        GITHUB_ACTIONS: "true",
        GITHUB_EVENT_NAME: event.name,
        GITHUB_EVENT_PATH: await file(JSON.stringify(event.payload)),
        GITHUB_SHA: event.sha,
        GITHUB_REF: event.ref,
      });
      expect(plan).toMatchObject({ exitCode: 0, stderr: "" });
      const { include } = JSON.parse(plan.stdout) as { include: Record<string, string>[] };
      expect(include.map(({ slice }) => slice)).toEqual(["1/4", "2/4", "3/4", "4/4"]);
      expect(include[1]!.name).toBe("alembic.ini, slice 2/4");
      const reports = await Promise.all(
        include.map(async ({ name: _, config, section, ...more }) => {
          const given = { postgres: sharedUrl(), python: inject("pythons").default, comment: "never" };
          const inputs = { ...given, config: config!, name: section!, ...more };
          const { report } = await runAction({ folder: repository.folder, event, inputs });
          return report!;
        }),
      );
      expect(reports.map(({ exitCode }) => exitCode)).toEqual([1, 0, 0, 0]);
      expect(plain(reports[1]!.headline)).toBe("No finding blocks in slice 2 of 4 of the history.");
      const files = await Promise.all(reports.map(fileOf));
      const whole = await runCommand(repository.folder, ["report", "--merge", ...files, "--plan", plan.stdout]);
      expect(whole.exitCode).toBe(1);
      expect(whole.stdout).toMatch(/no reason to block[^]*old\.py[^]*error[^]*added\.py/);
      expect(whole.stdout).not.toContain("slice");
      const [newest, , third, oldest] = files;
      const part = await runCommand(repository.folder, ["report", "--merge", oldest!, third!, newest!]);
      expect(part.exitCode).toBe(3);
      expect(part.stdout.replace(/\s+/g, " ")).toContain("the slice `2/4` is missing");
    } finally {
      await Promise.all([repository.remove(), made.remove()]);
    }
  });

  test("nothing touched, no job", async () => {
    expect(await planned(loadCase("clean-readme"))).toEqual({ include: [] });
  });

  test("a bad flag is wrong use", async () => {
    expect(await runCommand(folder, ["plan", "--postgres-version", "soon"])).toMatchObject({ exitCode: 2 });
    expect(await runCommand(folder, ["plan", "--wat"])).toMatchObject({ exitCode: 2 });
  });
});
