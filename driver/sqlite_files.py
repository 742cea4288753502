"""Runs SQL on SQLite files: one request a line on stdin, one answer a line on stdout, both JSON.

A process of its own, outside of the project: it reads what the project's migrations did to a scratch file.
"""

import json
import re
import sqlite3
import sys

_PLACEHOLDER = re.compile(r"\$(\d+)")


class _ScriptError(Exception):
    """One of several statements failed; `line` is where it begins."""

    def __init__(self, message, line):
        super().__init__(message)
        self.line = line


def _answer(request):
    connection = sqlite3.connect(request["file"], timeout=10, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        # Nobody needs these files after a crash.
        connection.execute("PRAGMA synchronous = OFF")
        if request["parameters"]:
            rows = connection.execute(_PLACEHOLDER.sub(r"?\1", request["sql"]), request["parameters"])
            return [dict(row) for row in rows]
        try:
            return [dict(row) for row in connection.execute(request["sql"])]
        except (sqlite3.Warning, sqlite3.ProgrammingError) as error:
            if "one statement at a time" not in str(error):
                raise
        _run_script(connection, request["sql"])
        return []
    finally:
        connection.close()


def _run_script(connection, script):
    """Run statement after statement, so that the line of one that fails can be told."""
    statement = ""
    line = 1
    for part in script.split(";"):
        statement += part + ";"
        if not sqlite3.complete_statement(statement):
            continue
        begin = line + statement[: len(statement) - len(statement.lstrip())].count("\n")
        try:
            connection.execute(statement)
        except sqlite3.Error as error:
            raise _ScriptError(str(error), begin) from error
        line += statement.count("\n")
        statement = ""


def _say(answer):
    sys.stdout.write(json.dumps(answer, default=repr) + "\n")
    sys.stdout.flush()


def main():
    """Say which SQLite this is, then answer until stdin is closed."""
    _say({"version": sqlite3.sqlite_version})
    for line in sys.stdin:
        try:
            answer = {"rows": _answer(json.loads(line))}
        except _ScriptError as error:
            answer = {"error": str(error), "line": error.line}
        except (sqlite3.Error, sqlite3.Warning) as error:
            answer = {"error": str(error)}
        _say(answer)


main()
