/** The formats for other tools: unix, SARIF, GitLab's code quality, JUnit. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import Ajv from "ajv";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CATALOGUE, pageOf } from "../../src/catalogue.ts";
import type { Report } from "../../src/finding.ts";
import { inFormat } from "../../src/report/formats.ts";
import { OPTIONS, type Settings } from "../../src/settings.ts";
import { root } from "../support/fixtures.ts";
import { hostile } from "./hostile.ts";
import { longHostile, manyHostile } from "./many-hostile.ts";
import { broken, green, huge, red, sources, two, untouched, withText } from "./samples.ts";

const samples = { red, green, untouched, broken, two, huge };
const rules = CATALOGUE.map((rule) => ({ ...rule, page: pageOf(rule.id) }));
const written = (format: Settings["format"], report: Report) =>
  inFormat(format, report, { version: "1.2.3", rules, source: (file) => sources[file] });

/** Nothing that a terminal, an editor or a log obeys or hides. */
const INVISIBLE = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Findings that stand in a report, one way or another. */
const findingsOf = ({ environments }: Report) => environments.flatMap(({ findings }) => findings);

test("there are two hundred hostile texts, and no two are the same", () => {
  expect(new Set([...manyHostile, ...longHostile]).size).toBeGreaterThanOrEqual(200);
});

describe("every format", () => {
  test.for([...OPTIONS.format.choices])("%s ends with a newline, and holds nothing invisible, whatever the text", (format) => {
    for (const text of manyHostile) {
      const said = written(format, withText(text));
      expect(said.endsWith("\n")).toBe(true);
      expect(said).not.toMatch(INVISIBLE);
    }
  });
  test.for([...OPTIONS.format.choices])("%s takes a megabyte, and five thousand findings", (format) => {
    for (const text of longHostile) expect(written(format, withText(text)).length).toBeGreaterThan(100);
    expect(written(format, huge).length).toBeGreaterThan(10_000);
  });
});

describe("unix", () => {
  const LINE = /^.+:\d+:\d+: (error|warning|notice): .+ \[[a-z-]+\]$/;
  test("red", async () => {
    await expect(written("unix", red)).toMatchFileSnapshot("red.unix.txt");
  });
  test("a line for each finding, the verdict last", () => {
    for (const report of Object.values(samples)) {
      const lines = written("unix", report).trimEnd().split("\n");
      expect(lines.at(-1)).toMatch(/^alembic-gate: (passed|failed|could not judge): /);
      const shown = findingsOf(report).filter(({ suppressed }) => !suppressed).length;
      const notChecked = report.environments.flatMap((environment) => environment.notChecked).length;
      expect(lines).toHaveLength(shown + notChecked + report.failures.length + 1);
    }
    const findings = written("unix", red).trimEnd().split("\n").slice(0, -1);
    expect(findings.filter((line) => !LINE.test(line))).toEqual([]);
  });
  test("foreign text makes no line of its own", () => {
    const count = written("unix", withText("a")).split("\n").length;
    for (const text of [...manyHostile, ...longHostile]) expect(written("unix", withText(text)).split("\n")).toHaveLength(count);
  });
});

interface Sarif {
  runs: {
    tool: { driver: { rules: { id: string; help: { markdown: string } }[] } };
    invocations: {
      executionSuccessful: boolean;
      exitCode: number;
      toolExecutionNotifications: { level: string; message: { text: string } }[];
    }[];
    results: {
      ruleId: string;
      ruleIndex?: number;
      level: string;
      message: { text: string };
      locations: { physicalLocation: { artifactLocation: { uri: string }; region: Record<string, number> } }[];
      partialFingerprints: Record<string, string>;
      baselineState: string;
      suppressions?: { justification: string }[];
      fixes?: unknown[];
    }[];
  }[];
}

