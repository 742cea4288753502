/** The touched part of the revision graph as a picture: newest first, a lane for each branch, as `git log --graph` has it. */
import type { GraphReport } from "../../finding.ts";
import { count } from "../../text.ts";
import { oneLine } from "../escape.ts";
import { cropped } from "../rows.ts";
import { shorten } from "../view.ts";
import { element, join, type Html } from "./html.ts";

type Node = GraphReport["nodes"][number];

const ROW = 46;
const LANE = 26;
const LEFT = 20;
const TOP = 24;
const WIDTH = 680;

/** Pixels of a character of the labels, near enough. */
const CHARACTER = 7.6;

interface Placed {
  node: Node;
  row: number;
  lane: number;
}

/** From a revision to one of its parents, down a lane of its own. */
interface Edge {
  from: Placed;
  /** Undefined: to what is not drawn. */
  to?: Placed;
  lane: number;
}

/** The revisions, children before their parents, heads first; those of a circle last, in the order given. */
export function newestFirst(nodes: readonly Node[]): Node[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const children = new Map(nodes.map(({ id }) => [id, 0]));
  for (const { parents } of byId.values())
    for (const parent of new Set(parents)) children.set(parent, (children.get(parent) ?? 0) + 1);
  // What nothing builds on here and is no head is of an earlier time.
  const free = [...byId.values()].filter(({ id }) => children.get(id) === 0).sort((a, b) => Number(b.head) - Number(a.head));
  const ordered: Node[] = [];
  for (let node = free.shift(); node; node = free.shift()) {
    ordered.push(node);
    const ready = [...new Set(node.parents)].flatMap((parent) => {
      const left = children.get(parent)! - 1;
      children.set(parent, left);
      const found = byId.get(parent);
      return left === 0 && found ? [found] : [];
    });
    free.unshift(...ready);
  }
  const placed = new Set(ordered.map(({ id }) => id));
  return [...ordered, ...[...byId.values()].filter(({ id }) => !placed.has(id))];
}

/** Puts every revision into a row and a lane, and every edge into a lane. */
export function layOut(nodes: readonly Node[]): { placed: Placed[]; edges: Edge[]; lanes: number } {
  /** Which revision each lane leads to. */
  const lanes: (string | undefined)[] = [];
  const placed = new Map<string, Placed>();
  const waiting: { from: Placed; parent: string; lane: number }[] = [];
  const free = () => {
    const found = lanes.indexOf(undefined);
    return found === -1 ? lanes.length : found;
  };
  let widest = 0;
  newestFirst(nodes).forEach((node, row) => {
    const reserved = lanes.indexOf(node.id);
    const lane = reserved === -1 ? free() : reserved;
    const here = { node, row, lane };
    placed.set(node.id, here);
    lanes.forEach((wanted, index) => {
      if (wanted === node.id) lanes[index] = undefined;
    });
    [...new Set(node.parents)].forEach((parent, index) => {
      const leading = lanes.indexOf(parent);
      const own = index === 0 ? lane : leading === -1 ? free() : leading;
      lanes[own] = parent;
      waiting.push({ from: here, parent, lane: own });
    });
    widest = Math.max(widest, lanes.length, lane + 1);
  });
  const edges = waiting.map(({ from, parent, lane }): Edge => {
    const to = placed.get(parent);
    return { from, lane, ...(to && { to }) };
  });
  return { placed: [...placed.values()], edges, lanes: widest };
}

const x = (lane: number) => LEFT + lane * LANE;
const y = (row: number) => TOP + row * ROW;

