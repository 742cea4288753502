import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, inject, test } from "vitest";
import { parseModule, type Node } from "../../src/project/python-syntax.ts";
import { ask, root, type Form } from "./oracle.ts";

/** All constructs that the grammar has, each in more than one dress. */
const CONSTRUCTS = [
  `"""doc"""\nfrom __future__ import annotations\nimport a, b.c as d\nfrom . import x\nfrom ...p.q import (y as z, w,)\nfrom m import *\n`,
  "x = y = 1, *z\nx: int\nx: str = 'a'\nx.y: int = 3\nx += 1; x @= 2; x //= 3; x **= 4; x >>= 5\ndel a, b[0], (c, d)\n(x) = 1\n[a, *b] = c\n",
  "0x1F; 0o17; 0b1_0; 1_000; 1.; .5; 1e10; 1.5e-3j; 0; 00; 1if x else 2\n",
  String.raw`'a\n\x41\u00e9\101\'' "b" r'\n' u'c' ; b'x\xff' B"y"; Rb'\d'; """a
b""" '''c\
d'''` + "\n",
  "f'a{b}c{d!r:>{w}}' 'e'; f'{x=}'; f'{x = !s}'; f'{{}}'; rf'\\d{x}'; f'''{\na}'''; f'{x:%H:%M}'; f\"{d['k']}\"; f'{(lambda y: y)(1)}'; f'{a if b else c:{d}.{e}}'\n",
  "a or b and not c or d\na < b <= c != d is not e not in f in g is h\n-a ** -b + ~c * d @ e % f // g << h & i ^ j | k\n(a) if b else (c)\nlambda: 0\nlambda a, b=1, /, c=2, *d, e, f=3, **g: (yield)\n",
  "f(a, *b, c=1, *d, **e)\nf(x for x in y)\nf((x for x in y), 1)\na.b[c].d()[1:2, ::3, ...][:][a:]\nx[1,]\nx[*a]\n(a := 1)\nf(a := 1)\n[y := 1]\n",
  "[x for x in y if z if w for a, *b in c]\n(x async for x in y)\n{a: b for a, b in c}\n{**a, 'b': 1, **c}\n{1, *a}\n{}\n()\n(1,)\n[]\n{(a := 1): 2}\n",
  "@dec\n@dec.other(1)\ndef f(a: int, b=2, /, *c: str, d: x = 1, **e) -> None:\n    '''doc'''\n    global g, h\n    return\n    return a, *b\n    yield\n    yield from x\n    x = yield a, b\n    raise\n    raise A\n    raise A(1) from None\n    assert a, 'b'\n",
  "async def f():\n    await a\n    async with a as b, c: pass\n    async for x in y:\n        break\n    else:\n        continue_ = 1\n    return [x async for x in await y], {x async for x in y}\n",
  "class A: pass\nclass B(): x: int = 1\nclass C(A, metaclass=M, *a, **k):\n    def f(self): ...\n",
  "if a: b\nelif c: d\nelif e:\n  f\nelse:\n        g\nwhile a:\n    break\nelse: continue_ = 1\nfor a, b in c, d:\n    continue\nelse:\n    pass\nfor x in *a, b: pass\nfor (x), [y] in z: pass\n",
  "try: a\nexcept: b\ntry:\n    a\nexcept A: b\nexcept (B, C) as d: e\nelse: f\nfinally: g\ntry: a\nfinally: b\ntry: a\nexcept* A: b\n",
  "with a: pass\nwith a as b, c as (d, e): pass\nwith (a): pass\nwith (a, b): pass\nwith (a as b, c as d,): pass\nwith (a) as b: pass\nwith (yield_) as x, y: pass\nwith a() as b.c, d as e[0]: pass\n",
  "match x:\n    case 1 | -2 | 1+2j: a\n    case 'a' 'b': b\n    case None | True: c\n    case [a, *_, b]: d\n    case (1): e\n    case (a, b): f\n    case a, *b: g\n    case {'k': v, 1: _, **rest}: h\n    case A.B: i\n    case A(): j\n    case A.B(1, x, y=2): k\n    case [] | {} | () as z if z > 1: l\n    case _: m\nmatch = 1\nmatch.x = 2\nmatch(x)\nmatch[x]\nprint(match)\ncase = type = _ = 1\n",
  "x = (1 +\n  2) # comment\ny = [\n\n  # comment\n  1,\n]\nif x: \\\n  y\n# coding: utf-8\n\n\n  # odd comment\nz = 1\n",
  "if a:\n\tb\n\tif c:\n\t\td\nelse:\n\te\n\x0cx = 1\n",
  "名前 = 1\nﬁ = 2\n'日本語'\ndef é(): pass\n",
  "a = 1\r\nif a:\r\n    b = '''x\r\ny'''\r\n",
  "x = 1\rif x:\r    y = 2\r",
  "x = 1;",
  "",
  "\n\n# only a comment",
  "print >>f, 'x'\nprint\nexec\nnonlocal_ = 1\n",
];

