/** Several reports, of jobs that each checked a part, as one verdict. Pure. */
import type { EnvironmentReport, Finding, Report } from "./finding.ts";
import { mergeSlices, type Sliced } from "./slicing.ts";
import { plain, text } from "./text.ts";
import { conclude } from "./verdict.ts";

/**
 * One report of all. The same environment on several servers keeps a name for each; what is found on several of them is told once,
 * with the others named.
 */
export function mergeReports(reports: readonly Report[]): Report {
  const sliced = withoutSlices(reports.flatMap(({ environments }) => environments));
  const environments = distinct(sliced.environments);
  const failures = [...reports.flatMap(({ failures }) => failures), ...sliced.failures];
  const told = new Set<string>();
  const once = failures.filter((failure) => {
    const key = JSON.stringify(failure);
    return !told.has(key) && told.add(key);
  });
  const timings: Report["timings"] = {};
  for (const [name, milliseconds] of reports.flatMap((report) => Object.entries(report.timings)))
    timings[name] = Math.max(timings[name] ?? 0, milliseconds);
  // `fail-on: never` was each job's own: where no job fails by its findings, neither does the whole.
  const failOn = reports.some(({ exitCode }) => exitCode === 1) ? "error" : "never";
  return conclude(environments, once, { failOn }, timings);
}

/** `PostgreSQL 16` of `PostgreSQL 16.4 (installed)`. */
const majorOf = ({ server }: EnvironmentReport) => /^PostgreSQL \d+/.exec(server ?? "")?.[0];

/** The slices of a history, put together: those of one environment on one major version. */
function withoutSlices(given: readonly EnvironmentReport[]): { environments: EnvironmentReport[]; failures: Report["failures"] } {
  const groups = new Map<string, Sliced[]>();
  const environments: (EnvironmentReport | Sliced[])[] = [];
  for (const environment of given) {
    if (!isSliced(environment)) {
      environments.push(environment);
      continue;
    }
    const others = given.filter((other) => other.name === environment.name && isSliced(other));
    const majors = new Set(others.flatMap((other) => majorOf(other) ?? []));
    // One that could not be run names no server.
    const major = majorOf(environment) ?? (majors.size === 1 ? [...majors][0]! : "");
    const key = JSON.stringify([environment.name, major]);
    const group = groups.get(key) ?? [];
    if (group.length === 0) environments.push(group);
    group.push(environment);
    groups.set(key, group);
  }
  const merged = environments.map((one) => (Array.isArray(one) ? mergeSlices(one) : { environment: one, failures: [] }));
  return { environments: merged.map(({ environment }) => environment), failures: merged.flatMap(({ failures }) => failures) };
}

const isSliced = (environment: EnvironmentReport): environment is Sliced => environment.slice !== undefined;

function distinct(environments: readonly EnvironmentReport[]): EnvironmentReport[] {
  const names = new Set(environments.map(({ name }) => name));
  return [...names].flatMap((name) => {
    const parts = environments.filter((environment) => environment.name === name);
    return parts.length === 1 ? parts : labelled(parts);
  });
}

/** Parts of one environment under names of their own; what several of them found alike stays with the first. */
function labelled(parts: readonly EnvironmentReport[]): EnvironmentReport[] {
  const majors = parts.map(majorOf);
  const telling = new Set(majors).size === parts.length && !majors.includes(undefined);
  const first = new Map<string, { finding: Finding; part: number; also: Set<string> }>();
  const kept = parts.map((environment, part) => {
    const name = `${environment.name} (${telling ? majors[part] : `part ${part + 1}`})`;
    const findings = environment.findings.flatMap((given) => {
      const finding = { ...given, environment: name };
      const { fingerprint, severity, blocks, file, line, message } = finding;
      const key = JSON.stringify([fingerprint, severity, blocks, file, line, plain(message)]);
      const known = first.get(key);
      if (!known) first.set(key, { finding, part, also: new Set() });
      if (!known || known.part === part) return [finding];
      known.also.add(name);
      return [];
    });
    return { ...environment, name, findings };
  });
  for (const { finding, also } of first.values()) {
    if (also.size > 0) finding.evidence = text`${finding.evidence ?? []} Found as well in ${[...also].join(", ")}.`;
  }
  return kept;
}
