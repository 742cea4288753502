import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { workTree } from "../../src/project/tree.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "tree-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (file: string, content = file) => {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), content);
};
const git = (...args: string[]) => execFileSync("git", ["-c", "init.defaultBranch=main", ...args], { cwd: root, stdio: "pipe" });
const content = async (file: string) => {
  const bytes = await workTree(root).read(file);
  return bytes && Buffer.from(bytes).toString();
};

describe("list", () => {
  test("gives sorted paths from the root, of any folder, however it is written", async () => {
    for (const file of ["b.py", "a/z.py", "a/b/c.py", "a.py", "a/\n 'x' é.py"]) write(file);
    const tree = workTree(root);
    expect(await tree.list("")).toEqual(["a.py", "a/\n 'x' é.py", "a/b/c.py", "a/z.py", "b.py"]);
    for (const folder of ["a/b", "a/b/", "./a/b", "a//x/../b"]) expect(await tree.list(folder)).toEqual(["a/b/c.py"]);
    for (const folder of [".", "./", "a/.."]) expect(await tree.list(folder)).toEqual(await tree.list(""));
    expect(await tree.list("nowhere")).toEqual([]);
    expect(await tree.list("a.py")).toEqual([]);
  });

  test("passes over what is not the project's own", async () => {
    const foreign = [
      ".git/config",
      "web/node_modules/x/alembic.ini",
      "a/__pycache__/x.pyc",
      "my env/pyvenv.cfg",
      "my env/lib/alembic.ini",
      "conda/conda-meta/history",
      "conda/lib/a.py",
      "lib/site-packages/alembic/x.py",
    ];
    const own = ["a/x.py", "conda-meta.py", "lib/y.py"];
    for (const file of [...foreign, ...own]) write(file);
    expect(await workTree(root).list("")).toEqual(own);
  });

  test("passes over folders that git ignores, but not over untracked files, tracked files in ignored folders, and ignored files", async () => {
    git("init");
    write(".gitignore", "build/\n*.ini\nkept/\n");
    for (const file of ["build/lib/alembic.ini", "alembic.ini", "kept/tracked.py", "kept/not.py", "new/untracked.py"])
      write(file);
    git("add", "-f", "kept/tracked.py");
    const tree = workTree(root);
    expect(await tree.list("")).toEqual([".gitignore", "alembic.ini", "kept/not.py", "kept/tracked.py", "new/untracked.py"]);
    expect(await tree.list("build/lib")).toEqual(["build/lib/alembic.ini"]);
  });

  test("passes over other checkouts inside it", async () => {
    write("other/.git", "gitdir: /elsewhere");
    write("other/alembic.ini");
    write("mine.py");
    expect(await workTree(root).list("")).toEqual(["mine.py"]);
    expect(await workTree(root).list("other")).toEqual(["other/.git", "other/alembic.ini"]);
  });

  test("does 4,000 files in a moment", async () => {
    for (let folder = 0; folder < 40; folder++) {
      mkdirSync(path.join(root, `d${folder}`));
      for (let file = 0; file < 100; file++) writeFileSync(path.join(root, `d${folder}/f${file}.py`), "");
    }
    git("init");
    expect(await workTree(root).list("")).toHaveLength(4_000);
  });
});

describe("links and escapes", () => {
  test("nothing outside the root is listed or read", async () => {
    const outside = mkdtempSync(path.join(tmpdir(), "outside-"));
    try {
      writeFileSync(path.join(outside, "secret"), "secret");
      symlinkSync(outside, path.join(root, "folder"));
      symlinkSync(path.join(outside, "secret"), path.join(root, "file"));
      symlinkSync(root, path.join(root, "loop"));
      const tree = workTree(root);
      expect(await tree.list("")).toEqual([]);
      const escape = `../${path.basename(outside)}`;
      for (const folder of ["folder", escape, outside, "..", "loop"]) expect(await tree.list(folder)).toEqual([]);
      for (const file of ["folder/secret", "file", `${escape}/secret`, path.join(outside, "secret")])
        expect(await content(file)).toBe(undefined);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  test("the root itself may be a link", async () => {
    write("real/a.py");
    symlinkSync(path.join(root, "real"), path.join(root, "link"));
    const tree = workTree(path.join(root, "link"));
    expect(await tree.list("")).toEqual(["a.py"]);
    expect(await tree.read("a.py")).toEqual(Buffer.from("real/a.py"));
  });
});

describe("read", () => {
  test("gives the bytes, or undefined for what is no file", async () => {
    write("a/b", "bytes \0 é");
    execFileSync("/usr/bin/mkfifo", [path.join(root, "pipe")]);
    expect(await content("a/b")).toBe("bytes \0 é");
    for (const none of ["a", "", "x", "a/b/c", "a\0b", "pipe"]) expect(await content(none)).toBe(undefined);
    expect(await workTree(root).list("")).toEqual(["a/b"]);
  });
});
