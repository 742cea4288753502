import { describe, expect, test } from "vitest";
import type { Draft, Finding } from "../src/finding.ts";
import { applyIgnores } from "../src/ignores.ts";
import { RULES } from "../src/rules/index.ts";
import type { Ignore } from "../src/settings.ts";
import { plain, text } from "../src/text.ts";
import { evidence, factsOf, fileOf, graphOf, phase } from "./support/evidence.ts";

const everyRule = new Set(RULES.map(({ id }) => id));
const ran = evidence([phase("base"), phase("downgrade", { state: "not-run" })]);

/** A revision `a` whose upgrade() has these lines; the first of them is line 10. */
const graphWith = (...lines: string[]) => graphOf({ a: { upgrade: [...lines, "pass"].join("\n") } });

function finding(rule: string, line: number, more: Partial<Finding> = {}): Finding {
  const rest = { help: text``, environment: "alembic.ini", blocks: false, preexisting: false, fingerprint: "", related: [] };
  return { rule, line, file: fileOf("a"), severity: "error", message: text`${rule}`, revision: "a", ...rest, ...more };
}

/** What is allowed, with the reason, and what is said about ignores that do nothing. */
function apply(
  lines: string[],
  findings: Finding[],
  more: { ignores?: Ignore[]; ran?: ReadonlySet<string>; run?: typeof ran } = {},
) {
  const facts = factsOf({ graph: graphWith(...lines), run: more.run ?? ran });
  const useless = applyIgnores(findings, { facts, ignores: more.ignores ?? [], ran: more.ran ?? everyRule });
  return { allowed: findings.map(({ suppressed }) => suppressed?.reason), useless };
}

const brief = ({ file, line, message, help }: Draft) => ({ at: `${file}:${line}`, message: plain(message), help: plain(help) });

describe("comments", () => {
  const comment = "# alembic-gate: ignore[upgrade-failed] -- runs by hand";

  test("allow the finding on their own line", () => {
    expect(apply([`op.execute("x")  ${comment}`], [finding("upgrade-failed", 10)])).toEqual({
      allowed: ["runs by hand"],
      useless: [],
    });
  });

  test("behind code they do not speak of the next line", () => {
    const { allowed, useless } = apply([`op.execute("x")  ${comment}`, "more()"], [finding("upgrade-failed", 11)]);
    expect(allowed).toEqual([undefined]);
    expect(useless.map(brief)).toMatchObject([{ at: `${fileOf("a")}:10` }]);
  });

  test("on a line of their own they speak of the line below, further comments aside", () => {
    const other = "# alembic-gate: ignore[timed-out] -- slow by nature";
    const findings = [finding("upgrade-failed", 13), finding("timed-out", 13), finding("upgrade-failed", 14)];
    expect(apply([comment, "# which takes an hour", other, "run()", "more()"], findings)).toEqual({
      allowed: ["runs by hand", "slow by nature", undefined],
      useless: [],
    });
  });

  test("in the file of a model they speak of its differences", () => {
    const source =
      "class User(Base):\n    # alembic-gate: ignore[model-drift] -- comes with the next release\n    nickname = Column(Text)\n";
    const run = { ...ran, models: { differences: [], sources: [{ file: "models.py", source }] } };
    const drift = (line: number) => finding("model-drift", line, { file: "models.py", revision: undefined });
    expect(apply([], [drift(3), drift(1)], { run })).toEqual({
      allowed: ["comes with the next release", undefined],
      useless: [],
    });
  });

  test("several rules at once, one of which is found", () => {
    const lines = ["# alembic-gate: ignore[timed-out, upgrade-failed] -- both are meant"];
    expect(apply(lines, [finding("upgrade-failed", 11)])).toEqual({ allowed: ["both are meant"], useless: [] });
  });

  test("another rule, another file, and no line at all, are not meant", () => {
    const findings = [
      finding("timed-out", 11),
      finding("upgrade-failed", 11, { file: "migrations/env.py" }),
      finding("upgrade-failed", 11, { line: undefined }),
    ];
    expect(apply([comment], findings).allowed).toEqual([undefined, undefined, undefined]);
  });

  test.for([
    [
      "# alembic-gate: ignore[upgrade-failed]",
      "This ignore gives no reason, so it does nothing.",
      "ignore[upgrade-failed] -- the reason",
    ],
    ["# alembic-gate: ignore[upgrade-failed] --", "not understood", "-- the reason"],
    ["# alembic-gate: ignore[upgrade-failed] because", "not understood", "-- the reason"],
    ["# alembic-gate: ignore", "This comment allows nothing: ignore is not understood.", "-- the reason"],
    ["# alembic-gate: ignore[] -- all", "not understood", "-- the reason"],
    ["# alembic-gate: skip", "This comment allows nothing: skip is not understood.", "-- the reason"],
    [
      "# alembic-gate: ignore[upgrade-faild] -- by hand",
      "There is no rule upgrade-faild that this ignore could allow.",
      "Did you mean upgrade-failed?",
    ],
    [
      "# alembic-gate: ignore[timed-out] -- slow",
      "Nothing is found here any more that ignore[timed-out] would allow.",
      "Remove the comment.",
    ],
  ] as const)("%s does nothing, and says so", ([line, message, help]) => {
    const { allowed, useless } = apply([line], [finding("upgrade-failed", 11)]);
    expect(allowed).toEqual([undefined]);
    expect(useless).toHaveLength(1);
    expect(brief(useless[0]!)).toEqual({
      at: `${fileOf("a")}:10`,
      message: expect.stringContaining(message),
      help: expect.stringContaining(help),
    });
  });

  test("lines are counted as Python counts them", () => {
    const graph = graphWith(comment, "run()");
    const [revision] = graph.revisions.values();
    revision!.source = revision!.source.replaceAll("\n", "\r\n");
    const findings = [finding("upgrade-failed", 11)];
    applyIgnores(findings, { facts: factsOf({ graph, run: ran }), ignores: [], ran: everyRule });
    expect(findings[0]!.suppressed).toEqual({ reason: "runs by hand" });
  });

  test("are not called useless for a rule that did not run, or whose phases were not reached", () => {
    expect(apply([comment], [], { ran: new Set(["timed-out"]) }).useless).toEqual([]);
    const failed = evidence([phase("base"), phase("upgrade", { state: "failed" })]);
    const notReached = evidence([phase("base"), phase("downgrade", { state: "not-run", planned: ["a"] })]);
    expect([failed, notReached].flatMap((run) => apply([comment], [], { run }).useless)).toEqual([]);
    const ofTheGraph = ["# alembic-gate: ignore[new-base] -- a second application"];
    expect(apply(ofTheGraph, [], { run: failed }).useless).toHaveLength(1);
  });
});

