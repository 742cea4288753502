/** Whether this machine's kernel limits connections; asked of the driver's own code, in a process that ends with it. */
import { execFileSync } from "node:child_process";
import { inject } from "vitest";
import { driverFolder } from "../../src/run/process.ts";

export function hasLandlock(): boolean {
  const source = "import sys; from alembic_gate_driver import landlock; sys.exit(landlock.limit([]) is None)";
  try {
    execFileSync(inject("pythons").default, ["-c", source], {
      env: { ...process.env, PYTHONPATH: driverFolder() },
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}
