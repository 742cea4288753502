// Draws the README's pictures: the annotation, the comment and the summary as GitHub shows them, the graph and the itinerary of the page,
// the page, and a picture of the page from a real browser, where there is one.
//   npm run pictures                          from docs/demo.json, which is what the demo reported
//   npm run pictures -- --record              runs the demo first, and keeps its report
//   node scripts/pictures.js report.json [--source FOLDER] [--output docs/images] [--file PATH]
// --source: the head tree, for the code around the annotation. --file: which finding's file to show; else that of the worst.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { crc32 } from "node:zlib";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
if (!process.versions.node.startsWith("24.")) {
  const node24 = path.join(root, "node_modules", "node", "bin", "node");
  process.exit(spawnSync(node24, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1);
}
const { annotations } = await import("../src/report/annotations.ts");
const { CATALOGUE } = await import("../src/catalogue.ts");
const { visible } = await import("../src/report/escape.ts");
const { json } = await import("../src/report/json.ts");
const { page, pagePictures } = await import("../src/report/page/page.ts");
const { commentDocument } = await import("../src/report/comment.ts");
const { document } = await import("../src/report/summary.ts");
const { nodeLines } = await import("../src/report/view.ts");
const { findChromium, startChromium } = await import("../tests/support/chromium.ts");
const { readStepOutput } = await import("../tests/support/runner.ts");

const WIDTH = 1000;
const PAGE_WIDTH = 900;
const MARGIN = 24;
const SANS = "-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";
const MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const INK = "#1f2328";
const GREY = "#59636e";
const LINK = "#0969da";
const LINE = "#d1d9e0";

const RED = "#cf222e";
const AMBER = "#bf8700";
const GREEN = "#1a7f37";

/** Icons in a square of sixteen pixels, so that no font decides how they look. */
const cross = `<path d="M3.5 3.5l9 9m0 -9l-9 9" stroke="${RED}" stroke-width="3" stroke-linecap="round"/>`;
const ICONS = {
  passed: `<rect x="1" y="1" width="14" height="14" rx="3" fill="${GREEN}"/><path d="M4.5 8.5l2.5 2.5l4.5 -5.5" fill="none" stroke="#fff" stroke-width="1.8"/>`,
  failed: cross,
  error: cross,
  broken: `<path d="M5 1h6l4 4v6l-4 4h-6l-4 -4v-6z" fill="${RED}"/>`,
  warning: `<path d="M8 1.2l7.4 13.3h-14.8z" fill="${AMBER}" stroke="${AMBER}" stroke-linejoin="round"/><path d="M8 5.6v4.4m0 1.3v1.6" stroke="#fff" stroke-width="1.7"/>`,
  notice: `<rect x="1" y="1" width="14" height="14" rx="3" fill="${LINK}"/><path d="M8 3.4v1.8m0 1.6v5.8" stroke="#fff" stroke-width="1.8"/>`,
  ignored: `<circle cx="8" cy="8" r="6.2" fill="none" stroke="${GREY}" stroke-width="1.6"/><path d="M3.6 3.6l8.8 8.8" stroke="${GREY}" stroke-width="1.6"/>`,
  skipped: `<path d="M3 8h10" stroke="${GREY}" stroke-width="2"/>`,
};

/** Widths of Helvetica's characters from space to tilde, in thousandths of its size. */
const HELVETICA =
  "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584"
    .split(" ")
    .map(Number);

const escaped = (text) => visible(text).replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);

/** Pixels that a text takes, near enough: each run is drawn at exactly this width, whatever the font at hand. */
function measure(text, { size = 14, mono = false, bold = false }) {
  let sum = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    sum += mono ? 602 : (HELVETICA[code - 32] ?? (code > 0x2e80 ? 1250 : 600)) * (bold ? 1.06 : 1);
  }
  return (sum * size) / 1000;
}

