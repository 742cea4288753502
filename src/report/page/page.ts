/** The report as one page of HTML that needs nothing else: no network, no script. */
import type { EnvironmentReport, Finding, ObjectDifference, Report } from "../../finding.ts";
import { count, plain, type Text } from "../../text.ts";
import { paragraphs } from "../document.ts";
import { oneLine } from "../escape.ts";
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
} from "../view.ts";
import { around, catalogDifference, codeBlock, greyed, scrolled } from "./code.ts";
import { graphList, graphPicture } from "./graph.ts";
import { element, join, raw, type Html } from "./html.ts";
import { itineraryPicture, phaseNote } from "./itinerary.ts";
import { ALONE_STYLE, STYLE } from "./style.ts";

export interface PageOptions {
  version: string;
  /** Content of a file of the head tree, by path from the repository's root. */
  source(file: string): string | undefined;
  /** The page of a rule on the web, and a line about it. */
  rules: readonly { id: string; summary: string }[];
  /** Where the rules' pages are on the web. */
  pages?: string;
}

/** What is shown in full; the rest is counted. */
const FINDINGS = 200;
const LISTED = 1_000;
const ENVIRONMENTS = 50;
const STATEMENTS = 500;
const ITEMS = 200;
const RELATED = 20;

/** UTF-16 units of a sentence, and of a whole Text. */
const SENTENCE = 4_000;
const TEXT = 40_000;

const VERDICT: Record<Report["verdict"], string> = { pass: "✓ passed", fail: "✗ failed", error: "✗ could not judge" };

