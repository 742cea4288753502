/**
 * The gate from end to end:
 *
 *   settings ─► project ─► history ─► run ─► rules ─► settle ─► report
 *
 * What stands left of `rules` collects facts and judges nothing; rules and settle are pure; reporters get the Report.
 */
import { graphReport, linesReports, phaseReports, schemaReport } from "./digest.ts";
import type { EnvironmentReport, Report } from "./finding.ts";
import { Failure } from "./failure.ts";
import { changedFiles, findBase, labelsOf, type BaseFact } from "./history/base.ts";
import { commitTree } from "./history/git.ts";
import { readHistory, type History } from "./history/history.ts";
import { neighboursFor, type LazyNeighbours } from "./neighbours.ts";
import { lookAhead, openCheckout, openProject, serverFor, type Checkout, type LazyServer, type Project } from "./opening.ts";
import { concernsMigrations } from "./project/environment.ts";
import { completedBy, readGraph, type Graph } from "./project/graph.ts";
import { RULES } from "./rules/index.ts";
import type { FactsOf } from "./rules/rule.ts";
import { withExecuted } from "./run/effect.ts";
import { baseFilesOf, beginEarly, observe, observeEdits, proofOf, withFolders, type Task } from "./running.ts";
import { layer, sliceAsked, type Given, type Settings } from "./settings.ts";
import { settle } from "./settle.ts";
import { rulesOf, sliceNote, sliceReport } from "./slicing.ts";
import { block, code, text } from "./text.ts";
import { brokenReport, conclude, reported } from "./verdict.ts";
import type { World } from "./world.ts";

type Target = Project["environments"][number];

/**
 * Judges what a pull request does to the migrations below a folder.
 *
 * @param given flags or inputs, as checked by settings.ts
 * @returns the report, whatever happened, and the absolute root that its paths are relative to
 */
export async function gate(given: Given, world: World): Promise<{ report: Report; root: string }> {
  const clock = stopwatch();
  let root = world.cwd;
  const ahead = lookAhead(given, world);
  try {
    const checkout = await clock.time("project", () => openCheckout(given, world));
    root = checkout.root;
    // git looks for the base meanwhile; what is wrong with the project is told first.
    const finding = clock.time("base", () => baseOf(checkout, layer(given), world));
    finding.catch(() => {});
    const project = await clock.time("project", () => openProject(given, checkout));
    const early = beginEarly(project, world);
    const server = sharedBy(project.environments.length, serverFor(project, world, ahead));
    const neighbours = neighboursFor(project, world);
    try {
      const base = await finding;
      const touched = await clock.time("changes", () => touches(project, base));
      if (!touched) return { report: untouched(project, clock.timings()), root };
      const judged = await Promise.all(
        project.environments.map((target) => judgeAlone({ target, project, early, server, world }, neighbours, base, clock)),
      );
      const report = conclude(
        judged.flatMap(({ report }) => report ?? []),
        judged.flatMap(({ failures }) => failures),
        project.settings,
        clock.timings(),
      );
      return { report, root };
    } finally {
      early.drop();
      await Promise.all([server.stop(), neighbours.remove()]);
    }
  } catch (error) {
    return { report: brokenReport(error, world.signal, clock.timings()), root };
  }
}

/** The commit to compare with, or the reason why there is none. */
async function baseOf({ git, root }: Checkout, settings: Settings, { event, base }: World): Promise<BaseFact> {
  if (base) return { known: true, value: base };
  if (settings.scope === "all")
    return { known: false, reason: text`all revisions are judged as if they were new (${"scope: all"})` };
  if (!git && event) {
    throw new Failure(
      3,
      text`${code(root)} is not a git checkout, so there is nothing to compare the pull request with.`,
      text`Check it out before the gate: ${block("- uses: actions/checkout@v5", "yaml")}`,
    );
  }
  if (!git) return { known: false, reason: text`this folder is not a git checkout` };
  return findBase({ git, ...(event && { event }), ...(settings.base !== undefined && { base: settings.base }) });
}

/** Whether anything that migrations depend on differs from the base. */
async function touches({ git, environments }: Project, base: BaseFact): Promise<boolean> {
  if (!git || !base.known) return true;
  const files = changedFiles(git, base.value);
  // Most often this is needed next: git lists it meanwhile.
  const there = commitTree(git, base.value.commit);
  for (const { environment } of environments) for (const folder of environment.versionFolders) there.list(folder).catch(() => {});
  const all = environments.map(({ environment }) => environment);
  return (await files).some((file) => concernsMigrations(file, all));
}