function drawText(x, y, text, style) {
  const { size = 14, mono = false, bold = false, fill = INK } = style;
  if (text.trim() === "") return "";
  const length = ` textLength="${measure(text, style).toFixed(1)}" lengthAdjust="spacingAndGlyphs"`;
  const font = `font-family="${mono ? MONO : SANS}" font-size="${size}"${bold ? ' font-weight="600"' : ""}`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${font} fill="${fill}" xml:space="preserve"${length}>${escaped(text)}</text>`;
}

const rectangle = (x, y, width, height, { fill = "none", stroke = "none", radius = 0, more = "" } = {}) =>
  `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" rx="${radius}" fill="${fill}" stroke="${stroke}"${more}/>`;

/** The parts of a line as pieces of text with a style. */
function piecesOf(line, style = {}) {
  return line.flatMap((part) => {
    if ("icon" in part) return [{ text: "", style: { ...style, icon: part.icon } }];
    if ("text" in part) return [{ text: part.text.replace(/\s+/g, " "), style }];
    if ("code" in part)
      return [{ text: part.code, style: { ...style, mono: true, size: (style.size ?? 14) * 0.86, pill: true } }];
    if ("block" in part) return [{ text: part.block, style: { ...style, mono: true, pill: true } }];
    if ("strong" in part) return piecesOf(part.strong, { ...style, bold: true });
    return piecesOf(part.of, { ...style, fill: LINK });
  });
}

/** Pieces broken into rows of at most `width` pixels; code without spaces is broken anywhere. */
function wrap(pieces, width) {
  const rows = [[]];
  let used = 0;
  const add = (text, style) => {
    const last = rows.at(-1).at(-1);
    if (last && last.style === style) last.text += text;
    else rows.at(-1).push({ text, style });
    used += measure(text, style) + (style.pill && last?.style !== style ? 8 : 0);
  };
  for (const { text, style } of pieces) {
    if (style.icon) {
      rows.at(-1).push({ text, style });
      used += iconWidth(style);
    }
    for (let word of text.split(/(?<= )/)) {
      if (used + measure(word.trimEnd(), style) > width && used > 0) {
        rows.push([]);
        used = 0;
      }
      while (measure(word.trimEnd(), style) > width - 8) {
        const most = Math.max(1, Math.floor(((width - 8) * word.length) / measure(word, style)));
        add(word.slice(0, most), style);
        rows.push([]);
        used = 0;
        word = word.slice(most);
      }
      add(word, style);
    }
  }
  return rows.map((row) => row.filter(({ text, style }) => text !== "" || style.icon));
}

/** Draws rows of pieces. @returns the drawing and its height */
function drawRows(rows, x, y, { leading = 21, size = 14 } = {}) {
  let svg = "";
  rows.forEach((row, index) => {
    const baseline = y + index * leading + leading * 0.7;
    let at = x;
    for (const { text, style } of row) {
      const own = { size, ...style };
      const wide = measure(text.trimEnd(), own);
      if (style.icon) {
        const scale = own.size / 15;
        svg += `<g transform="translate(${at.toFixed(1)} ${(baseline - own.size * 0.88).toFixed(1)}) scale(${scale.toFixed(2)})">${ICONS[style.icon]}</g>`;
        at += iconWidth(own);
      } else if (style.pill) {
        svg += rectangle(at, baseline - own.size * 1.1, wide + 8, own.size * 1.55, { fill: "#818b981f", radius: 4 });
        svg += drawText(at + 4, baseline, text.trimEnd(), own);
        at += measure(text, own) + 8;
      } else {
        svg += drawText(at, baseline, text, own);
        at += measure(text, own);
      }
    }
  });
  return { svg, height: rows.length * leading };
}

const iconWidth = ({ size = 14 }) => size * 1.15;

/** Widest row in pixels. */
const widthOf = (rows, size = 14) =>
  Math.max(
    0,
    ...rows.map((row) =>
      row.reduce(
        (sum, { text, style }) =>
          sum + measure(text, { size, ...style }) + (style.pill ? 8 : 0) + (style.icon ? iconWidth(style) : 0),
        0,
      ),
    ),
  );

/** Draws one block of the summary at y. @returns the drawing and the height with the space below */
function drawBlock(block, y, state) {
  const width = WIDTH - 2 * MARGIN;
  const paragraph = (line, style, options, below) => {
    const { svg, height } = drawRows(wrap(piecesOf(line, style), width), MARGIN, y, options);
    return { svg, height: height + below };
  };
  if ("heading" in block) {
    const size = block.level === 2 ? 21 : 17;
    const drawn = paragraph(block.heading, { size, bold: true }, { leading: size * 1.35, size }, 16);
    if (block.level === 2) drawn.svg += rectangle(MARGIN, y + drawn.height - 10, width, 1, { fill: LINE });
    return block.level === 2 ? { ...drawn, height: drawn.height + 8 } : drawn;
  }
  if ("paragraph" in block) return paragraph(block.paragraph, {}, {}, 12);
  if ("small" in block) return paragraph(block.small, { size: 11 }, { leading: 17, size: 11 }, 10);
  if ("items" in block) {
    let height = 0;
    let svg = "";
    for (const item of block.items) {
      const drawn = drawRows(wrap(piecesOf(item), width - 24), MARGIN + 24, y + height);
      svg += `<circle cx="${MARGIN + 12}" cy="${(y + height + 10.5).toFixed(1)}" r="2.5" fill="${INK}"/>${drawn.svg}`;
      height += drawn.height + 3;
    }
    return { svg, height: height + 10 };
  }
  if ("rows" in block) return drawTable(block, y, width);
  if ("graph" in block) return drawGraph(block.graph, y, width);
  if ("details" in block) return drawDetails(block, y, width, state);
  return drawCode(block.code, y, width);
}

function drawTable({ head, rows }, y, width) {
  const cells = [head.map((cell) => piecesOf(cell, { bold: true })), ...rows.map((row) => row.map((cell) => piecesOf(cell)))];
  const natural = head.map((_, column) => Math.max(...cells.map((row) => widthOf([row[column]]))) + 27);
  const narrow = natural.slice(0, -1).map((wanted) => Math.min(wanted, width * 0.36));
  const columns = [...narrow, width - narrow.reduce((sum, one) => sum + one, 0)];
  let svg = "";
  let at = y;
  cells.forEach((row, index) => {
    const wrapped = row.map((cell, column) => wrap(cell, columns[column] - 26));
    const height = Math.max(...wrapped.map((lines) => lines.length)) * 20 + 12;
    let x = MARGIN;
    wrapped.forEach((lines, column) => {
      svg += rectangle(x, at, columns[column], height, {
        fill: index > 0 && index % 2 === 0 ? "#f6f8fa" : "#ffffff",
        stroke: LINE,
      });
      const indent = index === 0 ? (columns[column] - widthOf(lines)) / 2 : 13;
      svg += drawRows(lines, x + indent, at + 6 + (height - 12 - lines.length * 20) / 2, { leading: 20 }).svg;
      x += columns[column];
    });
    at += height;
  });
  return { svg, height: at - y + 16 };
}

function drawCode(code, y, width) {
  const style = { mono: true, size: 12 };
  const lines = code
    .replace(/^\n+|\s+$/g, "")
    .split("\n")
    .flatMap((line) => wrap([{ text: line.replaceAll("\t", "    "), style }], width - 32));
  const height = lines.length * 17 + 28;
  const svg =
    rectangle(MARGIN, y, width, height, { fill: "#f6f8fa", radius: 6 }) +
    drawRows(lines, MARGIN + 16, y + 14, { leading: 17 }).svg;
  return { svg, height: height + 14 };
}

/** A click's content is shown for the first open one only: a picture is no page. */
function drawDetails({ title, details, open }, y, width, state) {
  const shown = open && !state.opened;
  state.opened ||= shown;
  const arrow = shown ? `M${MARGIN} ${y + 7}h10l-5 8z` : `M${MARGIN + 1} ${y + 6}v10l8-5z`;
  const head = drawRows(wrap(piecesOf(title), width - 16), MARGIN + 16, y);
  let svg = `<path d="${arrow}" fill="${INK}"/>${head.svg}`;
  let height = head.height + 8;
  for (const block of shown ? details : []) {
    const drawn = drawBlock(block, y + height, state);
    svg += drawn.svg;
    height += drawn.height;
  }
  return { svg, height: height + 4 };
}

const NODES = {
  base: { fill: "#f6f8fa", stroke: "#8c959f" },
  new: { fill: "#dafbe1", stroke: "#1a7f37" },
  edited: { fill: "#fff8c5", stroke: "#9a6700" },
  deleted: { fill: "#ffebe9", stroke: "#cf222e" },
};

const widthOfNode = (node) => Math.max(...nodeLines(node).map((label) => measure(label, { size: 12.5 }))) + 28;

/** The history from left to right: each revision one column behind its last parent. */
function drawGraph({ nodes, omitted }, y, width) {
  const depth = new Map();
  const known = new Set(nodes.map(({ id }) => id));
  const depthOf = (node) => {
    if (!depth.has(node.id)) {
      depth.set(node.id, 0);
      const parents = nodes.filter(({ id }) => node.parents.includes(id));
      depth.set(node.id, parents.length > 0 ? Math.max(...parents.map(depthOf)) + 1 : 0);
    }
    return depth.get(node.id);
  };
  const columns = [];
  for (const node of nodes) (columns[depthOf(node)] ??= []).push(node);
  const natural = columns.map((column) => Math.max(...column.map(widthOfNode)));
  const scale = Math.min(1, (width - 60) / (natural.reduce((sum, one) => sum + one, 0) + 50 * columns.length));
  const tall = Math.max(...columns.map((column) => column.length)) * 76 + 14;
  const place = new Map();
  let x = 40;
  columns.forEach((column, index) => {
    column.forEach((node, row) =>
      place.set(node.id, {
        x: x + (natural[index] - widthOfNode(node)) / 2,
        y: tall / 2 + (row - (column.length - 1) / 2) * 76,
        width: widthOfNode(node),
      }),
    );
    x += natural[index] + 50;
  });
  let edges = "";
  let boxes = "";
  for (const node of nodes) {
    const to = place.get(node.id);
    for (const parent of node.parents) {
      const from = place.get(parent);
      const [startX, startY] = from ? [from.x + from.width, from.y] : [to.x - 36, to.y];
      const middle = (startX + to.x) / 2;
      const dashes = known.has(parent) ? "" : ' stroke-dasharray="3 3"';
      edges += `<path d="M${startX.toFixed(1)} ${startY.toFixed(1)}C${middle.toFixed(1)} ${startY.toFixed(1)} ${middle.toFixed(1)} ${to.y.toFixed(1)} ${(to.x - 7).toFixed(1)} ${to.y.toFixed(1)}" fill="none" stroke="${GREY}"${dashes}/>`;
      edges += `<path d="M${to.x.toFixed(1)} ${to.y.toFixed(1)}l-8 -4v8z" fill="${GREY}"/>`;
    }
    const lines = nodeLines(node);
    const height = lines.length * 17 + 14;
    const more = `${node.state === "deleted" ? ' stroke-dasharray="4 3"' : ""}${node.state === "base" ? "" : ' stroke-width="2"'}`;
    boxes += rectangle(to.x, to.y - height / 2, to.width, height, {
      ...NODES[node.state],
      radius: node.head ? height / 2 : 3,
      more,
    });
    lines.forEach((label, index) => {
      boxes += drawText(to.x + (to.width - measure(label, { size: 12.5 })) / 2, to.y - height / 2 + 20 + index * 17, label, {
        size: 12.5,
      });
    });
  }
  const height = tall * scale;
  const svg =
    rectangle(MARGIN, y, width, height, { fill: "#f6f8fa", radius: 6 }) +
    `<g transform="translate(${MARGIN} ${y.toFixed(1)}) scale(${scale.toFixed(3)})">${edges}${boxes}</g>`;
  const rest =
    omitted > 0 ? drawText(MARGIN, y + height + 18, `${omitted} further revisions not drawn`, { size: 11, fill: GREY }) : "";
  return { svg: svg + rest, height: height + (rest ? 32 : 16) };
}

const picture = (height, content, title) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${Math.ceil(height)}" viewBox="0 0 ${WIDTH} ${Math.ceil(height)}" role="img" aria-label="${escaped(title)}">\n` +
  `${rectangle(0.5, 0.5, WIDTH - 1, Math.ceil(height) - 1, { fill: "#ffffff", stroke: LINE, radius: 8 })}\n${content.replaceAll("/><", "/>\n<").replaceAll("</text><", "</text>\n<")}\n</svg>\n`;

function summaryPicture(report) {
  const state = { opened: false };
  let y = MARGIN;
  let svg = "";
  for (const block of document(report, { rules: "rules", source: "source" })) {
    const drawn = drawBlock(block, y, state);
    svg += drawn.svg;
    y += drawn.height;
  }
  return picture(y + 6, svg, "The job's summary");
}

/** The comment as it stands on a pull request, with whose it is above it. */
function commentPicture(report) {
  const owner = { workflow: "", job: "", environment: "" };
  const links = { rules: "rules", source: "source", page: "page", commit: report.environments[0]?.base?.commit };
  const state = { opened: false };
  let svg = rectangle(0.5, 0.5, WIDTH - 1, 43, { fill: "#f6f8fa", stroke: LINE, radius: 8 });
  svg += rectangle(0.5, 36, WIDTH - 1, 8, { fill: "#f6f8fa" }) + rectangle(0, 43, WIDTH, 1, { fill: LINE });
  svg += drawText(MARGIN, 27, "github-actions", { size: 13.5, bold: true });
  svg +=
    rectangle(MARGIN + 106, 14, 32, 18, { stroke: LINE, radius: 9 }) +
    drawText(MARGIN + 114, 27, "bot", { size: 11.5, fill: GREY });
  svg += drawText(MARGIN + 146, 27, "commented", { size: 13.5, fill: GREY });
  let y = 44 + MARGIN - 6;
  for (const block of commentDocument(report, { owner, run: { id: 1, attempt: 1 }, ...links })) {
    const drawn = drawBlock(block, y, state);
    svg += drawn.svg;
    y += drawn.height;
  }
  return picture(y + 6, svg, "The comment on the pull request");
}

const FAILURE = { error: ["Check failure", RED], warning: ["Check warning", AMBER], notice: ["Check notice", LINK] };

/** The changed file with the lines before the place, the annotation below them, and what follows. */
function annotationPicture(report, { source, file }) {
  const all = readStepOutput(annotations(report).join("\n"), "/").annotations.filter(
    (one) => one.file !== undefined && one.line !== undefined,
  );
  const shown = file === undefined ? all[0] : all.find((one) => one.file === file);
  if (!shown) {
    console.error(`The report has no annotation with a place${file === undefined ? "" : ` in ${file}`}.`);
    process.exit(1);
  }
  const added = new Set(report.environments.flatMap(({ revisions }) => revisions.added));
  const finding = report.environments
    .flatMap(({ findings }) => findings)
    .find((one) => one.file === shown.file && one.line === shown.line);
  const isNew = added.has(finding?.revision);
  const lines = source === undefined ? [] : readFileSync(path.join(source, shown.file), "utf8").trimEnd().split("\n");
  const last = shown.endLine ?? shown.line;
  let svg = rectangle(0.5, 0.5, WIDTH - 1, 43, { fill: "#f6f8fa", stroke: LINE, radius: 8 });
  svg += rectangle(0.5, 36, WIDTH - 1, 8, { fill: "#f6f8fa" }) + rectangle(0, 43, WIDTH, 1, { fill: LINE });
  svg += drawText(MARGIN, 27, shown.file, { mono: true, size: 12.5, bold: true });
  let y = 44;
  const row = (number) => {
    const code = lines[number - 1];
    if (code === undefined) return;
    svg +=
      rectangle(1, y, 56, 22, { fill: isNew ? "#aceebb" : "#ffffff" }) +
      rectangle(57, y, WIDTH - 58, 22, { fill: isNew ? "#dafbe1" : "#ffffff" });
    svg += drawText(48 - measure(String(number), { mono: true, size: 12 }), y + 15, String(number), {
      mono: true,
      size: 12,
      fill: GREY,
    });
    if (isNew) svg += drawText(64, y + 15, "+", { mono: true, size: 12 });
    const [visibleCode] = wrap([{ text: code.replaceAll("\t", "    "), style: { mono: true, size: 12 } }], WIDTH - 100);
    svg += drawRows([visibleCode], 80, y, { leading: 22 }).svg;
    y += 22;
  };
  for (let number = Math.max(1, shown.line - 5); number <= last; number++) row(number);
  const [kind, colour] = FAILURE[shown.level];
  const text = shown.message.split("\n").flatMap((line) => wrap([{ text: line, style: { mono: true, size: 12 } }], WIDTH - 150));
  const height = 88 + text.length * 17;
  const top = y + 10;
  svg += rectangle(1, y, WIDTH - 2, height + 20, { fill: "#f6f8fa" });
  svg += rectangle(16, top, WIDTH - 32, height, { fill: "#ffffff", stroke: LINE, radius: 6 });
  svg += `<path d="M22 ${top}h-0a6 6 0 0 0 -6 6v${height - 12}a6 6 0 0 0 6 6z" fill="${colour}"/>`;
  svg += `<circle cx="46" cy="${top + 24}" r="8" fill="none" stroke="${colour}" stroke-width="1.6"/>`;
  svg +=
    shown.level === "error"
      ? `<path d="M43 ${top + 21}l6 6m0 -6l-6 6" stroke="${colour}" stroke-width="1.6"/>`
      : `<path d="M46 ${top + 20}v5m0 2v1.5" stroke="${colour}" stroke-width="1.6"/>`;
  const where = last > shown.line ? `lines ${shown.line} to ${last}` : `line ${shown.line}`;
  svg += drawText(64, top + 28, `${kind} on ${where} in ${path.basename(shown.file)}`, { size: 13, bold: true });
  svg += drawText(64, top + 46, "GitHub Actions / migrations", { size: 11.5, fill: GREY });
  svg += drawText(64, top + 68, shown.title, { mono: true, size: 12, bold: true });
  svg += drawRows(text, 64, top + 78, { leading: 17 }).svg;
  y += height + 20;
  for (let number = last + 1; number <= last + 2; number++) row(number);
  return picture(y + 6, svg, `${kind}: ${shown.message.split("\n")[0]}`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    source: { type: "string" },
    output: { type: "string", default: path.join(root, "docs", "images") },
    file: { type: "string" },
    record: { type: "boolean", default: false },
  },
});
const given = positionals[0];
if (positionals.length > 1 || (given !== undefined && !existsSync(given))) {
  console.error(
    "Usage: node scripts/pictures.js [report.json] [--record] [--source FOLDER] [--output docs/images] [--file PATH]",
  );
  process.exit(2);
}

