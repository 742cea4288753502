/** What kept a project from being loaded, as data and in words for its authors. */
import { Failure } from "../failure.ts";
import { block, code, text, type Text } from "../text.ts";
import { placeOf } from "./place.ts";
import type { Event, Raised } from "./protocol.ts";

type Failed = Event & { type: "failed" };

/** The project could not be loaded; as a Failure it says so to the user. */
export class LoadError extends Failure {
  /** What was being done; `hang` and `died`: the process hung or ended in the midst of it. */
  readonly stage: Failed["stage"] | "hang" | "died";
  readonly raised: Raised;
  /** What the project had connected to until then: `sqlite`. */
  dialect?: string;

  constructor(
    stage: LoadError["stage"],
    raised: Raised,
    exitCode: 1 | 2,
    sentence: Text,
    help: Text,
    place: Failure["place"] = {},
  ) {
    super(exitCode, sentence, help, place);
    this.name = "LoadError";
    this.stage = stage;
    this.raised = raised;
  }
}

/** Something that stopped the process and is no exception. */
export const stopped = (type: "Hang" | "ProcessDied", message: string, traceback = ""): Raised => ({
  type,
  message,
  frames: [],
  traceback,
});

/** Nothing moved while the project was being loaded. */
export function hangsAtLoad(seconds: number, place: Failure["place"]): LoadError {
  const silent = `nothing happened for ${Math.round(seconds)} seconds`;
  return new LoadError(
    "hang",
    stopped("Hang", silent),
    1,
    text`The project did not finish loading: ${silent}`,
    text`Code that runs when the project is imported waits for something that is not there, such as another service.`,
    place,
  );
}

/** The process ended while the project was being loaded. */
export function diesAtLoad(how: string, log: string): LoadError {
  return new LoadError(
    "died",
    stopped("ProcessDied", `the Python process ${how}`, log),
    1,
    text`The Python process ${how} while it loaded the project`,
    text`It said: ${block(log || "(nothing)")}`,
  );
}

/** Something was raised while the project was being loaded. */
export function failedToLoad({ stage, raised }: Failed, root: string): LoadError {
  const what = text`${code(raised.type)}: ${code(raised.message)}`;
  const trace = text`${block(raised.traceback, "pytb")}`;
  const said: Record<typeof stage, [exitCode: 1 | 2, sentence: Text, help: Text]> = {
    "import-alembic": [
      2,
      text`Alembic cannot be imported by the project's interpreter: ${what}`,
      text`Install the project's dependencies before the gate runs: ${block("- run: python -m pip install -r requirements.txt", "yaml")}`,
    ],
    config: [2, text`Alembic's configuration cannot be used: ${what}`, trace],
    app: [
      1,
      text`The Flask application cannot be loaded: ${what}`,
      text`Set ${code("FLASK_APP")} as for ${code("flask db upgrade")}. ${trace}`,
    ],
    revisions: [1, text`Alembic cannot load the revisions: ${what}`, trace],
  };
  const [exitCode, sentence, help] = said[stage];
  return new LoadError(stage, raised, exitCode, sentence, help, placeOf(raised, root));
}
