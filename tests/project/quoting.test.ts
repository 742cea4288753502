import { execFileSync } from "node:child_process";
import path from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { shellWord, yamlText } from "../../src/project/quoting.ts";

const PYTHON = path.resolve(import.meta.dirname, "../../.venvs/default/bin/python");

test("any word reaches a command as it is", () => {
  const words = fc.sample(
    fc.string({ unit: fc.constantFrom("a", "'", '"', "$", "(", ")", "`", "\\", " ", "\n", "!", "~", "*", "é", "-", "/") }),
    200,
  );
  const script = `${shellWord(PYTHON)} -c 'import json, sys; print(json.dumps(sys.argv[1:]))' ${words.map(shellWord).join(" ")}`;
  expect(JSON.parse(execFileSync("sh", ["-c", script], { encoding: "utf8" }))).toEqual(words);
});

test("plain words stay plain", () => {
  expect([shellWord("a/b-c.ini"), yamlText("a/b c-d.ini")]).toEqual(["a/b-c.ini", "a/b c-d.ini"]);
  expect([yamlText("a: b"), yamlText("- x"), yamlText("{{x}}"), yamlText("a\n"), yamlText("")]).toEqual([
    '"a: b"',
    '"- x"',
    '"{{x}}"',
    '"a\\n"',
    '""',
  ]);
});
