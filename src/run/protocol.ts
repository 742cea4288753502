/**
 * The lines that Node and the driver exchange: one JSON object a line, on descriptors 3 (Node → driver) and 4 (driver → Node).
 * driver/ is the other end. Seconds are wall time; files are absolute paths; lines are 1-based.
 */
import type { Connection } from "../postgres/server.ts";

export type { Connection };

/** First message: what to load. Answered by `hello` and `graph`, or `failed`. */
export interface Load {
  type: "load";
  /** Absolute path of alembic.ini or pyproject.toml. */
  config: string;
  format: "ini" | "pyproject";
  section: string;
  kind: "alembic" | "flask-migrate" | "factory";
  /** `module:function` that builds the Config. */
  factory?: string;
  /** -x arguments, `key=value`. */
  x: string[];
  /** Absolute root of the tree under test; frames in it are the project's. */
  root: string;
  /** Absolute path of the folder in which the project's commands are run; absent: where the process was started. */
  directory?: string;
  /** Absolute folders of revisions, where env.py sets them by itself. */
  versionFolders?: string[];
  /** Absolute root of another tree of the project: modules that are found there, as of an editable install, are taken from `root`. */
  insteadOf?: string;
  /** Names and addresses of other machines that may be reached; with `:port`, by that one alone. */
  allowed?: string[];
  /**
   * Ports that the databases have: where the kernel can limit it, nothing but these, those of `allowed` and those of services on this
   * machine is connected to, by no C library and no program either. Absent: Python's own connections are watched, and no others.
   */
  ports?: number[];
  /** The scratch databases are SQLite files, named by `database` of a connection; absent: Postgres. */
  sqlite?: true;
}

/**
 * First message instead of `load`: asks what revisions would execute, told from their files alone, without env.py and without a
 * database. Answered by one `sql` for each of them, in this order, and the end of the process; or by `failed`.
 */
interface Render extends Omit<Load, "type"> {
  type: "sql";
  /** Files are absolute. */
  revisions: { id: string; file: string }[];
}

/** Runs env.py once, with our own steps. Answered by events, the last of which is `run-end`. */
export interface Run {
  type: "run";
  direction: "upgrade" | "downgrade";
  /** In the order in which they are to run. None: env.py is run and does nothing. */
  revisions: string[];
  connection: Connection;
  /** true: each revision commits on its own, whatever env.py says; absent: as the project runs. */
  transactionPerMigration?: boolean;
  /** Ask for a connection for each place that env.py connects to, by `need-connection`. */
  several?: true;
  /** Stop after each step (`step-end`) until `go` or `abort`; `query` is answered meanwhile. */
  pause: boolean;
  /** Tell of each revision's function which of its lines ran. */
  lines?: boolean;
  /** Tell of each statement what a rendering would, and the lines of all functions of a revision's file. */
  exact?: true;
  /** Only while going up: downgrade() of some revisions is tried where their upgrade() has just been committed, and taken back. */
  trials?: {
    revisions: string[];
    /** Stop after these, while their work is there to be looked at, until `go` or `abort`. */
    watched: string[];
    /** After so many seconds nothing more is tried, and the run ends. */
    seconds: number;
  };
}

/** While paused: runs SQL on the migration's own connection and answers `rows` with the first column of the first row, as text. */
interface Query {
  type: "query";
  sql: string;
}

/** Runs env.py once, for autogenerate to compare the models with a database. Answered by `differences`. */
export interface Check {
  type: "check";
  connection: Connection;
  several?: true;
  /** Absolute paths of Python files that may declare models and that nobody imports. */
  changed: string[];
  /** What the models declare of these tables is told as well. */
  tables: string[];
  /** Only what differs: neither what autogenerate would write, nor whether that would change anything. */
  brief?: true;
  /** Makes all tables of the models instead; nothing is compared. */
  create?: true;
}

export type Request =
  | Load
  | Render
  | Run
  | Check
  | Query
  | { type: "go" }
  | { type: "abort" }
  /** Answers `need-connection`; null where there is none to give. */
  | { type: "connection"; connection: Connection | null }
  /** Asks what the process is waiting for; answered by `where` at once, even while a statement hangs. */
  | { type: "where" }
  /** Asks for a copy of the process: the first listens on descriptor 5 and talks on 6, the second on 7 and 8, the third on 9 and 10, the fourth on 11 and 12. Answered by `copied`; only while nothing runs. */
  | { type: "copy" }
  | { type: "bye" };

