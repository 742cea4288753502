/** Every format that `--format` names, as one function. */
import type { Report } from "../finding.ts";
import type { Settings } from "../settings.ts";
import { gitlab } from "./gitlab.ts";
import { json } from "./json.ts";
import { junit } from "./junit.ts";
import { page } from "./page/page.ts";
import { sarif, type SarifOptions } from "./sarif.ts";
import { summary } from "./summary.ts";
import { terminal } from "./terminal.ts";
import { unix } from "./unix.ts";

export interface FormatOptions extends SarifOptions {
  /** Content of a file of the head tree, by path from the repository's root. */
  source(file: string): string | undefined;
}

/** Columns of text that goes into a file. */
const WIDTH = 100;

/** The report in a format, as a file holds it: without colours. */
export function inFormat(format: Settings["format"], report: Report, options: FormatOptions): string {
  switch (format) {
    case "text":
      return terminal(report, { colour: false, width: WIDTH, source: options.source });
    case "unix":
      return unix(report);
    case "json":
      return json(report);
    case "markdown":
      return summary(report);
    case "sarif":
      return sarif(report, options);
    case "gitlab":
      return gitlab(report);
    case "junit":
      return junit(report);
    case "html":
      return page(report, options);
  }
}
