/** Why GitHub did not do what it was asked to, in words, and what opens the way. */
import { block, code, text, type Text } from "../text.ts";

export interface Trouble {
  /** What was not done: `the comment on the pull request`. */
  what: string;
  /** A clause: `the job's token lacks …`. */
  why: Text;
  /** The permission that would have been needed, where that is the matter. */
  permission?: Permission;
}

/** As a workflow file writes it. */
export type Permission = "pull-requests: write" | "pull-requests: read" | "checks: write";

interface Answer {
  status?: number;
  message: string;
  headers: Record<string, string | number | undefined>;
  /** GitHub itself answered; false: nobody did. */
  answered: boolean;
}

function answerOf(error: unknown): Answer {
  const { status, message, response } = error as {
    status?: number;
    message?: string;
    response?: { headers?: Answer["headers"]; data?: { message?: unknown; errors?: unknown } };
  };
  const said = response?.data?.message;
  return {
    ...(status !== undefined && { status }),
    message: typeof said === "string" ? said : (message ?? String(error)),
    headers: response?.headers ?? {},
    answered: response !== undefined,
  };
}

/** GitHub's words, which may hold anything, within a sentence. */
const quoted = (message: string) => code(message.replace(/\s+/g, " ").trim().slice(0, 200));

/** What an error of octokit means for what was to be done. Anything else that is thrown is told as it is: verdicts do not depend on it. */
export function troubleOf(error: unknown, what: string, permission: Permission): Trouble {
  const { status, message, headers, answered } = answerOf(error);
  // octokit gives a status to whatever happened on the way.
  if (!answered)
    return { what, why: text`${status === undefined ? "it failed here" : "GitHub did not answer"}: ${quoted(message)}` };
  const limited = status === 429 || (status === 403 && (headers["x-ratelimit-remaining"] === "0" || /rate limit/i.test(message)));
  if (limited) return { what, why: text`GitHub's rate limit is used up` };
  if (status === 401) return { what, why: text`GitHub does not know the token (401)` };
  if (status === 403 && /locked/i.test(message)) return { what, why: text`the conversation is locked (403)` };
  if (status === 403 || status === 404) {
    return { what, why: text`the job's token lacks ${code(permission)} (${status})`, permission };
  }
  return { what, why: text`GitHub answered ${status ?? "nothing"}: ${quoted(message)}` };
}

/** Does a step of the sending; what goes wrong is a trouble beside those that it tells itself. */
export async function attempt(what: string, permission: Permission, work: () => Promise<Trouble[] | void>): Promise<Trouble[]> {
  try {
    return (await work()) ?? [];
  } catch (error) {
    return [troubleOf(error, what, permission)];
  }
}

/**
 * One notice for all that was not done.
 *
 * @param fork whether the pull request is a fork's, whose runs get no more than they have
 */
export function noticeOf(troubles: readonly Trouble[], fork: boolean): Text | undefined {
  if (troubles.length === 0) return undefined;
  const reasons = new Map<string, Trouble[]>();
  for (const trouble of troubles) {
    const key = JSON.stringify(trouble.why);
    reasons.set(key, [...(reasons.get(key) ?? []), trouble]);
  }
  const clauses = [...reasons.values()].map((same) => text`${joined(same.map(({ what }) => what))}: ${same[0]!.why}`);
  const said = clauses.flatMap((clause, index) => [...(index === 0 ? [] : [{ text: "; " }]), ...clause]);
  const permissions = [...new Set(troubles.flatMap(({ permission }) => permission ?? []))].sort();
  return text`The verdict stands, but not everything reached GitHub. Missing: ${said}.${wayOut(permissions, fork)}`;
}

function wayOut(permissions: readonly Permission[], fork: boolean): Text {
  if (permissions.length === 0) return [];
  if (fork)
    return text` A run for a fork's pull request may only read; a ${code("workflow_run")} job can post for it: ${code("alembic-gate report --from report.json")}.`;
  const lines = ["permissions:", "  contents: read", ...permissions.map((permission) => `  ${permission}`)];
  return text` Add to the job: ${block(lines.join("\n"), "yaml")}`;
}

function joined(items: readonly string[]): string {
  return items.length < 2 ? (items[0] ?? "") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}
