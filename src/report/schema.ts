/** The JSON contract as a schema. docs/report.schema.json is made from it, and a test holds it to the type Report. */
import * as z from "zod/mini";

const documents = z.registry<{ id?: string; title?: string; description?: string }>();

function about<T extends z.core.$ZodType>(description: string, type: T): T {
  documents.add(type, { description });
  return type;
}

/** A type that the document defines once, by name. */
function named<T extends z.core.$ZodType>(id: string, description: string, type: T): T {
  documents.add(type, { id, description });
  return type;
}

const ordinal = (description: string) => about(description, z.optional(z.int().check(z.positive())));
const total = (description: string) => about(description, z.int().check(z.nonnegative()));

const text = named(
  "text",
  "A sentence in parts: prose, code inside it, and blocks of lines to paste or to read. No part is Markdown.",
  z.array(
    z.union([
      z.object({ text: z.string() }),
      z.object({ code: z.string() }),
      z.object({ block: z.string(), language: z.string() }),
    ]),
  ),
);

const severity = z.enum(["error", "warning", "notice"]);

const related = named(
  "related",
  "Another place that belongs to a finding.",
  z.object({
    file: z.string(),
    line: ordinal("1-based."),
    commit: about("Where the place is on the base branch only.", z.optional(z.string())),
    message: text,
  }),
);

const fix = named(
  "fix",
  "A textual edit that mends the finding.",
  z.object({
    title: z.string(),
    edits: z.array(
      z.object({
        file: z.string(),
        start: total("In UTF-16 units from the start of the file."),
        end: total("In UTF-16 units from the start of the file."),
        expected: about("What must stand there, else the edit does not fit.", z.string()),
        insert: z.string(),
      }),
    ),
  }),
);

const finding = named(
  "finding",
  "What a rule says.",
  z.object({
    rule: z.string(),
    severity,
    message: text,
    help: text,
    file: about(
      "Path from the repository's root, in the pull request's tree. Absent where the file is on the base branch only.",
      z.optional(z.string()),
    ),
    line: ordinal("1-based."),
    endLine: ordinal("1-based."),
    column: ordinal("1-based."),
    endColumn: ordinal("1-based."),
    environment: z.string(),
    revision: z.optional(z.string()),
    object: about("The database object that it is about.", z.optional(z.object({ kind: z.string(), name: z.string() }))),
    evidence: about("What was seen: the server's message, the difference.", z.optional(text)),
    blocks: about("Makes the job fail.", z.boolean()),
    preexisting: about("The base branch has it already.", z.boolean()),
    suppressed: about("Allowed by an ignore.", z.optional(z.object({ reason: z.string() }))),
    fingerprint: about(
      "The same for the same rule, environment, revision and object, whatever the line and the words.",
      z.string(),
    ),
    related: z.array(related),
    fix: z.optional(fix),
  }),
);

const objects = about(
  "The objects that are not the same, the first of them.",
  z.optional(
    z.array(
      named(
        "difference",
        "An object of the catalog that is not the same on both sides.",
        z.object({
          change: z.enum(["added", "removed", "changed"]),
          kind: z.string(),
          name: z.string(),
          properties: about(
            "In words; a value is absent on the side where it is unset.",
            z.array(z.object({ name: z.string(), before: z.optional(z.string()), after: z.optional(z.string()) })),
          ),
        }),
      ),
    ),
  ),
);

const phase = named(
  "phase",
  "A part of the round trip.",
  z.object({
    id: z.string(),
    title: z.string(),
    revisions: total("How many revisions it was to run."),
    seconds: z.number().check(z.nonnegative()),
    outcome: z.enum(["ok", "failed", "not-run"]),
    compared: about(
      "What the catalog was compared with afterwards, and how many objects differ.",
      z.optional(z.object({ with: z.string(), differences: z.int().check(z.nonnegative()), objects })),
    ),
    stoppedAt: about("The revision that stopped it.", z.optional(z.string())),
    reason: z.optional(text),
  }),
);

const graph = named(
  "graph",
  "The touched part of the revision graph.",
  z.object({
    nodes: z.array(
      z.object({
        id: z.string(),
        label: z.string(),
        parents: z.array(z.string()),
        state: z.enum(["base", "new", "edited", "deleted"]),
        head: z.boolean(),
        earlier: about("It has parents that are left out.", z.optional(z.literal(true))),
      }),
    ),
    omitted: total("How many revisions are left out."),
  }),
);

