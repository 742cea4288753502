/** Two sides of a history in memory, and what the rules about them say. */
import { compareHistory, type History } from "../../src/history/history.ts";
import type { Draft, Severity } from "../../src/finding.ts";
import type { Environment } from "../../src/project/environment.ts";
import { readGraph, type Graph } from "../../src/project/graph.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { plain } from "../../src/text.ts";
import { treeOf } from "../project/trees.ts";

export type Files = Record<string, string>;

export const environment = (versionFolders = ["versions"]): Environment => ({
  name: "alembic.ini",
  config: "alembic.ini",
  section: "alembic",
  format: "ini",
  kind: "alembic",
  directory: "",
  scriptLocation: "migrations",
  versionFolders,
  recursive: false,
  prependSysPath: [],
});

/** A revision file: id in line 1, parents in line 2, labels in line 3, depends_on in line 4, upgrade() from line 6. */
export function file(
  id: string,
  down: string | string[] | null,
  more: { body?: string; labels?: string; dependsOn?: string } = {},
): string {
  const parents =
    down === null ? "None" : typeof down === "string" ? `"${down}"` : `(${down.map((one) => `"${one}"`).join(", ")})`;
  const literal = (value: string | undefined) => (value === undefined ? "None" : `"${value}"`);
  return `revision = "${id}"\ndown_revision = ${parents}\nbranch_labels = ${literal(more.labels)}\ndepends_on = ${literal(more.dependsOn)}\n\ndef upgrade():\n    ${more.body ?? `op.create_table("${id}")`}\n\ndef downgrade():\n    op.drop_table("${id}")\n`;
}

/** Files in `versions/`, by id. */
export const chain = (...links: [id: string, down: string | string[] | null, more?: Parameters<typeof file>[2]][]): Files =>
  Object.fromEntries(links.map(([id, down, more]) => [`versions/${id}_.py`, file(id, down, more)]));

export interface Sides {
  graph: Graph;
  history: History;
  environment: Environment;
}

export async function sides(
  base: Files,
  head: Files,
  { folders, helpers }: { folders?: string[]; helpers?: string[] } = {},
): Promise<Sides> {
  const where = environment(folders);
  const [baseGraph, headGraph] = await Promise.all([readGraph(treeOf(base), where), readGraph(treeOf(head), where)]);
  const changedFiles = [...new Set([...Object.keys(base), ...Object.keys(head)])].filter((name) => base[name] !== head[name]);
  const history = compareHistory({
    base: { commit: "c0ffee".padEnd(40, "0"), label: "main" },
    baseGraph,
    headGraph,
    changedFiles,
    helpers,
  });
  return { graph: headGraph, history, environment: where };
}

/** A finding in a few words: severity, place, revision. */
export type Told = [severity: Severity, place: string, revision?: string, preexisting?: "preexisting"];

export function draftsOf(
  rule: Rule,
  facts: Partial<Sides> & { settings?: { expectedHeads?: number; allowLabel?: string } },
): Draft[] {
  return rule.judge(facts as never);
}

export const told = (rule: Rule, drafts: readonly Draft[]): Told[] =>
  drafts.map(
    ({ severity, file: name, line, revision, preexisting }) =>
      [
        severity ?? rule.severity,
        name === undefined ? "-" : `${name.replace(/^versions\//, "")}:${line}`,
        ...(revision === undefined ? [] : ([revision] as const)),
        ...(preexisting ? (["preexisting"] as const) : []),
      ] as Told,
  );

export const sentences = (drafts: readonly Draft[]): string[] => drafts.map(({ message }) => plain(message));

/** A source once the edits of a fix are made; throws where the fix does not fit. */
export function mended(draft: Draft, files: Files): Files {
  const after = { ...files };
  // From the last to the first, so that no edit moves another.
  for (const { file: name, start, end, expected, insert } of draft.fix!.edits.toSorted((a, b) => b.start - a.start)) {
    if (after[name]!.slice(start, end) !== expected)
      throw new Error(`${name} has ${after[name]!.slice(start, end)} and not ${expected}`);
    after[name] = after[name]!.slice(0, start) + insert + after[name]!.slice(end);
  }
  return after;
}