/** One source on its own each: Python refuses most of them. */
const DOUBTFUL = [
  'print "x"',
  "print x",
  "print 1",
  "exec 'x'",
  "raise A, 'b'",
  "try: a\nexcept A, e: b\n",
  "x = `a`",
  "a <> b",
  "0777",
  "10L",
  "ur'a'",
  "def f((a, b)): pass",
  "x = 1 +",
  "x = (1",
  "x = 1)",
  "x = (1]",
  "x = 'a",
  "x = '''a",
  "f('a' 'b' c)",
  "f(a b)",
  "[1 2]",
  "{1: 2 3: 4}",
  "{1: 2, 3}",
  "{1, 2: 3}",
  "if x\n    y\n",
  "if x:\ny\n",
  "if x:\n    y\n  z\n",
  "  x = 1",
  "x = 1\n    y = 2\n",
  "if x:\n\ty\n        z\n",
  "if x:\n        y\n\tz\n",
  "def f(:\n    pass\n",
  "return 1",
  "yield 1",
  "await x",
  "break",
  "continue",
  "def f():\n    break\n",
  "class A:\n    return 1\n",
  "async with a: pass",
  "def f():\n    await x\n",
  "f(a=1, 2)",
  "f(**a, 2)",
  "f(**a, *b)",
  "f(a=1, a=2)",
  "f(x for x in y, 1)",
  "f(1, x for x in y)",
  "f(a.b=1)",
  "f(a=)",
  "f(True=1)",
  "f(*)",
  "def f(a, a): pass",
  "def f(a=1, b): pass",
  "def f(*): pass",
  "def f(*, **k): pass",
  "def f(**k, a): pass",
  "def f(*a, *b): pass",
  "def f(/, a): pass",
  "def f(a, /, b, /): pass",
  "lambda a=1, b: 0",
  "1 = x",
  "f() = 1",
  "a + b = 1",
  "None = 1",
  "x = 1 = y",
  "'a' = 1",
  "(a, 1) = x",
  "a and b = 1",
  "[a, b()] = c",
  "*a = b",
  "*a, *b = c",
  "x = *a",
  "*a",
  "del f()",
  "del 1",
  "del *a",
  "for 1 in x: pass",
  "for f() in x: pass",
  "with a as 1: pass",
  "x: int: str",
  "(a, b): int",
  "f(): int",
  "x += y = 1",
  "(a, b) += 1",
  "a, b += 1",
  "x := 1",
  "(x.y := 1)",
  "f(a := 1, b=2)",
  "[x for x in y if z := 1]",
  "[*x for x in y]",
  "{**x for x in y}",
  "(*a)",
  "(*a, b)",
  "from x import",
  "from x import a,",
  "from x import (a",
  "import a.b as c.d",
  "from . import *",
  "def f():\n    from x import *\n",
  "import",
  "from import x",
  "from x import a as",
  "from __future__ import nothing",
  "x = 1\nfrom __future__ import annotations",
  "try: a\n",
  "try: a\nexcept: b\nexcept A: c\n",
  "else: a\n",
  "elif x: a\n",
  "a if b",
  "a else b",
  "not",
  "lambda",
  "x =",
  "= x",
  "a b",
  "a..b",
  "a.1",
  "1.a",
  "1__0",
  "0x",
  "0b2",
  "1e",
  "@\ndef f(): pass",
  "@x\ny = 1",
  "class A(x for x in y): pass",
  "f'{'",
  "f'}'",
  "f'{}'",
  "f'{a b}'",
  "f'{a!x}'",
  "f'{a:{b}'",
  "b'é'",
  "'a' b'b'",
  String.raw`'\x1'`,
  String.raw`'\u12'`,
  String.raw`'\N{x'`,
  "x = $",
  "x = ?",
  "x = a!",
  "<<<<<<< HEAD\nx = 1\n=======\ny = 2\n>>>>>>> other\n",
  "match x:\n    case 1: a\n  case 2: b\n",
  "match x:\n    a\n",
  "match x:\n",
  "case 1: a",
  "with (a as b): pass",
  "with a as b as c: pass",
  "with a,: pass",
  "global",
  "global a.b",
  "assert",
  "raise a b",
  "a = b if c else",
  "x[",
  "x[]",
  "x[:",
  "f(**)",
  "async x",
  "[x async for x in y]",
  "async def f()",
  "\\",
  "x = \\ 1",
  "x = 1 \\",
  ";",
  "x;;y",
  "a = 1; if b: c",
];

function shape(node: Node | null): Form {
  return node && [node.kind, node.text, node.items.map(shape)];
}

/** Numbers are compared by what they are: `1_0` is `10` to CPython's tree. */
function withNumbers(form: Form): Form {
  if (!form) return form;
  const [kind, text, items] = form;
  const plain = text.replaceAll("_", "").toLowerCase();
  const value = plain.endsWith("j")
    ? Number(plain.slice(0, -1))
    : Number(/^0+\d+$/.test(plain) ? plain.replace(/^0+(?=\d)/, "") : plain);
  return [kind, kind === "Number" ? `${value}${plain.endsWith("j") ? "j" : ""}` : text, items.map(withNumbers)];
}

function pythonFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".py"))
    .sort()
    .map((file) => path.join(folder, file));
}

async function compare(sources: readonly string[]): Promise<void> {
  const answers = await ask("trees", sources);
  sources.forEach((source, index) => {
    const { module, problem } = parseModule(source);
    const answer = answers[index]!;
    const ours = problem ? "refused" : JSON.stringify(withNumbers(shape(module)));
    expect(ours, source).toBe("refused" in answer ? "refused" : JSON.stringify(withNumbers(answer.tree)));
  });
}

describe("the syntax tree is CPython's", () => {
  test.skipIf(inject("pythonMinor") < 11)("of all constructs", async () => {
    await compare(CONSTRUCTS);
  });

  test("of doubtful sources, which are refused where CPython refuses them", async () => {
    await compare(DOUBTFUL);
  });

  test("of Alembic, Mako and Flask themselves", async () => {
    const packages = readdirSync(path.join(root, ".venvs", "default", "lib")).map((version) =>
      path.join(root, ".venvs", "default", "lib", version, "site-packages"),
    );
    const files = ["alembic", "mako", "flask", "flask_migrate"].flatMap((name) => pythonFiles(path.join(packages[0]!, name)));
    expect(files.length).toBeGreaterThan(100);
    await compare(files.map((file) => readFileSync(file, "utf8")));
  });
});

/** A generator of numbers that gives the same ones every time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("refuses exactly what CPython refuses, in revisions with an error put in", async () => {
  const next = random(20_26);
  const pick = <T>(items: readonly T[]): T => items[next(items.length)]!;
  const originals = pythonFiles(path.join(root, "fixtures", "projects"))
    .filter((file) => file.includes("versions"))
    .map((file) => readFileSync(file, "utf8"));
  const mutants = Array.from({ length: 1500 }, () => {
    const source = pick(originals);
    const tokens = [...source.matchAll(/\w+|"[^"\n]*"|\n *|[^\w\s]/g)];
    const token = pick(tokens);
    const [from, to] = [token.index, token.index + token[0].length];
    switch (next(6)) {
      case 0:
        return source.slice(0, from) + source.slice(to);
      case 1:
        return `${source.slice(0, to)} ${token[0]}${source.slice(to)}`;
      case 2:
        return source.slice(0, from) + pick(tokens)[0] + source.slice(to);
      case 3:
        return `${source.slice(0, from)}${pick(["(", ")", "[", "]", "{", "}", '"', ",", ":", "=", ".", "\\", "\n", "    ", "*", "@", "!"])}${source.slice(from)}`;
      case 4:
        return (
          source.slice(0, from) +
          pick([
            "if",
            "for",
            "in",
            "lambda",
            "yield",
            "await",
            "not",
            "else",
            "*",
            "**",
            "=",
            ":=",
            "None",
            "print",
            '"x"',
            "1",
            "...",
            "import",
            "def",
          ]) +
          source.slice(to)
        );
      default:
        return `${source.slice(0, from)} ${pick(["x", "1", "else", "=", "is", "(x for x in y)", "**x", "x=1"])} ${source.slice(from)}`;
    }
  });
  const answers = await ask("refused", mutants);
  mutants.forEach((source, index) => {
    expect(parseModule(source).problem ? "refused" : "read", `${source}\n--- CPython: line ${answers[index]}`).toBe(
      answers[index] === null ? "read" : "refused",
    );
  });
  expect(answers.filter((answer) => answer !== null).length).toBeGreaterThan(500);
});

test("a broken statement hides no other", () => {
  const { module, problem } = parseModule('a = 1\nprint "x"\ndef f():\n    b = 2\n    raise A, "c"\n    return b\nd = 4\n');
  expect(problem).toMatchObject({ offset: 6, detail: expect.stringContaining("print") });
  expect(module.items.map((item) => item!.kind)).toEqual(["Assign", "Invalid", "FunctionDef", "Assign"]);
  expect(module.items[2]!.items.at(-1)!.items.map((item) => item!.kind)).toEqual(["Assign", "Invalid", "Return"]);
});

test.each([
  ["parentheses", `x = ${"(".repeat(10_000)}`],
  ["operators", `x = ${"not ".repeat(10_000)}y`],
  ["awaits", `x = ${"await ".repeat(10_000)}y`],
  ["blocks", Array.from({ length: 3000 }, (_, depth) => `${" ".repeat(depth)}if x:`).join("\n")],
  ["strings in strings", `x = ${'f"{'.repeat(5000)}1${'}"'.repeat(5000)}`],
])("too many nested %s are refused, and break nothing", (_, source) => {
  expect(parseModule(source).problem).toBeDefined();
});

test("Python 3.14's exception lists without parentheses are read, Python 2's variable after the comma is not", () => {
  expect(parseModule("try: a\nexcept ValueError, KeyError: b\n").problem).toBeUndefined();
  expect(parseModule("try: a\nexcept ValueError, e: b\n").problem?.detail).toContain("parenthesized");
});
