/** Every case in fixtures/pull-requests, through the built command line: these findings, and no others. */
import { expect, inject, test } from "vitest";
import { python, runCommandLine } from "./support/action.ts";
import { compareReport, loadCases } from "./support/fixtures.ts";
import { makeRepository } from "./support/repository.ts";

test.concurrent.for(loadCases())("$name: $title", async (one, { onTestFinished }) => {
  const repository = await makeRepository(one);
  onTestFinished(repository.remove);
  const { report, stdout, stderr } = await runCommandLine(repository.folder, ["--base", "main", "--postgres", inject("postgres"), "--python", python, ...one.arguments], one.env);
  if (!report) expect.fail(`No report.\n${stdout}\n${stderr}`);
  expect.soft(compareReport(one, report)).toBe("");
});
