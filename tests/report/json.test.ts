import { readFile } from "node:fs/promises";
import path from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import type * as mini from "zod/mini";
import type { Report } from "../../src/finding.ts";
import { json } from "../../src/report/json.ts";
import { reportSchema, reportSchemaDocument } from "../../src/report/schema.ts";
import { hostile } from "./hostile.ts";
import { broken, green, huge, red, two, untouched, withText } from "./samples.ts";

const samples = { red, green, untouched, broken, two, huge, hostile: withText('<`|*"') };

type Writable<T> = T extends object ? { -readonly [K in keyof T]: Writable<T[K]> } : T;
type Same<A, B> = [A, B] extends [B, A] ? true : false;

describe("the schema", () => {
  test("is what the type Report says", () => {
    const same: Same<Writable<Report>, Writable<mini.output<typeof reportSchema>>> = true;
    expect(same).toBe(true);
  });
  test("docs/report.schema.json is current (mend with vitest -u)", async () => {
    await expect(`${JSON.stringify(reportSchemaDocument(), null, 2)}\n`).toMatchFileSnapshot("../../docs/report.schema.json");
  });
  test.each(Object.entries(samples))("the published document accepts the report %s", async (_, report) => {
    const document = JSON.parse(await readFile(path.resolve(import.meta.dirname, "../../docs/report.schema.json"), "utf8"));
    expect(z.fromJSONSchema(document).safeParse(JSON.parse(json(report))).error).toBeUndefined();
  });
  test.each([
    ["a verdict of its own", { ...green, verdict: "maybe" }],
    ["an exit code of its own", { ...green, exitCode: 4 }],
    ["Markdown instead of parts", { ...green, headline: "**done**" }],
    ["a line that is none", { ...broken, failures: [{ ...broken.failures[1], line: 0 }] }],
    [
      "a finding without a fingerprint",
      {
        ...red,
        environments: [{ ...red.environments[0], findings: [{ ...red.environments[0]!.findings[0], fingerprint: undefined }] }],
      },
    ],
  ])("it refuses %s", async (_, report) => {
    const document = JSON.parse(await readFile(path.resolve(import.meta.dirname, "../../docs/report.schema.json"), "utf8"));
    expect(z.fromJSONSchema(document).safeParse(JSON.parse(JSON.stringify(report))).success).toBe(false);
  });
  test("no report has a property that the schema does not name", () => {
    for (const report of Object.values(samples)) expect(reportSchema.parse(report)).toEqual(report);
  });
});

describe("the JSON", () => {
  test("says what the report says", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const report = withText(text);
        expect(JSON.parse(json(report))).toEqual(JSON.parse(JSON.stringify(report)));
      }),
    );
  });
  test("holds no character that a terminal obeys or nobody sees", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(json(withText(text))).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
  });
});
