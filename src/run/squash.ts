/** Many revisions put together in one: proved or refuted by what comes out on an empty database. */
import type { Catalog } from "../postgres/catalog.ts";
import type { Database, Scratch } from "../postgres/scratch.ts";
import { text } from "../text.ts";
import type { Phase } from "./evidence.ts";
import type { Laboratory } from "./laboratory.ts";
import { compared } from "./phase.ts";
import { isDisturbance, isShared } from "./shared.ts";

/** Runs what stands for deleted revisions on an empty database, and compares what comes out. */
export async function proveSquash(
  lab: Laboratory,
  phase: Phase,
  database: Database | undefined,
  b0: Catalog,
  scratch: Scratch,
): Promise<void> {
  if (!database) return;
  if (await lab.run(phase, database, { own: true })) compared(phase, "the base branch", b0, await lab.snapshot(database));
  else if (isShared(scratch) && isDisturbance(phase)) {
    phase.state = "not-run";
    phase.reason = text`on a given server all databases share their roles: ${phase.stop!.raised.message}`;
    delete phase.stop;
  }
  await scratch.drop(database);
}
