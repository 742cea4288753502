/** Boots the one Postgres that all test files share, and makes the Python environments; vitest calls it once. */
import type { ProvidedContext } from "vitest";
import type { TestProject } from "vitest/node";
import { makeEnvironment } from "../../scripts/python.js";
import { startServer, type Server } from "../../src/postgres/server.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: Omit<Server, "stop" | "another">;
    pythons: Record<"default" | "oldest" | "newest" | "sqlalchemy13", string>;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const names = ["default", "oldest", "newest", "sqlalchemy13"] as const;
  provide("pythons", Object.fromEntries(names.map((name) => [name, makeEnvironment(name)])) as ProvidedContext["pythons"]);
  const { stop, another: _, ...server } = await startServer({ choice: "auto", env: process.env });
  provide("postgres", server);
  return stop;
}
