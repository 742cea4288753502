/**
 * The itinerary: which migrations run in which order on which scratch database, and what the catalog is compared with.
 *
 *   empty ─ base revisions ─► B0 ─ the pull request's, up ─► H ─ models match? ─ down ─► B0? ─ up again ─► H? ─ downgrade base ─► empty? ─ upgrade head ─► H?
 *   empty, only for a squash: what stands for deleted revisions ─► B0?; the base branch's database is told the new name, and goes on
 *   copy of B0 + rows, where old tables are touched:  up ─► fails? same H? ─ down ─► rows still there? ─ up
 *   empty, only where a way down stopped: up, each downgrade tried by itself and taken back
 *   copy of B0, only where old revisions look faulty: the base branch's own files, downgrade base ─► empty? ─ upgrade head ─► B0?
 *
 * It observes and judges nothing. Every database is made here, on a server of ours or in databases of ours.
 */
import { compareCatalogs } from "../postgres/compare.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import { code, text, type Text } from "../text.ts";
import { baseHistory } from "./base-history.ts";
import type { Driver } from "./driver.ts";
import type { Evidence, Phase } from "./evidence.ts";
import { historyUp, startHistory, type Running } from "./history.ts";
import { connectionsOf, openLaboratory, prepared, type Laboratory } from "./laboratory.ts";
import { compareBase, filesOfModels, shared, watchModels } from "./models.ts";
import { compared, isSuspicious, phaseOf } from "./phase.ts";
import { outlineOf } from "./outline.ts";
import { beginningWith, firstDatabase, type Plan, type Ports } from "./plan.ts";
import { planRows } from "./rows.ts";
import { several } from "./several.ts";
import { isDisturbance, isShared, touchesRoles } from "./shared.ts";
import { floorOf, watchNone } from "./slice.ts";
import { proveSquash } from "./squash.ts";
import { watchStates } from "./states.ts";
import { tryUnreached } from "./unreached.ts";

export type { Plan, Ports } from "./plan.ts";

/**
 * Runs the itinerary, the whole history beside it where the project's process can be copied.
 *
 * @returns what was observed, also where a phase failed: the phases that could not be reached carry the reason
 * @throws Failure where our own side fails (the server is gone, a driver cannot be started)
 */
export async function travel(plan: Plan, given: Ports): Promise<Evidence> {
  const head = await given.head();
  const make = (name: string) => prepared(given.scratch, plan.scripts, name);
  // Several databases in one would wait for each other for ever.
  const ports = (await head.loaded).several ? { ...given, scratch: several(given.scratch, make) } : given;
  const { scratch } = ports;
  // What the project made while it was imported cannot be made again in this process.
  const together = plan.together && !(isShared(scratch) && ports.imported);
  const { evidence, history } = await journey(plan, ports, head, { together });
  if (!history || !isShared(scratch) || !evidence.phases.some(isDisturbance)) return evidence;
  await scratch.restart(mentionedIn(evidence));
  return (await journey(plan, { ...ports, made: [] }, await ports.head(), { together: false })).evidence;
}

/** Whether a role is one of those that the project's revisions speak of. */
const mentionedIn = ({ phases }: Evidence): ((role: string) => boolean) => {
  const executed = phases.flatMap(({ steps }) => steps.flatMap(({ statements }) => statements.map(({ sql }) => sql)));
  return (role) => executed.some((sql) => sql.includes(role));
};

interface Journey {
  evidence: Evidence;
  /** The history beside it. */
  history: Running | undefined;
}

