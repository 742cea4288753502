import { describe, expect, test } from "vitest";
import deletedRevision from "../../src/rules/deleted-revision.ts";
import editedRevision from "../../src/rules/edited-revision.ts";
import insertedRevision from "../../src/rules/inserted-revision.ts";
import renamedRevisionId from "../../src/rules/renamed-revision-id.ts";
import reparentedRevision from "../../src/rules/reparented-revision.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { plain } from "../../src/text.ts";
import { evidence, phase, statement, step } from "../support/evidence.ts";
import { chain, draftsOf, file, sentences, sides, told, type Files, type Told } from "./histories.ts";

const RULES: Rule[] = [editedRevision, reparentedRevision, renamedRevisionId, deletedRevision, insertedRevision];

/** All findings about the history, by rule. */
async function all(base: Files, head: Files, helpers?: string[]): Promise<Record<string, Told[]>> {
  const facts = await sides(base, head, { helpers });
  const entries = RULES.map((rule) => [rule.id, told(rule, draftsOf(rule, facts))] as const);
  return Object.fromEntries(entries.filter(([, findings]) => findings.length > 0));
}

const main = chain(["a", null], ["b", "a"], ["c", "b"], ["d", "c"]);
const without = (files: Files, ...ids: string[]): Files =>
  Object.fromEntries(Object.entries(files).filter(([name]) => !ids.some((id) => name === `versions/${id}_.py`)));

describe("nothing happened", () => {
  test.each<[string, Files]>([
    ["new revisions", { ...main, ...chain(["n", "d"], ["m", "n"]) }],
    ["a file that was renamed", { ...without(main, "b"), "versions/2020_b.py": main["versions/b_.py"]! }],
    ["a reformatted file", { ...main, "versions/b_.py": `"""doc"""\n${main["versions/b_.py"]!.replaceAll('"', "'")}` }],
    ["parents in another order, and as a list", main],
  ])("%s", async (_, head) => {
    expect(await all(main, head)).toEqual({});
  });

  test("the order of a merge's parents", async () => {
    const base = { ...main, ...chain(["e", "c"], ["f", ["d", "e"]]) };
    expect(await all(base, { ...base, ...chain(["f", ["e", "d"]]) })).toEqual({});
  });

  test("a revision that the base branch has twice is compared with its own file", async () => {
    expect(await all(main, { ...main, "versions/z_copy.py": file("b", "d", { body: "op.other()" }) })).toEqual({});
  });
});

describe("edited-revision", () => {
  test("upgrade(), downgrade() and what runs when the file is loaded, each with its sentence", async () => {
    const b = main["versions/b_.py"]!;
    const head = {
      ...main,
      "versions/b_.py": b.replace('op.create_table("b")', 'op.create_table("x")'),
      "versions/c_.py": main["versions/c_.py"]!.replace("op.drop_table", "op.delete"),
      "versions/d_.py": `${main["versions/d_.py"]}\nop.f()\n`,
    };
    const facts = await sides(main, head);
    const drafts = draftsOf(editedRevision, facts);
    expect(told(editedRevision, drafts)).toEqual([
      ["error", "b_.py:7", "b"],
      ["error", "c_.py:10", "c"],
      ["error", "d_.py:12", "d"],
    ]);
    expect(sentences(drafts).map((sentence) => sentence.split(":")[0])).toEqual([
      "b is applied already, and upgrade() changed",
      "c is applied already, and downgrade() changed",
      "d is applied already, and the code that runs when it is loaded changed",
    ]);
    expect(drafts[0]!.related).toMatchObject([{ file: "versions/b_.py", commit: facts.history.base.commit }]);
    expect(plain(drafts[0]!.help)).toContain("git checkout c0ffee000000 -- versions/b_.py");
  });

  test("what Python 3 could not read before is a warning, how long it waits a notice", async () => {
    const python2 = { ...main, "versions/d_.py": main["versions/d_.py"]!.replace("op.create", 'print "x"\n    op.create') };
    expect(await all(python2, { ...main, "versions/d_.py": main["versions/d_.py"]!.replace("create", "make") })).toEqual({
      "edited-revision": [["warning", "d_.py:7", "d"]],
    });
    const patient = main["versions/d_.py"]!.replace("op.create", "op.execute(\"SET lock_timeout = '9s'\")\n    op.create");
    expect(await all(main, { ...main, "versions/d_.py": patient })).toEqual({ "edited-revision": [["notice", "d_.py:7", "d"]] });
  });

  test("a helper that changed is one warning, however many revisions use it; of those that are new none", async () => {
    const uses = (id: string, down: string | null) => `from migrations import shared\n${file(id, down, { body: "shared.f()" })}`;
    const base = {
      "versions/a_.py": uses("a", null),
      "versions/b_.py": uses("b", "a"),
      "versions/c_.py": file("c", "b", { body: 'op.execute(open("sql/c.sql").read())' }),
    };
    const findings = await all(base, { ...base, "versions/n_.py": uses("n", "c") }, [
      "migrations/shared.py",
      "sql/c.sql",
      "sql/d.sql",
    ]);
    expect(findings).toEqual({
      "edited-revision": [
        ["warning", "a_.py:7"],
        ["warning", "c_.py:6", "c"],
      ],
    });
  });
});

