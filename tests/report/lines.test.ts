/** Lines that never ran, wherever the report is read. */
import { expect, test } from "vitest";
import type { LinesReport } from "../../src/finding.ts";
import { summary } from "../../src/report/summary.ts";
import { terminal } from "../../src/report/terminal.ts";
import { linesText } from "../../src/report/view.ts";
import { plain } from "../../src/text.ts";
import { green } from "./samples.ts";

const unrun: LinesReport = {
  revision: "3f2a",
  function: "upgrade",
  file: "versions/3f2a.py",
  lines: 15,
  ran: 11,
  never: [
    { line: 20, endLine: 22, below: 'if has_table("old"):' },
    { line: 30, endLine: 30 },
  ],
};
const whole: LinesReport = { ...unrun, function: "downgrade", ran: 15, never: [] };
const withLines = (...lines: LinesReport[]) => ({
  ...green,
  environments: green.environments.map((environment) => ({ ...environment, lines })),
});
const shown = (...lines: LinesReport[]) => [
  terminal(withLines(...lines), { colour: false, width: 120 }),
  summary(withLines(...lines)),
];

test("are told in one sentence", () => {
  expect(plain(linesText(unrun))).toBe(
    '11 of 15 lines of upgrade() of 3f2a ran; in versions/3f2a.py:20 lines 20–22 below if has_table("old"):, line 30 never did',
  );
});

test("are shown on the terminal and in the summary", () => {
  for (const text of shown(unrun, whole)) {
    expect(text).toContain("Lines that never ran");
    expect(text).toMatch(/11 of 15 lines of upgrade\(\)/);
    expect(text).not.toContain("downgrade() of");
  }
});

test("are not spoken of where all ran", () => {
  for (const text of shown(whole)) expect(text).not.toContain("Lines that never ran");
});
