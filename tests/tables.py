"""Tables of read models as somebody treats them who has the database and no domain, whatever store it is."""

from pathlib import Path

from cqrs_cli.stores.registry import open_store


def drop(store: str | Path, name: str) -> None:
    """Drop the table of a read model, and its view; its checkpoint stays."""
    with open_store(str(store)) as other, other.transaction() as rows:
        rows.drop(name)
