/** The URL of the server that the whole suite shares. */
import { inject } from "vitest";

/** @param role another role than the server's own, where a test must know its databases by their owner */
export function sharedUrl(role?: { user: string; password: string }): string {
  const { host, port, database, ...own } = inject("postgres");
  const { user, password } = role ?? own;
  return `postgresql://${user}:${password}@${host}:${port}/${database}`;
}
