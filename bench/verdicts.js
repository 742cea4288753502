// A mutation test of the verdicts on graph and history: faults and harmless changes are put into clean pull requests, and it is
// counted which ones are found. `npm run bench:verdicts [-- --count 2600] [-- --rows 40] [-- --seed 1] [-- --show]`; the same seed gives the same mutants.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { compareHistory } from "../src/history/history.ts";
import { readGraph } from "../src/project/graph.ts";
import { RULES } from "../src/rules/index.ts";
import { compareEdits, withExecuted } from "../src/run/effect.ts";
import { settle } from "../src/settle.ts";
import { plain, text } from "../src/text.ts";
import { makeEnvironment } from "../scripts/python.js";
import { treeOf } from "../tests/project/trees.ts";
import { FAULTS, HARMLESS } from "./mutations.js";
import { cleanFixtures, generated } from "./pull-requests.js";
import { chance } from "./random.js";
import { executeAll, readingProject, READING_FAULTS, READING_HARMLESS } from "./reading.js";

const { values } = parseArgs({
  options: { count: { type: "string" }, rows: { type: "string" }, seed: { type: "string" }, show: { type: "boolean" } },
});
const count = Number(values.count ?? 2600);
/** Mutants of revisions that read: both versions are executed on a database. */
const rows = Number(values.rows ?? 40);
const seed = Number(values.seed ?? 1);

const rules = RULES.filter(({ family }) => family === "graph" || family === "history");
const unknown = { known: false, reason: text`nothing was run` };
const settings = { ignore: [], downgrades: "required", failOn: "error" };

/** The finding that counts, with what was rendered or, without it, from the code alone. */
function judge({ pullRequest, graph, history }, edits) {
  const known = (value) => ({ known: true, value });
  const { findings } = settle({
    rules,
    environment: pullRequest.name,
    facts: {
      environment: known(pullRequest.environment),
      graph: known(graph),
      history: known(history),
      settings: known({}),
      run: unknown,
      edits: edits ? known(edits) : unknown,
    },
    settings,
  });
  return findings;
}

/** Puts one change into a pull request, as often with another harmless one beside it. */
async function mutantOf(pullRequest, kind, isFault, random, cache) {
  const { base, environment } = pullRequest;
  const folder = environment.versionFolders[0];
  const before = await readGraph(treeOf(base), environment, cache);
  const apply = async (files, { make }) => {
    const after = await readGraph(treeOf(files), environment, cache);
    return make({ files, folder, before, after, random });
  };
  let files = pullRequest.head;
  const also = random.happens(0.3) ? random.pick(Object.entries(HARMLESS).filter(([, { sql }]) => !sql)) : undefined;
  // The harmless one first: it must not take the fault back.
  if (also) files = (await apply(files, also[1])) ?? files;
  const definition = { ...(isFault ? FAULTS : HARMLESS), ...(isFault ? READING_FAULTS : READING_HARMLESS) }[kind];
  files = await apply(files, definition);
  if (!files || (isFault && files === pullRequest.head)) return undefined;
  const graph = await readGraph(treeOf(files), environment, cache);
  const changedFiles = [...new Set([...Object.keys(base), ...Object.keys(files)])].filter((file) => base[file] !== files[file]);
  const history = compareHistory({
    base: { commit: "c0ffee".padEnd(40, "0"), label: "main" },
    baseGraph: before,
    headGraph: graph,
    changedFiles,
  });
  return { pullRequest, kind, isFault, definition, also: also?.[0], files, graph, history };
}

