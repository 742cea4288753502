import { describe, expect, test } from "vitest";
import { compareHistory } from "../../src/history/history.ts";
import editedRevision from "../../src/rules/edited-revision.ts";
import { withExecuted, type Edit, type Effect, type Executed } from "../../src/run/effect.ts";
import type { Evidence, Phase } from "../../src/run/evidence.ts";
import { plain, text } from "../../src/text.ts";
import { added, evidence, graphOf, phase, raised, said, statement, step } from "../support/evidence.ts";

const same: Effect = { kind: "same" };
const ddl: Effect = { kind: "different", before: ["DROP TABLE a"], after: ["DROP TABLE b"], data: false };
const dml: Effect = { ...ddl, data: true };
const settings: Effect = { kind: "settings-only", before: ["SET lock_timeout = 1"], after: ["SET lock_timeout = 2"] };
const unknown = (rendered: boolean): Effect => ({ kind: "unknown", reason: text`it reads`, rendered });

const base = { commit: "c0ffee".padEnd(40, "0"), label: "main" };
const sql = (word: string) => ({ upgrade: `op.execute("${word}")`, downgrade: 'op.execute("x")' });
const history = compareHistory({
  base,
  baseGraph: graphOf({ a: sql("y") }),
  headGraph: graphOf({ a: sql("z") }),
  changedFiles: [],
});
const user = { head: "import helper", ...sql("y") };
const throughHelper = compareHistory({
  base,
  baseGraph: graphOf({ a: user, b: { down: "a", ...user } }),
  headGraph: graphOf({ a: user, b: { down: "a", ...user } }),
  changedFiles: ["migrations/helper.py"],
  helpers: ["migrations/helper.py"],
});

/** Severity and sentence of each draft. */
function judge(edits: Record<string, Edit> | undefined, { run, of = history }: { run?: Evidence; of?: typeof history } = {}) {
  const drafts = editedRevision.judge({
    history: of,
    ...(edits && { edits: new Map(Object.entries(edits)) }),
    ...(run && { run }),
  } as never);
  return drafts.map((draft) => ({
    severity: draft.severity ?? "error",
    said: said(draft),
    help: plain(draft.help),
    evidence: plain(draft.evidence ?? []),
    draft,
  }));
}
const one = (upgrade: Effect, downgrade: Effect, run?: Evidence) => judge({ a: { upgrade, downgrade } }, run && { run })[0]!;

/** A run in which the base branch's files and the pull request's lead to catalogs that differ so. */
const ran = (differences: number, more: Partial<Evidence> = { baseFiles: true }) =>
  evidence(
    [
      phase("base", { steps: [step("a", { statements: [statement("SELECT  1")] })] }),
      phase("history-upgrade", {
        steps: [step("a", { statements: [statement("SELECT 1")] })],
        compared: {
          with: "the first upgrade",
          differences: Array.from({ length: differences }, () => added("table", "public.t")),
        },
      }),
    ],
    more,
  );

const executed = (more: Partial<Executed>): Executed => ({
  rows: "made-up",
  tables: ["public.t"],
  sameRows: true,
  sameCatalog: true,
  ...more,
});

describe("what was executed", () => {
  const of = (effect: Effect, shown: Effect | undefined) =>
    withExecuted(
      new Map([["a", { upgrade: effect, downgrade: same }]]),
      new Map([["a", { ...(shown && { upgrade: shown }) }]]),
    ).get("a")!.upgrade;

  test("takes the place of what nobody could tell", () => {
    const shown: Effect = { kind: "same", executed: executed({}) };
    expect(of(unknown(true), shown)).toBe(shown);
    expect(of(unknown(false), shown)).toBe(shown);
    expect(of(unknown(true), undefined)).toEqual(unknown(true));
    expect(withExecuted(new Map([["a", { upgrade: ddl, downgrade: same }]]), undefined).get("a")!.upgrade).toEqual(ddl);
  });

  test("is nothing where it tells no more than the code", () => {
    expect(of(unknown(false), { ...unknown(true), reason: text`both stop` } as Effect)).toEqual(unknown(false));
    expect(of(unknown(true), { ...unknown(true), reason: text`both stop` } as Effect)).toMatchObject({ reason: text`both stop` });
  });

  test("tells what other DDL leaves; other statements stay other statements", () => {
    expect(of(ddl, { kind: "same", executed: executed({}) })).toEqual({ ...ddl, executed: executed({ rendered: true }) });
    expect(of(ddl, { ...dml, executed: executed({ sameRows: false }) })).toMatchObject({ kind: "different", data: true });
    expect(of(ddl, unknown(true))).toBe(ddl);
    expect(of(same, dml)).toBe(same);
  });
});

