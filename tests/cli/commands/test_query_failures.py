"""Whatever is wrong with a query of the domain is told as the domain's: exit 8, class, method, line."""

import sys
from pathlib import Path
from typing import Any

import pytest

QUERIES = """
from pydantic import BaseModel, computed_field, field_validator
from cqrs_cli import Where

class Other(Projection, key="parcel_id"):
    parcel_id: str

    @evolve
    def registered(self, event: Registered) -> None: ...

class Shown(BaseModel):
    a: int

    @computed_field
    @property
    def b(self) -> int:
        return 1 // 0

class Asked(Query[Parcels]):
    x: int = 1

    @field_validator("x")
    @classmethod
    def check(cls, x):
        return {}[x] if x > 1 else x

    def run(self, read):
        return ANSWER

class Shows(Query[Shown]):
    def run(self, read):
        return [Shown(a=1)]

domain = Domain("parcels", Parcel, Parcels, Asked, Shows)
"""


@pytest.fixture
def asking(parcels: Any, tmp_path: Path) -> Any:
    """`cqrs` on a domain whose query `asked` answers with what an expression comes to."""
    assert parcels("send register --parcel-id A1").code == 0
    text = (tmp_path / "parcels_domain.py").read_text()

    def run(answer: str, words: str = "query asked --json") -> Any:
        changed = text + QUERIES.replace("ANSWER", answer)
        if answer == "await":
            changed = changed.replace(
                "    def run(self, read):\n        return await", "    async def run(self, read):\n        return []"
            )
        (tmp_path / "parcels_domain.py").write_text(changed)
        sys.modules.pop("parcels_domain", None)
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            return parcels(words)
        finally:
            sys.dont_write_bytecode = before

    return run


@pytest.mark.parametrize(
    ("answer", "said", "hint"),
    [
        ("[row.nope for row in read.rows(Parcels)]", "has no attribute 'nope'", None),
        ("read.page(Parcels, order='-wieght')", "parcels has no column 'wieght'", "did you mean weight?"),
        ("list(read.rows(Parcels, colour=1))", "parcels has no column 'colour'", None),
        ("read.get(Parcels, 'a', 'b')", "the key of parcels is (parcel_id), not 2 values", "one value for each part"),
        ("list(read.rows(Parcels, where=[Where('weight', 'like', 1)]))", "'like' can't compare weight", None),
        ("list(read.rows(Parcels, where=[Where('weight', '<', None)]))", "nothing is < null (weight)", None),
        ("list(read.rows(Parcels, where=[Where('weight', 'in', 1)]))", "'in' wants several values", None),
        ("list(read.rows(Other))", "Other is no part of the domain", None),
        ("Page(list(read.rows(Parcels)), 5)", "the cursor of its page is 5", None),
        ("map(lambda row: row.nope, read.rows(Parcels))", "has no attribute 'nope'", None),
    ],
)
@pytest.mark.parametrize("more", ["", "--limit 1", "--count"])
def test_what_a_query_asks_wrongly_is_the_domains(
    asking: Any, answer: str, said: str, hint: str | None, more: str
) -> None:
    ran = asking(answer, f"query asked {more} --json")
    assert (ran.code, ran.out, ran.error["code"]) == (8, "", "domain-failed")
    assert ran.error["message"].startswith("Asked.run ")
    assert said in ran.error["message"]
    assert hint is None or ran.error["hint"] == hint
    if "cursor" not in said:  # which nothing raised
        assert 'parcels_domain.py", line ' in ran.error["traceback"]


def test_what_its_rows_and_parameters_raise_is_the_domains_too(asking: Any) -> None:
    ran = asking("[]", "query shows --json")
    assert (ran.code, ran.error["code"]) == (8, "domain-failed")
    assert "Shown" in ran.error["message"]
    assert "in b" in ran.error["traceback"]
    ran = asking("[]", "query asked --x 2 --json")
    assert (ran.code, ran.error["code"]) == (8, "domain-failed")
    assert "Asked" in ran.error["message"]


def test_what_was_typed_is_not(asking: Any) -> None:
    for words in ("--cursor nonsense", "--limit 0", "--x a"):
        assert asking("read.page(Parcels)", f"query asked {words} --json").code == 2
    assert asking("[]", "query parcels --where wieght=1").code == 2
    assert asking("[]", "query parcels --order wieght").code == 2


@pytest.mark.parametrize(
    "answer", ["map(lambda row: row, read.rows(Parcels))", "tuple(read.rows(Parcels))", "read.rows(Parcels)"]
)
def test_rows_in_any_form_are_rows(asking: Any, answer: str) -> None:
    assert asking(answer).json == [{"parcel_id": "A1", "weight": "1"}]


def test_a_query_that_would_wait_is_refused(asking: Any) -> None:
    ran = asking("await")
    assert (ran.code, ran.error["code"]) == (2, "definition")
    assert "Asked.run is async" in ran.error["message"]
