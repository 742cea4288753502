import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, inject, test } from "vitest";
import { startDriver, type Driver } from "../../src/run/driver.ts";
import type { Connection } from "../../src/run/protocol.ts";
import { alembicFiles, asyncEnv, ini, revision, syncEnv } from "../support/alembic.ts";
import { drive, table } from "../support/driver.ts";
import { writeFiles } from "../support/files.ts";
import { createDatabase } from "../support/postgres.ts";

test.each([
  [
    "os._exit in a revision",
    { upgrade: 'print("good-bye", flush=True)\nimport os\nos._exit(0)' },
    "ended with exit code 0",
    "good-bye",
  ],
  ["a crash", { upgrade: "import ctypes\nctypes.string_at(0)" }, "was ended by SIGSEGV", "Segmentation fault"],
  ["a signal", { upgrade: "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)" }, "was ended by SIGKILL", ""],
])("%s ends the run, not the gate", async (_, body, how, said) => {
  const database = await createDatabase();
  const driver = await drive(alembicFiles({ a: revision("a", body) }));
  const options = { direction: "upgrade", revisions: ["a"], connection: database.connection } as const;
  const result = await driver.run(options);
  expect(result).toMatchObject({
    died: true,
    begunNotEnded: "a",
    raised: { type: "ProcessDied", message: `the Python process ${how}` },
  });
  expect(result.raised!.traceback).toContain(said);
  await expect(driver.run(options)).rejects.toThrow("gone");
});

test("the project finds one thread, its own, where it patches threads as gevent does", async () => {
  const body = "import threading\nassert len(threading.enumerate()) == 1, threading.enumerate()";
  const driver = await drive(alembicFiles({ a: `${body}\n${revision("a")}` }));
  expect((await driver.loaded).order).toEqual(["a"]);
  const database = await createDatabase();
  const result = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  expect(result.raised).toBeUndefined();
});

test("SystemExit in env.py is an error of env.py", async () => {
  const database = await createDatabase();
  const driver = await drive(alembicFiles({ a: revision("a") }, "import sys\nsys.exit(0)\n"));
  const result = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  expect(result).toMatchObject({
    died: false,
    raised: { type: "SystemExit", message: "exit status 0" },
    place: { file: "migrations/env.py", line: 2 },
  });
});

test.each([
  [
    "a statement",
    syncEnv(),
    { upgrade: 'op.execute("select pg_sleep(60)")' },
    { statement: "select pg_sleep(60)" },
    { file: "migrations/versions/a.py", line: 10 },
  ],
  [
    "a statement with asyncpg",
    asyncEnv(),
    { upgrade: 'op.execute("select pg_sleep(60)")' },
    { statement: "select pg_sleep(60)" },
    { file: "migrations/versions/a.py", line: 10 },
  ],
  ["a revision's Python code", syncEnv(), { upgrade: "while True:\n    pass" }, {}, { file: "migrations/versions/a.py" }],
  ["env.py", `import time\ntime.sleep(60)\n${syncEnv()}`, {}, {}, { file: "migrations/env.py", line: 2 }],
])("%s that hangs is ended, with its line", async (_, env, body, hung, place) => {
  const database = await createDatabase();
  const driver = await drive(alembicFiles({ a: revision("a", body) }, env), { timeout: 1 });
  await driver.loaded;
  const result = await driver.run({
    direction: "upgrade",
    revisions: ["a"],
    connection: database.connection,
    onHang: async () => ({ waitingFor: "a lock" }),
  });
  expect(result.hung).toMatchObject({ seconds: expect.any(Number), waitingFor: "a lock", ...hung });
  expect(result.place).toMatchObject(place);
});

test("two connections that wait for each other hang; the server knows who blocks whom", async () => {
  const database = await createDatabase();
  const upgrade = `op.create_table("ta", sa.Column("id", sa.Integer))
engine = sa.create_engine("postgresql://u@db.internal/app")
with engine.connect() as other:
    other.execute(sa.text("select 1"))
    other.execute(sa.text("create table ta (id int)"))`;
  const driver = await drive(alembicFiles({ a: revision("a", { upgrade }) }), { timeout: 1 });
  await driver.loaded;
  const result = await driver.run({
    direction: "upgrade",
    revisions: ["a"],
    connection: database.connection,
    onHang: async () => {
      const [row] = await database.query("select query from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0");
      return { waitingFor: row?.query as string };
    },
  });
  expect(result.hung).toMatchObject({ statement: "create table ta (id int)", waitingFor: "create table ta (id int)" });
  expect(result.place).toEqual({ file: "migrations/versions/a.py", line: 14 });
});