function path({ from, to, lane }: Edge): string {
  const bend = (fromLane: number, top: number, toLane: number, bottom: number) => {
    const middle = (top + bottom) / 2;
    return fromLane === toLane ? `V${bottom}` : `C${x(fromLane)} ${middle} ${x(toLane)} ${middle} ${x(toLane)} ${bottom}`;
  };
  const start = y(from.row);
  if (!to) return `M${x(from.lane)} ${start}${bend(from.lane, start, lane, start + ROW * 0.7)}`;
  const end = y(to.row);
  // A circle's edge leads upwards: it is drawn beside the others.
  if (end <= start) return `M${x(from.lane)} ${start}C${x(lane) + 60} ${start} ${x(to.lane) + 60} ${end} ${x(to.lane)} ${end}`;
  if (to.row === from.row + 1) return `M${x(from.lane)} ${start}${bend(from.lane, start, to.lane, end)}`;
  const turn = start + ROW;
  const last = end - ROW;
  return `M${x(from.lane)} ${start}${bend(from.lane, start, lane, turn)}V${Math.max(turn, last)}${bend(lane, last, to.lane, end)}`;
}

/** What is said of a revision below its name. */
const noteOf = ({ id, label, state, head }: Node, faults: readonly string[]): string =>
  [
    label.includes(id) ? "" : cropped(oneLine(id), 34),
    state === "base" ? "" : state,
    head ? "head" : "",
    ...(faults.length > 0 ? [`✗ ${faults.join(", ")}`] : []),
  ]
    .filter(Boolean)
    .join(" · ");

/**
 * The picture, with its text for those who cannot see it.
 *
 * @param faults the rules that block, by revision
 */
export function graphPicture(graph: GraphReport, faults: ReadonlyMap<string, readonly string[]>, title: string): Html {
  const { placed, edges, lanes } = layOut(graph.nodes);
  const labels = LEFT + lanes * LANE + 4;
  const shown = Math.max(12, Math.floor((WIDTH - labels) / CHARACTER));
  const rest = graph.omitted > 0 ? 1 : 0;
  const height = y(placed.length - 1 + rest) + TOP;
  const stubs = placed.filter(({ node }) => node.earlier).map((from): Edge => ({ from, lane: from.lane }));
  const drawn = [
    ...edges.map((edge) => element("path", { class: edge.to ? "edge" : "edge earlier", d: path(edge) })),
    ...stubs.map((edge) => element("path", { class: "edge earlier", d: path(edge) })),
    ...placed.map(({ node, row, lane }) => {
      const wrong = faults.get(node.id) ?? [];
      const name = cropped(oneLine(node.label) || oneLine(node.id), shown);
      return element(
        "g",
        { class: `node ${node.state}` },
        wrong.length > 0 && element("circle", { class: "wrong", cx: x(lane), cy: y(row), r: 12 }),
        element("circle", { class: "dot", cx: x(lane), cy: y(row), r: node.head ? 8 : 6 }),
        node.head && element("circle", { class: "core", cx: x(lane), cy: y(row), r: 3 }),
        element("text", { class: "name", x: labels, y: y(row) - 2 }, name),
        element(
          "text",
          { class: wrong.length > 0 ? "note bad" : "note", x: labels, y: y(row) + 14 },
          cropped(noteOf(node, wrong), shown),
        ),
      );
    }),
    rest > 0 &&
      element("text", { class: "note", x: labels, y: y(placed.length) + 5 }, `… ${count(graph.omitted, "further revision")}`),
  ];
  return element(
    "svg",
    { class: "graph", viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height, role: "img", "aria-label": title },
    join(...drawn),
  );
}

/** The same as a list, for screen readers. */
export function graphList({ nodes, omitted }: GraphReport, faults: ReadonlyMap<string, readonly string[]>): Html {
  const items = newestFirst(nodes).map((node) => {
    const parents = node.parents.length === 0 ? "" : `, after ${node.parents.map((parent) => shorten(parent, 60)).join(" and ")}`;
    const name = node.label.includes(node.id) ? "" : `${shorten(node.label, 200)}: `;
    return element("li", {}, `${name}${noteOf(node, faults.get(node.id) ?? []) || shorten(node.id, 60)}${parents}`);
  });
  return element("ol", {}, ...items, omitted > 0 && element("li", {}, `${count(omitted, "further revision")} not drawn`));
}
