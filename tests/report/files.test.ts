import { mkdirSync, mkdtempSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { sendFiles } from "../../src/report/files.ts";
import { json } from "../../src/report/json.ts";
import { plain } from "../../src/text.ts";
import { red } from "./samples.ts";

const options = { version: "1.2.3", rules: [], source: () => undefined };
const folder = () => path.join(mkdtempSync(path.join(tmpdir(), "files-")), "a/b");

test("the report, the page and SARIF, folder included", async () => {
  const told: string[] = [];
  const files = await sendFiles(red, folder(), options, (notice) => void told.push(plain(notice)));
  expect(await readFile(files.report!, "utf8")).toBe(json(red));
  expect(await readFile(files.page!, "utf8")).toMatch(/^<!doctype html>/);
  expect(JSON.parse(await readFile(files.sarif!, "utf8"))).toMatchObject({ version: "2.1.0" });
  expect(told).toEqual([]);
});

test("a file that cannot be written is told, and the others are there", async () => {
  const place = folder();
  mkdirSync(path.join(place, "alembic-gate.html"), { recursive: true });
  const told: string[] = [];
  const files = await sendFiles(red, place, options, (notice) => void told.push(plain(notice)));
  expect(Object.keys(files)).toEqual(["report", "sarif"]);
  expect(told).toEqual([expect.stringContaining("The file of the output page could not be written: EISDIR")]);
});
