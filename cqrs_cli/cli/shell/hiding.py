"""What a run hides: `--mask`, `--redact` and the settings file's, on data, notes, errors and tracebacks alike."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cqrs_cli.cli.printing.masked import MaskedStream
from cqrs_cli.config import MASK_KEY, MASK_KEY_FILE, Settings
from cqrs_cli.errors import CqrsError, Misuse, StoreNotFound
from cqrs_cli.log.rejections import commit_of, rejections
from cqrs_cli.masking import Mask, redaction
from cqrs_cli.payloads.jsontext import HEARD
from cqrs_cli.pseudonyms import PSEUDONYM, Pseudonyms

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.printer import Printer
    from cqrs_cli.stores.contract import Store


class Hiding:
    """The mask of a run. From when it is made standard error is masked too, until `end`.

    options: fields by `mask` and `redact`, which are believed over the settings'. words: of the command line.
    fields: all of them, each with its way. typed: those of the command line.
    Raises `Misuse` for a way that is none, `ConfigurationError` for a key that could be guessed.
    """

    def __init__(self, settings: Settings, options: Mapping[str, Sequence[str]], words: Sequence[str]) -> None:
        fields = {field: redaction(f"{field}={way or PSEUDONYM}")[1] for field, way in settings.mask.items()}
        self.typed = dict.fromkeys(options.get("mask", ()), PSEUDONYM) | dict(map(redaction, options.get("redact", ())))
        self._url, self._words, self._read_to = settings.store, words, 0
        self._store: Store | None = None
        self._is_reading = False
        self.fields = fields | self.typed
        key = settings.mask_key
        self.mask = Mask(self.fields, Pseudonyms(key or os.urandom(32)))
        self.mask.refresh = self.learn_again
        self._told = key is not None or PSEUDONYM not in self.fields.values()
        self._learn_words()
        self._was = sys.stderr
        sys.stderr = MaskedStream(sys.stderr, self.mask)
        self._token = HEARD.set(self.mask.learn)

    def end(self) -> None:
        """Standard error is as it was."""
        sys.stderr = self._was
        HEARD.reset(self._token)
        if self._store is not None:
            self._store.close()

    def name_keys(self, keys: Mapping[str, Sequence[str]]) -> None:
        """What the keys of streams are called, by category: a stream that is typed may hold a value."""
        self.mask.name_keys(keys)
        for word in self._words:
            if word.partition("-")[0] in keys:
                self.mask.learn_stream(word.partition("@")[0] if word.count("@") == 1 else word.rpartition("@")[0])
                self.mask.learn_stream(word)

    def learn(self, url: str) -> None:
        """Know the values of the log of a store, by a connection of its own: whoever prints may be reading."""
        if url != self._url and self._store is not None:
            self._store.close()
            self._store, self._read_to = None, 0
        self._url = url
        if self._store is None:
            from cqrs_cli.stores.registry import open_store

            try:
                self._store = open_store(url, read_only=True)
            except StoreNotFound:  # there is none yet
                return
        try:
            if self._store.head() > self._read_to:
                self._read_to = self.mask.learn_log(self._store, self._read_to)
                for one in rejections(self._store.rows):
                    self.mask.learn_commit(commit_of(one))
        except CqrsError:  # it went, or another came in its place: it is opened anew, and read from its beginning
            store, self._store, self._read_to = self._store, None, 0
            store.close()
            raise

    def learn_again(self) -> None:
        """Know those that came since, as far as they can be read: what is told now may quote them."""
        if not self._is_reading:
            self._is_reading = True
            try:
                with contextlib.suppress(CqrsError):
                    self.learn(self._url)
            finally:
                self._is_reading = False

    def learn_lines(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """Know the values in lines of JSON, whatever is wrong with them: complaints quote them."""
        for _, line in lines:
            self.mask.learn_text(line)
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                events = record.get("events")
                for one in (record, *(events if isinstance(events, list) else ())):
                    for name in ("stream", "subject"):
                        if isinstance(one, dict) and isinstance(one.get(name), str):
                            self.mask.learn_stream(one[name])
                self.mask.learn({"user_id": record.get("cqrsuser")})

    def learn_yaml(self, files: Iterable[str | os.PathLike[str]]) -> None:
        """Know the values in files of YAML: what they are said to come to quotes them. Raises `Misuse` for no YAML."""
        import yaml

        for name in files:
            try:
                with open(name, encoding="utf-8") as file:
                    for document in yaml.safe_load_all(file):
                        self.mask.learn(document)
                        self._learn_streams(document)
            except (OSError, ValueError, RecursionError, yaml.YAMLError):
                raise Misuse(
                    f"{name} can't be read, so that nothing is known of what is to be hidden in it",
                    hint="without --mask and --redact it is said what is wrong with it",
                    code="mask",
                ) from None

    def _learn_streams(self, value: Any) -> None:
        if isinstance(value, str):
            self.mask.learn_stream(value)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self._learn_streams(item)

    def tell_unseen(self, printer: Printer) -> None:
        """Say which fields were asked for and not there, and that pseudonyms are of this run."""
        for field in self._unseen():
            printer.error(f"nothing is called {field!r} here: nothing was hidden for it")
        if self.mask.seen and not self._told:
            printer.message(
                f"the pseudonyms are of this run; with {MASK_KEY} or {MASK_KEY_FILE} set they are the same each time"
            )

    def tell_unmet(self, printer: Printer) -> None:
        """Say which fields were asked for that a log with events has none of so far."""
        self.learn_again()
        for field in self._unseen() if self._read_to else ():
            printer.error(f"nothing in the log is called {field!r} so far: nothing is hidden for it")

    def _unseen(self) -> list[str]:
        return [field for field in self.typed if field not in self.mask.seen]

    def _learn_words(self) -> None:
        """What is typed as an option or as `name=value`, or inside JSON, is quoted by what complains of it."""
        for number, word in enumerate(self._words):
            option, mark, value = word.partition("=")
            if not mark and word.startswith("--") and number + 1 < len(self._words):
                value = self._words[number + 1]
            if value:
                self.mask.learn({option.lstrip("-").rpartition(".")[2]: value})
            self.mask.learn_text((value if mark and value.startswith("{") else word).encode("utf-8", "replace"))
