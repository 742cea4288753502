/** `alembic-gate plan`: what there is to check, as a job matrix for more machines than one. */
import { findBase, changedFiles } from "./history/base.ts";
import { openCheckout, openProject } from "./opening.ts";
import { concernsMigrations, type Environment } from "./project/environment.ts";
import { readArguments, type Given } from "./settings.ts";
import type { World } from "./world.ts";

/**
 * The arguments of `alembic-gate plan`: those of the gate, with `--postgres-version` as often as there are majors to check.
 *
 * @throws Failure (exit code 2) for an unknown flag or a bad value
 */
export function readPlanning(argv: readonly string[]): { given: Given; majors: number[] } {
  const majors: number[] = [];
  const rest: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!;
    if (argument !== "--postgres-version" && !argument.startsWith("--postgres-version=")) rest.push(argument);
    else {
      const own = argument.includes("=") ? [argument] : argv.slice(index++, index + 1);
      majors.push(readArguments(["check", ...own]).given["postgres-version"] as number);
    }
  }
  return { given: readArguments(["check", ...rest]).given, majors };
}

/** One job: inputs of the action, and a name that no other job has. */
export interface Planned {
  name: string;
  config: string;
  section: string;
  "postgres-version": string;
}

/**
 * The jobs: each environment that the pull request touches, on each major version.
 *
 * @param majors none: the version that each environment's settings or repository name
 */
export async function plan(given: Given, majors: readonly number[], world: World): Promise<{ include: Planned[] }> {
  const { git, environments, settings } = await openProject(given, await openCheckout(given, world));
  const base = git && settings.scope === "changed" ? await baseOf(git, given, world) : undefined;
  const files = git && base?.known ? await changedFiles(git, base.value) : undefined;
  const all = environments.map(({ environment }) => environment);
  const touched = all.filter((environment) => files?.some((file) => concerns(file, environment, all)) ?? true);
  const versions = majors.length > 0 ? majors.map(String) : [""];
  return {
    include: touched.flatMap((environment) =>
      versions.map((version) => ({
        name: `${environment.name}${version && ` on PostgreSQL ${version}`}`,
        // One that Python builds is named in the settings, and is the only one there.
        config: environment.factory === undefined ? environment.config : "",
        section: environment.factory === undefined ? environment.section : "",
        "postgres-version": version,
      })),
    ),
  };
}

/** Whether a file matters to an environment: those in the folders of another do not. */
function concerns(file: string, environment: Environment, all: readonly Environment[]): boolean {
  const holds = ({ scriptLocation, versionFolders }: Environment) =>
    [scriptLocation, ...versionFolders].some((folder) => folder !== "" && file.startsWith(`${folder}/`));
  return concernsMigrations(file, [environment]) && (holds(environment) || !all.some(holds));
}

function baseOf(git: Parameters<typeof findBase>[0]["git"], given: Given, { event }: World): ReturnType<typeof findBase> {
  return findBase({ git, ...(event && { event }), ...(typeof given.base === "string" && { base: given.base }) });
}
