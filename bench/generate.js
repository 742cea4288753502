// Makes Alembic projects of any length with the mix of operations that real ones have. The same number gives the same project.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

const ENV = `import os

from alembic import context
from sqlalchemy import create_engine, pool

target_metadata = None

engine = create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()
`;

/** The id of the revision with this number, 0-based: twelve hexadecimal digits that do not sort by number, as Alembic makes them. */
const idOf = (number) => ((BigInt(number + 1) * 0x9e3779b97f4an) % 0x1000000000000n).toString(16).padStart(12, "0");

/** upgrade() and downgrade() of one revision, and what it does in words. Of ten revisions four make tables. */
function bodyOf(number) {
  const round = Math.floor(number / 10);
  const step = number % 10;
  const table = (which) => `items_${round}_${which}`;
  if (step < 4) {
    const parent = step === 0 ? (round === 0 ? undefined : `items_${round - 1}_0`) : table(0);
    const reference =
      parent === undefined
        ? ""
        : `        sa.Column("parent_id", sa.Integer(), sa.ForeignKey("${parent}.id", ondelete="CASCADE"), nullable=True),\n`;
    return {
      message: `create ${table(step)}`,
      up: `    op.create_table(
        "${table(step)}",
        sa.Column("id", sa.Integer(), primary_key=True),
${reference}        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("price", sa.Numeric(10, 2), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.UniqueConstraint("name", name="uq_${table(step)}_name"),
    )
    op.create_index("ix_${table(step)}_created_at", "${table(step)}", ["created_at"])`,
      down: `    op.drop_index("ix_${table(step)}_created_at", table_name="${table(step)}")\n    op.drop_table("${table(step)}")`,
    };
  }
  if (step === 4 || step === 5) {
    const column = step === 4 ? "note" : "weight";
    const type = step === 4 ? "sa.Text()" : "sa.Float()";
    return {
      message: `${column} of ${table(step - 3)}`,
      up: `    op.add_column("${table(step - 3)}", sa.Column("${column}", ${type}, nullable=True))`,
      down: `    op.drop_column("${table(step - 3)}", "${column}")`,
    };
  }
  if (step === 6) {
    return {
      message: `index ${table(0)} by price`,
      up: `    op.create_index("ix_${table(0)}_price", "${table(0)}", ["price", "name"])`,
      down: `    op.drop_index("ix_${table(0)}_price", table_name="${table(0)}")`,
    };
  }
  if (step === 7) {
    return {
      message: `longer names in ${table(1)}`,
      up: `    op.alter_column("${table(1)}", "name", type_=sa.String(length=200), existing_nullable=False)`,
      down: `    op.alter_column("${table(1)}", "name", type_=sa.String(length=80), existing_nullable=False)`,
    };
  }
  if (step === 8) {
    return {
      message: `state of ${table(2)}`,
      head: `\nstate = sa.Enum("new", "active", "closed", name="state_${round}")\n`,
      up: `    state.create(op.get_bind())\n    op.add_column("${table(2)}", sa.Column("state", state, server_default="new", nullable=False))`,
      down: `    op.drop_column("${table(2)}", "state")\n    state.drop(op.get_bind())`,
    };
  }
  return {
    message: `prices of ${table(3)} in cents`,
    up: `    op.execute("UPDATE ${table(3)} SET price = price * 100")\n    op.alter_column("${table(3)}", "price", server_default="100")`,
    down: `    op.alter_column("${table(3)}", "price", server_default="0")\n    op.execute("UPDATE ${table(3)} SET price = price / 100")`,
  };
}

/** One revision file: its path in the project and its content. */
function revision(number) {
  const { message, head = "", up, down } = bodyOf(number);
  const id = idOf(number);
  const parent = number === 0 ? "None" : `"${idOf(number - 1)}"`;
  return {
    file: `migrations/versions/${id}_${message.replaceAll(" ", "_")}.py`,
    content: `"""${message}

Revision ID: ${id}
Revises: ${number === 0 ? "" : idOf(number - 1)}
Create Date: 2026-01-01 00:00:00

"""
from alembic import op
import sqlalchemy as sa

revision = "${id}"
down_revision = ${parent}
branch_labels = None
depends_on = None
${head}

def upgrade():
${up}


def downgrade():
${down}
`,
  };
}

/**
 * Writes the revisions with numbers from `from` (0-based) up to, but not including, `to`; the project around them with the first one.
 *
 * @param {string} folder
 * @param {number} from
 * @param {number} to
 */
export function writeRevisions(folder, from, to) {
  mkdirSync(path.join(folder, "migrations", "versions"), { recursive: true });
  if (from === 0) {
    writeFileSync(path.join(folder, "alembic.ini"), "[alembic]\nscript_location = %(here)s/migrations\n");
    writeFileSync(path.join(folder, "migrations", "env.py"), ENV);
    writeFileSync(path.join(folder, ".gitignore"), "__pycache__/\n");
  }
  for (let number = from; number < to; number++) {
    const { file, content } = revision(number);
    writeFileSync(path.join(folder, file), content);
  }
}