describe("SARIF", () => {
  const require = createRequire(import.meta.url);
  const folder = path.dirname(require.resolve("@microsoft/jest-sarif"));
  const schema = JSON.parse(readFileSync(path.join(folder, "schemas/sarif-2.1.0-rtm.5.json"), "utf8")) as object;
  const ajv = new Ajv({ schemaId: "auto", meta: false, unknownFormats: "ignore" });
  ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-04.json") as object);
  const validate = ajv.compile(schema);
  const sarifOf = (report: Report): Sarif => {
    const log = JSON.parse(written("sarif", report)) as Sarif;
    validate(log);
    expect(validate.errors).toBeNull();
    return log;
  };

  test("is valid against its schema, for every report", () => {
    for (const report of Object.values(samples)) expect(sarifOf(report).runs).toHaveLength(1);
  });
  test("the schema refuses what is none", () => {
    expect(validate({ version: "2.1.0", runs: [{ tool: { driver: { name: "x" } }, results: [{ message: {} }] }] })).toBe(false);
  });
  test("is valid whatever the texts are, and each finding is there", () => {
    for (const text of manyHostile) expect(sarifOf(withText(text)).runs[0]!.results).toHaveLength(3);
    fc.assert(
      fc.property(hostile, (text) => {
        sarifOf(withText(text));
      }),
      { numRuns: 100 },
    );
  });
  test("each rule brings its page", () => {
    const { rules } = sarifOf(red).runs[0]!.tool.driver;
    expect(rules.map(({ id }) => id)).toEqual(CATALOGUE.map(({ id }) => id));
    for (const { id, help } of rules) expect(help.markdown).toBe(readFileSync(path.join(root, `docs/rules/${id}.md`), "utf8"));
  });
  test("each result names its rule, its place and what became of it", () => {
    const [run] = sarifOf(red).runs;
    const of = (rule: string) => run!.results.find(({ ruleId }) => ruleId === rule)!;
    expect(run!.results).toHaveLength(findingsOf(red).length);
    expect(run!.tool.driver.rules[of("edited-revision").ruleIndex!]!.id).toBe("edited-revision");
    expect(of("edited-revision")).toMatchObject({
      level: "error",
      baselineState: "new",
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: "backend/migrations/versions/2024_03_18_1c0de5ca1ab1e_add_orders.py" },
            region: { startLine: 14, startColumn: 9, endColumn: 62 },
          },
        },
      ],
    });
    expect(of("edited-revision").fixes).toHaveLength(1);
    expect(of("downgrade-failed")).toMatchObject({ level: "note", baselineState: "unchanged" });
    expect(of("irreversible-downgrade")).toMatchObject({
      level: "note",
      suppressions: [{ justification: "invoices must be kept by law" }],
    });
    expect(run!.invocations[0]).toMatchObject({ executionSuccessful: true, exitCode: 1 });
    expect(run!.invocations[0]!.toolExecutionNotifications.map(({ message }) => message.text)).toContainEqual(
      expect.stringContaining("rows in public.events"),
    );
  });
  test("a finding without a place stands in its configuration", () => {
    const report = withText("a");
    expect(sarifOf(report).runs[0]!.results[1]!.locations[0]!.physicalLocation.artifactLocation.uri).toBe("a");
  });
  test("what kept the gate from judging is told", () => {
    const [invocation] = sarifOf(broken).runs[0]!.invocations;
    expect(invocation!.executionSuccessful).toBe(false);
    expect(invocation!.toolExecutionNotifications.filter(({ level }) => level === "error")).toHaveLength(broken.failures.length);
  });
  test("fingerprints are those of the findings, hold when lines and words change, and are unique", () => {
    const prints = (report: Report) =>
      sarifOf(report).runs[0]!.results.map(({ partialFingerprints }) => partialFingerprints["alembicGate/v1"]);
    const moved = structuredClone(red);
    for (const finding of findingsOf(moved))
      Object.assign(finding, { line: (finding.line ?? 1) + 40, message: [{ text: "Other words." }] });
    expect(new Set(prints(moved))).toEqual(new Set(prints(red)));
    expect(new Set(prints(red))).toEqual(new Set(findingsOf(red).map(({ fingerprint }) => fingerprint)));
    expect(new Set(prints(huge)).size).toBe(prints(huge).length);
  });
  test("foreign text becomes no link, and a path no scheme", () => {
    const [run] = sarifOf(withText("[click](http://evil.example)")).runs;
    for (const { message } of run!.results) expect(message.text).not.toContain("](");
    const uri = (text: string) =>
      sarifOf(withText(text)).runs[0]!.results[1]!.locations[0]!.physicalLocation.artifactLocation.uri;
    expect(uri("file:///etc/x y?#%")).toBe("file%3A///etc/x%20y%3F%23%25");
  });
});

