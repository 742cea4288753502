import { describe, expect, test } from "vitest";
import duplicateRevision from "../../src/rules/duplicate-revision.ts";
import missingParent from "../../src/rules/missing-parent.ts";
import multipleHeads from "../../src/rules/multiple-heads.ts";
import newBase from "../../src/rules/new-base.ts";
import revisionCycle from "../../src/rules/revision-cycle.ts";
import idTooLong from "../../src/rules/revision-id-too-long.ts";
import unreadable from "../../src/rules/unreadable-revision.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { plain } from "../../src/text.ts";
import { chain, draftsOf, environment, file, mended, sentences, sides, told, type Files, type Told } from "./histories.ts";

async function judge(rule: Rule, base: Files, head: Files, folders?: string[], settings?: { expectedHeads?: number }) {
  const facts = await sides(base, { ...base, ...head }, { folders });
  return draftsOf(rule, { ...facts, settings });
}

const main = chain(["a", null], ["b", "a"], ["c", "b"]);
const twoHeads = { ...main, ...chain(["d", "b"]) };

describe("multiple-heads", () => {
  const cases: [string, Files, Files, Told[]][] = [
    ["one at the head", main, chain(["n", "c"]), []],
    ["one below the head", main, chain(["n", "b"]), [["error", "n_.py:2", "n"]]],
    ["two in a row below the head: the lower one is blamed", main, chain(["n", "b"], ["m", "n"]), [["error", "n_.py:2", "n"]]],
    ["two on the same head: the one read last", main, chain(["m", "c"], ["n", "c"]), [["error", "n_.py:2", "n"]]],
    [
      "three heads: two findings",
      main,
      chain(["l", "a"], ["m", "b"], ["n", "c"]),
      [
        ["error", "m_.py:2", "m"],
        ["error", "l_.py:2", "l"],
      ],
    ],
    ["a merge of two new ones", main, chain(["m", "c"], ["n", "c"], ["o", ["m", "n"]]), []],
    ["two heads that the base has already", twoHeads, chain(["n", "c"]), []],
    ["a third head", twoHeads, chain(["n", "a"]), [["error", "n_.py:2", "n"]]],
    ["heads that are merged, which is told", twoHeads, chain(["n", ["c", "d"]]), [["notice", "n_.py:2", "n"]]],
    ["a new labelled branch", main, chain(["n", null, { labels: "audit" }]), []],
    ["a new labelled branch from the middle", main, chain(["n", "b", { labels: "audit" }], ["m", "n"]), []],
    [
      "a second head within a labelled branch",
      { ...main, ...chain(["x", null, { labels: "audit" }], ["y", "x"]) },
      chain(["z", "x"]),
      [["error", "z_.py:2", "z"]],
    ],
    ["a new first revision without a label", main, chain(["n", null]), [["error", "n_.py:2", "n"]]],
    ["depends_on does not join heads", main, chain(["n", "b", { dependsOn: "c" }]), [["error", "n_.py:2", "n"]]],
    ["the first revisions of a project", {}, main, []],
    ["the first revisions of a project, in two chains", {}, twoHeads, [["error", "d_.py:2", "d"]]],
  ];
  test.each(cases)("%s", async (_, base, head, expected) => {
    const drafts = await judge(multipleHeads, base, head);
    expect(told(multipleHeads, drafts)).toEqual(expected);
  });

  test("in a new version folder of its own", async () => {
    const head = { "audit/n_.py": file("n", null) };
    expect(await judge(multipleHeads, main, head, ["versions", "audit"])).toEqual([]);
    expect(await judge(multipleHeads, { ...main, "audit/m_.py": file("m", "a") }, head, ["versions", "audit"])).toHaveLength(1);
  });

  test("as many as the settings say are meant", async () => {
    expect(await judge(multipleHeads, main, chain(["n", "b"]), undefined, { expectedHeads: 2 })).toEqual([]);
    expect(await judge(multipleHeads, main, chain(["n", "b"], ["m", "a"]), undefined, { expectedHeads: 2 })).toHaveLength(1);
  });

  test("without a history every head but one counts, unless it is labelled", async () => {
    const { graph } = await sides({}, { ...twoHeads, ...chain(["n", null, { labels: "audit" }]) });
    const drafts = draftsOf(multipleHeads, { graph, environment: environment() });
    expect(told(multipleHeads, drafts)).toEqual([["error", "d_.py:2", "d"]]);
  });

  test("an old revision that lost its child is a head; the place is where it was lost", async () => {
    const head = { ...main, ...chain(["c", "a"]) };
    const facts = await sides(main, head);
    const drafts = draftsOf(multipleHeads, facts);
    expect(told(multipleHeads, drafts)).toEqual([["error", "c_.py:2", "b"]]);
    expect(sentences(drafts)[0]).toBe(
      "b is a head now, since c no longer builds on it: there are 2 heads once it is merged, and alembic upgrade head refuses to run.",
    );
  });

  test("nothing is said where a parent is computed, or an id stands for two revisions", async () => {
    expect(
      await judge(multipleHeads, main, { ...chain(["n", "b"]), "versions/m_.py": 'revision = "m"\ndown_revision = compute()\n' }),
    ).toEqual([]);
    expect(await judge(multipleHeads, main, { "versions/copy.py": file("b", null) })).toEqual([]);
  });

  test("the sentence, the help and the fix", async () => {
    const head = { ...main, "versions/n_.py": file("n", "b").replace('"b"', "( 'b' )") };
    const facts = await sides(main, head);
    const [draft] = draftsOf(multipleHeads, facts);
    expect(plain(draft!.message)).toBe(
      "n builds on b and not on the head c, which the base branch has: there are 2 heads once it is merged, and alembic upgrade head refuses to run.",
    );
    expect(plain(draft!.help)).toBe(
      "Build on that head:\ndown_revision = 'c'\nor, where this revision has been run somewhere already, join the heads with a merge revision:\nalembic merge -m \"merge heads\" c n",
    );
    expect(draft!.related).toMatchObject([{ file: "versions/c_.py", line: 1 }]);
    const after = mended(draft!, head);
    expect(after["versions/n_.py"]).toContain("down_revision = ( 'c' )");
    expect(draftsOf(multipleHeads, await sides(main, after))).toEqual([]);
  });

  test("a merge that somebody else has made meanwhile builds on that one", async () => {
    const base = { ...twoHeads, ...chain(["e", ["c", "d"]]) };
    const head = { ...base, "versions/n_.py": `"""n\n\nRevises: c, d\n"""\n${file("n", ["c", "d"])}` };
    const [draft] = draftsOf(multipleHeads, await sides(base, head));
    expect(plain(draft!.help)).toContain('down_revision = "e"');
    const after = mended(draft!, head);
    expect(after["versions/n_.py"]).toContain('Revises: e\n"""\nrevision = "n"\ndown_revision = "e"\n');
  });

  test("the command runs where the configuration is, with its name and section", async () => {
    const where = { ...environment(), directory: "back end", config: "back end/conf/db.ini", section: "billing" };
    const facts = { ...(await sides(main, { ...main, ...chain(["n", "b"]) })), environment: where };
    expect(plain(draftsOf(multipleHeads, facts)[0]!.help)).toContain(
      `cd 'back end' && alembic -c conf/db.ini -n billing merge -m "merge heads" c n`,
    );
    const flask = {
      ...where,
      kind: "flask-migrate" as const,
      directory: "",
      config: "migrations/alembic.ini",
      section: "alembic",
    };
    expect(plain(draftsOf(multipleHeads, { ...facts, environment: flask })[0]!.help)).toContain(
      `flask db merge -m "merge heads" c n`,
    );
  });
});

