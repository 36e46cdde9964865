"""What a store gives back as JSON, and is none: damage by whatever way it fails, and no bug."""

import json
from typing import Any

import pytest

from cqrs_cli import records
from cqrs_cli.domain.row_model import outdated
from cqrs_cli.errors import Damaged
from cqrs_cli.log.outbox import DeadLetter, Outgoing
from cqrs_cli.log.stops import contained, containing
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.stores.stored_json import stored_json, stored_object
from cqrs_cli.workbench.processors.definitions import answering_again, made_also_by, made_by_others, names_in

DEEP = "[" * 100_000
NO_JSON = ["", "{", DEEP, DEEP + "]" * 100_000, "9" * 5_000, '"\ud800', b"\xff", '{"a":' + "9" * 5_000 + "}"]
DEFINITION: dict[str, Any] = {
    "version": 1,
    "key": ["id"],
    "columns": [["id", "text", False]],
    "unique": [],
    "indexes": [],
    "source": "",
}


@pytest.mark.parametrize("text", NO_JSON, ids=range(len(NO_JSON)))
def test_what_is_no_json_is_damage(text: Any) -> None:
    for read in (stored_json, stored_object):
        with pytest.raises(Damaged, match=r"^it is no JSON: "):
            read(text, "it")


@pytest.mark.parametrize("text", ["[]", "7", "null", '"{}"'])
def test_what_is_no_object_is_damage(text: str) -> None:
    stored_json(text, "it")
    with pytest.raises(Damaged, match=r"^it is no JSON object"):
        stored_object(text, "it")


@pytest.mark.parametrize("text", ["{", DEEP, "[]", '{"a":' + "9" * 5_000 + "}"], ids=range(4))
def test_metadata(text: str) -> None:
    recorded = Recorded(1, "s-1", 1, "e", 1, b"{}", "c1", 1, None, "c1", None, None, 0, text)
    with pytest.raises(Damaged, match="the metadata of the commit 'c1' is no JSON"):
        _ = recorded.metadata


@pytest.mark.parametrize("text", ["{", DEEP], ids=range(2))
def test_a_dead_letter(text: str) -> None:
    outgoing = Outgoing("r", "e:1", 1, 0, 1, 0, "p", "c", None, 0, "Do", 1, text, "c1", None, "{}")
    with pytest.raises(Damaged, match="the dead letter 'd1' is no JSON"):
        records.letter(DeadLetter(outgoing, "d1", "code", "reason", 0))


CHANGED: list[dict[str, Any]] = [
    {"columns": 5}, {"columns": [[]]}, {"columns": [[["a"], 1]]}, {"key": 7}, {"key": [7]}, {"shapes": 3},
]  # fmt: skip
NO_DEFINITIONS = [
    "{", DEEP, "[]", "null", '{"held":{"a":1},"columns":5,"key":7}',
    *(json.dumps(DEFINITION | changed) for changed in CHANGED),
    *(json.dumps({name: DEFINITION[name] for name in DEFINITION if name != gone}) for gone in DEFINITION),
]  # fmt: skip


@pytest.mark.parametrize("stored", NO_DEFINITIONS, ids=range(len(NO_DEFINITIONS)))
def test_a_definition_that_is_none_wants_a_rebuild(stored: str) -> None:
    now = json.dumps(DEFINITION)
    assert outdated(now, now) is None
    assert outdated(stored, now) == "what its rows were made with can't be read any more"
    assert made_by_others(stored, now) is None


@pytest.mark.parametrize("found", [7, None, {}, [7], [[]], [None, "a"]], ids=str)
def test_what_stands_beside_a_definition_is_ours_or_nothing(found: Any) -> None:
    now, names = json.dumps(DEFINITION), ("also", "answers", "types", "answered")
    stored = json.dumps(DEFINITION | dict.fromkeys(names, found) | {"answered": found or {"a": "b"}})
    assert made_by_others(stored, now) is None
    assert made_also_by(stored, now) == stored
    assert names_in(stored, "types") is None
    assert names_in(stored, "answers") is None
    assert json.loads(answering_again(stored, frozenset(), 7, False))["answered"] == {}


@pytest.mark.parametrize(
    ("stored", "held"),
    [("{", ()), (DEEP, ()), ("[]", ()), ('{"held":5}', ()), ('{"held":[[]]}', ()), ('{"held":["a",3,null,4]}', (3, 4))],
    ids=range(6),
)
def test_what_rows_contain_is_read_from_any_definition(stored: str, held: tuple[int, ...]) -> None:
    checkpoint = Checkpoint("counts", 9, stored)
    assert contained(checkpoint) == frozenset(held)
    if stored.startswith('{"'):
        assert json.loads(containing(checkpoint, 7).definition)["held"] == [*held, 7]
    else:
        with pytest.raises(Damaged, match="the definition in the checkpoint of counts is no JSON"):
            containing(checkpoint, 7)
