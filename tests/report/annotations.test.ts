import { toUSVString } from "node:util";
import { describe, expect, test } from "vitest";
import type { Report } from "../../src/finding.ts";
import { annotations, fenced, sendAnnotations } from "../../src/report/annotations.ts";
import { block, code, text } from "../../src/text.ts";
import { readStepOutput } from "../support/runner.ts";
import { each } from "./hostile.ts";
import { broken, environment, finding, green, huge, red, two, untouched, withText } from "./samples.ts";

const shown = (report: Report) => readStepOutput(annotations(report).join("\n"), "/work");

const of = (...findings: Report["environments"][0]["findings"]): Report => ({
  ...green,
  environments: [environment({ findings })],
});

describe("what becomes an annotation", () => {
  test("the pull request's own findings, worst first", () => {
    expect(shown(red).annotations.map(({ level, title, line }) => ({ level, title, line }))).toEqual([
      { level: "error", title: "alembic-gate: edited-revision", line: 14 },
      { level: "error", title: "alembic-gate: multiple-heads", line: 8 },
      { level: "error", title: "alembic-gate: leftover-after-downgrade", line: 16 },
      { level: "warning", title: "alembic-gate: fails-on-rows", line: 14 },
      { level: "notice", title: "alembic-gate: drops-data", line: 19 },
    ]);
  });
  test("not what the base branch has already, nor what is ignored", () => {
    const rules = shown(red).annotations.map(({ title }) => title);
    expect(rules).not.toContain("alembic-gate: downgrade-failed");
    expect(rules).not.toContain("alembic-gate: irreversible-downgrade");
  });
  test("nothing on green days", () => {
    expect(annotations(green)).toEqual([]);
    expect(annotations(untouched)).toEqual([]);
  });
  test("what stopped the gate, on its line", () => {
    expect(shown(broken).annotations).toEqual([
      {
        level: "error",
        title: "alembic-gate",
        message:
          "No Postgres could be started: initdb ended with status 1.\n\nGive a server in the workflow:\n\nwith:\n  postgres: postgresql://postgres:postgres@localhost:5432",
      },
      {
        level: "error",
        title: "alembic-gate",
        file: "alembic.ini",
        line: 3,
        message: "script_location names a folder that does not exist.\n\nMend the line.",
      },
    ]);
  });
  test("an error, whenever the report is not green", () => {
    const warnings: Report = {
      ...of(finding("fails-on-rows", "warning", text`w`, { blocks: true })),
      verdict: "fail",
      headline: text`1 warning blocks`,
    };
    expect(shown(warnings).annotations.map(({ level, message }) => ({ level, message }))).toEqual([
      { level: "error", message: "1 warning blocks" },
      { level: "warning", message: "w\n\nMend it." },
    ]);
  });
  test("the environment is named where there are several", () => {
    expect(shown(two).annotations[0]!.title).toBe("alembic-gate: edited-revision (backend/alembic.ini)");
  });
});

describe("how it is written", () => {
  test("message, help, related places, without mark-up", () => {
    expect(shown(red).annotations[2]!.message).toBe(
      [
        "downgrade() of d15ea5ed0b0e leaves enum type public.order_status; upgrade() created it at line 11.",
        "Add to downgrade():",
        'sa.Enum(name="order_status").drop(op.get_bind())',
        "See it pass with npx alembic-gate --only run.",
        "See also line 11: enum type public.order_status is created here",
      ].join("\n\n"),
    );
  });
  test("a column stands only where the place is one line", () => {
    const at = (place: object) => shown(of(finding("a", "error", text`m`, { file: "a.py", ...place }))).annotations[0];
    expect(at({ line: 3, column: 5, endColumn: 9 })).toMatchObject({ line: 3, endLine: 3, column: 5, endColumn: 9 });
    expect(at({ line: 3, endLine: 4, column: 5, endColumn: 9 })).not.toHaveProperty("column");
    expect(annotations(of(finding("a", "error", text`m`, { file: "a.py", line: 3, endLine: 4, column: 5 })))).toEqual([
      "::error file=a.py,line=3,endLine=4,title=alembic-gate%3A a::m%0A%0AMend it.",
    ]);
  });
  test("a line without a file is no place", () => {
    expect(annotations(of(finding("a", "notice", text`m`, { line: 3 })))).toEqual([
      "::notice title=alembic-gate%3A a::m%0A%0AMend it.",
    ]);
  });
});

