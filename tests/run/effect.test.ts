import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, inject, test } from "vitest";
import { readGraph } from "../../src/project/graph.ts";
import { findEnvironments } from "../../src/project/environment.ts";
import { workTree } from "../../src/project/tree.ts";
import { compareHistory } from "../../src/history/history.ts";
import { compareEdits, compareRenderings, type Edit, type Effect } from "../../src/run/effect.ts";
import type { Rendering } from "../../src/run/protocol.ts";
import { folded, isData, isSetting } from "../../src/run/sql.ts";
import { plain } from "../../src/text.ts";
import { alembicFiles, revision, type RevisionOptions } from "../support/alembic.ts";
import { writeFiles } from "../support/files.ts";

const rendering = (sql: (string | [sql: string, ...row: string[]])[], more: Partial<Rendering> = {}): Rendering => ({
  statements: sql.map((one) =>
    typeof one === "string" ? { sql: one, parameters: [] } : { sql: one[0], parameters: [one.slice(1)] },
  ),
  reads: null,
  loaded: true,
  missing: [],
  ended: true,
  ...more,
});
const raised = (type: string, meant = false) => ({
  ended: false,
  raised: { type, message: "no", frames: [], traceback: "", meant },
});
const compare = (before: Rendering, after: Rendering) => compareRenderings(before, after);
const kind = async (before: Parameters<typeof rendering>[0], after: Parameters<typeof rendering>[0]) =>
  (await compare(rendering(before), rendering(after))).kind;
const why = (effect: Effect) => (effect.kind === "unknown" ? plain(effect.reason) : effect.kind);

describe("statements", () => {
  test.for([
    ["white space", "CREATE TABLE t (\n\tid INT\n)\n", "CREATE TABLE t ( id INT )"],
    ["comments", "DELETE FROM t -- all of it", "DELETE /* all */ FROM t;"],
    ["the case of keywords", "create table t (id int not null)", "CREATE TABLE t (id INT NOT NULL)"],
    ["needless quotes and the case of names", 'DELETE FROM "t" WHERE "a" = 1', "DELETE FROM T WHERE a = 1"],
  ] as const)("%s is no difference", async ([, before, after]) => {
    expect(await kind([before], [after])).toBe("same");
  });

  test.for([
    ["a type", "ALTER TABLE t ADD COLUMN a VARCHAR(20)", "ALTER TABLE t ADD COLUMN a VARCHAR(40)"],
    ["white space in a text", "UPDATE t SET a = 'x  y'", "UPDATE t SET a = 'x y'"],
    ["white space in what no parser knows", "FROBNICATE 'x  y'", "FROBNICATE 'x y'"],
    ["the case of a text", "UPDATE t SET a = 'x'", "UPDATE t SET a = 'X'"],
    ["the case of a quoted name", 'DELETE FROM "T"', "DELETE FROM T"],
    ["what no parser knows", "FROBNICATE t", "FROBNICATE u"],
  ] as const)("%s is one", async ([, before, after]) => {
    expect(await kind([before], [after])).toBe("different");
  });

  test("are the same one by one and in one text", async () => {
    expect(await kind(["DELETE FROM a; DELETE FROM b"], ["DELETE FROM a", "DELETE FROM b"])).toBe("same");
    expect(await kind(["DELETE FROM a; DELETE FROM b"], ["DELETE FROM b", "DELETE FROM a"])).toBe("different");
  });

  test("count with their parameters", async () => {
    expect(await kind([["DELETE FROM t WHERE a = ?", "10"]], [["DELETE FROM t WHERE a = ?", "10"]])).toBe("same");
    expect(await kind([["DELETE FROM t WHERE a = ?", "10"]], [["DELETE FROM t WHERE a = ?", "99"]])).toBe("different");
    expect(await kind([["DELETE FROM t WHERE a = ?", "10"]], [["DELETE FROM t WHERE a = ?", "'10'"]])).toBe("different");
    expect(await kind([["delete from t where a = ?", "None"]], [["DELETE FROM t WHERE a = ?", "None"]])).toBe("same");
  });

  test("many rows at once are the same as one after the other", async () => {
    const insert = "INSERT INTO t VALUES (?)";
    const together = rendering([]);
    together.statements.push({ sql: insert, parameters: [["1"], ["2"]] });
    expect(
      await compare(
        together,
        rendering([
          [insert, "1"],
          [insert, "2"],
        ]),
      ),
    ).toEqual({ kind: "same" });
  });

  test("that only set time limits are told apart", async () => {
    const effect = await compare(
      rendering(["SET lock_timeout = '2s'", "DELETE FROM t"]),
      rendering(["SET lock_timeout = '9s'", "DELETE FROM t"]),
    );
    expect(effect).toEqual({ kind: "settings-only", before: ["SET lock_timeout = '2s'"], after: ["SET lock_timeout = '9s'"] });
    expect(isSetting("set local statement_timeout to 0")).toBe(true);
    expect(isSetting("SET search_path = a")).toBe(false);
  });

  test("that differ are shown, and no others", async () => {
    const effect = await compare(
      rendering(["CREATE TABLE a (x INT)", "CREATE TABLE b (x INT)", "DROP TABLE d"]),
      rendering(["CREATE TABLE a (x INT)", "CREATE TABLE c (x INT)", "DROP TABLE d"]),
    );
    expect(effect).toEqual({
      kind: "different",
      before: ["CREATE TABLE b (x INT)"],
      after: ["CREATE TABLE c (x INT)"],
      data: false,
    });
    expect(await compare(rendering([["UPDATE t SET a = ?", "1"]]), rendering([]))).toEqual({
      kind: "different",
      before: ["UPDATE t SET a = ?\n-- 1"],
      after: [],
      data: true,
    });
    expect(isData("/* x */ WITH a AS (SELECT 1) DELETE FROM t")).toBe(true);
    expect(isData("CREATE TABLE t AS SELECT 1")).toBe(false);
  });

  test("fold outside of quotes only", () => {
    expect(folded(`  SELECT  'a  --b'  , "c  d" -- e\n , E'\\'  f', $x$  g  $x$ ; `)).toBe(
      `SELECT 'a  --b' , "c  d" , E'\\'  f', $x$  g  $x$`,
    );
  });
});

