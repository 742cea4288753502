import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Draft, Finding } from "../src/finding.ts";
import type { History } from "../src/history/history.ts";
import { RULES } from "../src/rules/index.ts";
import { rule, type FactsOf, type Rule } from "../src/rules/rule.ts";
import { layer } from "../src/settings.ts";
import { fingerprint, settle, type Judged } from "../src/settle.ts";
import { plain, text } from "../src/text.ts";
import { chainOf, environment, evidence, factsOf, phase } from "./support/evidence.ts";

const graph = chainOf(["a"], ["b"], ["c"]);
/** The base branch has a and b; c is new. */
const run = evidence([phase("base"), phase("upgrade")], { base: new Set(["a", "b"]), order: ["a", "b", "c"] });
const everything = factsOf({ environment, graph, run, history: {} as History, settings: {} });

const draft = (message: string, more: Partial<Draft> = {}): Draft => ({
  message: text`${message}`,
  help: text`Mend it.`,
  ...more,
});

/** A rule of ours that says what a test wants, under the name and family of a real one. */
function says(id: string, ...drafts: Draft[]): Rule {
  const { family, severity } = RULES.find((rule) => rule.id === id)!;
  return rule({ id, family, severity, summary: "", needs: ["run"], judge: () => drafts });
}

function settled(rules: Rule[], more: { settings?: Parameters<typeof layer>[0]; proof?: Judged["proof"]; facts?: FactsOf } = {}) {
  const { settings = {}, facts = everything, proof } = more;
  return settle({ rules, environment: "alembic.ini", facts, settings: layer(settings), ...(proof && { proof }) });
}

const brief = ({ rule, message, severity, blocks, preexisting, suppressed }: Finding) => ({
  rule,
  message: plain(message),
  severity,
  is: blocks ? "blocks" : suppressed ? "suppressed" : preexisting ? "pre-existing" : "shown",
});

const ignore = (rule: string, revision?: string) => ({
  rule,
  reason: "it is meant",
  file: "alembic-gate.toml",
  ...(revision && { revision }),
});

test("the label of the pull request allows what it does to applied revisions, and nothing else", () => {
  const rules = [
    says("edited-revision", draft("edited", { revision: "a" }), draft("same", { revision: "b", severity: "notice" })),
    says("multiple-heads", draft("heads")),
  ];
  const judged = { rules, environment: "alembic.ini", facts: everything, settings: layer({}) };
  const { findings } = settle({ ...judged, allowedBy: "allowed" });
  expect(findings.map(brief)).toMatchObject([
    { message: "heads", is: "blocks" },
    { message: "same", is: "shown" },
    { message: "edited", is: "suppressed" },
  ]);
  expect(findings[2]!.suppressed).toEqual({ reason: "the pull request has the label allowed" });
});

test("a finding is its draft, completed", () => {
  const { findings } = settled([says("upgrade-failed", draft("it fails", { file: "x.py", line: 3, revision: "c" }))]);
  expect(findings).toEqual([
    {
      message: [{ text: "it fails" }],
      help: [{ text: "Mend it." }],
      file: "x.py",
      line: 3,
      revision: "c",
      rule: "upgrade-failed",
      severity: "error",
      environment: "alembic.ini",
      blocks: true,
      preexisting: false,
      fingerprint: fingerprint("upgrade-failed", "alembic.ini", draft("", { revision: "c" })),
      related: [],
    },
  ]);
});

test("a fingerprint is of rule, environment, revision and object, and of nothing else", () => {
  const one = draft("a", { revision: "r", object: { kind: "table", name: "t" }, file: "a.py", line: 1 });
  const same = fingerprint("x", "e", one);
  expect(fingerprint("x", "e", { ...one, message: text`b`, file: "b.py", line: 2 })).toBe(same);
  const others = [
    fingerprint("y", "e", one),
    fingerprint("x", "f", one),
    fingerprint("x", "e", { ...one, revision: "s" }),
    fingerprint("x", "e", { ...one, object: { kind: "index", name: "t" } }),
    fingerprint("x", "e", { ...one, object: { kind: "table", name: "u" } }),
    fingerprint("x", "er", { ...one, revision: "" }),
  ];
  expect(new Set([same, ...others]).size).toBe(7);
  expect(same).toMatch(/^[0-9a-f]{16}$/);
});

