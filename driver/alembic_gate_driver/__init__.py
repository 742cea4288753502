"""Runs a project's own Alembic migrations, step by step, on a database that somebody else chose.

It tells what happens in lines of JSON (src/run/protocol.ts describes them) and judges nothing.
"""
