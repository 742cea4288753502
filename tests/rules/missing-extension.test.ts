import { expect, test } from "vitest";
import missingExtension from "../../src/rules/missing-extension.ts";
import { chainOf, evidence, fileOf, judge, phase, said, stop, toPaste } from "../support/evidence.ts";

const graph = chainOf(["a"], ["b"]);
const run = (message: string, sqlstate = "42704", id: "upgrade" | "base" | "downgrade" = "upgrade") =>
  evidence([phase(id, { stop: stop("b", { message, sqlstate }) })]);

test.for([
  ['type "vector" does not exist', "42704", "vector"],
  ['type "public.geometry" does not exist', "42704", "postgis"],
  ["function uuid_generate_v4() does not exist", "42883", "uuid-ossp"],
  ["function public.crypt(text, text) does not exist", "42883", "pgcrypto"],
  ['operator class "gin_trgm_ops" does not exist for access method "gin"', "42704", "pg_trgm"],
  ['extension "hstore" does not exist', "42704", "hstore"],
] as const)("%s: nobody creates it", ([message, sqlstate, extension]) => {
  const [draft] = judge(missingExtension, graph, run(message, sqlstate));
  expect(draft).toMatchObject({ file: fileOf("b"), line: 9, revision: "b", object: { kind: "extension", name: extension } });
  expect(said(draft!)).toBe(`b needs the extension ${extension}, which no revision creates: nothing after it could be run.`);
  expect(toPaste(draft!)).toEqual([`CREATE EXTENSION IF NOT EXISTS "${extension}";`]);
});

test.for([
  ['extension "vector" is not available', "vector", "pgvector/pgvector:pg17"],
  [
    'could not open extension control file "/usr/share/postgresql/15/extension/timescaledb.control": No such file or directory',
    "timescaledb",
    "timescale/timescaledb:latest-pg17",
  ],
  ['extension "pg_exotic" is not available', "pg_exotic", "an image that has it"],
] as const)("%s: the server does not carry it", ([message, extension, image]) => {
  const [draft] = judge(missingExtension, graph, run(message, "0A000", "base"));
  expect(said(draft!)).toBe(
    `b needs the extension ${extension}, which this Postgres (installed) does not carry: nothing after it could be run.`,
  );
  expect(toPaste(draft!)[0]).toContain(`image: ${image}`);
});

test("a name that no extension has, one that every object of JavaScript has, and a downgrade are not this", () => {
  expect(judge(missingExtension, graph, run('type "status" does not exist'))).toEqual([]);
  expect(judge(missingExtension, graph, run('type "constructor" does not exist'))).toEqual([]);
  expect(judge(missingExtension, graph, run('type "vector" does not exist', "42704", "downgrade"))).toEqual([]);
  expect(judge(missingExtension, graph, run("vector does not exist", "42P01"))).toEqual([]);
});

test("behind another stop it is still found", () => {
  const both = evidence([
    phase("upgrade-again", { stop: stop("a") }),
    phase("history-upgrade", { stop: stop("b", { message: 'type "citext" does not exist', sqlstate: "42704" }) }),
  ]);
  expect(judge(missingExtension, graph, both)).toMatchObject([{ object: { name: "citext" } }]);
});
