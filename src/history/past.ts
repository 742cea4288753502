/** What the commits of the base branch tell of its revisions: when they landed, which version was there before, which ones are released. */
import type { Revision } from "../project/revision.ts";
import { code, text, type Text } from "../text.ts";
import type { Base } from "./base.ts";
import type { Git } from "./git.ts";

/** A commit of the base branch. */
export interface Landing {
  commit: string;
  /** `2026-11-20`. */
  date: string;
  /** The branch that is checked out does not have it. */
  afterCut?: true;
}

/** The commit in an answer of `git log`; undefined where a shallow clone ends there, since then nobody knows what came before. */
function landing(git: Git, answer: string | undefined): Landing | undefined {
  const [commit, date, parent] = (answer ?? "").split(" ");
  return commit && date && (parent || !git.shallow) ? { commit, date } : undefined;
}

const FORMAT = "--format=%H %cs %P";

/** Milliseconds: what the past says is worth a moment, and no more in a long one. */
const PATIENCE = { timeout: 2_000 };

/** When a file came to the base branch: of a merged pull request the merge, not the commit on its own branch. */
export async function landingOf(git: Git, { commit, mergeBase }: Base, file: string): Promise<Landing | undefined> {
  const command = ["log", "-1", "--first-parent", "-m", "--no-renames", "--diff-filter=A", FORMAT, commit, "--", file];
  const found = landing(git, await git.ask(command, PATIENCE));
  const cutBefore = found && mergeBase !== undefined && (await git.ask(["cat-file", "-e", `${mergeBase}:${file}`])) === undefined;
  return found && { ...found, ...(cutBefore && { afterCut: true }) };
}

/**
 * Whether the base branch had a file in exactly this version before.
 *
 * @param blob git's id of the version
 * @returns the commit that changed it to something else
 */
export async function replacedBy(git: Git, tip: string, file: string, blob: string): Promise<Landing | undefined> {
  const command = ["log", "-1", "--no-renames", `--find-object=${blob}`, FORMAT, tip, "--", file];
  return landing(git, await git.ask(command, PATIENCE));
}

/**
 * Those of some revisions that no tag contains: their id stands in no version of the folders that leads to a tag.
 *
 * @param folders of revision files, relative to the root
 * @returns not known where this clone has no tags; the reason is a sentence for people
 */
export async function unreleasedOf(
  git: Git,
  revisions: readonly Revision[],
  folders: readonly string[],
): Promise<{ known: true; value: ReadonlySet<string> } | { known: false; reason: Text }> {
  if (revisions.length === 0) return { known: true, value: new Set() };
  const untold = (why: string) => ({
    known: false as const,
    reason: text`${code("released: tags")} is set, but ${why}: every revision of the base branch counts as applied (a checkout with ${code("fetch-depth: 0")} has all tags)`,
  });
  if (git.shallow) return untold("this clone is shallow");
  if (!(await git.ask(["tag", "--list"]))) return untold("this clone has no tags");
  const places = folders.map((folder) => (folder === "" ? "." : folder));
  const released = await Promise.all(
    revisions.map(async ({ id, at }) => {
      // An id that stands nowhere, since the file's name is it, cannot be searched for.
      if (!at.revision) return true;
      const literal = `['"]${id.replaceAll(/[^\w]/g, String.raw`\$&`)}['"]`;
      const answer = await git.ask(["log", "-1", "--tags", "--pickaxe-regex", `-S${literal}`, "--format=%H", "--", ...places]);
      return answer !== "";
    }),
  );
  return { known: true, value: new Set(revisions.flatMap(({ id }, index) => (released[index] ? [] : [id]))) };
}
