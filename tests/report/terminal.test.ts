import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Finding, Report } from "../../src/finding.ts";
import { columns, cropped, flow, painted, piece } from "../../src/report/rows.ts";
import { progress, sendTerminal, terminal, wantsColour, wantsSigns } from "../../src/report/terminal.ts";
import { block, code, text } from "../../src/text.ts";
import { each } from "./hostile.ts";
import { broken, environment, finding, green, huge, red, sources, two, untouched, withText } from "./samples.ts";

const plainly = { colour: false, width: 100, source: (file: string) => sources[file] };

/** The last line. */
const last = (report: Report) => terminal(report, plainly).trimEnd().split("\n").at(-1);

/** A stream that remembers what it is told. */
const stream = (more: object) => {
  const written: string[] = [];
  return { written, write: (chunk: string) => written.push(chunk), ...more };
};

/** How one finding is shown, without what stands around it. */
function shown(more: Partial<Finding>, source?: string, width = 100): string {
  const report = {
    ...green,
    environments: [environment({ phases: [], schema: undefined, findings: [finding("a-rule", "error", text`message`, more)] })],
  };
  const written = terminal(report, { colour: false, width, source: () => source });
  return written.slice(written.indexOf("error[a-rule]"), written.lastIndexOf("\n\n"));
}

describe("the whole report", () => {
  test("red", async () => {
    await expect(terminal(red, plainly)).toMatchFileSnapshot("red.txt");
  });
  test("green", async () => {
    await expect(terminal(green, plainly)).toMatchFileSnapshot("green.txt");
  });
  test("broken", async () => {
    await expect(terminal(broken, plainly)).toMatchFileSnapshot("broken.txt");
  });
  test("ends with the verdict and the counts", () => {
    expect(last(red)).toBe("✗ failed: 3 errors, 1 warning, 1 notice, 1 ignored, 1 pre-existing (exit code 1)");
    expect(last(green)).toBe("✓ passed: no findings");
    expect(last(broken)).toBe("✗ could not judge: 2 failures, no findings (exit code 3)");
    expect(
      last({
        ...red,
        verdict: "pass",
        exitCode: 0,
        environments: [environment({ findings: [finding("a", "error", text`m`, { blocks: false })] })],
      }),
    ).toBe("✓ passed: 1 error, none blocking");
  });
  test("says of two environments which is which", () => {
    expect(terminal(two, plainly)).toMatch(/^billing\/alembic\.ini: 48 revisions, 1 new, compared with main/m);
  });
  test("is short when nothing was to be done", () => {
    expect(terminal(untouched, plainly).split("\n")).toHaveLength(6);
  });
  test("counts what nobody would scroll through", () => {
    const written = terminal(huge, plainly);
    expect(written).toContain("… and 4950 more findings: --format json has them all");
    expect(written).toContain("… and 2980 more");
    expect(written).toContain("… 1970 more lines …");
    expect(written.split("\n").length).toBeLessThan(5000);
  });
  test("keeps to the width, lines to paste aside", () => {
    for (const width of [60, 80, 100]) {
      const rows = terminal(green, { ...plainly, width }).split("\n");
      expect(rows.filter((row) => columns(row) > width)).toEqual([]);
    }
  });
});

