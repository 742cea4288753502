/** What other open pull requests add, asked for at most once for all environments and only where this one adds revisions. */
import { GitError } from "./history/git.ts";
import { fetchAside, readNeighbours, type Aside } from "./history/neighbours.ts";
import type { Project } from "./opening.ts";
import type { NotChecked } from "./finding.ts";
import type { FactsOf } from "./rules/rule.ts";
import { text } from "./text.ts";
import type { OpenPullRequests, World } from "./world.ts";

type Known = NonNullable<FactsOf["neighbours"]>;

export interface LazyNeighbours {
  /** @returns undefined where there is nobody to ask, or no reason to */
  of(target: Project["environments"][number], reading: Promise<FactsOf>): Promise<Known | undefined>;
  /** What was not looked at. */
  notChecked(): NotChecked[];
  remove(): Promise<void>;
}

export function neighboursFor({ git }: Pick<Project, "git">, { event, openPullRequests }: World): LazyNeighbours {
  let listing: Promise<OpenPullRequests> | undefined;
  let fetching: Promise<Aside> | undefined;
  const notChecked: NotChecked[] = [];
  const skip = (reason: NotChecked["reason"]) => {
    if (notChecked.length === 0) notChecked.push({ what: "other open pull requests", reason });
  };
  return {
    async of({ environment }, reading) {
      const { graph, history } = await reading;
      if (!git || !event || !openPullRequests || !graph.known || !history.known) return undefined;
      if (history.value.added.length === 0 || !graph.value.complete) return undefined;
      const listed = await (listing ??= openPullRequests());
      if (!listed.known) {
        skip(listed.reason);
        return listed;
      }
      const { pulls, more } = listed;
      if (more) skip(text`only the ${pulls.length} that were touched last are compared with this one`);
      if (pulls.length === 0) return { known: true, value: [] };
      try {
        const commits = pulls.map(({ head }) => head);
        const aside = await (fetching ??= fetchAside(git, event, commits));
        const { base } = history.value;
        return { known: true, value: await readNeighbours({ git, aside: aside.git, base, environment, pulls }) };
      } catch (error) {
        const said = error instanceof GitError ? error.stderr : String(error);
        const reason = text`their commits could not be fetched: ${said.split("\n", 1)[0]!}`;
        skip(reason);
        return { known: false, reason };
      }
    },
    notChecked: () => notChecked,
    async remove() {
      await (await fetching?.catch(() => undefined))?.remove();
    },
  };
}
