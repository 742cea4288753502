import { block, code, text } from "../text.ts";
import { phasesOf, placeOf, placeOfStop } from "./observed.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "timed-out",
  family: "run",
  severity: "error",
  summary: "Nothing moved within the time limit",
  needs: ["run", "graph"],
  judge: ({ run, graph }) =>
    phasesOf(run)
      .flatMap(({ id, stop, stops = [] }) => {
        const direction = id.includes("downgrade") ? ("downgrade" as const) : ("upgrade" as const);
        return [...(stop ? [{ stop, direction }] : []), ...stops.map((one) => ({ stop: one, direction: "downgrade" as const }))];
      })
      .flatMap(({ stop, direction }) => {
        if (!stop.timedOut) return [];
        const { seconds, statement, waitingFor } = stop.timedOut;
        const who = stop.revision === undefined ? text`env.py` : text`${direction}() of ${code(stop.revision)}`;
        return [
          {
            ...(stop.file ? placeOfStop(graph, stop, direction) : placeOf(graph, stop.revision, direction)),
            ...(stop.revision !== undefined && { revision: stop.revision }),
            message: text`${who} stood still for ${seconds} seconds and was ended${waitingFor ? `: it waits for ${waitingFor}` : ""}.`,
            help: text`A revision that needs longer gets a longer ${code("timeout")} (seconds). One that waits for a lock waits for another connection of its own process: use ${code("op.get_bind()")} instead of opening a second one.`,
            ...(statement && { evidence: text`It was executing ${block(statement, "sql")}` }),
          },
        ];
      }),
});
