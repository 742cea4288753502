/**
 * The way down and up of one slice of a long history, where several machines share it.
 *
 * Slice 1 is the newest: it has the pull request's own phases, and goes down from head to its bottom. Each other one goes up to its top
 * and takes the part below that. A slice begins with the schema that upgrades alone give; the way down of the whole history comes by
 * there with the same schema as long as nothing above has left anything. So a slice that leaves something which revisions below it
 * might meet goes on down to base: it then has seen what the whole history shows from there.
 */
import type { Catalog, Difference } from "../postgres/catalog.ts";
import type { Database } from "../postgres/scratch.ts";
import { cutsBelow, cutsOf, partsOf, type Part } from "../project/slices.ts";
import { text, type Text } from "../text.ts";
import type { Driver } from "./driver.ts";
import type { Phase, SliceEvidence } from "./evidence.ts";
import { historyDown } from "./history.ts";
import type { Laboratory } from "./laboratory.ts";
import type { watchModels } from "./models.ts";
import { phaseOf } from "./phase.ts";
import { sliceReason } from "./slice-reason.ts";

/** Which slice is asked for: the `number`th of `of`, 1-based. */
export interface Slice {
  number: number;
  of: number;
  /** The base branch has it as it is: of the others the newest slice sees all there is to see. */
  isUntouched(revision: string): boolean;
  /** What the file of a revision holds. */
  sourceOf(revision: string): string | undefined;
}

type Loaded = Pick<Awaited<Driver["loaded"]>, "order" | "revisions">;

interface OwnPart extends Part {
  /** It ends at head, and has the pull request's own phases. */
  isNewest: boolean;
  /** Absent where the history is not cut. */
  slice?: SliceEvidence;
  /** Why other parts are not run. */
  reason: Text;
  sourceOf?: Slice["sourceOf"];
}

/**
 * Finds the part of the history that this machine runs. Every job of a matrix cuts it alike.
 *
 * @param order those to run, from the bases up
 * @param before what the base branch's own files say, where they are run
 */
export function partOf(asked: Slice | undefined, { order, revisions }: Loaded, before?: Loaded): OwnPart {
  if (!asked) return { own: [...order], lower: [], isNewest: true, reason: text`all of it is run` };
  const { number, of, sourceOf, isUntouched } = asked;
  let cuts = cutsBelow(cutsOf(order, revisions), order, isUntouched);
  if (before) {
    const theirs = new Set(cutsOf(before.order, before.revisions));
    const isSame = (cut: number) => {
      const below = new Set(before.order.slice(0, cut));
      return order.slice(0, cut).every((id) => below.has(id));
    };
    cuts = cuts.filter((cut) => theirs.has(cut) && isSame(cut));
  }
  const parts = partsOf(order, cuts, of);
  const part = parts[number - 1] ?? { own: [], lower: [] };
  const bottom = part.lower.at(-1);
  const slice = { number, of, parts: parts.length, revisions: part.own, ...(bottom !== undefined && { bottom }) };
  return { ...part, isNewest: number === 1, slice, reason: sliceReason(slice), sourceOf };
}

/** In place of watchModels for the slices that do not reach head: the newest one compares the models. */
export const watchNone: typeof watchModels = () => ({
  copyIsFree: Promise.resolve(),
  cameBack: async () => {},
  settle: async () => {},
});

/** Where the history that is judged ends below. */
export interface Floor {
  /** Goes up as a laboratory does, with a look at the catalog on the way. */
  climb(lab: Laboratory, phase: Phase, database: Database, options: { own: boolean }): Promise<boolean>;
  /** Goes down, and on to base where that shows more. True: it came to its end. */
  descend(lab: Laboratory, database: Database, phase: Phase): Promise<boolean>;
  /** A copy of the database as it was there on the way up; undefined where nothing is below. */
  kept(): Database | undefined;
}

/**
 * @param part of which the lower revisions are below the floor
 * @param empty the catalog with no revision at all
 * @param keep copies the database there
 */
export function floorOf(
  { lower, sourceOf }: Pick<OwnPart, "lower" | "sourceOf">,
  empty: Catalog,
  keep?: (database: Database) => Promise<Database>,
): Floor {
  if (lower.length === 0) {
    return {
      climb: (lab, phase, database, options) => lab.run(phase, database, options),
      descend: async (lab, database, phase) => (await historyDown(lab, database, phase, empty)) !== undefined,
      kept: () => undefined,
    };
  }
  const below = new Set(lower);
  let floor = empty;
  let kept: Database | undefined;
  return {
    climb: (lab, phase, database, options) =>
      climbBy(below, lab, phase, database, options, async () => {
        floor = await lab.snapshot(database);
        kept = await keep?.(database);
      }),
    kept: () => kept,
    async descend(lab, database, phase) {
      const ended = (await historyDown(lab, database, phase, floor)) !== undefined;
      if (phase.compared) phase.compared.with = "the first upgrade";
      if (
        !ended ||
        standsApart(
          phase.compared?.differences ?? [],
          lower.map((id) => sourceOf?.(id)),
        )
      )
        return ended;
      const rest = phaseOf("history-downgrade", [...lower].reverse());
      const arrived = (await historyDown(lab, database, rest, empty)) !== undefined;
      Object.assign(phase, continued(phase, rest));
      return arrived;
    },
  };
}

/** Goes up with a stop after the revisions `below`. */
export async function climbBy(
  below: ReadonlySet<string>,
  lab: Laboratory,
  phase: Phase,
  database: Database,
  options: { own: boolean },
  stop: () => Promise<void>,
): Promise<boolean> {
  const first = { ...phase, planned: phase.planned.filter((id) => below.has(id)) };
  const second = { ...phase, planned: phase.planned.filter((id) => !below.has(id)) };
  const arrived = await lab.run(first, database, options);
  if (arrived) await stop();
  const ended = arrived && (await lab.run(second, database, options));
  const { planned } = phase;
  Object.assign(phase, arrived ? continued(first, second) : first, { planned });
  return ended;
}

/** Two phases, one after the other, as one. */
export const continued = (first: Phase, second: Phase): Phase => ({
  ...second,
  planned: [...first.planned, ...second.planned],
  steps: [...first.steps, ...second.steps],
  seconds: first.seconds + second.seconds,
});

/** Kinds of objects that no other one has to make way for. */
const ALONE = new Set(["enum type", "sequence", "schema", "extension"]);

/** What may take away anything, whatever its name. */
const SWEEPING =
  /drop_all|\breflect|get_enums|\bpg_(?:catalog|class|type|enum|namespace|sequences?|extension)\b|information_schema|\bdrop\s+(?:owned|schema|extension)\b/i;

/**
 * Whether what a way down has left is nothing to the revisions further down: objects of their own that none of their files names.
 *
 * @param sources the files of those revisions; undefined where one is not known
 */
export function standsApart(differences: readonly Difference[], sources: readonly (string | undefined)[]): boolean {
  if (differences.length === 0) return true;
  const alone = differences.every(({ change, kind, parent }) => change === "added" && parent === undefined && ALONE.has(kind));
  const names = differences.map(({ name }) => name.split(".").at(-1)!.replaceAll('"', "").toLowerCase());
  return (
    alone &&
    sources.every((source) => {
      const words = source?.toLowerCase();
      return words !== undefined && !SWEEPING.test(words) && !names.some((name) => words.includes(name));
    })
  );
}
