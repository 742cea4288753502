/** Where the scratch databases of one run are: on a server of our own in one cluster, as long as none of them can meet another one there. */
import { clusterOn, openScratch, type Scratch, type ScratchOptions } from "../postgres/scratch.ts";
import type { Server } from "../postgres/server.ts";

export interface Areas {
  /** The itinerary's. */
  own(): Promise<Scratch>;
  /** One more, for what runs beside it. */
  another(): Promise<Scratch>;
  /** From now on each database gets a cluster of its own; what there is by now is given up. Nothing on a given server. */
  separate(): Promise<void>;
  /** Closes all but the itinerary's. */
  closeOthers(): Promise<void>;
  close(): Promise<void>;
}

interface AreasOptions extends Required<Omit<ScratchOptions, "together">> {
  /** Whether something is known that takes clusters of their own; where it cannot be known, they are taken. */
  apart: Promise<boolean>;
}

export function openAreas(server: Promise<Server>, { apart, say, signal }: AreasOptions): Areas {
  /** The one cluster; undefined where each database gets its own. */
  let cluster = findCluster(server, apart);
  cluster.catch(() => {});
  let own: Promise<Scratch> | undefined;
  const others: Promise<Scratch>[] = [];
  const open = async (options: ScratchOptions): Promise<Scratch> => {
    const one = await cluster;
    return openScratch(one ?? (await server), { ...options, together: one !== undefined, signal });
  };
  const close = async (scratches: Promise<Scratch>[]) => {
    for (const scratch of await Promise.allSettled(scratches)) if (scratch.status === "fulfilled") await scratch.value.close();
  };
  const closeOthers = () => close(others.splice(0));
  return {
    own: () => (own ??= open({ say })),
    another() {
      const scratch = open({});
      others.push(scratch);
      return scratch;
    },
    async separate() {
      if ((await cluster) === undefined) return;
      cluster = Promise.resolve(undefined);
      others.push(...(own ? [own] : []));
      own = undefined;
      await closeOthers();
    },
    closeOthers,
    async close() {
      await close([...(own ? [own] : []), ...others.splice(0)]);
      // The first one ends with the whole run.
      const [one, first] = await Promise.all([cluster.catch(() => undefined), server.catch(() => undefined)]);
      if (one && one !== first) await one.stop();
    },
  };
}

async function findCluster(server: Promise<Server>, apart: Promise<boolean>): Promise<Server | undefined> {
  const [running, alone] = await Promise.all([server, apart.catch(() => true)]);
  return running.another && !alone ? clusterOn(running) : undefined;
}
