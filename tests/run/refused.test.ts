import { describe, expect, test } from "vitest";
import { refusals, refusedIn } from "../../src/run/refused.ts";

describe("what was refused is read from what programs say of it", () => {
  test.each([
    [
      "psql",
      'psql: error: connection to server at "warehouse" (192.0.2.1), port 5439 failed: Permission denied\n\tIs the server running',
      "warehouse:5439",
    ],
    [
      "an old psql",
      'psql: could not connect to server: Permission denied\n\tIs the server running on host "warehouse" (192.0.2.1) and accepting\n\tTCP/IP connections on port 5439?',
      "warehouse:5439",
    ],
    ["curl", "curl: (7) Failed to connect to 192.0.2.1 port 443 after 0 ms: Couldn't connect to server", "192.0.2.1:443"],
    ["wget", "Connecting to example.com (example.com)|192.0.2.1|:80... failed: Permission denied.", "example.com:80"],
    ["mysql", "ERROR 2003 (HY000): Can't connect to MySQL server on 'db:3306' (13)", "db:3306"],
    ["bash", "bash: connect: Permission denied\nbash: line 1: /dev/tcp/192.0.2.1/81: Permission denied", "192.0.2.1:81"],
    ["ssh", "ssh: connect to host build port 22: Permission denied", "build:22"],
    ["redis-cli", "Could not connect to Redis at cache:6379: Permission denied", "cache:6379"],
    ["Go", "dial tcp [2001:db8::1]:443: connect: permission denied", "[2001:db8::1]:443"],
    ["Node.js", "Error: connect EACCES 192.0.2.1:443 - Local (0.0.0.0:0)", "192.0.2.1:443"],
    ["asyncio", "PermissionError: [Errno 13] Connect call failed ('192.0.2.1', 443)", "192.0.2.1:443"],
    ["Python", "urllib.error.URLError: <urlopen error [Errno 13] Permission denied>", "another machine"],
    ["a C library", "connect(): Permission denied", "another machine"],
  ])("by %s", (_, said, wanted) => expect(refusedIn(said)).toEqual([wanted]));

  test.each([
    "PermissionError: [Errno 13] Permission denied: '/var/log/app.log'",
    "curl: (7) Failed to connect to localhost port 9200 after 0 ms: Couldn't connect to server",
    "ConnectionRefusedError: [Errno 111] Connect call failed ('192.0.2.1', 443)",
    'psql: error: connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed: Permission denied',
    "git@github.com: Permission denied (publickey).",
    "scripts/load.sh:12: permission denied",
    "Connected to db:5432",
  ])("and nothing else is: %s", (said) => expect(refusedIn(said)).toEqual([]));

  test("in no time, whatever it is", () => {
    const started = performance.now();
    for (const part of ["a", "connect ", "connect a:1: ", "Connecting to a|", "dial a:1", "[Errno 13] ", "::"])
      refusedIn(part.repeat(65_536 / part.length));
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe("a refusal is told of", () => {
  const curl = { program: "curl", revision: "a", quiet: false, file: "versions/a.py", line: 9 };
  const git = { program: "git", revision: null, quiet: true, file: "app.py", line: 2 };
  const printed = "curl: (7) Failed to connect to 192.0.2.1 port 443 after 0 ms: Couldn't connect to server";

  test("the line that started the program which speaks of it", () =>
    expect(refusals(printed, [curl, git], [])).toEqual([
      { wanted: "192.0.2.1:443", quiet: false, file: "versions/a.py", line: 9 },
    ]));

  test("the line that raised it, once", () =>
    expect(refusals(printed, [git], [{ message: printed, traceback: "", file: "versions/b.py", line: 3 }])).toEqual([
      { wanted: "192.0.2.1:443", quiet: false, file: "versions/b.py", line: 3 },
    ]));

  test("nobody, where no program was started", () => expect(refusals(printed, [], [])).toEqual([]));
});
