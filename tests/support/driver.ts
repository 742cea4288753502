/** Drivers of small projects that a test writes itself. */
import { inject, onTestFinished } from "vitest";
import { startDriver, type Driver, type DriverOptions } from "../../src/run/driver.ts";
import { writeFiles } from "./files.ts";

type Options = Partial<Omit<DriverOptions, "load">> & { load?: Partial<DriverOptions["load"]> };

/** A driver for files in a new folder; it ends with the test. */
export async function drive(files: Record<string, string>, { load, ...options }: Options = {}): Promise<Driver> {
  const root = await writeFiles(files);
  const driver = startDriver({
    python: [inject("pythons").default],
    directory: root,
    env: process.env,
    timeout: 20,
    ...options,
    load: {
      type: "load",
      config: `${root}/alembic.ini`,
      format: "ini",
      section: "alembic",
      kind: "alembic",
      x: [],
      root,
      ...load,
    },
  });
  onTestFinished(() => driver.stop());
  return driver;
}

/** Bodies of a revision that makes a table. */
export const table = (name: string) => ({
  upgrade: `op.create_table("${name}", sa.Column("id", sa.Integer, primary_key=True))`,
  downgrade: `op.drop_table("${name}")`,
});
