"""A store as a source: any of them, read by its contract alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

from cqrs_cli.stores.addresses import shown
from cqrs_cli.stores.contract import BulkStore, Selection, Store, written
from cqrs_cli.stores.registry import path_of
from cqrs_cli.transfer.parcel import Parcel, parcel_of


class StoreSource:
    """The commits of a store, up to a position, the end of a commit; None: whatever there is."""

    def __init__(self, store: Store, until: int | None = None) -> None:
        self.store, self.until = store, until
        self.name, self.has_chain, self.begins = name_of(store.url), True, 0

    def parcels(self, after: int) -> Iterator[Parcel]:
        """The commits after a position."""
        store = self.store
        commits = store.written(after) if isinstance(store, BulkStore) else map(written, store.commits(after))
        for commit in commits:
            if self.until is not None and commit.position > self.until:
                return
            yield parcel_of(commit)

    def mark(self, position: int) -> str | None:
        """The hash of the commit that ends at the position."""
        found = next(self.store.read(Selection(before=position + 1, backwards=True, limit=1)), None)
        commit = None if found is None or found.position != position else self.store.commit(found.commit_id)
        if commit is None or commit.hash is None or commit.events[-1].position != position:
            return None
        return commit.hash.hex()

    def wait(self, after: int, seconds: float) -> bool:
        """Until the store has more."""
        return self.store.wait(after, seconds)


def name_of(url: str) -> str:
    """A store's URL, the same wherever one stands, and without a password: it is kept in other stores."""
    file = path_of(url)
    return shown(url) if file is None else "sqlite:" + os.path.realpath(file)
