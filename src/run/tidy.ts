/** Takes away what the project's code left in the working tree while it ran under the gate. */
import { lstat, realpath, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import type { Evidence } from "./evidence.ts";
import type { Writing } from "./protocol.ts";
import { listOf, text } from "../text.ts";

/** What was written first, by absolute path. */
export type Written = ReadonlyMap<string, Pick<Writing, "existed">>;

interface Tree {
  /** Absolute. */
  root: string;
  /** Which of these files git knows; paths are relative to the root. */
  tracked(files: readonly string[]): Promise<ReadonlySet<string>>;
  /** Milliseconds since the epoch: files that were there before and are older now were only opened. */
  since: number;
}

/**
 * Removes files that were not there before and that git does not know, and then the folders that were made for them.
 *
 * @returns notes that name what was removed, and what was changed and stays so
 */
export async function tidy(written: Written, { root, tracked, since }: Tree): Promise<Evidence["notes"]> {
  const inside = [...written.keys()].filter((file) => file.startsWith(root + path.sep));
  if (inside.length === 0) return [];
  const relative = (file: string) => path.relative(root, file).split(path.sep).join("/");
  const known = await tracked(inside.map(relative));
  const home = await realpath(root);
  const removed: string[] = [];
  const changed: string[] = [];
  // Folders come after what is in them.
  for (const file of inside.toSorted((a, b) => b.length - a.length)) {
    const found = await lstat(file).catch(() => undefined);
    // Through a link the way leads somewhere else.
    const place = found && (await realpath(path.dirname(file)).catch(() => undefined));
    if (!found || !place || (place !== home && !place.startsWith(home + path.sep))) continue;
    if (written.get(file)!.existed || known.has(relative(file))) {
      if (!found.isDirectory() && found.mtimeMs >= since) changed.push(relative(file));
      continue;
    }
    if (!found.isDirectory()) {
      await rm(file, { force: true });
      removed.push(relative(file));
    } else if (
      await rmdir(file).then(
        () => true,
        () => false,
      )
    )
      removed.push(`${relative(file)}/`);
  }
  const what = "the working tree";
  // A folder stands for all that was in it.
  const gone = removed.filter(
    (file) => !removed.some((other) => other !== file && other.endsWith("/") && file.startsWith(other)),
  );
  const notes: Evidence["notes"] = [];
  if (gone.length > 0)
    notes.push({
      what,
      reason: text`the project's code wrote ${listOf(gone.sort(), 20)} while it ran, and the gate removed that again`,
    });
  if (changed.length > 0)
    notes.push({
      what,
      reason: text`the project's code changed ${listOf(changed.sort(), 20)} while it ran, and that was left as it is`,
    });
  return notes;
}
