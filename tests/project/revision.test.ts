import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { glanceOver } from "../../src/project/python-glance.ts";
import { readRevision, type Revision, type Unreadable } from "../../src/project/revision.ts";
import { root } from "../support/fixtures.ts";
import { ask } from "./oracle.ts";

const bytes = (source: string) => new TextEncoder().encode(source);
const read = (source: string | Uint8Array, file = "versions/ab12_x.py") =>
  readRevision(file, typeof source === "string" ? bytes(source) : source);

function revisionOf(source: string | Uint8Array): Revision {
  const result = read(source);
  if (!result || "reason" in result) throw new Error(`no revision: ${JSON.stringify(result)}`);
  return result;
}

function problemOf(source: string | Uint8Array): Unreadable | undefined {
  const result = read(source);
  return result && "reason" in result ? result : result?.problem;
}

/** Headers that Python itself is asked about, too. */
const HEADERS: Record<string, string> = {
  plain: 'revision = "a1"\ndown_revision = "b2"\nbranch_labels = None\ndepends_on = None\n',
  "without the last two": "revision = 'a1'\ndown_revision = None\n",
  annotated:
    'from typing import Sequence, Union\nrevision: str = "a1"\ndown_revision: Union[str, Sequence[str], None] = "b2"\nbranch_labels: Union[str, Sequence[str], None] = ("x", "y")\n',
  "tuple, list and set": 'revision = "a1"\ndown_revision = ("b2", "c3")\ndepends_on = ["d4"]\nbranch_labels = {"x"}\n',
  "one-element tuple and empty collections": 'revision = "a1"\ndown_revision = ("b2",)\ndepends_on = ()\nbranch_labels = []\n',
  "implicit concatenation and parentheses": 'revision = ("a" "1")\ndown_revision = (\n    "b"  # why\n    \'2\'\n)\n',
  "constants of the same file":
    'BASE = "b2"\nLABEL = "x"\nrevision = "a" + "1"\ndown_revision = BASE\nbranch_labels = (LABEL, f"{LABEL}2")\n',
  "chained and tuple assignments": 'revision, down_revision = "a1", "b2"\ndepends_on = branch_labels = None\n',
  "the last assignment wins": 'revision = "old"\ndown_revision = "b2"\nrevision = "a1"\ndown_revision = None\n',
  "a deleted name": 'revision = "a1"\ndown_revision = "b2"\ndel down_revision\n',
  "if, try and with":
    'import sys\nrevision = "a1"\nif sys.version_info > (3,):\n    down_revision = "b2"\nelse:\n    down_revision = "b2"\ntry:\n    depends_on = "c3"\nexcept ImportError:\n    depends_on = "c3"\nif __name__ == "__main__":\n    revision = "no"\n',
  escapes: 'revision = "a\\x31"\ndown_revision = r"b2"\ndepends_on = u"c3"\nbranch_labels = """x"""\n',
  "semicolons and continuations": 'revision = "a1"; down_revision = \\\n    "b2"\n',
  "a docstring that names another parent": '"""doc\n\nRevision ID: zz\nRevises: yy\n"""\nrevision = "a1"\ndown_revision = "b2"\n',
  CRLF: 'revision = "a1"\r\ndown_revision = "b2"\r\n',
  tabs: 'if True:\n\trevision = "a1"\n\tdown_revision = "b2"\n',
  "added to": 'revision = "a"\nrevision += "1"\ndown_revision = ("b2",) + ("c3",)\n',
};