describe("reparented-revision", () => {
  test("onto another applied one, with what databases will miss", async () => {
    const base = { ...main, ...chain(["e", "b"], ["f", ["d", "e"]]) };
    const facts = await sides(base, { ...base, ...chain(["e", "c"]) });
    const drafts = draftsOf(reparentedRevision, facts);
    expect(told(reparentedRevision, drafts)).toEqual([["error", "e_.py:2", "e"]]);
    expect(sentences(drafts)).toEqual([
      "e is applied already and builds on c now and not on b: a database that has e counts as having c too, and will never run it.",
    ]);
    expect(plain(drafts[0]!.help)).toContain('down_revision = "b"');
  });

  test("off one that came before it", async () => {
    const facts = await sides(main, { ...main, ...chain(["c", "a"], ["n", ["b", "d"]]) });
    expect(sentences(draftsOf(reparentedRevision, facts))[0]).toBe(
      "c is applied already and builds on a now and not on b: a new database runs c without b before it, which it had to have until now.",
    );
  });

  test("a repair of two heads is a notice that tells which databases will not notice it", async () => {
    const base = { ...main, ...chain(["e", "c"]) };
    const facts = await sides(base, { ...base, ...chain(["e", "d"], ["n", "e"]) });
    const drafts = draftsOf(reparentedRevision, facts);
    expect(told(reparentedRevision, drafts)).toEqual([["notice", "e_.py:2", "e"]]);
    expect(sentences(drafts)).toEqual([
      "e builds on d now: a repair of heads, which leaves 1 head where the base branch has 2; databases that have e and not d will skip it without a word.",
    ]);
    expect(plain(drafts[0]!.help)).toContain("DELETE FROM alembic_version WHERE version_num = 'd';");
  });

  test("a repair that puts two chains in the order of time", async () => {
    const base = { ...main, ...chain(["x1", "d"], ["x2", "x1"], ["y1", "d"], ["y2", "y1"]) };
    const head = { ...base, ...chain(["y1", "x1"], ["x2", "y1"], ["y2", "x2"]) };
    expect(await all(base, head)).toEqual({
      "reparented-revision": [
        ["notice", "x2_.py:2", "x2"],
        ["notice", "y1_.py:2", "y1"],
        ["notice", "y2_.py:2", "y2"],
      ],
    });
  });

  test("a repair of what Alembic could not load at all", async () => {
    const dangling = { ...main, ...chain(["x", "gone"]) };
    expect(await all(dangling, { ...dangling, ...chain(["x", "b"]) })).toEqual({
      "reparented-revision": [["notice", "x_.py:2", "x"]],
    });
    const circle = { ...main, ...chain(["b", "d"]) };
    expect(await all(circle, main)).toEqual({ "reparented-revision": [["notice", "b_.py:2", "b"]] });
  });

  test("no repair when it is something else that leaves fewer heads", async () => {
    const base = { ...main, ...chain(["e", "c"], ["g", "a"], ["h", "g"]) };
    const head = { ...base, ...chain(["n", ["d", "e"]], ["h", "b"]) };
    expect((await all(base, head))["reparented-revision"]).toEqual([["error", "h_.py:2", "h"]]);
  });

  test("a parent that was a dependency before is no change, unless it makes heads", async () => {
    const base = { ...main, ...chain(["x", null, { labels: "x", dependsOn: "b" }], ["y", "x"]) };
    expect(await all(base, { ...base, ...chain(["x", "b", { labels: "x" }]) })).toEqual({});
    const joined = { ...main, ...chain(["x", "d", { labels: "x" }]) };
    expect(await all(joined, { ...joined, ...chain(["x", null, { labels: "x", dependsOn: "d" }]) })).toEqual({
      "reparented-revision": [["error", "x_.py:2", "x"]],
    });
  });

  test("another depends_on is a warning", async () => {
    const base = { ...main, ...chain(["x", null, { labels: "x", dependsOn: "b" }]) };
    expect(await all(base, { ...base, ...chain(["x", null, { labels: "x", dependsOn: "d" }]) })).toEqual({
      "reparented-revision": [["warning", "x_.py:4", "x"]],
    });
  });
});