interface Judged {
  report?: EnvironmentReport;
  failures: Report["failures"];
}

interface Shared extends Task {
  server: SharedServer;
}

interface SharedServer extends LazyServer {
  /** Said once by everybody who shares it: it ends with the last of them, while what was observed is judged. */
  leave(): void;
}

function sharedBy(count: number, server: LazyServer): SharedServer {
  let staying = count;
  return {
    ...server,
    leave() {
      // Whoever waits for its end hears what went wrong.
      if (--staying === 0) server.stop().catch(() => {});
    },
  };
}

/** Judges one environment, whose failure hides nothing of the others. */
async function judgeAlone(
  task: Omit<Shared, "baseFiles">,
  neighbours: LazyNeighbours,
  base: BaseFact,
  clock: Stopwatch,
): Promise<Judged> {
  const baseFiles = baseFilesOf(task.project);
  try {
    const target = await knownTarget(task, clock);
    return await judge({ ...task, target, baseFiles }, neighbours, base, clock);
  } catch (error) {
    return { failures: [reported(error, task.world.signal)] };
  } finally {
    await baseFiles.remove();
  }
}

/** The environment with all folders of its revisions, also those that only env.py knows. */
async function knownTarget(task: Omit<Task, "baseFiles">, clock: Stopwatch): Promise<Task["target"]> {
  const { target } = task;
  if (target.environment.foldersFromEnv !== "asked" || target.settings.static) return target;
  // What keeps env.py from being run keeps the migrations from it as well, and is told then.
  const environment = await clock.time("folders", () => withFolders(task)).catch(() => target.environment);
  return { ...target, environment };
}

/** Judges one environment; what keeps its migrations from being run is reported beside what was found. */
async function judge(task: Shared, neighbours: LazyNeighbours, base: BaseFact, clock: Stopwatch): Promise<Judged> {
  const { target, project, world } = task;
  const { environment, settings } = target;
  const failures: Report["failures"] = [];
  const reading = clock.time("history", () => read(target, project, base));
  const slice = settings.static ? undefined : sliceAsked(settings);
  const rules = rulesOf(RULES, slice).filter(({ family }) => settings.only.length === 0 || settings.only.includes(family));
  const running = !settings.static && rules.some(({ needs }) => needs.includes("run"));
  const comparing =
    !settings.static && rules.some(({ wants }) => wants.includes("edits"))
      ? clock.time("edits", () => observeEdits(task, reading))
      : undefined;
  const observing = running ? clock.time("run", () => observe(task, reading, comparing)).finally(task.server.leave) : undefined;
  const asking = world.openPullRequests !== undefined && rules.some(({ wants }) => wants.includes("neighbours"));
  const [facts, others, edits, observed] = await Promise.all([
    reading,
    asking ? clock.time("neighbours", () => neighbours.of(target, reading)) : undefined,
    comparing,
    observing?.catch((error: unknown): FactsOf["run"] => {
      failures.push(reported(error, world.signal));
      return { known: false, reason: text`the gate could not run the migrations` };
    }),
  ]);
  if (others) facts.neighbours = others;
  if (edits)
    facts.edits =
      edits.known && observed?.known ? { known: true, value: withExecuted(edits.value, observed.value.bodies) } : edits;
  if (observed) facts.run = observed;
  askAlembic(facts);
  const proof = proofOf(environment, facts, rules);
  const settledWith = (labels: readonly string[], facts: FactsOf) => {
    const allowedBy = labels.find((name) => name.toLowerCase() === settings.allowLabel.toLowerCase());
    const judged = { rules, environment: environment.name, facts, settings };
    return settle({ ...judged, ...(proof && { proof }), ...(allowedBy !== undefined && { allowedBy }) });
  };
  let known: readonly string[] = labelsOf(world.event);
  let settled = settledWith(known, facts);
  const history = new Set(rules.flatMap(({ id, family }) => (family === "history" ? [id] : [])));
  // Asked only where a label would change something.
  const labels = settled.findings.some(({ rule, blocks }) => blocks && history.has(rule)) ? await world.labels?.() : undefined;
  if (labels?.known) settled = settledWith((known = labels.value), facts);
  else if (labels) {
    settled.notChecked.push({ what: `the label ${settings.allowLabel}`, reason: labels.reason });
  }
  settled.notChecked.push(...neighbours.notChecked());
  const report = reportOf(target, facts, settled);
  if (!slice) return { report, failures };
  const run = facts.run.known ? facts.run.value : undefined;
  report.slice = sliceReport(slice, run, (seen) => settledWith(known, { ...facts, run: { known: true, value: seen } }).findings);
  if (run) report.notChecked.unshift(...sliceNote(run));
  return { report, failures };
}

