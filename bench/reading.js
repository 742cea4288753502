// Revisions that read from the database before they write, faults and harmless changes in them, and both versions executed on rows.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { openScratch } from "../src/postgres/scratch.ts";
import { startServer } from "../src/postgres/server.ts";
import { executeBodies } from "../src/run/bodies.ts";
import { startDriver } from "../src/run/driver.ts";
import { findEnvironments } from "../src/project/environment.ts";
import { makeEnvironment } from "../scripts/python.js";
import { alembicFiles } from "../tests/support/alembic.ts";
import { treeOf } from "../tests/project/trees.ts";

/** Stands for the id of the revision, and is a part of its table's name. */
const ID = "rrrr";
const TABLE = `t_${ID}`;

const BODIES = [
  `    bind = op.get_bind()
    rows = bind.execute(sa.text("SELECT id, name, total FROM ${TABLE} WHERE total > 2")).fetchall()
    for row in rows:
        if row.total > 3:
            bind.execute(sa.text("UPDATE ${TABLE} SET note = :note WHERE id = :id"), {"note": "large", "id": row.id})
        else:
            bind.execute(sa.text("UPDATE ${TABLE} SET note = :note WHERE id = :id"), {"note": row.name, "id": row.id})
`,
  `    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("${TABLE}")]
    if "extra" not in columns:
        op.add_column("${TABLE}", sa.Column("extra", sa.String(length=20), nullable=True, comment="what is left"))
    if "note" in columns:
        op.create_index("ix_${TABLE}_note", "${TABLE}", ["note", "name"], unique=False)
`,
  `    session = orm.Session(bind=op.get_bind())
    things = sa.table("${TABLE}", sa.column("id"), sa.column("name"), sa.column("note"), sa.column("total"), sa.column("open"))
    for thing in session.execute(sa.select(things.c.id, things.c.name, things.c.total, things.c.open)).fetchall():
        text = "%s and %s" % (thing.name, (thing.total or 0) + 10)
        if thing.open:
            session.execute(things.update().where(things.c.id == thing.id).values(note=text, open=False))
    session.commit()
`,
  `    bind = op.get_bind()
    most = bind.execute(sa.text("SELECT max(total) FROM ${TABLE}")).scalar()
    bind.execute(
        sa.text("UPDATE ${TABLE} SET note = CASE WHEN total > :limit THEN 'rich' ELSE 'poor' END"), {"limit": (most or 9) - 5}
    )
`,
];

const revisionText = (body) => `import sqlalchemy as sa
from alembic import op
from sqlalchemy import orm

revision = "${ID}"
down_revision = "aaaa"
branch_labels = None
depends_on = None


def upgrade():
${body}

def downgrade():
    pass
`;

const tables = (ids) => `import sqlalchemy as sa
from alembic import op

revision = "aaaa"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    for name in [${ids.map((id) => `"t_${id}"`).join(", ")}]:
        op.create_table(
            name,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(80)),
            sa.Column("note", sa.Text),
            sa.Column("total", sa.Integer),
            sa.Column("open", sa.Boolean),
        )


def downgrade():
    pass
`;

const file = (id) => `migrations/versions/${id}.py`;

/** A pull request that changes nothing yet in a revision that reads. */
export async function readingProject(random) {
  const files = alembicFiles({ aaaa: tables([ID]), [ID]: revisionText(random.pick(BODIES)) });
  const [environment] = await findEnvironments(treeOf(files), {});
  return { name: "reading", base: files, head: files, environment };
}

/** One of the places in the revision at which a pattern stands, written otherwise. */
const otherwise = (pattern, other) => ({
  make({ files, random }) {
    const source = files[file(ID)];
    // Another change may have renamed the file.
    const found = source === undefined ? undefined : random.pick([...source.matchAll(pattern)]);
    if (!found) return undefined;
    const text = typeof other === "string" ? other : other(found, random);
    return { ...files, [file(ID)]: source.slice(0, found.index) + text + source.slice(found.index + found[0].length) };
  },
});

const fault = (pattern, other) => ({ rules: ["edited-revision"], ...otherwise(pattern, other) });

