"""What is masked: the fields that the settings name are hidden in whatever leaves, whoever asks."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from cqrs_cli.domain.domain import Domain
from cqrs_cli.masking import Mask, redaction
from cqrs_cli.pseudonyms import PSEUDONYM, Pseudonyms
from cqrs_cli.stores.contract import Store


class Hiding:
    """The mask of a server, which threads share. Its values are learned from the log before anything is shown.

    fields: each with its way. key: of pseudonyms and links that are the same each time; None: of this run.
    Raises `Misuse` for a way that is none.
    """

    def __init__(self, domain: Domain, fields: Mapping[str, str], key: bytes | None) -> None:
        ways = {field: redaction(f"{field}={way or PSEUDONYM}")[1] for field, way in fields.items()}
        from cqrs_cli.http.seals import Seals  # cryptography is imported by who masks alone

        key = key or os.urandom(32)
        self._mask, self._seals = Mask(ways, Pseudonyms(key)), Seals(key)
        self._mask.name_keys({name: one.key for name, one in domain.categories.items()})
        self._lock, self._read_to = threading.Lock(), 0

    def learn(self, store: Store) -> None:
        """Know the values that came to the log since."""
        with self._lock:
            if store.head() > self._read_to:
                self._read_to = self._mask.learn_log(store, self._read_to)

    def learn_given(self, value: Any) -> None:
        """Know the values in what a client sent, which complaints quote."""
        with self._lock:
            self._mask.learn(value)

    def record(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """A record without what is hidden."""
        with self._lock:
            hidden: Mapping[str, Any] = self._mask.record(record)
        return hidden

    def prose(self, text: str) -> str:
        """A text without what is hidden."""
        with self._lock:
            return self._mask.prose(text)

    def sealed(self, place: str) -> str:
        """What stands in a link for a place that holds values: a word that means it here."""
        return self._seals.word(place)

    def opened(self, word: str) -> str:
        """The place that a word of `sealed` means; what is none is a place itself."""
        found = self._seals.text(word)
        return word if found is None else found
