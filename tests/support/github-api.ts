/**
 * A GitHub of our own on 127.0.0.1, which keeps what is posted. Every request and every answer of its is held against GitHub's own
 * description of its API (github-openapi.json is the part that is needed, from the npm package @octokit/openapi); what does not fit is
 * a fault. Beyond that it refuses what GitHub is known to refuse: long bodies, lines that are not in the diff.
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import Ajv from "ajv";
import { rightSide } from "../../src/report/suggestions.ts";
import type { Repository } from "./repository.ts";
import { git } from "./repository.ts";

interface Schema {
  $ref?: string;
  type?: string;
  nullable?: boolean;
  enum?: unknown[];
  format?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  additionalProperties?: boolean | Schema;
}

interface Parameter {
  $ref?: string;
  name: string;
  in: string;
  required?: boolean;
  schema: Schema;
}

interface Operation {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { $ref?: string; content?: Record<string, { schema: Schema }> }>;
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

const description = JSON.parse(readFileSync(path.join(import.meta.dirname, "github-openapi.json"), "utf8")) as Description;

const ajv = new Ajv({ nullable: true, unknownFormats: "ignore", format: false, schemaId: "$id" });
ajv.addSchema({ $id: "github", ...description });

function resolved<T extends { $ref?: string }>(value: T): T {
  if (value.$ref === undefined) return value;
  const found = value.$ref
    .split("/")
    .slice(1)
    .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], description);
  return resolved(found as T);
}

const pointer = (...keys: string[]) =>
  `github#/${keys.map((key) => encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`;

/** What is wrong with a value, if anything. */
function wrong(value: unknown, ...place: string[]): string | undefined {
  const ref = pointer(...place);
  return ajv.validate({ $ref: ref }, value) ? undefined : `${ajv.errorsText()} in ${JSON.stringify(value).slice(0, 300)}`;
}

/** The smallest value of a schema, with these properties where it has them. */
function sample(given: Schema, more: Record<string, unknown> = {}): unknown {
  const schema = resolved(given);
  if (schema.enum) return schema.enum[0];
  if (schema.nullable) return null;
  const [choice] = schema.anyOf ?? schema.oneOf ?? [];
  if (choice && !schema.properties) return sample(choice, more);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => sample(part)), more) as unknown;
  if (schema.type === "array") return [];
  if (schema.type === "integer" || schema.type === "number") return 1;
  if (schema.type === "boolean") return false;
  if (schema.type === "string")
    return schema.format === "date-time" ? "2026-11-21T10:00:00Z" : schema.format === "uri" ? "https://github.example/x" : "x";
  const properties = (schema.required ?? []).map((name) => [
    name,
    name in more ? more[name] : sample(schema.properties?.[name] ?? { type: "string" }),
  ]);
  return { ...Object.fromEntries(properties), ...more };
}

const component = (name: string, more: Record<string, unknown>) =>
  sample(description.components.schemas![name] as Schema, more) as Record<string, unknown>;

interface Account {
  login: string;
  type: "Bot" | "User";
}

/** Whose token it is that the tests hand out. */
export const BOT: Account = { login: "github-actions[bot]", type: "Bot" };

interface Comment {
  id: number;
  user: Account;
  body: string;
}

interface ReviewComment extends Comment {
  path: string;
  /** Undefined: outdated. */
  line?: number;
  startLine?: number;
}

interface PullRequest {
  number: number;
  title?: string;
  head: string;
  /** `owner:branch`. */
  headLabel?: string;
  base?: string;
  updated?: string;
}

interface Call {
  method: string;
  /** With its parameters: `/repos/octo/shop/pulls?state=open`. */
  url: string;
  /** As the description has it. */
  operation: string;
  body: unknown;
  status: number;
}

/** An answer instead of the usual one; `hang` answers never, `reset` ends the connection. */
export type Answer = { status: number; body?: object; headers?: Record<string, string> } | "hang" | "reset";

