/** The job summary: what a reviewer reads. Red days: what is wrong and what to do. Green days: what changes in the database. */
import { appendFile, stat } from "node:fs/promises";
import type { EnvironmentReport, Finding, PhaseReport, Report, SchemaReport } from "../finding.ts";
import { code, count, plain, text, type Text } from "../text.ts";
import { paragraphs, type Block, type Icon, type Inline, type Line } from "./document.ts";
import { markdownUrl } from "./escape.ts";
import { markdown } from "./markdown.ts";
import {
  duration,
  grouped,
  linesText,
  placeOf,
  relatedPlace,
  shortCommit,
  shorten,
  shortenText,
  tally,
  tallyWords,
  type Tally,
} from "./view.ts";

export interface SummaryOptions {
  /** Where the rules' pages are: `https://github.com/<owner>/<action>/blob/<ref>/docs/rules`. Without it rules are no links. */
  rules?: string;
  /** Where the head tree can be read: `https://github.com/<owner>/<repository>/blob/<commit>`. Without it places are no links. */
  source?: string;
  /** Bytes of UTF-8 that the result may have. GitHub drops a summary of more than 1 MiB as a whole. */
  limit?: number;
}

/** How much of everything is written; the rest is counted. Lengths in UTF-16 units. */
interface Size {
  failures: number;
  environments: number;
  findings: number;
  /** Findings with their details. */
  details: number;
  changes: number;
  statements: number;
  message: number;
  block: number;
}

export interface Room extends Size {
  /** Where the rest can be read. */
  rest: string;
  /** Without what blocks nobody: ignored and pre-existing findings, the phases. */
  brief: boolean;
}

/** From what people can read down to what always fits. */
export const SIZES: readonly Size[] = [
  { failures: 10, environments: 50, findings: 200, details: 50, changes: 100, statements: 200, message: 2_000, block: 12_000 },
  { failures: 10, environments: 20, findings: 50, details: 10, changes: 50, statements: 50, message: 1_000, block: 3_000 },
  { failures: 5, environments: 10, findings: 20, details: 4, changes: 10, statements: 5, message: 500, block: 1_000 },
  { failures: 2, environments: 4, findings: 10, details: 0, changes: 5, statements: 0, message: 250, block: 250 },
  { failures: 0, environments: 0, findings: 0, details: 0, changes: 0, statements: 0, message: 60, block: 0 },
];

const ROOMS: readonly Room[] = SIZES.map((size) => ({ ...size, rest: "the JSON report", brief: false }));

/** The runner counts the whole file; the difference is for what others of the same step have written. */
const LIMIT = 1_000_000;

/** The report as Markdown of at most `limit` bytes; what does not fit is counted, never dropped in silence. */
export function summary(report: Report, options: SummaryOptions = {}): string {
  return fitting(ROOMS, options.limit ?? LIMIT, (room) => markdown(document(report, options, room)));
}

/** What is written with the first room in which it is at most `limit` bytes long; nothing where none is small enough. */
export function fitting(rooms: readonly Room[], limit: number, write: (room: Room) => string): string {
  for (const room of rooms) {
    const written = write(room);
    if (Buffer.byteLength(written) <= limit) return written;
  }
  return "";
}

/** Appends the summary to the runner's file (GITHUB_STEP_SUMMARY), within what is left of its limit. */
export async function sendSummary(report: Report, file: string, options: SummaryOptions = {}): Promise<void> {
  const used = await stat(file).then(
    ({ size }) => size,
    () => 0,
  );
  await appendFile(file, summary(report, { ...options, limit: Math.min(options.limit ?? LIMIT, LIMIT - used) }));
}

const VERDICT: Record<Report["verdict"], Icon> = { pass: "passed", fail: "failed", error: "broken" };

const say = (value: string): Inline => ({ text: value });
const strong = (value: string): Inline => ({ strong: text`${value}` });
const icon = (name: Icon): Inline[] => [{ icon: name }, say(" ")];
const joined = (lines: Line[], by = " · "): Line => lines.flatMap((line, index) => (index === 0 ? line : [say(by), ...line]));