describe("entries of the settings file", () => {
  const entry = (rule: string, revision?: string): Ignore => ({
    rule,
    ...(revision && { revision }),
    reason: "it is meant",
    file: "alembic-gate.toml",
    line: 3,
  });

  test("allow a rule everywhere, or in one revision", () => {
    const findings = () => [
      finding("upgrade-failed", 10),
      finding("upgrade-failed", 10, { revision: "b" }),
      finding("timed-out", 10),
    ];
    expect(apply([], findings(), { ignores: [entry("upgrade-failed")] })).toEqual({
      allowed: ["it is meant", "it is meant", undefined],
      useless: [],
    });
    expect(apply([], findings(), { ignores: [entry("upgrade-failed", "b")] })).toEqual({
      allowed: [undefined, "it is meant", undefined],
      useless: [],
    });
  });

  test("allow what stands in no file", () => {
    expect(
      apply([], [finding("deleted-revision", 1, { file: undefined, line: undefined })], { ignores: [entry("deleted-revision")] })
        .allowed,
    ).toEqual(["it is meant"]);
  });

  test("are told when they name no rule, or allow nothing in their revision", () => {
    const { useless } = apply([], [], { ignores: [entry("upgrade-faild"), entry("upgrade-failed", "a")] });
    expect(useless.map(brief)).toEqual([
      {
        at: "alembic-gate.toml:3",
        message: "There is no rule upgrade-faild that this ignore could allow.",
        help: "Did you mean upgrade-failed?",
      },
      {
        at: "alembic-gate.toml:3",
        message: "Nothing is found any more that the ignore of upgrade-failed for a would allow.",
        help: "Remove it.",
      },
    ]);
  });

  test("are left alone where they may be meant for another environment, or where the rule was not asked", () => {
    const ignores = [entry("upgrade-failed"), entry("upgrade-failed", "elsewhere")];
    expect(apply([], [], { ignores }).useless).toEqual([]);
    expect(apply([], [], { ignores: [entry("upgrade-failed", "a")], ran: new Set() }).useless).toEqual([]);
  });
});
