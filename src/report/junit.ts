/** The report as JUnit's XML: a suite for each environment, a case for each phase, for each finding, for each thing not checked. */
import type { EnvironmentReport, Finding, PhaseReport, Report } from "../finding.ts";
import { plain } from "../text.ts";
import { bare } from "./bare.ts";
import { oneLine, xmlText } from "./escape.ts";
import { grouped, placeOf, shorten } from "./view.ts";

/** UTF-16 units of an attribute, and of what stands between tags. */
const ATTRIBUTE = 1_000;
const BODY = 4_000;

interface Case {
  name: string;
  seconds?: number;
  outcome?: { tag: "failure" | "error" | "skipped"; message: string; type?: string; body?: string };
  /** What a case that passes has to say. */
  output?: string;
}

/**
 * The report as XML. Only what blocks is a failure, and only what keeps the gate from judging is an error: a suite is red when the
 * gate is. What is ignored, was there before, or was not run is skipped, with the reason. There are no elements and attributes but
 * those that the schemas of Jenkins and of Surefire share: places stand in names and texts.
 */
export function junit(report: Report): string {
  const suites = report.environments.map((environment) => ({
    name: environment.name,
    seconds: environment.phases.reduce((sum, { seconds }) => sum + seconds, 0),
    cases: environmentCases(environment),
  }));
  const broken = report.failures.map(({ message, help, file, line }): Case => {
    const place = file === undefined ? "" : `\n\n${oneLine(file)}${line === undefined ? "" : `:${line}`}`;
    const outcome = { tag: "error", type: "alembic-gate", message: plain(message), body: `${bare(help)}${place}` } as const;
    return { name: "the gate ran", outcome };
  });
  if (broken.length > 0 || suites.length === 0)
    suites.push({
      name: "alembic-gate",
      seconds: 0,
      cases: broken.length > 0 ? broken : [{ name: "the gate ran", output: bare(report.headline) }],
    });
  const all = suites.flatMap(({ cases }) => cases);
  const { skipped: _, ...totals } = counts(all, report.timings.total === undefined ? undefined : report.timings.total / 1000);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element("testsuites", { name: "alembic-gate", ...totals }, suites.map(suite))}\n`;
}

function environmentCases({ phases, findings, notChecked }: EnvironmentReport): Case[] {
  const { own, ignored, preexisting } = grouped(findings);
  return [
    ...phases.map(phaseCase),
    ...own.map((finding) => findingCase(finding)),
    ...ignored.map((finding) => findingCase(finding, `ignored: ${finding.suppressed!.reason}`)),
    ...preexisting.map((finding) => findingCase(finding, "on the base branch already, no reason to block")),
    ...notChecked.map(({ what, reason }): Case => ({
      name: `not checked: ${what}`,
      outcome: { tag: "skipped", message: plain(reason) },
    })),
  ];
}

/** A phase that failed is no failure by itself: the findings say whose fault it is. */
function phaseCase({ title, seconds, outcome, reason, compared }: PhaseReport): Case {
  const why = reason ? `: ${plain(reason)}` : "";
  if (outcome === "ok")
    return { name: title, seconds, ...(compared && { output: `${compared.differences} differences from ${compared.with}` }) };
  return { name: title, seconds, outcome: { tag: "skipped", message: outcome === "failed" ? `failed${why}` : `not run${why}` } };
}

function findingCase(finding: Finding, skipped?: string): Case {
  const { rule, message, severity, blocks, evidence, help } = finding;
  const place = placeOf(finding);
  const body = [bare(message), evidence ? bare(evidence) : "", bare(help), place ?? ""].filter(Boolean).join("\n\n");
  const outcome: Case["outcome"] =
    skipped === undefined
      ? blocks
        ? { tag: "failure", type: rule, message: `${severity}: ${plain(message)}`, body }
        : undefined
      : { tag: "skipped", message: skipped };
  return {
    name: `${rule}: ${place ?? finding.object?.name ?? finding.revision ?? finding.environment}`,
    ...(outcome ? { outcome } : { output: `${severity}\n\n${body}` }),
  };
}

const counts = (cases: readonly Case[], seconds: number | undefined) => {
  const of = (tag: string) => String(cases.filter(({ outcome }) => outcome?.tag === tag).length);
  return {
    tests: String(cases.length),
    failures: of("failure"),
    errors: of("error"),
    skipped: of("skipped"),
    ...(seconds !== undefined && { time: seconds.toFixed(3) }),
  };
};

const suite = ({ name, seconds, cases }: { name: string; seconds: number; cases: Case[] }): string =>
  element(
    "testsuite",
    { name, ...counts(cases, seconds) },
    cases.map((one) => written(one, name)),
  );

function written({ name, seconds, outcome, output }: Case, environment: string): string {
  const inner = [
    ...(outcome
      ? [
          element(
            outcome.tag,
            { ...(outcome.type !== undefined && { type: outcome.type }), message: outcome.message },
            outcome.body === undefined ? [] : [body(outcome.body)],
          ),
        ]
      : []),
    ...(output === undefined ? [] : [element("system-out", {}, [body(output)])]),
  ];
  return element("testcase", { classname: environment, name, time: (seconds ?? 0).toFixed(3) }, inner);
}

const body = (value: string): string => xmlText(shorten(value, BODY, "\n… (cut here: the JSON report has more)"));

function element(tag: string, attributes: Record<string, string>, children: string[]): string {
  const written = Object.entries(attributes).map(([name, value]) => ` ${name}="${xmlText(shorten(oneLine(value), ATTRIBUTE))}"`);
  return `<${tag}${written.join("")}${children.length > 0 ? `>${children.join("\n")}</${tag}>` : "/>"}`;
}