/** The summary as a document. */
export function document(report: Report, options: SummaryOptions = {}, room: Room = ROOMS[0]!): Block[] {
  const alone = report.environments.length === 1;
  const top = room.brief ? 3 : 2;
  const shown = report.environments.slice(0, room.environments);
  return [
    { heading: [...icon(VERDICT[report.verdict]), ...shortenText(report.headline, room.message)], level: top },
    ...counted(tally(report)),
    ...failures(report, options, room),
    ...shown.flatMap((environment) => [
      ...(alone ? [] : [{ heading: [code(shorten(environment.name, room.message))], level: room.brief ? 4 : 3 } as const]),
      ...environmentBlocks(environment, alone && !room.brief ? 3 : 4, options, room),
    ]),
    ...rest(report.environments.length - shown.length, "environment", room),
  ];
}

/** Nothing where there is nothing to count: the headline says so. */
function counted(counts: Tally): Block[] {
  if (Object.values(counts).every((number) => number === 0)) return [];
  const words = tallyWords(counts);
  return [{ paragraph: joined(words.map((word, index) => [index === 0 && counts.blocking > 0 ? strong(word) : say(word)])) }];
}

/** What was left out for want of room. */
const rest = (number: number, noun: string, room: Room): Block[] =>
  number > 0 ? [{ small: text`… and ${count(number, `more ${noun}`)}, in ${room.rest}.` }] : [];

/** The paragraphs of a Text, its blocks cut to the room that there is. */
const prose = (parts: Text, room: Room): Block[] =>
  paragraphs(
    shortenText(parts, room.block + room.message).map((part) =>
      "block" in part ? { ...part, block: shorten(part.block, room.block, "\n…") } : part,
    ),
  );

/** The paragraphs of a Text, the first of them after a word in bold. */
function titled(title: string, parts: Text, room: Room): Block[] {
  const [first, ...others] = prose(parts, room);
  if (!first) return [];
  if ("paragraph" in first) return [{ paragraph: [strong(title), say(" "), ...first.paragraph] }, ...others];
  return [{ paragraph: [strong(title)] }, first, ...others];
}

/** A place, as a link where the head tree can be read. */
function place(at: { file: string; line?: number; endLine?: number }, label: string, { source }: SummaryOptions): Line {
  if (source === undefined) return [code(label)];
  const lines =
    at.line === undefined ? "" : `#L${at.line}${at.endLine !== undefined && at.endLine > at.line ? `-L${at.endLine}` : ""}`;
  return [{ url: markdownUrl(source, at.file) + lines, of: [code(label)] }];
}

const ruleName = (rule: string, { rules }: SummaryOptions): Line =>
  rules === undefined ? [code(rule)] : [{ url: markdownUrl(rules, `${rule}.md`), of: [code(rule)] }];

function failures(report: Report, options: SummaryOptions, room: Room): Block[] {
  const shown = report.failures.slice(0, room.failures);
  return [
    ...shown.flatMap(({ message, help, file, line }): Block[] => {
      const at = file === undefined ? [] : [say(" "), ...place({ file, line }, placeOf({ file, line })!, options)];
      const said = plain(message) === plain(report.headline);
      return [
        ...(said && at.length === 0 ? [] : [{ paragraph: [...(said ? [] : shortenText(message, room.message)), ...at] }]),
        ...prose(help, room),
      ];
    }),
    ...rest(report.failures.length - shown.length, "failure", room),
  ];
}

function environmentBlocks(environment: EnvironmentReport, level: 3 | 4, options: SummaryOptions, room: Room): Block[] {
  const { own, ignored, preexisting } = grouped(environment.findings);
  const heading = (title: string): Block => ({ heading: text`${title}`, level });
  const telling =
    environment.graph &&
    (environment.heads.length > 1 || environment.graph.nodes.some(({ state }) => state === "edited" || state === "deleted"));
  const graph: Block[] =
    environment.graph && environment.graph.nodes.length > 0 && room.details > 0 ? [{ graph: environment.graph }] : [];
  return [
    ...findingBlocks(own, options, room, telling ? graph : [], true),
    ...(environment.schema ? schemaBlocks(environment.schema, heading("What this pull request does to the schema"), room) : []),
    ...linesBlocks(environment, heading("Lines that never ran"), room),
    ...notCheckedBlocks(environment, heading("Not checked"), room),
    ...(room.brief ? [] : background(ignored, preexisting, telling ? [] : graph, environment.phases, options, room)),
    { small: joined(circumstances(environment)) },
  ];
}

