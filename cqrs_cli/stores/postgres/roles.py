"""Roles that may do no more than they must: one that sends and projects, and one that reads."""

from __future__ import annotations

from cqrs_cli.stores.operational import OPERATIONAL

CALLED = ("append", "begin_append", "write_commits", "hold")
"""The functions that a writer may call."""
WRITTEN = ("cqrs_checkpoints", "cqrs_definitions", "cqrs_read_models", *(table.name for table in OPERATIONAL))
"""The tables that it may change by hand."""


def roles(schema: str) -> str:
    """SQL that the owner of the schema runs, or an administrator: `<schema>_writer` and `<schema>_reader`.

    The writer changes the log by the functions alone, which only append; it owns the read models that it makes.
    """
    writer, reader, s = f'"{schema}_writer"', f'"{schema}_reader"', f'"{schema}"'
    written = ", ".join(f"{s}.{name}" for name in WRITTEN)
    lines = [
        "-- Passwords, or whatever else lets them in, are yours to give: ALTER ROLE … PASSWORD …",
        f"CREATE ROLE {writer} LOGIN;",
        f"CREATE ROLE {reader} LOGIN;",
        f"GRANT USAGE, CREATE ON SCHEMA {s} TO {writer};",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {s} TO {writer};",
        f"GRANT INSERT, UPDATE, DELETE ON {written} TO {writer};",
        *(f"GRANT EXECUTE ON FUNCTION {s}.{name} TO {writer};" for name in CALLED),
        f"GRANT USAGE ON SCHEMA {s} TO {reader};",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {s} TO {reader};",
        "-- Read models that the writer makes from now on: run this as the writer.",
        f"-- ALTER DEFAULT PRIVILEGES IN SCHEMA {s} GRANT SELECT ON TABLES TO {reader};",
    ]
    return "\n".join(lines) + "\n"
