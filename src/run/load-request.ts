/** How a process is told which environment to load. */
import path from "node:path";
import type { Environment } from "../project/environment.ts";
import type { Load } from "./protocol.ts";

/** What every request names. @param root absolute root of the files; @param x arguments of `-x` */
export const environmentToLoad = (environment: Environment, root: string, x: readonly string[]): Omit<Load, "type"> => ({
  config: path.join(root, environment.config),
  format: environment.format,
  section: environment.section,
  kind: environment.kind,
  ...(environment.factory !== undefined && { factory: environment.factory }),
  x: [...x],
  root,
});
