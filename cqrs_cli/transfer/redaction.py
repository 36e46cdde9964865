"""What is to be hidden, as a step between a source and a sink: the last one, so that the others see what there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote

from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.known_values import KnownValues
from cqrs_cli.log.origins import MASKED
from cqrs_cli.log.rejections import Rejection, commit_of, of_commit
from cqrs_cli.masking import Mask
from cqrs_cli.stores.checks import check_append
from cqrs_cli.stores.commits import Commit
from cqrs_cli.transfer.parcel import Parcel
from cqrs_cli.transfer.source import Source

Fits = Callable[[Commit, Commit, int], None]
"""Takes a commit, the same masked, and its position. Raises `Misuse` if whoever took the one can't take the other."""


class Hidden(NamedTuple):
    """What is to be hidden. fields: each with its way. needed: those of them that must be there."""

    fields: Mapping[str, str]
    mask: Mask
    needed: Iterable[str] = ()


class Redaction:
    """Masks commits. name: the fields and their ways, and what tells one key from another. counts: of each field.

    `begin` reads all of the source before anything is taken from it: a name of a stream may hold what only a later
    event says.
    """

    def __init__(self, hidden: Hidden, fits: Fits | None = None) -> None:
        fields = ",".join(f"{quote(field)}:{way}" for field, way in sorted(hidden.fields.items()))
        self._mask, self._needed, self._fits = hidden.mask, tuple(hidden.needed), fits
        self.name = f"{MASKED}{fields}@{self._mask.fingerprint}"
        self.counts: Counter[str] = Counter()
        self._has_begun = False

    def begin(self, source: Source, begun: int) -> None:
        """Know the values in a source, of which all up to a position was copied before.

        Raises `Misuse` for a field that nothing is called like, and if something up to there holds what is known as a
        value only now: it was copied as it is.
        """
        mask, known_then, is_empty = self._mask, None, True
        for parcel in source.parcels(0):
            if known_then is None and parcel.position > begun:
                known_then = len(mask.known)
            mask.learn_commit(parcel.commit)
            is_empty = False
        if mask.prose(source.name) != source.name:
            raise Misuse(
                "the name of the source holds what is to be hidden, and the copy would have it",
                hint="another path, or for a file --source NAME",
                code="mask",
            )
        missing = [] if is_empty else [field for field in self._needed if field not in mask.seen]
        if missing:
            raise Misuse(
                f"nothing is called {missing[0]!r} in {source.name}: nothing would be hidden for it",
                hint="as in the payload; the keys of streams are called key, users user_id",
                code="mask",
                fields=missing,
            )
        if begun and known_then is not None and len(mask.known) > known_then:
            self._check_copied(source, begun, mask.known.later(known_then))
        self._has_begun = True

    def _check_copied(self, source: Source, begun: int, late: KnownValues) -> None:
        for parcel in source.parcels(0):
            if parcel.position > begun:
                return
            if any(late.prose(text) != text for text in _texts(parcel.commit)) or any(
                late.stream(event.stream) != event.stream for event in parcel.commit.events
            ):
                raise Misuse(
                    f"at @{parcel.position} is what came to be known as a value that is to be hidden only after it was "
                    "copied: the copy has it",
                    hint="remove that copy, and copy into a new store",
                    code="mask",
                    position=parcel.position,
                )

    def sealed(self, mark: str) -> str:
        """What a mark of the source is remembered as: a hash could be tried with guesses of what is hidden."""
        return self._mask.sealed(mark)

    def __call__(self, parcel: Parcel) -> Parcel:
        """The parcel, masked. Raises `Misuse` for a payload that is no JSON, and what can't be appended then."""
        if not self._has_begun:
            raise RuntimeError("the source was not looked through before")
        try:
            commit, counts = self._mask.commit(parcel.commit)
        except ValueError as error:
            raise Misuse(
                f"@{parcel.position} holds no JSON, so that fields of it can't be hidden: {error}",
                hint="leave it out, by --type or --map",
                code="mask",
                position=parcel.position,
            ) from error
        pairs = zip(parcel.commit.events, commit.events, strict=True)
        others = tuple([after for before, after in pairs if before != after])
        if others:
            try:
                check_append(commit._replace(events=others), ())
            except CqrsError as error:
                raise error.retold(f"masked, at @{parcel.position}: {error.message}") from error
            if self._fits is not None:
                self._fits(parcel.commit, commit, parcel.position)
        self.counts.update(counts)
        return parcel._replace(commit=commit, mark=None)

    def rejection(self, one: Rejection) -> Rejection:
        """A rejected command, masked, and its reason, which may quote it. Raises as for a parcel."""
        hidden = self(Parcel(commit_of(one), one.position)).commit
        return of_commit(one, hidden)._replace(reason=self._mask.prose(one.reason))


def _texts(commit: Commit) -> list[str]:
    data = [event.data for event in commit.events]
    if commit.command is not None and commit.command.data is not None:
        data.append(commit.command.data)
    envelope = (commit.id, commit.correlation_id, commit.causation_id, commit.user_id, commit.metadata)
    return [one.decode("utf-8", "replace") for one in data] + [text for text in envelope if text is not None]