describe("GitLab's code quality", () => {
  const issuesOf = (report: Report) =>
    JSON.parse(written("gitlab", report)) as {
      description: string;
      check_name: string;
      fingerprint: string;
      severity: string;
      location: { path: string; lines: { begin: number } };
    }[];

  test("each issue has all that GitLab needs, and no fingerprint twice", () => {
    for (const report of [...Object.values(samples), ...manyHostile.map(withText)]) {
      const issues = issuesOf(report);
      for (const issue of issues) {
        // GitLab documents these fields and needs all of them; of an issue that lacks one it shows nothing.
        expect(Object.keys(issue).sort()).toEqual(["check_name", "description", "fingerprint", "location", "severity"]);
        const { description, check_name, fingerprint, severity, location } = issue;
        for (const text of [description, check_name, fingerprint]) expect(text).toMatch(/\S/);
        expect(["info", "minor", "major", "critical", "blocker"]).toContain(severity);
        expect(location.path).not.toBe("");
        expect(Number.isSafeInteger(location.lines.begin) && location.lines.begin > 0).toBe(true);
      }
      expect(new Set(issues.map(({ fingerprint }) => fingerprint)).size).toBe(issues.length);
    }
  });
  test("worst first; old faults are information, and what is ignored is left out", () => {
    expect(issuesOf(red).map(({ check_name, severity }) => [check_name, severity])).toEqual([
      ["edited-revision", "critical"],
      ["multiple-heads", "critical"],
      ["leftover-after-downgrade", "critical"],
      ["fails-on-rows", "minor"],
      ["drops-data", "info"],
      ["downgrade-failed", "info"],
      ["not-checked", "info"],
      ["not-checked", "info"],
    ]);
  });
  test("a gate that could not judge is a blocker", () => {
    expect(issuesOf(broken).map(({ severity }) => severity)).toEqual(["blocker", "blocker", "info"]);
  });
});

