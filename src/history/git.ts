/** git, run without a shell, without hooks and without prompts; and a commit as a Tree. */
import { execFile, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { devNull } from "node:os";
import path from "node:path";
import { Failure } from "../failure.ts";
import type { IdentifiedTree } from "../project/graph.ts";
import { block, code, text } from "../text.ts";

export interface Git {
  /** Absolute path of the checkout's root. */
  root: string;
  /** History ends early here: the clone was made with a depth. */
  shallow: boolean;
  objectFormat: "sha1" | "sha256";
  /** Runs git in the root; rejects with a GitError when it says no. */
  run(command: readonly string[], options?: RunOptions): Promise<Buffer>;
  /** The same, undefined when it says no. */
  ask(command: readonly string[], options?: RunOptions): Promise<string | undefined>;
  /** Reads an object by its id or by any other name that git knows, through one process for all of them. Undefined where there is none. */
  object(name: string): Promise<GitObject | undefined>;
}

interface GitObject {
  id: string;
  kind: string;
  bytes: Uint8Array;
}

interface RunOptions {
  environment?: Record<string, string>;
  /** Lets git use the network: to fetch, and to get what a partial clone lacks. */
  network?: boolean;
  /** Milliseconds; none by default. */
  timeout?: number;
}

/** git said no. */
export class GitError extends Error {
  readonly stderr: string;

  constructor(command: readonly string[], stderr: string) {
    super(`git ${command.join(" ")}: ${stderr}`);
    this.name = "GitError";
    this.stderr = stderr;
  }
}

/** What the repository's own configuration must not decide. */
const SETTINGS = [
  "safe.directory=*",
  "core.quotePath=false",
  "core.fsmonitor=false",
  "core.untrackedCache=false",
  `core.hooksPath=${devNull}`,
  "gc.auto=0",
  "maintenance.auto=false",
  "fetch.recurseSubmodules=false",
  "submodule.recurse=false",
  "color.ui=false",
].flatMap((setting) => ["-c", setting]);

/** Variables that would send git to another repository, or make it run something. Hooks set some of them. */
const FOREIGN =
  /^GIT_(DIR|COMMON_DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|PREFIX|EXTERNAL_DIFF|CEILING_DIRECTORIES|TRACE.*|.*_PATHSPECS|SHALLOW_FILE|QUARANTINE_PATH)$/;

function environmentOf(options: RunOptions): NodeJS.ProcessEnv {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
  return {
    ...own,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    ...(options.network ? {} : { GIT_NO_LAZY_FETCH: "1" }),
    ...options.environment,
  };
}

/** Adds settings to those that the environment already gives git. */
export function configEnvironment(settings: Record<string, string>): Record<string, string> {
  const first = Number(process.env.GIT_CONFIG_COUNT) || 0;
  const entries = Object.entries(settings);
  return {
    GIT_CONFIG_COUNT: String(first + entries.length),
    ...Object.fromEntries(
      entries.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${first + index}`, key],
        [`GIT_CONFIG_VALUE_${first + index}`, value],
      ]),
    ),
  };
}

function runIn(directory: string, command: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  const args = ["--no-pager", "--literal-pathspecs", ...SETTINGS, "-C", directory, ...command];
  return new Promise((resolve, reject) => {
    const child = execFile(
      "git",
      args,
      { env: environmentOf(options), encoding: "buffer", maxBuffer: 1 << 30, timeout: options.timeout ?? 0 },
      (error, stdout, stderr) => {
        if (!error) resolve(stdout);
        else if (error.code === "ENOENT") reject(noGit());
        else
          reject(new GitError(command, stderr.toString("utf8").trim() || (error.killed ? "no answer in time" : error.message)));
      },
    );
    child.stdin?.end();
  });
}

const noGit = () =>
  new Failure(
    3,
    text`${code("git")} was not found on this machine.`,
    text`Install it (Debian, Ubuntu: ${code("apt-get install git")}), or put it on the PATH.`,
  );

/**
 * Opens the checkout that a folder belongs to.
 *
 * @param directory absolute path
 * @returns undefined where it belongs to none
 */
export async function openGit(directory: string): Promise<Git | undefined> {
  let answer: string;
  try {
    answer = (
      await runIn(directory, ["rev-parse", "--show-toplevel", "--is-shallow-repository", "--show-object-format"])
    ).toString("utf8");
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if (/dubious ownership|unsafe repository/.test(error.stderr)) {
      throw new Failure(
        3,
        text`git refuses to read ${code(directory)}, since it belongs to another user.`,
        text`Let git trust it:${block(`git config --global --add safe.directory ${JSON.stringify(directory)}`, "sh")}`,
      );
    }
    return undefined;
  }
  const [root = "", shallow, format] = answer.trimEnd().split("\n");
  return gitIn(path.resolve(root), { shallow: shallow === "true", objectFormat: format === "sha256" ? "sha256" : "sha1" }, true);
}

/**
 * git in a folder that is known to be a repository.
 *
 * @param lazy whether what a partial clone lacks may be fetched when somebody reads it
 */
export function gitIn(root: string, { shallow, objectFormat }: Pick<Git, "shallow" | "objectFormat">, lazy = false): Git {
  return {
    root,
    shallow,
    objectFormat,
    run: (command, options) => runIn(root, command, options),
    ask: (command, options) =>
      runIn(root, command, options).then(
        (answer) => answer.toString("utf8").trim(),
        (error: unknown) => {
          if (error instanceof GitError) return undefined;
          throw error;
        },
      ),
    object: objectReader(() =>
      spawn("git", ["--no-pager", "--literal-pathspecs", ...SETTINGS, "-C", root, "cat-file", "--batch"], {
        env: environmentOf({ network: lazy }),
      }),
    ),
  };
}

/** Folders that are nobody's own source. */
const FOREIGN_FOLDERS = /(^|\/)(node_modules|__pycache__|site-packages)\//;

const trees = new WeakMap<Git, Map<string, IdentifiedTree>>();

/** The tree of one commit. Listings and blobs are read once. */
export function commitTree(git: Git, commit: string): IdentifiedTree {
  const known = trees.get(git) ?? new Map<string, IdentifiedTree>();
  const tree = known.get(commit) ?? openTree(git, commit);
  trees.set(git, known.set(commit, tree));
  return tree;
}

function openTree(git: Git, commit: string): IdentifiedTree {
  const listings = new Map<string, Promise<Map<string, string>>>();
  const blobs = new Map<string, Promise<Uint8Array | undefined>>();

  /** Path to blob id, of plain files below a folder or of one file. */
  const look = (place: string): Promise<Map<string, string>> => {
    let listing = listings.get(place);
    if (!listing) {
      listing = git.run(["ls-tree", "-r", "-z", "--full-tree", commit, ...(place === "" ? [] : ["--", place])]).then((answer) => {
        const files = new Map<string, string>();
        for (const line of answer.toString("utf8").split("\0")) {
          const match = /^100\d{3} blob ([0-9a-f]+)\t(.*)$/s.exec(line);
          if (match) files.set(match[2]!, match[1]!);
        }
        return files;
      });
      listings.set(place, listing);
    }
    return listing;
  };
  const id = async (file: string): Promise<string | undefined> => {
    for (const [place, listing] of listings) {
      if (place === "" || place === file || file.startsWith(`${place}/`)) return (await listing).get(file);
    }
    return (await look(file)).get(file);
  };
  return {
    id,
    async list(folder) {
      const prefix = folder === "" ? "" : `${folder}/`;
      const whole = await (listings.get("") ?? look(folder));
      return [...whole.keys()]
        .filter((file) => file.startsWith(prefix) && !FOREIGN_FOLDERS.test(file.slice(prefix.length)))
        .sort();
    },
    async read(file) {
      const blob = await id(file);
      if (blob === undefined) return undefined;
      let bytes = blobs.get(blob);
      if (!bytes) blobs.set(blob, (bytes = git.object(blob).then((found) => (found?.kind === "blob" ? found.bytes : undefined))));
      return bytes;
    },
  };
}

/** Which of these files git knows in the working tree. Paths are relative to the root. */
export async function trackedFiles(git: Git, files: readonly string[]): Promise<string[]> {
  const known: string[] = [];
  // A command line has no room for thousands.
  for (let from = 0; from < files.length; from += 200) {
    const paths = files.slice(from, from + 200).map((file) => `:(top,literal)${file}`);
    const answer = await git.run(["ls-files", "-z", "--full-name", "--", ...paths]);
    known.push(...answer.toString("utf8").split("\0").filter(Boolean));
  }
  return known;
}

/** What `cat-file --batch` says of an object that is there. */
const FOUND = /^([0-9a-f]+) (\w+) (\d+)$/;

/** Reads objects through one `cat-file --batch`, which is started for the first and ends with our own process. */
function objectReader(begin: () => ChildProcessWithoutNullStreams): Git["object"] {
  let child: ChildProcessWithoutNullStreams | undefined;
  let waiting: { resolve: (found: GitObject | undefined) => void; reject: (error: Error) => void }[] = [];
  let chunks: Buffer[] = [];
  let size = 0;
  let wanted = 0;

  /** Keeps our own process alive only while an answer is due. */
  const hold = (held: boolean) => {
    for (const part of [child, child?.stdin, child?.stdout, child?.stderr] as ({ ref?(): void; unref?(): void } | undefined)[]) {
      if (held) part?.ref?.();
      else part?.unref?.();
    }
  };
  const give = () => {
    if (size < wanted) return;
    let buffer = Buffer.concat(chunks, size);
    for (;;) {
      const end = buffer.indexOf(10);
      if (end < 0) break;
      const [, id, kind, length] = FOUND.exec(buffer.toString("latin1", 0, end)) ?? [];
      if (id === undefined || kind === undefined) {
        buffer = buffer.subarray(end + 1);
        waiting.shift()?.resolve(undefined);
        continue;
      }
      const stop = end + 1 + Number(length);
      if (buffer.length <= stop) {
        wanted = stop + 1;
        break;
      }
      const bytes = buffer.subarray(end + 1, stop);
      waiting.shift()?.resolve({ id, kind, bytes });
      buffer = buffer.subarray(stop + 1);
      wanted = 0;
    }
    chunks = buffer.length > 0 ? [buffer] : [];
    size = buffer.length;
    if (waiting.length === 0) hold(false);
  };
  const start = () => {
    const started = begin();
    let stderr = "";
    const fail = (error: Error) => {
      child = undefined;
      const left = waiting;
      waiting = [];
      for (const { reject } of left) reject(error);
    };
    started.stderr.on("data", (data: Buffer) => (stderr += data.toString("utf8")));
    started.stdout.on("data", (data: Buffer) => {
      chunks.push(data);
      size += data.length;
      give();
    });
    started.stdin.on("error", () => undefined);
    started.on("error", fail);
    started.on("close", () => fail(new GitError(["cat-file", "--batch"], stderr.trim() || "it ended early")));
    return started;
  };
  return (name) =>
    new Promise((resolve, reject) => {
      // No name has a line's end in it, and each line is a question.
      if (name.includes("\n")) return resolve(undefined);
      child ??= start();
      hold(true);
      waiting.push({ resolve, reject });
      child.stdin.write(`${name}\n`);
    });
}