/** What blocks nobody, behind a click. */
function background(
  ignored: readonly Finding[],
  preexisting: readonly Finding[],
  graph: Block[],
  phases: readonly PhaseReport[],
  options: SummaryOptions,
  room: Room,
): Block[] {
  return [
    ...folded([...icon("ignored"), say(count(ignored.length, "ignored finding"))], ignoredBlocks(ignored, options, room)),
    ...folded(
      [say(`${count(preexisting.length, "pre-existing fault")}: on the base branch already, no reason to block`)],
      findingBlocks(preexisting, options, room, [], false),
    ),
    ...folded([say("The touched part of the history")], graph),
    ...phaseBlocks(phases, room),
  ];
}

const folded = (title: Line, details: Block[], open = false): Block[] => (details.length > 0 ? [{ details, title, open }] : []);

const basename = (file: string) => file.slice(file.lastIndexOf("/") + 1);

/** The table, a picture if there is one, and what was seen and what to do; of the first three that block without a click. */
function findingBlocks(
  findings: readonly Finding[],
  options: SummaryOptions,
  room: Room,
  picture: Block[],
  open: boolean,
): Block[] {
  if (findings.length === 0) return picture;
  const shown = findings.slice(0, room.findings);
  const detailed = shown.slice(0, room.details);
  const row = (finding: Finding): Line[] => [
    [{ icon: finding.severity }],
    ruleName(finding.rule, options),
    finding.file === undefined
      ? []
      : place({ ...finding, file: finding.file }, placeOf({ ...finding, file: basename(finding.file) })!, options),
    shortenText(finding.message, room.message),
  ];
  return [
    { head: [[], text`Rule`, text`Place`, text`Finding`], rows: shown.map(row) },
    ...rest(findings.length - shown.length, "finding", room),
    ...picture,
    ...detailed.flatMap((finding, index) => findingDetails(finding, options, room, open && finding.blocks && index < 3)),
    ...(detailed.length > 0 && detailed.length < shown.length
      ? [{ small: text`Details of the first ${detailed.length} only; those of the others are in ${room.rest}.` }]
      : []),
  ];
}

function findingDetails(finding: Finding, options: SummaryOptions, room: Room, open: boolean): Block[] {
  const at = placeOf(finding);
  const about = at ?? finding.object?.name ?? finding.revision;
  const related = finding.related.slice(0, 20).map((other): Line => {
    const label = relatedPlace(finding, other);
    const where = other.commit === undefined ? place(other, label, options) : [code(label)];
    return [...where, say(": "), ...shortenText(other.message, room.message)];
  });
  const details: Block[] = [
    ...(finding.evidence ? prose(finding.evidence, room) : []),
    ...titled("What to do:", finding.help, room),
    ...(related.length === 1 ? [{ paragraph: [strong("See also:"), say(" "), ...related[0]!] }] : []),
    ...(related.length > 1 ? [{ paragraph: [strong("See also:")] }, { items: related }] : []),
    ...(finding.fix
      ? [{ paragraph: [code("alembic-gate fix"), say(" does it: "), say(shorten(finding.fix.title, room.message))] }]
      : []),
  ];
  return folded(
    [
      ...icon(finding.severity),
      code(finding.rule),
      ...(about === undefined ? [] : [say(" "), code(shorten(about, room.message))]),
    ],
    details,
    open,
  );
}

function ignoredBlocks(findings: readonly Finding[], options: SummaryOptions, room: Room): Block[] {
  const shown = findings.slice(0, room.findings);
  const items = shown.map((finding): Line => {
    const at =
      finding.file === undefined ? [] : [say(" "), ...place({ ...finding, file: finding.file }, placeOf(finding)!, options)];
    return [...ruleName(finding.rule, options), ...at, say(` – ${shorten(finding.suppressed!.reason, room.message)}`)];
  });
  return items.length > 0 ? [{ items }, ...rest(findings.length - shown.length, "finding", room)] : [];
}

