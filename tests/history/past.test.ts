import { afterAll, describe, expect, test } from "vitest";
import { landingOf, replacedBy, unreleasedOf } from "../../src/history/past.ts";
import { readGraph } from "../../src/project/graph.ts";
import { plain } from "../../src/text.ts";
import { environment, file } from "../rules/histories.ts";
import { treeOf } from "../project/trees.ts";
import { checkOut, makePullRequest, makeRepo, removeAll, type Repo } from "./repositories.ts";

afterAll(removeAll);

const day = /^\d{4}-\d\d-\d\d$/;

describe("when a file landed", () => {
  test("of a merged branch it is the merge", async () => {
    const { origin, merge, head, base, fork } = await makePullRequest();
    const git = await origin.open();
    const b = await landingOf(git, { commit: merge, label: "main" }, "versions/b.py");
    expect(b).toEqual({ commit: merge, date: expect.stringMatching(day) });
    expect(await landingOf(git, { commit: head, label: "feature" }, "versions/b.py")).toMatchObject({ commit: head });
    const c = await landingOf(git, { commit: base, label: "main", mergeBase: fork }, "versions/c.py");
    expect(c).toMatchObject({ commit: base, afterCut: true });
    const a = await landingOf(git, { commit: base, label: "main", mergeBase: fork }, "versions/a.py");
    expect(a).toEqual({ commit: fork, date: expect.stringMatching(day) });
    expect(await landingOf(git, { commit: base, label: "main" }, "versions/none.py")).toBeUndefined();
  });

  test("is not known where the clone ends", async () => {
    const { origin, merge } = await makePullRequest();
    const shallow = await (await checkOut(origin, "refs/pull/1/merge", 1)).open();
    expect(await landingOf(shallow, { commit: merge, label: "main" }, "versions/b.py")).toBeUndefined();
  });
});

test("a version that the base branch had before, and the commit that replaced it", async () => {
  const repo = await makeRepo();
  await repo.commit({ "v/a.py": "1" });
  const first = await repo.run("rev-parse", "HEAD:v/a.py");
  const second = await repo.commit({ "v/a.py": "2" });
  const tip = await repo.commit({ other: "x" });
  const git = await repo.open();
  expect(await replacedBy(git, tip, "v/a.py", first)).toMatchObject({ commit: second });
  expect(await replacedBy(git, tip, "v/a.py", "0".repeat(40))).toBeUndefined();
});

describe("what no tag contains", () => {
  const revisions = async (...ids: string[]) => {
    const files = Object.fromEntries(ids.map((id) => [`versions/${id}.py`, file(id, null)]));
    return [...(await readGraph(treeOf(files), environment())).revisions.values()];
  };
  const told = async (repo: Repo, ...ids: string[]) => {
    const answer = await unreleasedOf(await repo.open(), await revisions(...ids), ["versions"]);
    return answer.known ? [...answer.value] : plain(answer.reason);
  };

  test("is what stands in no version that leads to a tag, under whatever name", async () => {
    const repo = await makeRepo();
    await repo.commit({ "versions/a.py": file("a", null), "versions/old_b.py": file("b", "a") });
    await repo.run("tag", "v1");
    await repo.run("mv", "versions/old_b.py", "versions/b.py");
    await repo.commit({ "versions/c.py": file("c", "b") });
    await repo.run("checkout", "--quiet", "-b", "release");
    await repo.commit({ "versions/d.py": file("d", "a") });
    await repo.run("tag", "-a", "-m", "two", "v2");
    await repo.run("checkout", "--quiet", "main");
    await repo.commit({ "versions/e.py": file("e", "c") });
    expect(await told(repo, "a", "b", "c", "d", "e")).toEqual(["e"]);
    expect(await told(repo)).toEqual([]);
  });

  test("cannot be told without tags, or in a shallow clone", async () => {
    const repo = await makeRepo();
    await repo.commit({ "versions/a.py": file("a", null) });
    expect(await told(repo, "a")).toContain("this clone has no tags");
    await repo.run("tag", "v1");
    await repo.run("update-ref", "refs/pull/1/merge", "HEAD");
    expect(await told(await checkOut(repo, "refs/pull/1/merge", 1), "a")).toContain("this clone is shallow");
  });
});
