import Ajv from "ajv";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { expect, test } from "vitest";
import { Failure } from "../src/failure.ts";
import { OPTIONS, readSettingsFile } from "../src/settings.ts";
import { settingsSchemaDocument } from "../src/settings-schema.ts";
import { treeOf } from "./project/trees.ts";

const valid = new Ajv({ meta: true }).compile(settingsSchemaDocument());

/** Whether the gate takes a settings file. */
async function taken(table: object): Promise<boolean> {
  try {
    await readSettingsFile(treeOf({ "alembic-gate.toml": stringify(table) }), "");
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

test("docs/settings.schema.json is current (mend with vitest -u)", async () => {
  await expect(`${JSON.stringify(settingsSchemaDocument(), null, 2)}\n`).toMatchFileSnapshot("../docs/settings.schema.json");
});

test.for<[object, boolean]>([
  [{}, true],
  [{ "postgres-version": 16, downgrades: "optional", config: ["a.ini"], x: "a=b" }, true],
  [{ "postgres-version": "16" }, true],
  [{ "postgres-version": 0 }, false],
  [{ "postgres-version": 16.4 }, false],
  [{ downgrades: "never" }, false],
  [{ base: "main" }, false],
  [{ ignore: [{ rule: "new-base", reason: "two products" }] }, true],
  [{ ignore: [{ rule: "new-base", reason: " " }] }, false],
  [{ ignore: [{ rule: "new-base" }] }, false],
  [{ ignore: [{ rule: "new-base", reason: "r", file: "a" }] }, false],
  [{ ignore: {} }, false],
])("%j is a settings file: %j", async ([table, expected]) => {
  expect([valid(table), await taken(table)]).toEqual([expected, expected]);
});

test("the schema takes what the gate takes, and nothing else", async () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>(
      "",
      "16",
      " 7 ",
      "0",
      "1.5",
      "optional",
      "required",
      true,
      false,
      0,
      1,
      -3,
      16,
      2.5,
      [],
      ["a", "b"],
      {},
    ),
    fc.constant([{ rule: "new-base", reason: "r", revision: "a" }]),
    fc.constant([1]),
  );
  const name = fc.constantFrom(...Object.keys(OPTIONS), "ignore", "unknown");
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, value, { maxKeys: 2, noNullPrototype: true }), async (table) => {
      expect([table, valid(table)]).toEqual([table, await taken(table)]);
    }),
    { numRuns: 500 },
  );
});
