/** Files that are kept in memory: what is scratch is written soonest there. */
import { accessSync, constants, statfsSync } from "node:fs";

/** The folder for them, where the system has one. */
export const memoryFolder = "/dev/shm";

/** How many bytes there is room for in it; 0 where it is not there or cannot be written. */
export function roomInMemory(): number {
  try {
    accessSync(memoryFolder, constants.W_OK);
    const { bavail, bsize } = statfsSync(memoryFolder);
    return bavail * bsize;
  } catch {
    return 0;
  }
}
