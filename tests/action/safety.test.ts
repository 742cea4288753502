/** What a pull request's code is given, and what it leaves in the checkout. */
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { plain } from "../../src/text.ts";
import { pullRequestEvent, runAction } from "../support/action.ts";
import { revision } from "../support/alembic.ts";
import { makeCase } from "../support/made.ts";
import { git, makeRepository, type Repository } from "../support/repository.ts";
import { hasLandlock } from "../support/landlock.ts";
import { sharedUrl } from "../support/url.ts";

/** Runs the action on a pull request whose revision does this, and looks at the checkout afterwards. */
async function run<T>(upgrade: string, look: (repository: Repository) => Promise<T>, env: Record<string, string> = {}) {
  const made = await makeCase("shop", {
    "migrations/versions/5ad0be112233_new.py": revision("5ad0be112233", { down: "f4b8d60c1e27", upgrade }),
  });
  const repository = await makeRepository(made, { checkout: "merge" });
  try {
    const result = await runAction({
      folder: repository.folder,
      inputs: { python: inject("pythons").default, postgres: sharedUrl() },
      event: pullRequestEvent(repository),
      env,
    });
    return { ...result, seen: await look(repository) };
  } finally {
    await Promise.all([repository.remove(), made.remove()]);
  }
}

test.concurrent("no token of the runner is in the environment of the project's process, nor in that of a copy of it", async () => {
  const upgrade = `import os, pathlib
with open(os.environ["SEEN"], "ab") as seen:
    seen.write(pathlib.Path("/proc/self/environ").read_bytes() + b"\\0")`;
  const file = path.join(process.env.TMPDIR ?? "/tmp", `environ-${process.pid}`);
  const secrets = {
    GITHUB_TOKEN: "secret-1",
    GH_TOKEN: "secret-2",
    ACTIONS_RUNTIME_TOKEN: "secret-3",
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "secret-4",
    ACTIONS_RUNTIME_URL: "secret-5",
    PGPASSWORD: "secret-6",
  };
  const { seen, exitCode } = await run(upgrade, () => readFile(file, "latin1"), { ...secrets, SEEN: file, OWN: "kept" });
  await rm(file);
  expect(exitCode).toBe(0);
  const variables = seen.split("\0");
  expect(variables).toContain("OWN=kept");
  expect(
    variables.filter((variable) => /secret-|ghs_made_up|^INPUT_|^GITHUB_(ENV|PATH|OUTPUT|STATE|STEP_SUMMARY)=/.test(variable)),
  ).toEqual([]);
});

test.concurrent("what a revision writes into the checkout is named and goes, what it changes is named and stays", async () => {
  const upgrade = `import os
os.makedirs("instance/cache", exist_ok=True)
open("instance/cache/data.bin", "w").close()
open("app.log", "a").write("started")
open("README.md", "a").write("more")`;
  const { seen, report } = await run(upgrade, async ({ folder }) =>
    (await git(folder, "status", "--porcelain", "--ignored")).trim(),
  );
  expect(seen.split("\n").filter((line) => !line.includes("__pycache__"))).toEqual(["M README.md"]);
  const notes = report!.environments[0]!.notChecked.filter(({ what }) => what === "the working tree").map(({ reason }) =>
    plain(reason),
  );
  expect(notes).toEqual([
    "the project's code wrote app.log and instance/ while it ran, and the gate removed that again",
    "the project's code changed README.md while it ran, and that was left as it is",
  ]);
});

test.skipIf(!hasLandlock())("a program of a revision that calls out is a finding on its line", async () => {
  const upgrade = 'import subprocess\nsubprocess.run(["bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/443"])';
  const { report, exitCode } = await run(upgrade, async () => undefined);
  const findings = report!.environments[0]!.findings.map(({ rule, line, blocks }) => ({ rule, line, blocks }));
  expect(exitCode).toBe(1);
  expect(findings).toEqual([{ rule: "foreign-connection", line: 11, blocks: true }]);
});

test.concurrent("a revision that calls out is a finding on its line", async () => {
  const upgrade = 'import urllib.request\nurllib.request.urlopen("http://192.0.2.1/hook")';
  const { report, exitCode } = await run(upgrade, async () => undefined);
  const findings = report!.environments[0]!.findings.map(({ rule, line, blocks }) => ({ rule, line, blocks }));
  expect(exitCode).toBe(1);
  expect(findings).toContainEqual({ rule: "foreign-connection", line: 11, blocks: true });
});