describe("an edited revision", () => {
  test("without its effect is an error from the code alone", () => {
    expect(judge(undefined)).toMatchObject([{ severity: "error", help: expect.stringContaining("nothing was run") }]);
  });

  test("that executes other SQL is an error that shows it", () => {
    expect(one(ddl, same)).toMatchObject({
      severity: "error",
      said: expect.stringContaining("its upgrade() executes other SQL now"),
      evidence: expect.stringContaining("- DROP TABLE a\n+ DROP TABLE b"),
      help: expect.stringContaining("git checkout c0ffee000000 -- migrations/versions/a.py"),
    });
    expect(one(same, ddl)).toMatchObject({
      severity: "error",
      said: expect.stringContaining("its downgrade() executes other SQL now: databases that have it stay as they are"),
    });
    expect(one(ddl, dml).evidence).toContain("downgrade() executes other SQL too");
    // Nobody knows upgrade(); what is known counts.
    expect(one(unknown(true), ddl).severity).toBe("error");
  });

  test("whose DDL leads to the same catalog is a notice; DML never is, nor another catalog, nor a run without the base's files", () => {
    expect(one(ddl, same, ran(0))).toMatchObject({
      severity: "notice",
      said: expect.stringContaining("the schema that comes out is the same"),
    });
    expect(one(dml, same, ran(0)).severity).toBe("error");
    expect(one(ddl, same, ran(1)).severity).toBe("error");
    expect(one(ddl, same, ran(0, {})).severity).toBe("error");
    expect(one(ddl, ddl, ran(0))).toMatchObject({ severity: "error", said: expect.stringContaining("its downgrade()") });
  });

  test("whose DDL leads to the same catalog when it starts from nothing, beside the run, is a notice", () => {
    const run = evidence([phase("history-upgrade", { state: "not-run" })], { baseFiles: true });
    expect(one(ddl, same, run).severity).toBe("error");
    expect(one(ddl, same, { ...run, sameFromEmpty: true }).severity).toBe("notice");
    expect(one(dml, same, { ...run, sameFromEmpty: true }).severity).toBe("error");
  });

  test("whose DDL leaves the same where it was executed is a notice, in either direction", () => {
    expect(one({ ...ddl, executed: executed({}) }, same).severity).toBe("notice");
    expect(one(same, { ...ddl, executed: executed({}) })).toMatchObject({
      severity: "notice",
      said: expect.stringContaining("its downgrade() executes other SQL now; the schema that comes out is the same"),
    });
    expect(one({ ...ddl, executed: executed({ sameCatalog: false }) }, same).severity).toBe("error");
  });

  test("that was executed on rows says so", () => {
    expect(one({ kind: "same", executed: executed({}) }, same)).toMatchObject({
      severity: "notice",
      said: expect.stringContaining("executed on made-up rows of public.t it does the same"),
    });
    expect(one({ ...dml, executed: executed({ rows: "seed" }) }, same)).toMatchObject({
      severity: "error",
      evidence: expect.stringMatching(/now on the project's own rows of public.t:[\s\S]*other rows may come out otherwise/),
    });
    expect(one({ ...unknown(true), executed: executed({}) } as Effect, same)).toMatchObject({
      severity: "warning",
      evidence: expect.stringContaining("On made-up rows of public.t both versions executed the same statements"),
    });
    expect(one({ kind: "same", executed: executed({ mends: text`TypeError` }) }, same).evidence).toContain(
      "the old version stops (TypeError)",
    );
  });

  test("that executes the same SQL, or with other settings, is a notice", () => {
    expect(one(same, same)).toMatchObject({ severity: "notice", said: expect.stringContaining("executes the same SQL") });
    expect(one(same, settings)).toMatchObject({ severity: "notice", said: expect.stringContaining("session settings") });
  });

  test("of which nobody can tell is a warning with the reason, and says what an empty database showed", () => {
    expect(one(unknown(true), same)).toMatchObject({
      severity: "warning",
      said: expect.stringContaining("since it reads"),
      evidence: "",
    });
    expect(one(unknown(true), same, ran(0))).toMatchObject({
      severity: "warning",
      evidence: expect.stringContaining("On an empty database"),
    });
    expect(one(same, unknown(true), ran(0)).evidence).toBe("");
  });

  test("that could not even be begun is judged by the code, unless both versions ran alike", () => {
    expect(one(unknown(false), same)).toMatchObject({
      severity: "error",
      help: expect.stringContaining("not what it does to a database: it reads"),
    });
    expect(one(unknown(false), same, ran(0)).severity).toBe("warning");
  });
});

describe("a changed helper", () => {
  const of = throughHelper;
  const edits = (a: Effect, b: Effect) =>
    judge({ a: { upgrade: a, downgrade: same }, b: { upgrade: b, downgrade: same } }, { of });

  test("is judged by each revision that uses it", () => {
    expect(edits(same, same)).toMatchObject([{ severity: "notice", said: expect.stringContaining("a and b, which use it") }]);
    expect(edits(ddl, same)).toMatchObject([{ severity: "error", draft: { revision: "a" } }]);
    expect(edits(ddl, unknown(true)).map(({ severity }) => severity)).toEqual(["error", "warning"]);
    expect(edits(unknown(true), unknown(false))).toMatchObject([
      { severity: "warning", said: expect.stringContaining("a and b use it and are applied already") },
    ]);
  });

  test("without its effect is a warning", () => {
    expect(judge(undefined, { of })).toMatchObject([
      { severity: "warning", said: expect.stringContaining("nobody can tell from the code") },
    ]);
  });
});

describe("a downgrade that the base branch's run shows to be faulty", () => {
  const down = (ended: boolean, stopped: boolean) =>
    phase("history-downgrade", {
      steps: [step("a", { direction: "downgrade", ended })],
      ...(stopped && { state: "failed", stop: { revision: "a", raised: raised() } }),
    });
  const edit: Record<string, Edit> = { a: { upgrade: same, downgrade: ddl } };
  const told = (head: Phase, base?: Phase) =>
    judge(edit, { run: evidence([head], base ? { onBase: evidence([base]) } : {}) })[0]!;

  test("and works now is mended", () => {
    expect(told(down(true, false), down(false, true))).toMatchObject({
      severity: "notice",
      said: expect.stringContaining("its downgrade() is mended"),
    });
  });
  test("and still fails is a warning: no way back is lost", () => {
    expect(told(down(false, true), down(false, true))).toMatchObject({
      severity: "warning",
      said: expect.stringContaining("on the base branch it fails, and it still does"),
    });
  });
  test("but fails now, or worked before, or was not run there, is an edit", () => {
    expect(told(down(false, true), down(true, false)).severity).toBe("error");
    expect(told(down(true, false), down(true, false)).severity).toBe("error");
    expect(told(down(true, false)).severity).toBe("error");
  });
});
