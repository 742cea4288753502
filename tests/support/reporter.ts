/** Ends the run with one plain line, for whoever reads only the end of a log: `120 passed, 0 failed`. */
import type { Reporter, SerializedError, TestModule } from "vitest/node";

export default class ClosingLine implements Reporter {
  #ended = false;

  /** A run that never comes to its end, since the server for it cannot be had, has failed too. */
  onInit(): void {
    process.once("exit", () => {
      if (!this.#ended) console.log("0 passed, 1 failed");
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    this.#ended = true;
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const of = (state: string) => states.filter((other) => other === state).length;
    // Beside tests, a file can fail while it is imported, a hook can, and so can what nobody waits for.
    const broken = modules
      .flatMap((module) => [module, ...module.children.allSuites()])
      .filter((part) => part.errors().length > 0).length;
    const skipped = of("skipped");
    console.log(
      `${of("passed")} passed, ${of("failed") + broken + unhandled.length} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`,
    );
  }
}