test("where revisions may lie in folders that nobody knows, nothing of this blocks", async () => {
  const facts = await sides(main, { ...main, ...chain(["n", "b"], ["m", "gone"]), "versions/helper.py": "" });
  const unknowable = { ...facts, environment: { ...facts.environment, unknowable: "env.py sets version_locations by itself" } };
  for (const rule of [multipleHeads, missingParent, unreadable]) {
    expect(
      draftsOf(rule, unknowable).map(({ severity }) => severity),
      rule.id,
    ).toContain("warning");
    expect(
      draftsOf(rule, facts).map(({ severity }) => severity),
      rule.id,
    ).not.toContain("warning");
  }
});

describe("missing-parent", () => {
  test("a parent, a dependency, one that the base branch misses too", async () => {
    const base = { ...main, ...chain(["o", "older"]) };
    const drafts = await judge(missingParent, base, chain(["n", "gone"], ["m", "n", { dependsOn: "nothing" }]));
    expect(told(missingParent, drafts).sort()).toEqual([
      ["error", "m_.py:4", "m"],
      ["error", "n_.py:2", "n"],
      ["error", "o_.py:2", "o", "preexisting"],
    ]);
    expect(sentences(drafts)).toContain(
      "n builds on gone, which no revision file defines: every alembic command stops with KeyError: 'gone'.",
    );
  });

  test.each([
    ["a partial id", "1234abcd", "1234abcd5678"],
    ["a slip of the finger", "1234abcd5687", "1234abcd5678"],
    ["an id with its slug", "1234abcd5678_add_x", "1234abcd5678"],
  ])("%s is mended", async (_, written, meant) => {
    const base = chain([meant, null], ["ffff00001111", meant]);
    const head = { ...base, ...chain(["n", written]) };
    const [draft] = draftsOf(missingParent, await sides(base, head));
    expect(plain(draft!.help)).toContain(`Did you mean ${meant}?`);
    expect(draftsOf(missingParent, await sides(base, mended(draft!, head)))).toEqual([]);
  });

  test("a parent that this pull request deletes", async () => {
    const facts = await sides(main, chain(["a", null], ["c", "b"]));
    const [draft] = draftsOf(missingParent, facts);
    expect(plain(draft!.help)).toBe("This pull request deletes b. Keep its file, or build on what comes before it.");
    expect(draft!.related).toMatchObject([{ file: "versions/b_.py", commit: facts.history.base.commit }]);
  });
});

