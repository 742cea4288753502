/** The comment on a pull request: the findings, what happens to the schema, what was not checked. One, updated in place. */
import type { Report } from "../finding.ts";
import { code, text } from "../text.ts";
import type { Block, Inline, Line } from "./document.ts";
import { markdown } from "./markdown.ts";
import { marker, type Owner } from "./marker.ts";
import { document, fitting, SIZES, type Room, type SummaryOptions } from "./summary.ts";
import { grouped, shortCommit } from "./view.ts";

export interface CommentOptions extends SummaryOptions {
  owner: Owner;
  /** Which run writes it: a comment of a later one is not touched. */
  run: { id: number; attempt: number };
  /** Where the run's job summary is. */
  page?: string;
  /** The tip of the pull request's branch. */
  commit?: string;
  /** What was found before is gone: the comment says so, and folds. */
  mended?: boolean;
  /** The report comes from a run of the pull request's own code, which may have written anything. */
  secondHand?: boolean;
}

/** GitHub takes 65,536 characters; as bytes they are never more. */
const LIMIT = 65_000;

const ROOMS: readonly Room[] = SIZES.slice(1).map((size) => ({ ...size, rest: "the job summary", brief: true }));

/** Whether a report gives a reader of the pull request anything to do or to know. */
export function saysSomething(report: Report): boolean {
  return report.verdict !== "pass" || report.environments.some(({ findings }) => grouped(findings).own.length > 0);
}

/** The comment as Markdown, its marker first. */
export function comment(report: Report, options: CommentOptions): string {
  const { owner, run, mended = false, limit = LIMIT } = options;
  const mark = marker("comment", owner, {
    run: `${run.id}.${run.attempt}`,
    state: mended ? "mended" : saysSomething(report) ? "open" : "green",
  });
  const room = limit - Buffer.byteLength(mark) - 1;
  return `${mark}\n${fitting(ROOMS, room, (size) => markdown(commentDocument(report, options, size)))}`;
}

/** The comment as a document. */
export const commentDocument = (report: Report, options: CommentOptions, room: Room = ROOMS[0]!): Block[] => [
  ...body(report, options, room),
  ...footer(options),
];

function body(report: Report, options: CommentOptions, room: Room): Block[] {
  const whole = document(report, options, room);
  if (!options.mended) return whole;
  return [
    { heading: [{ icon: "passed" }, ...text` What the Alembic gate found here is gone`], level: 3 },
    { details: whole, title: text`What it sees now`, open: false },
  ];
}

function footer({ page, commit, secondHand }: CommentOptions): Block[] {
  const link: Inline[] = page === undefined ? [] : [{ url: page, of: text`job summary` }];
  const parts: Line[] = [
    ...(link.length > 0 ? [link] : []),
    ...(commit === undefined ? [] : [text`judged ${code(shortCommit(commit))}`]),
    ...(secondHand ? [text`as reported by a run of the pull request's own code: the check itself is what counts`] : []),
  ];
  const line = parts.flatMap((part, index): Inline[] => (index === 0 ? [...part] : [{ text: " · " }, ...part]));
  return line.length > 0 ? [{ small: line }] : [];
}
