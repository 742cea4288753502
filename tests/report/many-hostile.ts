/** Two hundred and more hostile texts, for reporters that are too slow to see thousands of mixtures. */
import { hostileTexts } from "./hostile.ts";

const ends = [
  "-->",
  "]]>",
  "</details>",
  "</script>",
  "</style>",
  "</pre>",
  "</svg>",
  "</title>",
  "</testcase>",
  "</failure>",
  "?>",
];
const commands = [
  "::error::x",
  "::set-output name=a::b",
  "##[error]x",
  "##[group]x",
  "##vso[task.complete result=Failed;]",
  "::endgroup::",
];
const attributes = [
  `" onload="alert(1)`,
  `' onclick='alert(1)`,
  "javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
];
const paths = [
  "../../etc/passwd",
  "/etc/passwd",
  "C:\\Windows\\x.py",
  "a\nb.py",
  "a:1:2: error: x [rule]",
  "file:///etc/passwd",
  "a?b#c",
];
const long = [
  "x".repeat(1_000_000),
  "`".repeat(10_000),
  "</details>\n".repeat(2_000),
  "\u202e".repeat(5_000),
  "表".repeat(20_000),
];

export const manyHostile: string[] = [
  ...hostileTexts,
  ...Array.from({ length: 40 }, (_, index) => `a${"`".repeat(index + 1)}b`),
  ...Array.from({ length: 32 }, (_, index) => `c${String.fromCharCode(index)}d`),
  ...ends.flatMap((end) => [end, `x ${end} <b>y</b>`]),
  ...commands.flatMap((command) => [command, `a\n${command}`, `a\r${command}`]),
  ...attributes,
  ...paths,
  "\u0085",
  "\u061c",
  "\u200e",
  "\u2069",
  "\ufffe",
  "\uffff",
  "\u{1f600}\ufe0f",
  "\u0300".repeat(50),
  "feature/<b>@team #12",
  "refs/heads/::error::",
  "[click](http://evil.example)",
  "{0} {1}",
  "%s %n",
  "${{ secrets.X }}",
];

/** Texts of up to a megabyte. */
export const longHostile: string[] = long;
