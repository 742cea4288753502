/** What the gate is given from outside: nothing below the entries reads process.env, process.cwd() or the clock of a signal by itself. */
import type { Base, GitEvent } from "./history/base.ts";
import type { OpenPullRequest } from "./history/neighbours.ts";
import type { Text } from "./text.ts";

/** Those that are looked at, and how many more there are; or the reason why nobody knows. */
export type OpenPullRequests = { known: true; pulls: readonly OpenPullRequest[]; more: boolean } | { known: false; reason: Text };

/** The names of labels; or the reason why nobody knows. */
export type Labels = { known: true; value: readonly string[] } | { known: false; reason: Text };

export interface World {
  /** Folder from which relative paths are meant; absolute. */
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** What GitHub says about the run, in an action. */
  event?: GitEvent;
  /** The other pull requests that are to be merged into the same branch, most recently touched first, where GitHub can be asked. */
  openPullRequests?: () => Promise<OpenPullRequests>;
  /** The labels of a pull request whose event tells none, where GitHub can be asked. */
  labels?: () => Promise<Labels>;
  /** What to compare with, where that is known beforehand. */
  base?: Base;
  /** Aborted by Ctrl-C and SIGTERM. */
  signal: AbortSignal;
  /** Told where the gate is, for people who wait. */
  progress(step: string): void;
}

/** A signal that Ctrl-C, SIGTERM and SIGHUP abort; a second one ends the process at once. */
export function abortedBySignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(3);
      controller.abort(name);
    });
  }
  return controller.signal;
}

/** The version of the gate, put in by the build. */
declare const __VERSION__: string;
export const version: string = typeof __VERSION__ === "string" ? __VERSION__ : "0.0.0-source";