test("a pause of ours is no hang", async () => {
  const database = await createDatabase();
  const driver = await drive(alembicFiles({ a: revision("a") }), { timeout: 0.5 });
  await driver.loaded;
  const result = await driver.run({
    direction: "upgrade",
    revisions: ["a"],
    connection: database.connection,
    onStep: async () => {
      await sleep(1200);
      return "go";
    },
  });
  expect(result.hung).toBeUndefined();
  expect(result.expected).toEqual(["a"]);
});

/** Whether a process runs; what only waits to be buried does not. */
const runs = (pid: number): boolean =>
  /^[^Z]/.test(spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim());

test("programs that a revision leaves behind do not hold the gate up, and end with it", async () => {
  const database = await createDatabase();
  const root = await writeFiles({});
  const upgrade = `import subprocess
child = subprocess.Popen(["sleep", "60"])
open("${root}/pid", "w").write(str(child.pid))
open("${root}/descriptors", "w").write(subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True).stdout)`;
  const driver = await drive(alembicFiles({ a: revision("a", { upgrade }) }));
  const result = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  expect(result.raised).toBeUndefined();
  // 3 is the folder that ls reads: nothing else but stdin, stdout and stderr was inherited.
  expect((await readFile(`${root}/descriptors`, "utf8")).trim().split("\n")).toEqual(["0", "1", "2", "3"]);
  const pid = Number(await readFile(`${root}/pid`, "utf8"));
  expect(runs(pid)).toBe(true);
  await driver.stop();
  await driver.stop();
  await sleep(50);
  expect(runs(pid)).toBe(false);
});

test("the process ends when Node is gone, even while a statement hangs", async () => {
  const database = await createDatabase();
  const root = await writeFiles(alembicFiles({ a: revision("a", { upgrade: 'op.execute("select pg_sleep(60)")' }) }));
  const child = spawn(inject("pythons").default, [path.resolve("driver")], {
    cwd: root,
    stdio: ["ignore", "ignore", "ignore", ...Array.from({ length: 10 }, () => "pipe" as const)],
  });
  const input = child.stdio[3] as NodeJS.WritableStream;
  const output = child.stdio[4] as NodeJS.ReadableStream;
  const load = { type: "load", config: `${root}/alembic.ini`, format: "ini", section: "alembic", kind: "alembic", x: [], root };
  const run = { type: "run", direction: "upgrade", revisions: ["a"], connection: database.connection, pause: false };
  input.write(`${JSON.stringify(load)}\n${JSON.stringify(run)}\n`);
  let said = "";
  for await (const chunk of output) if ((said += chunk).includes('"type":"step"')) break;
  await sleep(200);
  const ended = once(child, "exit");
  input.end();
  expect(await ended).toEqual([1, null]);
});

test("an aborted signal ends the process", async () => {
  const database = await createDatabase();
  const control = new AbortController();
  const driver = await drive(alembicFiles({ a: revision("a", { upgrade: 'op.execute("select pg_sleep(60)")' }) }), {
    signal: control.signal,
  });
  await driver.loaded;
  const running = driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  await sleep(500);
  control.abort();
  expect(await running).toMatchObject({ died: true, begunNotEnded: "a" });
});

test("stopping in the midst of a run does not wait for it", async () => {
  const database = await createDatabase();
  const driver = await drive(alembicFiles({ a: revision("a", { upgrade: 'op.execute("select pg_sleep(60)")' }) }));
  await driver.loaded;
  const running = driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  await sleep(500);
  await driver.stop();
  expect(await running).toMatchObject({ died: true });
});

