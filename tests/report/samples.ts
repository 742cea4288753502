/** Reports as the gate makes them, for the reporters' tests: red, green, broken, huge, hostile. */
import type { EnvironmentReport, Finding, PhaseReport, Report, Severity } from "../../src/finding.ts";
import { block, code, text, type Text } from "../../src/text.ts";

const VERSIONS = "backend/migrations/versions";

/** The files that the samples speak of. */
export const sources: Record<string, string> = {
  [`${VERSIONS}/2024_03_18_1c0de5ca1ab1e_add_orders.py`]: `"""add orders"""

import sqlalchemy as sa
from alembic import op

revision = "c0de5ca1ab1e"
down_revision = "b01dface0ff5"


def upgrade():
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("total", sa.Numeric(12, 4), nullable=False),
    )


def downgrade():
    op.drop_table("orders")
`,
  [`${VERSIONS}/2026_11_20_d15ea5ed0b0e_order_status.py`]: `"""order status"""

import sqlalchemy as sa
from alembic import op

revision = "d15ea5ed0b0e"
down_revision = "c0de5ca1ab1e"


def upgrade():
    status = sa.Enum("open", "paid", "shipped", name="order_status")
    status.create(op.get_bind())
\top.add_column("orders", sa.Column("status", status, nullable=False, server_default="open"))


def downgrade():
    op.drop_column("orders", "status")
`,
};

/** A finding with what most have in common. */
export const finding = (rule: string, severity: Severity, message: Text, more: Partial<Finding> = {}): Finding => ({
  rule,
  severity,
  message,
  help: text`Mend it.`,
  environment: "backend/alembic.ini",
  blocks: severity === "error" && !more.preexisting && !more.suppressed,
  preexisting: false,
  fingerprint: `${rule}:${more.revision ?? ""}:${more.object?.name ?? ""}`,
  related: [],
  ...more,
});

const phase = (id: string, title: string, revisions: number, seconds: number, more: Partial<PhaseReport> = {}): PhaseReport => ({
  id,
  title,
  revisions,
  seconds,
  outcome: "ok",
  ...more,
});

/** An environment in which all is well. */
export const environment = (more: Partial<EnvironmentReport> = {}): EnvironmentReport => ({
  name: "backend/alembic.ini",
  config: "backend/alembic.ini",
  base: { commit: "5f0c2d7be1f4c9a2a3b7e8d9c0b1a2f3e4d5c6b7", label: "main" },
  heads: ["d15ea5ed0b0e"],
  revisions: { total: 48, added: ["d15ea5ed0b0e"], changed: [] },
  server: "PostgreSQL 16.4 (installed)",
  runtime: "Python 3.12.4, Alembic 1.20.1, SQLAlchemy 2.0.58, psycopg2",
  graph: {
    nodes: [
      { id: "c0de5ca1ab1e", label: "c0de5ca1ab1e add orders", parents: ["b01dface0ff5"], state: "base", head: false },
      { id: "d15ea5ed0b0e", label: "d15ea5ed0b0e order status", parents: ["c0de5ca1ab1e"], state: "new", head: true },
    ],
    omitted: 46,
  },
  phases: [
    phase("prepare", "an empty database", 0, 0.041),
    phase("base", "the base branch's revisions", 47, 1.93),
    phase("upgrade", "the pull request's revisions, up", 1, 0.062, { compared: { with: "the base branch", differences: 3 } }),
    phase("downgrade", "the pull request's revisions, down", 1, 0.034, { compared: { with: "the base branch", differences: 0 } }),
    phase("upgrade-again", "the pull request's revisions, up again", 1, 0.058, {
      compared: { with: "the first upgrade", differences: 0 },
    }),
    phase("history-downgrade", "downgrade base", 48, 1.2, { compared: { with: "the empty database", differences: 0 } }),
    phase("history-upgrade", "upgrade head once more", 48, 1.88, { compared: { with: "the first upgrade", differences: 0 } }),
  ],
  schema: {
    changes: [
      text`adds enum type ${code("public.order_status")} with the labels ${code("open")}, ${code("paid")} and ${code("shipped")}`,
      text`adds column ${code("public.orders.status")}: ${code("order_status NOT NULL DEFAULT 'open'")}`,
      text`adds index ${code("public.ix_orders_status")} on ${code("orders (status)")}`,
    ],
    sql: [
      { revision: "d15ea5ed0b0e", statement: "CREATE TYPE order_status AS ENUM ('open', 'paid', 'shipped')" },
      { revision: "d15ea5ed0b0e", statement: "ALTER TABLE orders ADD COLUMN status order_status DEFAULT 'open' NOT NULL" },
      { revision: "d15ea5ed0b0e", statement: "CREATE INDEX ix_orders_status ON orders (status)" },
    ],
  },
  findings: [],
  notChecked: [],
  ...more,
});

