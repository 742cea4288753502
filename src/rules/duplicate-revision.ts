import { createHash } from "node:crypto";
import type { Draft } from "../finding.ts";
import { block, code, text } from "../text.ts";
import { literal, placeOf, relatedTo } from "./lineage.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "duplicate-revision",
  family: "graph",
  severity: "error",
  summary: "Two files define the same revision, or two revisions the same branch label",
  needs: ["graph"],
  wants: ["history"],
  judge({ graph, history }) {
    const base = history?.graph;
    const ids = graph.duplicates.map(({ id, files }): Draft => {
      const kept = files.at(-1)!;
      const old = base?.duplicates.find((duplicate) => duplicate.id === id)?.files ?? [base?.revisions.get(id)];
      // The file that is new is the one to change; without a base, the one that Alembic reads last.
      const blamed =
        (base?.revisions.has(id) ? files.find(({ file }) => !old.some((other) => other?.file === file)) : undefined) ?? kept;
      const others = files.filter((file) => file !== blamed);
      const fresh = createHash("sha256").update(blamed.file).digest("hex").slice(0, 12);
      const lost = files.find((file) => file !== kept)!;
      return {
        ...placeOf(blamed, "revision"),
        revision: id,
        preexisting: base?.duplicates.some((duplicate) => duplicate.id === id) ?? false,
        message: text`${code(id)} is defined by ${files.length === 2 ? "two" : files.length} files, and Alembic keeps only the one it reads last: what ${code(lost.file)} does will never run.`,
        help: text`Give this revision an id of its own, and name it in the ${code("down_revision")} of what builds on it:${block(`revision = ${literal(blamed, blamed.at.revision, [fresh])}`, "python")}`,
        related: others.map((other) =>
          relatedTo(
            other,
            "revision",
            other === kept
              ? text`the same id, in the file that Alembic keeps`
              : text`the same id, in a file that Alembic forgets`,
          ),
        ),
      };
    });
    const labels = graph.labelClashes.map(({ label, revisions: [first, second] }): Draft => {
      const blamed = base?.revisions.has(first!.id) && !base.revisions.has(second!.id) ? second! : first!;
      const other = blamed === first ? second! : first!;
      return {
        ...placeOf(blamed, "labels"),
        revision: blamed.id,
        object: { kind: "branch label", name: label },
        preexisting: base?.labelClashes.some((clash) => clash.label === label) ?? false,
        message: text`The branch label ${code(label)} of ${code(blamed.id)} is taken by ${code(other.id)} already: Alembic refuses to load any revision.`,
        help: text`A label stands once, on the first revision of its branch; those that build on it have it without saying so.`,
        related: [relatedTo(other, "labels", text`the same label`)],
      };
    });
    return [...ids, ...labels];
  },
});