/** Runs the demo as GitHub's runner does, and keeps its report. */
async function record(file, repository) {
  const { pullRequestEvent, runAction } = await import("../tests/support/action.ts");
  const { makeEnvironment } = await import("./python.js");
  const inputs = { python: makeEnvironment(), postgres: "embedded", token: "" };
  const { report, stderr } = await runAction({ folder: repository.folder, inputs, event: pullRequestEvent(repository) });
  if (!report) throw new Error(`The demo reported nothing.\n${stderr}`);
  writeFileSync(file, json(report));
}

const sourceOf = (html) => createHash("sha256").update(html).digest("hex");

/** A picture of the page's upper part, with the page's digest in it: pictures of two browsers are never the same bytes. */
async function pagePicture(chromium, file, html) {
  const browser = await startChromium(chromium);
  try {
    const tab = await browser.open(file, { width: PAGE_WIDTH });
    const shown = "(document.querySelector('.finding') ?? document.body)";
    const height = await tab.evaluate(`Math.ceil(${shown}.getBoundingClientRect().bottom + 10)`);
    const png = await tab.screenshot({ width: PAGE_WIDTH, height });
    const text = Buffer.from(`tEXtSource\0${sourceOf(html)}`, "latin1");
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(text.length - 4);
    check.writeUInt32BE(crc32(text));
    // Behind the signature and the header.
    return Buffer.concat([png.subarray(0, 33), length, text, check, png.subarray(33)]);
  } finally {
    await browser.close();
  }
}

