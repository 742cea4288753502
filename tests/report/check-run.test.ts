import { expect, test } from "vitest";
import { checkRunOutputs } from "../../src/report/check-run.ts";
import { readStepOutput } from "../support/runner.ts";
import { annotations } from "../../src/report/annotations.ts";
import { text } from "../../src/text.ts";
import { each } from "./hostile.ts";
import { environment, finding, green, huge, red } from "./samples.ts";

const of = (...findings: ReturnType<typeof finding>[]) => ({ ...red, environments: [environment({ findings })] });
const at = (line: number, more: Partial<ReturnType<typeof finding>> = {}) =>
  finding("a", "error", text`number ${line}`, { file: "a.py", line, revision: `${line}`, ...more });

test("what the step shows is not sent again", () => {
  expect(checkRunOutputs(red)).toEqual([]);
  expect(checkRunOutputs(green)).toEqual([]);
  const report = of(...Array.from({ length: 73 }, (_, index) => at(index + 1)));
  const outputs = checkRunOutputs(report);
  expect(outputs.map(({ annotations }) => annotations.length)).toEqual([50, 13]);
  const printed = readStepOutput(annotations(report).join("\n"), "/").annotations.flatMap(({ level, line }) =>
    level === "error" ? [line] : [],
  );
  const sent = outputs.flatMap((output) => output.annotations.map((annotation) => annotation.start_line));
  expect([...printed, ...sent]).toEqual(Array.from({ length: 73 }, (_, index) => index + 1));
});

test("places are as the API wants them: columns on one line only, an end that is not before the start", () => {
  const ten = Array.from({ length: 10 }, (_, index) => at(index + 1, { blocks: true }));
  const later = (more: Partial<ReturnType<typeof finding>>) => at(90, { blocks: false, ...more });
  const [output] = checkRunOutputs(
    of(
      ...ten,
      later({ line: 91, endLine: 95, column: 3, endColumn: 5 }),
      later({ line: 92, endLine: 90, column: 7 }),
      later({ line: undefined, file: "b.py" }),
      later({ file: undefined, line: undefined }),
    ),
  );
  const places = output!.annotations.map(({ title: _, message: _message, annotation_level: _level, ...place }) => place);
  expect(places).toEqual([
    { path: "a.py", start_line: 91, end_line: 95 },
    { path: "a.py", start_line: 92, end_line: 92, start_column: 7, end_column: 7 },
    { path: "b.py", start_line: 1, end_line: 1 },
  ]);
});

test("5,000 findings: the worst of them, and how many there are", () => {
  const outputs = checkRunOutputs(huge);
  expect(outputs).toHaveLength(10);
  for (const { annotations, summary } of outputs) {
    expect(annotations.length).toBeLessThanOrEqual(50);
    expect(summary).toMatch(/^\d{4} annotations beyond those of the step, the worst 500 of them here/);
  }
  expect(new Set(outputs[0]!.annotations.map((annotation) => annotation.annotation_level))).toEqual(new Set(["failure"]));
});

test("hostile texts are cut, visible and within the limits", () => {
  const ten = Array.from({ length: 10 }, (_, index) => at(index + 1));
  each((value) => {
    const one = at(99, { message: text`${value.repeat(500)}`, help: text`${value}`, rule: `a${value}`, blocks: false });
    const [output] = checkRunOutputs(of(...ten, one));
    const { title, message } = output!.annotations[0]!;
    expect(title.length).toBeLessThanOrEqual(255);
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(64_000);
    expect(title + message).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f\u202e]/);
  });
});
