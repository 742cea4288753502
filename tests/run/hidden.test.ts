import { describe, expect, test } from "vitest";
import { hidden } from "../../src/run/hidden.ts";
import { plain } from "../../src/text.ts";

const code = (...body: string[]) =>
  ["import sqlalchemy as sa", "", "def upgrade():", ...body.map((line) => `    ${line}`), ""].join("\n");

const LINES = Array.from({ length: 40 }, (_, index) => index + 1);

interface More {
  statements?: string[];
  /** Lines that did not run. */
  not?: number[];
}

const side = (source: string, { statements = [], not = [] }: More) => ({
  source,
  statements: statements.map((sql) => ({ sql, parameters: [["'kept'", "7"]] })),
  lines: { every: new Set(LINES.slice(1)), ran: new Set(LINES.filter((line) => !not.includes(line))) },
});
const doubt = (before: string, after: string, more: More = {}) => {
  const found = hidden(side(before, more), side(after, more));
  return found && plain(found);
};

describe("nothing is hidden where", () => {
  test.for([
    ["the layout changed", code("f(a,", "  b)"), code("f(a, b)", "")],
    ["a docstring changed", `"""one"""\n${code("g()")}`, `"""two"""\n${code("g()")}`],
    ["names changed", code("rows = f()", "g(rows)"), code("found = f()", "g(found)")],
    ["a call went away", code("g(f().fetchall())"), code("g(list(f()))")],
    ["a number got a name", code("g(x + 10)"), `MORE = 10\n\n${code("g(x + MORE)")}`],
    [
      "code went into a function",
      code('g(email.split("@")[0])'),
      `def part(one):\n    return one.split("@")[0]\n\n${code("g(part(email))")}`,
    ],
  ] as const)("%s", ([, before, after]) => {
    expect(doubt(before, after)).toBeUndefined();
  });

  test("a text changed that a statement shows on both sides", () => {
    const statements = ["UPDATE t SET a = ?", "update t set a = ?"];
    expect(doubt(code('f("UPDATE t SET a = :a")'), code('f("update t  set a = %s")'), { statements })).toBeUndefined();
    expect(doubt(code('f("gone")'), code('f("kept")'), { statements: ["SELECT 'gone'"] })).toBeUndefined();
  });
});

describe("something is hidden where", () => {
  test.for([
    ["a number changed", code("g(x[:10])"), code("g(x[:99])"), "the value 99 in its code changed"],
    ["a truth changed", code("g(x, True)"), code("g(x, False)"), "the value False in its code changed"],
    [
      "two numbers changed places",
      code('m = {"alpha": 1, "beta": 2}'),
      code('m = {"alpha": 2, "beta": 1}'),
      "in its code changed",
    ],
    ["a comparison changed", code("if x > y:", "    g()"), code("if x >= y:", "    g()"), "what it decides by changed"],
    ["a condition was put in", code("g()"), code("if x:", "    g()"), "what it decides by changed"],
    ["a text changed that no statement shows", code('g(x["alpha"])'), code('g(x["gamma"])'), "no statement shows it"],
    ["a text of one letter changed", code('g(x or "a")'), code('g(x or "b")'), "no statement shows it"],
  ] as const)("%s", ([, before, after, said]) => {
    expect(doubt(before, after, { statements: ["SELECT a"] })).toContain(said);
  });

  test("a line that changed never ran", () => {
    const [before, after] = [code("if x:", "    g(a)"), code("if x:", "    g(b)")];
    expect(doubt(before, after)).toBeUndefined();
    expect(doubt(before, after, { not: [5] })).toContain("line 5 of the old version never ran");
  });

  test("more changed than can be compared", () => {
    const many = (name: string) => code(...Array.from({ length: 3000 }, (_, index) => `${name}${index}()`));
    expect(doubt(many("a"), many("b"))).toBe("too much of its code changed");
  });
});