/** Puts what Alembic has loaded in the place of what only Python could tell; of both sides, since a value that is computed anew tells of the old one too. */
function askAlembic(facts: FactsOf): void {
  const run = facts.run.known ? facts.run.value : undefined;
  if (!facts.graph.known || !run?.loaded) return;
  const graph = completedBy(facts.graph.value, run.loaded);
  if (!graph) return;
  facts.graph = { known: true, value: graph };
  if (facts.history.known) {
    const history = facts.history.value;
    const base = completedBy(history.graph, run.loaded);
    if (base) facts.history = { known: true, value: { ...history, graph: base } };
  }
  run.notes.push({
    what: "the graph from the files alone",
    reason: text`some revisions compute their parents, dependencies or labels: what Alembic has loaded was taken, for the base branch as well`,
  });
}

/** The facts that are read without running anything. */
async function read({ environment, settings }: Target, project: Project, base: BaseFact): Promise<FactsOf> {
  const { git, tree } = project;
  const others = {
    environment: { known: true, value: environment },
    settings: { known: true, value: settings },
    run: { known: false, reason: text`no project code was run (${code("static")})` },
    edits: { known: false, reason: text`no project code was run (${code("static")})` },
  } as const;
  if (git && base.known) {
    const { graph, history } = await readHistory({
      git,
      base: base.value,
      tree,
      environment,
      released: settings.released,
      skim: settings.static,
    });
    return { ...others, graph: { known: true, value: graph }, history: { known: true, value: history } };
  }
  const reason = base.known ? text`this folder is not a git checkout` : base.reason;
  return { ...others, graph: { known: true, value: await readGraph(tree, environment) }, history: { known: false, reason } };
}

function reportOf({ environment }: Target, facts: FactsOf, settled: ReturnType<typeof settle>): EnvironmentReport {
  const graph = facts.graph.known ? facts.graph.value : undefined;
  const history = facts.history.known ? facts.history.value : undefined;
  const run = facts.run.known ? facts.run.value : undefined;
  const schema = run && schemaReport(run);
  const changed = [...(history?.changes.values() ?? [])].filter(
    ({ body, reparented }) => body === "edited" || body === "deleted" || reparented,
  );
  return {
    name: environment.name,
    config: environment.config,
    ...(history && { base: { commit: history.base.commit, label: history.base.label } }),
    heads: [...(graph?.heads ?? [])],
    ...(graph && history && repairsHeads(graph, history, settled) && { repairedHeads: [...history.graph.heads] }),
    revisions: { total: graph?.revisions.size ?? 0, added: [...(history?.added ?? [])], changed: changed.map(({ id }) => id) },
    ...(run?.serverVersion && {
      server: `${run.serverProvider === "file" ? "SQLite" : "PostgreSQL"} ${run.serverVersion} (${run.serverProvider})`,
      runtime: `Python ${run.python}, Alembic ${run.alembic}, SQLAlchemy ${run.sqlalchemy}${run.dbapi ? `, ${run.dbapi}` : ""}`,
    }),
    ...(graph && { graph: graphReport(graph, history) }),
    phases: run ? phaseReports(run) : [],
    ...(schema && { schema }),
    ...(run && graph && { lines: linesReports(run, graph) }),
    ...settled,
  };
}

/** Whether a rule says that fewer heads than before are a repair. */
const repairsHeads = (graph: Graph, history: History, { findings }: ReturnType<typeof settle>): boolean =>
  graph.heads.length < history.graph.heads.length &&
  findings.some(({ rule, severity }) => severity === "notice" && (rule === "multiple-heads" || rule === "reparented-revision"));

/** The report of a pull request that changes nothing that migrations depend on. */
function untouched({ environments, settings }: Project, timings: Report["timings"]): Report {
  const report = conclude([], [], settings, timings);
  const where = environments.map(({ environment }) => environment.name);
  return {
    ...report,
    headline: text`Nothing that migrations depend on changed (${where.join(", ")}): there is nothing to judge.`,
  };
}

interface Stopwatch {
  time<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Milliseconds by name; work of the same name is added up. */
  timings(): Record<string, number>;
}

function stopwatch(): Stopwatch {
  const started = performance.now();
  const spent: Record<string, number> = {};
  return {
    async time(name, work) {
      const from = performance.now();
      try {
        return await work();
      } finally {
        spent[name] = Math.round((spent[name] ?? 0) + performance.now() - from);
      }
    },
    timings: () => ({ ...spent, total: Math.round(performance.now() - started) }),
  };
}