export interface FakeGitHub {
  url: string;
  comments: Comment[];
  reviewComments: ReviewComment[];
  /** Annotations that were added to check runs, by request. */
  annotations: object[][];
  /** Other open pull requests. */
  pulls: PullRequest[];
  /** Labels of pull requests, by number. */
  labels: Map<number, string[]>;
  calls: Call[];
  /** What did not fit GitHub's own description. */
  faults: string[];
  /** Patches by file, for the pull request's files. */
  patches: Map<string, string>;
  /** Whose token it is; a bot's may not ask who it is. */
  me: Account;
  /** Before all paths, as a GitHub Enterprise Server has it. */
  prefix: string;
  /** Asked before each answer. */
  instead?: (operation: string, calls: readonly Call[]) => Answer | undefined;
  close(): Promise<void>;
}

const MOST = 65_536;

/** Lets a test have one, and holds it against the description at the end. */
export async function withGitHub<T>(use: (github: FakeGitHub) => Promise<T>): Promise<T> {
  const github = await fakeGitHub();
  try {
    const result = await use(github);
    if (github.faults.length > 0) throw new Error(github.faults.join("\n"));
    return result;
  } finally {
    await github.close();
  }
}

async function fakeGitHub(): Promise<FakeGitHub> {
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  const fake: FakeGitHub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    comments: [],
    reviewComments: [],
    annotations: [],
    pulls: [],
    labels: new Map(),
    calls: [],
    faults: [],
    patches: new Map(),
    me: BOT,
    prefix: "",
    close,
  };
  let ids = 1000;
  return fake;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    const url = new URL(request.url!, fake.url);
    const method = request.method!.toLowerCase();
    const found = findOperation(method, decodeURIComponent(url.pathname).replace(fake.prefix, ""));
    const call: Call = {
      method: request.method!,
      url: request.url!,
      operation: found ? `${request.method!} ${found.template}` : "unknown",
      body,
      status: 0,
    };
    fake.calls.push(call);
    const other = fake.instead?.(call.operation, fake.calls);
    if (other === "hang") return;
    if (other === "reset") return void request.socket.destroy();
    const {
      status,
      data,
      headers = {},
    }: { status: number; data: unknown; headers?: Record<string, string> } = other
      ? { status: other.status, data: other.body ?? { message: "made up" }, headers: other.headers }
      : !/^(token|bearer) gh[sp]_/i.test(request.headers.authorization ?? "")
        ? { status: 401, data: { message: "Bad credentials" } }
        : found
          ? reply(found, url, body)
          : { status: 404, data: { message: "Not Found" } };
    call.status = status;
    if (!found) fake.faults.push(`${call.method} ${call.url} is not described`);
    else if (!other) check(found, method, url, body, status, data);
    response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
    response.end(JSON.stringify(data));
  }

  function check(found: Found, method: string, url: URL, body: unknown, status: number, data: unknown): void {
    const complain = (what: string | undefined) => what !== undefined && fake.faults.push(`${method} ${found.template}: ${what}`);
    const place = ["paths", found.template, method];
    const parameters = (found.operation.parameters ?? []).map((parameter) => resolved(parameter));
    for (const [name, value] of url.searchParams) {
      const parameter = parameters.find((one) => one.in === "query" && one.name === name);
      if (!parameter) complain(`unknown parameter ${name}`);
      else if (resolved(parameter.schema).type === "integer" && !/^\d+$/.test(value)) complain(`${name} is ${value}`);
      else if (resolved(parameter.schema).enum?.includes(value) === false) complain(`${name} is ${value}`);
    }
    for (const [name, value] of Object.entries(found.values)) {
      const parameter = parameters.find((one) => one.in === "path" && one.name === name);
      if (parameter?.schema.type === "integer" && !/^\d+$/.test(value)) complain(`${name} is ${value}`);
    }
    const wanted = found.operation.requestBody?.content["application/json"]?.schema;
    if (wanted) {
      complain(wrong(body, ...place, "requestBody", "content", "application/json", "schema"));
      unknownProperties(wanted, body).forEach((name) => complain(`unknown property ${name}`));
    } else if (body !== undefined) complain("a body that nobody asked for");
    const answered = found.operation.responses[String(status)];
    // Any call may be answered so; GitHub does not say it of each.
    if (status === 401) return;
    if (!answered) complain(`an answer with status ${status}`);
    else if (answered.$ref) complain(wrong(data, ...answered.$ref.split("/").slice(1), "content", "application/json", "schema"));
    else if (answered.content?.["application/json"])
      complain(wrong(data, ...place, "responses", String(status), "content", "application/json", "schema"));
  }

  function reply({ template, values, operation }: Found, url: URL, body: unknown): { status: number; data: unknown } {
    const sent = body as Record<string, unknown>;
    const page = Number(url.searchParams.get("page") ?? 1);
    const size = Number(url.searchParams.get("per_page") ?? 30);
    const paged = <T>(items: readonly T[]) => ({ status: 200, data: items.slice((page - 1) * size, page * size) });
    const invalid = (message: string) => ({
      status: 422,
      data: {
        message: "Validation Failed",
        documentation_url: "https://docs.github.example",
        errors: [template.endsWith("/reviews") ? message : { message, code: "custom" }],
      },
    });
    const tooLong = (value: unknown) => typeof value === "string" && value.length > MOST;
    const method = Object.entries(description.paths[template]!).find(([, one]) => one === operation)![0];
    switch (`${method} ${template.replace("/repos/{owner}/{repo}", "")}`) {
      case "get /issues/{issue_number}/comments":
        return paged(fake.comments.map(commentAnswer));
      case "post /issues/{issue_number}/comments": {
        if (tooLong(sent.body)) return invalid("body is too long (maximum is 65536 characters)");
        const made = { id: ids++, user: fake.me, body: sent.body as string };
        fake.comments.push(made);
        return { status: 201, data: commentAnswer(made) };
      }
      case "patch /issues/comments/{comment_id}": {
        const comment = fake.comments.find(({ id }) => id === Number(values.comment_id))!;
        if (tooLong(sent.body)) return invalid("body is too long (maximum is 65536 characters)");
        comment.body = sent.body as string;
        return { status: 200, data: commentAnswer(comment) };
      }
      case "delete /issues/comments/{comment_id}":
        fake.comments = fake.comments.filter(({ id }) => id !== Number(values.comment_id));
        return { status: 204, data: undefined };
      case "get /pulls/{pull_number}/comments":
        return paged(fake.reviewComments.map(reviewCommentAnswer));
      case "patch /pulls/comments/{comment_id}": {
        const comment = fake.reviewComments.find(({ id }) => id === Number(values.comment_id))!;
        comment.body = sent.body as string;
        return { status: 200, data: reviewCommentAnswer(comment) };
      }
      case "post /pulls/{pull_number}/reviews": {
        const comments = (sent.comments ?? []) as { path: string; line: number; start_line?: number; body: string }[];
        for (const { path: file, line, start_line: start = line, body: words } of comments) {
          const lines = rightSide(fake.patches.get(file) ?? "");
          if (!lines.has(line) || !lines.has(start) || start > line)
            return invalid("pull_request_review_thread.line must be part of the diff");
          if (tooLong(words)) return invalid("body is too long (maximum is 65536 characters)");
        }
        for (const { path: file, line, start_line: startLine, body: words } of comments)
          fake.reviewComments.push({ id: ids++, user: fake.me, body: words, path: file, line, startLine });
        return { status: 200, data: component("pull-request-review", { user: account(BOT), body: sent.body, id: ids++ }) };
      }
      case "get /pulls/{pull_number}/files":
        return paged(
          [...fake.patches].map(([filename, patch]) => component("diff-entry", { filename, patch, status: "modified" })),
        );
      case "get /pulls/{pull_number}": {
        const number = Number(values.pull_number);
        const labels = fake.labels.get(number);
        if (labels) return { status: 200, data: queuedAnswer(number, labels) };
        return { status: 404, data: { message: "Not Found" } };
      }
      case "get /pulls":
        return paged(fake.pulls.filter((pull) => isAskedFor(pull, url.searchParams)).map(pullAnswer));
      case "patch /check-runs/{check_run_id}": {
        const { annotations = [] } = sent.output as { annotations?: object[] };
        fake.annotations.push(annotations);
        return { status: 200, data: component("check-run", { id: Number(values.check_run_id) }) };
      }
      case "get /user":
        if (fake.me.type === "User") return { status: 200, data: component("public-user", { ...fake.me }) };
        return {
          status: 403,
          data: { message: "Resource not accessible by integration", documentation_url: "https://docs.github.example" },
        };
      default:
        return { status: 404, data: { message: "Not Found" } };
    }
  }
}

