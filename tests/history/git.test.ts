import { existsSync } from "node:fs";
import { chmod, symlink } from "node:fs/promises";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { commitTree, GitError, openGit } from "../../src/history/git.ts";
import { blobId } from "../../src/project/graph.ts";
import { makeRepo, removeAll, repoIn, temporaryFolder } from "./repositories.ts";

afterAll(removeAll);

const textOf = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8"));

describe("openGit", () => {
  test("finds the root from a folder below it, and nothing outside of a checkout", async () => {
    const repo = await makeRepo();
    await repo.commit({ "a/b/c.txt": "1" });
    expect(await openGit(path.join(repo.folder, "a", "b"))).toMatchObject({
      root: repo.folder,
      shallow: false,
      objectFormat: "sha1",
    });
    expect(await openGit(await temporaryFolder())).toBeUndefined();
  });

  test("runs in the checkout whatever the environment of a hook says", async () => {
    const repo = await makeRepo();
    const commit = await repo.commit({ a: "1" });
    const foreign = await makeRepo();
    const before = { ...process.env };
    Object.assign(process.env, {
      GIT_DIR: path.join(foreign.folder, ".git"),
      GIT_WORK_TREE: foreign.folder,
      GIT_INDEX_FILE: "/nonexistent/index",
    });
    try {
      const git = (await openGit(repo.folder))!;
      expect(await git.ask(["rev-parse", "HEAD"])).toBe(commit);
      expect(await git.ask(["status", "--porcelain"])).toBe("");
    } finally {
      process.env = before;
    }
  });

  test("runs no hook, no external diff and no file system monitor of the repository", async () => {
    const repo = await makeRepo();
    await repo.commit({ a: "1\n" });
    const script = path.join(repo.folder, ".git", "evil");
    await repo.write({ ".git/evil": '#!/bin/sh\ntouch "$(dirname "$0")/ran"\n', a: "2\n" });
    await chmod(script, 0o755);
    for (const key of ["diff.external", "core.fsmonitor", "core.pager"]) await repo.run("config", key, script);
    await repo.run("config", "core.hooksPath", path.join(repo.folder, ".git"));
    const git = await repo.open();
    await git.run(["diff", "--name-only", "--no-ext-diff", "HEAD"]);
    await git.run(["status", "--porcelain"]);
    expect(existsSync(path.join(repo.folder, ".git", "ran"))).toBe(false);
  });

  test("what git refuses is an error with its words, or no answer", async () => {
    const git = await (await makeRepo()).open();
    await expect(git.run(["rev-parse", "--verify", "nothing"])).rejects.toThrow(GitError);
    expect(await git.ask(["rev-parse", "--verify", "--quiet", "nothing"])).toBeUndefined();
  });
});

describe("commitTree", () => {
  test("lists and reads what the commit has, whatever the names", async () => {
    const repo = await makeRepo();
    const names = [
      "a.py",
      "sub/b c.py",
      "sub/ü\"'\\.py",
      "sub/new\nline.py",
      "sub/-x.py",
      "sub/:(top)y.py",
      "subway/z.py",
      "node_modules/m/x.py",
    ];
    const commit = await repo.commit(Object.fromEntries(names.map((name) => [name, `# ${name}\n`])));
    await repo.commit({ "a.py": "changed\n", "later.py": "" });
    const tree = commitTree(await repo.open(), commit);
    expect(await tree.list("")).toEqual(names.filter((name) => !name.startsWith("node_modules")).sort());
    expect(await tree.list("sub")).toEqual(names.filter((name) => name.startsWith("sub/")).sort());
    expect(await tree.list("nowhere")).toEqual([]);
    for (const name of names) {
      expect(textOf(await tree.read(name)), name).toBe(`# ${name}\n`);
      expect(await tree.id!(name)).toBe(blobId(Buffer.from(`# ${name}\n`)));
    }
    expect(await tree.read("later.py")).toBeUndefined();
    expect(await tree.read("sub")).toBeUndefined();
  });

  test("reads single files without a listing, empty and large ones, many at a time", async () => {
    const repo = await makeRepo();
    const files = Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => [`v/${index}.py`, index % 7 === 0 ? "" : `${index}\n`.repeat(index * 40)]),
    );
    const commit = await repo.commit(files);
    const git = await repo.open();
    expect(textOf(await commitTree(git, commit).read("v/299.py"))).toBe(files["v/299.py"]);
    const tree = commitTree(git, commit);
    await tree.list("v");
    const read = await Promise.all(Object.keys(files).map(async (file) => [file, textOf(await tree.read(file))]));
    expect(Object.fromEntries(read)).toEqual(files);
  });

  test("has no links and no submodules", async () => {
    const repo = await makeRepo();
    await repo.write({ "a.py": "1" });
    await symlink("a.py", path.join(repo.folder, "link.py"));
    const inner = await makeRepo();
    await inner.commit({ x: "1" });
    await repo.run("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", inner.folder, "module");
    const commit = await repo.commit({});
    const tree = commitTree(await repo.open(), commit);
    expect(await tree.list("")).toEqual([".gitmodules", "a.py"]);
    expect(await tree.read("link.py")).toBeUndefined();
    expect(await tree.read("module")).toBeUndefined();
  });

  test("of a partial clone gets what is missing", async () => {
    const origin = await makeRepo();
    const old = await origin.commit({ "a.py": "old\n" });
    await origin.commit({ "a.py": "new\n" });
    const folder = await temporaryFolder();
    await repoIn(folder).run("clone", "--quiet", "--filter=blob:none", `file://${origin.folder}`, "clone");
    const tree = commitTree(await repoIn(path.join(folder, "clone")).open(), old);
    expect(textOf(await tree.read("a.py"))).toBe("old\n");
  });

  test("of a commit that is not there is an error", async () => {
    const repo = await makeRepo();
    await repo.commit({ a: "1" });
    await expect(commitTree(await repo.open(), "1".repeat(40)).list("")).rejects.toThrow(GitError);
  });
});
