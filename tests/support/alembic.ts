/** Files of small Alembic projects. */

export interface RevisionOptions {
  down?: string | string[];
  dependsOn?: string;
  /** Lines of upgrade() and downgrade(), not indented. */
  upgrade?: string;
  /** null: the function is missing. */
  downgrade?: string | null;
  /** Lines above the functions. */
  head?: string;
  /** What both functions take. */
  takes?: string;
}

const python = (value: string | string[] | undefined): string =>
  value === undefined ? "None" : typeof value === "string" ? `"${value}"` : `(${value.map((item) => `"${item}", `).join("")})`;

const body = (lines: string): string => lines.replaceAll(/^(?=.)/gm, "    ");

/** One revision file. The first line of upgrade() is line 10 where `head` is empty. */
export function revision(
  id: string,
  { down, dependsOn, upgrade = "pass", downgrade = "pass", head = "", takes = "" }: RevisionOptions = {},
): string {
  return `import sqlalchemy as sa
from alembic import op
${head}
revision = "${id}"
down_revision = ${python(down)}
branch_labels = None
depends_on = ${python(dependsOn)}

def upgrade(${takes}):
${body(upgrade)}
${downgrade === null ? "" : `\ndef downgrade(${takes}):\n${body(downgrade)}\n`}`;
}

/** env.py of the generic template; `url` is Python code. */
export const syncEnv = (url = '"postgresql+psycopg2://app:secret@db.internal:5432/app"'): string => `from alembic import context
from sqlalchemy import create_engine, pool

def run_migrations_online():
    connectable = create_engine(${url}, poolclass=pool.NullPool)
    with connectable.connect() as connection:
        context.configure(connection=connection, target_metadata=None)
        with context.begin_transaction():
            context.run_migrations()

run_migrations_online()
`;

/** env.py of the async template. */
export const asyncEnv = (url = '"postgresql+asyncpg://app:secret@db.internal:5432/app"'): string => `import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

def do_run_migrations(connection):
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()

async def run_async_migrations():
    connectable = create_async_engine(${url})
    async with connectable.connect() as connection:
        await connection.run_sync(do_run_migrations)
    await connectable.dispose()

asyncio.run(run_async_migrations())
`;

export const ini = "[alembic]\nscript_location = migrations\n";

/** alembic.ini, env.py and versions/ in the folder migrations/. Revisions are given as files by id. */
export function alembicFiles(revisions: Record<string, string>, env: string = syncEnv()): Record<string, string> {
  return {
    "alembic.ini": ini,
    "migrations/env.py": env,
    ...Object.fromEntries(Object.entries(revisions).map(([id, content]) => [`migrations/versions/${id}.py`, content])),
  };
}
