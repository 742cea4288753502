/** The itinerary with projects that a test writes itself. */
import { inject, onTestFinished } from "vitest";
import { openScratch, type Scratch } from "../../src/postgres/scratch.ts";
import type { Server } from "../../src/postgres/server.ts";
import type { Evidence, Phase, PhaseId } from "../../src/run/evidence.ts";
import { travel, type Plan, type Ports } from "../../src/run/itinerary.ts";
import { driverFolder } from "../../src/run/process.ts";
import type { Seed } from "../../src/run/rows.ts";
import { openSqliteScratch } from "../../src/sqlite/scratch.ts";
import { alembicFiles, revision, type RevisionOptions } from "./alembic.ts";
import { drive, type Options } from "./driver.ts";

export type Revisions = Record<string, RevisionOptions>;

interface Project {
  /** What the base branch has, in files of its own where `fromBaseFiles` is set. */
  base: Revisions;
  /** What the pull request adds, or changes. */
  head?: Revisions;
  /** What it deletes. */
  deleted?: string[];
  env?: string;
  /** Files beside those of Alembic. */
  files?: Record<string, string>;
  /** Those that the base branch has otherwise. */
  baseFiles?: Record<string, string>;
  plan?: Partial<Plan>;
  /** Seconds after which a run hangs. */
  timeout?: number;
  driver?: Options;
  /** The project's own rows. */
  seed?: (scratch: Scratch) => Seed;
  /** Another server than the one of all tests. */
  server?: Server;
  /** A database made ahead that nobody needs, as the history's is where the process cannot be copied. */
  madeAhead?: true;
  /** The scratch databases are files of SQLite. */
  sqlite?: true;
}

const filesOf = (revisions: Revisions, { env, files }: Project) => ({
  ...alembicFiles(Object.fromEntries(Object.entries(revisions).map(([id, options]) => [id, revision(id, options)])), env),
  ...files,
});

/** Runs the itinerary; `phase` finds a phase of it. */
export async function runItinerary(project: Project): Promise<Evidence & { phase(id: PhaseId): Phase; progress: string[] }> {
  const { base, head = {}, deleted = [], plan, timeout = 20, sqlite } = project;
  const start = (revisions: Revisions, files: Record<string, string> = {}) =>
    drive({ ...filesOf(revisions, project), ...files }, { timeout, ...(sqlite && { load: { sqlite } }), ...project.driver });
  const after = Object.fromEntries(Object.entries({ ...base, ...head }).filter(([id]) => !deleted.includes(id)));
  const files = { python: [inject("pythons").default], driver: driverFolder(), directory: "/", env: process.env };
  const scratch = await (sqlite
    ? openSqliteScratch(files)
    : openScratch(project.server ?? { ...inject("postgres"), stop: async () => {} }));
  onTestFinished(() => scratch.close());
  const progress: string[] = [];
  const ports: Ports = {
    scratch,
    made: project.madeAhead ? [await scratch.create("main"), await scratch.create("history")] : [],
    head: () => start(after),
    ...(plan?.fromBaseFiles !== undefined && { base: () => start(base, project.baseFiles) }),
    ...(project.seed && { seed: project.seed(scratch) }),
    progress: (phase, step) => progress.push(step ? `${phase} · ${step.revision}` : phase),
  };
  const whole = {
    base: new Set(Object.keys(base)),
    fromBaseFiles: false,
    editedDowngrades: [],
    changed: [],
    scripts: [],
    speaksOfRoles: false,
    together: true,
    postgresIsMeant: true,
    ...plan,
  };
  const evidence = await travel(whole, ports);
  // A test may run several: a server has so many connections.
  await scratch.close();
  return { ...evidence, progress, phase: (id) => evidence.phases.find((phase) => phase.id === id)! };
}