describe("duplicate-revision", () => {
  test("blames the new file, and tells which one Alembic keeps", async () => {
    const drafts = await judge(duplicateRevision, main, { "versions/0_copy.py": file("b", "c") });
    expect(told(duplicateRevision, drafts)).toEqual([["error", "0_copy.py:1", "b"]]);
    expect(sentences(drafts)).toEqual([
      "b is defined by two files, and Alembic keeps only the one it reads last: what versions/0_copy.py does will never run.",
    ]);
    expect(drafts[0]!.related).toMatchObject([{ file: "versions/b_.py", line: 1 }]);
  });

  test("what the base branch has twice already", async () => {
    const drafts = await judge(duplicateRevision, { ...main, "versions/z.py": file("b", null) }, chain(["n", "c"]));
    expect(told(duplicateRevision, drafts)).toEqual([["error", "z.py:1", "b", "preexisting"]]);
  });

  test("a branch label that is taken", async () => {
    const base = chain(["a", null, { labels: "one" }], ["b", "a"]);
    const drafts = await judge(duplicateRevision, base, chain(["n", "b", { labels: "one" }], ["o", "n", { labels: "b" }]));
    expect(told(duplicateRevision, drafts)).toEqual([
      ["error", "n_.py:3", "n"],
      ["error", "o_.py:3", "o"],
    ]);
  });
});

