/** Boots the one Postgres that all test files share, and makes the Python environments; vitest calls it once. */
import type { TestProject } from "vitest/node";
import { makeEnvironment } from "../../scripts/python.js";
import { startServer, type Server } from "../../src/postgres/server.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: Omit<Server, "stop" | "another">;
    pythons: Record<"default" | "oldest" | "newest", string>;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  provide("pythons", { default: makeEnvironment(), oldest: makeEnvironment("oldest"), newest: makeEnvironment("newest") });
  const { stop, another: _, ...server } = await startServer({ choice: "auto", env: process.env });
  provide("postgres", server);
  return stop;
}
