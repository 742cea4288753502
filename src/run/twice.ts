/** A short history goes up to B0 twice at once: with a processor to spare, the second database takes less time than a copy of the first. */
import type { Catalog } from "../postgres/catalog.ts";
import type { Database } from "../postgres/scratch.ts";
import type { Laboratory } from "./laboratory.ts";
import { phaseOf } from "./phase.ts";
import { firstDatabase, type Plan, type Ports } from "./plan.ts";

/** A database that stands at B0. */
export interface AtBase {
  database: Database;
  catalog: Catalog;
}

/**
 * SQL that runs before the revisions takes longer than a copy of what it has made.
 *
 * @param revisions how many the base branch has
 */
export const mayGoTwice = (
  {
    fromBaseFiles,
    slice,
    squash,
    scripts,
    baseline,
    twiceUpTo = -1,
  }: Pick<Plan, "fromBaseFiles" | "slice" | "squash" | "scripts" | "baseline" | "twiceUpTo">,
  { scratch, imported }: Pick<Ports, "scratch" | "imported">,
  revisions: number,
): boolean => {
  const isPlain = scripts.length === 0 && baseline === undefined && !imported && !fromBaseFiles && !slice && !squash;
  return scratch.inOne && isPlain && revisions > 0 && revisions <= twiceUpTo;
};

/** @returns undefined where B0 is not reached in this way */
export async function goUpTwice(
  lab: Laboratory,
  plan: Plan,
  ports: Ports,
  applied: readonly string[],
): Promise<AtBase | undefined> {
  const database = await firstDatabase(plan, ports, "rows");
  ports.scratch.expectReading?.(database);
  if (!(await lab.run(phaseOf("base", applied), database, { own: false }))) return undefined;
  return { database, catalog: await lab.snapshot(database) };
}
