/** What differs between two versions of a revision's code, and need not show where both were executed on some rows. Pure. */
import { positionsIn } from "../project/python-source.ts";
import { parseModule } from "../project/python-syntax.ts";
import { tokenize, type Token } from "../project/python-tokens.ts";
import { stringValue } from "../project/python-values.ts";
import { code, text, type Text } from "../text.ts";
import { folded } from "./sql.ts";

/** One version of the code, and what it did. */
export interface Executed {
  source: string;
  /** All that it executed, parameters included. */
  statements: readonly { sql: string; parameters: readonly (readonly string[])[] }[];
  /** Lines of its functions that may run, and those that did. */
  lines: { every: ReadonlySet<number>; ran: ReadonlySet<number> };
}

/** With more tokens than this between the first and the last difference nothing is said to be the same. */
const MOST_TOKENS = 2500;

/** What decides whether something runs. */
const DECIDES = /^(?:==|!=|<|>|<=|>=|not|and|or|in|is|if|elif|while|except|continue|break)$/;
const VALUE = /^(?:True|False|None)$/;

/**
 * Why equal statements do not prove equal work: the first difference between both versions that they need not show.
 *
 * A line must have run, a text must stand in a statement; numbers and conditions show on the rows alone that happen to meet them.
 *
 * @returns undefined where nothing is hidden
 */
export function hidden(before: Executed, after: Executed): Text | undefined {
  const sides = [before, after].map((side) => ({ ...side, tokens: meaningful(side.source) }));
  const [first, second] = [sides[0]!, sides[1]!];
  const changed = differing(first.tokens, second.tokens);
  if (!changed) return text`too much of its code changed`;
  for (const [index, side] of sides.entries()) {
    const line = unrunLine(side, changed[index]!);
    if (line !== undefined)
      return text`line ${line}${index === 0 ? " of the old version" : ""} never ran on the rows that it met`;
  }
  const decisions = changed.map((tokens) => sorted(tokens.filter(({ text: word }) => DECIDES.test(word))));
  if (decisions[0] !== decisions[1]) return text`what it decides by changed, and rows that it did not meet may show it`;
  const moved = sides.map(({ tokens }, index) => new Map(changed[index]!.map((token) => [token, surroundings(tokens, token)])));
  const [ours, theirs] = moved.map((all) => new Set(all.values()));
  const alone = [...moved[0]!, ...moved[1]!].flatMap(([token, around]) =>
    ours!.has(around) && theirs!.has(around) ? [] : [token],
  );
  const settled = new Set(alone);
  for (const [index, tokens] of changed.entries()) changed[index] = tokens.filter((token) => settled.has(token));
  const values = changed.map((tokens) => tokens.filter(({ kind, text: word }) => kind === "number" || VALUE.test(word)));
  if (!isNamed(values[0]!, values[1]!, [before.source, after.source])) {
    const [value] = [...values[1]!, ...values[0]!];
    if (value) return text`the value ${code(value.text)} in its code changed, and rows that it did not meet may show it`;
  }
  for (const [index, side] of sides.entries()) {
    const said = side.statements.map(({ sql, parameters }) => `${folded(sql)}\n${parameters.flat().join("\n")}`).join("\n");
    const untold = changed[index]!.filter(({ kind }) => kind === "string").find(
      (token) => !piecesOf(token.text).every((piece) => said.includes(piece)),
    );
    if (untold) return text`${code(shortened(untold.text))} in its code changed, and no statement shows it`;
  }
  return undefined;
}

/** A token with what stands around it: what only went elsewhere takes that along. */
function surroundings(tokens: readonly Token[], token: Token): string {
  const at = tokens.indexOf(token);
  return JSON.stringify(tokens.slice(Math.max(0, at - 2), at + 2).map(keyOf));
}

const sorted = (tokens: readonly Token[]): string =>
  tokens
    .map(({ text: word }) => word)
    .sort()
    .join(" ");