/** @param options `together`: run the whole history beside it, where that is possible */
async function journey(plan: Plan, ports: Ports, head: Driver, { together }: { together: boolean }): Promise<Journey> {
  const { scratch } = ports;
  const loaded = await head.loaded;
  const baseProcess = ports.base && shared(ports.base);
  const base = plan.fromBaseFiles ? await baseProcess?.take() : undefined;
  const { part, all, added, applied, phases } = outlineOf(plan, loaded, await base?.loaded);
  const changed = filesOfModels(plan.changed, loaded.revisions);

  const evidence: Evidence = {
    serverVersion: scratch.server.version,
    serverProvider: scratch.server.provider,
    ...loaded.versions,
    order: [...loaded.order],
    loaded: loaded.revisions,
    base: plan.base,
    ...(base && { baseFiles: true as const }),
    ...(part.slice && { slice: part.slice }),
    phases: Object.values(phases),
    foreign: [],
    notes: [],
  };
  let history: Running | undefined;
  /** The phases with rows run beside the others where the process can be copied. */
  let rowsLab: Laboratory | undefined;
  /** Ends the journey: what was not run carries the reason. */
  const end = (reason: Text): Journey => {
    for (const phase of evidence.phases) if (phase.state === "not-run") phase.reason ??= reason;
    return { evidence, history };
  };

  if (part.own.length === 0 && part.slice) return end(part.reason);
  const lab = await openLaboratory(scratch, beginningWith(head, ports.head), evidence, ports.progress);
  // A process that ran the base branch's revisions may compare its models, and then run its history.
  const files: Ports = { ...ports, ...(baseProcess && { base: () => baseProcess.take() }) };
  const baseLab = base && (await openLaboratory(scratch, beginningWith(base, ports.base!), evidence, ports.progress));
  /** A new database, stamped where it is not empty. Undefined where env.py cannot be run. */
  const begin = async (phase: Phase): Promise<Database | undefined> => {
    const database = await firstDatabase(plan, ports);
    if (!(await lab.run(phase, database, { own: true }))) return undefined;
    if (plan.baseline) await lab.stamp(database, plan.baseline);
    return database;
  };
  try {
    // An empty database, as env.py leaves it with no revision at all.
    let main = await begin(phases.prepare);
    if (evidence.dialect !== undefined && !runsOn(scratch, evidence.dialect, plan.postgresIsMeant))
      evidence.unsupported = evidence.dialect;
    if (evidence.unsupported !== undefined) return end(text`the project runs on ${evidence.unsupported}`);
    if (!main) return end(text`env.py could not be run`);
    const empty = await lab.snapshot(main);
    const floor = floorOf(part, empty, (database) => scratch.clone(database, "floor"));
    const twin = together ? await lab.copyProcess() : undefined;
    if (twin) {
      const start = beginningWith(twin, ports.head);
      const create = () => firstDatabase(plan, ports, "history");
      history = startHistory({
        scratch,
        start,
        create,
        ...(plan.baseline && { baseline: plan.baseline }),
        revisions: all,
        part: part.own,
        floor: floorOf(part, empty),
        ...(part.isNewest && { changed }),
      });
    }

    // B0 is production: every applied revision committed on its own.
    let own = false;
    let reached = await floor.climb(baseLab ?? lab, phases.base, main, { own });
    if (!reached && phases.base.stop?.revision !== undefined && !baseLab && !plan.baseline) {
      // Some revisions only work in the project's own transaction mode: that is what production ran.
      own = true;
      main = await firstDatabase(plan, ports);
      reached = await floor.climb(lab, phases.base, main, { own });
    }
    if (!reached) {
      if (ports.base && !baseLab)
        evidence.onBase = await baseHistory(plan, files, evidence, phases.base, { scripts: plan.scripts, empty });
      return end(text`the base branch's revisions do not run from an empty database`);
    }
    const b0 = await lab.snapshot(main);
    const gone = phases.base.rows?.found.find((id) => id !== plan.squash?.last && !loaded.order.includes(id));
    if (gone !== undefined) {
      return end(
        text`a database of the base branch stands at ${code(gone)}, which the pull request does not have: Alembic stops with "Can't locate revision"`,
      );
    }
    const baseDriver = baseLab?.process();
    if (baseDriver) baseProcess!.give(baseDriver);
    const copy = ports.base && (await scratch.clone(main, "base"));
    if (phases.squash) await proveSquash(lab, phases.squash, await begin(phaseOf("prepare", [])), b0, scratch);
    if (plan.squash) await lab.restamp(main, plan.squash.last, plan.squash.substitute);
    // A repair of heads: where one row implies another now, Alembic would stop with "overlaps", and somebody takes it away.
    const implied = base ? impliedAnew(phases.base.rows?.found ?? [], await base.loaded, loaded) : [];
    if (implied.length > 0) await lab.unstamp(main, implied);

    const rows = await planRows({ ...ports, loaded, main, b0, revisions: added, base: phases.base, evidence });
    scratch.expectReading?.(main);
    const rowsProcess = rows && together ? await lab.copyProcess() : undefined;
    if (rowsProcess) rowsLab = await openLaboratory(scratch, beginningWith(rowsProcess, ports.head), evidence, ports.progress);

    // The pull request's revisions, as the project runs them.
    const states = watchStates(b0, added, !loaded.several);
    let reachedHead = b0;
    let isAtHead = true;
    if (added.length > 0) {
      if (!(await lab.run(phases.upgrade, main, { own: true, after: states.up })))
        return end(text`upgrade head failed, so head was not reached`);
      states.reach((reachedHead = await lab.snapshot(main)));
      evidence.schema = compareCatalogs(b0, reachedHead);
      for (const step of phases.upgrade.steps) step.effect = states.effectOf(step.revision);
      rows?.fill(phases.upgrade.steps, reachedHead);
      isAtHead = false;
    }
    // The history beside stands at head as well, and may take its time to compare the models there.
    const top = await history?.top;
    const isSame = top && compared(top.up, "the first upgrade", reachedHead, top.catalog).length === 0;
    const atHead = isSame ? top.models : Promise.resolve(part.isNewest ? await lab.check(main, { changed }) : undefined);
    const models = (part.isNewest ? watchModels : watchNone)({
      lab,
      head: atHead,
      schema: evidence.schema ?? [],
      changed,
      everythingIsNew: plan.base.size === 0,
      ...(copy && {
        onBase: (tables, changed) => compareBase(baseProcess!, { ...connectionsOf(scratch, copy), tables, changed }),
      }),
    });
    /** B0 once more. */
    const baseAgain = async () => {
      const database = await begin(phaseOf("prepare", []));
      return database && (await (baseLab ?? lab).run(phaseOf("base", applied), database, { own })) ? database : undefined;
    };
    const goBack = async (database: Database): Promise<boolean> => {
      const ended = await lab.run(phases.downgrade, database, { own: true, after: states.down });
      if (!ended) return false;
      const differences = compared(phases.downgrade, "the base branch", b0, await lab.snapshot(database));
      phases.downgrade.unrestored = states.unrestored(differences);
      if (differences.length === 0) await models.cameBack(database);
      return true;
    };
    const goUpAgain = async (database: Database, isBack: Promise<boolean>): Promise<void> => {
      if (!(await isBack)) phases.again.reason = text`the downgrade before it failed`;
      else if (await lab.run(phases.again, database, { own: true }))
        isAtHead = compared(phases.again, "the first upgrade", reachedHead, await lab.snapshot(database)).length === 0;
    };
    if (added.length > 0) {
      const down = goBack(main);
      const again = goUpAgain(main, down);
      if (!rowsLab) await again;
      const without = { downgrade: down.then(() => phases.downgrade), again: again.then(() => phases.again) };
      await Promise.all([...Object.values(without), rows?.run(rowsLab ?? lab, without)]);
    } else
      for (const phase of [phases.upgrade, phases.downgrade, phases.again])
        phase.reason = part.isNewest
          ? text`the pull request adds no revision${plan.squash ? " on top of what it put together" : ""}`
          : part.reason;

    let each: Promise<Phase | undefined> = Promise.resolve(undefined);
    const proof = async () => {
      await models.copyIsFree;
      if (!copy) return undefined;
      if (isInTheWay) {
        await scratch.restart(mentionedIn(evidence));
        ports.made.splice(0);
      }
      const database = isInTheWay ? await baseAgain() : copy;
      return database && baseHistory(plan, files, evidence, phases.base, { database, part: part.own, floor, b0, each });
    };
    const beside = await history?.way;
    if (beside && isSame) evidence.sameFromEmpty = true;
    const isTrusted = beside && isSame && !(isShared(scratch) && isDisturbance(beside.down));
    // Roles of a given server are dropped only when nothing belongs to them any more.
    if (!isTrusted) await Promise.all([history?.stop(), rows?.gone()]);

    // Nothing that fails from here on hides what came before. H is made once more where the pull request's revisions left something else.
    if (!isTrusted && !isAtHead) {
      const before = main;
      await models.copyIsFree;
      if (copy) {
        main = await scratch.clone(copy, "whole");
        if (plan.squash) await lab.restamp(main, plan.squash.last, plan.squash.substitute);
        if (implied.length > 0) await lab.unstamp(main, implied);
      } else {
        main = (await begin(phaseOf("prepare", []))) ?? before;
        if (await (baseLab ?? lab).run(phaseOf("base", applied), main, { own })) await models.cameBack(main);
      }
      if (isShared(scratch)) await scratch.drop(before);
      await lab.run(phaseOf("upgrade", added), main, { own: true });
    }
    // A role with rights in a copy cannot be dropped: B0 is made once more where it is wanted.
    const isInTheWay =
      copy !== undefined && !isTrusted && !ports.imported && isShared(scratch) && touchesRoles(phases.base.steps);
    if (isInTheWay) {
      await models.copyIsFree;
      await scratch.drop(copy);
    }
    let down: boolean;
    if (isTrusted) {
      Object.assign(phases.down, beside.down);
      evidence.foreign.push(...beside.foreign);
      down = beside.ended;
    } else down = await floor.descend(lab, main, phases.down);
    phases.up.planned = [...phases.down.planned].reverse();
    if (phases.downgrade.stop || phases.down.stop) {
      const last = phases.down.stop?.revision ?? "";
      const own = new Set([...part.own, last]);
      const unreached = new Set(all.slice(0, all.indexOf(last) + 1).filter((id) => own.has(id)));
      const tried = all.filter((id) => unreached.has(id) || (phases.downgrade.stop && added.includes(id)));
      const kept = tried.every((id) => part.own.includes(id)) ? floor.kept() : undefined;
      each = tryUnreached(lab, plan, ports, evidence, {
        ...(kept ? { order: part.own, fresh: () => scratch.clone(kept, "trial") } : { order: all }),
        tried,
        watched: loaded.several ? [] : added,
        since: states.changesSince,
      });
    }
    // The base branch's own files take their time to load: they begin while the pull request's run on.
    const wanted = isSuspicious(phases.down) || plan.editedDowngrades.some((id) => part.own.includes(id));
    const early = wanted && !isInTheWay ? proof() : undefined;
    early?.catch(() => {});
    await each;
    // Where nothing was left below base, the first upgrade is the second as well.
    if (isTrusted && down) Object.assign(phases.up, (await history?.again) ?? top.up);
    else if (down) await historyUp(lab, main, phases.up, reachedHead);
    evidence.onBase = await (early ?? (wanted || isSuspicious(phases.up) ? proof() : undefined));
    await models.settle(evidence, baseAgain);
    return end(text`downgrade base failed, so there is nothing to upgrade from`);
  } finally {
    await Promise.all([lab.stop(), baseLab?.stop(), history?.stop(), rowsLab?.stop(), baseProcess?.stop()]);
  }
}

const runsOn = ({ dialect: ours }: Scratch, dialect: string, postgresIsMeant: boolean): boolean =>
  ours === "sqlite"
    ? dialect === "sqlite"
    : /^(postgres|postgresql|cockroachdb)$/.test(dialect) || (dialect === "sqlite" && postgresIsMeant);

type WithAncestors = Pick<Awaited<Driver["loaded"]>, "ancestors">;

/** Version rows that another one stands for after the pull request, and did not before it. */
const impliedAnew = (rows: readonly string[], before: WithAncestors, after: WithAncestors): string[] =>
  rows.filter((row) =>
    rows.some((other) => other !== row && after.ancestors(other).includes(row) && !before.ancestors(other).includes(row)),
  );
