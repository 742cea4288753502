/** Runs a project's migrations as the gate does, apart from what a test says of them. */
import { inject } from "vitest";
import { runMigrations, type Migrations } from "../../src/run/migrations.ts";
import { layer } from "../../src/settings.ts";
import { environment } from "./evidence.ts";

/** On the server of the suite, by default, as one that was given. */
export const runProject = (task: Pick<Migrations, "root" | "applied"> & Partial<Migrations>) =>
  runMigrations({
    environment,
    postgresIsMeant: true,
    interpreter: { command: [inject("pythons").default], version: "", alembic: "", sqlalchemy: "", how: "" },
    server: Promise.resolve({ ...inject("postgres"), stop: async () => {} }),
    settings: layer(),
    env: process.env,
    signal: new AbortController().signal,
    progress: () => {},
    tracked: async () => new Set(),
    ...task,
  });