const lines = named(
  "lines",
  "Which lines of a new revision's function ran.",
  z.object({
    revision: z.string(),
    function: z.enum(["upgrade", "downgrade"]),
    file: z.string(),
    lines: total("How many lines may run."),
    ran: total("How many did."),
    never: about(
      "Those that never did.",
      z.array(
        z.object({
          line: about("1-based.", z.int().check(z.positive())),
          endLine: about("1-based.", z.int().check(z.positive())),
          below: about("The condition or the loop that they stand in.", z.optional(z.string())),
        }),
      ),
    ),
  }),
);

const slice = named(
  "slice",
  "One slice of a long history; other jobs have the others.",
  z.object({
    number: about("1-based, the newest first.", z.int().check(z.positive())),
    of: about("How many were asked for.", z.int().check(z.positive())),
    cut: about(
      "Where it was cut; absent where nothing was run.",
      z.optional(
        z.object({
          parts: about("Into how many the history could be cut.", z.int().check(z.positive())),
          revisions: total("How many revisions this one has."),
          top: about("Its uppermost revision.", z.optional(z.string())),
          bottom: about("The revision below it.", z.optional(z.string())),
        }),
      ),
    ),
    way: about(
      "How its way down ended: in the same schema; in another, which is nothing to the slices below; in another, so it went on to base; at a revision that fails.",
      z.optional(z.enum(["clean", "left", "base", "stopped"])),
    ),
    failedAgain: about("The second upgrade failed.", z.optional(z.literal(true))),
    whole: about("Everything that it was to run came to its end.", z.boolean()),
    otherwise: about(
      "The findings where other slices stopped, or failed to go up again.",
      z.object({
        stopped: z.optional(z.array(finding)),
        stoppedAbove: z.optional(z.array(finding)),
        failedBelow: z.optional(z.array(finding)),
      }),
    ),
  }),
);

const environment = named(
  "environment",
  "One Alembic environment.",
  z.object({
    name: z.string(),
    config: z.string(),
    base: about("What the pull request was compared with.", z.optional(z.object({ commit: z.string(), label: z.string() }))),
    heads: z.array(z.string()),
    repairedHeads: z.optional(z.array(z.string())),
    revisions: z.object({
      total: total("On the pull request's side."),
      added: about("Those that the base branch does not have.", z.array(z.string())),
      changed: about("Those that are other than on the base branch.", z.array(z.string())),
    }),
    server: about("Which server judged.", z.optional(z.string())),
    runtime: about("Versions of Python, Alembic and SQLAlchemy, and the database driver.", z.optional(z.string())),
    slice: z.optional(slice),
    graph: z.optional(graph),
    phases: z.array(phase),
    schema: about(
      "What the pull request does to the schema.",
      z.optional(
        z.object({ changes: z.array(text), objects, sql: z.array(z.object({ revision: z.string(), statement: z.string() })) }),
      ),
    ),
    lines: about(
      "Which lines of the new revisions' functions ran, with rows in their tables or without.",
      z.optional(z.array(lines)),
    ),
    findings: about("Worst first.", z.array(finding)),
    notChecked: about("What was not judged, and why.", z.array(z.object({ what: z.string(), reason: text }))),
  }),
);

const exitCode = "1 the project's fault, 2 wrong use, 3 the gate could not do its work.";

export const reportSchema = z.object({
  version: z.literal(1),
  verdict: z.enum(["pass", "fail", "error"]),
  exitCode: about(`0 passed, ${exitCode}`, z.literal([0, 1, 2, 3])),
  headline: text,
  environments: z.array(environment),
  failures: about(
    "What stopped the gate, where something did.",
    z.array(
      z.object({
        message: text,
        help: text,
        exitCode: about(exitCode, z.literal([1, 2, 3])),
        file: z.optional(z.string()),
        line: ordinal("1-based."),
      }),
    ),
  ),
  timings: about("Milliseconds by part of the gate.", z.record(z.string(), z.number())),
});

/** The schema as a document: JSON Schema 2020-12. Later versions may add properties, so it allows those that it does not name. */
export function reportSchemaDocument(): object {
  const { $schema, ...schema } = z.toJSONSchema(reportSchema, {
    metadata: documents,
    io: "input",
    // zod writes the range of JavaScript's integers, which says nothing.
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return { $schema, title: "Report of alembic-gate", ...schema };
}
