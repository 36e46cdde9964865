"""A log with all that a log can hold, and what two logs must have in common to be one."""

from pathlib import Path
from typing import Any

from cqrs_cli.stores.commits import Commit, NewEvent, RecordedCommit, SentCommand
from cqrs_cli.stores.contract import Append, Store
from cqrs_cli.stores.registry import open_store

AWKWARD = (
    b'{"n":1}',
    b'{"n": 1}',  # with a space
    b'{"n":1.10,"m":1E5,"big":123456789012345678901234567890,"long":0.12345678901234567890}',
    b'{"a":1,"a":2}',
    b'{"text":"\\u00e9"}',  # an escape that is not needed
    '{"text":"é ü 漢 \U0001f600"}'.encode(),
    '{"text":"\u2028\u0085\u009b"}'.encode(),
    b'{"text":"\\ud800"}',
    b'{"quote":"\\"\\\\/\\n\\t\\u0001"}',
    b"null", b"[]", b"-0", b"-0.0", b'""', b"1e400", b"true",
    b'{"x":' + b"[" * 30 + b"]" * 30 + b"}",
    b"[" * 5_000 + b"]" * 5_000,
    b"NaN",
    b"no json at all",
)  # fmt: skip


def awkward_commits() -> list[Commit]:
    """Commits with each of the payloads, with and without each member of the envelope, at times that go on."""
    commits = []
    for number, data in enumerate(AWKWARD):
        command = SentCommand("Do\u00e9", 3, bytes(range(32)), data if number % 2 else None, number - 7)
        commits.append(
            Commit(
                f"commit {number} \u00e9\u009b" if number % 5 == 4 else f"c{number}",
                tuple(NewEvent(f"order-{at % 3}", "T\u00e9 'x'", at + 1, data) for at in range(number % 4 + 1)),
                command if number % 3 else None,
                "story" if number % 2 else None,
                "c0:1" if number % 4 else None,
                'a"da\u00e9' if number % 3 else None,
                ('{"a": 1}', '{"b":"\u00e9"}', "not json", None)[number % 4],
                1_600_000_000_000_000 + number,
            )
        )
    return commits


def make(path: Path, commits: list[Commit]) -> Path:
    """A store with these commits."""
    with open_store(str(path), create=True, durability="relaxed") as store:
        for answer in store.append_many([Append(one) for one in commits]):
            assert not isinstance(answer, Exception), answer
    return path


def plain_commits(number: int, first: int = 0, a_commit: int = 1) -> list[Commit]:
    """So many commits that differ in number and time only."""
    return [
        Commit(
            f"plain-{at}",
            tuple(
                NewEvent(f"order-{at % 7}", f"Type{at % 3}", 1, b'{"n":%d,"m":%d}' % (at, part))
                for part in range(a_commit)
            ),
            recorded_us=1_600_000_000_000_000 + at * 1_000,
        )
        for at in range(first, first + number)
    ]


def history(store: Store | Path) -> list[RecordedCommit]:
    """All of a log, hashes included."""
    if not isinstance(store, Path):
        return list(store.commits())
    with open_store(str(store), read_only=True) as opened:
        return list(opened.commits())


def fields_of(path: Path, names: tuple[str, ...]) -> list[Any]:
    """Some members of each event."""
    with open_store(str(path), read_only=True) as store:
        return [tuple(getattr(event, name) for name in names) for event in store.read()]
