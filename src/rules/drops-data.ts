import type { Draft } from "../finding.ts";
import type { Loss } from "../run/rows.ts";
import { code, text, type Text } from "../text.ts";
import { amountOf, culpritOf, objectOf } from "./lost.ts";
import { rule } from "./rule.ts";

export default rule({
  id: "drops-data",
  family: "data",
  severity: "notice",
  summary: "upgrade() drops, deletes or overwrites what rows hold, and downgrade() does not bring it back",
  needs: ["run", "graph"],
  judge({ run, graph }) {
    const losses = (run.rows?.losses ?? []).filter(({ how }) => how === "dropped" || how === "deleted" || how === "overwritten");
    const byRevision = new Map<string, { draft: Pick<Draft, "file" | "line">; losses: Loss[] }>();
    for (const loss of losses) {
      const culprit = culpritOf(run, graph, loss);
      if (!culprit) continue;
      const known = byRevision.get(culprit.revision);
      if (known) known.losses.push(loss);
      else byRevision.set(culprit.revision, { draft: culprit.place, losses: [loss] });
    }
    return [...byRevision].map(([revision, { draft, losses }]): Draft => {
      const back = losses.some(({ wentDown }) => wentDown) ? "; downgrade() does not bring back what was there" : "";
      return {
        ...draft,
        revision,
        ...(losses.length === 1 && { object: objectOf(losses[0]!) }),
        message: text`upgrade() of ${code(revision)} ${joined(losses.slice(0, 4).map(deed))}${losses.length > 4 ? ` and loses ${losses.length - 4} things more` : ""}${back}.`,
        help: text`Once this is deployed only a backup has it. See that nothing reads it any more, and that it is not needed: what is kept under another name for a release can still be brought back.`,
        evidence: text`On ${run.rows!.source === "seed" ? "the project's own rows" : "made-up rows"}: ${joined(
          losses.map((loss) => text`${code(objectOf(loss).name)} loses ${amountOf(loss)}`),
          "; ",
        )}.`,
      };
    });
  },
});

const deed = (loss: Loss): Text => {
  const { kind, name } = objectOf(loss);
  const verb = { dropped: `drops ${kind}`, deleted: "deletes rows of", overwritten: "overwrites" }[loss.how as "dropped"];
  return text`${verb} ${code(name)}${loss.how === "dropped" ? " with what it holds" : ""}`;
};

const joined = (texts: readonly Text[], between = ", "): Text =>
  texts.flatMap((part, index) => (index === 0 ? part : [{ text: between }, ...part]));
