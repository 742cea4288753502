/** What an edit of an applied revision changes in the statements that it executes. */
import path from "node:path";
import type { History } from "../history/history.ts";
import type { Environment } from "../project/environment.ts";
import type { Settings } from "../settings.ts";
import { code, listOf, text, type Text } from "../text.ts";
import { later } from "./later.ts";
import { environmentToLoad } from "./load-request.ts";
import { startProcess, type PythonProcess } from "./process.ts";
import type { Event, Raised, Rendering } from "./protocol.ts";
import { isData, isSetting, parsedUnits, unitsOf, type Unit } from "./sql.ts";

/** That both versions were executed on copies of one database, and how that came out. */
export interface Executed {
  rows: "seed" | "made-up";
  /** Tables that had rows. */
  tables?: readonly string[];
  sameRows: boolean;
  sameCatalog: boolean;
  /** What is shown was rendered: executing it only told what it left. */
  rendered?: true;
  /** What stops the old version on rows with NULLs and equal values, and not the new one. */
  mends?: Text;
}

/** How the statements of one function compare before and after; `executed` is absent where they were rendered. */
export type Effect =
  | { kind: "same"; executed?: Executed }
  /** Time limits and the like differ, and nothing else. */
  | { kind: "settings-only"; before: string[]; after: string[] }
  | {
      kind: "different";
      /** SQL of the part that differs, for people. */
      before: string[];
      after: string[];
      /** Rows are changed in that part, which no catalog shows. */
      data: boolean;
      executed?: Executed;
    }
  /** As far as it can be told, they are the same. `rendered`: at least it could be begun; `reads`: what it asks a database. */
  | { kind: "unknown"; reason: Text; rendered: boolean; reads?: readonly string[]; executed?: Executed };

export interface Edit {
  upgrade: Effect;
  downgrade: Effect;
}

/** By revision: those that the pull request edits, and those that use a file which it changes. */
export type Edits = ReadonlyMap<string, Edit>;

