/** Look-ups in graphs and histories that the rules about them share. Pure. */
import type { Draft, Place, Related } from "../finding.ts";
import type { History } from "../history/history.ts";
import type { Landing } from "../history/past.ts";
import type { Environment } from "../project/environment.ts";
import type { Graph } from "../project/graph.ts";
import type { Revision, ValueSpan } from "../project/revision.ts";
import { block, code, text, type Text } from "../text.ts";
import type { Facts } from "./rule.ts";

/** The line of an assignment, or of the id where the file has no such assignment. */
export function placeOf(revision: Revision, what: keyof Revision["at"]): Place {
  const span = revision.at[what] ?? revision.at.revision;
  return { file: revision.file, line: span?.line ?? 1, ...(span && { endLine: span.endLine }) };
}

/** An error is a warning where revisions may lie in folders that nobody knows. */
export const unlessUnknowable = (environment: Environment | undefined): { severity?: "warning" } =>
  environment?.unknowable === undefined ? {} : { severity: "warning" };

/** A revision as another place of a finding; `commit` where it stands on the base branch only. */
export function relatedTo(revision: Revision, what: keyof Revision["at"], message: Text, commit?: string): Related {
  const { file, line } = placeOf(revision, what);
  return { file: file!, line, message, ...(commit !== undefined && { commit }) };
}

/** All revisions that come before some, themselves included. Ids without a revision are left out. */
export function withAncestors(graph: Graph, ids: Iterable<string>): Set<string> {
  const found = new Set<string>();
  for (const id of ids) if (graph.revisions.has(id)) found.add(id);
  for (const id of found) for (const parent of graph.parents.get(id) ?? []) found.add(parent);
  return found;
}

/** The heads that a graph would have if some revisions had other parents. */
function headsWith(graph: Graph, parents: ReadonlyMap<string, readonly string[]>): number {
  const named = new Set([...graph.revisions.keys()].flatMap((id) => parents.get(id) ?? graph.parents.get(id) ?? []));
  return [...graph.revisions.keys()].filter((id) => !named.has(id)).length;
}

/** All revisions that are run before some when a database is made, by parents and by depends_on, these themselves included. */
export function withPredecessors(graph: Graph, ids: Iterable<string>): Set<string> {
  const found = new Set<string>();
  for (const id of ids) if (graph.revisions.has(id)) found.add(id);
  for (const id of found)
    for (const other of [...(graph.parents.get(id) ?? []), ...(graph.dependencies.get(id) ?? [])]) found.add(other);
  return found;
}

/**
 * Whether the new parents of a revision mend the graph: the pull request leaves fewer heads than the base branch has, and this change
 * has part in that. Either it puts the revision on top of what was a head, or there would be more heads without it.
 */
export function repairsHeads(id: string, { graph, history }: { graph: Graph; history: History }): boolean {
  const change = history.changes.get(id);
  if (!change?.reparented || graph.heads.length >= history.graph.heads.length) return false;
  const before = withAncestors(history.graph, [id]);
  const gained = new Set([...withAncestors(graph, [id])].filter((one) => !before.has(one)));
  if (history.graph.heads.some((head) => gained.has(head))) return true;
  const old = change.reparented.before.filter((parent) => graph.revisions.has(parent));
  return headsWith(graph, new Map([[id, old]])) > graph.heads.length;
}

/** The parents of an applied revision before and after, once deleted, renamed and new revisions are looked through. */
export function oldParents(
  id: string,
  { graph, history }: { graph: Graph; history: History },
): { before: Set<string>; after: Set<string> } {
  const look = (start: readonly string[], through: (id: string) => readonly string[] | undefined): Set<string> => {
    const reached = new Set(start);
    for (const parent of reached) {
      const beyond = through(parent);
      if (!beyond) continue;
      reached.delete(parent);
      for (const other of beyond) reached.add(other);
    }
    return reached;
  };
  const change = history.changes.get(id)!;
  const isNew = (parent: string) => graph.revisions.has(parent) && !history.graph.revisions.has(parent);
  return {
    before: look(change.reparented?.before ?? change.before.down, (parent) =>
      history.changes.get(parent)?.body === "deleted" ? (history.graph.parents.get(parent) ?? []) : undefined,
    ),
    after: look(change.reparented?.after ?? change.before.down, (parent) =>
      isNew(parent) ? (graph.parents.get(parent) ?? []) : undefined,
    ),
  };
}