const report = (headline: Text, environments: EnvironmentReport[], more: Partial<Report> = {}): Report => ({
  version: 1,
  verdict: "pass",
  exitCode: 0,
  headline,
  environments,
  failures: [],
  timings: { project: 41, history: 88, run: 5320, rules: 4, report: 3, total: 5460 },
  ...more,
});

/** One new revision, nothing to object. */
export const green = report(text`1 new revision goes up, down and up again without a trace`, [environment()]);

/** Nothing about migrations in the pull request. */
export const untouched = report(text`No migration changed: nothing to run`, [
  environment({
    revisions: { total: 47, added: [], changed: [] },
    phases: [],
    schema: undefined,
    graph: undefined,
    server: undefined,
    runtime: undefined,
  }),
]);

/** Two heads, an edited applied revision, an enum type left by a downgrade, an old fault, something ignored, something not checked. */
export const red = report(
  text`2 revisions are new; 3 errors have to be mended before the merge`,
  [
    environment({
      heads: ["d15ea5ed0b0e", "facade0ffbea"],
      revisions: { total: 49, added: ["d15ea5ed0b0e", "facade0ffbea"], changed: ["c0de5ca1ab1e"] },
      graph: {
        nodes: [
          { id: "b01dface0ff5", label: "b01dface0ff5 add users", parents: ["aaaaaaaaaaaa"], state: "base", head: false },
          { id: "c0de5ca1ab1e", label: "c0de5ca1ab1e add orders", parents: ["b01dface0ff5"], state: "edited", head: false },
          { id: "d15ea5ed0b0e", label: "d15ea5ed0b0e order status", parents: ["c0de5ca1ab1e"], state: "new", head: true },
          { id: "facade0ffbea", label: "invoices", parents: ["c0de5ca1ab1e"], state: "new", head: true },
        ],
        omitted: 45,
      },
      phases: [
        ...environment().phases.slice(0, 5),
        phase("history-downgrade", "downgrade base", 49, 0.41, {
          outcome: "failed",
          reason: text`${code("5eed5eed5eed")} raised ProgrammingError`,
        }),
        phase("history-upgrade", "upgrade head once more", 0, 0, {
          outcome: "not-run",
          reason: text`downgrade base failed, so there is nothing to upgrade from`,
        }),
      ],
      findings: [
        finding(
          "leftover-after-downgrade",
          "error",
          text`downgrade() of ${code("d15ea5ed0b0e")} leaves enum type ${code("public.order_status")}; upgrade() created it at line 11.`,
          {
            file: `${VERSIONS}/2026_11_20_d15ea5ed0b0e_order_status.py`,
            line: 16,
            revision: "d15ea5ed0b0e",
            object: { kind: "enum type", name: "public.order_status" },
            evidence: text`After the downgrade the catalog has one object more than before the upgrade: ${block("+ enum type public.order_status (open, paid, shipped)", "diff")}`,
            help: text`Add to downgrade(): ${block('sa.Enum(name="order_status").drop(op.get_bind())', "python")} See it pass with ${code("npx alembic-gate --only run")}.`,
            related: [
              {
                file: `${VERSIONS}/2026_11_20_d15ea5ed0b0e_order_status.py`,
                line: 11,
                message: text`enum type ${code("public.order_status")} is created here`,
              },
            ],
          },
        ),
        finding(
          "edited-revision",
          "error",
          text`upgrade() of ${code("c0de5ca1ab1e")} is not what the base branch has: databases that have run it already will never see the change.`,
          {
            file: `${VERSIONS}/2024_03_18_1c0de5ca1ab1e_add_orders.py`,
            line: 14,
            endLine: 14,
            column: 9,
            endColumn: 62,
            revision: "c0de5ca1ab1e",
            evidence: text`The statements differ: ${block("-  total NUMERIC(12, 2) NOT NULL\n+  total NUMERIC(12, 4) NOT NULL", "diff")}`,
            help: text`Take the revision back to what the base branch has, and say the change in a new one: ${block('git checkout 5f0c2d7 -- backend/migrations/versions/2024_03_18_1c0de5ca1ab1e_add_orders.py\nalembic revision -m "four digits in totals"', "sh")}`,
            related: [
              {
                file: `${VERSIONS}/2024_03_18_1c0de5ca1ab1e_add_orders.py`,
                line: 14,
                commit: "5f0c2d7be1f4c9a2a3b7e8d9c0b1a2f3e4d5c6b7",
                message: text`as the base branch has it`,
              },
            ],
            fix: {
              title: "restore the revision as the base branch has it",
              edits: [
                { file: `${VERSIONS}/2024_03_18_1c0de5ca1ab1e_add_orders.py`, start: 308, end: 309, expected: "4", insert: "2" },
              ],
            },
          },
        ),
        finding(
          "multiple-heads",
          "error",
          text`${code("d15ea5ed0b0e")} and ${code("facade0ffbea")} are both heads: ${code("alembic upgrade head")} will refuse to run.`,
          {
            file: `${VERSIONS}/2026_11_19_facade0ffbea_invoices.py`,
            line: 8,
            column: 1,
            revision: "facade0ffbea",
            help: text`Put one after the other: ${block('down_revision = "d15ea5ed0b0e"', "python")} or merge them: ${block('alembic merge -m "one head" d15ea5ed0b0e facade0ffbea', "sh")}`,
            related: [{ file: `${VERSIONS}/2026_11_20_d15ea5ed0b0e_order_status.py`, line: 7, message: text`the other head` }],
          },
        ),
        finding(
          "fails-on-rows",
          "warning",
          text`${code("CREATE UNIQUE INDEX ix_invoices_number")} fails where ${code("invoices.number")} has duplicates.`,
          {
            file: `${VERSIONS}/2026_11_19_facade0ffbea_invoices.py`,
            line: 14,
            endLine: 17,
            revision: "facade0ffbea",
            help: text`Ask production first: ${block("SELECT number, count(*) FROM invoices GROUP BY number HAVING count(*) > 1;", "sql")}`,
          },
        ),
        finding(
          "drops-data",
          "notice",
          text`upgrade() of ${code("facade0ffbea")} drops column ${code("public.orders.invoice")} with what is in it.`,
          {
            file: `${VERSIONS}/2026_11_19_facade0ffbea_invoices.py`,
            line: 19,
            revision: "facade0ffbea",
            help: text`Nothing to do if that is meant.`,
          },
        ),
        finding("irreversible-downgrade", "warning", text`downgrade() of ${code("facade0ffbea")} raises on purpose.`, {
          file: `${VERSIONS}/2026_11_19_facade0ffbea_invoices.py`,
          line: 24,
          revision: "facade0ffbea",
          suppressed: { reason: "invoices must be kept by law" },
        }),
        finding(
          "downgrade-failed",
          "error",
          text`downgrade() of ${code("5eed5eed5eed")} fails: constraint "None" of relation "users" does not exist`,
          {
            file: `${VERSIONS}/2019_04_02_5eed5eed5eed_unique_email.py`,
            line: 31,
            revision: "5eed5eed5eed",
            preexisting: true,
            evidence: text`ProgrammingError, SQLSTATE 42704: ${block('constraint "None" of relation "users" does not exist')} It was executing ${block('ALTER TABLE users DROP CONSTRAINT "None"', "sql")}`,
            help: text`Name the constraint in ${code("op.drop_constraint")}.`,
          },
        ),
      ],
      notChecked: [
        {
          what: "downgrade from 5eed5eed5eed to base",
          reason: text`${code("5eed5eed5eed")} could not be undone, so the 3 revisions below it were not reached`,
        },
        {
          what: "rows in public.events",
          reason: text`values for ${code("payload jsonb")} were made up and upgrade() could not read them: give ${code("seed")}`,
        },
      ],
    }),
  ],
  { verdict: "fail", exitCode: 1 },
);

