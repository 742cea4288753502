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
import { inHalves, middleOf, type Halves } from "./halves.ts";
import { historyUp, startHistory, type Running } from "./history.ts";
import { later } from "./later.ts";
import { connectionsOf, openLaboratory, prepared, type Laboratory } from "./laboratory.ts";
import { compareBase, filesOfModels, shared, watchModels } from "./models.ts";
import { isSuspicious, phaseOf } from "./phase.ts";
import { outlineOf } from "./outline.ts";
import { goOwnWay } from "./own-way.ts";
import { beginningWith, firstDatabase, type Plan, type Ports } from "./plan.ts";
import { needsRows, planRows } from "./rows.ts";
import { several } from "./several.ts";
import { isDisturbance, isDisturbed, isShared, mentionedIn, sharesRoles, touchesRoles } from "./shared.ts";
import { floorOf, watchNone } from "./slice.ts";
import { proveSquash } from "./squash.ts";
import { goUpTwice, mayGoTwice, type AtBase } from "./twice.ts";
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
  const apart = isShared(scratch) && ports.imported;
  // One history would meet the roles of another.
  const together = plan.together && !apart && !(plan.speaksOfRoles && sharesRoles(scratch));
  const { evidence, history } = await journey(plan, ports, head, { together });
  if (!history || !isShared(scratch) || !isDisturbed(evidence)) return evidence;
  await scratch.restart(mentionedIn(evidence));
  const alone = { ...plan, speaksOfRoles: true };
  return (await journey(alone, { ...ports, made: [] }, await ports.head(), { together: false })).evidence;
}

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
  const changed = filesOfModels(plan.changed, loaded.revisions);

  const evidence: Evidence = {
    serverVersion: scratch.server.version,
    serverProvider: scratch.server.provider,
    ...loaded.versions,
    order: [...loaded.order],
    loaded: loaded.revisions,
    base: plan.base,
    phases: [],
    foreign: [],
    notes: [],
  };
  let history: Running | undefined;
  /** The parts of a long one. */
  let halves: Halves | undefined;
  /** The phases with rows run beside the others where the process can be copied. */
  let rowsLab: Laboratory | undefined;
  /** Ends the journey: what was not run carries the reason. */
  const end = (reason: Text): Journey => {
    for (const phase of evidence.phases) if (phase.state === "not-run") phase.reason ??= reason;
    return { evidence, history };
  };

  const lab = await openLaboratory(scratch, beginningWith(head, ports.head), evidence, ports.progress);
  /** A new database, stamped where it is not empty. Undefined where env.py cannot be run. */
  const begin = async (phase: Phase): Promise<Database | undefined> => {
    const database = await firstDatabase(plan, ports);
    if (!(await lab.run(phase, database, { own: true }))) return undefined;
    if (plan.baseline) await lab.stamp(database, plan.baseline);
    return database;
  };
  // An empty database, as env.py leaves it with no revision at all: while the base branch's files load.
  const prepare = phaseOf("prepare", []);
  const preparing = begin(prepare);
  preparing.catch(() => {});

  const base = plan.fromBaseFiles ? await baseProcess?.take() : undefined;
  const { part, all, added, applied, phases } = outlineOf(plan, loaded, await base?.loaded);
  evidence.phases.push(prepare, ...Object.values(phases));
  if (base) evidence.baseFiles = true;
  if (part.slice) evidence.slice = part.slice;
  // A process that ran the base branch's revisions may compare its models, and then run its history.
  const files: Ports = { ...ports, ...(baseProcess && { base: () => baseProcess.take() }) };
  const baseLab = base && (await openLaboratory(scratch, beginningWith(base, ports.base!), evidence, ports.progress));
  /** What the base branch's own history waits for: downgrades that are tried one by one, and the second upgrade. */
  const each = later<Phase | undefined>();
  const up = later<Phase>();
  each.promise.catch(() => {});
  const mayTouchRows = needsRows({ ...ports, loaded, revisions: added });
  const mayGoUpTwice = together && !loaded.several && mayGoTwice(plan, ports, applied.length);
  try {
    let main = await preparing;
    if (part.own.length === 0 && part.slice) return end(part.reason);
    if (evidence.dialect !== undefined && !runsOn(scratch, evidence.dialect, plan.postgresIsMeant))
      evidence.unsupported = evidence.dialect;
    if (evidence.unsupported !== undefined) return end(text`the project runs on ${evidence.unsupported}`);
    if (!main) return end(text`env.py could not be run`);
    const [empty, twin, third] = await Promise.all([
      lab.snapshot(main),
      together ? lab.copyProcess() : undefined,
      mayGoUpTwice && (await mayTouchRows) ? lab.copyProcess() : undefined,
    ]);
    const floor = floorOf(part, empty, (database) => scratch.clone(database, "floor"));
    if (twin) {
      const start = beginningWith(twin, ports.head);
      const create = () => firstDatabase(plan, ports, "history");
      const below = plan.halvesFrom !== undefined && all.length >= plan.halvesFrom && middleOf(all, loaded, plan.base);
      if (below && !plan.slice && !plan.squash && !baseLab && scratch.dialect === "postgresql")
        halves = inHalves({ scratch, order: all, below, empty, start: ports.head });
      history = startHistory({
        scratch,
        start,
        create,
        ...(plan.baseline && { baseline: plan.baseline }),
        revisions: all,
        part: part.own,
        ...(halves?.beside ?? { floor: floorOf(part, empty) }),
        // A long way down does not wait for the models.
        ...(part.isNewest && !halves && { changed }),
      });
    }

    /** B0 for the rows. */
    let twice: Promise<AtBase | undefined> | undefined;
    if (third) {
      // Nobody wants to hear of the way up twice.
      const progress: Ports["progress"] = (title, step) => title !== phases.base.title && ports.progress(title, step);
      rowsLab = await openLaboratory(scratch, beginningWith(third, ports.head), evidence, progress);
      twice = goUpTwice(rowsLab, plan, ports, applied).catch(() => undefined);
    }

    // B0 is production: every applied revision committed on its own.
    let own = false;
    let reached = await (halves ?? floor).climb(baseLab ?? lab, phases.base, main, { own });
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
    const copying = ports.base && scratch.clone(main, "base");
    // Two for a long history: its faults are looked for while the models are compared.
    const sparing = copying && halves ? scratch.clone(main, "proof").catch(() => undefined) : undefined;
    if (sparing) baseProcess!.double().catch(() => {});
    copying?.catch(() => {});
    if (phases.squash) await proveSquash(lab, phases.squash, await begin(phaseOf("prepare", [])), b0, scratch);
    // A repair of heads: where one row implies another now, Alembic would stop with "overlaps", and somebody takes it away.
    const implied = base ? impliedAnew(phases.base.rows?.found ?? [], await base.loaded, loaded) : [];
    /** Has a database of the base branch stand where the pull request's files know it. */
    const stand = async (database: Database) => {
      if (plan.squash) await lab.restamp(database, plan.squash.last, plan.squash.substitute);
      if (implied.length > 0) await lab.unstamp(database, implied);
      return database;
    };
    if (plan.squash || implied.length > 0) await copying;
    const stood = await stand(main);

    const second = async (): Promise<AtBase> => {
      const other = await twice;
      if (other && compareCatalogs(b0, other.catalog).length === 0) return other;
      return { database: await scratch.clone(stood, "rows"), catalog: b0 };
    };
    const planned = { ...ports, loaded, b0, second, revisions: added, base: phases.base, evidence };
    const withRows = [...b0.values()].some(({ kind }) => kind === "table") && (await mayTouchRows);
    const [copy, spare, rows, rowsProcess] = await Promise.all([
      copying,
      sparing,
      withRows ? planRows(planned) : undefined,
      withRows && together && !third ? lab.copyProcess() : undefined,
    ]);
    scratch.expectReading?.(main);
    if (rowsProcess) rowsLab = await openLaboratory(scratch, beginningWith(rowsProcess, ports.head), evidence, ports.progress);
    /** What the base branch's own history does, from B0 on. */
    let proving: Promise<Evidence | undefined> | undefined;
    const prove = (find: () => Promise<Database | undefined>) =>
      (proving ??= find().then(
        (from) =>
          from &&
          baseHistory(plan, files, evidence, phases.base, {
            database: from,
            part: part.own,
            floor,
            b0,
            each: each.promise,
            up: up.promise,
          }),
      ));
    const proveEarly = async () => {
      if (spare && (await halves?.doubt)) await prove(async () => spare);
    };
    proveEarly().catch(() => {});
    /** B0 once more. */
    const baseAgain = async () => {
      const database = await begin(phaseOf("prepare", []));
      return database && (await (baseLab ?? lab).run(phaseOf("base", applied), database, { own })) ? database : undefined;
    };
    const way = await goOwnWay({
      lab,
      evidence,
      main,
      b0,
      added,
      phases,
      between: !loaded.several,
      history,
      rows,
      rowsLab,
      // The history beside stands at head as well, and may take its time to compare the models there.
      async atHead(sameTop) {
        const head = sameTop?.models ?? (part.isNewest ? await lab.check(stood, { changed }) : undefined);
        return (part.isNewest ? watchModels : watchNone)({
          lab,
          head: Promise.resolve(head),
          schema: evidence.schema ?? [],
          changed,
          everythingIsNew: plan.base.size === 0,
          ...(copy && {
            onBase: (tables, changed) => compareBase(baseProcess!, { ...connectionsOf(scratch, copy), tables, changed }),
          }),
        });
      },
      async b0Again() {
        // What one database does to the roles of a given server, another one would meet.
        if (isShared(scratch) && touchesRoles(phases.upgrade.steps)) return undefined;
        const database = copy ? await scratch.clone(copy, "between") : await baseAgain();
        return database && stand(database);
      },
      drop: (database) => scratch.drop(database),
    });
    if (!way) return end(text`upgrade head failed, so head was not reached`);
    const { head: reachedHead, models, sameTop } = way;
    if (added.length === 0)
      for (const phase of [phases.upgrade, phases.downgrade, phases.again])
        phase.reason = part.isNewest
          ? text`the pull request adds no revision${plan.squash ? " on top of what it put together" : ""}`
          : part.reason;

    const copyForProof = async () => {
      if (spare) return spare;
      await models.copyIsFree;
      if (!isInTheWay) return copy;
      await scratch.restart(mentionedIn(evidence));
      ports.made.splice(0);
      return baseAgain();
    };
    const beside = await history?.way;
    if (beside && sameTop) evidence.sameFromEmpty = true;
    const isTrusted = beside && sameTop && !(isShared(scratch) && isDisturbance(beside.down));
    // Roles of a given server are dropped only when nothing belongs to them any more.
    if (!isTrusted) await Promise.all([history?.stop(), halves?.stop(), rows?.gone()]);

    // Nothing that fails from here on hides what came before. H is made once more where the pull request's revisions left something else.
    if (!isTrusted && !way.isAtHead) {
      const before = main;
      await models.copyIsFree;
      if (copy) main = await stand(await scratch.clone(copy, "whole"));
      else {
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
      evidence.foreign.push(...beside.foreign, ...(halves?.foreign ?? []));
      down = beside.ended;
    } else down = await floor.descend(lab, main, phases.down);
    phases.up.planned = [...phases.down.planned].reverse();
    if (phases.downgrade.stop || phases.down.stop) {
      const last = phases.down.stop?.revision ?? "";
      const own = new Set([...part.own, last]);
      const unreached = new Set(all.slice(0, all.indexOf(last) + 1).filter((id) => own.has(id)));
      const tried = all.filter((id) => unreached.has(id) || (phases.downgrade.stop && added.includes(id)));
      const kept = tried.every((id) => part.own.includes(id)) ? floor.kept() : undefined;
      each.resolve(
        tryUnreached(lab, plan, ports, evidence, {
          ...(kept ? { order: part.own, fresh: () => scratch.clone(kept, "trial") } : { order: all }),
          tried,
          watched: loaded.several ? [] : added,
          since: way.changesSince,
        }),
      );
    } else each.resolve(undefined);
    // The base branch's own files take their time to load: they begin while the pull request's run on.
    const wanted = isSuspicious(phases.down) || plan.editedDowngrades.some((id) => part.own.includes(id));
    if (wanted && !isInTheWay) prove(copyForProof).catch(() => {});
    await each.promise;
    // Where nothing was left below base, the first upgrade is the second as well.
    if (isTrusted && down) Object.assign(phases.up, (await history?.again) ?? sameTop.up);
    else if (down) await historyUp(lab, main, phases.up, reachedHead);
    up.resolve(phases.up);
    if (wanted || isSuspicious(phases.up)) evidence.onBase = await prove(copyForProof);
    await models.settle(evidence, baseAgain);
    return end(text`downgrade base failed, so there is nothing to upgrade from`);
  } finally {
    each.resolve(undefined);
    up.resolve(phases.up);
    // Who began them waits until they have left.
    for (const one of [lab, baseLab, history, halves, rowsLab, baseProcess]) void one?.stop();
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