export const READING_FAULTS = {
  "another number": fault(/(?<=[> +-] |length=)\d+/g, ([number], random) => String(Number(number) + 1 + random.below(9))),
  "another text": fault(/(?<=["'])(?:large|rich|poor|extra|what is left)(?=["'])/g, ([text]) => `${text}r`),
  "another comparison": fault(/ > (?=\d)/g, " < "),
  "the other truth": fault(/\b(?:True|False)\b/g, ([text]) => (text === "True" ? "False" : "True")),
  "another sign": fault(/ [+-] (?=\d)/g, ([text]) => (text === " + " ? " - " : " + ")),
  "another column": fault(/(?<=(?:row|thing)\.)(?:name|id)\b|(?<="note", )"name"/g, ([text]) =>
    text === '"name"' ? '"total"' : "total",
  ),
  "not any more": fault(/ not in /g, " in "),
};

export const READING_HARMLESS = {
  "rows as they come": { sql: true, ...otherwise(/\.fetchall\(\)/g, "") },
  "a list of rows": { sql: true, ...otherwise(/(?<=for thing in )(.*)\.fetchall\(\)/g, ([, rows]) => `list(${rows})`) },
  "another name": otherwise(/\bcolumns = [^\n]*/g, ([text]) => `${text}\n    known = columns`),
  "code in a function": {
    sql: true,
    make({ files }) {
      const source = files[file(ID)];
      const moved = source
        .replace("def upgrade():\n", "def work():\n")
        .replace("\n\ndef downgrade", "\n\ndef upgrade():\n    work()\n\n\ndef downgrade");
      return { ...files, [file(ID)]: moved };
    },
  },
  "a connection of its own name": {
    sql: true,
    ...otherwise(/ {4}bind = op\.get_bind\(\)\n(?= {4}rows = bind)/g, "    connection = op.get_bind()\n    bind = connection\n"),
  },
};

const EACH = 10;

/**
 * Executes the revisions of mutants that nobody could render, as the gate does.
 *
 * @param mutants with `edits`
 * @returns by mutant what was executed
 */
export async function executeAll(mutants) {
  const found = new Map();
  const server = await startServer({ choice: "auto", env: process.env });
  try {
    for (let at = 0; at < mutants.length; at += EACH) await executeSome(server, mutants.slice(at, at + EACH), found);
  } finally {
    await server.stop();
  }
  return found;
}

async function executeSome(server, mutants, found) {
  const scratch = await openScratch(server);
  const folder = mkdtempSync(path.join(tmpdir(), "reading-"));
  const drivers = [];
  try {
    const ids = mutants.map((_, index) => `m${String(index).padStart(3, "0")}`);
    const laid = (side, sources) => {
      const all = Object.fromEntries(
        ids.map((id, index) => [
          id,
          sources[index].replaceAll(ID, id).replace('down_revision = "aaaa"', `down_revision = "${ids[index - 1] ?? "aaaa"}"`),
        ]),
      );
      const root = path.join(folder, side);
      for (const [name, text] of Object.entries(alembicFiles({ aaaa: tables(ids), ...all }))) {
        mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
        writeFileSync(path.join(root, name), text);
      }
      const start = () => {
        const driver = startDriver({
          python: [makeEnvironment()],
          directory: root,
          env: { ...process.env, PYTHONHASHSEED: "0" },
          timeout: 60,
          load: {
            type: "load",
            config: path.join(root, "alembic.ini"),
            format: "ini",
            section: "alembic",
            kind: "alembic",
            x: [],
            root,
          },
        });
        drivers.push(driver);
        return driver;
      };
      return { all, start };
    };
    const before = laid(
      "before",
      mutants.map(({ pullRequest }) => pullRequest.base[file(ID)]),
    );
    const after = laid(
      "after",
      mutants.map(({ files }) => files[file(ID)]),
    );
    const bodies = await executeBodies(
      {
        bodies: ids.map((id) => ({
          id,
          directions: ["upgrade"],
          unknown: true,
          sources: { before: [before.all[id]], after: [after.all[id]] },
          opaque: false,
          reads: [],
        })),
        scratch,
        plan: { scripts: [] },
        base: async () => before.start(),
        head: async () => after.start(),
        progress: () => {},
      },
      [],
    );
    mutants.forEach((mutant, index) => found.set(mutant, bodies.get(ids[index])));
  } finally {
    await Promise.all(drivers.map((driver) => driver.stop()));
    await scratch.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
