// Shows what a pull request with three faults gets on GitHub: the action's annotations by file and line, then the job's summary.
// Runs the built action as GitHub's runner does, on a real git repository and a real Postgres. Exits 0 when the findings are the expected ones.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { makeEnvironment } from "./python.js";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const node24 = path.join(root, "node_modules", "node", "bin", "node");

if (!process.versions.node.startsWith("24.")) {
  if (!existsSync(node24)) {
    console.error(
      "The action runs on Node 24, which is neither this Node nor in node_modules. Run `npm ci`, then `npm run demo`.",
    );
    process.exit(1);
  }
  process.exit(spawnSync(node24, [fileURLToPath(import.meta.url)], { stdio: "inherit" }).status ?? 1);
}

const { actionNode, pullRequestEvent, runAction } = await import("../tests/support/action.ts");
const { compareFindings, loadCase } = await import("../tests/support/fixtures.ts");
const { makeRepository } = await import("../tests/support/repository.ts");

const colours = { error: "red", warning: "yellow", notice: "blue" };

/** One annotation as GitHub shows it: the place, the line of code and the message below it. */
function show({ level, file, line, title, message }, folder) {
  const place = file === undefined ? "" : `${file}${line === undefined ? "" : `:${line}`}`;
  console.log(`${styleText([colours[level], "bold"], level)}  ${styleText("bold", place)}`);
  if (file !== undefined && line !== undefined) {
    const source = readFileSync(path.join(folder, file), "utf8").split("\n")[line - 1];
    console.log(styleText("dim", `${String(line).padStart(5)} │ ${source}`));
  }
  if (title) console.log(`        ${styleText("bold", title)}`);
  console.log(`${message.replace(/^/gm, "        ")}\n`);
}

const heading = (text) => console.log(`\n${styleText("bold", `── ${text} ${"─".repeat(Math.max(0, 96 - text.length))}`)}\n`);

actionNode();
const python = makeEnvironment();
const demo = loadCase("demo");
const repository = await makeRepository(demo, { checkout: "merge" });
try {
  console.log(`A pull request: ${demo.title.charAt(0).toLowerCase()}${demo.title.slice(1)}.`);
  const run = await runAction({
    folder: repository.folder,
    // Without a token nobody is asked and nothing is sent.
    inputs: { python, postgres: "embedded", token: "" },
    event: pullRequestEvent(repository),
  });
  const placed = run.annotations.filter(({ file }) => file !== undefined);
  heading("Files changed: what stands beside the code");
  for (const annotation of placed.sort((a, b) => a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0)))
    show(annotation, repository.folder);
  for (const annotation of run.annotations.filter(({ file }) => file === undefined)) show(annotation, repository.folder);
  heading("Summary of the job");
  console.log(run.summary.trim());
  heading(`The job ${run.exitCode === 0 ? "passes" : "fails"} (exit code ${run.exitCode})`);
  const findings = run.report?.environments.flatMap((environment) => environment.findings) ?? [];
  const difference = compareFindings(demo.findings, findings);
  const unseen = demo.findings.filter(
    ({ file, line }) => !placed.some((annotation) => annotation.file === file && annotation.line === line),
  );
  for (const { rule, file, line } of unseen) console.error(`There is no annotation for ${rule} at ${file}:${line}.`);
  if (difference !== "") console.error(`These are not the expected findings:\n${difference}`);
  if (!run.report) console.error(`The action ended before it had a report.\n${run.log}${run.stderr}`);
  const right = difference === "" && unseen.length === 0 && run.exitCode === demo.exitCode;
  if (right) console.log(`${findings.length} findings, each at the expected line.`);
  process.exitCode = right ? 0 : 1;
} finally {
  await repository.remove();
}
