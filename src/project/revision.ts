/** A revision file, read statically: no project code runs. */

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
}

/** A file that defines no readable revision although it should. */
export interface Unreadable {
  file: string;
  line: number;
  reason: "syntax" | "computed" | "encoding";
  detail: string;
}