const account = ({ login, type }: Account) => component("simple-user", { login, type });
const commentAnswer = ({ id, user, body }: Comment) => component("issue-comment", { id, body, user: account(user) });
const reviewCommentAnswer = ({ id, user, body, path: file, line, startLine }: ReviewComment) =>
  component("pull-request-review-comment", {
    id,
    body,
    path: file,
    user: account(user),
    ...(line !== undefined && { line }),
    ...(startLine !== undefined && { start_line: startLine }),
  });
const pullAnswer = ({ number, title = `Pull request ${number}`, head, base = "main", updated }: PullRequest) => {
  const side = (ref: string, sha: string) => ({
    label: `octo:${ref}`,
    ref,
    sha,
    repo: component("repository", { full_name: "octo/shop", name: "shop" }),
    user: account({ login: "octo", type: "User" }),
  });
  return component("pull-request-simple", {
    number,
    title,
    state: "open",
    html_url: `https://github.example/octo/shop/pull/${number}`,
    head: side(`branch-${number}`, head),
    base: side(base, "0".repeat(40)),
    ...(updated !== undefined && { updated_at: updated }),
  });
};

/** One pull request as it is answered alone. */
const queuedAnswer = (number: number, labels: readonly string[]) => {
  const label = description.components.schemas!["pull-request"] as { properties: { labels: { items: Schema } } };
  return component("pull-request", {
    number,
    state: "open",
    labels: labels.map((name) => sample(label.properties.labels.items, { name })),
  });
};

