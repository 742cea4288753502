/**
 * What GitHub's runner makes of a step's output: workflow commands become annotations, all else is log.
 * Written after the runner's own rules, because they are where a hostile name or a long list goes wrong.
 */
import path from "node:path";

interface Annotation {
  level: "error" | "warning" | "notice";
  file?: string;
  line?: number;
  endLine?: number;
  column?: number;
  endColumn?: number;
  title?: string;
  message: string;
}

export interface Command {
  name: string;
  properties: Record<string, string>;
  data: string;
}

export interface StepOutput {
  /** What GitHub shows beside the code: at most ten of each level, each cut at 4,096 characters. */
  annotations: Annotation[];
  /** What the runner dropped because ten of its level were there. */
  dropped: Annotation[];
  /** Every command that the runner obeyed, in order. */
  commands: Command[];
  /** What people read in the log. */
  log: string;
}

const PER_LEVEL = 10;
const MESSAGE_LENGTH = 4096;
const LEVELS = ["error", "warning", "notice"] as const;
const OBEYED = [
  ...LEVELS,
  "debug",
  "group",
  "endgroup",
  "add-mask",
  "add-matcher",
  "remove-matcher",
  "echo",
  "set-output",
  "save-state",
  "set-env",
  "add-path",
];

/** Replaces escapes one kind after the other, the percent sign last, as the runner does. */
const unescape = (value: string, escapes: readonly [string, string][]): string =>
  [...escapes, ["%25", "%"] as const].reduce((text, [escape, character]) => text.replaceAll(escape, character), value);
const LINES: [string, string][] = [
  ["%0D", "\r"],
  ["%0A", "\n"],
];
const PROPERTY: [string, string][] = [...LINES, ["%3A", ":"], ["%2C", ","]];
const OLD: [string, string][] = [["%3B", ";"], ...LINES, ["%5D", "]"]];

function properties(text: string, separator: string, escapes: [string, string][]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const item of text.split(separator)) {
    const at = item.indexOf("=");
    if (at > 0 && at < item.length - 1) found[item.slice(0, at).toLowerCase()] = unescape(item.slice(at + 1), escapes);
  }
  return found;
}

/** A command in one line of output, if there is one that is registered: `::name key=value::data` or, anywhere in the line, `##[name key=value]data`. */
export function readCommand(line: string, registered: ReadonlySet<string>): Command | undefined {
  const trimmed = line.trimStart();
  const end = trimmed.indexOf("::", 2);
  if (trimmed.startsWith("::") && end > 0) {
    const [, name = "", rest = ""] = /^([^ ]*) ?(.*)$/s.exec(trimmed.slice(2, end))!;
    if (registered.has(name.toLowerCase())) {
      return {
        name: name.toLowerCase(),
        properties: properties(rest.trim(), ",", PROPERTY),
        data: unescape(trimmed.slice(end + 2), LINES),
      };
    }
  }
  const start = line.indexOf("##[");
  const close = line.indexOf("]", start);
  if (start === -1 || close === -1) return undefined;
  const [, name = "", rest = ""] = /^([^ ]*) ?(.*)$/s.exec(line.slice(start + 3, close))!;
  if (!registered.has(name.toLowerCase())) return undefined;
  return { name: name.toLowerCase(), properties: properties(rest, ";", OLD), data: unescape(line.slice(close + 1), OLD) };
}

function annotation({ name, properties, data }: Command, workspace: string): Annotation {
  const number = (key: string) => (/^\d+$/.test(properties[key] ?? "") ? Number(properties[key]) : undefined);
  const found: Annotation = { level: name as Annotation["level"], message: data.slice(0, MESSAGE_LENGTH) };
  const { file, title } = properties;
  if (file) found.file = path.isAbsolute(file) && file.startsWith(workspace) ? path.relative(workspace, file) : file;
  if (title) found.title = title;
  const endLine = number("endline");
  const line = number("line") ?? endLine;
  const endColumn = number("endcolumn");
  const column = number("col") ?? endColumn;
  if (line !== undefined && !(endLine !== undefined && endLine < line))
    Object.assign(found, { line, ...(endLine !== undefined && { endLine }) });
  const oneLine = line !== undefined && (endLine === undefined || endLine === line);
  if (oneLine && column !== undefined && !(endColumn !== undefined && endColumn < column)) {
    Object.assign(found, { column, ...(endColumn !== undefined && { endColumn }) });
  }
  return found;
}

/** Reads the whole output of a step. */
export function readStepOutput(stdout: string, workspace: string): StepOutput {
  const registered = new Set<string>([...OBEYED, "stop-commands"]);
  const output: StepOutput = { annotations: [], dropped: [], commands: [], log: "" };
  const log: string[] = [];
  let stoppedUntil: string | undefined;
  for (const line of stdout.split(/\r\n|\n/)) {
    const command = readCommand(line, registered);
    if (stoppedUntil !== undefined) {
      if (command?.name === stoppedUntil) {
        registered.delete(stoppedUntil);
        stoppedUntil = undefined;
      }
      log.push(line);
      continue;
    }
    if (!command) {
      log.push(line);
      continue;
    }
    output.commands.push(command);
    if (command.name === "stop-commands") {
      stoppedUntil = command.data.toLowerCase();
      registered.add(stoppedUntil);
      log.push(line);
    } else if ((LEVELS as readonly string[]).includes(command.name)) {
      const made = annotation(command, workspace);
      const room = output.annotations.filter(({ level }) => level === made.level).length < PER_LEVEL;
      (room ? output.annotations : output.dropped).push(made);
      log.push(`##[${command.name}]${made.message}`);
    } else if (command.name === "group" || command.name === "endgroup") log.push(`##[${command.name}]${command.data}`);
  }
  return { ...output, log: log.join("\n") };
}

/** Reads GITHUB_OUTPUT: `name=value`, and `name<<DELIMITER` with lines up to the delimiter. */
export function readOutputs(content: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = content.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!;
    if (line === "") continue;
    const [, name, operator, rest] = /^(.*?)(=|<<)(.*)$/s.exec(line) ?? [];
    if (!name || rest === undefined) throw new Error(`The runner cannot read this line of GITHUB_OUTPUT: ${line}`);
    if (operator === "=") outputs[name] = rest;
    else {
      const end = lines.indexOf(rest, index + 1);
      if (end === -1) throw new Error(`The runner finds no end ${rest} in GITHUB_OUTPUT`);
      outputs[name] = lines.slice(index + 1, end).join("\n");
      index = end;
    }
  }
  return outputs;
}
