"""A copy on whose way fields are hidden: what stays the same, what is refused, and that nothing bare is in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import Misuse
from cqrs_cli.log.origins import fork_of, origins
from cqrs_cli.log.verification import verify
from cqrs_cli.masking import Mask
from cqrs_cli.pseudonyms import Pseudonyms
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.cloudevents import CloudEventsSink
from cqrs_cli.transfer.copy import Between, copy, follow
from cqrs_cli.transfer.fork import fork
from cqrs_cli.transfer.proof import Proof, ProvenCopy
from cqrs_cli.transfer.redaction import Hidden, Redaction
from cqrs_cli.transfer.store_sink import StoreSink
from cqrs_cli.transfer.store_source import StoreSource
from tests.transfer.logs import awkward_commits, history, make

KEY = b"a key that nobody guesses"
EMAIL = {"email": "pseudonym"}


def redaction(fields: Mapping[str, str] = EMAIL, key: bytes = KEY, needed: tuple[str, ...] = ()) -> Redaction:
    return Redaction(Hidden(fields, Mask(fields, Pseudonyms(key)), needed))


def between(step: Redaction) -> Between:
    return Between((step,), step.name)


def copied(source: Path, target: Path, step: Redaction) -> Proof:
    with open_store(str(source), read_only=True) as there, open_store(str(target), create=True) as here:
        return ProvenCopy(StoreSource(there), here, between(step)).make()


def event(stream: str, **data: Any) -> NewEvent:
    return NewEvent(stream, "Registered", 1, json.dumps(data).encode())


def people(count: int = 4, first: int = 0) -> list[Commit]:
    """Commits of people whose e-mails are everywhere that something can be."""
    made = []
    for number in range(first, first + count):
        email = f"ada{number}@x.org"
        data = {"email": email, "n": number, "other": [f"write to {email}", {"by": {email: 1}}]}
        stream = f"person-ada{number}%40x.org"
        command = SentCommand("Register", 1, b"d" * 32, json.dumps({"email": email}).encode(), 0)
        made.append(
            Commit(
                f"{email}:c", (event(stream, **data), event(stream, quoted=json.dumps({"email": email}))), command,
                f"story of {email}", f"{email}:c:1", email, json.dumps({"for": email}), 1_600_000_000_000_000 + number,
            )
        )  # fmt: skip
    return made


def bytes_of(path: Path) -> bytes:
    """The file of a store, and what may lie beside it."""
    return b"".join(one.read_bytes() for one in path.parent.glob(path.name + "*"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make(tmp_path / "a.db", people())


def test_nothing_bare_is_in_a_copy_and_all_else_is(source: Path, tmp_path: Path) -> None:
    proof = copied(source, tmp_path / "b.db", redaction())
    stored = bytes_of(tmp_path / "b.db")
    assert [n for n in range(4) if f"ada{n}".encode() in stored or f"ada{n}%40".encode() in stored] == []
    assert KEY not in stored
    assert proof.masked == {"email": 12}
    assert (proof.is_same, proof.why, proof.source_hash) == (None, "what is masked is another history", None)
    with open_store(str(tmp_path / "b.db"), read_only=True) as store:
        first = next(iter(store.commits()))
        assert verify(store).ok
        (origin,) = origins(store.rows)
    email = Pseudonyms(KEY).of("ada0@x.org")
    data = json.loads(first.events[0].data)
    assert data == {"email": email, "n": 0, "other": [f"write to {email}", {"by": {email: 1}}]}
    assert first.events[0].stream == f"person-{email.replace('@', '%40')}"
    assert (first.id, first.user_id, first.events[1].version) == (f"{email}:c", email, 2)
    assert "?mask=email:pseudonym@" in origin.source


def test_the_same_value_is_the_same_in_all_copies_under_a_key(source: Path, tmp_path: Path) -> None:
    copied(source, tmp_path / "b.db", redaction())
    with open_store(str(source), read_only=True) as store:
        step = redaction()
        fork(store, str(tmp_path / "c.db"), None, between(step))
    assert history(tmp_path / "b.db") == history(tmp_path / "c.db")
    copied(source, tmp_path / "d.db", redaction(key=KEY + b"2"))
    assert history(tmp_path / "d.db") != history(tmp_path / "b.db")


@pytest.mark.parametrize("way", ["pseudonym", "blank", "null", "hash"])
def test_streams_and_ids_stay_apart(source: Path, tmp_path: Path, way: str) -> None:
    copied(source, tmp_path / "b.db", redaction({"email": way}))
    with open_store(str(tmp_path / "b.db"), read_only=True) as store:
        assert sorted(info.version for info in store.streams()) == [2, 2, 2, 2]
        assert len({commit.id for commit in store.commits()}) == 4
        assert {json.loads(commit.events[0].data)["email"] for commit in store.commits()} == {
            "null": {None}, "blank": {"[redacted]"},
        }.get(way, {json.loads(commit.events[0].data)["email"] for commit in store.commits()})  # fmt: skip
    assert b"ada1" not in bytes_of(tmp_path / "b.db")


def test_a_copy_goes_on_under_the_same_masks_and_no_others(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    copied(source, target, redaction())
    make(source, people(2, first=10))
    assert copied(source, target, redaction()).commits == 2
    assert copied(source, target, redaction()).commits == 0
    for other in (redaction(key=KEY + b"2"), redaction({"email": "hash"}), redaction({**EMAIL, "n": "null"})):
        with pytest.raises(Misuse, match="with other fields masked or under another key"):
            copied(source, target, other)
    with (
        open_store(str(source), read_only=True) as there,
        open_store(str(target)) as here,
        pytest.raises(Misuse, match="with other fields masked"),
    ):
        copy(StoreSource(there), StoreSink(here))
    assert len(history(target)) == 6


def test_what_was_copied_bare_is_not_gone_on_with_masked(source: Path, tmp_path: Path) -> None:
    with open_store(str(source), read_only=True) as there, open_store(str(tmp_path / "b.db"), create=True) as here:
        copy(StoreSource(there), StoreSink(here))
    with pytest.raises(Misuse, match="with other fields masked"):
        copied(source, tmp_path / "b.db", redaction())


def test_a_value_that_is_known_too_late_is_refused(tmp_path: Path) -> None:
    """The copy has its stream already, under its name."""
    source = make(tmp_path / "a.db", [Commit("1", (event("person-ada%40x.org", n=1), event("p-2", email="b@x.org")))])
    copied(source, tmp_path / "b.db", redaction())
    make(source, [Commit("2", (event("p-2", email="ada@x.org"),))])
    with pytest.raises(Misuse, match="known as a value that is to be hidden only after it was copied") as raised:
        copied(source, tmp_path / "b.db", redaction())
    assert raised.value.details["position"] == 2
    assert "ada" not in str(raised.value)
    assert len(history(tmp_path / "b.db")) == 1


def test_following_is_refused(source: Path, tmp_path: Path) -> None:
    with (
        open_store(str(source), read_only=True) as there,
        open_store(str(tmp_path / "b.db"), create=True) as here,
        pytest.raises(Misuse, match="can't follow"),
    ):
        follow(StoreSource(there), StoreSink(here), between(redaction()), lambda: True, lambda tally: None)


def test_a_field_that_is_not_there_is_refused_before_anything_is_copied(source: Path, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="nothing is called 'emial'"):
        copied(source, tmp_path / "b.db", redaction({"emial": "pseudonym"}, needed=("emial",)))
    assert history(tmp_path / "b.db") == []


def test_the_keys_of_streams_have_a_name(tmp_path: Path) -> None:
    source = make(
        tmp_path / "a.db", [Commit("1", (event("person-bob", n=1),)), Commit("2", (event("person-eve", n=2),))]
    )
    copied(source, tmp_path / "b.db", redaction({"key": "pseudonym"}, needed=("key",)))
    names = {of.stream for of in open_and_read(tmp_path / "b.db")}
    assert names == {f"person-{Pseudonyms(KEY).of(name)}" for name in ("bob", "eve")}


def open_and_read(path: Path) -> list[Any]:
    with open_store(str(path), read_only=True) as store:
        return list(store.streams())


def test_short_values_are_hidden_in_names_of_streams(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", [Commit("1", (event("person-bob,7", name="bob"), event("person-bobby,7", n=1)))])
    copied(source, tmp_path / "b.db", redaction({"name": "pseudonym"}))
    names = {of.stream for of in open_and_read(tmp_path / "b.db")}
    assert names == {f"person-{Pseudonyms(KEY).of('bob')},7", "person-bobby,7"}


def test_what_is_not_concerned_stays_byte_for_byte(tmp_path: Path) -> None:
    awkward = [
        one for one in awkward_commits() if not any(b"no json" in e.data or len(e.data) > 9_000 for e in one.events)
    ]
    source = make(tmp_path / "a.db", [one._replace(metadata=None) for one in awkward])
    copied(source, tmp_path / "b.db", redaction({"nothing": "null"}))
    with open_store(str(source), read_only=True) as there, open_store(str(tmp_path / "b.db"), read_only=True) as here:
        old, new = list(there.commits()), list(here.commits())
    assert [[e.data for e in one.events] for one in new] == [[e.data for e in one.events] for one in old]
    assert [(one.id, one.user_id, one.recorded_us) for one in new] == [(o.id, o.user_id, o.recorded_us) for o in old]


@pytest.mark.parametrize(
    "data",
    [
        b'{"x":{"email":"ada@x.org"},"x":1}',  # what a name hides that stands twice
        b'{"em\\u0061il":"ada@x.org"}',
        b'{"a":"ad\\u0061@x.org","email":"ada@x.org"}',
        b'{"a": "{\\"email\\": \\"ada@x.org\\"}" }',
        b'{"email":["ada@x.org",{"work":"ada@x.org"}]}',
    ],
)
def test_however_it_is_written(tmp_path: Path, data: bytes) -> None:
    source = make(tmp_path / "a.db", [Commit("1", (NewEvent("p-1", "T", 1, data),))])
    copied(source, tmp_path / "b.db", redaction())
    (commit,) = history(tmp_path / "b.db")
    text = json.dumps(json.loads(commit.events[0].data)) + commit.events[0].data.decode()
    assert "ada@x.org" not in text


def test_no_json_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", [Commit("1", (NewEvent("p-1", "T", 1, b'no json, "email":"ada@x.org"'),))])
    with pytest.raises(Misuse, match="@1 holds no JSON"):
        copied(source, tmp_path / "b.db", redaction())


def test_no_hash_of_what_is_hidden_goes_along(source: Path, tmp_path: Path) -> None:
    """Whoever knows all of a commit but one value could try values until its hash is found."""
    with open_store(str(source), read_only=True) as store:
        hashes = [commit.hash.hex() for commit in store.commits() if commit.hash is not None]
        written: list[str] = []
        copy(StoreSource(store), CloudEventsSink(written.append, "a"), between(redaction()))
        fork(store, str(tmp_path / "c.db"), None, between(redaction()))
    copied(source, tmp_path / "b.db", redaction())
    everything = "".join(written).encode() + bytes_of(tmp_path / "b.db") + bytes_of(tmp_path / "c.db")
    assert len(hashes) == 4
    assert not any(one.encode() in everything for one in hashes)
    assert (b"d" * 32) not in bytes_of(tmp_path / "b.db")


def test_a_fork_that_hides_is_a_fork_and_sound(source: Path, tmp_path: Path) -> None:
    with open_store(str(source), read_only=True) as store:
        made = fork(store, str(tmp_path / "c.db"), 4, between(redaction()))
    assert made.source_position == made.position == 4
    with open_store(str(tmp_path / "c.db"), read_only=True) as store:
        assert verify(store).ok
        found = fork_of(store.rows)
        assert found is not None
        assert "?mask=email:pseudonym@" in found.source
    assert b"ada1" not in bytes_of(tmp_path / "c.db")
    assert copied(source, tmp_path / "c.db", redaction()).commits == 2


def test_a_source_whose_name_is_to_be_hidden_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "ada0@x.org.db", people())
    with pytest.raises(Misuse, match="the name of the source"):
        copied(source, tmp_path / "b.db", redaction())


def test_nothing_goes_through_that_was_not_looked_through() -> None:
    with pytest.raises(RuntimeError, match="not looked through"):
        redaction()(None)  # type: ignore[arg-type]
