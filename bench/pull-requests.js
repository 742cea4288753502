// Clean pull requests, in memory: those of the fixtures, and generated ones in the styles that projects write revisions in.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { loadCases, root } from "../tests/support/fixtures.ts";
import { findEnvironments } from "../src/project/environment.ts";
import { treeOf } from "../tests/project/trees.ts";
import { chance } from "./random.js";

/**
 * A pull request: the files of the base branch, and what it will be once it is merged.
 *
 * @typedef {{ name: string, base: Record<string, string>, head: Record<string, string>, environment: import("../src/project/environment.ts").Environment }} PullRequest
 */

/** Text files below a folder by their paths in it. */
function filesIn(folder) {
  let names;
  try {
    names = readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch {
    return {};
  }
  return Object.fromEntries(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const place = path.join(entry.parentPath, entry.name);
        return [path.relative(folder, place), readFileSync(place, "utf8")];
      }),
  );
}

/**
 * The clean pull requests of the fixtures that have one environment of Alembic.
 *
 * @returns {Promise<PullRequest[]>}
 */
export async function cleanFixtures() {
  const found = [];
  for (const one of loadCases()) {
    if (one.verdict !== "pass" || one.findings.length > 0 || one.arguments.length > 0) continue;
    const left = { ...filesIn(path.join(root, "fixtures", "projects", one.project)), ...filesIn(path.join(one.folder, "base")) };
    const landed = filesIn(path.join(one.folder, "landed"));
    const head = { ...left, ...landed };
    for (const file of one.deleted) delete head[file];
    for (const [from, to] of Object.entries(one.renamed)) {
      for (const file of Object.keys(head)) {
        if (file !== from && !file.startsWith(`${from}/`)) continue;
        head[to + file.slice(from.length)] = head[file];
        delete head[file];
      }
    }
    Object.assign(head, filesIn(path.join(one.folder, "files")));
    // Some configure Alembic in Python, which only the gate's own settings tell.
    const environments = await findEnvironments(treeOf(head), {}).catch(() => []);
    if (environments.length !== 1 || environments[0].kind !== "alembic") continue;
    found.push({ name: one.name, base: { ...left, ...landed }, head, environment: environments[0] });
  }
  return found;
}

/** Bodies of revisions: what goes up, what goes down, and what stands above both. */
const BODIES = [
  ({ table, column }) => ({
    up: [
      `op.create_table("${table}", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("${column}", sa.String(length=80), nullable=False), sa.Column("price", sa.Numeric(10, 2), server_default="0", nullable=False), sa.UniqueConstraint("${column}", name="uq_${table}_${column}"))`,
      `op.create_index("ix_${table}_price", "${table}", ["price"], unique=False)`,
    ],
    down: [`op.drop_index("ix_${table}_price", table_name="${table}")`, `op.drop_table("${table}")`],
  }),
  ({ table, column }) => ({
    up: [`op.add_column("${table}", sa.Column("${column}", sa.Text(), nullable=True, comment="for people"))`],
    down: [`op.drop_column("${table}", "${column}")`],
  }),
  ({ table, column, number }) => ({
    up: [
      `op.alter_column("${table}", "${column}", existing_type=sa.String(length=20), type_=sa.String(length=${number}), nullable=False)`,
    ],
    down: [
      `op.alter_column("${table}", "${column}", existing_type=sa.String(length=${number}), type_=sa.String(length=20), nullable=True)`,
    ],
  }),
  ({ table, column, number }) => ({
    up: [
      `op.execute("UPDATE ${table} SET ${column} = ${column} * ${number}")`,
      `op.execute(sa.text("DELETE FROM ${table} WHERE ${column} > :most").bindparams(most=${number}))`,
    ],
    down: [`op.execute("UPDATE ${table} SET ${column} = ${column} / ${number}")`],
  }),
  ({ table, column, number }) => ({
    above: [`things = sa.table("${table}", sa.column("id", sa.Integer), sa.column("${column}", sa.String))`],
    up: [
      `op.bulk_insert(things, [{"id": ${number}, "${column}": "first"}, {"id": ${number + 1}, "${column}": "second"}])`,
      `op.execute(things.update().where(things.c.id == ${number}).values(${column}="other"))`,
    ],
    down: [`op.execute(things.delete().where(things.c.id >= ${number}))`],
  }),
  ({ table, column }) => ({
    above: [`state = sa.Enum("new", "active", "closed", name="${table}_state")`],
    up: [
      "state.create(op.get_bind(), checkfirst=False)",
      `op.add_column("${table}", sa.Column("${column}", state, server_default="new", nullable=False))`,
    ],
    down: [`op.drop_column("${table}", "${column}")`, "state.drop(op.get_bind(), checkfirst=False)"],
  }),
  ({ table, column }) => ({
    above: [
      `TABLES = ["${table}", "${table}_old"]`,
      "",
      "",
      "def both(change):",
      "    for name in TABLES:",
      "        change(name)",
    ],
    up: [`both(lambda name: op.add_column(name, sa.Column("${column}", sa.DateTime(timezone=True), nullable=True)))`],
    down: [`both(lambda name: op.drop_column(name, "${column}"))`],
  }),
  ({ table, column, number }) => ({
    up: [
      `with op.batch_alter_table("${table}") as batch:`,
      `    batch.add_column(sa.Column("${column}", sa.Integer(), server_default=sa.text("${number}"), nullable=False))`,
      `    batch.create_foreign_key("fk_${table}_${column}", "parents", ["${column}"], ["id"], ondelete="CASCADE")`,
    ],
    down: [
      `with op.batch_alter_table("${table}") as batch:`,
      `    batch.drop_constraint("fk_${table}_${column}", type_="foreignkey")`,
      `    batch.drop_column("${column}")`,
    ],
  }),
  ({ table, column, number }) => ({
    up: [
      "connection = op.get_bind()",
      `rows = connection.execute(sa.text("SELECT id, ${column} FROM ${table}")).fetchall()`,
      "for row in rows:",
      `    connection.execute(sa.text("UPDATE ${table} SET ${column} = :value WHERE id = :id"), {"value": row[1] + ${number}, "id": row[0]})`,
    ],
    down: ["pass"],
  }),
  ({ table, column }) => ({
    up: [
      `op.execute("""\nCREATE OR REPLACE VIEW ${table}_view AS\n    SELECT id, ${column} FROM ${table}\n    WHERE ${column} IS NOT NULL\n""")`,
    ],
    down: [`op.execute("DROP VIEW ${table}_view")`],
  }),
];