test("NumPy is kept from starting threads, unless the caller wants some", async () => {
  const files = alembicFiles({
    a: revision("a", { head: 'import os\nprint("threads:", os.environ["OPENBLAS_NUM_THREADS"], flush=True)' }),
  });
  const logOf = async (env: NodeJS.ProcessEnv) => {
    const driver = await drive(files, { env });
    await driver.loaded;
    await driver.stop();
    return driver.log;
  };
  const { OPENBLAS_NUM_THREADS: _, ...env } = process.env;
  expect(await logOf(env)).toContain("threads: 1");
  expect(await logOf({ ...env, OPENBLAS_NUM_THREADS: "3" })).toContain("threads: 3");
});

test("an interpreter that is not there", async () => {
  const driver = await drive(alembicFiles({}), { python: ["/no/such/python"] });
  await expect(driver.loaded).rejects.toMatchObject({
    name: "Failure",
    exitCode: 2,
    message: expect.stringContaining("/no/such/python could not be started"),
  });
  await driver.stop();
});

test("a folder that is not there", async () => {
  const root = await writeFiles(alembicFiles({}));
  const driver = startDriver({
    python: [inject("pythons").default],
    directory: `${root}/nowhere`,
    env: process.env,
    timeout: 5,
    load: { type: "load", config: `${root}/alembic.ini`, format: "ini", section: "alembic", kind: "alembic", x: [], root },
  });
  await expect(driver.loaded).rejects.toMatchObject({ exitCode: 2 });
  await driver.stop();
});

const load: [string, Record<string, string>, object][] = [
  [
    "a syntax error in a revision",
    { "migrations/versions/x.py": "revision = 'x'\ndown_revision = None\ndef upgrade(:\n" },
    { stage: "revisions", exitCode: 1, raised: { type: "SyntaxError" }, place: { file: "migrations/versions/x.py", line: 3 } },
  ],
  [
    "an import that fails in a revision",
    { "migrations/versions/x.py": "revision = 'x'\ndown_revision = None\nimport gone\n" },
    {
      stage: "revisions",
      raised: { type: "ModuleNotFoundError", message: "No module named 'gone'" },
      place: { file: "migrations/versions/x.py", line: 3 },
    },
  ],
  [
    "a revision that ends the process",
    { "migrations/versions/x.py": "import sys\nsys.exit(3)\n" },
    { stage: "revisions", raised: { type: "SystemExit", message: "exit status 3" }, place: { line: 2 } },
  ],
  [
    "a revision that kills the process",
    { "migrations/versions/x.py": "import os\nos._exit(3)\n" },
    { stage: "died", raised: { type: "ProcessDied", message: "the Python process ended with exit code 3" } },
  ],
  [
    "a missing parent",
    { "migrations/versions/x.py": revision("x", { down: "gone" }) },
    { stage: "revisions", raised: { type: "KeyError" } },
  ],
  [
    "a broken ini",
    { "alembic.ini": "[alembic\nscript_location = x\n" },
    { stage: "config", exitCode: 2, raised: { type: "MissingSectionHeaderError" } },
  ],
  ["an ini without script_location", { "alembic.ini": "[alembic]\n" }, { stage: "config", raised: { type: "CommandError" } }],
  [
    "a folder that is not there",
    { "alembic.ini": "[alembic]\nscript_location = nowhere\n" },
    { stage: "config", raised: { type: "CommandError", message: expect.stringContaining("nowhere") } },
  ],
];

test.each(load)("%s keeps a project from loading", async (_, files, failure) => {
  const driver = await drive({ ...alembicFiles({ a: revision("a") }), ...files });
  await expect(driver.loaded).rejects.toMatchObject({ name: "LoadError", ...failure });
});

test("a project whose import hangs", async () => {
  const driver = await drive(
    { ...alembicFiles({ a: revision("a", { head: "import time; time.sleep(60)" }) }) },
    { loadTimeout: 4 },
  );
  await expect(driver.loaded).rejects.toMatchObject({
    stage: "hang",
    exitCode: 1,
    place: { file: "migrations/versions/a.py", line: 3 },
  });
});

test("an interpreter without Alembic", async () => {
  const driver = await drive(alembicFiles({}), { python: [inject("pythons").default, "-S"] });
  await expect(driver.loaded).rejects.toMatchObject({
    stage: "import-alembic",
    exitCode: 2,
    raised: { type: "ModuleNotFoundError" },
  });
});