/** An alembic command as it is typed for an environment, from the repository's root. */
export function alembic(environment: Environment, command: string): string {
  const { directory, config, section, format, kind } = environment;
  const inFolder = directory === "" ? config : config.slice(directory.length + 1);
  const options = [
    format === "ini" && inFolder !== "alembic.ini" && kind === "alembic" && `-c ${quoted(inFolder)}`,
    section !== "alembic" && kind === "alembic" && `-n ${quoted(section)}`,
  ].filter(Boolean);
  const line = [kind === "flask-migrate" ? "flask db" : "alembic", ...options, command].join(" ");
  return directory === "" ? line : `cd ${quoted(directory)} && ${line}`;
}

/** A word as a shell takes it. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** The value of an assignment, written as its author writes strings. */
export function literal(revision: Revision, span: ValueSpan | undefined, ids: readonly string[]): string {
  const written = span?.value ? revision.source.slice(span.value.start, span.value.end) : "";
  const quote =
    /['"]/.exec(written)?.[0] ??
    /['"]/.exec(
      revision.at.revision?.value ? revision.source.slice(revision.at.revision.value.start, revision.at.revision.value.end) : "",
    )?.[0] ??
    '"';
  const strings = ids.map((id) => quote + id.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`) + quote);
  return strings.length === 0 ? "None" : strings.length === 1 ? strings[0]! : `(${strings.join(", ")})`;
}

/** A text as SQL has it. */
export const sqlText = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** Parents for people: `a`, `a and b`, nothing. */
export const parentsText = (ids: readonly string[]): Text =>
  ids.length === 0
    ? text`nothing`
    : ids.flatMap((id, index) => [...(index === 0 ? [] : text`${index === ids.length - 1 ? " and " : ", "}`), code(id)]);

/** How to allow a finding about applied revisions, for the end of its help. */
export const allow = (rule: string, settings?: Facts["settings"]): Text =>
  text`If it is right all the same, since no database has run it yet, say, give the reason on the line (${code(`# alembic-gate: ignore[${rule}] -- reason`)})${byLabel(settings)}.`;

/** The same for a finding that stands on no line: an entry of the settings. */
export const allowInSettings = (rule: string, revision: string, settings?: Facts["settings"]): Text =>
  text`If it is right all the same, since no database has run it yet, say, give the reason in ${code("alembic-gate.toml")}${byLabel(settings)}:${block(`[[ignore]]\nrule = ${JSON.stringify(rule)}\nrevision = ${JSON.stringify(revision)}\nreason = "…"`, "toml")}`;

const byLabel = (settings: Facts["settings"] | undefined): Text =>
  settings?.allowLabel === undefined ? text`` : text`, or give the pull request the label ${code(settings.allowLabel)}`;

/** A change of revisions that no tag contains, where the settings say that only tags are released. */
export function unreleased(draft: Omit<Draft, "message" | "help">, ids: readonly string[], what: Text): Draft {
  const it = ids.length === 1 ? "it" : "them";
  return {
    ...draft,
    severity: "notice",
    message: text`${what}; no tag contains ${it}, so ${ids.length === 1 ? "it counts" : "they count"} as not released (${code("released: tags")}).`,
    help: text`Only databases that ran the base branch itself have the old version: make those anew, or take them down below ${it} first.`,
  };
}

/** `abc123def456 (2026-11-20)`. */
export const landingText = ({ commit, date }: Landing): Text => text`${code(commit.slice(0, 12))} (${date})`;