const WORDS = ["orders", "users", "invoices", "events", "teams", "files", "tags", "notes", "plans", "seats"];
const COLUMNS = ["name", "amount", "label", "owner_id", "code", "title", "weight", "position"];

/** How one project writes its revisions. */
function styleOf(random) {
  const annotated = random.pick(["no", "no", "union", "pipe"]);
  return {
    annotated,
    arrow: annotated !== "no" || random.happens(0.2),
    single: random.happens(0.25),
    folder: random.pick(["migrations", "alembic", "src/app/db/migrations"]),
    numbered: random.happens(0.2),
    crlf: random.happens(0.1),
  };
}

const indented = (lines) => lines.flatMap((line) => line.split("\n").map((part, index) => (index === 0 ? `    ${part}` : part)));

/** The text of one revision. */
export function revisionText({ id, down, labels, dependsOn, message, above = [], up, down_: back }, style) {
  const quote = style.single ? "'" : '"';
  const literal = (ids) =>
    ids.length === 0
      ? "None"
      : ids.length === 1
        ? quote + ids[0] + quote
        : `(${ids.map((one) => quote + one + quote).join(", ")})`;
  const type = {
    no: "",
    union: ": Union[str, None]",
    pipe: ": str | Sequence[str] | None",
  }[style.annotated];
  const imports =
    style.annotated === "union"
      ? ["from typing import Union", ""]
      : style.annotated === "pipe"
        ? ["from collections.abc import Sequence", ""]
        : [];
  const arrow = style.arrow ? " -> None" : "";
  const text = [
    `"""${message}`,
    "",
    `Revision ID: ${id}`,
    `Revises: ${down.join(", ")}`,
    "Create Date: 2026-01-01 00:00:00.000000",
    "",
    '"""',
    ...imports,
    "from alembic import op",
    "import sqlalchemy as sa",
    "",
    "",
    "# revision identifiers, used by Alembic.",
    `revision${style.annotated === "no" ? "" : ": str"} = ${quote}${id}${quote}`,
    `down_revision${type} = ${literal(down)}`,
    `branch_labels${type} = ${literal(labels ?? [])}`,
    `depends_on${type} = ${literal(dependsOn ?? [])}`,
    ...(above.length > 0 ? ["", ...above] : []),
    "",
    "",
    `def upgrade()${arrow}:`,
    ...indented(up),
    "",
    "",
    `def downgrade()${arrow}:`,
    ...indented(back),
    "",
  ].join("\n");
  return style.crlf ? text.replaceAll("\n", "\r\n") : text;
}

/**
 * A generated project with a clean pull request: new revisions on its head, a merge where it has two heads, or none at all.
 *
 * @param {number} seed
 * @returns {Promise<PullRequest>}
 */
export async function generated(seed) {
  const random = chance(seed);
  const style = styleOf(random);
  const revisions = [];
  const add = (down, more = {}) => {
    const id = style.numbered ? String(revisions.length + 1).padStart(4, "0") : random.id();
    const names = {
      table: `${random.pick(WORDS)}_${revisions.length}`,
      column: random.pick(COLUMNS),
      number: 10 + random.below(90),
    };
    const { down: back, ...body } = random.pick(BODIES)(names);
    revisions.push({ id, down, message: `${names.column} of ${names.table}`, ...body, down_: back, ...more });
    return id;
  };
  let heads = [add([])];
  const length = 5 + random.below(20);
  while (revisions.length < length) {
    const last = revisions.at(-1);
    if (heads.length === 2) {
      if (random.happens(0.4)) heads = [add([...heads], { up: ["pass"], down_: ["pass"], above: [], message: "merge heads" })];
      else {
        const which = random.below(2);
        heads[which] = add([heads[which]]);
      }
    } else if (revisions.length > 2 && random.happens(0.1)) heads = [heads[0], add(last.down.slice(0, 1))];
    else heads = [add([heads[0]], random.happens(0.05) ? { dependsOn: [random.pick(revisions).id] } : {})];
  }
  const applied = revisions.length;
  const base = heads.length;
  const news = random.below(4);
  if (base === 2 && random.happens(0.5))
    heads = [add([...heads], { up: ["pass"], down_: ["pass"], above: [], message: "merge heads" })];
  for (let count = 0; count < news; count++) heads[0] = add([heads[0]]);

  const files = {
    "alembic.ini": `[alembic]\nscript_location = ${style.folder}\nprepend_sys_path = .\n`,
    [`${style.folder}/env.py`]: "from alembic import context\n",
    "README.md": "# A project\n",
  };
  const laidOut = (some) => ({
    ...files,
    ...Object.fromEntries(
      some.map((one) => [`${style.folder}/versions/${one.id}_${one.message.replaceAll(" ", "_")}.py`, revisionText(one, style)]),
    ),
  });
  const head = laidOut(revisions);
  const [environment] = await findEnvironments(treeOf(head), {});
  return { name: `generated-${seed}`, base: laidOut(revisions.slice(0, applied)), head, environment };
}
