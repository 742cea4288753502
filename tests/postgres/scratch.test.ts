import { afterAll, beforeAll, expect, test } from "vitest";
import { openScratch, type Scratch } from "../../src/postgres/scratch.ts";
import { startServer, type Server } from "../../src/postgres/server.ts";

let server: Server;
let scratch: Scratch;

beforeAll(async () => {
  server = await startServer({ choice: "installed", env: process.env });
  scratch = await openScratch(server);
});

afterAll(async () => {
  await scratch?.close();
  await server?.stop();
});

test("a clone has what the original has, and then goes its own way", async () => {
  const original = await scratch.create("original");
  await scratch.query(original, "create table t (id int)");
  const clone = await scratch.clone(original, "clone");
  await scratch.query(clone, "insert into t values (1)");
  expect(await scratch.query(clone, "select id from t")).toEqual([{ id: 1 }]);
  expect(await scratch.query(original, "select id from t")).toEqual([]);
});
