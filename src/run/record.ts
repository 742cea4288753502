/** Puts the events of one run together. */
import type { Statement, Step } from "./evidence.ts";
import { relativePlace } from "./place.ts";
import type { Event } from "./protocol.ts";
import type { RunResult } from "./driver.ts";

type StatementEvent = Event & { type: "statement" | "statement-error" };

export interface Record {
  hear(event: Event): void;
  /** What was heard so far, as of a run that was cut off. */
  result(seconds: number): RunResult;
}

const union = (some: readonly number[] = [], others: readonly number[]): number[] => [...new Set([...some, ...others])];

/** @param root files in the record are relative to it */
export function startRecord(root: string): Record {
  const steps = new Map<string, Step>();
  const outside: Statement[] = [];
  const versionTables: RunResult["versionTables"] = [];
  const connects: RunResult["connects"] = [];
  const foreign: RunResult["foreign"] = [];
  const trials: RunResult["trials"] = [];
  let unreported = 0;
  let models = false;
  let open: Step | undefined;

  const statement = (event: StatementEvent): Statement => ({
    sql: event.sql,
    parameters: event.parameters,
    ...relativePlace(root, event),
    ...(event.exact && { exact: event.exact }),
    seconds: event.type === "statement" ? event.seconds : 0,
    ...(event.database && { database: event.database }),
    ...(event.type === "statement-error" && { error: { message: event.message, sqlstate: event.sqlstate } }),
  });
  return {
    hear(event) {
      switch (event.type) {
        case "step": {
          const { revision, direction } = event;
          open = steps.get(revision) ?? { revision, direction, ended: false, seconds: 0, statements: [] };
          open.ended = false;
          steps.set(revision, open);
          break;
        }
        case "statement":
        case "statement-error":
          (event.revision !== null && open ? open.statements : outside).push(statement(event));
          break;
        case "lines":
          if (open) open.lines = { every: union(open.lines?.every, event.every), ran: union(open.lines?.ran, event.ran) };
          break;
        case "step-end":
          if (open) Object.assign(open, { ended: true, seconds: open.seconds + event.seconds });
          if (open && event.unreported > 0) open.unreported = (open.unreported ?? 0) + event.unreported;
          unreported += event.unreported;
          open = undefined;
          break;
        case "trial":
          open = { revision: event.revision, direction: "downgrade", ended: false, seconds: 0, statements: [] };
          trials.push({ step: open, kept: true });
          break;
        case "trial-end": {
          const { raised, kept, seconds } = event;
          const trial = trials.at(-1);
          if (trial) Object.assign(trial.step, { ended: raised === undefined, seconds });
          if (trial) Object.assign(trial, { kept, ...(raised && { raised }) });
          open = undefined;
          break;
        }
        case "context": {
          const { versionTable: name, versionTableSchema: schema } = event;
          models ||= event.models;
          if (!versionTables.some((table) => table.name === name && table.schema === schema))
            versionTables.push({ schema, name });
          break;
        }
        case "connect":
          connects.push({ dialect: event.dialect, driver: event.driver, wanted: event.wanted });
          break;
        case "foreign-connection":
          if (!event.quiet && !event.late) foreign.push({ wanted: event.wanted, ...relativePlace(root, event) });
          break;
      }
    },
    result: (seconds) => ({
      steps: [...steps.values()],
      outside,
      swallowed: false,
      ...(open && { begunNotEnded: open.revision }),
      aborted: false,
      died: false,
      expected: [],
      versionTables,
      contexts: 0,
      models,
      connects,
      foreign,
      trials,
      unreported,
      seconds,
      freshProcessMayHelp: false,
    }),
  };
}
