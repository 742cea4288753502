import { afterAll, describe, expect, test } from "vitest";
import { findBase } from "../../src/history/base.ts";
import { readHistory, type Change } from "../../src/history/history.ts";
import { findEnvironments } from "../../src/project/environment.ts";
import { workTree } from "../../src/project/tree.ts";
import { chain, file, sides } from "../rules/histories.ts";
import { makeRepo, removeAll, type Repo } from "./repositories.ts";

afterAll(removeAll);

/** What is worth telling of a change. */
function short(change: Change | undefined): Record<string, unknown> {
  if (!change) return {};
  const { body, moved, edited, reparented, dependenciesChanged, labelsChanged, becameId, helpers } = change;
  const all = { body, moved, edited: edited?.functions, reparented, dependenciesChanged, labelsChanged, becameId, helpers };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== false));
}

describe("compareHistory", () => {
  const base = chain(["a", null], ["b", "a"], ["c", "b", { labels: "x", dependsOn: "a" }]);
  test.each<[string, Record<string, string>, Record<string, unknown>]>([
    ["the same", base, { body: "same" }],
    [
      "moved",
      { ...base, "versions/c_.py": undefined!, "versions/sub_c.py": base["versions/c_.py"]! },
      { body: "same", moved: true },
    ],
    ["reformatted", { ...base, "versions/c_.py": `${base["versions/c_.py"]!}# end\n` }, { body: "cosmetic" }],
    [
      "edited",
      { ...base, ...chain(["c", "b", { labels: "x", dependsOn: "a", body: "op.f()" }]) },
      { body: "edited", edited: ["upgrade"] },
    ],
    [
      "re-parented",
      { ...base, ...chain(["c", "a", { labels: "x", dependsOn: "a" }]) },
      { body: "cosmetic", reparented: { before: ["b"], after: ["a"] } },
    ],
    [
      "with another label and dependency",
      { ...base, ...chain(["c", "b", { labels: "y" }]) },
      { body: "cosmetic", labelsChanged: true, dependenciesChanged: true },
    ],
    ["deleted", { ...base, "versions/c_.py": undefined! }, { body: "deleted" }],
    ["under another id", { ...base, "versions/c_.py": file("n", "b") }, { body: "deleted", becameId: "n" }],
  ])("%s", async (_, head, expected) => {
    const present = Object.fromEntries(Object.entries(head).filter(([, source]) => (source as string | undefined) !== undefined));
    const { history } = await sides(base, present);
    expect(short(history.changes.get("c"))).toEqual(expected);
    expect(short(history.changes.get("a"))).toEqual({ body: "same" });
  });

  test("a header that is computed on one side is no change of parents", async () => {
    const { history } = await sides(base, {
      ...base,
      "versions/c_.py": base["versions/c_.py"]!.replace('down_revision = "b"', "down_revision = parent()"),
    });
    expect(short(history.changes.get("c"))).toEqual({ body: "cosmetic" });
  });
});

describe("readHistory", () => {
  const ini = (folder = "migrations") => `[alembic]\nscript_location = ${folder}\n`;
  const project = (folder = "migrations") => ({
    "alembic.ini": ini(folder),
    [`${folder}/env.py`]: "",
    [`${folder}/versions/a.py`]: `from shared import f\n${file("a", null, { body: "f()" })}`,
    [`${folder}/versions/b.py`]: file("b", "a", { body: 'op.execute(open("sql/b.sql").read())' }),
  });

  async function read(repo: Repo) {
    const git = await repo.open();
    const found = await findBase({ git });
    if (!found.known) throw new Error("no base");
    const tree = workTree(repo.folder);
    const [environment] = await findEnvironments(tree, {});
    return readHistory({ git, base: found.value, tree, environment: environment! });
  }

  test("has the working tree on one side, and what landed since on both", async () => {
    const repo = await makeRepo();
    await repo.commit(project());
    await repo.run("checkout", "--quiet", "-b", "feature");
    await repo.commit({ "migrations/versions/n.py": file("n", "b") });
    await repo.run("checkout", "--quiet", "main");
    await repo.commit({ "migrations/versions/l.py": file("l", "b"), "migrations/versions/a.py": `# landed\n${file("a", null)}` });
    await repo.run("checkout", "--quiet", "feature");
    await repo.write({ "migrations/versions/untracked.py": file("u", "n") });
    const { graph, history } = await read(repo);
    expect([...graph.revisions.keys()].sort()).toEqual(["a", "b", "l", "n", "u"]);
    expect(graph.heads).toEqual(["l", "u"]);
    expect(history.graph.heads).toEqual(["l"]);
    expect(history.added).toEqual(["n", "u"]);
    expect(history.changedFiles).toEqual(["migrations/versions/n.py", "migrations/versions/untracked.py"]);
    expect([...history.changes.values()].map(short)).toEqual([{ body: "same" }, { body: "same" }, { body: "same" }]);
  });

  test("finds the environment where the base branch has it", async () => {
    const repo = await makeRepo();
    await repo.commit(project());
    await repo.run("checkout", "--quiet", "-b", "feature");
    await repo.run("mv", "migrations", "database");
    await repo.commit({
      "alembic.ini": ini("database"),
      "database/versions/a.py": `from shared import f\n${file("a", null, { body: "g()" })}`,
    });
    const { history } = await read(repo);
    expect(short(history.changes.get("a"))).toEqual({ body: "edited", edited: ["upgrade"], moved: true });
    expect(short(history.changes.get("b"))).toEqual({ body: "same", moved: true });
    expect(history.added).toEqual([]);
  });

  test("tells which files that revisions use have changed", async () => {
    const repo = await makeRepo();
    await repo.commit({ ...project(), "migrations/shared.py": "1", "app/shared.py": "1", "sql/b.sql": "1", "sql/c.sql": "1" });
    await repo.run("checkout", "--quiet", "-b", "feature");
    await repo.commit({
      "migrations/shared.py": "2",
      "app/shared.py": "2",
      "sql/b.sql": null,
      "sql/c.sql": "2",
      "migrations/new.py": "",
    });
    const { history } = await read(repo);
    expect(short(history.changes.get("a"))).toEqual({ body: "same", helpers: ["migrations/shared.py"] });
    expect(short(history.changes.get("b"))).toEqual({ body: "same", helpers: ["sql/b.sql"] });
  });

  test("of a project that is new to Alembic has nothing to compare", async () => {
    const repo = await makeRepo();
    await repo.commit({ "app.py": "" });
    await repo.run("checkout", "--quiet", "-b", "feature");
    await repo.commit(project());
    const { graph, history } = await read(repo);
    expect([...graph.revisions.keys()]).toEqual(["a", "b"]);
    expect([history.changes.size, history.added]).toEqual([0, ["a", "b"]]);
  });
});