test("hears Alembic's warnings", async () => {
  const driver = await drive(
    { ...alembicFiles({ a: revision("a") }), "migrations/versions/twin.py": revision("a") },
    { env: { ...process.env, PYTHONWARNINGS: "error" } },
  );
  expect((await driver.loaded).warnings).toEqual([expect.stringContaining("Revision a is present more than once")]);
});

test("builds Alembic's configuration as the command line does", async () => {
  const env = `from alembic import context
import sys
config = context.config
x = context.get_x_argument(as_dictionary=True)
assert x == {"tenant": "blue", "dash": "-y"}, x
assert config.config_ini_section == "second"
assert config.get_main_option("greeting") == "hello", config.get_main_option("greeting")
assert config.config_file_name == "db/alembic.ini", config.config_file_name
assert config.cmd_opts.cmd[0].__name__ == sys.argv[-2] in ("upgrade", "downgrade")
assert config.cmd_opts.revision == sys.argv[-1]
assert context.get_revision_argument() in (("b",), "a"), context.get_revision_argument()
assert not context.is_offline_mode()
config.set_main_option("greeting", "changed")
${syncEnv()}`;
  const files = {
    "db/alembic.ini": "[alembic]\nscript_location = nowhere\n[second]\nscript_location = %(here)s/migrations\ngreeting = hello\n",
    "db/migrations/env.py": env,
    "db/migrations/versions/a.py": revision("a", table("ta")),
    "db/migrations/versions/b.py": revision("b", { down: "a" }),
  };
  for (const python of [inject("pythons").default, inject("pythons").oldest]) {
    const root = await writeFiles(files);
    const database = await createDatabase();
    const driver = await drive(
      {},
      {
        python: [python],
        directory: root,
        load: { config: `${root}/db/alembic.ini`, section: "second", x: ["tenant=blue", "dash=-y"], root },
      },
    );
    expect((await driver.loaded).versionFolders).toEqual(["db/migrations/versions"]);
    const up = await driver.run({ direction: "upgrade", revisions: ["a", "b"], connection: database.connection });
    expect(up.raised).toBeUndefined();
    const down = await driver.run({ direction: "downgrade", revisions: ["b"], connection: database.connection });
    expect(down.raised).toBeUndefined();
  }
});

test("reads pyproject.toml", async () => {
  const { "alembic.ini": _, ...files } = alembicFiles({ a: revision("a", table("ta")) });
  const root = await writeFiles({
    ...files,
    "pyproject.toml": '[tool.alembic]\nscript_location = "%(here)s/migrations"\nprepend_sys_path = ["."]\n',
  });
  const database = await createDatabase();
  const driver = await drive({}, { directory: root, load: { config: `${root}/pyproject.toml`, format: "pyproject", root } });
  const result = await driver.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
  expect(result).toMatchObject({ expected: ["a"], steps: [{ statements: [{ file: "migrations/versions/a.py", line: 10 }] }] });
});

