/** Makes the definitions of two views equal that differ in the order of their columns alone. */

interface Token {
  /** As written; keywords too, which Postgres prints in capitals. */
  text: string;
  /** White space before it. */
  space: string;
}

const pattern = /(\s*)("(?:[^"]|"")*"|E?'(?:[^']|'')*'|[\p{L}_][\p{L}\p{N}_$]*|[0-9][\w.]*|::|[^\s\p{L}\p{N}_])/gu;

/** Set operations and what may follow the list of a SELECT. */
const setOperations = new Set(["UNION", "INTERSECT", "EXCEPT"]);
const ends = new Set([
  ...setOperations,
  "FROM",
  "WHERE",
  "GROUP",
  "HAVING",
  "WINDOW",
  "ORDER",
  "LIMIT",
  "OFFSET",
  "FETCH",
  "FOR",
  ";",
  ")",
]);

/** Before a parenthesis: what is in it is a table of named columns, whose order nobody sees. */
const beforeTable = new Set(["FROM", "JOIN", "LATERAL", ",", "AS", "MATERIALIZED", "EXISTS", "("]);

interface Item {
  from: number;
  to: number;
}

/**
 * Sorts the lists of columns in a definition that `pg_get_viewdef` printed: `SELECT *` stands there in the order that the
 * table's columns had. The branches of a UNION are permuted together. A list whose order has a meaning is left alone.
 */
export function sortTargets(definition: string): string {
  const tokens: Token[] = [];
  for (const [, space, word] of definition.matchAll(pattern)) tokens.push({ space: space!, text: word! });
  const closing = pairs(tokens);
  if (!closing) return definition.trim();
  /** Where an item stands now: index of the old item's first token → the item to write there. */
  const instead = new Map<number, Item>();

  /** Reads the lists of one query, and sorts them if `sort`; ends after its last token. */
  const query = (from: number, to: number, sort: boolean) => {
    const lists: Item[][] = [];
    let positions = false;
    let operations = 0;
    /** `branches`: parentheses in it may hold a branch of the query itself. */
    const level = (from: number, to: number, branches: boolean) => {
      for (let at = from; at < to; at++) {
        const { text } = tokens[at]!;
        if (setOperations.has(text)) operations++;
        if (text === "SELECT") {
          const [items, next] = list(at + 1, to);
          lists.push(items);
          for (const item of items) level(item.from, item.to, false);
          at = next - 1;
        } else if (text === "(") {
          const close = closing.get(at)!;
          const before = tokens[at - 1]?.text;
          const first = tokens[at + 1]?.text;
          const follows =
            at === from || setOperations.has(before!) || (before === "ALL" && setOperations.has(tokens[at - 2]?.text ?? ""));
          if (branches && follows && (first === "SELECT" || first === "(")) level(at + 1, close, true);
          else if (first === "SELECT" || first === "WITH" || (first === "(" && beforeTable.has(before!))) {
            query(at + 1, close, beforeTable.has(before!) && !renames(tokens, close, closing) && !namesColumns(tokens, at));
          } else {
            if (before === "USING") names(at + 1, close);
            level(at + 1, close, false);
          }
          at = close;
        } else if (text === "BY" && tokens[at - 1]?.text === "ORDER" && /^\d+$/.test(tokens[at + 1]?.text ?? ""))
          positions = true;
      }
    };
    level(from, to, true);
    const [first] = lists;
    if (!sort || !first || lists.length !== operations + 1 || lists.some((items) => items.length !== first.length)) return;
    if ((operations > 0 && positions) || lists.flat().some(({ from, to }) => from === to)) return;
    const text = ({ from, to }: Item) => words(tokens, from, to);
    const order = first.map((_, index) => index).sort((a, b) => compare(text(first[a]!), text(first[b]!)) || a - b);
    for (const items of lists) order.forEach((index, place) => instead.set(items[place]!.from, items[index]!));
  };

  /** The items of a list that begins after SELECT, and where it ends. */
  const list = (from: number, to: number): [Item[], number] => {
    let at = from;
    if (tokens[at]?.text === "DISTINCT") {
      at++;
      if (tokens[at]?.text === "ON") at = closing.get(at + 1)! + 1;
    } else if (tokens[at]?.text === "ALL") at++;
    const items: Item[] = [];
    let start = at;
    for (; at < to; at++) {
      const { text } = tokens[at]!;
      if (text === "(") at = closing.get(at)!;
      else if (text === ",") {
        items.push({ from: start, to: at });
        start = at + 1;
      } else if (ends.has(text) && !(text === "FROM" && tokens[at - 1]?.text === "DISTINCT")) break;
    }
    if (at > start) items.push({ from: start, to: at });
    return [items, at];
  };

  /** Columns of USING: the order is that of the left table's columns where the join is a natural one. */
  const names = (from: number, to: number) => {
    const columns: Item[] = [];
    for (let at = from; at < to; at += 2) columns.push({ from: at, to: at + 1 });
    if (
      tokens
        .slice(from, to)
        .some(({ text }, index) => (index % 2 === 1 ? text !== "," : !/^[\p{L}_"]/u.test(text) || ends.has(text)))
    )
      return;
    const sorted = [...columns].sort((a, b) => compare(tokens[a.from]!.text, tokens[b.from]!.text));
    columns.forEach((column, index) => instead.set(column.from, sorted[index]!));
  };

  query(0, tokens.length, true);

  const write = (from: number, to: number, moved: number): string => {
    let written = "";
    for (let at = from; at < to; at++) {
      const item = at === moved ? undefined : instead.get(at);
      if (item) {
        written += tokens[at]!.space + write(item.from, item.to, item.from).trimStart();
        at = lengths.get(at)! - 1;
      } else written += tokens[at]!.space + tokens[at]!.text;
    }
    return written;
  };
  // Every item that is written over is itself an item of the same list: its end is known.
  const lengths = new Map([...instead.values()].map(({ from, to }) => [from, to]));
  return write(0, tokens.length, -1).trim();
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const words = (tokens: readonly Token[], from: number, to: number): string =>
  tokens
    .slice(from, to)
    .map(({ text }) => text)
    .join(" ");

/** Index of each opening parenthesis → that of its closing one; nothing where they do not match. */
function pairs(tokens: readonly Token[]): Map<number, number> | undefined {
  const closing = new Map<number, number>();
  const open: number[] = [];
  for (const [index, { text }] of tokens.entries()) {
    if (text === "(") open.push(index);
    else if (text === ")") {
      const from = open.pop();
      if (from === undefined) return undefined;
      closing.set(from, index);
    }
  }
  return open.length === 0 ? closing : undefined;
}

/** `( SELECT … ) alias(a, b)`: columns are named by their position. */
function renames(tokens: readonly Token[], close: number, closing: Map<number, number>): boolean {
  const alias = tokens[close + 1]?.text === "AS" ? close + 2 : close + 1;
  return (
    closing.has(alias + 1) &&
    /^[\p{L}_"]/u.test(tokens[alias]?.text ?? "") &&
    !ends.has(tokens[alias]!.text) &&
    tokens[alias + 1]?.space === ""
  );
}

/** `WITH name(a, b) AS (`: the same. */
function namesColumns(tokens: readonly Token[], open: number): boolean {
  let at = open - 1;
  while (["MATERIALIZED", "NOT"].includes(tokens[at]?.text ?? "")) at--;
  return tokens[at]?.text === "AS" && tokens[at - 1]?.text === ")";
}
