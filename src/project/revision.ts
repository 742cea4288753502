/** A revision file, read statically: no project code runs. */
import { parser } from "@lezer/python";

/** Lines, 1-based and inclusive. */
export interface Span {
  line: number;
  endLine: number;
}

/** Where a value stands: lines, columns (1-based) and UTF-16 offsets, so that an edit can be offered. */
export interface ValueSpan extends Span {
  column: number;
  endColumn: number;
  start: number;
  end: number;
}

export interface Revision {
  id: string;
  /** As written, before labels and partial ids are resolved. */
  down: string[];
  dependsOn: string[];
  labels: string[];
  /** First line of the docstring. */
  message: string;
  /** Relative to the repository's root. */
  file: string;
  /** The decoded source. */
  source: string;
  /** Spans of the whole assignments. */
  at: { revision?: ValueSpan; down?: ValueSpan; dependsOn?: ValueSpan; labels?: ValueSpan };
  upgrade?: Span;
  downgrade?: Span;
  /** What the body of downgrade() is. */
  downgradeIs: "code" | "empty" | "missing" | "raises";
  /** Values that only Python can compute; their lists above are then empty. */
  computed?: ("down" | "dependsOn" | "labels")[];
  /** Python 3 cannot read the file, although its header could be read. */
  syntaxError?: { line: number; detail: string };
}

/** A file that defines no readable revision although it should. */
export interface Unreadable {
  file: string;
  line: number;
  /** no-revision: it defines no `revision`, on which Alembic gives up; refused: Alembic refuses the id. */
  reason: "syntax" | "computed" | "encoding" | "no-revision" | "refused";
  detail: string;
}

/**
 * Reads one file of a version folder.
 *
 * @param file path relative to the repository's root
 * @param bytes its content
 * @returns undefined where Alembic itself does not look at the file
 */
export function readRevision(file: string, bytes: Uint8Array): Revision | Unreadable | undefined {
  const name = file.slice(file.lastIndexOf("/") + 1);
  if (!name.endsWith(".py") || name.startsWith("__init__") || name.startsWith(".#")) return undefined;
  const source = new TextDecoder().decode(bytes);
  const revision: Revision = { id: "", down: [], dependsOn: [], labels: [], message: "", file, source, at: {}, downgradeIs: "missing" };
  const lines = source.split("\n");
  const lineAt = (offset: number) => source.slice(0, offset).split("\n").length;
  const cursor = parser.parse(source).topNode.cursor();
  const values = new Map<string, { strings: string[]; span: ValueSpan }>();
  if (cursor.firstChild()) {
    do {
      if (cursor.name === "ExpressionStatement" && revision.message === "") {
        revision.message = /^\s*[rRuU]?["']+\s*([^\n"']*)/.exec(source.slice(cursor.from, cursor.to))?.[1]?.trim() ?? "";
      } else if (cursor.name === "AssignStatement") {
        const text = source.slice(cursor.from, cursor.to);
        const target = /^\w+/.exec(text)?.[0] ?? "";
        const line = lineAt(cursor.from);
        values.set(target, {
          strings: [...text.slice(text.indexOf("=")).matchAll(/"([^"]*)"|'([^']*)'/g)].map((match) => match[1] ?? match[2] ?? ""),
          span: { line, endLine: lineAt(cursor.to), column: 1, endColumn: cursor.to - cursor.from + 1, start: cursor.from, end: cursor.to },
        });
      } else if (cursor.name === "FunctionDefinition") {
        const which = /^def\s+(upgrade|downgrade)\b/.exec(source.slice(cursor.from, cursor.to))?.[1] as "upgrade" | "downgrade" | undefined;
        if (which) revision[which] = { line: lineAt(cursor.from), endLine: Math.min(lines.length, lineAt(cursor.to)) };
        if (which === "downgrade") revision.downgradeIs = "code";
      }
    } while (cursor.nextSibling());
  }
  const id = values.get("revision")?.strings[0];
  if (id === undefined) return { file, line: 1, reason: "no-revision", detail: "" };
  revision.id = id;
  revision.down = values.get("down_revision")?.strings ?? [];
  revision.dependsOn = values.get("depends_on")?.strings ?? [];
  revision.labels = values.get("branch_labels")?.strings ?? [];
  revision.at = {
    revision: values.get("revision")?.span,
    down: values.get("down_revision")?.span,
    dependsOn: values.get("depends_on")?.span,
    labels: values.get("branch_labels")?.span,
  };
  return revision;
}
