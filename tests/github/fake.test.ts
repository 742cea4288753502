/** The GitHub of the tests complains where GitHub's own description would: what it lets pass decides what the other tests see. */
import { expect, test } from "vitest";
import { withGitHub, type FakeGitHub } from "../support/github-api.ts";

const ask = async (github: FakeGitHub, method: string, path: string, body?: unknown, token = "ghs_x") => {
  const headers = { authorization: `token ${token}`, "content-type": "application/json" };
  const response = await fetch(`${github.url}/repos/octo/shop${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return response.status;
};

const annotation = { path: "a.py", start_line: 1, end_line: 1, annotation_level: "failure", message: "x" };
const output = (annotations: object[]) => ({ output: { title: "t", summary: "s", annotations } });

test("what fits is no fault", () =>
  withGitHub(async (github) => {
    expect(await ask(github, "PATCH", "/check-runs/7", output(Array.from({ length: 50 }, () => annotation)))).toBe(200);
    expect(await ask(github, "POST", "/issues/1/comments", { body: "x" })).toBe(201);
    expect(await ask(github, "GET", "/issues/1/comments?per_page=100&page=2")).toBe(200);
    expect(github.faults).toEqual([]);
  }));

test.for<[string, string, string, unknown, string]>([
  ["51 annotations", "PATCH", "/check-runs/7", output(Array.from({ length: 51 }, () => annotation)), "50 items"],
  [
    "a level that there is not",
    "PATCH",
    "/check-runs/7",
    output([{ ...annotation, annotation_level: "error" }]),
    "allowed values",
  ],
  ["no line", "PATCH", "/check-runs/7", output([{ path: "a.py", message: "x", annotation_level: "notice" }]), "start_line"],
  ["a comment without a body", "POST", "/issues/1/comments", {}, "body"],
  ["a property that there is not", "POST", "/issues/1/comments", { body: "x", title: "y" }, "unknown property title"],
  ["a parameter that there is not", "GET", "/pulls?labels=x", undefined, "unknown parameter labels"],
  ["a value that there is not", "GET", "/pulls?state=merged", undefined, "state is merged"],
  ["a number that is none", "GET", "/issues/x/comments", undefined, "issue_number is x"],
  ["a path that there is not", "GET", "/issue/1", undefined, "is not described"],
])("%s", ([, method, path, body, said]) =>
  withGitHub(async (github) => {
    await ask(github, method, path, body);
    expect(github.faults.join()).toContain(said);
    github.faults.length = 0;
  }),
);

test("it refuses what GitHub is known to refuse", () =>
  withGitHub(async (github) => {
    expect(await ask(github, "POST", "/issues/1/comments", { body: "x".repeat(65_537) })).toBe(422);
    expect(await ask(github, "GET", "/pulls", undefined, "nonsense")).toBe(401);
    github.patches.set("a.py", "@@ -0,0 +1,2 @@\n+x\n+y");
    const review = (line: number) => ({
      event: "COMMENT",
      body: "x",
      comments: [{ path: "a.py", line, side: "RIGHT", body: "y" }],
    });
    expect(await ask(github, "POST", "/pulls/1/reviews", review(2))).toBe(200);
    expect(await ask(github, "POST", "/pulls/1/reviews", review(3))).toBe(422);
    expect(github.faults).toEqual([]);
  }));