describe("what cannot be known", () => {
  test("is never called the same", async () => {
    const reads = { reads: "SELECT id FROM t" };
    expect(why(await compare(rendering(["DELETE FROM a"], reads), rendering(["DELETE FROM a"], reads)))).toContain(
      "SELECT id FROM t",
    );
    expect(why(await compare(rendering([], { unsteady: true, ended: false }), rendering([])))).toContain(
      "something else each time",
    );
    expect(await compare(rendering([], raised("KeyError")), rendering(["DELETE FROM a"]))).toMatchObject({
      kind: "unknown",
      rendered: true,
    });
    expect(await compare(rendering([], { ...raised("ModuleNotFoundError"), loaded: false }), rendering([]))).toMatchObject({
      kind: "unknown",
      rendered: false,
    });
  });

  test("hides no difference that comes before it", async () => {
    const reads = { reads: "SELECT id FROM t", ended: false };
    expect((await compare(rendering(["DELETE FROM a"], reads), rendering(["DELETE FROM b"], reads))).kind).toBe("different");
    expect((await compare(rendering(["DELETE FROM a"], reads), rendering([]))).kind).toBe("different");
  });

  test("is not what a missing module is called", async () => {
    const missing = { missing: ["app"] };
    const typed = (name: string) =>
      rendering([`ALTER TABLE t ADD COLUMN a <missing app.types.${name}(<missing app.b>)>`], missing);
    expect((await compare(typed("A"), typed("A"))).kind).toBe("same");
    expect(why(await compare(typed("A"), typed("B")))).toBe("app cannot be imported");
  });
});

test("a refusal is the same as a refusal, and nothing else", async () => {
  const refuses = rendering([], raised("NotImplementedError", true));
  expect((await compare(refuses, rendering([], raised("RuntimeError", true)))).kind).toBe("same");
  expect(await compare(refuses, rendering([]))).toMatchObject({
    kind: "different",
    before: ["-- raises NotImplementedError: no"],
    after: [],
  });
  expect(await compare(refuses, rendering(["DROP TABLE a"]))).toMatchObject({ kind: "different", after: ["DROP TABLE a"] });
});

