/** CPython and Alembic as oracles: many questions in one process. */
import { execFile } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));
const python = path.join(root, ".venvs", "default", "bin", "python");

/** Our form of CPython's syntax tree: kind, text, items. */
export type Form = [kind: string, text: string, items: (Form | null)[]] | null;

interface Answers {
  trees: { tree: Form } | { refused: number };
  refused: number | null;
  histories:
    | { error: string; message: string }
    | {
        heads: string[];
        bases: string[];
        parents: Record<string, string[]>;
        dependencies: Record<string, string[]>;
        files: Record<string, string>;
        warnings: string[];
        walk: string | null;
      };
  headers:
    | { error: string }
    | Partial<Record<"revision" | "down_revision" | "depends_on" | "branch_labels", string | (string | null)[] | null>>;
}

interface Questions {
  trees: string;
  refused: string;
  histories: { folder: string; versions: string[]; recursive: boolean };
  headers: string;
}

/** Asks many questions of one kind. */
export function ask<K extends keyof Answers>(kind: K, questions: readonly Questions[K][]): Promise<Answers[K][]> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      python,
      [path.join(root, "tests", "project", "oracle.py")],
      { maxBuffer: 1 << 30, env: { ...process.env, PYTHONUTF8: "1", PYTHONDONTWRITEBYTECODE: "1" } },
      (error, stdout, stderr) => {
        if (error) reject(new Error(stderr));
        else resolve(JSON.parse(stdout) as Answers[K][]);
      },
    );
    child.stdin!.end(JSON.stringify({ [kind]: questions }));
  });
}
