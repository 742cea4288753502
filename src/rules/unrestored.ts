/** What the way down did not bring back, and which revision is to blame for it. */
import type { Difference } from "../postgres/catalog.ts";
import type { Evidence, Phase } from "../run/evidence.ts";
import { bareName, mentions, phasesOf } from "./observed.ts";
import { creationOf, lastChangeOf } from "./tracing.ts";

/** Which revisions' effects were not undone: each once, the pull request's own phase first. */
export interface Unrestored {
  revision?: string;
  difference: Difference;
}

const key = ({ kind, name, change }: Difference): string => `${change} ${kind} ${name}`;

/**
 * What was not as before after the downgrades, with the revision whose downgrade() should have restored it.
 * A difference after one step counts only if it is still there at the end.
 */
export function unrestored(run: Evidence): Unrestored[] {
  const found: Unrestored[] = [];
  const downgrade = phasesOf(run, "downgrade")[0];
  for (const difference of downgrade?.compared?.differences ?? []) {
    const owner = downgrade!.unrestored.find(({ differences }) => differences.some((other) => key(other) === key(difference)));
    found.push({ revision: owner?.revision ?? ownerAmong(downgrade!, run, difference), difference });
  }
  // Where a downgrade of the pull request failed, each of them was tried by itself.
  const each = phasesOf(run, "history-each")[0];
  for (const { revision, differences } of each?.unrestored ?? [])
    found.push(...differences.filter((one) => !goesLater(each!, revision, one)).map((difference) => ({ revision, difference })));
  const known = new Set(found.map(({ difference }) => key(difference)));
  for (const difference of phasesOf(run, "history-downgrade")[0]?.compared?.differences ?? []) {
    if (known.has(key(difference))) continue;
    const origin = difference.change === "added" ? creationOf(run, difference) : lastChangeOf(run, difference);
    found.push({ revision: origin?.revision, difference });
  }
  return withoutRenames(found);
}

/** Whether the downgrade of an earlier revision deals with an object as well: what a later one leaves may be its business. */
function goesLater({ planned, steps }: Phase, revision: string, { name }: Difference): boolean {
  const earlier = new Set(planned.slice(0, planned.indexOf(revision)));
  const named = mentions(bareName(name));
  return steps.some((step) => earlier.has(step.revision) && step.statements.some(({ sql }) => named.test(sql)));
}

/**
 * Which of the pull request's revisions is to blame for a difference, where the states between them are not known.
 *
 * @param phase one of the pull request's own phases
 */
export function ownerAmong({ planned, steps }: Phase, run: Evidence, difference: Difference): string | undefined {
  const creator = creationOf(run, difference)?.revision;
  if (creator !== undefined && planned.includes(creator)) return creator;
  const named = mentions(bareName(difference.name));
  return steps.find(({ statements }) => statements.some(({ sql }) => named.test(sql)))?.revision ?? planned.at(-1);
}

/** Something that came back under another name is one thing that was not restored, and not one that is left over as well. */
function withoutRenames(found: Unrestored[]): Unrestored[] {
  const removed = found.filter(({ difference }) => difference.change === "removed" && difference.parent !== undefined);
  const isOther = ({ revision, difference }: Unrestored) =>
    difference.change === "added" &&
    removed.some(
      (other) =>
        other.revision === revision &&
        other.difference.kind === difference.kind &&
        other.difference.parent === difference.parent &&
        difference.kind !== "column",
    );
  return found.filter((item) => !isOther(item));
}

/** An enum label cannot be taken back, and an extension may have other users: what is left of these is worth a notice only. */
export const isMinor = ({ kind, change, properties }: Difference): boolean =>
  (kind === "extension" && change === "added") ||
  (kind === "enum type" && change === "changed" && properties.every(({ name }) => name === "labels"));