describe("GitHub's limits", () => {
  test("ten of a level need no remark", () => {
    const ten = Array.from({ length: 10 }, (_, index) => finding("a", "notice", text`${index}`));
    expect(shown(of(...ten)).annotations).toHaveLength(10);
    expect(shown(of(...ten)).annotations.at(-1)!.message).toBe("9\n\nMend it.");
  });
  test("one more is counted in the last notice", () => {
    const eleven = Array.from({ length: 11 }, (_, index) => finding("a", "error", text`${index}`));
    const { annotations, dropped } = shown(of(...eleven, finding("b", "notice", text`n`)));
    expect(dropped).toEqual([]);
    expect(annotations.map(({ level }) => level).join(" ")).toBe(`${"error ".repeat(10)}notice notice`);
    expect(annotations.at(-1)!.message).toBe(
      "1 more error: GitHub shows 10 of each kind for one step. The rest is in the job summary and the JSON report.",
    );
  });
  test("the last notice counts the notice that it takes the place of", () => {
    const notices = Array.from({ length: 11 }, (_, index) => finding("a", "notice", text`${index}`));
    expect(shown(of(...notices)).annotations).toHaveLength(10);
    expect(shown(of(...notices)).annotations.at(-1)!.message).toMatch(/^2 more notices:/);
  });
  test("of thousands the runner drops none that we did not count", () => {
    const { annotations, dropped } = shown(huge);
    expect(dropped).toEqual([]);
    expect(annotations).toHaveLength(30);
    expect(annotations.at(-1)!.message).toMatch(/^1657 more errors, 1657 more warnings, 1657 more notices:/);
  });
  test("what blocks comes before what does not", () => {
    const errors = Array.from({ length: 12 }, (_, index) =>
      finding("a", "error", text`${index}`, { blocks: index === 11, file: `${index}.py` }),
    );
    expect(shown(of(...errors)).annotations[0]).toMatchObject({ file: "11.py" });
  });
  test("a long message ends at the end of a line, and says so", () => {
    const long = finding("a", "error", text`m`, { help: text`Paste: ${block("op.drop_table('t')\n".repeat(400), "python")}` });
    const [line] = annotations(of(long));
    const { data } = readStepOutput(line!, "/").commands[0]!;
    expect(data.length).toBeLessThanOrEqual(4096);
    expect(data.length).toBeGreaterThan(4000);
    expect(data).toMatch(/op\.drop_table\('t'\)\n\n\(Cut here: the job summary has more\.\)$/);
  });
  test("nothing is cut in the middle of a character", () => {
    for (const shift of ["", "a"]) {
      const [line] = annotations(of(finding("a", "error", text`${shift}${"😀".repeat(3000)}`)));
      expect(readStepOutput(line!, "/").annotations[0]!.message).toMatch(/^a?(😀)+…?\n\n\(Cut/u);
    }
  });
});

describe("hostile text", () => {
  test("is one command each, whatever it says", () => {
    each((text) => {
      const { commands, dropped } = readStepOutput(annotations(withText(text)).join("\n"), "/work");
      expect(dropped).toEqual([]);
      expect(commands.map(({ name }) => name)).toEqual(["error", "error"]);
      expect(commands[1]!.properties.file).toBe(toUSVString(`versions/${text}`));
      for (const { data } of commands) expect(data).not.toMatch(/(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}]/u);
    });
  });
  test("in a log is no command between the fences, and commands are obeyed again behind them", () => {
    each((text) => {
      const output = `${fenced(text)}::notice::after\n`;
      expect(readStepOutput(output, "/work").commands.map(({ name }) => name)).toEqual(["stop-commands", "notice"]);
    });
  });
  test("cannot know the word that ends the fence", () => {
    expect(fenced("a")).not.toBe(fenced("a"));
    expect(fenced("a\n", "0123")).toBe("::stop-commands::0123\na\n::0123::\n");
  });
});

test("the sender writes one line each", () => {
  const written: string[] = [];
  sendAnnotations(of(finding("a", "error", text`m ${code("x")}`)), (line) => written.push(line));
  expect(written).toEqual(["::error title=alembic-gate%3A a::m x%0A%0AMend it.\n"]);
});
