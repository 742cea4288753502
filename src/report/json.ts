/** The report as JSON. docs/report.schema.json says what is in it. */
import type { Report } from "../finding.ts";

/** What JSON may hold as it is but a terminal or an editor would obey or hide. */
const INVISIBLE = /[\p{Cf}\u007f-\u009f\u2028\u2029]/gu;

const escaped = (text: string) =>
  text
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");

/** A value as JSON, indented, ended by a newline; characters that nobody can see are escaped. */
export const jsonOf = (value: unknown): string => `${JSON.stringify(value, null, 2).replace(INVISIBLE, escaped)}\n`;

/** The report as JSON. */
export const json = (report: Report): string => jsonOf(report);
