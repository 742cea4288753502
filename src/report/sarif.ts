/** The report as SARIF 2.1.0, for code scanning and for viewers of it. */
import type { EnvironmentReport, Finding, Fix, Place, Related, Report, Severity } from "../finding.ts";
import { count, plain, type Text } from "../text.ts";
import { bare } from "./bare.ts";
import { oneLine, uriPath, visible } from "./escape.ts";
import { jsonOf } from "./json.ts";
import { grouped, numbered, relatedPlace, shorten } from "./view.ts";

/** What SARIF needs to know of a rule. */
interface SarifRule {
  id: string;
  family: string;
  severity: Severity;
  summary: string;
  /** Its page, in Markdown. */
  page: string;
}

export interface SarifOptions {
  version: string;
  rules: readonly SarifRule[];
  /** Where the rules' pages are on the web: `https://github.com/<owner>/<action>/blob/<ref>/docs/rules`. */
  pages?: string;
}

/** GitHub refuses a run of more than 25,000 results, and reads the text of a message up to some length. */
const RESULTS = 20_000;
const MESSAGE = 8_000;
const RELATED = 20;
const NOTIFICATIONS = 100;

const LEVEL: Record<Severity, "error" | "warning" | "note"> = { error: "error", warning: "warning", notice: "note" };

/** The report as SARIF, ended by a newline. */
export function sarif(report: Report, { version, rules, pages }: SarifOptions): string {
  const unique = numbered();
  const all = report.environments.flatMap((environment) => {
    const { own, ignored, preexisting } = grouped(environment.findings);
    return [...own, ...preexisting, ...ignored].map((finding) => ({ finding, environment }));
  });
  const shown = all.slice(0, RESULTS);
  const index = new Map(rules.map(({ id }, position) => [id, position]));
  const run = {
    tool: {
      driver: {
        name: "alembic-gate",
        semanticVersion: version,
        ...(pages !== undefined && { informationUri: pages }),
        rules: rules.map((rule) => ruleOf(rule, pages)),
      },
    },
    automationDetails: { id: "alembic-gate/" },
    columnKind: "utf16CodeUnits",
    invocations: [
      {
        executionSuccessful: report.failures.every(({ exitCode }) => exitCode === 1),
        exitCode: report.exitCode,
        toolExecutionNotifications: notifications(report, all.length - shown.length),
      },
    ],
    results: shown.map(({ finding, environment }) => resultOf(finding, environment, index.get(finding.rule), unique)),
  };
  const log = { $schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] };
  return jsonOf(log);
}

const ruleOf = ({ id, family, severity, summary, page }: SarifRule, pages: string | undefined) => ({
  id,
  name: id.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase()),
  shortDescription: { text: `${summary}.` },
  fullDescription: { text: `${summary}.` },
  help: { text: page, markdown: page },
  ...(pages !== undefined && { helpUri: `${pages}/${id}.md` }),
  defaultConfiguration: { level: LEVEL[severity] },
  properties: { tags: ["alembic", family], precision: "very-high" },
});

function resultOf(
  finding: Finding,
  { config }: EnvironmentReport,
  ruleIndex: number | undefined,
  unique: (value: string) => string,
) {
  const { rule, severity, preexisting, suppressed, fingerprint, environment, revision, object, fix, file } = finding;
  const place = file === undefined ? { file: config } : { ...finding, file };
  const related = finding.related.slice(0, RELATED);
  const here = related.filter(({ commit }) => commit === undefined);
  return {
    ruleId: rule,
    ...(ruleIndex !== undefined && { ruleIndex }),
    // What does not block must not turn a pull request's check red.
    level: preexisting || suppressed ? "note" : LEVEL[severity],
    message: { text: messageOf(finding, related) },
    locations: [{ physicalLocation: physical(place) }],
    ...(here.length > 0 && {
      relatedLocations: here.map((other, id) => ({
        id,
        physicalLocation: physical(other),
        message: { text: said(oneLine(plain(other.message))) },
      })),
    }),
    partialFingerprints: { "alembicGate/v1": unique(fingerprint) },
    baselineState: preexisting ? "unchanged" : "new",
    ...(suppressed && { suppressions: [{ kind: "inSource", justification: shorten(visible(suppressed.reason), MESSAGE) }] }),
    ...(fix && fix.edits.length > 0 && { fixes: [fixOf(fix)] }),
    properties: {
      severity,
      blocks: finding.blocks,
      preexisting,
      environment: visible(environment),
      ...(revision !== undefined && { revision: visible(revision) }),
      ...(object && { object: `${visible(object.kind)} ${visible(object.name)}` }),
    },
  };
}

/** A viewer makes a link of `[words](target)`: foreign text gets none. */
const said = (value: string): string => shorten(value.replaceAll("](", "] ("), MESSAGE);

/** The sentence first: viewers show what stands before the first full stop in their lists. */
function messageOf(finding: Finding, related: readonly Related[]): string {
  const elsewhere = related.flatMap((other) =>
    other.commit === undefined ? [] : [`See also ${oneLine(relatedPlace(finding, other))}: ${oneLine(plain(other.message))}`],
  );
  const before = finding.preexisting ? "This is on the base branch already, and blocks nothing." : "";
  const parts = [bare(finding.message), before, finding.evidence ? bare(finding.evidence) : "", bare(finding.help), ...elsewhere];
  return said(parts.filter(Boolean).join("\n\n")) || finding.rule;
}

function physical({ file, line, endLine, column, endColumn }: Place & { file: string }) {
  const columns = column !== undefined && (endLine === undefined || endLine === line);
  return {
    artifactLocation: { uri: uriPath(file), uriBaseId: "%SRCROOT%" },
    region: {
      startLine: line ?? 1,
      ...(endLine !== undefined && line !== undefined && endLine > line && { endLine }),
      ...(columns && { startColumn: column, ...(endColumn !== undefined && endColumn > column && { endColumn }) }),
    },
  };
}

function fixOf({ title, edits }: Fix) {
  const files = [...new Set(edits.map(({ file }) => file))];
  return {
    description: { text: said(visible(title)) },
    artifactChanges: files.map((file) => ({
      artifactLocation: { uri: uriPath(file), uriBaseId: "%SRCROOT%" },
      replacements: edits
        .filter((edit) => edit.file === file)
        .map(({ start, end, insert }) => ({
          deletedRegion: { charOffset: start, charLength: end - start },
          insertedContent: { text: insert },
        })),
    })),
  };
}

/** What stopped the gate, what it did not judge, and what is not in the list. */
function notifications(report: Report, hidden: number) {
  const note = (level: "error" | "note", message: Text) => ({ level, message: { text: said(bare(message)) || "…" } });
  const failures = report.failures.map(({ message, help }) => note("error", [...message, { text: "\n\n" }, ...help]));
  const notChecked = report.environments.flatMap((environment) =>
    environment.notChecked.map(({ what, reason }) => note("note", [{ text: `Not checked: ${what}: ` }, ...reason])),
  );
  const left = notChecked.length - NOTIFICATIONS;
  return [
    ...failures,
    ...(hidden > 0 ? [note("note", [{ text: `${count(hidden, "further finding")}: the JSON report has all.` }])] : []),
    ...notChecked.slice(0, NOTIFICATIONS),
    ...(left > 0 ? [note("note", [{ text: `${count(left, "further thing")} not checked: the JSON report has all.` }])] : []),
  ];
}