describe("headers", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "headers-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("are read as Python reads them", async () => {
    const names = Object.keys(HEADERS);
    const files = names.map((name, index) => {
      const file = path.join(folder, `${index}.py`);
      writeFileSync(file, HEADERS[name]!);
      return file;
    });
    const answers = await ask("headers", files);
    const list = (value: unknown) =>
      value === undefined || value === null ? [] : typeof value === "string" ? [value] : [...(value as string[])].sort();
    names.forEach((name, index) => {
      const { id, down, dependsOn, labels, problem } = revisionOf(HEADERS[name]!);
      const answer = answers[index]!;
      if ("error" in answer) throw new Error(`${name}: ${answer.error}`);
      expect({ name, id, down: down.sort(), dependsOn: dependsOn.sort(), labels: labels.sort(), problem }).toEqual({
        name,
        id: answer.revision,
        down: list(answer.down_revision),
        dependsOn: list(answer.depends_on),
        labels: list(answer.branch_labels),
        problem: undefined,
      });
    });
  });

  test.each([
    ["a call", 'revision = "a1"\ndown_revision = parent_of(__file__)\n', "down_revision", 2],
    ["an import", 'from settings import down_revision\nrevision = "a1"\n', "down_revision", 1],
    [
      "a branch of an if",
      'import sys\nrevision = "a1"\nif sys.platform:\n    down_revision = "x"\nelse:\n    down_revision = "y"\n',
      "down_revision",
      6,
    ],
    ["a loop", 'revision = "a1"\nfor down_revision in names():\n    pass\n', "down_revision", 2],
    ["an attribute", "revision = helpers.NAME\ndown_revision = None\n", "revision", 1],
    ["a star import", "from base import *\ndown_revision = None\n", "revision", 1],
  ])("computed by %s", (_, source, detail, line) => {
    expect(problemOf(source)).toMatchObject({ reason: "computed", detail, line });
  });

  test("a computed label leaves the rest readable", () => {
    const revision = revisionOf(
      'from neutron import cli\nrevision = "a1"\ndown_revision = "b2"\nbranch_labels = (cli.EXPAND,)\n',
    );
    expect(revision).toMatchObject({ id: "a1", down: ["b2"], labels: [], computed: ["labels"] });
    expect(revision.problem).toBeUndefined();
  });

  test.each([
    ["an id with a dash", 'revision = "2026-03-16"\ndown_revision = None\n', "- not allowed in a revision id"],
    ["a number", 'revision = "a1"\ndown_revision = 1234\n', "down_revision is 1234"],
    ["an id that is None", "revision = None\n", "revision is null and not a string"],
  ])("refused by Alembic: %s", (_, source, detail) => {
    expect(problemOf(source)).toMatchObject({ reason: "refused", detail });
  });
});

describe("files", () => {
  test.each([
    "versions/__init__.py",
    "versions/__init__helpers.py",
    "versions/.#ab12.py",
    "versions/script.py.mako",
    "versions/ab12.pyc",
  ])("%s is not looked at", (file) => {
    expect(readRevision(file, bytes('revision = "a1"\n'))).toBeUndefined();
  });

  test("a file without a revision is one that Alembic gives up on", () => {
    expect(read("def helper():\n    pass\n", "versions/helpers.py")).toMatchObject({
      reason: "no-revision",
      file: "versions/helpers.py",
    });
  });

  test("the id may stand in the name alone, as in Alembic 0.1", () => {
    expect(read("down_revision = None\n", "versions/ae1027a6acf.py")).toMatchObject({ id: "ae1027a6acf" });
  });

  test("a byte order mark, Latin-1 with a coding line, and UTF-8", () => {
    expect(revisionOf(new Uint8Array([0xef, 0xbb, 0xbf, ...bytes('revision = "a1"\n')])).id).toBe("a1");
    const latin = Buffer.from('# -*- coding: latin-1 -*-\n"""Größe"""\nrevision = "a1"\n', "latin1");
    expect(revisionOf(latin)).toMatchObject({ id: "a1", message: "Größe" });
    expect(problemOf(latin)).toBeUndefined();
    const second = Buffer.from(
      '#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :\n"""5 \u00a4"""\nrevision = "a1"\n',
      "latin1",
    );
    expect(revisionOf(second).message).toBe("5 €");
    expect(revisionOf('"""Größe 大"""\nrevision = "a1"\n').message).toBe("Größe 大");
  });

  test("what Python cannot decode is told with its line, and read all the same", () => {
    const source = Buffer.from('revision = "a1"\ndown_revision = "b2"\n# Größe\n', "latin1");
    expect(revisionOf(source)).toMatchObject({ id: "a1", down: ["b2"], problem: { reason: "encoding", line: 3 } });
    expect(problemOf('# coding: klingon\nrevision = "a1"\n')).toMatchObject({
      reason: "encoding",
      line: 1,
      detail: "unknown encoding: klingon",
    });
    expect(problemOf(Buffer.from('\n# coding: ascii\nx = "é"\nrevision = "a1"\n'))).toMatchObject({
      reason: "encoding",
      line: 3,
    });
  });

  test("Python 2 is told with its line, and read all the same", () => {
    const revision = revisionOf(
      '"""add x"""\nrevision = "a1"\ndown_revision = "b2"\n\ndef upgrade():\n    print "up"\n    op.x()\n\ndef downgrade():\n    pass\n',
    );
    expect(revision).toMatchObject({
      id: "a1",
      down: ["b2"],
      message: "add x",
      upgrade: { line: 5, endLine: 7 },
      downgrade: { line: 9, endLine: 10 },
      downgradeIs: "empty",
    });
    expect(revision.problem).toMatchObject({ reason: "syntax", line: 6, detail: "Missing parentheses in call to 'print'" });
  });

  test("a merge conflict is told as one, and where the header is in it nothing is guessed", () => {
    const source = 'revision = "a1"\n<<<<<<< HEAD\ndown_revision = "b2"\n=======\ndown_revision = "c3"\n>>>>>>> main\n';
    expect(problemOf(source)).toMatchObject({ reason: "syntax", line: 2, detail: "a merge conflict was left in the file" });
  });
});

