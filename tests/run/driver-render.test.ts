import { mkdtemp, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { startProcess } from "../../src/run/process.ts";
import type { Event, Raised, Rendering } from "../../src/run/protocol.ts";
import { alembicFiles, revision, syncEnv } from "../support/alembic.ts";
import { writeFiles } from "../support/files.ts";

type Told = Record<string, { upgrade: Rendering; downgrade: Rendering }>;

/** What the driver tells of revisions, given as files by id. */
async function render(
  revisions: Record<string, string>,
  {
    python = "default",
    more = {},
    env = syncEnv(),
  }: { python?: "default" | "oldest" | "newest" | "sqlalchemy13"; more?: Record<string, string>; env?: string } = {},
): Promise<Told & { failed?: Raised }> {
  const root = await writeFiles({ ...alembicFiles(revisions, env), ...more });
  const told: Record<string, unknown> = {};
  const child = startProcess(
    { python: [inject("pythons")[python]], directory: root, env: { ...process.env, PYTHONHASHSEED: "0" } },
    (event: Event) => {
      if (event.type === "sql") told[event.revision] = { upgrade: event.upgrade, downgrade: event.downgrade };
      if (event.type === "failed") told.failed = event.raised;
    },
  );
  onTestFinished(() => child.kill());
  child.send({
    type: "sql",
    root,
    config: `${root}/alembic.ini`,
    format: "ini",
    section: "alembic",
    kind: "alembic",
    x: [],
    revisions: Object.keys(revisions).map((id) => ({ id, file: `${root}/migrations/versions/${id}.py` })),
  });
  await child.ended;
  return told as Told;
}

const upgradeOf = async (upgrade: string, head = "", options: Parameters<typeof render>[1] = {}): Promise<Rendering> =>
  (await render({ a: revision("a", { upgrade, head }) }, options)).a!.upgrade;

/** Statements with the parameters of their first row, on one line each. */
const lines = ({ statements }: Rendering) =>
  statements.map(
    ({ sql, parameters }) => `${sql.replaceAll(/\s+/g, " ").trim()}${parameters.map((row) => ` [${row.join(", ")}]`).join("")}`,
  );

const tables = `import datetime, uuid
t = sa.table("t", sa.column("id", sa.Integer), sa.column("n", sa.String), sa.column("d", sa.DateTime))
real = sa.Table("real", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.String))`;

describe.each(["default", "oldest", "newest", "sqlalchemy13"] as const)("with %s versions", (python) => {
  test("tells DDL and DML with parameters, as they would be executed", async () => {
    const upgrade = await upgradeOf(
      `bind = op.get_bind()
op.create_table("q", sa.Column("id", sa.Integer, primary_key=True), sa.Column("s", sa.Enum("a", "b", name="s")))
sa.Enum("x", name="e").create(bind, checkfirst=True)
op.execute("UPDATE t SET n = 'a%b' WHERE n LIKE '%'")
op.execute(t.update().where(t.c.id == 10).values(n="x", d=datetime.datetime(2020, 1, 2)))
op.bulk_insert(t, [{"id": 1, "n": None}, {"id": 2, "n": "b"}])
key = bind.execute(real.insert().values(n="q")).inserted_primary_key[0]
bind.execute(t.insert().values(id=key))
with op.get_context().autocommit_block():
    op.create_index("ix", "t", ["n"], postgresql_concurrently=True)
op.execute("SELECT setval('x', 5)")`,
      tables,
      { python },
    );
    expect(upgrade).toMatchObject({ loaded: true, ended: true, reads: null, missing: [] });
    expect(lines(upgrade)).toEqual([
      "CREATE TYPE s AS ENUM ('a', 'b')",
      "CREATE TABLE q ( id SERIAL NOT NULL, s s, PRIMARY KEY (id) )",
      "CREATE TYPE e AS ENUM ('x')",
      "UPDATE t SET n = 'a%b' WHERE n LIKE '%'",
      "UPDATE t SET n=?, d=? WHERE t.id = ? ['x', datetime.datetime(2020, 1, 2, 0, 0), 10]",
      "INSERT INTO t (id, n) VALUES (?, ?) [1, None] [2, 'b']",
      "INSERT INTO real (n) VALUES (?) RETURNING real.id ['q']",
      "INSERT INTO t (id) VALUES (?) [<returned>]",
      "CREATE INDEX CONCURRENTLY ix ON t (n)",
      "SELECT setval('x', 5)",
    ]);
  });

  test("finds no rows in tables, and goes on; ends where only a database has the answer", async () => {
    const upgrade = await upgradeOf(
      `bind = op.get_bind()
for (id,) in bind.execute(sa.text("SELECT id FROM t")).fetchall():
    op.execute("DELETE FROM never")
op.execute("DELETE FROM t")
if not sa.inspect(bind).get_columns("t"):
    op.execute("DELETE FROM never")`,
      tables,
      { python },
    );
    expect(upgrade).toMatchObject({ ended: false, reads: "SELECT id FROM t" });
    expect(upgrade.raised).toBeUndefined();
    const told = upgrade.statements.filter(({ asks }) => !asks).map(({ sql }) => sql);
    expect(told.slice(0, 2)).toEqual(["SELECT id FROM t", "DELETE FROM t"]);
    expect(told).not.toContain("DELETE FROM never");
  });

  test("blanks what depends on the time or on chance", async () => {
    const upgrade = await upgradeOf(
      `op.execute(t.insert().values(id=1, n=str(uuid.uuid4()), d=datetime.datetime.now()))
op.execute("INSERT INTO t (n, d) VALUES ('%s', '%s')" % (uuid.uuid4(), datetime.datetime.now()))`,
      tables,
      { python },
    );
    const blanked = [
      "INSERT INTO t (id, n, d) VALUES (?, ?, ?) [1, <varies>, <now>]",
      "INSERT INTO t (n, d) VALUES (<varies>, '<now>')",
    ];
    expect(lines(upgrade)).toEqual(blanked);
    // With a time zone it is another way to say so.
    const zoned = await upgradeOf(
      `now = datetime.datetime.now(datetime.timezone.utc)
op.execute(t.insert().values(id=1, n=str(uuid.uuid4()), d=now))
op.execute("INSERT INTO t (n, d) VALUES ('%s', '%s')" % (uuid.uuid4(), now.isoformat()))
op.execute("INSERT INTO t (n, d) VALUES ('%s', '%s')" % (uuid.uuid4(), now.isoformat().replace("+00:00", "Z")))
op.execute("INSERT INTO t (d) VALUES ('2020-01-01T00:00:00+00:00')")`,
      tables,
      { python },
    );
    expect(lines(zoned)).toEqual([...blanked, blanked[1], "INSERT INTO t (d) VALUES ('2020-01-01T00:00:00+00:00')"]);
  });
});

test("tells an error from a refusal of the revision's own", async () => {
  const told = await render({
    a: revision("a", { upgrade: 'op.execute("SELECT 1")\nraise NotImplementedError("no way")', downgrade: "None.strip()" }),
  });
  expect(told.a!.upgrade).toMatchObject({
    ended: false,
    raised: { type: "NotImplementedError", message: "no way", meant: true },
  });
  expect(told.a!.downgrade).toMatchObject({ ended: false, loaded: true, raised: { type: "AttributeError", meant: false } });
});

test("lets no swallowed question pass for an answer", async () => {
  const upgrade = await upgradeOf(`try:
    op.get_bind().execute(sa.text("SELECT to_regclass('t')")).scalar()
except Exception:
    pass
op.execute("DELETE FROM t")`);
  expect(upgrade.ended).toBe(false);
  expect(upgrade.statements).toEqual([{ sql: "SELECT to_regclass('t')", parameters: [], asks: true }]);
});

test("says that two renderings differ in their statements", async () => {
  const folder = await mkdtemp(path.join((await import("node:os")).tmpdir(), "render-"));
  await writeFile(path.join(folder, "count"), "");
  const upgrade = await upgradeOf(`with open("${folder}/count", "a+") as file:
    file.write("x")
    file.seek(0)
    for _ in file.read():
        op.execute("DELETE FROM t")`);
  expect(upgrade).toMatchObject({ ended: false, unsteady: true });
});

test("runs neither env.py nor any other revision, and reaches no database", async () => {
  const told = await render(
    {
      a: revision("a", { upgrade: 'op.execute("SELECT 1")' }),
      b: revision("b", { down: "a", head: 'sa.create_engine("postgresql+psycopg2://app@db.internal/app").connect()' }),
    },
    { env: "raise SystemExit(1)", more: { "migrations/versions/c.py": "raise SystemExit(1)" } },
  );
  expect(lines(told.a!.upgrade)).toEqual(["SELECT 1"]);
  expect(told.b!.upgrade).toMatchObject({ loaded: false, statements: [], raised: { type: "ForeignConnectionError" } });
});

test("shows what a missing module would do under its name, and decides nothing by it", async () => {
  const head =
    "from nowhere.types import GUID, Base, exists, rows\nfrom nowhere import tools\nclass Model(Base):\n    id: GUID\n";
  const told = await render({
    a: revision("a", { head, upgrade: 'op.add_column("t", sa.Column("g", GUID(), nullable=True))\ntools.grant("t", to="app")' }),
    b: revision("b", { head, upgrade: 'op.execute("SELECT 1")\nif exists("t"):\n    op.execute("SELECT 2")' }),
    c: revision("c", { head, upgrade: 'for row in rows:\n    op.execute("SELECT 1")\nop.execute("SELECT 2")' }),
  });
  expect(lines(told.a!.upgrade)).toEqual([
    "ALTER TABLE t ADD COLUMN g <missing nowhere.types.GUID>",
    "<missing nowhere.tools.grant('t', to='app')>",
  ]);
  expect(told.a!.upgrade).toMatchObject({ ended: true, missing: ["nowhere", "nowhere.types"] });
  expect(told.b!.upgrade).toMatchObject({ ended: false, raised: { type: "UnknowableError", meant: false } });
  expect(lines(told.b!.upgrade)[0]).toBe("SELECT 1");
  expect(told.c!.upgrade).toMatchObject({ ended: true, reads: "<missing nowhere.types.rows>" });
});

test("leaves it to others to do without what they miss", async () => {
  const more = { "migrations/helper.py": "try:\n    import nowhere\nexcept ImportError:\n    nowhere = None\n" };
  const upgrade = await upgradeOf('op.execute("SELECT 1" if helper.nowhere is None else "SELECT 2")', "import helper", { more });
  expect(lines(upgrade)).toEqual(["SELECT 1"]);
});

test("tells what keeps Alembic from its configuration", async () => {
  const told = await render({ a: revision("a") }, { more: { "alembic.ini": "[alembic]\n" } });
  expect(told.failed).toMatchObject({ message: expect.stringContaining("script_location") });
});
