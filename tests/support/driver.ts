/** Drivers of small projects that a test writes itself. */
import path from "node:path";
import { inject, onTestFinished } from "vitest";
import { startDriver, type Driver, type DriverOptions } from "../../src/run/driver.ts";
import { writeFiles } from "./files.ts";

export type Options = Partial<Omit<DriverOptions, "load">> & {
  load?: Partial<DriverOptions["load"]>;
  /** Relative to the folder. */
  config?: string;
};

/** A driver for files in a new folder; it ends with the test. */
export async function drive(
  files: Record<string, string>,
  { load, config = "alembic.ini", ...options }: Options = {},
): Promise<Driver> {
  const root = await writeFiles(files);
  const driver = startDriver({
    python: [inject("pythons").default],
    directory: root,
    env: process.env,
    timeout: 20,
    ...options,
    load: {
      type: "load",
      config: path.join(root, config),
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