test("adds to sys.path what the command line adds, and the working directory at its end", async () => {
  const files = { ...alembicFiles({ a: revision("a", { head: "import sys; print(sys.path)" }) }), "helper.py": "" };
  const without = await drive(files);
  await without.loaded;
  await without.stop();
  expect(without.log).not.toContain("driver");
  expect(without.log).toMatch(/^\['[^']*\.zip', .*, '[^']*alembic-gate-test-\w+'\]$/);
  const withDot = await drive({ ...files, "alembic.ini": `${ini}prepend_sys_path = .\n` });
  await withDot.loaded;
  await withDot.stop();
  expect(withDot.log).toMatch(/^\['\.', /);
});

describe("a copy of the process", () => {
  const two = { a: revision("a", table("ta")), b: revision("b", { down: "a", ...table("tb") }) };

  test("runs beside the original, on a database of its own", async () => {
    const [first, second] = [await createDatabase(), await createDatabase()];
    const driver = await drive(alembicFiles(two));
    const copy = (await driver.copy())!;
    expect((await copy.loaded).order).toEqual(["a", "b"]);
    const run = (
      driver: Driver,
      direction: "upgrade" | "downgrade",
      revisions: string[],
      { connection }: { connection: Connection },
    ) => driver.run({ direction, revisions, connection });
    for (const [direction, revisions, tables] of [
      ["upgrade", ["a", "b"], ["ta", "tb"]],
      ["downgrade", ["b"], ["ta"]],
    ] as const) {
      const results = await Promise.all([
        run(driver, direction, [...revisions], first),
        run(copy, direction, [...revisions], second),
      ]);
      expect(results.map(({ raised, steps }) => [raised, steps.length])).toEqual([
        [undefined, revisions.length],
        [undefined, revisions.length],
      ]);
      for (const database of [first, second])
        expect(await database.query("select relname from pg_class where relname in ('ta', 'tb') order by 1")).toEqual(
          tables.map((relname) => ({ relname })),
        );
    }
    await copy.stop();
    expect(await run(driver, "upgrade", ["b"], first)).toMatchObject({ died: false, expected: ["b"] });
  });

  test("outlives the original, and can still print", async () => {
    const database = await createDatabase();
    const upgrade = 'op.execute("select pg_sleep(0.5)")\nprint("still here", flush=True)';
    const driver = await drive(alembicFiles({ a: revision("a", { upgrade }) }));
    const copy = (await driver.copy())!;
    const running = copy.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
    await driver.stop();
    expect(await running).toMatchObject({ died: false, expected: ["a"] });
    expect(copy.log).toContain("still here");
    await copy.stop();
  });

  test("is made when the next run has ended, with what env.py imports then", async () => {
    const [first, second] = [await createDatabase(), await createDatabase()];
    const env = `import os\nos.environ["RUNS"] = os.environ.get("RUNS", "") + "x"\nprint("runs", os.environ["RUNS"])\n${syncEnv()}`;
    const driver = await drive(alembicFiles(two, env));
    const later = driver.copyAfterRun();
    await driver.run({ direction: "upgrade", revisions: [], connection: first.connection });
    const [copy, other] = await Promise.all([later, driver.copy()]);
    expect(other).toBeDefined();
    expect(await copy!.run({ direction: "upgrade", revisions: ["a"], connection: second.connection })).toMatchObject({
      expected: ["a"],
    });
    expect(copy!.log).toContain("runs xx");
    await Promise.all([copy!.stop(), other!.stop()]);
  });

  test("that waits for a run is none where the process ends before", async () => {
    const driver = await drive(alembicFiles(two));
    const later = driver.copyAfterRun();
    await driver.stop();
    expect(await later).toBeUndefined();
  });

  test("is ended in the midst of a run without harm to the original", async () => {
    const database = await createDatabase();
    const driver = await drive(alembicFiles({ a: revision("a", { upgrade: 'op.execute("select pg_sleep(60)")' }) }));
    const copy = (await driver.copy())!;
    const running = copy.run({ direction: "upgrade", revisions: ["a"], connection: database.connection });
    await sleep(300);
    await copy.stop();
    expect(await running).toMatchObject({ died: true });
    expect(await driver.run({ direction: "upgrade", revisions: [], connection: database.connection })).toMatchObject({
      died: false,
    });
  });

  test("is not made of a project that runs threads", async () => {
    const head = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()";
    const driver = await drive(alembicFiles({ a: revision("a", { head }) }));
    expect(await driver.copy()).toBeUndefined();
    expect(await driver.copy()).toBeUndefined();
  });

  test("is made four times, and not more often", async () => {
    const driver = await drive(alembicFiles(two));
    const copies: (Driver | undefined)[] = [];
    for (let count = 0; count < 5; count++) copies.push(await driver.copy());
    expect(copies.map((copy) => copy !== undefined)).toEqual([true, true, true, true, false]);
    const databases = [await createDatabase(), await createDatabase()];
    const results = await Promise.all(
      copies
        .slice(0, 2)
        .map((copy, index) =>
          copy!.run({ direction: "upgrade", revisions: ["a", "b"], connection: databases[index]!.connection }),
        ),
    );
    expect(results.map(({ expected }) => expected)).toEqual([["b"], ["b"]]);
    await copies[0]!.stop();
    expect(
      await copies[1]!.run({ direction: "downgrade", revisions: ["b"], connection: databases[1]!.connection }),
    ).toMatchObject({ died: false, expected: ["a"] });
  });

  test("is not made of a process that is gone", async () => {
    const driver = await drive(alembicFiles(two));
    await driver.loaded;
    await driver.stop();
    expect(await driver.copy()).toBeUndefined();
  });
});
