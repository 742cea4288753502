#!/bin/sh
# The hook of pre-commit: the built command line, which needs nothing but Node.
if ! command -v node >/dev/null 2>&1; then
  echo "alembic-gate needs Node 20.12 or later, and there is no node on PATH: https://nodejs.org" >&2
  exit 3
fi
exec node "$(dirname "$0")/../dist/cli.js" hook "$@"
