/** Ends the run with one plain line, for whoever reads only the end of a log: `120 passed, 0 failed`. */
import type { Reporter, SerializedError, TestModule } from "vitest/node";

export default class ClosingLine implements Reporter {
  #line = "0 passed, 1 failed";

  onInit(): void {
    // What keeps the run from beginning, such as a server that cannot be had, is told after the end of the run.
    process.once("exit", () => console.log(this.#line));
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    if (modules.length === 0) return;
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const of = (state: string) => states.filter((other) => other === state).length;
    // Beside tests, a file can fail while it is imported, a hook can, and so can what nobody waits for.
    const parts = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const broken = parts.filter((part) => part.errors().length > 0).length + unhandled.length;
    const skipped = of("skipped");
    this.#line = `${of("passed")} passed, ${of("failed") + broken} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
  }
}
