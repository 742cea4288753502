import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edited } from "../src/edits.ts";
import { fix } from "../src/fix.ts";
import { loadCase } from "./support/fixtures.ts";
import { git, makeRepository } from "./support/repository.ts";
import { makeEnvironment } from "../scripts/python.js";

const world = () => ({ env: process.env, signal: new AbortController().signal, progress: () => {} });

/** Runs the command on a fixture and tells what it said, and what git then sees. */
async function fixing(name: string, options: { yes: boolean; merge: boolean }) {
  const repository = await makeRepository(loadCase(name), { checkout: "branch" });
  try {
    const given = { base: "main", python: makeEnvironment() };
    const said = await fix(given, options, { ...world(), cwd: repository.folder });
    const after = await fix(given, { yes: false, merge: false }, { ...world(), cwd: repository.folder });
    return {
      said,
      after,
      diff: await git(repository.folder, "diff"),
      untracked: await git(repository.folder, "status", "--porcelain"),
    };
  } finally {
    await repository.remove();
  }
}

describe("two heads", () => {
  test("the difference is shown, and nothing is written", async () => {
    const { said, diff } = await fixing("two-heads", { yes: false, merge: false });
    expect(said).toContain('+down_revision = "f4b8d60c1e27"');
    expect(said).toContain("add --yes");
    expect(diff).toBe("");
  });

  test("--yes writes the parent and the line of the docstring, and nothing else", async () => {
    const { after, diff } = await fixing("two-heads", { yes: true, merge: false });
    const changed = diff.split("\n").filter((line) => /^[-+](?![-+])/.test(line));
    expect(changed).toEqual([
      "-Revises: e72a9c3d5b16",
      "+Revises: f4b8d60c1e27",
      '-down_revision = "e72a9c3d5b16"',
      '+down_revision = "f4b8d60c1e27"',
    ]);
    expect(after).toBe("Nothing to fix.\n");
  });

  test("--merge has the project's own alembic write the merge revision", async () => {
    const { said, after, untracked } = await fixing("two-heads", { yes: true, merge: true });
    expect(said).toContain("merge -m merge heads");
    expect(untracked).toMatch(/^\?\? migrations\/versions\/[0-9a-f]+_merge_heads\.py$/m);
    expect(after).toBe("Nothing to fix.\n");
  });
});

test("a sound project has nothing to fix", async () => {
  const { said } = await fixing("clean-two-revisions", { yes: true, merge: false });
  expect(said).toBe("Nothing to fix.\n");
});

test("edits are made wherever they stand, and refused where something else stands there", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fc.string()), { minLength: 1 }), fc.string(), (pairs, rest) => {
      let source = "";
      const edits = pairs.map(([expected, insert]) => {
        const start = source.length;
        source += `${expected}|`;
        return { file: "a.py", start, end: start + expected.length, expected, insert };
      });
      expect(edited(source + rest, edits)).toBe(pairs.map(([, insert]) => `${insert}|`).join("") + rest);
      expect(edited(`x${source.slice(1)}`, [{ file: "a.py", start: 0, end: 1, expected: "y", insert: "" }])).toBeUndefined();
    }),
  );
});
