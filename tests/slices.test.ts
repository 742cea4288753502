/** A history in slices, each judged by itself and put together again, says what is said of all of it at once. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { EnvironmentReport, Report } from "../src/finding.ts";
import { gate } from "../src/gate.ts";
import { mergeReports } from "../src/merge.ts";
import type { Given } from "../src/settings.ts";
import { plain } from "../src/text.ts";
import { alembicFiles, revision, type RevisionOptions } from "./support/alembic.ts";
import { table } from "./support/driver.ts";
import { git } from "./support/repository.ts";
import { sharedUrl } from "./support/url.ts";

let place: string;
beforeAll(async () => {
  place = await mkdtemp(path.join(tmpdir(), "slices-"));
});
afterAll(() => rm(place, { recursive: true }));

type Revisions = Record<string, RevisionOptions>;

const fails = 'op.execute("SELECT 1 / 0")';
const enumeration = (name: string, values = "'a', 'b'") => ({
  upgrade: `op.execute("CREATE TYPE ${name} AS ENUM (${values})")\nop.execute("CREATE TABLE of_${name} (id int, is_a ${name})")`,
  downgrade: `op.execute("DROP TABLE of_${name}")`,
});

/** A sequence that is left, and is no trouble when it is there again. */
const stays = (name: string) => ({
  upgrade: `op.execute("CREATE SEQUENCE IF NOT EXISTS ${name}")`,
  downgrade: 'op.execute("SELECT 1")',
});

/** r1 … rN, each with a table of its own, with some of them otherwise. */
function chain(length: number, other: Revisions = {}): Revisions {
  const ids = Array.from({ length }, (_, index) => `r${index + 1}`);
  const entries = ids.map((id, index) => [
    id,
    { ...(index > 0 && { down: ids[index - 1]! }), ...table(`t_${id}`), ...other[id] },
  ]);
  return Object.fromEntries(entries) as Revisions;
}

const written = (revisions: Revisions): Record<string, string> =>
  Object.fromEntries(Object.entries(revisions).map(([id, options]) => [id, revision(id, options)]));

const versions = (revisions: Revisions) =>
  Object.fromEntries(Object.entries(written(revisions)).map(([id, source]) => [`migrations/versions/${id}.py`, source]));

/** A checkout with the base branch's files on main, and the pull request's on a branch. */
async function checkout(before: Record<string, string>, after: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(path.join(place, "case-"));
  const write = async (files: Record<string, string>) => {
    for (const [file, content] of Object.entries(files)) {
      await mkdir(path.join(folder, path.dirname(file)), { recursive: true });
      await writeFile(path.join(folder, file), content);
    }
  };
  await write(before);
  await git(folder, "init", "--quiet");
  const commit = async (message: string) => {
    await git(folder, "add", "--all");
    await git(folder, "commit", "--quiet", "--allow-empty", "--message", message);
  };
  await commit("Base");
  await git(folder, "checkout", "--quiet", "-b", "pull-request");
  await write(after);
  await commit("Head");
  return folder;
}

async function run(cwd: string, given: Given = {}): Promise<Report> {
  const settings = { base: "main", postgres: sharedUrl(), python: inject("pythons").default, ...given };
  const world = { cwd, env: process.env, signal: new AbortController().signal, progress: () => {} };
  return (await gate(settings, world)).report;
}

/** What a report says, whatever the time it took. */
function said({ verdict, exitCode, headline, failures, environments }: Report) {
  const entry = ({ what, reason }: EnvironmentReport["notChecked"][number]) => `${what}: ${plain(reason)}`;
  return {
    verdict,
    exitCode,
    headline: plain(headline),
    failures,
    environments: environments.map(({ notChecked, phases, ...rest }) => ({
      ...rest,
      notChecked: notChecked.map(entry).sort(),
      phases: phases.map(({ id, outcome, stoppedAt }) => ({ id, outcome, stoppedAt })),
    })),
  };
}

const slicesOf = (folder: string, of: number, given: Given = {}): Promise<Report[]> =>
  Promise.all(Array.from({ length: of }, (_, index) => run(folder, { ...given, slice: `${index + 1}/${of}` })));

interface Told {
  base: Revisions;
  head?: Revisions;
  /** Other files that the base branch has, and that the pull request brings. */
  files?: [Record<string, string>, Record<string, string>];
  /** The rules that find something, so that no case is about nothing. */
  finds: string[];
  given?: Given;
  /** Into how many the history can be cut. */
  parts?: number;
}

const pull = { pr: { down: "r9", ...table("t_pr") } };

