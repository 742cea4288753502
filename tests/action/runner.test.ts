/** The runner's rules, as tests/support/runner.ts follows them: what these say decides what the other tests of the action see. */
import { expect, test } from "vitest";
import { readOutputs, readStepOutput } from "../support/runner.ts";

const read = (...lines: string[]) => readStepOutput(lines.join("\n"), "/work/shop");

test("a command needs the start of its line, white space aside", () => {
  expect(read("  ::error::a", "b ::error::c").annotations).toEqual([{ level: "error", message: "a" }]);
});

test("the old form is obeyed anywhere in a line", () => {
  expect(read("all is well ##[warning file=a.py;line=3]so%3B it%5D seems").annotations).toEqual([
    { level: "warning", file: "a.py", line: 3, message: "so; it] seems" },
  ]);
});

test("a command that is not known is text", () => {
  const { annotations, commands, log } = read("::users::count", "##[table]users");
  expect({ annotations, commands, log }).toEqual({ annotations: [], commands: [], log: "::users::count\n##[table]users" });
});

test("properties and data have escapes of their own", () => {
  expect(read("::notice file=a%2Cb%3A.py,line=1,title=100%25%0Asure::x%3A%0Ay%25").annotations).toEqual([
    { level: "notice", file: "a,b:.py", line: 1, title: "100%\nsure", message: "x%3A\ny%" },
  ]);
});

test("between stop-commands and its token nothing is obeyed", () => {
  const { annotations } = read(
    "::stop-commands::4f1c",
    "::error::foreign",
    "##[error]foreign",
    "::4f1",
    "::4f1c::",
    "::error::ours",
  );
  expect(annotations).toEqual([{ level: "error", message: "ours" }]);
});

test("columns stay only on one line, and lines only in order", () => {
  const { annotations } = read(
    "::error file=a,line=2,endLine=2,col=3,endColumn=5::a",
    "::error file=a,line=2,endLine=4,col=3::b",
    "::error file=a,line=4,endLine=2::c",
  );
  expect(annotations).toEqual([
    { level: "error", file: "a", line: 2, endLine: 2, column: 3, endColumn: 5, message: "a" },
    { level: "error", file: "a", line: 2, endLine: 4, message: "b" },
    { level: "error", file: "a", message: "c" },
  ]);
});

test("paths in the workspace become relative", () => {
  expect(read("::error file=/work/shop/a/b.py::x").annotations[0]?.file).toBe("a/b.py");
});

test("ten of each level, and 4,096 characters of each message", () => {
  const { annotations, dropped } = read(
    ...Array.from({ length: 12 }, (_, index) => `::error::${index}`),
    "::warning::" + "x".repeat(5000),
  );
  expect(annotations).toHaveLength(11);
  expect(dropped.map(({ message }) => message)).toEqual(["10", "11"]);
  expect(annotations.at(-1)?.message).toHaveLength(4096);
});

test("outputs of one line and of many", () => {
  expect(readOutputs("verdict=fail\nheads<<ghadelimiter_1\na=b\n\nc\nghadelimiter_1\nempty=\n")).toEqual({
    verdict: "fail",
    heads: "a=b\n\nc",
    empty: "",
  });
  expect(() => readOutputs("heads<<end\na\n")).toThrow("finds no end");
  expect(() => readOutputs("nonsense\n")).toThrow("cannot read this line");
});
