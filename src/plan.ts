/** `alembic-gate plan`: what there is to check, as a job matrix for more machines than one. */
import { findBase, changedFiles, type BaseFact } from "./history/base.ts";
import type { Git } from "./history/git.ts";
import { isUntouched, readHistory } from "./history/history.ts";
import { openCheckout, openProject, type Project } from "./opening.ts";
import { concernsMigrations, type Environment } from "./project/environment.ts";
import { cutsBelow, cutsOf, headersOf, partsOf } from "./project/slices.ts";
import { readArguments, type Given } from "./settings.ts";
import { code, count, text, type Text } from "./text.ts";
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
  /** `2/4`; "" where the history is not cut. */
  slice: string;
}

/**
 * The jobs: each slice of the history of each environment that the pull request touches, on each major version.
 *
 * @param majors none: the version that each environment's settings or repository name
 * @param say told of a history that cannot be cut into as many slices as it is long
 */
export async function plan(
  given: Given,
  majors: readonly number[],
  world: World,
  say: (note: Text) => void,
): Promise<{ include: Planned[] }> {
  const { git, tree, environments, settings } = await openProject(given, await openCheckout(given, world));
  const base = git && settings.scope === "changed" ? await baseOf(git, given, world) : undefined;
  const files = git && base?.known ? await changedFiles(git, base.value) : undefined;
  const all = environments.map(({ environment }) => environment);
  const touched = environments.filter(({ environment }) => files?.some((file) => concerns(file, environment, all)) ?? true);
  const versions = majors.length > 0 ? majors.map(String) : [""];
  const jobs = touched.map(async (target) => {
    const { environment } = target;
    const slices = await slicesOf(target, { git, tree }, base, say);
    return versions.flatMap((version) =>
      slices.map((slice) => ({
        name: `${environment.name}${version && ` on PostgreSQL ${version}`}${slice && `, slice ${slice}`}`,
        // One that Python builds is named in the settings, and is the only one there.
        config: environment.factory === undefined ? environment.config : "",
        section: environment.factory === undefined ? environment.section : "",
        "postgres-version": version,
        slice,
      })),
    );
  });
  return { include: (await Promise.all(jobs)).flat() };
}

/** The slices of a history: `1/4` and so on, or "" alone where it is short. */
async function slicesOf(
  { environment, settings }: Project["environments"][number],
  { git, tree }: Pick<Project, "git" | "tree">,
  base: BaseFact | undefined,
  say: (note: Text) => void,
): Promise<string[]> {
  if (settings.static || !git || !base?.known) return [""];
  const { graph, history } = await readHistory({
    git,
    base: base.value,
    tree,
    environment,
    released: settings.released,
    skim: true,
  });
  const { order, headers } = headersOf(graph);
  const wanted = Math.ceil(order.length / settings.sliceRevisions);
  const cuts = cutsBelow(cutsOf(order, headers), order, (id) => isUntouched(id, history));
  let slices = wanted;
  while (slices > 1 && partsOf(order, cuts, slices).length < slices) slices--;
  if (slices < wanted) {
    const why = text`every way up has to pass through the revision where it is cut, and the pull request must change none below that`;
    say(
      text`The history of ${code(environment.name)} has ${count(order.length, "revision")}, and can be cut into ${count(slices, "slice")} instead of ${wanted}: ${why}.`,
    );
  }
  return slices === 1 ? [""] : Array.from({ length: slices }, (_, index) => `${index + 1}/${slices}`);
}

/** Whether a file matters to an environment: those in the folders of another do not. */
function concerns(file: string, environment: Environment, all: readonly Environment[]): boolean {
  const holds = ({ scriptLocation, versionFolders }: Environment) =>
    [scriptLocation, ...versionFolders].some((folder) => folder !== "" && file.startsWith(`${folder}/`));
  return concernsMigrations(file, [environment]) && (holds(environment) || !all.some(holds));
}

function baseOf(git: Git, given: Given, { event }: World): Promise<BaseFact> {
  return findBase({ git, ...(event && { event }), ...(typeof given.base === "string" && { base: given.base }) });
}