/** Asks for all edited revisions of all mutants at once what they would execute, before and after. */
async function renderAll(mutants) {
  const root = mkdtempSync(path.join(tmpdir(), "verdicts-"));
  try {
    writeFileSync(path.join(root, "alembic.ini"), "[alembic]\nscript_location = migrations\n");
    mkdirSync(path.join(root, "migrations"));
    const changes = new Map();
    const asked = [];
    mutants.forEach((mutant, index) => {
      mutant.edits = new Map();
      for (const { id, before, after, body } of mutant.history.changes.values()) {
        if (body !== "edited") continue;
        const key = `${index}-${id}`;
        const laid = (revision, side) => {
          const file = `${side}/${key}.py`;
          mkdirSync(path.join(root, side), { recursive: true });
          writeFileSync(path.join(root, file), revision.source);
          return { ...revision, file };
        };
        changes.set(key, { id: key, before: laid(before, "before"), after: laid(after, "after"), body });
        asked.push({ key, id, mutant });
      }
    });
    const edits = await compareEdits({
      environment: { directory: "", config: "alembic.ini", format: "ini", section: "alembic", kind: "alembic" },
      history: { changes },
      root,
      baseRoot: async () => root,
      python: [makeEnvironment()],
      env: process.env,
      signal: new AbortController().signal,
      settings: { x: [], timeout: 120, allowHosts: [] },
    });
    for (const { key, id, mutant } of asked) mutant.edits.set(id, edits.get(key));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** What is said of a mutant: it blocks, it is a warning, or nothing. */
function outcome(findings, { isFault, definition }) {
  const about = isFault ? findings.filter(({ rule }) => definition.rules.includes(rule)) : findings;
  if (about.some(({ blocks }) => blocks)) return "blocks";
  return about.some(({ severity }) => severity === "warning") ? "warning" : "nothing";
}

const percent = (part, whole) => (whole === 0 ? "–" : `${((100 * part) / whole).toFixed(1)} %`);

function print(title, kinds, mutants, found) {
  console.log(
    `\n${title.padEnd(40)} ${"mutants".padStart(7)} ${"blocks".padStart(7)} ${"warning".padStart(8)} ${"nothing".padStart(8)}`,
  );
  const total = { blocks: 0, warning: 0, nothing: 0 };
  for (const kind of kinds) {
    const of = mutants.filter((mutant) => mutant.kind === kind);
    const number = (what) => of.filter((mutant) => found.get(mutant) === what).length;
    for (const what of Object.keys(total)) total[what] += number(what);
    console.log(
      `  ${kind.padEnd(38)} ${String(of.length).padStart(7)} ${String(number("blocks")).padStart(7)} ${String(number("warning")).padStart(8)} ${String(number("nothing")).padStart(8)}`,
    );
  }
  return total;
}

const started = performance.now();
const random = chance(seed);
const fixtures = await cleanFixtures();
const cache = new Map();
const kinds = [...Object.keys(FAULTS).map((kind) => [kind, true]), ...Object.keys(HARMLESS).map((kind) => [kind, false])];
const mutants = [];
for (let attempt = 0; mutants.length < count && attempt < count * 20; attempt++) {
  const [kind, isFault] = kinds[attempt % kinds.length];
  const pullRequest = random.happens(0.3) ? random.pick(fixtures) : await generated(seed * 1_000_003 + random.below(400));
  const mutant = await mutantOf(pullRequest, kind, isFault, random, cache);
  if (mutant) mutants.push(mutant);
}
await renderAll(mutants);

const faults = mutants.filter(({ isFault }) => isFault);
const harmless = mutants.filter(({ isFault }) => !isFault);
console.log(`${mutants.length} mutants of ${fixtures.length} fixtures and of generated projects, seed ${seed}`);
let wrong = 0;
for (const rendered of [true, false]) {
  const said = new Map(mutants.map((mutant) => [mutant, judge(mutant, rendered ? mutant.edits : undefined)]));
  const found = new Map(mutants.map((mutant) => [mutant, outcome(said.get(mutant), mutant)]));
  console.log(rendered ? "\nwith rendered SQL" : "\nfrom the code alone (--static)");
  const caught = print("faults", Object.keys(FAULTS), faults, found);
  // What only SQL proves to be harmless is an error without it, and says so.
  const provable = (one) => rendered || !one.definition.sql;
  const proven = harmless.filter(provable);
  const alarms = print(
    "harmless changes",
    Object.entries(HARMLESS).flatMap(([kind, definition]) => (provable({ definition }) ? [kind] : [])),
    proven,
    found,
  );
  console.log(
    `\n  recall ${percent(caught.blocks, faults.length)} as errors, ${percent(caught.blocks + caught.warning, faults.length)} with warnings (cannot tell); missed ${caught.nothing}` +
      `\n  false alarms ${percent(alarms.blocks, proven.length)} (${alarms.blocks}), warnings ${percent(alarms.warning, proven.length)} (${alarms.warning})`,
  );
  const bad = [...faults.filter((one) => found.get(one) === "nothing"), ...proven.filter((one) => found.get(one) !== "nothing")];
  wrong += caught.nothing + alarms.blocks;
  for (const one of values.show ? bad : []) {
    console.log(`\n--- ${one.kind}${one.also ? ` (and ${one.also})` : ""} in ${one.pullRequest.name}`);
    for (const { rule, severity, blocks, message } of said.get(one))
      console.log(`    ${rule} ${severity}${blocks ? " blocks" : ""}: ${plain(message)}`);
    for (const file of Object.keys({ ...one.pullRequest.head, ...one.files })
      .filter((file) => one.pullRequest.head[file] !== one.files[file])
      .slice(0, 3))
      console.log(`+++ ${file}\n${one.files[file] ?? "(deleted)"}`);
  }
}
const reading = [];
const readingKinds = [
  ...Object.keys(READING_FAULTS).map((kind) => [kind, true]),
  ...Object.keys(READING_HARMLESS).map((kind) => [kind, false]),
];
for (let attempt = 0; reading.length < rows && attempt < rows * 20; attempt++) {
  const [kind, isFault] = readingKinds[attempt % readingKinds.length];
  const mutant = await mutantOf(await readingProject(random), kind, isFault, random, new Map());
  if (mutant && mutant.files !== mutant.pullRequest.head) reading.push(mutant);
}
if (reading.length > 0) {
  await renderAll(reading);
  const open = reading.filter(({ edits }) => [...edits.values()].some(({ upgrade }) => upgrade.kind === "unknown"));
  const executed = await executeAll(open);
  const said = new Map(
    reading.map((mutant) => {
      const [id] = mutant.edits.keys();
      return [mutant, judge(mutant, withExecuted(mutant.edits, new Map([[id, executed.get(mutant) ?? {}]])))];
    }),
  );
  const found = new Map(reading.map((mutant) => [mutant, outcome(said.get(mutant), mutant)]));
  console.log(`\n${reading.length} mutants of revisions that read, ${open.length} of them executed on made-up rows`);
  const caught = print("faults", Object.keys(READING_FAULTS), reading, found);
  const alarms = print("harmless changes", Object.keys(READING_HARMLESS), reading, found);
  const [bad, good] = [reading.filter(({ isFault }) => isFault).length, reading.filter(({ isFault }) => !isFault).length];
  console.log(
    `\n  recall ${percent(caught.blocks, bad)} as errors, ${percent(caught.blocks + caught.warning, bad)} with warnings (cannot tell); missed ${caught.nothing}` +
      `\n  false alarms ${percent(alarms.blocks, good)} (${alarms.blocks}), warnings ${percent(alarms.warning, good)} (${alarms.warning})`,
  );
  wrong += caught.nothing + alarms.blocks;
  for (const one of values.show ? reading : []) {
    if ((found.get(one) === "nothing") !== one.isFault) continue;
    console.log(`\n--- ${one.kind}${one.also ? ` (and ${one.also})` : ""}`);
    for (const { severity, message, evidence } of said.get(one))
      console.log(`    ${severity}: ${plain(message)} ${plain(evidence ?? [])}`);
    console.log(Object.entries(one.files).find(([name, text]) => one.pullRequest.head[name] !== text)?.[1]);
  }
}
console.log(`\n${((performance.now() - started) / 1000).toFixed(0)} s`);
if (wrong > 0) process.exitCode = 1;