describe("inserted-revision", () => {
  test("one finding, on the new revision, that names the old one", async () => {
    const head = { ...main, ...chain(["n", "b"], ["c", "n"]) };
    expect(await all(main, head)).toEqual({ "inserted-revision": [["error", "n_.py:2", "n"]] });
    const [draft] = draftsOf(insertedRevision, await sides(main, head));
    expect(plain(draft!.message)).toBe("n stands below c, which is applied already: a database that has c will never run it.");
    expect(plain(draft!.help)).toContain('In versions/c_.py:\ndown_revision = "b"\nand in versions/n_.py:\ndown_revision = "d"');
  });

  test("several in a row, and below everything", async () => {
    const findings = await all(main, { ...main, ...chain(["m", null], ["n", "m"], ["a", "n"]) });
    expect(findings).toEqual({ "inserted-revision": [["error", "n_.py:2", "n"]] });
  });
});

describe("renamed-revision-id", () => {
  test.each<[string, Files]>([
    ["in the same file", { ...without(main, "d"), "versions/d_.py": file("n", "c", { body: "op.other()" }) }],
    ["in another file with the same body", { ...without(main, "d"), "versions/n.py": file("d", "c").replace('"d"', '"n"') }],
  ])("%s", async (_, head) => {
    const findings = await all(main, head);
    expect(findings).toEqual({ "renamed-revision-id": [["error", `${"versions/n.py" in head ? "n.py" : "d_.py"}:1`, "n"]] });
  });

  test("in the middle: what builds on it is not told again", async () => {
    const head = { ...without(main, "b"), ...chain(["c", "n"]), "versions/n.py": file("b", "a").replace('"b"', '"n"') };
    expect(await all(main, head)).toEqual({ "renamed-revision-id": [["error", "n.py:1", "n"]] });
  });

  test("two revisions that do nothing are not the same", async () => {
    const base = { ...main, ...chain(["e", "d", { body: "pass" }]) };
    const empty = (id: string, down: string) => file(id, down, { body: "pass" }).replace(/op\.drop.*/, "pass");
    expect(
      Object.keys(await all({ ...base, "versions/e_.py": empty("e", "d") }, { ...main, "versions/n.py": empty("n", "d") })),
    ).toEqual(["deleted-revision"]);
  });
});

describe("deleted-revision", () => {
  test("the head: no file is left to stand on", async () => {
    const facts = await sides(main, without(main, "d"));
    const drafts = draftsOf(deletedRevision, facts);
    expect(told(deletedRevision, drafts)).toEqual([["error", "-", "d"]]);
    expect(sentences(drafts)).toEqual([
      "d is deleted although applied already: databases that stand at d are stranded, every alembic command stops there with Can't locate revision identified by 'd'.",
    ]);
    expect(drafts[0]!.related).toMatchObject([{ file: "versions/d_.py", commit: facts.history.base.commit }]);
  });

  test("one in the middle: on the line of the one that builds around it, and no more", async () => {
    expect(await all(main, { ...without(main, "b"), ...chain(["c", "a"]) })).toEqual({
      "deleted-revision": [["error", "c_.py:2", "b"]],
    });
  });

  test("the beginning: databases beyond it go on", async () => {
    const findings = await all(main, { ...without(main, "a", "b"), ...chain(["c", null]) });
    expect(findings).toEqual({ "deleted-revision": [["warning", "c_.py:2", "b"]] });
  });

  test("a squash of all is one finding, on the revision that stands for them", async () => {
    const findings = await all(main, chain(["n", null, { body: "op.everything()" }]));
    expect(findings).toEqual({ "deleted-revision": [["error", "n_.py:1", "d"]] });
  });

  test("a squash of the beginning is one finding, and nothing is inserted", async () => {
    const findings = await all(main, {
      ...without(main, "a", "b"),
      ...chain(["n", null, { body: "op.everything()" }], ["c", "n"]),
    });
    expect(findings).toEqual({ "deleted-revision": [["warning", "n_.py:1", "b"]] });
  });

  test("a squash that is taken apart inserts what was in it", async () => {
    const findings = await all(main, {
      ...without(main, "a"),
      ...chain(["l", null, { body: "op.x()" }], ["m", "l"], ["n", "m"], ["b", "n"]),
    });
    expect(Object.keys(findings)).toEqual(["deleted-revision", "inserted-revision"]);
  });

  test("two that have nothing to do with each other are two findings", async () => {
    const base = { ...main, ...chain(["e", "b"]) };
    expect((await all(base, without(base, "d", "e")))["deleted-revision"]).toEqual([
      ["error", "-", "d"],
      ["error", "-", "e"],
    ]);
  });
});