/** The page. */
export function page(report: Report, options: PageOptions): string {
  const shown = report.environments.slice(0, ENVIRONMENTS);
  const several = report.environments.length > 1;
  const words = tallyWords(tally(report)).join(", ");
  const title = `alembic-gate: ${shorten(oneLine(plain(report.headline)), 200)}`;
  const csp = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  const head = element(
    "head",
    {},
    element("meta", { charset: "utf-8" }),
    element("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
    element("meta", { "http-equiv": "Content-Security-Policy", content: csp }),
    element("meta", { name: "referrer", content: "no-referrer" }),
    element("meta", { name: "generator", content: `alembic-gate ${options.version}` }),
    element("title", {}, title),
    element("style", {}, raw(STYLE)),
  );
  const body = element(
    "body",
    {},
    element("a", { class: "skip", href: "#findings" }, "Skip to the findings"),
    element(
      "header",
      {},
      element("p", { class: `verdict ${report.verdict}` }, VERDICT[report.verdict]),
      element("h1", {}, inline(shortenText(report.headline, SENTENCE))),
      element("p", { class: "muted" }, `${words} · exit code ${report.exitCode}`),
    ),
    element(
      "main",
      { id: "findings" },
      ...report.failures.map((failure) => failureSection(failure, options)),
      ...shown.map((environment, index) => environmentSection(environment, `e${index + 1}`, several, options)),
      more(report.environments.length - shown.length, "environment"),
    ),
    element(
      "footer",
      {},
      `alembic-gate ${options.version}`,
      report.timings.total === undefined ? "" : ` · ${duration(report.timings.total / 1000)} in all`,
    ),
  );
  return `<!doctype html>\n${element("html", { lang: "en" }, head, "\n", body).html}\n`;
}

/** The pictures of an environment as files of their own: SVG, for light and for dark surroundings. */
export function pagePictures(environment: EnvironmentReport): { graph?: string; itinerary?: string } {
  const { graph, phases } = environment;
  return {
    ...(graph &&
      graph.nodes.length > 0 && { graph: alone(graphPicture(graph, faultsOf(environment), "Revision graph, newest first")) }),
    ...(phases.length > 0 && { itinerary: alone(itineraryPicture(phases, "Phases of the run, one after the other")) }),
  };
}

const alone = ({ html }: Html): string =>
  `${html.replace(/^<svg /, '<svg xmlns="http://www.w3.org/2000/svg" ').replace(">", `><style>${ALONE_STYLE}</style>`)}\n`;

/** Prose and code of a sentence. */
const inline = (parts: Text): Html =>
  join(
    ...parts.map((part) => ("text" in part ? part.text : element("code", {}, oneLine("code" in part ? part.code : part.block)))),
  );

/** A Text as paragraphs and blocks, the first after a word in bold. */
function prose(parts: Text, label?: string): Html {
  const blocks = paragraphs(shortenText(parts, TEXT));
  const strong = label === undefined ? undefined : element("strong", {}, label);
  const first = blocks[0];
  const lead = strong && (!first || !("paragraph" in first)) ? element("p", {}, strong) : undefined;
  const written = blocks.map((block, index) =>
    "paragraph" in block
      ? element("p", {}, index === 0 && strong && join(strong, " "), inline(block.paragraph))
      : codeBlock(block.code, block.language),
  );
  return join(lead, ...written);
}

const more = (number: number, noun: string): Html | undefined =>
  number > 0 ? element("p", { class: "small" }, `… and ${count(number, `more ${noun}`)}, in the JSON report.`) : undefined;

function failureSection({ message, help, file, line }: Report["failures"][number], { source }: PageOptions): Html {
  return element(
    "section",
    { class: "finding is-error", "aria-label": "what stopped the gate" },
    element("p", {}, element("strong", {}, "What stopped the gate: "), inline(shortenText(message, SENTENCE))),
    file !== undefined && element("p", { class: "muted" }, element("code", {}, shorten(placeOf({ file, line })!, SENTENCE))),
    file !== undefined && around({ file, line }, source(file)),
    prose(help, "What to do:"),
  );
}

function environmentSection(environment: EnvironmentReport, id: string, several: boolean, options: PageOptions): Html {
  const { findings, graph, phases, schema, notChecked, lines = [] } = environment;
  const unrun = lines.filter(({ never }) => never.length > 0);
  const { own, ignored, preexisting } = grouped(findings);
  const name = several ? ` of ${shorten(oneLine(environment.name), 200)}` : "";
  const label = (words: string) => `${words}${name}`;
  const faults = faultsOf(environment);
  return element(
    "section",
    { "aria-labelledby": id },
    element("h2", { id }, element("code", {}, shorten(environment.name, SENTENCE))),
    circumstances(environment),
    contents(own, id),
    graph &&
      graph.nodes.length > 0 &&
      part(
        "The touched part of the history",
        element(
          "figure",
          {},
          scrolled(label("revision graph"), graphPicture(graph, faults, label("Revision graph, newest first")), " picture"),
          element("figcaption", {}, "Newest first. A ring around a revision: a finding of it blocks."),
        ),
        element("details", {}, element("summary", {}, "The same as a list"), graphList(graph, faults)),
      ),
    phases.length > 0 &&
      part(
        "What was run",
        element(
          "figure",
          {},
          scrolled(label("itinerary"), itineraryPicture(phases, label("Phases of the run, one after the other")), " picture"),
          element(
            "figcaption",
            {},
            "Each bar is as long as its phase took. Where there is a processor for it, the whole history runs beside the rest.",
          ),
        ),
        element(
          "details",
          {},
          element("summary", {}, "The same as a list"),
          element(
            "ol",
            {},
            ...phases.map((phase) =>
              element("li", {}, element("strong", {}, shorten(phase.title, 400)), `: ${phase.outcome}, ${phaseNote(phase)}`),
            ),
          ),
        ),
        ...phases.flatMap(({ title, compared }) =>
          compared?.objects && compared.objects.length > 0
            ? [
                folded(
                  `After “${shorten(oneLine(title), 200)}”: ${count(compared.differences, "difference")} from ${shorten(oneLine(compared.with), 200)}`,
                  catalogDifference(compared.objects, "should be", "is"),
                  more(compared.differences - compared.objects.length, "difference"),
                ),
              ]
            : [],
        ),
      ),
    own.length > 0 &&
      part(
        "Findings",
        ...own.slice(0, FINDINGS).map((finding, index) => findingArticle(finding, environment, `${id}-f${index + 1}`, options)),
        listed(own.slice(FINDINGS), "further finding"),
      ),
    schema &&
      (schema.changes.length > 0 || schema.sql.length > 0) &&
      part(
        "What this pull request does to the schema",
        element(
          "ul",
          {},
          ...schema.changes.slice(0, ITEMS).map((change) => element("li", {}, inline(shortenText(change, SENTENCE)))),
        ),
        more(schema.changes.length - ITEMS, "change"),
        schema.objects &&
          schema.objects.length > 0 &&
          folded(
            "Before and after, side by side",
            catalogDifference(schema.objects, "before", "after"),
            more(schema.changes.length - schema.objects.length, "object"),
          ),
        executed(schema.sql),
      ),
    unrun.length > 0 &&
      part(
        "Lines that never ran",
        element(
          "ul",
          {},
          ...unrun
            .slice(0, ITEMS)
            .map((one) =>
              element(
                "li",
                {},
                inline(shortenText(linesText(one), SENTENCE)),
                greyed(one.file, one.never, options.source(one.file)),
              ),
            ),
        ),
        more(unrun.length - ITEMS, "function"),
      ),
    notChecked.length > 0 &&
      part(
        "Not checked",
        element(
          "ul",
          {},
          ...notChecked
            .slice(0, ITEMS)
            .map(({ what, reason }) =>
              element("li", {}, element("strong", {}, shorten(what, SENTENCE)), ": ", inline(shortenText(reason, SENTENCE))),
            ),
        ),
        more(notChecked.length - ITEMS, "thing"),
      ),
    preexisting.length > 0 &&
      part(
        "On the base branch already, no reason to block",
        ...preexisting.slice(0, 20).map((finding, index) => findingArticle(finding, environment, `${id}-o${index + 1}`, options)),
        listed(preexisting.slice(20), "further finding"),
      ),
    ignored.length > 0 && part("Ignored", listed(ignored, "ignored finding")),
  );
}

const part = (title: string, ...children: (Html | undefined | false)[]): Html => join(element("h3", {}, title), ...children);

const folded = (title: string, ...children: (Html | undefined)[]): Html =>
  element("details", {}, element("summary", {}, title), ...children);

/** The rules of the findings that block, by revision; where heads are too many, all of them collide. */
function faultsOf({ findings, heads }: Pick<EnvironmentReport, "findings" | "heads">): Map<string, string[]> {
  const faults = new Map<string, string[]>();
  for (const { rule, revision, blocks } of findings) {
    if (!blocks) continue;
    const concerned = new Set([...(revision === undefined ? [] : [revision]), ...(rule === "multiple-heads" ? heads : [])]);
    for (const id of concerned) faults.set(id, [...new Set([...(faults.get(id) ?? []), rule])]);
  }
  return faults;
}

/** A list of the findings to jump to. */
function contents(own: readonly Finding[], id: string): Html | undefined {
  if (own.length < 2) return undefined;
  const items = own
    .slice(0, FINDINGS)
    .map((finding, index) =>
      element(
        "li",
        {},
        element("a", { href: `#${id}-f${index + 1}` }, `${finding.severity}: ${finding.rule}`),
        ` ${shorten(oneLine(placeOf(finding) ?? finding.revision ?? ""), 200)}`,
      ),
    );
  return element(
    "details",
    { open: own.length <= 12 },
    element("summary", {}, count(own.length, "finding")),
    element("ol", {}, ...items),
  );
}

function circumstances({ config, base, revisions, heads, server, runtime }: EnvironmentReport): Html {
  const rows: [string, Html | string][] = [
    ["configuration", element("code", {}, shorten(config, SENTENCE))],
    ["revisions", `${revisions.total}, ${revisions.added.length} new, ${revisions.changed.length} changed`],
    [
      "heads",
      join(
        ...heads.slice(0, 20).flatMap((head, index) => [index === 0 ? "" : ", ", element("code", {}, shorten(head, 200))]),
        heads.length > 20 ? ` and ${heads.length - 20} more` : "",
      ),
    ],
    ...(base
      ? ([
          [
            "compared with",
            join(shorten(base.label, 200), " (", element("code", {}, shorten(shortCommit(base.commit), 80)), ")"),
          ],
        ] as [string, Html][])
      : []),
    ...(server === undefined ? [] : ([["server", shorten(server, 200)]] as [string, string][])),
    ...(runtime === undefined ? [] : ([["runtime", shorten(runtime, 400)]] as [string, string][])),
  ];
  return element("dl", {}, ...rows.map(([term, value]) => join(element("dt", {}, term), element("dd", {}, value))));
}

function findingArticle(finding: Finding, environment: EnvironmentReport, id: string, options: PageOptions): Html {
  const { rule, severity, message, evidence, help, file, preexisting, blocks, fix } = finding;
  const place = placeOf(finding);
  const known = options.rules.find((one) => one.id === rule);
  const name = options.pages !== undefined && known ? element("a", { href: `${options.pages}/${rule}.md` }, rule) : rule;
  const related = finding.related.slice(0, RELATED);
  const object = differenceOf(finding, environment);
  return element(
    "article",
    { class: `finding is-${preexisting ? "notice" : severity}`, id, "aria-labelledby": `${id}-title` },
    element(
      "h4",
      { id: `${id}-title` },
      element("span", { class: `tag ${severity}` }, severity),
      " ",
      name,
      !blocks && severity === "error" ? " (does not block)" : "",
    ),
    element("p", {}, inline(shortenText(message, SENTENCE))),
    place !== undefined && element("p", { class: "muted" }, element("code", {}, shorten(place, SENTENCE))),
    file !== undefined && around({ ...finding, file }, options.source(file), unrunIn(file, environment)),
    object && catalogDifference([object], "should be", "is"),
    evidence && prose(evidence, "What was seen:"),
    prose(help, "What to do:"),
    related.length > 0 &&
      join(
        element("p", {}, element("strong", {}, "See also:")),
        element(
          "ul",
          {},
          ...related.map((other) =>
            element(
              "li",
              {},
              element("code", {}, shorten(relatedPlace(finding, other), 400)),
              ": ",
              inline(shortenText(other.message, SENTENCE)),
            ),
          ),
        ),
        more(finding.related.length - related.length, "place"),
      ),
    fix && element("p", {}, element("code", {}, "alembic-gate fix"), ` does it: ${shorten(fix.title, SENTENCE)}`),
  );
}

/** Numbers of the lines of a file that never ran. */
const unrunIn = (file: string, { lines = [] }: EnvironmentReport): Set<number> =>
  new Set(
    lines
      .filter((one) => one.file === file)
      .flatMap(({ never }) =>
        never.flatMap(({ line, endLine }) =>
          Array.from({ length: Math.min(endLine - line, 10_000) + 1 }, (_, index) => line + index),
        ),
      ),
  );

/** What the catalog had and has of the object that a finding is about. */
function differenceOf({ object }: Finding, { phases }: EnvironmentReport): ObjectDifference | undefined {
  if (!object) return undefined;
  const all = phases.flatMap(({ compared }) => compared?.objects ?? []);
  return all.find(({ kind, name, properties }) => kind === object.kind && name === object.name && properties.length > 0);
}

/** Findings in a line each. */
function listed(findings: readonly Finding[], noun: string): Html | undefined {
  if (findings.length === 0) return undefined;
  const items = findings.slice(0, LISTED).map((finding) => {
    const place = placeOf(finding);
    const words = finding.suppressed ? [{ text: finding.suppressed.reason }] : finding.message;
    return element(
      "li",
      {},
      `${finding.severity} ${finding.rule} `,
      place !== undefined && element("code", {}, shorten(place, 400)),
      ": ",
      inline(shortenText(words, 400)),
    );
  });
  return element(
    "details",
    {},
    element("summary", {}, count(findings.length, noun)),
    element("ul", {}, ...items),
    more(findings.length - LISTED, noun),
  );
}

function executed(sql: readonly { revision: string; statement: string }[]): Html | undefined {
  if (sql.length === 0) return undefined;
  const shown = sql.slice(0, STATEMENTS);
  const revisions = [...new Set(shown.map(({ revision }) => revision))];
  const blocks = revisions.map((revision) => {
    const statements = shown
      .filter((one) => one.revision === revision)
      .map(({ statement }) => shorten(statement.trim(), 4_000).replace(/;?$/, ";"));
    return join(element("p", {}, element("code", {}, shorten(revision, 200))), codeBlock(statements.join("\n\n"), "sql"));
  });
  return folded(
    `The SQL that it executed (${count(sql.length, "statement")})`,
    ...blocks,
    more(sql.length - shown.length, "statement"),
  );
}