describe("what blocks", () => {
  const three = [
    says("upgrade-failed", draft("error", { revision: "c" })),
    says("irreversible-downgrade", draft("warning", { revision: "c" })),
    says("leftover-after-downgrade", draft("notice", { revision: "c", severity: "notice" })),
  ];

  test("errors", () => {
    expect(settled(three).findings.map(({ blocks }) => blocks)).toEqual([true, false, false]);
  });

  test("warnings too, if the settings say so; `never` changes the exit code only", () => {
    expect(settled(three, { settings: { "fail-on": "warning" } }).findings.map(({ blocks }) => blocks)).toEqual([
      true,
      true,
      false,
    ]);
    expect(settled(three, { settings: { "fail-on": "never" } }).findings.map(({ blocks }) => blocks)).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("the worst first: what blocks, then by severity, and last what is pre-existing or allowed", () => {
    const rules = [
      says("missing-downgrade", draft("old", { revision: "a" })),
      says("hidden-failure", draft("allowed", { revision: "c", object: { kind: "s", name: "t" } })),
      says("leftover-after-downgrade", draft("notice", { revision: "c", severity: "notice" })),
      says("irreversible-downgrade", draft("warning", { revision: "c" })),
      says(
        "upgrade-failed",
        draft("line 9", { revision: "c", file: "c.py", line: 9 }),
        draft("line 2", { revision: "c", file: "c.py", line: 2 }),
      ),
    ];
    const { findings } = settled(rules, { proof: "only-additions", settings: { ignore: [ignore("hidden-failure")] } });
    expect(findings.map(({ message }) => plain(message))).toEqual(["line 2", "line 9", "warning", "notice", "old", "allowed"]);
  });
});

describe("what was there before", () => {
  const old = says("downgrade-failed", draft("old", { revision: "a" }));
  const ofNobody = says("leftover-after-downgrade", draft("of nobody", { object: { kind: "table", name: "t" } }));
  const fresh = says("missing-downgrade", draft("new", { revision: "c" }));
  const isOf = (findings: Finding[]) => Object.fromEntries(findings.map(brief).map(({ message, is }) => [message, is]));

  test("a pull request that only adds revisions is no cause of old revisions' faults", () => {
    const { findings } = settled([old, ofNobody, fresh], { proof: "only-additions" });
    expect(isOf(findings)).toEqual({ old: "pre-existing", "of nobody": "pre-existing", new: "blocks" });
  });

  test("otherwise the base branch must have shown the very same", () => {
    const proof = new Set([fingerprint("downgrade-failed", "alembic.ini", draft("", { revision: "a" }))]);
    expect(isOf(settled([old, ofNobody, fresh], { proof }).findings)).toEqual({
      old: "pre-existing",
      "of nobody": "blocks",
      new: "blocks",
    });
  });

  test("a new revision's fault never was, whatever the base showed", () => {
    const proof = new Set([fingerprint("missing-downgrade", "alembic.ini", draft("", { revision: "c" }))]);
    expect(isOf(settled([fresh], { proof }).findings)).toEqual({ new: "blocks" });
  });

  test("without proof everything counts", () => {
    expect(isOf(settled([old, ofNobody]).findings)).toEqual({ old: "blocks", "of nobody": "blocks" });
  });

  test("where there is no base, nothing is old", () => {
    const facts = { ...everything, run: { known: true, value: { ...run, base: new Set<string>() } } } as const;
    expect(isOf(settled([ofNobody], { facts, proof: "only-additions" }).findings)).toEqual({ "of nobody": "blocks" });
  });

  test("the graph and the history are compared by their own rules, which may say that a fault is old", () => {
    const rules = [
      says("missing-parent", draft("new here", { revision: "a" })),
      says("revision-id-too-long", draft("known", { revision: "b", preexisting: true })),
    ];
    expect(isOf(settled(rules, { proof: "only-additions" }).findings)).toEqual({ "new here": "blocks", known: "pre-existing" });
  });
});

describe("downgrades: optional", () => {
  test("makes notices of what is about the way back, and of nothing else", () => {
    const wayBack = [
      "downgrade-failed",
      "missing-downgrade",
      "irreversible-downgrade",
      "leftover-after-downgrade",
      "schema-not-restored",
      "second-upgrade-failed",
      "second-upgrade-differs",
    ];
    const rules = RULES.map(({ id }) => says(id, draft(id, { object: { kind: "rule", name: id } })));
    const { findings } = settled(rules, { settings: { downgrades: "optional" } });
    const notices = findings.filter(({ severity }) => severity === "notice").map(({ rule }) => rule);
    const always = RULES.flatMap(({ id, severity }) => (severity === "notice" ? [id] : []));
    expect(notices.sort()).toEqual([...wayBack, ...always].sort());
    expect(findings.filter(({ blocks, severity }) => blocks && severity === "notice")).toEqual([]);
  });
});

describe("repetitions", () => {
  const object = { kind: "table", name: "public.users" };

  test("the same fault, seen in two phases, is told once, with what the second one said", () => {
    const rules = [
      says(
        "second-upgrade-differs",
        draft("comment is gone", { revision: "c", object }),
        draft("comment is gone", { revision: "c", object }),
        draft("owner differs", { revision: "c", object }),
      ),
    ];
    const { findings } = settled(rules);
    expect(findings.map(brief)).toMatchObject([{ message: "comment is gone" }]);
    expect(plain(findings[0]!.evidence!)).toBe("Also: owner differs");
  });

  test("without an object, another line is another fault", () => {
    const at = (line: number) => draft(`line ${line}`, { revision: "c", file: "c.py", line });
    expect(settled([says("upgrade-failed", at(1), at(2), at(1))]).findings).toHaveLength(2);
  });

  test("a graver one is not lost behind a lighter one", () => {
    const rules = [
      says(
        "schema-not-restored",
        draft("nullable", { revision: "c", object, severity: "warning" }),
        draft("another type", { revision: "c", object }),
      ),
    ];
    expect(settled(rules).findings.map(brief)).toMatchObject([
      { message: "another type", is: "blocks" },
      { message: "nullable", is: "shown" },
    ]);
  });

  test("what names nothing is never the same", () => {
    expect(settled([says("environment-failed", draft("one"), draft("two"))]).findings).toHaveLength(2);
  });
});

describe("consequences", () => {
  const messages = (rules: Rule[], more?: Parameters<typeof settled>[1]) =>
    settled(rules, more).findings.map(({ message }) => plain(message));
  const c = { revision: "c" };
  const status = { kind: "enum type", name: "public.status" };

  test("a second upgrade that stumbles over what was left is a part of that finding", () => {
    const rules = [
      says("second-upgrade-failed", draft('type "status" already exists', c)),
      says("leftover-after-downgrade", draft("leaves the type", { ...c, object: status })),
    ];
    const { findings } = settled(rules);
    expect(findings).toMatchObject([{ rule: "leftover-after-downgrade", blocks: true }]);
    expect(plain(findings[0]!.evidence!)).toBe('Consequence: type "status" already exists');
  });

  test("one that stumbles over something else is not, nor is one of another revision", () => {
    const leftover = says("leftover-after-downgrade", draft("leaves the type", { ...c, object: status }));
    expect(messages([leftover, says("second-upgrade-failed", draft("duplicate key in status_log", c))])).toHaveLength(2);
    expect(
      messages([leftover, says("second-upgrade-failed", draft('type "status" already exists', { revision: "b" }))]),
    ).toHaveLength(2);
  });

  test("an edited revision explains its own failures, down to what follows from them", () => {
    const rules = [
      says("edited-revision", draft("edited", c)),
      says("missing-downgrade", draft("empty", c)),
      says("second-upgrade-failed", draft("fails again", { ...c, evidence: text`the statement` })),
    ];
    const { findings } = settled(rules);
    expect(findings.map(brief)).toMatchObject([{ message: "edited" }]);
    expect(plain(findings[0]!.evidence!)).toBe("Consequence: empty Consequence: fails again the statement");
  });

  test("an old revision that needs a baseline is one finding, which blocks", () => {
    const rules = [
      says("missing-baseline", draft("no base")),
      says("upgrade-failed", draft("fails", { revision: "c", preexisting: true })),
    ];
    const { findings } = settled(rules);
    expect(findings).toMatchObject([{ rule: "missing-baseline", blocks: true }]);
    expect(plain(findings[0]!.evidence!)).toBe("Also: fails");
  });

  test("a project that cannot be loaded for a revision that cannot be read, and the like", () => {
    expect(messages([says("environment-failed", draft("no load")), says("unreadable-revision", draft("no read", c))])).toEqual([
      "no read",
    ]);
    expect(messages([says("missing-baseline", draft("no base")), says("upgrade-failed", draft("fails", c))])).toEqual(["fails"]);
    expect(messages([says("multiple-heads", draft("two heads", c)), says("missing-parent", draft("no parent", c))])).toEqual([
      "no parent",
    ]);
    expect(
      messages([says("upgrade-failed", draft("value too long", c)), says("revision-id-too-long", draft("long id", c))]),
    ).toEqual(["long id"]);
  });

  test("two faults of one new revision are two findings", () => {
    expect(messages([says("multiple-heads", draft("two heads", c)), says("missing-downgrade", draft("empty", c))])).toHaveLength(
      2,
    );
    expect(messages([says("inserted-revision", draft("inserted", c)), says("upgrade-failed", draft("fails", c))])).toHaveLength(
      2,
    );
    expect(
      messages([says("revision-id-too-long", draft("long id", c)), says("missing-downgrade", draft("empty", c))]),
    ).toHaveLength(2);
  });

  test("nothing is folded into what is allowed, lighter, or was there before", () => {
    const second = says("second-upgrade-failed", draft('type "status" already exists', c));
    const leftover = (more: Partial<Draft> = {}) =>
      says("leftover-after-downgrade", draft("leaves", { ...c, object: status, ...more }));
    expect(messages([second, leftover()], { settings: { ignore: [ignore("leftover-after-downgrade")] } })).toHaveLength(2);
    expect(messages([second, leftover({ severity: "warning" })])).toHaveLength(2);
    expect(messages([second, leftover({ preexisting: true })])).toHaveLength(2);
  });
});

test("no draft is ever lost, and none that should block is told by one that does not", () => {
  const object = fc.option(fc.record({ kind: fc.constant("table"), name: fc.constantFrom("public.users", "public.orders") }), {
    nil: undefined,
  });
  const revision = fc.constantFrom("a", "b", "c", undefined);
  const severity = fc.constantFrom("error", "warning", "notice", undefined);
  const given = fc.record({
    id: fc.constantFrom(...RULES.map(({ id }) => id)),
    revision,
    object,
    severity,
    preexisting: fc.boolean(),
  });
  const ignores = fc.array(fc.record({ rule: fc.constantFrom(...RULES.map(({ id }) => id)), revision }), { maxLength: 2 });
  const proof = fc.constantFrom(undefined, "only-additions" as const);
  fc.assert(
    fc.property(fc.array(given, { maxLength: 12 }), ignores, proof, (drafts, ignored, proof) => {
      const told = drafts.map(({ id, revision, object, severity, preexisting }, index) => {
        const name = object?.name.split(".")[1] ?? "nothing";
        const message = `<${index}> about ${name}`;
        const made = draft(message, {
          ...(revision && { revision }),
          ...(object && { object }),
          ...(severity && { severity }),
          ...(preexisting && { preexisting }),
        });
        return { id, message, made };
      });
      const rules = RULES.map(({ id }) => says(id, ...told.filter((one) => one.id === id).map(({ made }) => made)));
      const ignore = ignored.map(({ rule, revision }) => ({
        rule,
        reason: "it is meant",
        file: "alembic-gate.toml",
        ...(revision && { revision }),
      }));
      const { findings } = settled(rules, { settings: { ignore }, ...(proof && { proof }) });
      for (const { id, message, made } of told) {
        const teller = findings.find(
          (finding) => plain(finding.message) === message || plain(finding.evidence ?? []).includes(message),
        );
        expect(teller, message).toBeDefined();
        const { family, severity } = RULES.find((rule) => rule.id === id)!;
        const isError = (made.severity ?? severity) === "error";
        const isOld = made.preexisting || (proof && family === "run" && made.revision !== "c");
        const isAllowed = ignored.some(
          ({ rule, revision }) => rule === id && (revision === undefined || revision === made.revision),
        );
        if (isError && !isOld && !isAllowed) expect(teller!.blocks, message).toBe(true);
        if (teller!.blocks)
          expect([teller!.severity, teller!.preexisting, teller!.suppressed]).toEqual(["error", false, undefined]);
      }
    }),
    { numRuns: 300 },
  );
});

describe("what was not checked", () => {
  test("rules whose facts are not known, by the reason", () => {
    const facts = factsOf({ environment, graph });
    const rules = RULES.filter(({ id }) => ["upgrade-failed", "timed-out", "missing-parent", "edited-revision"].includes(id));
    const { findings, notChecked } = settled(rules, { facts });
    expect(findings).toEqual([]);
    const reasons = notChecked.map(({ what, reason }) => [what, plain(reason)]);
    expect(reasons).toContainEqual(["edited-revision", "it was not looked at"]);
    expect(reasons).toContainEqual(["what running the migrations shows (2 rules)", "it was not looked at"]);
  });

  test("phases that were not run, together where the reason is the same", () => {
    const reason = text`upgrade head failed`;
    const phases = [
      phase("upgrade"),
      phase("downgrade", { state: "not-run", reason }),
      phase("upgrade-again", { state: "not-run", reason }),
    ];
    const facts = factsOf({
      environment,
      graph,
      run: { ...run, phases, notes: [{ what: "server", reason: text`another major` }] },
    });
    expect(settled([], { facts }).notChecked.map(({ what, reason }) => [what, plain(reason)])).toEqual([
      ["server", "another major"],
      ["the phase downgrade; the phase upgrade-again", "upgrade head failed"],
    ]);
  });

  test("a pull request that adds no revision has nothing to run up and down", () => {
    const reason = text`the pull request adds no revision`;
    const phases = [
      phase("upgrade", { state: "not-run", reason }),
      phase("history-upgrade", { state: "not-run", reason: text`downgrade base failed` }),
    ];
    const facts = factsOf({ environment, graph, run: { ...run, order: ["a", "b"], phases } });
    expect(settled([], { facts }).notChecked.map(({ what }) => what)).toEqual(["the phase history-upgrade"]);
  });

  test("revisions that no file shows", () => {
    const facts = factsOf({ environment: { ...environment, unknowable: "env.py sets version_locations by itself" }, graph });
    expect(settled([], { facts }).notChecked).toMatchObject([{ what: "revisions that the files do not show" }]);
  });
});