describe("revision-cycle", () => {
  test.each<[string, Files, Told[], string]>([
    ["itself", chain(["n", "n"]), [["error", "n_.py:2", "n"]], "n builds on itself: Alembic refuses to load any revision."],
    [
      "two new ones",
      chain(["m", "n"], ["n", "m"]),
      [["error", "m_.py:2", "m"]],
      "m comes before itself (m → n → m): Alembic refuses to load any revision.",
    ],
    [
      "an old one that was put on a new one",
      chain(["a", "n"], ["n", "c"]),
      [["error", "a_.py:2", "a"]],
      "a comes before itself (a → n → c → b → a): Alembic refuses to load any revision.",
    ],
    [
      "by depends_on",
      chain(["m", "c", { dependsOn: "n" }], ["n", "m"]),
      [["error", "m_.py:4", "m"]],
      "m comes before itself (m → n → m): Alembic refuses to load any revision.",
    ],
    [
      "which can be left on both ends",
      chain(["m", ["c", "n"]], ["n", "m"], ["o", "n"]),
      [["error", "m_.py:2", "m"]],
      "m comes before itself (m → n → m): no order exists in which they could run, and Alembic walks in the circle for ever or runs them in a wrong one.",
    ],
  ])("%s", async (_, head, expected, sentence) => {
    const drafts = await judge(revisionCycle, main, head);
    expect(told(revisionCycle, drafts)).toEqual(expected);
    expect(sentences(drafts)).toEqual([sentence]);
  });

  test("that the base branch has already", async () => {
    const base = { ...main, ...chain(["x", "y"], ["y", "x"]) };
    expect(told(revisionCycle, await judge(revisionCycle, base, chain(["n", "c"])))).toEqual([
      ["error", "x_.py:2", "x", "preexisting"],
    ]);
  });
});

describe("unreadable-revision", () => {
  test("each reason with its line; what the base branch cannot read either is its own", async () => {
    const base = { ...main, "versions/old.py": 'revision = "old"\ndown_revision = "a"\nprint "x"\n' };
    const drafts = await judge(unreadable, base, {
      "versions/m_.py": 'revision = "m"\ndown_revision = "c"\ndef upgrade():\n    op.f(\n',
      "versions/n_.py": "revision = make()\ndown_revision = None\n",
      "versions/o_.py": 'revision = "o-1"\ndown_revision = None\n',
      "versions/helper.py": "X = 1\n",
    });
    expect(told(unreadable, drafts).sort((a, b) => a[1].localeCompare(b[1]))).toEqual([
      ["error", "helper.py:1"],
      ["error", "m_.py:4", "m"],
      ["notice", "n_.py:1"],
      ["error", "o_.py:1", "o-1"],
      ["error", "old.py:3", "old", "preexisting"],
    ]);
    expect(sentences(drafts)).toContain(
      "Python 3 cannot read m_.py (line 4: '(' was never closed): every alembic command stops when it loads the revisions.",
    );
  });
});

describe("revision-id-too-long", () => {
  test("33 characters are one too many, unless the project has such ids already", async () => {
    const [fits, long] = ["x".repeat(32), "ü".repeat(33)];
    const drafts = await judge(idTooLong, main, { ...chain([fits, "c"]), "versions/long.py": file(long, fits) });
    expect(told(idTooLong, drafts)).toEqual([["error", "long.py:1", long]]);
    expect(
      await judge(idTooLong, { ...main, "versions/long.py": file(long, "c") }, { "versions/m.py": file("y".repeat(40), long) }),
    ).toEqual([]);
  });
});

describe("new-base", () => {
  test.each<[string, Files, Files, Told[]]>([
    ["a second beginning", main, chain(["n", null]), [["warning", "n_.py:2", "n"]]],
    ["with a label", main, chain(["n", null, { labels: "audit" }]), []],
    ["the first revision of a project", {}, chain(["n", null]), []],
    ["computed", main, { "versions/n.py": 'revision = "n"\ndown_revision = f()\n' }, []],
  ])("%s", async (_, base, head, expected) => {
    expect(told(newBase, await judge(newBase, base, head))).toEqual(expected);
  });

  test("a squash and a folder of its own are none", async () => {
    expect(draftsOf(newBase, await sides(main, chain(["n", null])))).toEqual([]);
    expect(await judge(newBase, main, { "audit/n.py": file("n", null) }, ["versions", "audit"])).toEqual([]);
  });
});