describe("JUnit", () => {
  const reader = `
import json, sys, xml.etree.ElementTree as e
out = []
for text in json.load(sys.stdin):
    root = e.fromstring(text.encode())
    out.append([[root.tag, dict(root.attrib)], [dict(s.attrib) for s in root], [[c.get("classname"), c.get("name"), [x.tag for x in c], [x.get("message") for x in c], "".join(c.itertext())] for c in root.iter("testcase")]])
print(json.dumps(out))`;
  type Case = [string, string, string[], (string | null)[], string];
  type Read = [[string, Record<string, string>], Record<string, string>[], Case[]];
  /** What a real XML parser reads. */
  const read = (reports: Report[]) =>
    JSON.parse(
      execFileSync(path.join(root, ".venvs/default/bin/python"), ["-c", reader], {
        input: JSON.stringify(reports.map((report) => written("junit", report))),
        encoding: "utf8",
        maxBuffer: 1 << 28,
      }),
    ) as Read[];

  test("what blocks fails, what is old or allowed or not run is skipped", () => {
    const [[, attributes], suites, cases] = read([red])[0]!;
    const [environment] = red.environments;
    expect(cases).toHaveLength(environment!.phases.length + environment!.findings.length + environment!.notChecked.length);
    expect(cases.filter(([, , tags]) => tags.includes("failure")).map(([, name]) => name.split(":")[0])).toEqual([
      "edited-revision",
      "multiple-heads",
      "leftover-after-downgrade",
    ]);
    expect(attributes).toMatchObject({ tests: "16", failures: "3", errors: "0" });
    expect(suites).toMatchObject([{ name: "backend/alembic.ini", tests: "16", failures: "3", skipped: "6" }]);
    const skipped = cases.filter(([, , tags]) => tags.includes("skipped")).map(([, , , messages]) => messages[0]);
    expect(skipped).toContain("ignored: invoices must be kept by law");
    expect(skipped).toContain("on the base branch already, no reason to block");
  });
  /** What the schemas of Jenkins (its xUnit plugin's) and of Maven's Surefire both take: they refuse whatever they do not know. */
  const SCHEMA: Record<string, { children: string[]; required: string[]; optional: string[] }> = {
    testsuites: { children: ["testsuite"], required: [], optional: ["name", "time", "tests", "failures", "errors"] },
    testsuite: { children: ["testcase"], required: ["name", "tests", "failures", "errors", "skipped", "time"], optional: [] },
    testcase: {
      children: ["failure", "error", "skipped", "system-out"],
      required: ["name", "classname", "time"],
      optional: [],
    },
    failure: { children: [], required: ["type"], optional: ["message"] },
    error: { children: [], required: ["type"], optional: ["message"] },
    skipped: { children: [], required: [], optional: ["message"] },
    "system-out": { children: [], required: [], optional: [] },
  };
  const TEXTS = new Set(["failure", "error", "skipped", "system-out"]);
  interface Element {
    tag: string;
    attributes: Record<string, string>;
    text: string;
    children: Element[];
  }
  const walker = `
import json, sys, xml.etree.ElementTree as e
def walk(x): return {"tag": x.tag, "attributes": dict(x.attrib), "text": (x.text or "") + "".join(c.tail or "" for c in x), "children": [walk(c) for c in x]}
print(json.dumps([walk(e.fromstring(text.encode())) for text in json.load(sys.stdin)]))`;
  const trees = (texts: string[]) =>
    JSON.parse(
      execFileSync(path.join(root, ".venvs/default/bin/python"), ["-c", walker], {
        input: JSON.stringify(texts),
        encoding: "utf8",
        maxBuffer: 1 << 29,
      }),
    ) as Element[];
  /** What the schemas would refuse. */
  const refused = ({ tag, attributes, text, children }: Element, allowed: string[]): string[] => {
    const schema = SCHEMA[tag];
    if (!schema || !allowed.includes(tag)) return [`<${tag}> in the place of ${allowed.join(", ")}`];
    const names = Object.keys(attributes);
    const outcomes = children.filter((child) => child.tag !== "system-out");
    return [
      ...schema.required.filter((name) => !names.includes(name)).map((name) => `<${tag}> lacks ${name}`),
      ...names.filter((name) => ![...schema.required, ...schema.optional].includes(name)).map((name) => `<${tag} ${name}>`),
      ...["tests", "failures", "errors", "skipped"].flatMap((name) => (/^\d+$/.test(attributes[name] ?? "0") ? [] : [name])),
      ...(/^\d{1,6}\.\d{3}$/.test(attributes.time ?? "0.000") ? [] : [`time ${attributes.time}`]),
      ...(TEXTS.has(tag) || text.trim() === "" ? [] : [`text in <${tag}>`]),
      ...(tag === "testcase" && (outcomes.length > 1 || children.length > 2) ? ["two outcomes of a case"] : []),
      ...children.flatMap((child) => refused(child, schema.children)),
    ];
  };
  /** Characters that XML 1.0 does not have, not even escaped: control characters, halves of pairs, the two that are none. */
  const ILLEGAL = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/;
  const illegal = (text: string) =>
    ILLEGAL.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, "")) ||
    /&#(?!(?:9|10|13|x9|xA|xD|3[2-9]|[4-9]\d|\d{3,});)/i.test(text);
  const many = (count: number): Report => {
    const [environment] = red.environments;
    const findings = Array.from({ length: count }, (_, index) => ({
      ...environment!.findings[index % environment!.findings.length]!,
    }));
    return { ...red, environments: [{ ...environment!, findings }] };
  };

  test("is what the schemas of others take: all samples, hostile texts, 5,000 findings", () => {
    const control = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join("x");
    const odd = [control, "\ud800", "a\udc00b", "\ufffe\uffff", "\u0085\u009f", "]]>", "&#0;", "&#x1;", "<!--"];
    const reports = [...Object.values(samples), ...[...odd, ...manyHostile, ...longHostile].map(withText), many(5000)];
    const texts = reports.map((report) => written("junit", report));
    for (const text of texts) expect(illegal(text)).toBe(false);
    const roots = trees(texts);
    expect(roots.flatMap((element) => refused(element, ["testsuites"]))).toEqual([]);
    const sums = roots.map(({ attributes, children }) =>
      ["tests", "failures", "errors"].map((name) => [
        Number(attributes[name]),
        children.reduce((sum, child) => sum + Number(child.attributes[name]), 0),
      ]),
    );
    for (const [total, sum] of sums.flat()) expect(total).toBe(sum);
    expect(Number(roots.at(-1)!.attributes.tests)).toBeGreaterThan(5000);
  });

  test("is red exactly when the gate is", () => {
    const reports = Object.values(samples);
    const bad = read(reports).map(([[, { failures, errors }]]) => Number(failures) + Number(errors) > 0);
    expect(bad).toEqual(reports.map(({ verdict }) => verdict !== "pass"));
  });
  test("a report of nothing at all has a case", () => {
    expect(read([{ ...green, environments: [] }])[0]![2]).toHaveLength(1);
  });
  test("is XML whatever the texts are, with no element of theirs", () => {
    const all = read([...manyHostile, ...longHostile].map(withText));
    for (const [, , cases] of all) {
      expect(cases).toHaveLength(6);
      expect(cases.flatMap(([, , tags]) => tags).filter((tag) => !/^(failure|error|skipped|system-out)$/.test(tag))).toEqual([]);
    }
    expect(all[manyHostile.indexOf("<script>alert(1)</script>")]![2][0]![0]).toBe("<script>alert(1)</script>");
  });
});
