/** Which lines of a revision's functions ran, as the driver tells it. */
import { expect, inject, onTestFinished, test } from "vitest";
import { openScratch } from "../../src/postgres/scratch.ts";
import { alembicFiles, asyncEnv, revision, syncEnv } from "../support/alembic.ts";
import { drive } from "../support/driver.ts";

const upgrade = `"""Says what it does."""
bind = op.get_bind()
if sa.inspect(bind).has_table("old"):
    for row in bind.execute(sa.text("SELECT 1")):
        print(row)
else:
    op.execute(
        "SELECT 2"
    )
names = [name for name in ("a", "b")
         if name]
def inner():
    return 1
later = lambda: (
    2)
try:
    int("x")
except ValueError:
    pass`;

/** Lines relative to the first of upgrade(), which stands on line 10. */
const relative = (lines: number[]) => lines.map((line) => line - 9).sort((a, b) => a - b);

async function linesOf(body: string, env = syncEnv(), python = inject("pythons").default) {
  const scratch = await openScratch({ ...inject("postgres"), stop: async () => {} });
  onTestFinished(() => scratch.close());
  const { connection } = await scratch.create("lines");
  const driver = await drive(alembicFiles({ a: revision("a", { upgrade: body }) }, env), { python: [python] });
  await driver.loaded;
  return async (lines: boolean) =>
    (await driver.run({ direction: "upgrade", revisions: ["a"], connection, ...(lines && { lines }) })).steps[0]!;
}

test.for([
  ["psycopg2", syncEnv()],
  ["asyncpg", asyncEnv()],
] as const)("lines of branches not taken, loops over nothing and inner functions never called, with %s", async ([, env]) => {
  const run = await linesOf(upgrade, env);
  const { lines, ended } = await run(true);
  expect(ended).toBe(true);
  const { every, ran } = { every: relative(lines!.every), ran: relative(lines!.ran) };
  expect(every.filter((line) => !ran.includes(line))).toEqual([4, 5, 13, 15]);
  expect(ran.filter((line) => !every.includes(line))).toEqual([]);
  expect(ran).toEqual(expect.arrayContaining([2, 3, 7, 8, 10, 11, 12, 14, 16, 17, 18, 19]));
});

test("nothing is told unless it is asked for, and a function that raises tells how far it came", async () => {
  const run = await linesOf("op.execute('SELECT 1')\nraise RuntimeError('no')\nop.execute('SELECT 2')");
  expect((await run(false)).lines).toBeUndefined();
  const { lines, ended } = await run(true);
  expect(ended).toBe(false);
  expect({ every: relative(lines!.every), ran: relative(lines!.ran) }).toMatchObject({ ran: [1, 2] });
});

test("a debugger or a coverage tool that traces already is left alone", async () => {
  const tracing = `import sys, builtins\nbuiltins.tracer = lambda *_: None\nsys.settrace(builtins.tracer)\n${syncEnv()}`;
  const traced = await (await linesOf("import sys\nassert sys.gettrace() is tracer", tracing))(true);
  expect(traced.ended).toBe(true);
});
