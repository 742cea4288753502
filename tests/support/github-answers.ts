/** What goes wrong between GitHub and us. */
import type { Answer } from "./github-api.ts";

/** What GitHub, or the way to it, can answer instead. */
export const ANSWERS: Record<string, { answer: Answer; said: string }> = {
  "401": { answer: { status: 401, body: { message: "Bad credentials" } }, said: "GitHub does not know the token (401)" },
  "403": { answer: { status: 403, body: { message: "Resource not accessible by integration" } }, said: "lacks" },
  "404": { answer: { status: 404, body: { message: "Not Found" } }, said: "lacks" },
  "422": { answer: { status: 422, body: { message: "Validation Failed" } }, said: "GitHub answered 422: Validation Failed" },
  "too long": {
    answer: {
      status: 422,
      body: { message: "Validation Failed", errors: [{ message: "body is too long (maximum is 65536 characters)" }] },
    },
    said: "GitHub answered 422",
  },
  "500": { answer: { status: 500, body: { message: "Server Error" } }, said: "GitHub answered 500: Server Error" },
  "503 in HTML": { answer: { status: 503, body: { message: "<html>\n::error::x" } }, said: "GitHub answered 503" },
  "rate limit": {
    answer: {
      status: 403,
      body: { message: "API rate limit exceeded" },
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4000000000" },
    },
    said: "GitHub's rate limit is used up",
  },
  "secondary rate limit": {
    answer: {
      status: 429,
      body: { message: "You have exceeded a secondary rate limit" },
      headers: { "retry-after": "600" },
    },
    said: "GitHub's rate limit is used up",
  },
  locked: {
    answer: { status: 403, body: { message: "Unable to create comment because issue is locked." } },
    said: "the conversation is locked (403)",
  },
  "a broken connection": { answer: "reset", said: "GitHub did not answer" },
};
