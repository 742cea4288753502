/** Decides what is run for one environment, and from which files: the pull request's, and the base branch's where they differ. */
import { exportCommit } from "./history/export.ts";
import type { LazyServer, Project } from "./opening.ts";
import { concernsMigrations } from "./project/environment.ts";
import { findInterpreter } from "./project/interpreter.ts";
import type { Fact, Facts, FactsOf, Rule } from "./rules/rule.ts";
import type { Evidence } from "./run/evidence.ts";
import { runMigrations } from "./run/migrations.ts";
import { settle, type Proof } from "./settle.ts";
import { text, type Text } from "./text.ts";
import type { World } from "./world.ts";

export interface Task {
  target: Project["environments"][number];
  project: Project;
  facts: FactsOf;
  server: LazyServer;
  world: World;
}

/** Why running would only repeat what the files already say, if so. */
function pointless(graph: Facts["graph"]): Text | undefined {
  if (graph.unreadable.some(({ reason }) => reason !== "computed")) return text`a revision cannot be read, so Alembic cannot load any`;
  if (graph.cycles.length > 0) return text`the revisions form a cycle, so Alembic cannot order them`;
  if (graph.missing.length > 0) return text`a revision names a parent that does not exist, so Alembic cannot order them`;
  if (graph.duplicates.length > 0) return text`two files have the same revision id, so Alembic would run only one of them`;
  return undefined;
}

/** Ids that the base branch has applied, as far as the pull request's files know them. */
const appliedIds = ({ graph, history }: FactsOf): Set<string> =>
  new Set(graph.known && history.known ? [...history.value.graph.revisions.keys()] : []);

/** Runs the pull request's migrations, on top of what the base branch has applied. */
export async function observe({ target, project, facts, server, world }: Task): Promise<Fact<Evidence>> {
  const { environment, settings } = target;
  const reason = facts.graph.known ? pointless(facts.graph.value) : facts.graph.reason;
  if (reason) return { known: false, reason };
  // The server boots while the interpreter is looked for and the project loads.
  const booting = server.get();
  booting.catch(() => {});
  const interpreter = await findInterpreter({
    root: project.root,
    directory: environment.directory,
    env: world.env,
    ...(settings.python !== undefined && { given: settings.python }),
  });
  const history = facts.history.known ? facts.history.value : undefined;
  const changed = [...(history?.changes.values() ?? [])].some(({ body, reparented }) => body === "edited" || body === "deleted" || reparented);
  const exported = changed && history && project.git ? await exportCommit(project.git, history.base.commit) : undefined;
  try {
    const evidence = await runMigrations({
      environment,
      root: project.root,
      settingsRoot: project.root,
      ...(exported && { baseRoot: exported.folder }),
      base: appliedIds(facts),
      interpreter,
      server: booting,
      settings,
      env: world.env,
      signal: world.signal,
      progress: world.progress,
    });
    return { known: true, value: evidence };
  } finally {
    await exported?.remove();
  }
}

/**
 * Whether faults of old revisions were there before the pull request.
 *
 * @returns `only-additions` where the pull request cannot be their cause; else the fingerprints of what the base branch's own files
 *   show, run by themselves; undefined where that cannot be known
 */
export async function proofOf(task: Task, rules: readonly Rule[]): Promise<Proof | undefined> {
  const { target, project, facts, server, world } = task;
  const { environment, settings } = target;
  if (!facts.history.known || !project.git) return undefined;
  const history = facts.history.value;
  const added = new Set(history.added.map((id) => (facts.graph.known ? facts.graph.value.revisions.get(id)?.file : undefined)));
  const others = history.changedFiles.filter((file) => concernsMigrations(file, [environment]) && !added.has(file));
  if (others.length === 0) return "only-additions";
  const exported = await exportCommit(project.git, history.base.commit);
  try {
    const interpreter = await findInterpreter({ root: project.root, directory: environment.directory, env: world.env, ...(settings.python !== undefined && { given: settings.python }) });
    const evidence = await runMigrations({
      environment,
      root: exported.folder,
      settingsRoot: project.root,
      base: new Set(history.graph.revisions.keys()),
      interpreter,
      server: server.get(),
      settings,
      env: world.env,
      signal: world.signal,
      progress: world.progress,
    });
    const base: FactsOf = { ...facts, graph: { known: true, value: history.graph }, run: { known: true, value: evidence } };
    const { findings } = settle({ rules, environment: environment.name, facts: base, settings: { ...settings, ignore: [] } });
    return new Set(findings.map(({ fingerprint }) => fingerprint));
  } finally {
    await exported.remove();
  }
}
