/** How a process is told which environment to load. */
import path from "node:path";
import type { Environment } from "../project/environment.ts";
import type { Settings } from "../settings.ts";
import type { Load } from "./protocol.ts";

/** What every request names. @param root absolute root of the files */
export const environmentToLoad = (
  environment: Environment,
  root: string,
  { x, allowHosts }: Pick<Settings, "x" | "allowHosts">,
): Omit<Load, "type"> => ({
  config: path.join(root, environment.config),
  format: environment.format,
  section: environment.section,
  kind: environment.kind,
  ...(environment.factory !== undefined && { factory: environment.factory }),
  x: [...x],
  root,
  ...(allowHosts.length > 0 && { allowed: allowHosts }),
});
