"""Whether the driver is there, which the extra `postgres` brings."""

from cqrs_cli.errors import Misuse


def check_installed() -> None:
    """Raise `Misuse` unless psycopg can be imported, with the library that it wraps."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        hint = "install the extra: pip install 'cqrs-cli[postgres]'"
        raise Misuse("a store on PostgreSQL wants the library psycopg", hint=hint, code="no-psycopg") from None
