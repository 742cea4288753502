/** Ends the run with one plain line, for whoever reads only the end of a log: `120 passed, 0 failed`. */
import type { Reporter, TestModule } from "vitest/node";

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const of = (state: string) => states.filter((other) => other === state).length;
    const broken = modules.filter((module) => module.errors().length > 0).length;
    const skipped = of("skipped");
    console.log(`${of("passed")} passed, ${of("failed") + broken} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  }
}