/** Draws the page's picture, unless the one that is there was made of the same page. */
async function drawPage(html, folder) {
  const file = path.join(folder, "page.png");
  if (existsSync(file) && readFileSync(file).includes(`Source\0${sourceOf(html)}`)) return;
  const chromium = findChromium();
  if (chromium === undefined) return console.error(`No Chromium was found: ${file} was not drawn.`);
  writeFileSync(file, await pagePicture(chromium, path.join(folder, "page.html"), html));
  console.log(file);
}

async function draw(report, options) {
  mkdirSync(options.output, { recursive: true });
  const { graph, itinerary } = pagePictures(report.environments[0]);
  const source = (file) =>
    options.source !== undefined && existsSync(path.join(options.source, file))
      ? readFileSync(path.join(options.source, file), "utf8")
      : undefined;
  const pictures = {
    "annotation.svg": annotationPicture(report, options),
    "comment.svg": commentPicture(report),
    "summary.svg": summaryPicture(report),
    ...(graph && { "graph.svg": graph }),
    ...(itinerary && { "itinerary.svg": itinerary }),
    "page.html": page(report, { version: "0.1.0", rules: CATALOGUE, source }),
  };
  for (const [name, content] of Object.entries(pictures)) {
    writeFileSync(path.join(options.output, name), content);
    console.log(path.join(options.output, name));
  }
  await drawPage(pictures["page.html"], path.resolve(options.output));
}

if (given !== undefined) await draw(JSON.parse(readFileSync(given, "utf8")), values);
else {
  const { loadCase } = await import("../tests/support/fixtures.ts");
  const { makeRepository } = await import("../tests/support/repository.ts");
  const file = path.join(root, "docs", "demo.json");
  const repository = await makeRepository(loadCase("demo"), { checkout: "merge" });
  try {
    if (values.record) await record(file, repository);
    await draw(JSON.parse(readFileSync(file, "utf8")), { ...values, source: repository.folder });
  } finally {
    await repository.remove();
  }
}