interface Frame {
  file: string;
  line: number;
  function: string;
}

/** Something raised in the project's code or in the database. */
export interface Raised {
  /** Class name: `ProgrammingError`. */
  type: string;
  message: string;
  /** Five characters, where the database raised it. */
  sqlstate?: string;
  sql?: string;
  /** Frames of the project's own files, outermost first. */
  frames: Frame[];
  /** The whole traceback, for the log. */
  traceback: string;
}

/** A statement that would be executed, as SQLAlchemy hands it to a driver. */
export interface RenderedStatement {
  /** Parameters are `?`. */
  sql: string;
  /**
   * One list for each row, of values as Python writes them: `10`, `'x'`, `None`. `<now>` is the time of the rendering, `<varies>` differs
   * each time that the revision runs, `<returned>` is a key that the server makes.
   */
  parameters: string[][];
  /** True: a question whose answer only a database knows, and nothing else; the rendering ends here. */
  asks?: boolean;
}

/** Something in which the models and a database differ. `from` is the database's, `to` the models' version of it, in words. */
export interface ModelDifference {
  /** `module`: models in a file that nothing imports; `operation`: what an extension of autogenerate finds. */
  kind:
    | "table"
    | "column"
    | "index"
    | "unique constraint"
    | "foreign key"
    | "check constraint"
    | "primary key"
    | "constraint"
    | "module"
    | "operation";
  /** The database lacks it, has it without a model, or has it otherwise. */
  change: "missing" | "extra" | "differs";
  /** `users`, `sales.users`; `[db:5432/billing] users` where several databases are asked for. */
  table: string | null;
  /** Of the column, index, constraint; null for the table itself. Constraints without a name are described. */
  name: string | null;
  /** What of a column or table differs. */
  property?: "type" | "nullable" | "default" | "comment";
  from?: string | null;
  to?: string | null;
  /** The name that a constraint has, if any. */
  called?: string;
  /** The class that is mapped to the table. */
  model?: string;
  /** What autogenerate would write. */
  operation: string;
  /** Rows need a value of this column, which no model knows. */
  required?: boolean;
  /** The operation was tried, and it changed nothing in the database; or a table is there, and autogenerate does not see it. */
  same?: boolean;
  /** What it is, where autogenerate does not see it: `view`. */
  there?: string;
  file?: string;
  line?: number;
  /** Where a model of a table stands that the database has, in a file that nothing imports. */
  unimported?: { file: string; line: number; model: string };
}

/** What a function would execute on tables without any rows. */
export interface Rendering {
  statements: RenderedStatement[];
  /** The first query whose rows were asked for, or the first thing of a missing module that was looked through: what follows depends on it. */
  reads: string | null;
  /** The file could be executed, so that the function could be called. */
  loaded: boolean;
  /** Modules that the file imports and that are not there; what they would do stands as `<missing name>` in the statements. */
  missing: string[];
  /** False: the statements are only the beginning. */
  ended: boolean;
  /** What stopped it; `meant`: by a `raise` of the revision's own. */
  raised?: Raised & { meant: boolean };
  /** Two renderings of it have different numbers of statements. */
  unsteady?: true;
}

export interface LoadedRevision {
  id: string;
  down: string[];
  dependsOn: string[];
  labels: string[];
  file: string;
}

/** A file that the project's code opened for writing, or made, by absolute path. */
export interface Writing {
  file: string;
  /** It was there before. */
  existed: boolean;
  /** Seconds of a clock that all processes share. */
  at: number;
}

