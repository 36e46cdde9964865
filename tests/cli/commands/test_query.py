"""`cqrs query NAME`: parameters as options, rows, pages."""

import json
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cqrs_cli.cli.commands.query.command import _key
from cqrs_cli.cli.printing.cursor import tell_next_page
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Unavailable
from cqrs_cli.stores.registry import open_store
from tests.cli.conftest import PARCELS


@pytest.fixture
def filled(parcels: Any) -> Any:
    for number in range(1, 6):
        assert parcels(f"send register --parcel-id A{number} --weight {number}.50").code == 0
    return parcels


def test_rows_in_every_format(filled: Any) -> None:
    rows = filled("query all --json").json
    assert rows[0] == {"parcel_id": "A1", "weight": "1.50"}
    assert filled("query all --jsonl").lines == rows
    assert filled("query all --csv").out.splitlines()[:2] == ["parcel_id,weight", "A1,1.50"]
    assert "A5" in filled("query all").out


@pytest.mark.parametrize("option", ["--where", "--order", "--filter", "--sort"])
def test_a_condition_for_a_query_class_says_where_it_goes(filled: Any, option: str) -> None:
    ran = filled(f"query all {option} weight --json")
    meant = {"--filter": "--where", "--sort": "--order"}.get(option, option)
    hint = f"cqrs query all --help shows its parameters; {meant} is for read models: cqrs query parcels {meant} …"
    assert (ran.code, ran.error["message"], ran.error["hint"]) == (2, f"no such option: {option}", hint)


@pytest.mark.parametrize(
    ("words", "none"),
    [
        ("query all", ""),
        ("query parcels", "--where weight>99"),
        ("sql 'SELECT parcel_id, weight FROM parcels'", ""),
        ("log", "--type Nothing"),
        ("log --reverse", "--after 5"),
        ("streams", "nothing"),
        ("send --batch lines", ""),
        ("snapshot take", ""),
        ("snapshot list", ""),
    ],
)
@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_a_table_for_programs_has_its_head_without_rows_too(
    parcels: Any, tmp_path: Path, words: str, none: str, format: str
) -> None:
    (tmp_path / "lines").write_text("")
    with open_store(str(tmp_path / "cqrs.db"), create=True):
        parcels("project")
    if not none:
        nothing = parcels(f"{words} --format {format}")
    for number in range(1, 6):
        assert parcels(f"send register --parcel-id A{number} --weight {number}.50").code == 0
    assert parcels("project").code == 0
    if words != "snapshot take":
        assert parcels("snapshot take -q").code == 0
    if none:
        nothing = parcels(f"{words} {none} --format {format}")
    (tmp_path / "lines").write_text('{"command": "touch", "data": {"parcel_id": "A1"}}')
    rows = parcels(f"{words} --format {format}").out.splitlines()
    assert len(rows) > 1
    assert nothing.out.splitlines() == rows[:1]


def test_rows_are_up_to_date_after_a_send(filled: Any) -> None:
    assert len(filled("query all --jsonl").lines) == 5
    filled("send register --parcel-id A6")
    assert len(filled("query all --jsonl").lines) == 6


def test_pages_say_how_to_get_the_next_one(filled: Any) -> None:
    words = "query heaviest --limit 2 --json"
    seen = []
    for _ in range(3):
        ran = filled(words)
        seen += [row["parcel_id"] for row in ran.json]
        if "there is more" not in ran.err:
            break
        words = ran.err.strip().partition("the next page: cqrs ")[2]
    assert seen == ["A5", "A4", "A3", "A2", "A1"]
    assert "there is more" not in ran.err


def test_the_next_page_is_the_line_as_it_was_typed() -> None:
    words = ("--store", "my shop.db", "query", "x", "--cursor", "old", "--name", "a b", "--cursor=older")
    told: list[str] = []
    tell_next_page(SimpleNamespace(message=told.append, hides=False), words, "new", 100)  # type: ignore[arg-type]
    line = told[0].removeprefix("there is more; the next page: ")
    assert shlex.split(line) == [*("cqrs", "--store", "my shop.db", "query", "x", "--name", "a b", "--cursor", "new")]