function isAskedFor({ base = "main", headLabel }: PullRequest, asked: URLSearchParams): boolean {
  return base === (asked.get("base") ?? base) && (headLabel ?? null) === (asked.get("head") ?? headLabel ?? null);
}

interface Found {
  template: string;
  operation: Operation;
  values: Record<string, string>;
}

function findOperation(method: string, pathname: string): Found | undefined {
  const parts = pathname.split("/");
  for (const [template, operations] of Object.entries(description.paths)) {
    const names = template.split("/");
    const operation = operations[method];
    if (!operation || names.length !== parts.length) continue;
    if (!names.every((name, index) => name.startsWith("{") || name === parts[index])) continue;
    const values = names.flatMap((name, index) => (name.startsWith("{") ? [[name.slice(1, -1), parts[index]!]] : []));
    return { template, operation, values: Object.fromEntries(values) as Record<string, string> };
  }
  return undefined;
}

/** Names in a body that the description does not have. */
function unknownProperties(given: Schema, value: unknown): string[] {
  const schema = resolved(given);
  if (Array.isArray(value)) return value.flatMap((item) => (schema.items ? unknownProperties(schema.items, item) : []));
  const { properties } = schema;
  if (typeof value !== "object" || value === null || !properties) return [];
  return Object.entries(value).flatMap(([name, item]) => (properties[name] ? unknownProperties(properties[name], item) : [name]));
}

/** The pull request's files as GitHub's diff has them. */
export async function patchesOf({ origin, base, head }: Repository): Promise<Map<string, string>> {
  const names = (await git(origin, "diff", "--name-only", "-z", `${base}...${head}`)).split("\0").filter(Boolean);
  const patches = new Map<string, string>();
  for (const name of names) {
    const diff = await git(origin, "diff", `${base}...${head}`, "--", name);
    const start = diff.indexOf("@@");
    if (start >= 0) patches.set(name, diff.slice(start));
  }
  return patches;
}
