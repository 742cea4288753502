/** The one error that users see: what happened, and the way out. Everything else that is thrown is a bug of ours. */
import { plain, text, type Text } from "./text.ts";

export class Failure extends Error {
  readonly sentence: Text;
  readonly help: Text;
  readonly exitCode: 1 | 2 | 3;
  readonly place: { file?: string; line?: number };

  /** @param exitCode 1 the project's fault · 2 wrong use · 3 the gate could not do its work */
  constructor(exitCode: 1 | 2 | 3, sentence: Text, help: Text, place: { file?: string; line?: number } = {}) {
    super(plain(sentence));
    this.name = "Failure";
    this.sentence = sentence;
    this.help = help;
    this.exitCode = exitCode;
    this.place = place;
  }
}

/** Why something was not done, as a sentence for the report. */
export const reasonOf = (error: unknown): Text =>
  error instanceof Failure ? error.sentence : text`${error instanceof Error ? error.message : String(error)}`;
