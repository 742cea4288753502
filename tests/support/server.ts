/** Boots the one Postgres that all test files share, and makes the Python environments; vitest calls it once. */
import type { ProvidedContext } from "vitest";
import { execFileSync } from "node:child_process";
import type { TestProject } from "vitest/node";
import { makeEnvironment } from "../../scripts/python.js";
import { startServer, type Server } from "../../src/postgres/server.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: Omit<Server, "stop" | "another">;
    pythons: Record<"default" | "oldest" | "newest" | "sqlalchemy13" | "pre-commit", string>;
    /** The second part of their version: 13 for Python 3.13. */
    pythonMinor: number;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const names = ["default", "oldest", "newest", "sqlalchemy13", "pre-commit"] as const;
  provide("pythons", Object.fromEntries(names.map((name) => [name, makeEnvironment(name)])) as ProvidedContext["pythons"]);
  const minor = execFileSync(makeEnvironment(), ["-c", "import sys; print(sys.version_info[1])"], { encoding: "utf8" });
  provide("pythonMinor", Number(minor));
  const { stop, another: _, admin: __, ...server } = await startServer({ choice: "auto", env: process.env });
  provide("postgres", server);
  return stop;
}
