/**
 * Which revision made, changed or dropped an object, and with which statement.
 *
 * Steps whose effect on the catalog was seen decide. Of all others there is only the text of what they executed: that is read
 * roughly, since it may be anybody's SQL, and never decides whether there is a finding, only where it is shown.
 */
import type { Related } from "../finding.ts";
import type { Difference } from "../postgres/catalog.ts";
import type { Evidence, PhaseId, Statement, Step } from "../run/evidence.ts";
import { code, text } from "../text.ts";
import { nameParts, phasesOf, unquoted } from "./observed.ts";

type Named = Pick<Difference, "kind" | "name">;
type Matches = (sql: string) => boolean;

export interface Origin {
  revision: string;
  direction: Step["direction"];
  statement?: Statement;
}

const UP: readonly PhaseId[] = ["base", "upgrade", "upgrade-again", "history-upgrade"];
const DOWN: readonly PhaseId[] = ["downgrade", "history-downgrade"];

const stepsOf = (run: Evidence, phases: readonly PhaseId[], direction: Step["direction"]): Step[] =>
  phasesOf(run, ...phases).flatMap(({ steps }) => steps.filter((step) => step.direction === direction));

/** Where an object came to be, or got its name: in an upgrade() as a rule, in a downgrade() where no upgrade() made it. */
export function creationOf(run: Evidence, object: Named): Origin | undefined {
  const up = stepsOf(run, UP, "upgrade");
  const { creates, renames, implies, mentions } = patternsOf(object);
  const seen = up.find(({ effect }) =>
    effect?.some((one) => one.change === "added" && one.kind === object.kind && one.name === object.name),
  );
  if (seen) return firstOf([seen], [creates, renames, implies, mentions]) ?? { revision: seen.revision, direction: "upgrade" };
  const unseen = up.filter(({ effect }) => effect === undefined);
  return (
    firstOf(unseen, [creates, renames]) ??
    firstOf(stepsOf(run, DOWN, "downgrade").reverse(), [creates, renames]) ??
    firstOf(unseen, [implies, mentions])
  );
}

/** Who last made an object what it is now, or dropped it: the way down before the way up. */
export function lastChangeOf(run: Evidence, object: Named): Origin | undefined {
  const { creates, renames, alters, drops } = patternsOf(object);
  const changes = either(creates, renames, alters, drops);
  const down = stepsOf(run, ["history-downgrade"], "downgrade");
  return firstOf(down.reverse(), [changes]) ?? firstOf(stepsOf(run, ["base", "upgrade"], "upgrade").reverse(), [changes]);
}

/** The statement that made an object what it was before a revision's upgrade(). */
export function definitionBefore(run: Evidence, object: Named, revision: string | undefined): Statement | undefined {
  const steps = stepsOf(run, ["base", "upgrade"], "upgrade");
  const end = steps.findIndex((step) => step.revision === revision);
  const { creates, renames, alters, implies } = patternsOf(object);
  const before = steps.slice(0, end === -1 ? undefined : end).reverse();
  return firstOf(before, [either(creates, renames, alters, implies)])?.statement;
}

/** What a revision's upgrade() did to an object: the statement that made, altered or dropped it. */
export function changeIn(run: Evidence, object: Named, revision: string): Statement | undefined {
  const steps = stepsOf(run, UP, "upgrade").filter((step) => step.revision === revision);
  const { creates, renames, alters, drops, implies, mentions } = patternsOf(object);
  return firstOf(steps, [creates, renames, alters, drops, implies, mentions])?.statement;
}

/** What a revision's downgrade() did last to an object that is there after it. */
export function restorationIn(run: Evidence, object: Named, revision: string | undefined): Statement | undefined {
  const steps = stepsOf(run, DOWN, "downgrade").filter((step) => step.revision === revision);
  const { creates, renames, alters, comments, implies } = patternsOf(object);
  const last = steps.map((step) => ({ ...step, statements: [...step.statements].reverse() }));
  return firstOf(last, [either(creates, renames, alters, comments), implies])?.statement;
}

/** The line that created an object, as a related place. */
export function createdHere(run: Evidence, object: Named): Related[] {
  const statement = creationOf(run, object)?.statement;
  if (!statement?.file) return [];
  return [{ file: statement.file, line: statement.line, message: text`${object.kind} ${code(object.name)} is created here` }];
}

/** The first step with a statement that the first pattern knows, else the second, and so on. */
function firstOf(steps: readonly Step[], patterns: readonly Matches[]): Origin | undefined {
  for (const matches of patterns) {
    for (const { revision, direction, statements } of steps) {
      const statement = statements.find(({ sql, error }) => !error && matches(sql));
      if (statement) return { revision, direction, statement };
    }
  }
  return undefined;
}

/** Words between CREATE, ALTER or DROP and a name. */
const KEYWORDS =
  "or|replace|global|local|temp|temporary|unlogged|unique|recursive|materialized|foreign|constraint|event|text|search|configuration|" +
  "dictionary|trusted|table|index|concurrently|type|domain|sequence|view|function|procedure|aggregate|extension|schema|server|collation|" +
  "statistics|publication|trigger|rule|policy|if|not|exists|only";
