/** Whatever ends: one clear message, exit code 3, and nothing is left behind. The server is one of the gate's own. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, inject, test } from "vitest";
import type { Report } from "../../src/finding.ts";
import { plain } from "../../src/text.ts";
import { actionNode, pullRequestEvent, runAction } from "../support/action.ts";
import { revision, syncEnv, type RevisionOptions } from "../support/alembic.ts";
import { root } from "../support/fixtures.ts";
import { makeCase } from "../support/made.ts";
import { makeRepository } from "../support/repository.ts";

/** Python that can end the processes around it: the gate, or the server of a connection. */
const HELPERS = `import os, pathlib, signal, time
def parent(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
def gate():
    pid = os.getpid()
    while b"action.js" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
        pid = parent(pid)
    return pid
def nth(place, number):
    # Two processes may come at once: what is appended tells each its own place.
    with pathlib.Path(os.environ["CALLS"], place).open("ab", buffering=0) as calls:
        calls.write(b"x")
        return calls.tell() == number
def interrupt(place, number=1):
    if nth(place, number):
        os.kill(gate(), signal.SIGTERM)
        time.sleep(60)
`;

interface Project {
  old?: RevisionOptions;
  added?: RevisionOptions;
  env?: string;
  /** So many revisions that do nothing stand between the two. */
  between?: number;
}

const TABLE = (name: string) => ({
  upgrade: `op.execute("CREATE TABLE ${name} (id int)")`,
  downgrade: `op.execute("DROP TABLE ${name}")`,
});

/** A pull request of one revision on top of an old one, as files. */
async function make({ old = {}, added = {}, env = syncEnv(), between = 0 }: Project, checkout: "merge" | "branch" = "merge") {
  const changed = (options: RevisionOptions, name: string): RevisionOptions => {
    const { upgrade, downgrade } = TABLE(name);
    return {
      ...options,
      head: `from disasters import *\n${options.head ?? ""}`,
      upgrade: `${options.upgrade ?? "pass"}\n${upgrade}`,
      downgrade: `${options.downgrade ?? "pass"}\n${downgrade}`,
    };
  };
  const ids = ["0123456789ab", ...Array.from({ length: between }, (_, at) => `between${at}`)];
  const idle = ids.slice(1).map((id, at) => [`migrations/versions/${id}.py`, revision(id, { down: ids[at]! })]);
  const made = await makeCase(
    "shop",
    { "migrations/versions/5ad0be112233_new.py": revision("5ad0be112233", { down: ids.at(-1)!, ...changed(added, "fresh") }) },
    {
      ...Object.fromEntries(idle),
      "migrations/versions/0123456789ab_old.py": revision("0123456789ab", { down: "f4b8d60c1e27", ...changed(old, "stale") }),
      "migrations/env.py": env,
      "disasters.py": HELPERS,
    },
  );
  const repository = await makeRepository(made, { checkout });
  return { repository, remove: () => Promise.all([repository.remove(), made.remove()]) };
}

/** Runs the action; what it says of itself. */
async function run(project: Project) {
  const { repository, remove } = await make(project);
  const calls = await mkdtemp(path.join(tmpdir(), "calls-"));
  try {
    const result = await runAction({
      folder: repository.folder,
      inputs: { python: inject("pythons").default },
      event: pullRequestEvent(repository),
      env: { CALLS: calls },
    });
    const { exitCode, left, leaked, report, annotations } = result;
    return {
      exitCode,
      left,
      leaked,
      failures: failuresOf(report),
      errors: annotations.filter(({ level }) => level === "error").length,
      calls: await readdir(calls),
    };
  } finally {
    await Promise.all([remove(), rm(calls, { recursive: true })]);
  }
}

const failuresOf = (report?: Report) => report?.failures.map(({ message }) => plain(message));
const gone = { exitCode: 3, left: [], leaked: "", errors: 1 };