describe("the excerpt", () => {
  const source = 'first\n    op.add_column("a")  \n\tindented\nlast\n';
  test("marks the columns that are named", () => {
    expect(shown({ file: "a.py", line: 2, column: 8, endColumn: 18, help: text`h` }, source)).toBe(
      ["error[a-rule]: message", " --> a.py:2:8", "  |", '2 |     op.add_column("a")', "  |        ^^^^^^^^^^", "  help: h"].join(
        "\n",
      ),
    );
  });
  test("marks the whole line where no column is named", () => {
    expect(shown({ file: "a.py", line: 2, help: text`h` }, source)).toContain(
      '2 |     op.add_column("a")\n  |     ^^^^^^^^^^^^^^^^^^\n',
    );
  });
  test("marks below a tab what stands behind it", () => {
    expect(shown({ file: "a.py", line: 3, column: 2, endColumn: 4 }, source)).toContain("3 |     indented\n  |     ^^\n");
  });
  test("marks below wide characters", () => {
    expect(shown({ file: "a.py", line: 1, column: 4, endColumn: 6 }, 'x("表表")')).toContain('1 | x("表表")\n  |    ^^^^\n');
  });
  test("marks all of several lines, and no more than six", () => {
    const many = Array.from({ length: 12 }, (_, index) => `line ${index + 1}`).join("\n");
    expect(shown({ file: "a.py", line: 9, endLine: 10 }, many)).toContain("   |\n 9 | > line 9\n10 | > line 10\n   |\n");
    expect(shown({ file: "a.py", line: 2, endLine: 11 }, many)).toContain("7 | > line 7\n   | … 4 more lines\n");
  });
  test("moves a long line until its mark is in sight", () => {
    const long = `${"a".repeat(300)}MARK${"b".repeat(300)}`;
    const rows = shown({ file: "a.py", line: 1, column: 301, endColumn: 305 }, long, 60).split("\n");
    const at = rows[4]!.indexOf("^");
    expect(rows[3]!.slice(at, at + 4)).toBe("MARK");
    expect(rows[4]!.trim()).toBe("| ^^^^".replace("| ", `|${" ".repeat(at - 3)}`));
    expect(rows.every((row) => columns(row) <= 60)).toBe(true);
  });
  test("is left out where the file, or the line, is not there", () => {
    expect(shown({ file: "a.py", line: 2 }, undefined)).toBe("error[a-rule]: message\n --> a.py:2\n  help: Mend it.");
    expect(shown({ file: "a.py", line: 99 }, source)).toBe("error[a-rule]: message\n  --> a.py:99\n  help: Mend it.");
    expect(shown({ file: "a.py" }, source)).toBe("error[a-rule]: message\n--> a.py\n  help: Mend it.");
    expect(shown({}, source)).toBe("error[a-rule]: message\n  help: Mend it.");
  });
});

describe("the words around it", () => {
  test("lines to paste are not wrapped", () => {
    const command = `alembic revision -m "${"long ".repeat(40)}"`;
    expect(shown({ help: text`Run ${block(command, "sh")} now.` }, undefined, 60)).toContain(
      `  help: Run\n            ${command}\n        now.`,
    );
  });
  test("a related place in the same file is a line, elsewhere a path", () => {
    const related = [
      { file: "a.py", line: 7, message: text`here` },
      { file: "b.py", line: 8, commit: "5f0c2d7be1f4c9a2a3b7e8d9c0b1a2f3e4d5c6b7", message: text`there` },
    ];
    expect(shown({ file: "a.py", line: 1, related })).toContain("  also: line 7: here\n  also: b.py:8 at 5f0c2d7: there");
  });
  test("flow breaks at spaces only and hangs what follows", () => {
    const rows = flow([piece("one two"), piece(" three-", "red"), piece("four five")], 10, 2).map((row) => painted(row, false));
    expect(rows).toEqual(["one two", "  three-four", "  five"]);
  });
  test("columns and cropped count as a terminal does", () => {
    expect(columns("ab表👍e\u0301")).toBe(7);
    expect(cropped("表表表", 5)).toBe("表表…");
    expect(cropped("abc", 3)).toBe("abc");
  });
});

