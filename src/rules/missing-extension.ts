import { imageWith } from "../postgres/images.ts";
import { block, code, text } from "../text.ts";
import { causeOf, missingExtension, phasesOf, placeOfStop } from "./observed.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "missing-extension",
  family: "setup",
  severity: "error",
  summary: "A migration needs an extension that the server does not have, or that nobody created",
  needs: ["run", "graph"],
  judge({ run, graph }) {
    const stop = phasesOf(run).find(({ id, stop }) => stop && !id.includes("downgrade") && causeOf(stop) === "extension")?.stop;
    const extension = stop && missingExtension(stop);
    if (!stop || extension === undefined) return [];
    const absent = /not available|control file/.test(stop.raised.message);
    const image = imageWith(extension);
    const service = `services:\n  postgres:\n    image: ${image ?? "an image that has it"}\n    env: { POSTGRES_PASSWORD: postgres }\n    ports: ["5432:5432"]\n    options: --health-cmd pg_isready --health-interval 2s\nsteps:\n  - uses: alembic-gate/alembic-gate@v1\n    with:\n      postgres: postgresql://postgres:postgres@localhost:5432/postgres`;
    return [
      {
        ...placeOfStop(graph, stop, "upgrade"),
        revision: stop.revision!,
        object: { kind: "extension", name: extension },
        message: absent
          ? text`${code(stop.revision!)} needs the extension ${code(extension)}, which this Postgres (${run.serverProvider}) does not carry: nothing after it could be run.`
          : text`${code(stop.revision!)} needs the extension ${code(extension)}, which no revision creates: nothing after it could be run.`,
        help: absent
          ? text`Judge on a server that has it: ${block(service, "yaml")}`
          : text`Production got it by hand. Put it into a file and name that in ${code("setup-sql")}: ${block(`CREATE EXTENSION IF NOT EXISTS "${extension}";`, "sql")}`,
      },
    ];
  },
});