def test_a_parameter_named_like_the_tools_option(filled: Any) -> None:
    assert len(filled("query heaviest --field.limit 7 --limit 1 --json").json) == 1
    assert "--field.limit" in filled("query heaviest --help").out


def test_one_row_or_none(filled: Any) -> None:
    assert filled("query one --parcel-id A2 --json").json == {"parcel_id": "A2", "weight": "2.50"}
    nothing = filled("query one --parcel-id X --json")
    assert (nothing.code, nothing.json) == (0, None)
    assert "nothing found" in nothing.err
    assert filled("query one --parcel-id X").out == ""


def test_empty_answers_may_be_an_error(filled: Any) -> None:
    assert filled("query one --parcel-id X --fail-if-empty").code == 5
    assert filled("query one --parcel-id A1 --fail-if-empty").code == 0
    assert filled("query all --fail-if-empty").code == 0
    assert filled("query heaviest --fail-if-empty --limit 1").code == 0


def test_no_rows_may_be_an_error(parcels: Any, tmp_path: Path) -> None:
    with open_store(str(tmp_path / "cqrs.db"), create=True):
        pass
    for words in ("query all", "query heaviest"):
        assert parcels(words).code == 0
        ran = parcels(f"{words} --fail-if-empty --json")
        assert (ran.code, ran.json, ran.error["code"]) == (5, [], "nothing-matched")


def test_a_limit_cuts_a_list_too(filled: Any) -> None:
    assert len(filled("query all --limit 2 --jsonl").lines) == 2


def test_without_a_name_the_queries_are_listed(parcels: Any) -> None:
    rows = parcels("query --json").json
    assert [row["query"] for row in rows] == ["all", "heaviest", "one", "parcels"]
    assert rows[3] == {"query": "parcels", "parameters": ["where", "order"], "description": "Rows of parcels."}
    assert rows[1] == {"query": "heaviest", "parameters": ["limit"], "description": "The heaviest first."}
    assert "The heaviest first." in parcels("query").out
    assert "The heaviest first." in parcels("query --help").out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("query heavist", 3, "did you mean 'heaviest'?"),
        ("query one", 2, "--parcel-id: Field required"),
        ("query heaviest --field.limit x", 2, "--field.limit: Input should be a valid decimal"),
        ("query heaviest --limit 0", 2, "--limit: expected a number from 1"),
        ("query heaviest --limit x", 2, "--limit"),
        ("query heaviest --cursor nonsense", 2, "cursor"),
        ("query all --cursor x", 2, "has no pages"),
        ("query one --parcel-id --json", 2, "--json is an option"),
        ("query all extra", 2, "unexpected extra argument"),
    ],
)
def test_refusals(filled: Any, words: str, code: int, said: str) -> None:
    ran = filled(words)
    assert ran.code == code
    assert said in ran.err
    assert ran.out == ""


def test_a_query_never_creates_a_store(parcels: Any, tmp_path: Path) -> None:
    ran = parcels("query all")
    assert ran.code == 3
    assert "no store at" in ran.err
    assert not list(tmp_path.glob("*.db*"))


def test_a_store_that_only_can_be_read_is_read(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    filled("query all")
    real = Session.workbench

    def refuse(self: Session, write: bool = False, **_: Any) -> Any:
        if write:
            raise Unavailable("read-only file", code="read-only")
        return real(self)

    monkeypatch.setattr(Session, "workbench", refuse)
    ran = filled("query all --json")
    assert len(ran.json) == 5
    assert "can't be written" in ran.err


def test_in_a_process_of_its_own(cqrs: Any) -> None:
    (cqrs.folder / "parcels_domain.py").write_text(PARCELS.read_text())
    app = ("--app", "parcels_domain:domain")
    cqrs(*app, "send", "register", "--parcel-id", "A1")
    assert json.loads(cqrs(*app, "query", "One", "--parcel_id", "A1", "--json").stdout)["parcel_id"] == "A1"


def test_the_key_of_the_rows_that_a_query_answers_with_is_known():
    """It is never cut on a terminal, whatever its name."""
    from samples.orders import domain

    found = {name: _key(domain, cls) for name, cls in domain.queries.items()}
    assert set(found.values()) == {("order_id",)}