describe("what no tag contains", () => {
  const untagged = async (head: Files, ...ids: string[]) => {
    const facts = await sides(main, head);
    const history = { ...facts.history, unreleased: new Set(ids) };
    return RULES.flatMap((rule) => draftsOf(rule, { ...facts, history }).map((draft) => [draft.severity, plain(draft.message)]));
  };
  const tail = "no tag contains it, so it counts as not released (released: tags).";
  test.each<[string, Files, string, string]>([
    ["edited", { ...main, ...chain(["d", "c", { body: "op.f()" }]) }, "d", "d does something else now than on the base branch"],
    ["re-parented", { ...main, ...chain(["d", "b"]) }, "d", "d comes after other revisions now than on the base branch"],
    ["another dependency", { ...main, ...chain(["d", "c", { dependsOn: "a" }]) }, "", ""],
    ["inserted below", { ...main, ...chain(["n", "c"], ["d", "n"]) }, "d", "n stands below d"],
    ["deleted", without(main, "d"), "d", "d is deleted"],
    ["renamed", { ...without(main, "d"), "versions/d_.py": file("n", "c") }, "d", "d is called n now"],
  ])("%s", async (_, head, id, said) => {
    expect(await untagged(head, id)).toEqual(id === "" ? [] : [["notice", `${said}; ${tail}`]]);
    const others = (await untagged(head, "a")).map(([severity]) => severity);
    expect(others.every((severity) => severity !== "notice")).toBe(true);
  });
});

describe("how it is allowed", () => {
  const settings = { allowLabel: "go-on" };
  test("on the line or by the label; where there is no line, in the settings", async () => {
    const helps = async (rule: Rule, head: Files) => {
      const facts = await sides(main, head);
      return draftsOf(rule, { ...facts, settings }).map(({ help }) => plain(help));
    };
    const [edited] = await helps(editedRevision, { ...main, ...chain(["d", "c", { body: "op.f()" }]) });
    expect(edited).toContain(
      "give the reason on the line (# alembic-gate: ignore[edited-revision] -- reason), or give the pull request the label go-on.",
    );
    const [deleted] = await helps(deletedRevision, without(main, "c", "d"));
    expect(deleted).toContain('[[ignore]]\nrule = "deleted-revision"\nrevision = "d"\nreason = "…"');
    expect(deleted).toContain("label go-on");
    expect(deleted).toContain("take them down first, with the base branch's files:\nalembic downgrade b");
  });
});

describe("labels", () => {
  const labelled = { ...main, ...chain(["d", "c", { labels: "x" }]) };
  test("a new one is a notice, one that is gone a warning", async () => {
    expect(await all(main, labelled)).toEqual({ "edited-revision": [["notice", "d_.py:3", "d"]] });
    expect(await all(labelled, main)).toEqual({ "edited-revision": [["warning", "d_.py:3", "d"]] });
    const [draft] = draftsOf(editedRevision, await sides(labelled, main));
    expect(plain(draft!.message)).toContain("has lost the label x: no database changes, but every command");
  });
});

test("an edit that brings back what was there before says since when it was not", async () => {
  const facts = await sides(main, { ...main, ...chain(["d", "c", { body: "op.f()" }]) });
  const changes = new Map(facts.history.changes);
  changes.set("d", { ...changes.get("d")!, restores: { commit: "abc123".padEnd(40, "0"), date: "2026-01-02" } });
  const [draft] = draftsOf(editedRevision, { ...facts, history: { ...facts.history, changes } });
  expect(draft!.severity).toBeUndefined();
  expect(plain(draft!.message)).toContain("does again what it did on the base branch before abc123000000 (2026-01-02)");
});

test("a repair of heads names who skips what, with the SQL of the run", async () => {
  const base = { ...main, ...chain(["e", "c"]) };
  const facts = await sides(base, { ...base, ...chain(["e", "d"]) });
  const run = evidence([phase("base", { steps: [step("d", { statements: [statement("CREATE TABLE d ();")] }), step("e")] })]);
  const [draft] = draftsOf(reparentedRevision, { ...facts, ...({ run } as object) });
  expect(plain(draft!.message)).toContain("databases that have e and not d will skip it without a word");
  const help = plain(draft!.help);
  expect(help).toContain("A database whose version table names e alone lacks d");
  expect(help).toContain("or afterwards:\nCREATE TABLE d ();");
  expect(help).toContain("DELETE FROM alembic_version WHERE version_num = 'd';");
});
