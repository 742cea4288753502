/** Small projects on disk, written by the tests that need them. */
import { mkdtempSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";

/** Writes files (by relative path) into a new folder, which is removed when the test ends. */
export async function writeFiles(files: Record<string, string>): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "alembic-gate-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return folder;
}
