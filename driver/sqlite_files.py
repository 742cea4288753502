"""Runs SQL on SQLite files: one request a line on stdin, one answer a line on stdout, both JSON.

A process of its own, outside of the project: it reads what the project's migrations did to a scratch file.
"""

import json
import re
import sqlite3
import sys

_PLACEHOLDER = re.compile(r"\$(\d+)")


def _answer(request):
    connection = sqlite3.connect(request["file"], timeout=10, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        if request["parameters"]:
            rows = connection.execute(_PLACEHOLDER.sub(r"?\1", request["sql"]), request["parameters"])
            return [dict(row) for row in rows]
        if request["script"]:
            connection.executescript(request["sql"])
            return []
        return [dict(row) for row in connection.execute(request["sql"])]
    finally:
        connection.close()


def _say(answer):
    sys.stdout.write(json.dumps(answer, default=repr) + "\n")
    sys.stdout.flush()


def main():
    """Say which SQLite this is, then answer until stdin is closed."""
    _say({"version": sqlite3.sqlite_version})
    for line in sys.stdin:
        try:
            answer = {"rows": _answer(json.loads(line))}
        except (sqlite3.Error, sqlite3.Warning) as error:
            answer = {"error": str(error)}
        _say(answer)


main()