describe("colour", () => {
  const coloured = terminal(red, { ...plainly, colour: true });
  test("is there when asked for, whatever the environment says", () => {
    expect(coloured).toContain("\u001b[1m\u001b[31merror[edited-revision]\u001b[39m\u001b[22m");
  });
  test("stands for the backticks", () => {
    const { colour: _, ...rest } = plainly;
    const bare = terminal(red, { ...rest, colour: true }).replace(/\u001b\[\d+m/g, "");
    expect(bare).toContain("upgrade() of c0de5ca1ab1e is not");
    expect(terminal(red, plainly)).toContain("upgrade() of `c0de5ca1ab1e` is not");
  });
  test("is absent when not asked for", () => {
    expect(terminal(red, plainly)).not.toContain("\u001b");
  });
  test("follows FORCE_COLOR, NO_COLOR and the stream", () => {
    const tty = { isTTY: true, write: () => true };
    const pipe = { write: () => true };
    expect(wantsColour(tty, {})).toBe(true);
    expect(wantsColour(pipe, {})).toBe(false);
    expect(wantsColour(tty, { NO_COLOR: "1" })).toBe(false);
    expect(wantsColour(tty, { NO_COLOR: "" })).toBe(true);
    expect(wantsColour(pipe, { FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(true);
    expect(wantsColour(tty, { FORCE_COLOR: "0" })).toBe(false);
    expect(wantsColour(tty, { TERM: "dumb" })).toBe(false);
  });
});

describe("consoles", () => {
  const tty = { isTTY: true, write: () => {} };
  test("Windows' old one gets ASCII for our own signs, all others get them", () => {
    expect(wantsSigns(tty, {}, "win32")).toBe(false);
    expect(wantsSigns(tty, { WT_SESSION: "x" }, "win32")).toBe(true);
    expect(wantsSigns(tty, { TERM_PROGRAM: "vscode" }, "win32")).toBe(true);
    expect(wantsSigns(tty, { TERM: "xterm-256color" }, "win32")).toBe(true);
    expect(wantsSigns({ write: () => {} }, {}, "win32")).toBe(true);
    expect(wantsSigns(tty, {}, "linux")).toBe(true);
  });
  test("the report in ASCII has the same columns, and the project's own words", () => {
    const platform = Object.getOwnPropertyDescriptor(process, "platform")!;
    Object.defineProperty(process, "platform", { value: "win32" });
    vi.stubEnv("TERM", "");
    vi.stubEnv("TERM_PROGRAM", undefined);
    vi.stubEnv("WT_SESSION", undefined);
    vi.stubEnv("NO_COLOR", "1");
    onTestFinished(() => {
      Object.defineProperty(process, "platform", platform);
      vi.unstubAllEnvs();
    });
    const { written, ...out } = stream({ isTTY: true, columns: 100 });
    sendTerminal({ ...red, headline: text`Ünïcode ✓` }, out);
    const [said] = written;
    expect(said!.split("\n").map((line) => line.length)).toEqual(
      terminal({ ...red, headline: text`Ünïcode ✓` }, { colour: false, width: 100 })
        .split("\n")
        .map((line) => line.length),
    );
    expect(said).toMatch(/^x failed: /m);
    expect(said).toContain("Ünïcode +");
  });
});

describe("hostile text", () => {
  test("moves no cursor, sets no colour, turns no line", () => {
    each((value) => {
      for (const colour of [false, true]) {
        const written = terminal(withText(value), { colour, width: 80, source: () => value.repeat(3) });
        const rest = colour ? written.replace(/\u001b\[(?:1|2|3[1-6]|94|22|39)m/g, "") : written;
        expect(rest).not.toMatch(/(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(written.trimEnd().split("\n").at(-1)).toContain("✗ failed:");
      }
    });
  });
  test("looks like no second verdict at the start of a line", () => {
    const written = terminal(withText("x\n✓ passed: no findings"), plainly);
    expect(written.match(/^✓/gm)).toBeNull();
  });
});

describe("senders", () => {
  test("the report goes to the stream at once", () => {
    const { written, ...out } = stream({ columns: 80 });
    sendTerminal(green, out);
    expect(written).toEqual([terminal(green, { colour: false, width: 80 })]);
  });
  test("progress rewrites one line of a terminal and leaves nothing behind", () => {
    const { written, ...out } = stream({ isTTY: true, columns: 20 });
    const line = progress(out);
    line.show("upgrade", "d15ea5ed0b0e and more");
    line.show("evil\u001b[2J\n");
    line.clear();
    line.clear();
    expect(written).toEqual(["\r\u001b[2Kupgrade  d15ea5ed0…", "\r\u001b[2Kevil", "\r\u001b[2K"]);
  });
  test("progress is silent elsewhere", () => {
    const { written, ...out } = stream({});
    const line = progress(out);
    line.show("upgrade");
    line.clear();
    expect(written).toEqual([]);
  });
  test("code stands out in a sentence of several pieces", () => {
    expect(terminal({ ...green, headline: text`${code("a")}${code("b")}` }, plainly)).toMatch(/^`a``b`\n/);
  });
});