export interface Rendered {
  environment: Environment;
  history: History;
  /** Absolute root of the pull request's files. */
  root: string;
  /** Lays out the base branch's files and tells their root. */
  baseRoot(): Promise<string>;
  /** The interpreter and its own arguments. */
  python: readonly string[];
  settings: Pick<Settings, "x" | "allowHosts" | "timeout">;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** Ids of the revisions whose effect may have changed. */
export const editedIds = ({ changes }: History): string[] =>
  [...changes.values()].filter(({ body, helpers, after }) => after && (body === "edited" || helpers)).map(({ id }) => id);

/** The edits with what executing both versions has shown, where that is more than could be rendered. */
export function withExecuted(edits: Edits, executed: ReadonlyMap<string, Partial<Edit>> | undefined): Edits {
  return new Map(
    [...edits].map(([id, { upgrade, downgrade }]) => {
      const shown = executed?.get(id);
      return [id, { upgrade: better(upgrade, shown?.upgrade), downgrade: better(downgrade, shown?.downgrade) }];
    }),
  );
}

function better(effect: Effect, shown: Effect | undefined): Effect {
  if (!shown) return effect;
  if (effect.kind === "unknown")
    return effect.rendered || shown.kind !== "unknown" || shown.executed !== undefined ? shown : effect;
  if (effect.kind !== "different" || shown.kind === "settings-only" || !shown.executed) return effect;
  // Other statements are other statements, whatever became of them here; what they left is known now.
  return { ...effect, data: effect.data || !shown.executed.sameRows, executed: { ...shown.executed, rendered: true } };
}

/** Compares what edited revisions would execute, without a database. */
export async function compareEdits(task: Rendered): Promise<Edits> {
  const { history } = task;
  const ids = editedIds(history);
  if (ids.length === 0) return new Map();
  const changes = ids.map((id) => history.changes.get(id)!);
  const start = startTwo(task);
  const [before, after] = await Promise.all([
    render(
      task,
      start,
      task.baseRoot(),
      changes.map(({ id, before }) => ({ id, file: before.file })),
    ),
    render(
      task,
      start,
      Promise.resolve(task.root),
      changes.map(({ id, after }) => ({ id, file: after!.file })),
    ),
  ]);
  const edits = new Map<string, Edit>();
  for (const id of ids) {
    const sides = [before(id), after(id)] as const;
    const [upgrade, downgrade] = await Promise.all([compareSides(...sides, "upgrade"), compareSides(...sides, "downgrade")]);
    edits.set(id, { upgrade, downgrade });
  }
  return edits;
}

/** What a process told of a revision, or why it told nothing. */
type Side = (Event & { type: "sql" }) | { reason: Text };

/** Whether Python looks for modules where it is started. */
const looksAround = ({ PYTHONPATH = "" }: NodeJS.ProcessEnv): boolean =>
  PYTHONPATH !== "" && !PYTHONPATH.split(path.delimiter).every((entry) => path.isAbsolute(entry));

type Start = (root: Promise<string>, hear: (event: Event) => void) => Promise<PythonProcess>;

/** Starts a process for each side, which imports Alembic while the files are laid out; the second is a copy of the first. */
function startTwo({ root, environment, python, env }: Rendered): Start {
  const startIn = (place: string, hear: (event: Event) => void) =>
    startProcess({ python, directory: path.join(place, environment.directory), env }, hear);
  if (looksAround(env)) return async (place, hear) => startIn(await place, hear);
  let first: PythonProcess | undefined;
  const copied = later<number | null>();
  return async (_, hear) => {
    if (!first) {
      first = startIn(root, (event) => (event.type === "copied" ? copied.resolve(event.process) : hear(event)));
      first.send({ type: "copy" });
      return first;
    }
    const id = await Promise.race([copied.promise, first.ended.then(() => null)]);
    return id === null ? startIn(root, hear) : first.copy(id, hear);
  };
}

async function render(
  task: Rendered,
  start: Start,
  laidOut: Promise<string>,
  revisions: readonly { id: string; file: string }[],
): Promise<(id: string) => Side> {
  const { environment, settings, signal } = task;
  const told = new Map<string, Event & { type: "sql" }>();
  let failed: Raised | undefined;
  let hung = false;
  // Until a project's modules are imported nothing is heard.
  const patience = Math.max(settings.timeout, 60);
  let child: PythonProcess | undefined;
  const kill = () => child?.kill();
  const watchdog = setTimeout(() => {
    hung = true;
    kill();
  }, patience * 1000);
  child = await start(laidOut, (event) => {
    watchdog.refresh();
    if (event.type === "sql") told.set(event.revision, event);
    if (event.type === "failed") failed = event.raised;
  });
  if (hung || signal.aborted) kill();
  signal.addEventListener("abort", kill, { once: true });
  let end: string;
  try {
    const root = await laidOut;
    child.send({
      type: "sql",
      ...environmentToLoad(environment, root, settings),
      directory: path.join(root, environment.directory),
      ports: [],
      revisions: revisions.map(({ id, file }) => ({ id, file: path.join(root, file) })),
    });
    end = await child.ended;
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener("abort", kill);
    // What it started may still run.
    kill();
  }
  signal.throwIfAborted();
  const reason = failed
    ? text`${raisedText(failed)} stops Alembic`
    : hung
      ? text`nothing happened for ${patience} seconds`
      : text`the Python process ${end}`;
  return (id) => told.get(id) ?? { reason };
}

async function compareSides(before: Side, after: Side, direction: "upgrade" | "downgrade"): Promise<Effect> {
  if ("reason" in before) return { kind: "unknown", reason: before.reason, rendered: false };
  if ("reason" in after) return { kind: "unknown", reason: after.reason, rendered: false };
  return compareRenderings(before[direction], after[direction]);
}

/** Compares what one function would execute before and after. */
export async function compareRenderings(before: Rendering, after: Rendering): Promise<Effect> {
  const statements = [before, after].map((rendering) => rendering.statements.filter(({ asks }) => !asks));
  let units = statements.map(unitsOf) as [Unit[], Unit[]];
  if (keys(units[0]) !== keys(units[1])) units = (await Promise.all(statements.map(parsedUnits))) as [Unit[], Unit[]];
  const missing = [...new Set([...before.missing, ...after.missing])];
  if (
    missing.length > 0 &&
    keys(units[0]) !== keys(units[1]) &&
    keys(units[0], withoutMissing) === keys(units[1], withoutMissing)
  )
    return { kind: "unknown", reason: text`${listOf(missing)} cannot be imported`, rendered: true };
  const [first, second] = units.map((side) => side.filter(({ sql }) => !isSetting(sql))) as [Unit[], Unit[]];
  const common = first.findIndex((unit, index) => unit.key !== second[index]?.key);
  const parted = common === -1 ? first.length : common;
  // Where one of them has come to its end, the other says more, unless nobody knows that it is the end.
  const shorter = [first.length === parted && before, second.length === parted && after].filter((side) => side !== false);
  const open = shorter.map(openEnd).find((reason) => reason !== undefined);
  const more = first.length > parted || second.length > parted;
  if (open) {
    const reads = [before, after].flatMap((side) => side.reads ?? []);
    return { kind: "unknown", reason: open, rendered: [before, after].every(isRendered), ...(reads.length > 0 && { reads }) };
  }
  const stops = !more && Boolean(before.raised) !== Boolean(after.raised);
  if (more || stops) return different(first, second, before, after);
  if (keys(units[0]) === keys(units[1])) return { kind: "same" };
  const settings = units.map((side) => side.filter(({ sql }) => isSetting(sql)).map(({ sql }) => sql));
  return { kind: "settings-only", before: settings[0]!, after: settings[1]! };
}

const keys = (units: readonly Unit[], change = (key: string) => key): string => units.map(({ key }) => change(key)).join("\n");

/** What a missing module would give, whichever of it was asked for; it may contain others. */
const withoutMissing = (key: string): string => key.replaceAll(/<missing (?:[^<>]|<[^<>]*>)*>/g, "<missing>");

/** Whether the function was called, and what is missing was not what stopped it. */
const isRendered = ({ loaded, missing, reads, raised }: Rendering): boolean =>
  loaded && (missing.length === 0 || reads !== null) && !/^(?:ImportError|ModuleNotFoundError)$/.test(raised?.type ?? "");

/** Why there may be more than was rendered, if so. */
function openEnd({ reads, ended, raised, unsteady }: Rendering): Text | undefined {
  if (unsteady) return text`it does something else each time that it runs`;
  if (reads !== null) return text`what it does depends on what it reads (${code(short(reads))})`;
  if (ended || raised?.meant) return undefined;
  return raised && text`without a database it stops with ${raisedText(raised)}`;
}

const short = (sql: string): string => {
  const line = sql.replaceAll(/\s+/g, " ").trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
};

const raisedText = ({ type, message }: Raised): Text => text`${code(`${type}: ${short(message)}`)}`;

/** The parts that differ: between what both begin with and what both end with. */
export function differing(first: readonly Unit[], second: readonly Unit[]): [Unit[], Unit[]] {
  const common = first.findIndex((unit, index) => unit.key !== second[index]?.key);
  const parted = common === -1 ? first.length : common;
  let tail = 0;
  const most = Math.min(first.length, second.length) - parted;
  while (tail < most && first.at(-1 - tail)!.key === second.at(-1 - tail)!.key) tail += 1;
  return [first.slice(parted, first.length - tail), second.slice(parted, second.length - tail)];
}

function different(first: Unit[], second: Unit[], before: Rendering, after: Rendering): Effect {
  const parts = differing(first, second);
  const stop = ({ raised }: Rendering) => (raised?.meant ? [`-- raises ${raised.type}: ${short(raised.message)}`] : []);
  const sides = [before, after].map((side) =>
    (before.raised?.meant || false) === (after.raised?.meant || false) ? [] : stop(side),
  );
  return {
    kind: "different",
    before: [...parts[0].map(({ sql }) => sql), ...sides[0]!],
    after: [...parts[1].map(({ sql }) => sql), ...sides[1]!],
    data: parts.some((part) => part.some(({ sql }) => isData(sql))),
  };
}
