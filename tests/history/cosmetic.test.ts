import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { plainSql } from "../../src/history/canonical.ts";
import { compareBodies, sameWork, type Comparison } from "../../src/history/cosmetic.ts";
import { tokenize } from "../../src/project/python-tokens.ts";
import { readRevision, type Revision } from "../../src/project/revision.ts";
import { root } from "../project/oracle.ts";

function revisionOf(source: string): Revision {
  const result = readRevision("versions/a1_.py", new TextEncoder().encode(source));
  if (!result || "reason" in result) throw new Error(`no revision: ${source}`);
  return result;
}

const HEADER = 'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = "b2"\n';
const file = (body: string, header = HEADER) => `${header}\ndef upgrade():\n${body.replaceAll(/^(?=.)/gm, "    ")}\n`;

const compare = (before: string, after: string): Comparison => compareBodies(revisionOf(before), revisionOf(after));
const bodies = (before: string, after: string) => compare(file(before), file(after));

describe("the same", () => {
  test.each([
    ["comments and white space", "op.f(1,2)", "# why\nop.f(\n    1,  # one\n    2,\n)\n"],
    ["docstrings", "op.f()", '"""doc"""\nop.f()'],
    ["quotes, prefixes, escapes, concatenation", `op.f("a'b", 'é', r"\\d", "ab")`, `op.f('a\\'b', u"\\u00e9", "\\\\d", "a" 'b')`],
    ["added literals", 'op.f("ab")', 'op.f("a" + "b")'],
    ["redundant parentheses and commas", "x = (1, 2)\nop.f((x), [1, 2])", "x = 1, 2,\nop.f(x, [1, 2,],)"],
    ["numbers", "op.f(16, 1000, 1.0, 0o17)", "op.f(0x10, 1_000, 1., 15)"],
    ["annotations", "x = 1\nop.f(x)", "x: int = 1\nop.f(x)"],
    ["one line or two", "if a: op.f()", "if a:\n    op.f()"],
    ["pass and ellipsis", "if a:\n    op.f()\nelse:\n    pass", "if a:\n    op.f()\n    ...\n"],
    ["return at the end", "op.f()", "op.f()\nreturn None"],
    ["not in and is not", "if not a in b and not c is None: op.f()", "if a not in b and c is not None: op.f()"],
    ["elif", "if a: op.f()\nelif b: op.g()", "if a: op.f()\nelse:\n    if b: op.g()"],
    ["raise", "raise X()", "raise X"],
    ["what is printed and logged", "op.f()", 'print("up", x)\nlog.info("%s rows", len(rows))\nop.f()'],
    [
      "format, percent and f-strings",
      'op.f("a {} b {c!r}".format(x, c=y), "%s-%s" % (x, "z"))',
      'op.f(f"a {x} b {y!r}", f"{x}-{\'z\'}")',
    ],
    [
      "white space and comments in SQL",
      'op.execute("""\nALTER TABLE t   -- why\n  ADD c int;  \n""")',
      'op.execute("ALTER TABLE t ADD c int;")',
    ],
    [
      "white space in SQL with values put in",
      'op.execute(f"UPDATE  {t}\\nSET a = {b}")',
      'op.execute(f"UPDATE {t} SET a = {b}")',
    ],
    [
      "keywords of SQL",
      'c.execute(sa.text("SELECT a FROM t WHERE b = :b"))',
      'c.execute(sa.text("select a from t where b = :b"))',
    ],
    ["names of values", "rows = f()\nfor row in rows:\n    op.g(row, rows)", "all_ = f()\nfor one in all_:\n    op.g(one, all_)"],
    ["a connection that nothing uses", "op.f()", "bind = op.get_bind()\nop.f()"],
    ["what SQLAlchemy 2 wants: select()", "c.execute(sa.select([a.c.x, b]).where(d))", "c.execute(sa.select(a.c.x, b).where(d))"],
    [
      "what SQLAlchemy 2 wants: text()",
      'c.execute("SELECT 1")\nop.execute("UPDATE t SET a = \':b\'")',
      'c.execute(sa.text("SELECT 1"))\nop.execute(sa.text("UPDATE t SET a = \':b\'"))',
    ],
    ["what SQLAlchemy 2 wants: names", "f(a.isnot(None), b.notin_(c))", "f(a.is_not(None), b.not_in(c))"],
    ["translations of what is logged", 'LOG.info(_LI("x"))\nop.f()', "op.f()"],
    ["white space in sa.text", 'op.execute(sa.text("SELECT  1 "))', 'op.execute(sa.text("SELECT 1"))'],
  ])("%s", (_, before, after) => {
    expect(bodies(before, after)).toEqual({ same: true });
  });

  const whole = (header: string, body = "    op.f(sa.Integer())\n", rest = "") =>
    `${header}\nrevision = "a1"\n\ndef upgrade():\n${body}${rest}`;
  test.each([
    [
      "the order of imports, and unused ones",
      whole("import sqlalchemy as sa\nfrom alembic import op"),
      whole("from alembic import op, context\nimport os, sys\nimport sqlalchemy as sa"),
    ],
    [
      "the way a name is imported",
      whole("from alembic import op\nimport sqlalchemy as sa"),
      whole("import alembic.op\nfrom sqlalchemy import Integer", "    alembic.op.f(Integer())\n"),
    ],
    [
      "another name for a module",
      whole("from alembic import op\nimport sqlalchemy as sa"),
      whole("from alembic import op as o\nimport sqlalchemy", "    o.f(sqlalchemy.Integer())\n"),
    ],
    [
      "where SQLAlchemy offers a name",
      whole("from alembic import op\nfrom sqlalchemy.sql import table", "    op.f(table())\n"),
      whole("from alembic import op\nfrom sqlalchemy import table", "    op.f(table())\n"),
    ],
    [
      "an import within the function",
      whole("from alembic import op\nimport sqlalchemy as sa"),
      whole("from alembic import op", "    import sqlalchemy as sa\n    op.f(sa.Integer())\n"),
    ],
    [
      "an import that was missing",
      whole("from alembic import op", "    op.f(_('x'))\n"),
      whole("from alembic import op\nfrom app.i18n import _", "    op.f(_('x'))\n"),
    ],
    [
      "future imports",
      whole("from alembic import op\nimport sqlalchemy as sa"),
      whole("from __future__ import annotations\nfrom alembic import op\nimport sqlalchemy as sa"),
    ],
    [
      "functions and constants that nothing uses",
      whole("from alembic import op\nimport sqlalchemy as sa"),
      whole(
        "from alembic import op\nimport sqlalchemy as sa\nNAMES = ['x']\nlog = logging.getLogger(__name__)\ndef helper():\n    op.g()",
      ),
    ],
    [
      "the order of definitions",
      whole("A = 1\ndef f(): op.g(A)", "    f()\n", "\nB = 2\ndef downgrade():\n    op.h(B)\n"),
      whole("B = 2\n", "    f()\n", "\ndef downgrade():\n    op.h(B)\ndef f():\n    op.g(A)\nA = 1\n"),
    ],
    [
      "the header",
      'down_revision = "x"\nrevision = "a1"\ndef upgrade(): op.f()\n',
      '"""doc\n\nRevises: x"""\nfrom typing import Union\nrevision: str = "a1"\nbranch_labels: Union[str, None] = None\ndown_revision: str = "x"\ndepends_on = None\ndef upgrade() -> None:\n    op.f()\n',
    ],
    [
      "classes as Python 2 had them",
      whole("class A(object):\n    x = 1\n", "    op.f(A)\n"),
      whole("class A:\n    x = 1\n", "    op.f(A)\n"),
    ],
    [
      "annotations' spelling in classes",
      whole(
        "from typing import Optional, List, Union\nclass A:\n    x: Optional[List[int]] = None\n    y: Union[int, str]\n",
        "    op.f(A)\n",
      ),
      whole("class A:\n    x: list[int] | None = None\n    y: int | str\n", "    op.f(A)\n"),
    ],
    [
      "a statement that Python 3 refuses, on both sides",
      file('print "x"\nop.f()'),
      `# coding: utf-8\n${file('print "x"\nop.f()')}`,
    ],
    ["ends of lines", file("op.f('''a\nb''')"), file("op.f('''a\nb''')").replaceAll("\n", "\r\n")],
  ])("%s", (_, before, after) => {
    expect(compare(before, after)).toEqual({ same: true });
  });
});