describe("functions", () => {
  const downgradeOf = (body: string) => revisionOf(`revision = "a1"\n${body}`).downgradeIs;
  test.each([
    ["def downgrade():\n    op.drop_table('x')\n", "code"],
    ["def downgrade():\n    '''nothing to do'''\n    pass\n", "empty"],
    ["def downgrade(): ...\n", "empty"],
    ["def downgrade():\n    return None\n", "empty"],
    ["def downgrade():\n    'why'\n    raise NotImplementedError('no')\n", "raises"],
    ["def downgrade():\n    op.x()\n    raise Y\n", "code"],
    ["def upgrade(): pass\n", "missing"],
    ["downgrade = upgrade_again\n", "code"],
    ["from helpers import downgrade\n", "code"],
    ["if x:\n    def downgrade():\n        pass\n", "empty"],
  ])("%j is %s", (body, is) => {
    expect(downgradeOf(body)).toBe(is);
  });

  test("spans and places count from 1, and the value's offsets hold the value", () => {
    const source =
      '"""add\n\nmore"""\nrevision = "a1"\ndown_revision: str = (\n    "b2"\n)\n\n@offline\ndef upgrade() -> None:\n    op.x(\n        1,\n    )\n    # last\n\n';
    const { at, upgrade, message } = revisionOf(source);
    expect(message).toBe("add");
    expect(upgrade).toEqual({ line: 9, endLine: 13 });
    expect(at.revision).toMatchObject({ line: 4, endLine: 4, column: 1, endColumn: 16 });
    expect(at.down).toMatchObject({ line: 5, endLine: 7 });
    expect(source.slice(at.down!.value!.start, at.down!.value!.end)).toBe('"b2"');
    expect(source.slice(at.down!.start, at.down!.end)).toBe('down_revision: str = (\n    "b2"\n)');
  });
});

