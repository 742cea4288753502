/** Which open pull requests have two heads by a push: told from files alone. */
import { findBase, type GitEvent } from "./history/base.ts";
import { readHistory } from "./history/history.ts";
import { fetchAside, readNeighbours, type OpenPullRequest } from "./history/neighbours.ts";
import { openCheckout, openProject } from "./opening.ts";
import { collision } from "./rules/colliding-pull-request.ts";
import type { Given } from "./settings.ts";

/** A pull request that was sound before the push. */
export interface Turned {
  number: number;
  environment: string;
  /** Its own head. */
  head: string;
  /** Those that the branch has since the push. */
  heads: readonly string[];
}

/**
 * Compares what a push brought with what each pull request adds.
 *
 * @param cwd the checkout of what was pushed
 * @throws Failure or GitError where the commits before or of the pull requests cannot be had
 */
export async function turnedBy(event: GitEvent, pulls: readonly OpenPullRequest[], given: Given, cwd: string): Promise<Turned[]> {
  const checkout = await openCheckout(given, { cwd });
  const { git } = checkout;
  if (!git || pulls.length === 0) return [];
  const base = await findBase({ git, event, ...(typeof given.base === "string" && { base: given.base }) });
  if (!base.known) return [];
  const { tree, environments } = await openProject(given, checkout);
  const sides = await Promise.all(
    environments.map(async ({ environment, settings }) => ({
      environment,
      ...(await readHistory({ git, base: base.value, tree, environment, released: settings.released })),
    })),
  );
  const pushed = sides.filter(({ history }) => history.added.length > 0);
  if (pushed.length === 0) return [];
  const commits = pulls.map(({ head }) => head);
  const aside = await fetchAside(git, event, commits);
  try {
    const turned: Turned[] = [];
    for (const { environment, graph, history } of pushed) {
      const neighbours = await readNeighbours({ git, aside: aside.git, base: base.value, environment, pulls });
      for (const neighbour of neighbours) {
        const both = collision(neighbour, graph, history.graph);
        if (both) turned.push({ number: neighbour.number, environment: environment.name, head: both.head, heads: graph.heads });
      }
    }
    return turned;
  } finally {
    await aside.remove();
  }
}
