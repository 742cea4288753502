/** Edited revisions beside the itinerary, on a given server: which processes execute them, and what roles have to do with it. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { mentionsRoles } from "../../src/run/shared.ts";
import { plain } from "../../src/text.ts";
import { alembicFiles, revision, syncEnv } from "../support/alembic.ts";
import { table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { runProject } from "../support/migrations.ts";
import { createDatabase } from "../support/postgres.ts";

interface Case {
  /** Of the revision below the edited one. */
  below?: { head?: string; upgrade: string; downgrade: string };
  env?: string;
  baseEnv?: string;
}

/** Runs `a`, and `b` that reads rows and was edited; tells how often processes imported what env.py of each side imports. */
async function run({ below, env = syncEnv(), baseEnv = env }: Case = {}) {
  const log = path.join(await writeFiles({ log: "" }), "log");
  const note = (what: string) =>
    `with open(${JSON.stringify(log)}, "a") as log:\n    log.write(${JSON.stringify(`${what}\n`)})\n`;
  const read = (query: string) =>
    `bind = op.get_bind()\nfor row in ${query}:\n    bind.execute(sa.text("UPDATE ta SET id = id WHERE id = :id"), {"id": row.id})`;
  const first = revision("a", { ...table("ta"), ...below });
  const side = (name: string, query: string, script: string) =>
    writeFiles({
      ...alembicFiles(
        {
          a: first,
          b: revision("b", { down: "a", upgrade: read(query) }),
        },
        `import once\n${script}`,
      ),
      "once.py": note(name),
    });
  const query = `bind.execute(sa.text("SELECT id FROM ta"))`;
  const [baseRoot, root] = [await side("base", query, baseEnv), await side("head", `list(${query})`, env)];
  const sourceOf = (folder: string) => readFile(path.join(folder, "migrations/versions/b.py"), "utf8");
  const evidence = (await runProject({
    root,
    applied: Promise.resolve({
      base: new Set(["a", "b"]),
      changed: ["migrations/versions/b.py"],
      fromBaseFiles: true,
      sources: [first],
      editedDowngrades: [],
      edits: ["b"],
      baseRoot: async () => baseRoot,
    }),
    bodies: Promise.all([sourceOf(baseRoot), sourceOf(root)]).then(([before, after]) => [
      {
        id: "b",
        directions: ["upgrade"],
        unknown: true,
        sources: { before: [before], after: [after] },
        opaque: false,
        reads: [],
      },
    ]),
  }))!;
  const lines = (await readFile(log, "utf8")).trim().split("\n").sort();
  return { evidence, effect: evidence.bodies?.get("b")?.upgrade, lines };
}

test("they are executed in copies of the processes that the itinerary uses", async () => {
  const { evidence, effect, lines } = await run();
  expect(effect).toMatchObject({ kind: "same", executed: { rows: "made-up", tables: ["public.ta"] } });
  expect(lines).toEqual(["base", "head"]);
  expect(evidence.phases.filter(({ state }) => state === "failed")).toEqual([]);
});

test("where a revision speaks of roles, processes of their own execute them afterwards", async () => {
  const { effect, lines } = await run({
    below: { ...table("ta"), head: `SQL = "DROP ROLE IF EXISTS nobody_of_that_name"\n` },
  });
  expect(effect).toMatchObject({ kind: "same" });
  expect(lines).toEqual(["base", "base", "head", "head"]);
});

test("roles that nobody saw coming make no finding: what is in the way of another is run again alone", async () => {
  const role = `alembic_gate_test_${randomBytes(4).toString("hex")}`;
  const server = await createDatabase();
  onTestFinished(async () => void (await server.query(`DROP ROLE IF EXISTS ${role}`)));
  const { evidence, effect } = await run({
    below: {
      head: `VERBS = "".join(["CRE", "ATE"]), "".join(["DR", "OP"])\n`,
      upgrade: `${table("ta").upgrade}\nop.execute(f"{VERBS[0]} ROLE ${role}")`,
      downgrade: `op.drop_table("ta")\nop.execute(f"{VERBS[1]} ROLE ${role}")`,
    },
  });
  expect(evidence.phases.filter(({ state }) => state === "failed")).toEqual([]);
  // The role is there when it ends, as after any upgrade.
  expect(effect?.kind === "unknown" && plain(effect.reason)).toContain("do not run from an empty database");
});

test("a base branch whose env.py ends the process is told as without them", async () => {
  const { evidence, effect } = await run({ baseEnv: "import os\nos._exit(3)\n" });
  expect(evidence.phases.find(({ id }) => id === "base")).toMatchObject({
    state: "failed",
    stop: { raised: { type: "ProcessDied" } },
  });
  expect(effect?.kind).not.toBe("same");
});

test("code that speaks of roles is known, whatever it is put together from", () => {
  for (const code of [
    `op.execute("CREATE ROLE app")`,
    `op.execute("create  user app")`,
    `op.execute("ALTER "\n    f"ROLE app SET x = 1")`,
    `op.execute("DROP OWNED BY app")`,
    `op.execute("DO $$ BEGIN CREATE ROLE app; END $$")`,
  ])
    expect([code, mentionsRoles(code)]).toEqual([code, true]);
  for (const code of [
    `"""Create user table\n\nRevision ID: a\n"""\nop.create_table("user", sa.Column("role", sa.String))`,
    `op.drop_table("group")`,
    `op.execute("ALTER SEQUENCE s OWNED BY t.id")`,
  ])
    expect([code, mentionsRoles(code)]).toEqual([code, false]);
});
