"""Where pseudonyms are put: in the fields that were named, and wherever their values stand in other texts.

A field is named as in the payload (`email`), at any depth and in lists, or with what it is in (`address.street`); `key`
is the key of every stream. Its values are learned, out of the log and of whatever is shown, so that a stream's name, a
message or a traceback that quotes one is masked too. Texts under four characters and numbers under five digits are
masked in their field and in names of streams alone: elsewhere they would be anything.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cqrs_cli.errors import Misuse
from cqrs_cli.jsonable import Digits, RawJson, jsonable
from cqrs_cli.known_values import KnownValues, parts_of
from cqrs_cli.pseudonyms import BLANK, REDACTED, WAYS, Pseudonyms, written_number

if TYPE_CHECKING:
    from cqrs_cli.stores.commits import Commit, RecordedCommit
    from cqrs_cli.stores.contract import Store

_ABOUT = ("path", "column")
_VALUES = frozenset({"value", "old", "new", "kept", "folded", "live", "fresh", "before", "after", "source", "copy"})
"""In a record about a field (which `path` or `column` names) these hold its values."""
_OUR_NUMBERS = frozenset(
    {"position", "version", "head", "events", "commits", "streams", "bytes", "lag", "lag_seconds", "line", "rows"}
)
"""Members of records of ours that count: a place in the log is no value of it that looks the same."""
_STEP = re.compile(r"[A-Za-z_][\w-]*")
_KEYED = re.compile(r'\[([\w-]+)=("(?:[^"\\]|\\.)*"|[^\[\]"]+)\]')
"""An element of a list by its key, in a path as `history.paths` writes it."""
_ORDER = "(order)"


def named(text: str) -> tuple[str, ...]:
    """The steps of a field as it was named. Raises `Misuse` for what names none."""
    steps = tuple(step.replace("-", "_") for step in text.split("."))
    if not all(steps):
        raise Misuse(f"{text!r} names no field", hint="--mask email, --mask address.street", code="mask")
    return steps


def redaction(text: str) -> tuple[str, str]:
    """The field and the way of `FIELD[=HOW]`. Raises `Misuse` for another way."""
    field, _, way = text.partition("=")
    if (way or BLANK) not in WAYS:
        raise Misuse(f"{text!r}: no way to redact is called {way!r}", hint=f"one of {', '.join(WAYS)}", code="mask")
    return field, way or BLANK


class Mask:
    """Masks fields, each in its way. fields: name and way. seen: those that were met. known: their values."""

    def __init__(self, fields: Mapping[str, str], pseudonyms: Pseudonyms) -> None:
        self._pseudonyms, self.seen = pseudonyms, set[str]()
        self.fingerprint, self.sealed = pseudonyms.fingerprint, pseudonyms.sealed
        self._rules: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
        for name, way in fields.items():
            steps = named(name)
            self._rules.setdefault(steps[-1], []).append((steps, way, name))
        self._needles = [re.sub("[-_]", "", last).encode() for last in self._rules]
        self.known = KnownValues(pseudonyms)
        self.refresh: Callable[[], None] = lambda: None
        """Learns what came to be there meanwhile."""
        self._keys: Mapping[str, Sequence[str]] = {}

    # ── what there is to hide ─────────────────────────────────────────────────────────────────

    def name_keys(self, keys: Mapping[str, Sequence[str]]) -> None:
        """What the parts of the keys of streams are called, by category."""
        self._keys = keys

    def learn_log(self, store: Store, after: int = 0) -> int:
        """Learn the values in the commits after a position; returns the last position that was read."""
        for commit in store.commits(after):
            self.learn_commit(commit)
            after = commit.events[-1].position
        return after

    def learn_commit(self, commit: RecordedCommit | Commit) -> None:
        """Learn the values in a commit: its events, its command, its metadata, its user, the keys of its streams."""
        texts = [event.data for event in commit.events]
        if commit.command is not None and commit.command.data is not None:
            texts.append(commit.command.data)
        for data in texts:
            self.learn_text(data)
        metadata = getattr(commit, "metadata_json", None) or getattr(commit, "metadata", None)
        if metadata is not None:
            self.learn_text(_bytes(metadata))
        if commit.user_id is not None:
            self.learn({"user_id": commit.user_id})
        for event in commit.events:
            self.learn_stream(event.stream)

    def learn_text(self, data: bytes) -> None:
        """Learn the values in a JSON text; what is none holds none."""
        if self._may_name(data):
            try:
                self.learn(jsonable(RawJson(data.decode("utf-8", "surrogatepass"))))
            except (ValueError, RecursionError):
                return

    def learn(self, value: Any, path: tuple[str, ...] = ()) -> None:
        """Learn the values of the fields in a plain JSON value."""
        if isinstance(value, RawJson):
            self.learn_text(_bytes(value))
        elif isinstance(value, Mapping):
            for name, item in value.items():
                inner = (*path, _step(name))
                way = self._way(inner)
                if way is None:
                    self.learn(item, inner)
                else:
                    self._learn_all(item, way)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.learn(item, path)
        elif isinstance(value, str) and _may_be_json(value):
            self.learn_text(_bytes(value))

    def _may_name(self, data: bytes) -> bool:
        """Whether a JSON text may have a field of these."""
        plain = data.replace(b"_", b"").replace(b"-", b"")
        return b"\\u" in plain or any(needle in plain for needle in self._needles)

    def learn_stream(self, name: str) -> None:
        """Learn the values in the key of a stream, and that there is such a stream."""
        self.known.add_stream(name)
        named = self._keys.get(name.partition("-")[0], ())
        for number, part in enumerate(parts_of(name)):
            for field in ("key", *named[number : number + 1]):
                way = self._way((_step(field),))
                if way is not None:
                    self.known.add(part, way)

    def _learn_all(self, value: Any, way: str) -> None:
        if isinstance(value, Iterator):  # what is lazy is learned when it comes
            return
        plain = jsonable(value)
        if isinstance(plain, dict):
            plain = list(plain.values())
        if isinstance(plain, list):
            for item in plain:
                self._learn_all(item, way)
        elif plain is not None and plain != "" and not isinstance(plain, bool):
            self.known.add(written_number(plain), way)

    # ── hiding it in what is shown ────────────────────────────────────────────────────────────

    def record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record with its fields masked, learned from too; `RawJson` stays, what is lazy stays lazy."""
        self.learn(record)
        about = next((str(record[name]) for name in _ABOUT if isinstance(record.get(name), str)), None)
        steps = () if about is None else _steps(about)
        if about is not None and about.endswith(_ORDER):  # then the values are keys of elements
            record = {name: self.known.each(value) if name in _VALUES else value for name, value in record.items()}
        way = next(filter(None, (self._way(steps[:end]) for end in range(1, len(steps) + 1))), None)
        return {
            name: REDACTED
            if name == "cursor" and value is not None  # it holds the values that it goes on from
            else self._masked(value, way)
            if way is not None and name in _VALUES
            else self.prose(self._path(value))
            if name == _ABOUT[0] and isinstance(value, str) and "[" in value
            else value
            if name in _OUR_NUMBERS and isinstance(value, int | float) and self._way((_step(name),)) is None
            else self._inner(name, value, ())
            for name, value in record.items()
        }

    def _path(self, path: str) -> str:
        """A path without the keys of elements that are to be hidden, however short they are."""

        def key(found: re.Match[str]) -> str:
            field, text = found[1], found[2]
            way = self._way((*_steps(path[: found.start()]), _step(field)))
            if way is None:
                return found[0]
            plain = json.loads(text) if text.startswith('"') else text
            self.known.add(plain, way)
            hidden = str(self._masked(plain, way))
            quoted = text.startswith('"') or bool(re.search(r'[\[\]"]', hidden))
            return f"[{field}={json.dumps(hidden, ensure_ascii=False) if quoted else hidden}]"

        return _KEYED.sub(key, path)

    def value(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """A value with its fields masked."""
        if isinstance(value, RawJson):
            return self._raw(value, path)
        if isinstance(value, str):
            return self.text(str(value))
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return self.known.number(value)
        if isinstance(value, Mapping):
            if path == () or _ABOUT[0] in value or _ABOUT[1] in value:
                return self.record({self.text(str(name)): item for name, item in value.items()})
            return {self.text(str(name)): self._inner(name, item, path) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item, path) for item in value]
        if isinstance(value, Iterator):
            return (self.value(item, path) for item in value)
        return self.value(jsonable(value), path)

    def text(self, text: str) -> str:
        """A text of a record: if it is JSON, fields in it are masked too."""
        if _may_be_json(text):
            try:
                return str(self._raw(RawJson(text), ()))
            except ValueError:
                pass
        return self.prose(text)

    def prose(self, text: str) -> str:
        """A text in which the values that are known are masked."""
        return self.known.prose(text)

    # ── hiding it in what is copied ───────────────────────────────────────────────────────────

    def commit(self, commit: Commit) -> tuple[Commit, Counter[str]]:
        """A commit without what is hidden, and how often which field was; what is not concerned stays as it is.

        Learn all of its log first: a stream's name may hold what only a later event says. Raises `ValueError` for a
        payload that is no JSON.
        """
        counts: Counter[str] = Counter()
        command, metadata = commit.command, commit.metadata
        if command is not None:
            data = None if command.data is None else self.json_text(command.data, counts)
            if data is None or data != command.data:  # it could be tried with guesses
                digest = bytes.fromhex(self.sealed(command.digest.hex()))
                command = command._replace(data=data, digest=digest)
        user = None if commit.user_id is None else self._plain({"user_id": commit.user_id}, (), counts)["user_id"]
        hidden = commit._replace(
            id=self.known.apart(commit.id),
            events=tuple(
                [
                    event._replace(stream=self.known.stream(event.stream), data=self.json_text(event.data, counts))
                    for event in commit.events
                ]
            ),
            command=command,
            correlation_id=commit.correlation_id and self.known.apart(commit.correlation_id),
            causation_id=commit.causation_id and self.known.apart(commit.causation_id),
            user_id=user,
            metadata=None if metadata is None else self.json_text(_bytes(metadata), counts).decode(),
        )
        return hidden, counts

    def json_text(self, data: bytes, counts: Counter[str] | None = None) -> bytes:
        """A JSON text with its fields masked, numbers with their digits. counts: of each field. Raises `ValueError`."""
        text = data.decode("utf-8", "surrogatepass")
        if b"\\" not in data and not self._may_name(data) and self.prose(text) == text:
            return data
        try:
            plain, is_whole = _parsed(text)
            hidden = self._plain(plain, (), Counter() if counts is None else counts)
            is_same = hidden is plain or hidden == plain
            return data if is_same and is_whole else _bytes(_dumped(hidden))
        except RecursionError:
            raise ValueError("it is nested too deep") from None

    def _plain(self, value: Any, path: tuple[str, ...], counts: Counter[str]) -> Any:
        if isinstance(value, dict):
            return {self.prose(name): self._of_field(name, item, path, counts) for name, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item, path, counts) for item in value]
        if isinstance(value, str):
            if _may_be_json(value):
                try:
                    return self.json_text(_bytes(value), counts).decode("utf-8", "surrogatepass")
                except ValueError:
                    pass
            return self.prose(value)
        return value if value is None or isinstance(value, bool) else self.known.number(value)

    def _of_field(self, name: str, value: Any, path: tuple[str, ...], counts: Counter[str]) -> Any:
        inner = (*path, _step(name))
        way = self._way(inner)
        if way is None:
            return self._plain(value, inner, counts)
        if value is not None:
            counts[name] += 1
        return self._masked(value, way)

    # ── one value ─────────────────────────────────────────────────────────────────────────────

    def _raw(self, value: RawJson, path: tuple[str, ...]) -> RawJson:
        try:
            plain = jsonable(value)
            self.learn(plain, path)
            return RawJson(_dumped(self.value(plain, path)))
        except RecursionError:  # a story may be longer than a decoder is deep
            return RawJson(self.prose(value))

    def _inner(self, name: Any, value: Any, path: tuple[str, ...]) -> Any:
        inner = (*path, _step(name))
        way = self._way(inner)
        if way is None:
            return self.value(value, inner)
        self._learn_all(value, way)
        return self._masked(value, way)

    def _masked(self, value: Any, way: str) -> Any:
        if isinstance(value, Iterator):
            return (self._masked(item, way) for item in value)
        plain = jsonable(value)
        if isinstance(plain, dict):
            return {self.prose(name): self._masked(item, way) for name, item in plain.items()}
        if isinstance(plain, list):
            return [self._masked(item, way) for item in plain]
        return self._pseudonyms.hidden(plain, way)

    def _way(self, path: tuple[str, ...]) -> str | None:
        for steps, way, name in self._rules.get(path[-1], ()) if path else ():
            if path[-len(steps) :] == steps:
                self.seen.add(name)
                return way
        return None


def _steps(path: str) -> tuple[str, ...]:
    """The names of the members in a path; not those of the keys of elements."""
    return tuple(_step(step) for step in _STEP.findall(_KEYED.sub("", path)))


def _step(name: Any) -> str:
    return str(name).replace("-", "_")


def _parsed(text: str) -> tuple[Any, bool]:
    """The value of a JSON text, numbers with their digits, and whether it is all of it: no name stands twice."""
    twice: list[str] = []

    def one(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            twice.append(text)
        return made

    return json.loads(text, parse_float=Digits, object_pairs_hook=one), not twice


def _may_be_json(text: str) -> bool:
    return text[:1] in ("{", "[") and text[-1:] in ("}", "]")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _dumped(value: Any) -> str:
    return "".join(_written(value))


def _written(value: Any) -> Iterable[str]:
    if isinstance(value, Digits):
        yield value.text
    elif isinstance(value, dict):
        for number, (name, item) in enumerate(value.items()):
            yield ("," if number else "{") + json.dumps(name, ensure_ascii=False) + ":"
            yield from _written(item)
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield "," if number else "["
            yield from _written(item)
        yield "]" if value else "[]"
    else:
        yield json.dumps(value, ensure_ascii=False)
