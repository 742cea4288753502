/** Annotations for the Checks API, which takes more of them than a step of a job may print. */
import type { Report, Severity } from "../finding.ts";
import { count } from "../text.ts";
import { furtherAnnotations } from "./annotations.ts";
import { shorten } from "./view.ts";

/** As the API wants it. */
interface CheckAnnotation {
  path: string;
  start_line: number;
  end_line: number;
  start_column?: number;
  end_column?: number;
  annotation_level: "failure" | "warning" | "notice";
  title: string;
  message: string;
}

export interface CheckRunOutput {
  title: string;
  summary: string;
  annotations: CheckAnnotation[];
}

const LEVEL: Record<Severity, CheckAnnotation["annotation_level"]> = { error: "failure", warning: "warning", notice: "notice" };

/** What one request may hold, and how many requests one report is worth. */
const PER_REQUEST = 50;
const REQUESTS = 10;

const TITLE = 255;
/** Bytes; GitHub takes 64 KB. Fifty long ones must still be a request that it takes. */
const MESSAGE = 16_000;

/** The annotations beyond those that the step has printed, worst first, a request's worth each. Those without a file have no place there. */
export function checkRunOutputs(report: Report, reserved = 0): CheckRunOutput[] {
  const all = furtherAnnotations(report, reserved).flatMap(({ level, place, title, message }): CheckAnnotation[] => {
    const { file, line = 1, endLine = line, column, endColumn } = place;
    if (file === undefined) return [];
    const last = Math.max(line, endLine);
    return [
      {
        path: file,
        start_line: line,
        end_line: last,
        ...(column !== undefined && last === line && { start_column: column, end_column: Math.max(column, endColumn ?? column) }),
        annotation_level: LEVEL[level],
        title: shorten(title, TITLE),
        message: shorten(message, MESSAGE / 4),
      },
    ];
  });
  const sent = all.slice(0, PER_REQUEST * REQUESTS);
  const left = all.length - sent.length;
  const summary = `${count(all.length, "annotation")} beyond those of the step${left > 0 ? `, the worst ${sent.length} of them here` : ""}. The job summary has the whole verdict.`;
  return Array.from({ length: Math.ceil(sent.length / PER_REQUEST) }, (_, index) => ({
    title: "alembic-gate",
    summary,
    annotations: sent.slice(index * PER_REQUEST, (index + 1) * PER_REQUEST),
  }));
}
