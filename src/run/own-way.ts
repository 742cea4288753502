/**
 * The pull request's revisions on B0: up, down and up again, as the project runs them; and beside it on a copy with rows.
 *
 * Which tables need rows is known as soon as the revisions have gone up anywhere: here, or at the end of the whole history beside.
 */
import type { Catalog } from "../postgres/catalog.ts";
import { compareCatalogs } from "../postgres/compare.ts";
import type { Database } from "../postgres/scratch.ts";
import { text } from "../text.ts";
import type { Evidence, Phase } from "./evidence.ts";
import type { Running } from "./history.ts";
import type { Laboratory } from "./laboratory.ts";
import type { watchModels } from "./models.ts";
import { compared, isSuspicious, phaseOf } from "./phase.ts";
import type { RowsRun, Upgraded } from "./rows.ts";
import { watchStates, type States } from "./states.ts";

type Watch = ReturnType<typeof watchModels>;

interface OwnWay {
  lab: Laboratory;
  evidence: Evidence;
  /** Stands at B0. */
  main: Database;
  b0: Catalog;
  /** The pull request's, in the order in which they go up. */
  added: readonly string[];
  phases: Record<"upgrade" | "downgrade" | "again", Phase>;
  /** What is between the revisions can be seen. */
  between: boolean;
  /** The whole history beside it. */
  history: Running | undefined;
  /** The same with rows, and what runs it; on `lab`, when that has nothing else to do, where there is no other. */
  rows: RowsRun | undefined;
  rowsLab: Laboratory | undefined;
  /** Called when head is reached. `sameTop`: where the history beside has got to, if that is the same. */
  atHead(sameTop: Awaited<Running["top"]>): Promise<Watch>;
  /** Makes B0 once more; undefined where that fails, or nothing can be seen in a second one. */
  b0Again(): Promise<Database | undefined>;
  drop(database: Database): Promise<void>;
}

interface Way {
  head: Catalog;
  /** The database stands at head, as it did the first time. */
  isAtHead: boolean;
  /** Where the history beside has got to, if that is the same. */
  sameTop: Awaited<Running["top"]>;
  models: Watch;
  /** What is known of the states between the revisions. */
  changesSince: States["changesSince"];
}

/** @returns undefined where the upgrade failed */
export async function goOwnWay(way: OwnWay): Promise<Way | undefined> {
  const { lab, evidence, main, b0, added, phases, history, rows, rowsLab } = way;
  const states = watchStates(b0, added, way.between);

  const goUp = async (): Promise<Upgraded | undefined> => {
    if (added.length === 0) return { steps: [], head: b0 };
    if (!(await lab.run(phases.upgrade, main, { own: true }))) return undefined;
    const head = await lab.snapshot(main);
    evidence.schema = compareCatalogs(b0, head);
    reach(states, phases.upgrade, head);
    return { steps: phases.upgrade.steps, head };
  };
  const watch = async (upgraded: Upgraded | undefined) => {
    if (!upgraded) return undefined;
    const { head } = upgraded;
    const top = await history?.top;
    const sameTop = top && compared(top.up, "the first upgrade", head, top.catalog).length === 0 ? top : undefined;
    return { head, sameTop, models: await way.atHead(sameTop) };
  };
  const goBack = async ({ models }: { models: Watch }): Promise<boolean> => {
    if (!(await lab.run(phases.downgrade, main, { own: true }))) return false;
    const differences = compared(phases.downgrade, "the base branch", b0, await lab.snapshot(main));
    phases.downgrade.unrestored = states.unrestored(differences);
    if (differences.length === 0) await models.cameBack(main);
    return true;
  };
  /** True: the database stands at the same head. */
  const goUpAgain = async (head: Catalog, isBack: boolean): Promise<boolean> => {
    if (!isBack) phases.again.reason = text`the downgrade before it failed`;
    else if (await lab.run(phases.again, main, { own: true }))
      return compared(phases.again, "the first upgrade", head, await lab.snapshot(main)).length === 0;
    return false;
  };

  const upgraded = goUp();
  const watching = upgraded.then(watch);
  const down = watching.then((reached) => reached !== undefined && added.length > 0 && goBack(reached));
  const again = Promise.all([watching, down]).then(
    ([reached, isBack]) => reached !== undefined && (added.length === 0 || goUpAgain(reached.head, isBack)),
  );
  const without = { upgrade: upgraded, downgrade: down.then(() => phases.downgrade), again: again.then(() => phases.again) };
  rows?.fill(firstKnown(upgraded, history, added));
  const onRows = rowsLab ? rows?.run(rowsLab, without) : again.then(() => rows?.run(lab, without));
  for (const promise of [watching, down, ...Object.values(without), onRows]) promise?.catch(() => {});

  const reached = await watching;
  await onRows;
  if (!reached) return undefined;
  const isAtHead = await again;
  if (states.up && isSuspicious(phases.downgrade)) {
    await reached.models.copyIsFree;
    await lookBetween(way, states);
  }
  return { ...reached, isAtHead, changesSince: states.changesSince };
}

/** Lays what a way down has left, or stopped at, at the door of one of several revisions: they go up and down once more, with a look at the catalog after each. */
async function lookBetween({ lab, added, phases, b0Again, drop }: OwnWay, states: States): Promise<void> {
  const database = await b0Again();
  if (!database) return;
  if (await lab.run(phaseOf("upgrade", added), database, { own: true, after: states.up })) {
    reach(states, phases.upgrade, await lab.snapshot(database));
    const { compared } = phases.downgrade;
    if (compared && (await lab.run(phaseOf("downgrade", phases.downgrade.planned), database, { own: true, after: states.down })))
      phases.downgrade.unrestored = states.unrestored(compared.differences);
  }
  await drop(database);
}

/** Puts down what each revision does, as far as the states between them are known. */
function reach(states: States, { steps }: Phase, head: Catalog): void {
  states.reach(head);
  for (const step of steps) step.effect = states.effectOf(step.revision);
}

/** How the revisions go up, from whoever can tell first. */
function firstKnown(
  upgraded: Promise<Upgraded | undefined>,
  history: Running | undefined,
  added: readonly string[],
): Promise<Upgraded> {
  const beside = history?.top.then(
    (top) => top && { steps: top.up.steps.filter(({ revision }) => added.includes(revision)), head: top.catalog },
  );
  const told = async (one: Promise<Upgraded | undefined> | undefined): Promise<Upgraded> => {
    const known = await one;
    if (!known) throw new Error("the revisions did not go up");
    return known;
  };
  return Promise.any([told(upgraded), told(beside)]);
}
