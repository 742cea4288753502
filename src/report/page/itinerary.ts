/** The itinerary as a picture: a row for each phase, its bar where and as long as it ran, and where it stopped. */
import type { PhaseReport } from "../../finding.ts";
import { count, plain } from "../../text.ts";
import { oneLine } from "../escape.ts";
import { cropped } from "../rows.ts";
import { duration, shorten } from "../view.ts";
import { element, join, type Html } from "./html.ts";

const ROW = 46;
const WIDTH = 860;
const BARS = 400;
const TITLE = 48;
const NOTE = 60;

/** UTF-16 units of what is said in the list. */
const WORDS = 400;

const MARK: Record<PhaseReport["outcome"], string> = { ok: "✓", failed: "✗", "not-run": "–" };

/** What is said of a phase below its title. */
export function phaseNote({ revisions, seconds, outcome, compared, reason, stoppedAt }: PhaseReport): string {
  const differences = compared?.differences ?? 0;
  const short = (value: string) => shorten(oneLine(value), WORDS);
  return [
    outcome === "not-run" ? "not run" : `${count(revisions, "step")} in ${duration(seconds)}`,
    ...(stoppedAt === undefined ? [] : [`stopped at ${short(stoppedAt)}`]),
    ...(compared
      ? [
          differences === 0
            ? `same as ${short(compared.with)}`
            : `${count(differences, "difference")} from ${short(compared.with)}`,
        ]
      : []),
    ...(reason ? [short(plain(reason))] : []),
  ].join(" · ");
}

/** The picture. Each bar is as long as its phase took; they follow each other, though some phases run side by side. */
export function itineraryPicture(phases: readonly PhaseReport[], title: string): Html {
  const total = phases.reduce((sum, { seconds }) => sum + seconds, 0) || 1;
  const room = WIDTH - BARS - 30;
  const height = phases.length * ROW + 34;
  let before = 0;
  const rows = phases.map((phase, index) => {
    const { outcome, seconds } = phase;
    const top = index * ROW + 8;
    const from = BARS + (before / total) * room;
    const width = Math.max(4, (seconds / total) * room);
    before += seconds;
    const state = outcome === "ok" && (phase.compared?.differences ?? 0) > 0 ? "differs" : outcome;
    return element(
      "g",
      { class: `phase ${state}` },
      element("text", { class: "mark", x: 8, y: top + 16 }, state === "differs" ? "!" : MARK[outcome]),
      element("text", { class: "name", x: 28, y: top + 15 }, cropped(oneLine(phase.title), TITLE)),
      element("text", { class: "note", x: 28, y: top + 31 }, cropped(phaseNote(phase), NOTE)),
      outcome === "not-run"
        ? element("line", { class: "gap", x1: from.toFixed(1), x2: WIDTH - 30, y1: top + 16, y2: top + 16 })
        : element("rect", { class: "bar", x: from.toFixed(1), y: top + 6, width: width.toFixed(1), height: 20, rx: 3 }),
      outcome === "failed" &&
        element("path", { class: "stop", d: `M${(from + width + 5).toFixed(1)} ${top + 11}l10 10m0 -10l-10 10` }),
    );
  });
  const bottom = phases.length * ROW + 12;
  const axis = [
    element("line", { class: "axis", x1: BARS, x2: BARS + room, y1: bottom, y2: bottom }),
    element("text", { class: "note", x: BARS, y: bottom + 16 }, "0"),
    element("text", { class: "note", x: BARS + room, y: bottom + 16, "text-anchor": "end" }, `${duration(total)} in sum`),
  ];
  return element(
    "svg",
    { class: "itinerary", viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height, role: "img", "aria-label": title },
    join(...rows, ...axis),
  );
}