describe.each(["default", "oldest", "newest"] as const)("with %s versions", (name) => {
  type Version = RevisionOptions;
  async function edit(
    before: Version,
    after: Version,
    helper?: [before: string, after: string],
    { python = [inject("pythons")[name]], env = process.env }: { python?: string[]; env?: NodeJS.ProcessEnv } = {},
  ): Promise<Edit> {
    const lay = (options: Version, index: 0 | 1) =>
      writeFiles({ ...alembicFiles({ a: revision("a", options) }), ...(helper && { "migrations/helper.py": helper[index] }) });
    const [base, root] = await Promise.all([lay(before, 0), lay(after, 1)]);
    const [environment] = await findEnvironments(workTree(root), { directory: "", config: [], names: [] });
    const graphs = await Promise.all([base, root].map((folder) => readGraph(workTree(folder), environment!)));
    const history = compareHistory({
      base: { commit: "0".repeat(40), label: "main" },
      baseGraph: graphs[0]!,
      headGraph: graphs[1]!,
      changedFiles: [],
      ...(helper && { helpers: ["migrations/helper.py"] }),
    });
    const edits = await compareEdits({
      environment: environment!,
      history,
      root,
      baseRoot: async () => base,
      python,
      settings: { x: [], allowHosts: [], timeout: 20 },
      env,
      signal: new AbortController().signal,
    });
    return edits.get("a")!;
  }

  const users = 'import uuid, datetime\nusers = sa.table("users", sa.column("id", sa.Integer), sa.column("name", sa.String))';
  const columns = (type: string) => `op.create_table("t", sa.Column("id", sa.Integer), sa.Column("a", ${type}))`;

  test("one process imports Alembic for both versions, unless modules are looked for where it is started", async () => {
    const root = await writeFiles({ starts: "" });
    const starts = path.join(root, "starts");
    const python = ["sh", "-c", `echo >> ${starts}; exec "$0" "$@"`, inject("pythons")[name]];
    const versions = [{ upgrade: columns("sa.String(20)") }, { upgrade: columns("sa.String(40)") }] as const;
    const different = { upgrade: { kind: "different" }, downgrade: { kind: "same" } };
    expect(await edit(...versions, undefined, { python })).toMatchObject(different);
    expect(await readFile(starts, "utf8")).toBe("\n");
    expect(await edit(...versions, undefined, { python, env: { ...process.env, PYTHONPATH: "lib" } })).toMatchObject(different);
    expect(await readFile(starts, "utf8")).toBe("\n\n\n");
  });

  test("a loop that becomes a comprehension is the same", async () => {
    const before = 'for name in ("a", "b"):\n    op.add_column("t", sa.Column(name, sa.Text()))';
    const after = '[op.add_column("t", sa.Column(name, sa.Text(), default=False)) for name in {"a": 1, "b": 2}]';
    expect(await edit({ upgrade: before }, { upgrade: after })).toEqual({
      upgrade: { kind: "same" },
      downgrade: { kind: "same" },
    });
  });

  test("another type is different, upgrade() and downgrade() apart", async () => {
    const effect = await edit(
      { upgrade: columns("sa.String(20)"), downgrade: 'op.drop_table("t")' },
      { upgrade: columns("sa.String(40)"), downgrade: 'op.drop_table("t")' },
    );
    expect(effect).toMatchObject({ upgrade: { kind: "different", data: false }, downgrade: { kind: "same" } });
    expect(await edit({ downgrade: 'op.drop_table("t")' }, { downgrade: "pass" })).toEqual({
      upgrade: { kind: "same" },
      downgrade: { kind: "different", before: ["DROP TABLE t"], after: [], data: false },
    });
  });

  test("another parameter is different, another moment is not", async () => {
    const update = (value: string) => ({
      head: users,
      upgrade: `op.execute(users.update().where(users.c.id == ${value}).values(name=str(uuid.uuid4())))`,
    });
    expect((await edit(update("10"), update("5 + 5"))).upgrade).toEqual({ kind: "same" });
    expect((await edit(update("10"), update("99"))).upgrade).toMatchObject({ kind: "different", data: true });
  });

  test("what is made of rows cannot be told", async () => {
    const each = (value: string) => ({
      head: users,
      upgrade: `for row in op.get_bind().execute(sa.text("SELECT id, name FROM users")).fetchall():\n    op.execute(users.update().where(users.c.id == row[0]).values(name=${value}))`,
    });
    const { upgrade } = await edit(each("row[1].lower()"), each("row[1].casefold()"));
    expect(upgrade).toMatchObject({ kind: "unknown", rendered: true });
    expect(why(upgrade)).toContain("SELECT id, name FROM users");
  });

  test("a helper's change is judged by what its users execute", async () => {
    const user = { head: "import helper", upgrade: 'op.execute(helper.sql("x"))' };
    const sql = (text: string) => `def sql(name):\n    return ${text}\n`;
    expect((await edit(user, user, [sql('"DROP TABLE " + name'), sql('f"DROP TABLE {name}"')])).upgrade).toEqual({
      kind: "same",
    });
    expect((await edit(user, user, [sql('"DROP TABLE " + name'), sql('f"DROP VIEW {name}"')])).upgrade).toMatchObject({
      kind: "different",
      before: ["DROP TABLE x"],
      after: ["DROP VIEW x"],
    });
  });

  test("a module that is not there on one side tells nothing", async () => {
    const { upgrade } = await edit(
      { upgrade: 'op.execute("SELECT 1")' },
      { upgrade: 'import nowhere\nop.execute("SELECT 1" if nowhere.x else "")' },
    );
    expect(upgrade).toMatchObject({ kind: "unknown", rendered: false });
  });
});
