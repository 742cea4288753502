/** The comment on a pull request that has two heads since something else landed. */
import { block, code, listOf, text } from "../text.ts";
import { paragraphs, type Block } from "./document.ts";
import { markdown } from "./markdown.ts";
import { marker, type Owner } from "./marker.ts";
import { shortCommit } from "./view.ts";

/** Whoever writes it, there is one: any run of the pull request may say that it is out of date. */
const OWNER: Owner = { workflow: "", job: "", environment: "" };

export const TURNED = { kind: "turned", owner: OWNER };

/** Environments and heads, by which the same thing is not said twice. */
type Turn = { environment: string; head: string; heads: readonly string[] };

const turnMark = (turns: readonly Turn[]): string =>
  turns.map(({ environment, head, heads }) => [environment, head, ...heads].join(" ")).join("; ");

/**
 * @param commit what was pushed
 * @param branch to which
 */
export function turnedComment(turns: readonly Turn[], commit: string, branch: string): string {
  const lines = turns.map(
    ({ environment, head, heads }) =>
      text`${code(environment)}: ${code(head)} of this pull request would be a head beside ${listOf(heads)} of ${code(branch)}.`,
  );
  const help = text`Get the branch and build on its head: ${block(`git pull origin ${/^[\w./-]+$/.test(branch) ? branch : "HEAD"}\nnpx alembic-gate fix --yes`, "sh")}`;
  const document: Block[] = [
    {
      heading: [{ icon: "failed" }, ...text` Two heads, since ${code(shortCommit(commit))} landed on ${code(branch)}`],
      level: 3,
    },
    { items: lines.slice(0, 20).map((line) => [...line]) },
    ...paragraphs(help),
  ];
  return `${marker(TURNED.kind, OWNER, { state: "open", turn: turnMark(turns) })}\n${markdown(document)}`;
}

/** What becomes of it once the pull request was judged again. */
export const turnedAgain = (): string =>
  `${marker(TURNED.kind, OWNER, { state: "done" })}\n${markdown([{ paragraph: text`Judged again since: see the check.` }])}`;

/** Whether a comment of ours says just this already. */
export const saysTurn = (marks: Record<string, string>, turns: readonly Turn[]): boolean =>
  marks.state === "open" && marks.turn === turnMark(turns);