/** The gate could not do its work. */
export const broken = report(
  text`The gate could not judge this pull request: no Postgres could be started`,
  [
    environment({
      phases: [],
      schema: undefined,
      server: undefined,
      runtime: undefined,
      notChecked: [{ what: "the whole round trip", reason: text`no Postgres could be started` }],
    }),
  ],
  {
    verdict: "error",
    exitCode: 3,
    failures: [
      {
        message: text`No Postgres could be started: ${code("initdb")} ended with status 1.`,
        help: text`Give a server in the workflow: ${block("with:\n  postgres: postgresql://postgres:postgres@localhost:5432", "yaml")}`,
        exitCode: 3,
      },
      {
        message: text`${code("script_location")} names a folder that does not exist.`,
        help: text`Mend the line.`,
        exitCode: 2,
        file: "alembic.ini",
        line: 3,
      },
    ],
  },
);

/** Two environments, one of which has something to say. */
export const two = report(
  text`1 of 2 environments has errors`,
  [environment({ name: "billing", config: "billing/alembic.ini" }), { ...red.environments[0]!, notChecked: [] }],
  { verdict: "fail", exitCode: 1 },
);

/** More than anybody can read, and more than GitHub takes. */
export const huge = report(
  text`5000 findings`,
  [
    environment({
      findings: Array.from({ length: 5000 }, (_, index) =>
        finding(
          index % 3 === 0 ? "leftover-after-downgrade" : "drops-data",
          index % 3 === 0 ? "error" : index % 3 === 1 ? "warning" : "notice",
          text`downgrade() of ${code(`rev${index}`)} leaves table ${code(`public.t${index}`)}.`,
          {
            file: `${VERSIONS}/rev${index}.py`,
            line: (index % 40) + 1,
            revision: `rev${index}`,
            evidence: text`seen: ${block(`line of evidence ${index}\n`.repeat(2000))}`,
            help: text`Add to downgrade(): ${block(`op.drop_table("t${index}")\n`.repeat(400), "python")}`,
          },
        ),
      ),
      schema: {
        changes: Array.from({ length: 3000 }, (_, index) => text`adds table ${code(`public.t${index}`)}`),
        sql: Array.from({ length: 3000 }, (_, index) => ({
          revision: `rev${index}`,
          statement: `CREATE TABLE t${index} (${"c integer, ".repeat(300)}d integer)`,
        })),
      },
      graph: {
        nodes: Array.from({ length: 900 }, (_, index) => ({
          id: `rev${index}`,
          label: `rev${index}`,
          parents: index === 0 ? [] : [`rev${index - 1}`],
          state: "new" as const,
          head: index === 899,
        })),
        omitted: 4100,
      },
    }),
  ],
  { verdict: "fail", exitCode: 1 },
);