const cases: Record<string, Told> = {
  "downgrades that fail, refuse, are missing and do nothing": {
    base: chain(9, {
      r2: { downgrade: null },
      r3: { downgrade: fails },
      r5: { downgrade: "raise NotImplementedError()" },
      r6: { downgrade: fails },
      r8: { downgrade: "pass" },
      r9: { downgrade: fails },
    }),
    finds: ["downgrade-failed", "downgrade-failed", "downgrade-failed", "irreversible-downgrade", "missing-downgrade"],
  },
  "enum types that stay, one of the pull request's": {
    base: chain(9, { r3: enumeration("mood"), r4: enumeration("colour"), r8: enumeration("shape") }),
    head: { pr: { down: "r9", ...enumeration("size") } },
    finds: Array<string>(4).fill("leftover-after-downgrade"),
  },
  "enum types that stay above and below downgrades that fail": {
    base: chain(9, {
      r2: enumeration("mood"),
      r4: { downgrade: fails },
      r7: { head: "# alembic-gate: ignore[leftover-after-downgrade] -- who knows" },
      r8: enumeration("shape"),
    }),
    finds: ["downgrade-failed"],
  },
  "what goes with its table later on": {
    base: chain(9, {
      r8: { upgrade: 'op.create_index("ix_2", "t_r2", ["id"])', downgrade: "pass" },
      r5: { upgrade: 'op.create_index("ix_1", "t_r1", ["id"])', downgrade: "pass" },
    }),
    finds: [],
  },
  "a table that stays and keeps another one from going, above a downgrade that fails": {
    base: chain(9, {
      r8: { upgrade: 'op.execute("CREATE TABLE kept (id int REFERENCES t_r5)")', downgrade: "pass" },
      r5: {},
      r2: { downgrade: fails },
    }),
    finds: ["downgrade-failed", "downgrade-failed"],
  },
  "a type that another revision takes away": {
    base: chain(9, {
      r2: { ...table("t_r2"), downgrade: 'op.drop_table("t_r2")\nop.execute("DROP TYPE IF EXISTS shape")' },
      r8: enumeration("shape"),
    }),
    finds: [],
  },
  "a table that is only made where there is none": {
    base: chain(9, {
      r4: { upgrade: 'op.execute("CREATE TABLE IF NOT EXISTS odd (id int)")', downgrade: "pass" },
      r5: {
        upgrade: 'op.execute("ALTER TABLE odd ADD COLUMN IF NOT EXISTS more int DEFAULT 1")',
        downgrade: 'op.execute("ALTER TABLE odd ALTER more DROP DEFAULT")',
      },
    }),
    finds: ["missing-downgrade", "second-upgrade-differs"],
  },
  "branches that were merged": {
    base: {
      ...chain(4),
      x1: { down: "r4", ...enumeration("mood") },
      x2: { down: "x1", ...table("t_x2") },
      y1: { down: "r4", ...table("t_y1"), downgrade: fails },
      y2: { down: "y1", dependsOn: "x1", ...table("t_y2") },
      m: { down: ["x2", "y2"] },
      n1: { down: "m", ...table("t_n1") },
      n2: { down: "n1", ...table("t_n2"), downgrade: fails },
    },
    head: { pr: { down: "n2", ...table("t_pr") } },
    finds: ["downgrade-failed", "downgrade-failed"],
  },
  "an upgrade that fails": {
    base: chain(9, { r4: { downgrade: fails }, r5: { upgrade: fails } }),
    finds: ["missing-baseline"],
  },
  "a pull request that cannot go back": {
    base: chain(9, { r3: enumeration("mood"), r7: { downgrade: fails } }),
    head: { p1: { down: "r9", ...enumeration("shape") }, p2: { down: "p1", ...table("t_p2"), downgrade: fails } },
    finds: ["downgrade-failed", "leftover-after-downgrade", "downgrade-failed"],
  },
  "a pull request that breaks old downgrades": {
    base: chain(9, { r2: { downgrade: fails }, r5: { head: "import helper", downgrade: "helper.drop(op, 't_r5')" } }),
    files: [
      { "helper.py": "def drop(op, name):\n    op.drop_table(name)\n" },
      { "helper.py": "def drop(op, name):\n    raise ValueError(name)\n" },
    ],
    finds: ["downgrade-failed", "downgrade-failed"],
  },
  "a pull request that edits an old downgrade": {
    base: chain(9, { r2: { downgrade: fails }, r7: enumeration("shape") }),
    head: { ...pull, r3: { down: "r2", ...table("t_r3"), downgrade: fails } },
    finds: ["edited-revision", "downgrade-failed"],
    parts: 2,
  },
  "ignores in old revisions": {
    base: chain(9, {
      r2: { ...stays("first"), head: "# alembic-gate: ignore[leftover-after-downgrade] -- not here" },
      r5: stays("second"),
      r7: { head: "# alembic-gate: ignore[wat] -- nobody knows it" },
      r8: { head: "# alembic-gate: ignore[multiple-heads] -- there are none" },
    }),
    files: [
      {
        "alembic-gate.toml": ["r5", "r6"]
          .map((id) => `[[ignore]]\nrule = "leftover-after-downgrade"\nrevision = "${id}"\nreason = "meant"\n`)
          .join("\n"),
      },
      {},
    ],
    finds: [...Array<string>(2).fill("leftover-after-downgrade"), ...Array<string>(4).fill("unused-ignore")],
  },
};

describe.concurrent("slices put together", () => {
  test.for(Object.entries(cases))("%s", async ([, { base, head = pull, files = [{}, {}], finds, given, parts = 3 }]) => {
    const folder = await checkout({ ...alembicFiles(written(base)), ...files[0] }, { ...versions(head), ...files[1] });
    const [whole, slices] = await Promise.all([run(folder, given), slicesOf(folder, 3, given)]);
    expect(said(mergeReports(slices))).toEqual(said(whole));
    expect(whole.environments[0]!.findings.map(({ rule }) => rule).sort()).toEqual(finds.sort());
    expect(new Set(slices.map(({ environments }) => environments[0]!.slice!.cut!.parts))).toEqual(new Set([parts]));
  });
});