describe("SIGTERM", () => {
  const fails = 'op.execute("SELECT 1 / 0")';
  const head = (place: string) => ({ head: `interrupt("${place}")` });
  test.concurrent.for<[string, Project]>([
    ["while the project loads", { added: head("load") }],
    [
      "in env.py",
      { env: `import os, sys\nsys.path.insert(0, os.getcwd())\nfrom disasters import *\ninterrupt("env")\n${syncEnv()}` },
    ],
    ["in the base branch's revisions", { old: { upgrade: 'interrupt("old-up")' } }],
    ["on the way up", { added: { upgrade: 'interrupt("up")' } }],
    ["on the way up for the second time", { added: { upgrade: 'interrupt("up", 2)' } }],
    ["on the way up for the third time", { added: { upgrade: 'interrupt("up", 3)' } }],
    ["on the way down", { added: { downgrade: 'interrupt("down")' } }],
    ["on the way down for the second time", { added: { downgrade: 'interrupt("down", 2)' } }],
    ["in the history", { old: { downgrade: 'interrupt("old-down")' } }],
    ["in the lower half of a long history", { old: { downgrade: 'interrupt("old-down")' }, between: 200 }],
    ["while each downgrade is tried", { old: { downgrade: `interrupt("old-down", 1)` }, added: { downgrade: fails } }],
  ])("%s", async ([, project]) => {
    const { calls, failures, ...result } = await run(project);
    expect(result).toEqual(gone);
    expect(failures).toEqual(["The gate was interrupted (SIGTERM) and has cleaned up."]);
    expect(calls).toHaveLength(1);
  });
});

describe("what is not the project's fault", () => {
  const server = `server = parent(op.get_bind().exec_driver_sql("SELECT pg_backend_pid()").scalar())`;
  test.concurrent.for<[string, Project, string]>([
    [
      "the server is killed",
      { added: { upgrade: `${server}\nos.kill(server, signal.SIGKILL)\ntime.sleep(0.5)` } },
      "PostgreSQL ended in the midst of the run",
    ],
    [
      "the server is shut down",
      { added: { upgrade: `${server}\nos.kill(server, signal.SIGINT)\ntime.sleep(1)` } },
      "PostgreSQL ended in the midst of the run",
    ],
    [
      "the server is killed on the way down",
      { old: { downgrade: `${server}\nos.kill(server, signal.SIGKILL)\ntime.sleep(0.5)` } },
      "PostgreSQL ended in the midst of the run",
    ],
    [
      "the driver is killed",
      { added: { upgrade: "os.kill(os.getpid(), signal.SIGKILL)" } },
      "The Python process of the project was ended by SIGKILL",
    ],
    [
      "the driver is killed while it loads",
      { added: { head: "os.kill(os.getpid(), signal.SIGKILL)" } },
      "The Python process of the project was ended by SIGKILL",
    ],
  ])("%s", async ([, project, message]) => {
    const { failures, calls: _, ...result } = await run(project);
    expect(result).toEqual(gone);
    expect(failures).toEqual([expect.stringContaining(message)]);
  });
});

// It mounts over /dev/shm, where this checkout must not lie.
const mayMount =
  process.getuid?.() === 0 &&
  !root.startsWith("/dev/shm/") &&
  spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

test.skipIf(!mayMount)("a disk that is full", async () => {
  const fill = `op.execute("CREATE TABLE filled AS SELECT repeat(md5(n::text), 20) AS t FROM generate_series(1, 400000) n")`;
  const { repository, remove } = await make({ added: { upgrade: fill } }, "branch");
  const place = await mkdtemp(path.join(tmpdir(), "disk-"));
  try {
    // The server runs as nobody.
    await chmod(place, 0o755);
    await mkdir(path.join(place, "tmp"));
    const gate = [
      actionNode(),
      path.join(root, "dist/cli.js"),
      "--format",
      "json",
      "--base",
      "main",
      "--python",
      inject("pythons").default,
    ];
    const script = `mount -t tmpfs -o size=8m tmpfs /dev/shm && mount -t tmpfs -o size=160m,mode=1777 tmpfs ${place}/tmp && "$@"; status=$?; ls -A ${place}/tmp >&2; exit $status`;
    const { status, stdout, stderr } = spawnSync("unshare", ["-m", "sh", "-c", script, "sh", ...gate], {
      cwd: repository.folder,
      env: { PATH: process.env.PATH, HOME: place, TMPDIR: `${place}/tmp`, CALLS: place },
      encoding: "utf8",
    });
    expect(failuresOf(JSON.parse(stdout) as Report)).toEqual(["The throwaway PostgreSQL has no disk left on this machine."]);
    expect({ status, left: stderr }).toEqual({ status: 3, left: "" });
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain(`${place}/tmp`);
  } finally {
    await Promise.all([remove(), rm(place, { recursive: true, force: true })]);
  }
});