const shortened = (written: string): string => {
  const line = written.replaceAll(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
};

/** A single value that became, or was, a constant of the module. */
function isNamed(before: readonly Token[], after: readonly Token[], sources: readonly string[]): boolean {
  if (before.length !== 1 || after.length !== 1 || before[0]!.text !== after[0]!.text) return before.length + after.length === 0;
  const constant = new RegExp(
    `^[A-Za-z_]\\w*(?:\\s*:[^=\\n]+)?\\s*=\\s*${before[0]!.text.replaceAll(".", "\\.")}\\s*(?:#.*)?$`,
    "m",
  );
  return sources.some((source) => constant.test(source));
}

const LAYOUT = new Set<Token["kind"]>(["newline", "indent", "dedent", "end"]);
/** Commas and parentheses come and go with the layout. */
const PUNCTUATION = /^[(),;]$/;

/** The tokens without layout and without strings that stand by themselves, as docstrings do. */
function meaningful(source: string): Token[] {
  const { tokens } = tokenize(source);
  return tokens.filter(
    ({ kind, text: word }, index) =>
      !LAYOUT.has(kind) &&
      !PUNCTUATION.test(word) &&
      !(kind === "string" && LAYOUT.has(tokens[index - 1]?.kind ?? "newline") && LAYOUT.has(tokens[index + 1]?.kind ?? "end")),
  );
}

/** Equal keys: the same token, however it is quoted. */
const keyOf = ({ kind, text: word }: Token): string => (kind === "string" ? JSON.stringify(contentOf(word)) : word);

/** The tokens of both that are not part of the longest sequence that they share. */
function differing(first: readonly Token[], second: readonly Token[]): [Token[], Token[]] | undefined {
  const keys = [first.map(keyOf), second.map(keyOf)] as const;
  let head = 0;
  while (head < Math.min(first.length, second.length) && keys[0][head] === keys[1][head]) head += 1;
  let tail = 0;
  const most = Math.min(first.length, second.length) - head;
  while (tail < most && keys[0].at(-1 - tail) === keys[1].at(-1 - tail)) tail += 1;
  const [a, b] = [keys[0].slice(head, first.length - tail), keys[1].slice(head, second.length - tail)];
  if (a.length > MOST_TOKENS || b.length > MOST_TOKENS) return undefined;
  // Length of what both share from each place on.
  const width = b.length + 1;
  const shared = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      shared[i * width + j] =
        a[i] === b[j] ? shared[(i + 1) * width + j + 1]! + 1 : Math.max(shared[(i + 1) * width + j]!, shared[i * width + j + 1]!);
  const result: [Token[], Token[]] = [[], []];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) [i, j] = [i + 1, j + 1];
    else if (j === b.length || (i < a.length && shared[(i + 1) * width + j]! >= shared[i * width + j + 1]!))
      result[0].push(first[head + i++]!);
    else result[1].push(second[head + j++]!);
  }
  return result;
}

/** The first line of a function that holds one of the tokens and did not run. */
function unrunLine({ source, lines: { every, ran } }: Executed, tokens: readonly Token[]): number | undefined {
  if (tokens.length === 0) return undefined;
  const position = positionsIn(source);
  const functions = parseModule(source).module.items.flatMap((item) =>
    item && (item.kind === "FunctionDef" || item.kind === "ClassDef")
      ? [{ start: item.start, end: item.end, from: position(item.start).line, to: position(item.end).line }]
      : [],
  );
  for (const { start } of tokens) {
    const around = functions.find((one) => one.start <= start && start < one.end);
    if (!around) continue;
    const { line } = position(start);
    const inside = [...every].filter((one) => one > around.from && one <= around.to);
    // A statement on several lines may be known by its first one alone.
    const nearest = Math.max(...inside.filter((one) => one <= line));
    const reached = nearest > 0 ? ran.has(nearest) : inside.some((one) => ran.has(one));
    if (!reached) return line;
  }
  return undefined;
}

const STRING = /^([A-Za-z]*)('''|"""|'|")([\s\S]*)\2$/;

/** What stands between the quotes, as Python reads it. */
function contentOf(written: string): string {
  const [, prefix = "", , content = written] = STRING.exec(written) ?? [];
  const value = stringValue(content, { raw: /r/i.test(prefix), bytes: false });
  return typeof value === "string" ? value : content;
}

/** What is put into a text as it is used: `{name}`, `%s`, `:name`. */
const PLACES = /\{[^{}]*\}|%\([^)]*\)[a-z]|%[a-z]|(?<![:\w]):[A-Za-z_]\w*/g;

/** The parts of a text that must be found in a statement; a text of a letter or two is found everywhere. */
function piecesOf(written: string): string[] {
  const parts = contentOf(written)
    .split(PLACES)
    .map((part) => folded(part).trim());
  const words = parts.filter((part) => /[^\s,();]/.test(part));
  return words.some((part) => part.length < 3) ? ["\0"] : words;
}
