/** `alembic-gate hook FILE…`: what a hook of pre-commit judges, the environments that the files belong to. */
import path from "node:path";
import { openCheckout, openProject } from "./opening.ts";
import { isBelow } from "./project/location.ts";
import type { Given } from "./settings.ts";
import type { World } from "./world.ts";

/**
 * What to judge, statically: the environments in whose folders the files lie; all of them where the files lie elsewhere.
 *
 * @param files as pre-commit gives them, from the current folder
 * @throws Failure (exit code 2) where there is no environment
 */
export async function hooked(given: Given, files: readonly string[], world: World): Promise<Given> {
  const checkout = await openCheckout(given, world);
  const { environments } = await openProject(given, checkout);
  const changed = files.map((file) => path.relative(checkout.root, path.resolve(world.cwd, file)).split(path.sep).join("/"));
  const touched = environments.filter(({ environment: { config, scriptLocation, versionFolders } }) =>
    changed.some((file) => file === config || [scriptLocation, ...versionFolders].some((folder) => isBelow(file, folder))),
  );
  const configs = [...new Set(touched.map(({ environment }) => environment.config))];
  return { ...given, static: true, ...(configs.length > 0 && { config: configs }) };
}