function schemaBlocks({ changes, sql }: SchemaReport, heading: Block, room: Room): Block[] {
  if (changes.length === 0 && sql.length === 0) return [];
  const shown = changes.slice(0, room.changes);
  const statements = sql.slice(0, room.statements);
  const revisions = [...new Set(statements.map(({ revision }) => revision))];
  const executed = revisions.flatMap((revision): Block[] => [
    ...(revisions.length > 1 ? [{ paragraph: [code(revision)] }] : []),
    {
      code: statements
        .filter((one) => one.revision === revision)
        .map(({ statement }) => shorten(statement.trim(), room.block).replace(/;?$/, ";"))
        .join("\n\n"),
      language: "sql",
    },
  ]);
  return [
    heading,
    shown.length > 0
      ? { items: shown.map((change) => shortenText(change, room.message)) }
      : { paragraph: text`Nothing that the catalog shows.` },
    ...rest(changes.length - shown.length, "change", room),
    ...folded(text`The SQL that it executed (${count(sql.length, "statement")})`, [
      ...executed,
      ...rest(sql.length - statements.length, "statement", room),
    ]),
  ];
}

/** What no phase has tried, with rows or without. */
function linesBlocks({ lines = [] }: EnvironmentReport, heading: Block, room: Room): Block[] {
  const unrun = lines.filter(({ never }) => never.length > 0);
  if (unrun.length === 0 || room.changes === 0) return [];
  const shown = unrun.slice(0, room.changes);
  return [
    heading,
    { items: shown.map((one) => shortenText(linesText(one), room.message)) },
    ...rest(unrun.length - shown.length, "function", room),
  ];
}

/** In sight as long as it is short: what was not looked at is no good news. */
function notCheckedBlocks({ notChecked }: EnvironmentReport, heading: Block, room: Room): Block[] {
  if (notChecked.length === 0) return [];
  const shown = notChecked.slice(0, room.changes);
  const list: Block[] = [
    {
      items: shown.map(({ what, reason }) => [
        strong(shorten(what, room.message)),
        say(": "),
        ...shortenText(reason, room.message),
      ]),
    },
    ...rest(notChecked.length - shown.length, "thing", room),
  ];
  return notChecked.length <= 5
    ? [heading, ...list]
    : folded(text`Not checked: ${count(notChecked.length, "thing")}, with the reasons`, list);
}

const OUTCOME: Record<PhaseReport["outcome"], Icon> = { ok: "passed", failed: "failed", "not-run": "skipped" };

function phaseBlocks(phases: readonly PhaseReport[], room: Room): Block[] {
  if (phases.length === 0) return [];
  const number = (outcome: PhaseReport["outcome"]) => phases.filter((phase) => phase.outcome === outcome).length;
  const title = [
    `What was run: ${count(phases.length - number("not-run"), "phase")} in ${duration(phases.reduce((sum, { seconds }) => sum + seconds, 0))}`,
    ...(number("failed") > 0 ? [`${number("failed")} failed`] : []),
    ...(number("not-run") > 0 ? [`${number("not-run")} not run`] : []),
  ].join(", ");
  const row = ({ title, revisions, seconds, outcome, compared, reason }: PhaseReport): Line[] => [
    text`${title}`,
    text`${outcome === "not-run" ? "" : revisions}`,
    text`${outcome === "not-run" ? "" : duration(seconds)}`,
    compared
      ? text`${compared.with}: ${compared.differences === 0 ? "no difference" : count(compared.differences, "difference")}`
      : [],
    [
      ...icon(outcome === "ok" && (compared?.differences ?? 0) > 0 ? "warning" : OUTCOME[outcome]),
      ...(outcome === "ok" ? [] : [say(outcome === "failed" ? "failed" : "not run")]),
      ...(reason ? [say(": "), ...shortenText(reason, room.message)] : []),
    ],
  ];
  return folded(
    [say(title)],
    [
      {
        head: [text`Phase`, text`Revisions`, text`Time`, text`Compared with`, text`Outcome`],
        rows: phases.slice(0, 50).map(row),
      },
    ],
  );
}

/** What was judged, against what, and with what. */
function circumstances({ config, base, revisions, server, runtime }: EnvironmentReport): Line[] {
  return [
    [code(config), say(`: ${count(revisions.total, "revision")}, ${revisions.added.length} new`)],
    ...(base ? [[say("compared with "), say(base.label), say(" ("), code(shortCommit(base.commit)), say(")")]] : []),
    ...(server === undefined ? [] : [[say(server)]]),
    ...(runtime === undefined ? [] : [[say(runtime)]]),
  ];
}