describe("skimming", () => {
  const both = (source: string) => {
    const bytes = new TextEncoder().encode(source);
    return [readRevision("versions/x.py", bytes), readRevision("versions/x.py", bytes, { skim: true })];
  };
  const revisions = ["projects", "pull-requests"].flatMap((folder) => {
    const place = path.join(root, "fixtures", folder);
    return readdirSync(place, { recursive: true, encoding: "utf8" })
      .filter((name) => /versions\/.*\.py$/.test(name))
      .map((name) => [name, readFileSync(path.join(place, name), "utf8")] as const);
  });

  test("tells the same of every revision of the fixtures", () => {
    expect(revisions.length).toBeGreaterThan(50);
    for (const [name, source] of revisions) {
      const [whole, skimmed] = both(source);
      expect(skimmed, name).toEqual(whole);
    }
  });

  test("tells the same of them with something cut out or put in", () => {
    const bits = [
      "(",
      ")",
      ",",
      "=",
      ":",
      "\n",
      "    ",
      " ",
      "'",
      '"""',
      "#",
      "\\",
      "x",
      " in ",
      " not ",
      "if ",
      "1",
      "{",
      "]",
      "*",
      ";",
      "\t",
      "\r",
      "\f",
    ];
    const words = [
      "é",
      "`",
      "raise ",
      "pass",
      "return",
      "else:",
      "def f():",
      "<<<<<<< HEAD\n",
      "==",
      "<>",
      "u'",
      "f'",
      " as ",
      "with ",
      "for ",
      "lambda: ",
      "\0",
    ];
    const edit = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(3),
      put: fc.constantFrom("", ...bits, ...words),
    });
    fc.assert(
      fc.property(fc.constantFrom(...revisions), fc.array(edit, { minLength: 1, maxLength: 2 }), ([, source], edits) => {
        let edited = source;
        for (const { at, cut, put } of edits) {
          const from = Math.floor(at * edited.length);
          edited = edited.slice(0, from) + put + edited.slice(from + cut);
        }
        const [whole, skimmed] = both(edited);
        expect(skimmed).toEqual(whole);
      }),
      { numRuns: 1500 },
    );
  });

  test("ends where the file ends, be it in the midst of a line", () => {
    fc.assert(
      fc.property(fc.constantFrom(...revisions), fc.double({ min: 0, max: 1, noNaN: true }), ([, source], at) => {
        const [whole, skimmed] = both(source.slice(0, Math.floor(at * source.length)));
        expect(skimmed).toEqual(whole);
      }),
      { numRuns: 500 },
    );
    expect(both("import sqlalchemy")[1]).toEqual(both("import sqlalchemy")[0]);
  });

  const glances = (source: string) => glanceOver(source) !== undefined;
  test("parses few of them", () => {
    expect(revisions.filter(([, source]) => glances(source)).length).toBeGreaterThan(revisions.length / 2);
  });

  test.each([
    `def f():\n${Array.from({ length: 30 }, (_, depth) => `${"  ".repeat(depth + 1)}with x:`).join("\n")}\n${" ".repeat(70)}x()\n`,
    `def f():\n    x(${"(".repeat(300)}${")".repeat(300)})\n`,
    `def f():\n    x(${"-".repeat(5000)}1)\n`,
    `def f():\n    if x:\n        y()\n${"    elif x:\n        y()\n".repeat(5000)}`,
  ])("leaves what is deep to the parser: %#", (source) => {
    expect(glances(source)).toBe(false);
  });

  const body = (lines: string) =>
    `revision = "a1"\ndown_revision = None\n\n\ndef upgrade():\n    op.create_table("x", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("y", sa.Text()))\n${lines}\n\ndef downgrade():\n    op.drop_table("x")\n    op.drop_table("y"); op.drop_table("z")\n`;
  test.each([
    '    print "going on"',
    "    print name",
    "    exec code in scope",
    "    try:\n        op.f()\n    except ValueError, error:\n        pass",
    '    raise ValueError, "no"',
    "    if a <> b:\n        pass",
    "    op.f(1 2)",
    "    op.f() op.g()",
    "    if True\n        op.f()",
    "    op.f(",
    "    x = 0777",
    "    `x`",
    "      op.f()",
  ])("finds what Python 3 refuses: %j", (lines) => {
    const [whole, skimmed] = both(body(lines));
    const { problem, ...rest } = whole as Revision;
    expect(problem).toMatchObject({ reason: "syntax", line: expect.any(Number) });
    expect(skimmed).toMatchObject({ ...rest, problem: { reason: "syntax", line: problem!.line } });
  });

  test.each([
    "    match x:\n        case 1:\n            op.f()",
    '    op.execute("a" "b" f"{c}")',
    "    for a, b in (1, 2), (3, 4):\n        raise Odd(a, b) from None",
    "    with op.batch_alter_table('x') as batch, other() as y:\n        batch.f(lambda a, b=1: a if b else not a)\n    return None",
    "    try:\n        op.f()\n    except (A, B) as e:\n        pass\n    else:\n        op.g(*a, **b)",
  ])("takes for sound what is: %j", (lines) => {
    const [whole, skimmed] = both(body(lines));
    expect((whole as Revision).problem).toBeUndefined();
    expect(skimmed).toEqual(whole);
  });
});