/** A red report whose every foreign text is this one. */
export function withText(hostile: string): Report {
  const foreign = text`${hostile} is ${code(hostile)}${code(hostile)}: ${hostile}`;
  const lines = text`${hostile} ${block(hostile, "sql")} and ${code(hostile)}`;
  return report(
    foreign,
    [
      environment({
        name: hostile,
        config: hostile,
        base: { commit: hostile, label: hostile },
        heads: [hostile, "b"],
        revisions: { total: 2, added: [hostile], changed: [] },
        server: hostile,
        runtime: hostile,
        graph: {
          nodes: [
            { id: "a", label: hostile, parents: [], state: "base", head: false },
            { id: hostile, label: hostile, parents: ["a"], state: "edited", head: true },
          ],
          omitted: 0,
        },
        phases: [
          phase(hostile, hostile, 1, 0.1, { compared: { with: hostile, differences: 1 }, outcome: "failed", reason: lines }),
        ],
        schema: { changes: [foreign, lines], sql: [{ revision: hostile, statement: hostile }] },
        lines: [
          {
            revision: hostile,
            function: "upgrade",
            file: `versions/${hostile}`,
            lines: 3,
            ran: 1,
            never: [{ line: 2, endLine: 3, below: hostile }],
          },
        ],
        findings: [
          finding("edited-revision", "error", foreign, {
            file: `versions/${hostile}`,
            line: 3,
            column: 2,
            environment: hostile,
            revision: hostile,
            object: { kind: "table", name: hostile },
            evidence: lines,
            help: lines,
            related: [{ file: `versions/${hostile}`, line: 1, commit: hostile, message: lines }],
            fix: { title: hostile, edits: [] },
          }),
          finding("drops-data", "warning", lines, { object: { kind: "table", name: hostile }, suppressed: { reason: hostile } }),
          finding("downgrade-failed", "error", lines, { preexisting: true }),
        ],
        notChecked: [{ what: hostile, reason: lines }],
      }),
    ],
    { verdict: "fail", exitCode: 1, failures: [{ message: foreign, help: lines, exitCode: 1, file: hostile, line: 1 }] },
  );
}
