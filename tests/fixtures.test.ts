/** Every case in fixtures/pull-requests, through the built command line: these findings, and no others. */
import { expect, inject, test } from "vitest";
import { runCommandLine } from "./support/action.ts";
import { compareReport, loadCases } from "./support/fixtures.ts";
import { makeRepository } from "./support/repository.ts";
import { sharedUrl } from "./support/url.ts";

const everywhere = ["--base", "main", "--postgres", sharedUrl(), "--python", inject("pythons").default];

test.concurrent.for(loadCases())("$name: $title", async (one) => {
  const repository = await makeRepository(one);
  try {
    const { report, stdout, stderr } = await runCommandLine(repository.folder, [...everywhere, ...one.arguments], one.env);
    expect(compareReport(one, report) + (report ? "" : `\n${stdout}\n${stderr}`)).toBe("");
  } finally {
    await repository.remove();
  }
});