export type Event =
  /** `limited`: the kernel keeps C libraries and other programs from other machines. */
  | { type: "hello"; python: string; alembic: string; sqlalchemy: string; limited: boolean }
  /**
   * `order` is Alembic's own order from the bases to the heads; `several`: env.py, made from a template such as `multidb`, migrates
   * several databases in one run.
   */
  | {
      type: "graph";
      revisions: LoadedRevision[];
      heads: string[];
      bases: string[];
      order: string[];
      versionFolders: string[];
      several: boolean;
      warnings: string[];
    }
  /**
   * A connection that was redirected, told once for each place in a run; `wanted` is where it was to go (`db:5432/app`),
   * `dialect` what the URL named (`postgresql`, `sqlite`), `driver` what was used.
   */
  | { type: "connect"; dialect: string; driver: string; wanted: string }
  /**
   * The project connects while it is being loaded, before a run has named a database; or to a further place, `wanted`, in a run with
   * several databases. Answered by `connection`.
   */
  | { type: "need-connection"; wanted?: string; file?: string; line?: number }
  /**
   * A connection that was refused: no Postgres, a host that is not the project's own and that a revision wants to reach, or another
   * machine. `quiet`: neither a revision nor env.py wanted it, but the application by itself. `late`: it is a service of this machine
   * that did not listen yet when the limit was drawn.
   */
  | { type: "foreign-connection"; wanted: string; quiet?: boolean; late?: boolean; file?: string; line?: number }
  /** The project's code starts another program; told where what it connects to is limited. */
  | { type: "program"; program: string; revision: string | null; quiet: boolean; file?: string; line?: number }
  /** Files in the tree that the project's code wrote. */
  | { type: "wrote"; files: Writing[] }
  /** env.py configured a context: where its version rows are. */
  | {
      type: "context";
      versionTable: string;
      versionTableSchema: string | null;
      transactionPerMigration: boolean;
      dialect: string;
      /** There are models to compare with. */
      models: boolean;
    }
  | { type: "step"; revision: string; direction: "upgrade" | "downgrade" }
  | {
      type: "statement";
      revision: string | null;
      sql: string;
      parameters: string | null;
      exact?: RenderedStatement;
      file?: string;
      line?: number;
      seconds: number;
      rows: number | null;
      /** Where env.py has several databases: the place that the connection was to lead to. */
      database?: string | null;
    }
  | {
      type: "statement-error";
      revision: string | null;
      sql: string;
      parameters: string | null;
      exact?: RenderedStatement;
      database?: string | null;
      file?: string;
      line?: number;
      message: string;
      sqlstate?: string;
    }
  /**
   * `inTransaction`: the step's work is not committed yet, only the migration's own connection sees it.
   * `unreported`: how many statements were left out, since there were thousands.
   */
  | {
      type: "step-end";
      revision: string;
      direction: "upgrade" | "downgrade";
      seconds: number;
      unreported: number;
      inTransaction: boolean;
    }
  /** Lines of a revision's function, before its step ends, or stops: those that may run, and those that did. Absent where nobody can tell. */
  | { type: "lines"; revision: string; every: number[]; ran: number[] }
  /** The downgrade() of a revision that has just gone up begins. What it executes belongs to the revision. */
  | { type: "trial"; revision: string }
  /**
   * It ended, or raised, and was taken back. `kept`: it could not be taken back, since something in it commits: the run ends there.
   */
  | { type: "trial-end"; revision: string; seconds: number; kept: boolean; raised?: Raised }
  | { type: "rows"; value: string | null; error?: string }
  /** The statement that has not ended yet and its seconds, or else the line that is being executed. */
  | {
      type: "where";
      revision: string | null;
      sql?: string;
      parameters?: string | null;
      file?: string;
      line?: number;
      seconds?: number;
    }
  /**
   * `ok`: env.py came to its end. `raised` may be set all the same: a revision failed, and env.py swallowed it.
   * `expected`: version rows as Alembic's own HeadMaintainer would leave them after the ended steps.
   * `contexts`: how often migrations were run by env.py.
   */
  | {
      type: "run-end";
      ok: boolean;
      raised?: Raised;
      expected: string[];
      contexts: number;
      seconds: number;
      /** Where env.py has set other folders of revisions than the configuration names. */
      versionFolders?: string[];
    }
  /** `process`: the id of the copy; null: it cannot be copied, since the project has threads, or has been copied twice. */
  | { type: "copied"; process: number | null }
  /**
   * `contexts`: how many of them had models; `declared`: definitions by table; `sources`: the project's files with models;
   * `strays`: files with models that come from the tree that `root` stands instead of.
   */
  | {
      type: "differences";
      raised?: Raised;
      contexts: number;
      differences: ModelDifference[];
      declared: Record<string, string>;
      sources: string[];
      strays: string[];
      seconds: number;
    }
  | { type: "sql"; revision: string; upgrade: Rendering; downgrade: Rendering }
  /** The driver could not load the project (before `graph`). `stage`: what it was doing. */
  | { type: "failed"; stage: "import-alembic" | "config" | "app" | "revisions"; raised: Raised };