describe("not the same", () => {
  test.each([
    ["a value", 'op.f("a")', 'op.f("b")'],
    ["bytes and text", 'op.f("a")', 'op.f(b"a")'],
    ["an argument", "op.f(a)", "op.f(a, nullable=False)"],
    ["a keyword", "op.f(a=1)", "op.f(b=1)"],
    ["True and 1", "op.f(True)", "op.f(1)"],
    ["1 and 1.0", "op.f(1)", "op.f(1.0)"],
    ["a tuple of one", "op.f((1))", "op.f((1,))"],
    ["a subscript with a comma", "op.f(a[1])", "op.f(a[1,])"],
    ["is and ==", "op.f(a.b == None)", "op.f(a.b is None)"],
    ["precedence", "op.f((a + b) * c)", "op.f(a + b * c)"],
    ["a comparison chain", "op.f((a < b) < c)", "op.f(a < b < c)"],
    ["the order of statements", "op.f()\nop.g()", "op.g()\nop.f()"],
    ["a return before the end", "op.f()\nop.g()", "op.f()\nreturn\nop.g()"],
    ["a return of something", "op.f()", "op.f()\nreturn 1"],
    ["an else that does something", "if a: op.f()", "if a: op.f()\nelse: op.g()"],
    ["indentation", "if a:\n    op.f()\n    op.g()", "if a:\n    op.f()\nop.g()"],
    ["a word in a SQL literal", `op.execute("UPDATE t SET a = 'AND'")`, `op.execute("UPDATE t SET a = 'and'")`],
    ["a word in quotes", "op.execute('UPDATE t SET \"SET\" = 1')", "op.execute('UPDATE t SET \"set\" = 1')"],
    [
      "the name of a parameter in SQL",
      'c.execute(sa.text("DELETE FROM t WHERE a = :set"))',
      'c.execute(sa.text("DELETE FROM t WHERE a = :SET"))',
    ],
    ["a name that a value begins", 'op.execute(f"DROP TABLE \\"{x}set\\"")', 'op.execute(f"DROP TABLE \\"{x}SET\\"")'],
    ["white space in a SQL literal", `op.execute("UPDATE t SET a = 'x  y'")`, `op.execute("UPDATE t SET a = 'x y'")`],
    [
      "white space in a function's body",
      'op.execute("CREATE FUNCTION f() AS $$ a  b $$")',
      'op.execute("CREATE FUNCTION f() AS $$ a b $$")',
    ],
    ["a comment mark in a SQL literal", `op.execute("UPDATE t SET a = '--x'")`, `op.execute("UPDATE t SET a = '--y'")`],
    ["white space in text that is no SQL", 'op.f("a  b")', 'op.f("a b")'],
    ["a format", 'op.f("{:>3}".format(x))', 'op.f("{:>4}".format(x))'],
    ["an f-string's conversion", 'op.f(f"{x}")', 'op.f(f"{x!r}")'],
    ["a call that is logged", "log.info(op.f())", "log.info(op.g())"],
    ["a default argument", "def f(a=1): op.g(a)\nf()", "def f(a=2): op.g(a)\nf()"],
    ["marks in text that SQLAlchemy reads and the driver does not", 'c.execute("SELECT :a")', 'c.execute(sa.text("SELECT :a"))'],
    ["two values that become one", "a = 1\nb = 2\nop.f(a, b)", "a = 1\na = 2\nop.f(a, a)"],
    ["a value that hides a name", "a = 1\nop.f(NAME)", "NAME = 1\nop.f(NAME)"],
    ["the name of a parameter", "def f(a): op.g(a)\nf(a=1)", "def f(b): op.g(b)\nf(a=1)"],
    ["the name of an attribute", "class A:\n    x = 1\nop.f(A)", "class A:\n    y = 1\nop.f(A)"],
    ["a keyword that is called like a value", "a = 1\nop.f(a=a)", "b = 1\nop.f(b=b)"],
    ["the name of a local function", "import x\nx.f()", "from y import x\nx.f()"],
  ])("%s", (_, before, after) => {
    expect(bodies(before, after)).toMatchObject({ same: false, functions: ["upgrade"] });
  });

  test.each([
    ["a type of SQLAlchemy for another database", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.mysql", false],
    ["a module of the project that may have moved", "app.old", "app.new", true],
  ])("where a name is imported from: %s", (_, before, after, importsOnly) => {
    const source = (module: string) => `${HEADER}from ${module} import JSON\n\ndef upgrade():\n    op.f(JSON)\n`;
    expect(compare(source(before), source(after))).toMatchObject({ same: false, importsOnly, functions: ["upgrade"], line: 8 });
  });

  test.each([
    [
      "op.execute(\"SET lock_timeout = '2s'\")\nop.f()",
      "op.execute(\"SET LOCAL lock_timeout TO '9s'; SET statement_timeout=0;\")\nop.f()",
    ],
    [
      "rows = f()\nop.g(rows)",
      'conn = op.get_bind()\nconn.execute(sa.text("SET statement_timeout = 60000"))\nrows = f()\nop.g(rows)',
    ],
  ])("only how long the session waits: %j", (before, after) => {
    expect(bodies(before, after)).toMatchObject({ same: false, settingsOnly: true });
    expect(bodies(before, `${after}\nop.execute("SET role = x")`)).toMatchObject({ same: false, settingsOnly: false });
  });

  test("a constant that is bound otherwise too, hidden by a parameter, or seen from outside", () => {
    const source = (constants: string, use: string, more = "") => `${HEADER}${constants}${more}\ndef upgrade():\n    ${use}\n`;
    const written = source("", 'op.f("a", 7)');
    expect(compare(written, source('A = "a"\nB: int = 7\n', "op.f(A, B)"))).toEqual({ same: true });
    expect(compare(written, source('A = "b"\nB: int = 7\n', "op.f(A, B)")).same).toBe(false);
    expect(compare(written, source('A = "a"\nA = "b"\n', "op.f(A, 7)")).same).toBe(false);
    expect(compare(written, source('A = "a"\n', "op.f(A, 7)", "def g():\n    global A\n    A = 1\n")).same).toBe(false);
    expect(compare(written, source('A = "a"\n', "(lambda A: op.f(A, 7))(1)")).same).toBe(false);
    expect(compare(written, source('A = "a"\n', 'globals()["A"] = 1; op.f(A, 7)')).same).toBe(false);
  });

  test("a name that is bound otherwise too is no import", () => {
    const source = (module: string) =>
      `${HEADER}try:\n    from ${module} import x\nexcept ImportError:\n    x = None\ndef upgrade():\n    op.f(x)\n`;
    expect(compare(source("a"), source("b"))).toMatchObject({ same: false, functions: [""], line: 6 });
  });

  test("the docstring, where the revision itself uses it", () => {
    const source = (doc: string) => `"""${doc}"""\n${HEADER}def upgrade():\n    op.execute(__doc__)\n`;
    expect(compare(source("SELECT 1"), source("SELECT 2"))).toMatchObject({ same: false });
  });

  test("columns in classes that have annotations", () => {
    const source = (type: string) => `${HEADER}class A(Base):\n    x: Mapped[${type}]\ndef upgrade():\n    op.f(A)\n`;
    expect(compare(source("int"), source("str"))).toMatchObject({ same: false });
  });

  test("a constant, a helper and a class that upgrade() uses, with their lines and names", () => {
    const source = (value: string) =>
      `${HEADER}NAME = ${value}\ndef helper():\n    op.g(NAME)\ndef upgrade():\n    helper()\ndef downgrade():\n    pass\n`;
    expect(compare(source('"a"'), source('"b"'))).toEqual({
      same: false,
      functions: ["NAME"],
      line: 5,
      importsOnly: false,
      settingsOnly: false,
    });
  });

  test("the line is that of the first difference, functions are named in their order", () => {
    const source = (up: string, down: string) =>
      `${HEADER}\ndef upgrade():\n    op.f(\n        1,\n        ${up},\n    )\n\ndef downgrade():\n    op.g(${down})\n`;
    expect(compare(source("2", "3"), source("4", "5"))).toEqual({
      same: false,
      functions: ["upgrade", "downgrade"],
      line: 9,
      importsOnly: false,
      settingsOnly: false,
    });
    expect(compare(source("2", "3"), source("2", "5"))).toMatchObject({ functions: ["downgrade"], line: 13 });
  });

  test("a downgrade() that is gone, or new", () => {
    expect(compare(`${file("op.f()")}\ndef downgrade():\n    pass\n`, file("op.f()"))).toMatchObject({
      same: false,
      functions: ["downgrade"],
    });
  });

  test("the ways in which names can be used unseen keep everything", () => {
    const source = (rest: string) => `${HEADER}def upgrade():\n    globals()["f"]()\ndef f():\n    ${rest}\n`;
    expect(compare(source("op.a()"), source("op.b()"))).toMatchObject({ same: false });
  });
});

test.each([
  ["a  b\n\tc", "a b c"],
  ["  a -- x\n b /* y\n */ c ", "a b c"],
  ["a 'b  --' \"c  /*\" $$ d  e $$ $x$ f  g $x$", "a 'b  --' \"c  /*\" $$ d  e $$ $x$ f  g $x$"],
  ["e'a\\'  b'  c", "e'a\\'  b' c"],
  ["'a\\'  , 'b  c'", "'a\\' , 'b  c'"],
  ["a 'not closed  ", "a 'not closed"],
  ["update t set x = :set, y = %(from)s", "UPDATE t SET x = :set, y = %(from)s"],
  ["select\u0000from from updates", "SELECT\u0000from FROM updates"],
])("SQL %j without what means nothing is %j", (source, plain) => {
  expect(plainSql(source)).toBe(plain);
});

test("two revisions do the same work only when they do some", () => {
  const revision = (id: string, body: string) =>
    revisionOf(`from alembic import op\nrevision = "${id}"\ndef upgrade():\n    ${body}\ndef downgrade():\n    pass\n`);
  expect(sameWork(revision("a", "op.f()"), revision("b", "op.f( )"))).toBe(true);
  expect(sameWork(revision("a", "op.f()"), revision("b", "op.g()"))).toBe(false);
  expect(sameWork(revision("a", "pass"), revision("b", "pass"))).toBe(false);
});

const originals = readdirSync(path.join(root, "fixtures", "projects"), { recursive: true, encoding: "utf8" })
  .filter((name) => /versions\/.*\.py$/.test(name))
  .map((name) => readFileSync(path.join(root, "fixtures", "projects", name), "utf8"));

describe("on the revisions of the fixtures", () => {
  const ruff = (args: string[], source: string) =>
    execFileSync(path.join(root, ".venvs", "default", "bin", "ruff"), [...args, "--stdin-filename", "x.py", "-"], {
      input: source,
      encoding: "utf8",
      stdio: ["pipe", "pipe", "ignore"],
    });
  test("what ruff reformats and modernises is the same", () => {
    let changed = 0;
    for (const source of originals) {
      const formatted = ruff(["format", "--isolated", "--line-length", "60", "--config", 'format.quote-style="single"'], source);
      const fixed = ruff(["check", "--isolated", "--fix", "--exit-zero", "--quiet", "--select", "I,UP,W,F401,Q"], formatted);
      if (fixed !== source) changed += 1;
      expect(compare(source, fixed), fixed).toEqual({ same: true });
    }
    expect(changed).toBeGreaterThan(originals.length / 2);
  });

  test("every name, number, string and constant of upgrade() and downgrade() counts, and its line is found", () => {
    let mutants = 0;
    for (const source of originals) {
      const revision = revisionOf(source);
      const lineOf = (offset: number) => source.slice(0, offset).split("\n").length;
      const inside = (line: number) =>
        [revision.upgrade, revision.downgrade].some((span) => span && line > span.line && line <= span.endLine);
      const { tokens } = tokenize(source);
      tokens.forEach((token, index) => {
        const line = lineOf(token.start);
        if (
          !inside(line) ||
          !(["name", "number", "string"].includes(token.kind) || ["True", "False", "None"].includes(token.text))
        )
          return;
        // A docstring does nothing.
        if (token.kind === "string" && ["newline", "indent"].includes(tokens[index - 1]!.kind)) return;
        const at = token.kind === "string" ? token.end - (token.text.endsWith('"""') ? 3 : 1) : token.end;
        const other =
          token.kind === "op"
            ? source.slice(0, token.start) + (token.text === "True" ? "False" : "True") + source.slice(token.end)
            : `${source.slice(0, at)}${token.kind === "number" ? "7" : "q"}${source.slice(at)}`;
        const comparison = compare(source, other);
        if (comparison.same && /\b(?:print|log\w*\.\w+)\(/.test(source.split("\n")[line - 1]!)) return;
        mutants += 1;
        expect(comparison, `${token.text} in line ${line} of\n${source}`).toMatchObject({ same: false });
        if (!comparison.same)
          expect(
            Math.abs(comparison.line - line),
            `${token.text} in line ${line}, found in ${comparison.line} of\n${source}`,
          ).toBeLessThanOrEqual(token.text.split("\n").length);
      });
    }
    expect(mutants).toBeGreaterThan(500);
  });
});