const KIND = `(?:(?:${KEYWORDS})\\s+)+`;
const QUALIFIER = '(?:(?:"[^"]+"|[\\w$]+)\\s*\\.\\s*)*';

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const word = (name: string): string => `(?<![\\w$])"?${escaped(name)}"?(?![\\w$])`;
const pattern = (source: string): Matches => {
  const regex = new RegExp(source, "i");
  return (sql) => regex.test(sql);
};
const never: Matches = () => false;
const either =
  (...patterns: Matches[]): Matches =>
  (sql) =>
    patterns.some((matches) => matches(sql));
const both =
  (...patterns: Matches[]): Matches =>
  (sql) =>
    patterns.every((matches) => matches(sql));

interface Patterns {
  creates: Matches;
  renames: Matches;
  alters: Matches;
  drops: Matches;
  comments: Matches;
  /** Makes it without naming it. */
  implies: Matches;
  /** Makes something, and names the object somewhere. */
  mentions: Matches;
}

function patternsOf({ kind, name }: Named): Patterns {
  const parts = nameParts(name).map(unquoted);
  const own = parts.at(-1) ?? "";
  const table = parts.length > 2 ? parts.at(-2) : undefined;
  const mentions = both(pattern("\\b(create|add|rename|alter)\\b"), pattern(word(own)));
  if (table === undefined) {
    const target = `${KIND}${QUALIFIER}${word(own)}`;
    return {
      creates: pattern(`\\bcreate\\s+${target}`),
      renames: pattern(`\\balter\\b[^;]{0,400}\\brename\\s+to\\s+${word(own)}`),
      alters: pattern(`\\balter\\s+${target}`),
      drops: pattern(`\\bdrop\\s+${target}`),
      comments: pattern(`\\bcomment\\s+on\\s+${target}`),
      implies: kind === "sequence" ? (sql) => sequencesIn(sql).includes(own) : never,
      mentions,
    };
  }
  const onTable = pattern(`\\b(?:table|on)\\s+(?:(?:if|not|exists|only)\\s+)*${QUALIFIER}${word(table)}`);
  const createsTable = pattern(`\\bcreate\\s+${KIND}${QUALIFIER}${word(table)}`);
  const dropsTable = pattern(`\\bdrop\\s+${KIND}${QUALIFIER}${word(table)}`);
  const clause = kind === "column" ? "(?:column\\s+)?(?:if\\s+(?:not\\s+)?exists\\s+)?" : `(?:${KIND})?`;
  return {
    creates: both(onTable, either(both(createsTable, pattern(word(own))), pattern(`\\b(?:add|create)\\s+${clause}${word(own)}`))),
    renames: both(onTable, pattern(`\\brename\\s+(?:column\\s+|constraint\\s+)?\\S+\\s+to\\s+${word(own)}`)),
    alters: both(onTable, pattern(`\\balter\\s+${clause}${word(own)}`)),
    drops: either(dropsTable, both(onTable, pattern(`\\bdrop\\s+${clause}${word(own)}`))),
    comments: pattern(`\\bcomment\\s+on\\s+(?:\\w+\\s+){1,2}${QUALIFIER}${word(table)}\\s*\\.\\s*${word(own)}`),
    implies: both(onTable, generated(kind, table, own)),
    mentions: both(mentions, pattern(word(table))),
  };
}

/** How a constraint is written whose name Postgres makes of the table, its columns and what it is. */
const GENERATED: Record<string, [suffix: string, written: string]> = {
  "primary key": ["pkey", "primary\\s+key"],
  "foreign key": ["fkey", "references|foreign\\s+key"],
  "unique constraint": ["key", "unique"],
  "check constraint": ["check", "check"],
  "exclusion constraint": ["excl", "exclude"],
  "not-null constraint": ["not_null", "not\\s+null"],
};

function generated(kind: string, table: string, own: string): Matches {
  const [suffix, written] = GENERATED[kind] ?? [];
  if (suffix === undefined || !own.startsWith(`${table}_`) || !new RegExp(`_${suffix}\\d*$`).test(own)) return never;
  const columns = own.slice(table.length + 1).replace(new RegExp(`_?${suffix}\\d*$`), "");
  // Of several columns the names stand apart in the statement.
  return both(pattern("\\b(?:create|add)\\b"), pattern(written!), (sql) =>
    columns.split("_").every((part) => sql.includes(part)),
  );
}

/** Sequences that a statement makes without naming them: those of serial and identity columns. */
function sequencesIn(sql: string): string[] {
  const table =
    /\b(?:create|alter)\s+(?:\w+\s+){0,3}table\s+(?:(?:if|not|exists|only)\s+)*(?:(?:"[^"]+"|[\w$]+)\s*\.\s*)*("[^"]+"|[\w$]+)/i.exec(
      sql,
    )?.[1];
  if (table === undefined) return [];
  const columns = sql.matchAll(
    /("[^"]+"|[\w$]+)\s+(?:(?:small|big)?serial\b|\w+\s+(?:not\s+null\s+)?generated\s+(?:always|by\s+default)\s+as\s+identity)/gi,
  );
  return [...columns].map(([, column]) => `${unquoted(table)}_${unquoted(column!)}_seq`);
}
