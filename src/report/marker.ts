/** Hidden lines by which our own comments are found again. They stand first in a comment, where nobody else's text can come before them. */
import { toUSVString } from "node:util";

/** Whose comment it is: each workflow, job and selection of environments has its own. */
export interface Owner {
  workflow: string;
  job: string;
  /** What the job was told to check; "" for all. */
  environment: string;
}

/** What a line says beside its owner. */
export type Marks = Record<string, string>;

/** Nothing is left that could end an HTML comment or part two marks. */
const encoded = (value: string) => encodeURIComponent(toUSVString(value)).replaceAll("-", "%2D");

const ownerMarks = ({ workflow, job, environment }: Owner): Marks => ({ workflow, job, environment });

/** @param kind `comment`, `suggestion`, … */
export function marker(kind: string, owner: Owner, marks: Marks = {}): string {
  const written = Object.entries({ ...ownerMarks(owner), ...marks }).map(([name, value]) => `${name}=${encoded(value)}`);
  return `<!-- alembic-gate ${kind} ${written.join(" ")} -->`;
}

/** The marks of a comment of this kind and owner; undefined where it is another's. */
export function readMarker(body: string, kind: string, owner: Owner): Marks | undefined {
  const [first = ""] = body.split(/\r?\n/, 1);
  const match = /^<!-- alembic-gate (\w+) ([^<>]*) -->$/.exec(first.trim());
  if (match?.[1] !== kind) return undefined;
  const marks: Marks = {};
  for (const mark of match[2]!.split(" ")) {
    const [, name, value] = /^(\w+)=([\w.!~*'()%]*)$/.exec(mark) ?? [];
    if (name === undefined) return undefined;
    marks[name] = decoded(value!);
  }
  return Object.entries(ownerMarks(owner)).every(([name, value]) => marks[name] === toUSVString(value)) ? marks : undefined;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
