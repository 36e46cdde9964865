"""The shell and HTTP say the same: record by record, byte by byte, and their exit codes and statuses go together."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench, errors
from cqrs_cli.errors import CqrsError
from cqrs_cli.http import problems
from tests import office
from tests.conftest import ROOT
from tests.http.served import Served, serving
from tests.reacting import pay

PAIRS = [
    ("log", "/events"),
    ("log order-o1", "/events?stream=order-o1"),
    ("log --reverse -n 2", "/events?backwards=true&limit=2"),
    ("log --type Paid --command pay", "/events?type=Paid&command=pay"),
    ("log --grep pen", "/events?contains=pen"),
    ("log --user ada --after @1 --before @4", "/events?user=ada&after=@1&before=@4"),
    ("log --where 'data.items is not null'", "/events?where=data.items is not null"),
    ("show @1", "/events/1"),
    ("show pay-o1", "/events/pay-o1"),
    ("streams", "/streams"),
    ("streams order", "/streams?category=order"),
    ("trace pay-o1", "/trace/pay-o1"),
    ("trace order-o1", "/trace/order-o1"),
    ("replay order-o1", "/aggregates/order-o1"),
    ("replay order-o1@1", "/aggregates/order-o1?at=1"),
    ("replay order-o1 --steps", "/aggregates/order-o1/history"),
    ("blame order-o1", "/aggregates/order-o1/blame"),
    ("blame order-o1 shipped", "/aggregates/order-o1/blame?field=shipped"),
    ("blame order-o1 --history shipped", "/aggregates/order-o1/blame?history=shipped"),
    ("project --status", "/projections"),
    ("query orders --order=-order_id", "/projections/orders?order=-order_id"),
    ("query orders --where order_id=o1", "/projections/orders?where=order_id=o1"),
    ("query fulfilment", "/projections/fulfilment"),
    ("query orders --at @2", "/projections/orders?at=@2"),
    ("run --status", "/reactions"),
    ("run --failed", "/dead-letters"),
    ("run --dropped", "/dead-letters?dropped=true"),
    ('sql "SELECT type, position FROM event_log"', "/sql?q=SELECT type, position FROM event_log"),
]


@pytest.fixture
def both(shop: Any, tmp_path: Path) -> Any:
    """The shell and a server on one store: orders that are paid, shipped, and two commands that came to nothing."""
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as bench:
        pay(bench, "o1", "boom1", "bad1", "boom2", items=["pen"])
        bench.runner(start=0).drain()
        bench.project()
        bench.drop(bench.failed()[0].command_id, by="ada", reason="a test")
    with serving(str(tmp_path / "cqrs.db"), office.domain, sql=True) as served:
        yield shop, served


def records(answer: Any) -> list[str]:
    """The records of an answer, each as it stands there."""
    assert answer.status_code in (200, 201), answer.text
    text = answer.text.rstrip("\n")
    if not text.startswith("["):
        return [text]
    return [line.removesuffix(",") for line in text[1:-1].strip("\n").split("\n") if line]


@pytest.mark.parametrize(("words", "path"), PAIRS)
def test_each_record_is_the_same(both: Any, words: str, path: str) -> None:
    import shlex

    shell, served = both
    ran = shell(*shlex.split(words), "--jsonl")
    assert ran.code == 0, ran.err
    assert records(served.get(path)) == ran.out.splitlines()
    assert ran.out.strip(), "nothing was compared"


def test_an_array_is_the_same_whole(both: Any) -> None:
    shell, served = both
    assert served.get("/events").text == shell("log", "--json").out
    assert served.get("/dead-letters?limit=1000").text == shell("run", "--failed", "--json").out


def test_what_is_behind_is_the_same(shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one clock, as the lag in seconds grows while one asks."""
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as bench:
        pay(bench, "o7", "o8")
        recorded = max(event.recorded_us for event in bench.log())
        monkeypatch.setattr(type(bench.store), "clock", property(lambda store: lambda: (recorded + 90_000_500) * 1000))
    with serving(str(tmp_path / "cqrs.db"), office.domain, read_only=True) as served:
        for words, path in (("project --status", "/projections"), ("run --status", "/reactions")):
            ran = shop(*words.split(), "--jsonl")
            assert records(served.get(path)) == ran.out.splitlines()
            assert min(json.loads(line)["lag_seconds"] for line in ran.out.splitlines()) >= 90


def outcome(text: str) -> str:
    """An outcome without what another sending of the command must have another of: positions, ids, times."""
    told = json.loads(text)
    told.pop("key", None)
    for event in told.get("events", ()):
        for name in ("position", "event_id", "recorded_at", "version"):
            event.pop(name)
    for name in ("position", "streams"):
        told.pop(name, None)
    return json.dumps(told)


def test_an_outcome_is_the_same(both: Any) -> None:
    """But for the key of the aggregate, which HTTP adds."""
    shell, served = both
    first = served.post("/commands/pay", {"order_id": "n1"}, headers={"Idempotency-Key": "n1"})
    again = shell("send", "pay", "--order-id", "n1", "--command-id", "n1", "--jsonl")
    assert first.json()["status"] == "committed"
    assert (first.text[:-1].partition(',"key":')[0] + "}").replace('"committed"', '"duplicate"') == again.out.strip()
    tried = served.post("/commands/pay?dry_run=true", {"order_id": "n2"}, headers={"Idempotency-Key": "n2"})
    shown = shell("send", "pay", "--order-id", "n2", "--command-id", "n2", "--dry-run", "--jsonl")
    assert outcome(tried.text) == outcome(shown.out)
    lines = '{"command":"pay","data":{"order_id":"n1"}}\n{"command":"py","data":{}}\n{"command":"pay","data":{"x":1}}'
    Path("lines.jsonl").write_text(lines)
    batch = served.post("/commands", content=lines, headers={"Content-Type": "application/x-ndjson"})
    for over_http, typed in zip(batch.text.splitlines(), shell("send", "--batch", "lines.jsonl", "--jsonl").out.splitlines(),
                                strict=True):  # fmt: skip
        told, said = json.loads(over_http), json.loads(typed)
        for one in (told, said):
            one.pop("hint", None)
            one.pop("command_id", None)
        assert told == said


# ── exit codes and statuses ───────────────────────────────────────────────────────────────────


def every_error() -> list[type[CqrsError]]:
    """All classes of errors that the package has."""
    found = [CqrsError]
    for cls in found:
        found += [one for one in cls.__subclasses__() if one.__module__ == errors.__name__]
    return sorted(set(found), key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", every_error(), ids=lambda cls: cls.__name__)
def test_each_kind_of_error_has_a_status_that_goes_with_its_exit_code(cls: type[CqrsError]) -> None:
    made = cls([CqrsError("x")]) if cls is errors.Unfinished else cls("x")
    kind = problems.kind_of(made)
    assert kind.status in problems.STATUS_OF_EXIT[made.exit_code], (cls, kind)
    assert problems.record(made)["title"] == kind.title


def test_the_page_shows_the_same_table() -> None:
    """docs/http.md: each status with the exit codes that go with it; 401 goes with none."""
    text = (ROOT / "docs" / "http.md").read_text()
    told = {
        (int(status), int(code))
        for statuses, codes in re.findall(r"^\| ([0-9, ]+) \| .* \| ([0-9, –]+) \|$", text, re.MULTILINE)
        for status in statuses.split(",")
        for code in codes.replace("–", "").split(",")
        if code.strip()
    }
    assert told == {(status, code) for code, statuses in problems.STATUS_OF_EXIT.items() for status in statuses}


def test_a_rule_of_the_domain_may_be_called_anything() -> None:
    """A rejection is 400, also where its code is one that means something else here."""
    for code in problems.CODES:
        assert problems.kind_of(errors.Rejected("no", code=code)).status == 400


ASKED = [
    ("send pay --order-id o1 --expect 9", "POST", "/commands/pay", {"order_id": "o1"}, {"If-Match": '"9"'}, 4, 412),
    ("send ship --order-id none", "POST", "/commands/ship", {"order_id": "none"}, {}, 3, 404),
    ("send pay --order-id o2 --command-id pay-o1", "POST", "/commands/pay", {"order_id": "o2"},
     {"Idempotency-Key": "pay-o1"}, 4, 422),
    ("send pay", "POST", "/commands/pay", {}, {}, 2, 422),
    ("log order-none", "GET", "/events?stream=order-none", None, {}, 3, 404),
    ("log --where x>", "GET", "/events?where=x>", None, {}, 2, 400),
    ("show @99", "GET", "/events/99", None, {}, 3, 404),
    ("replay order-o1@99", "GET", "/aggregates/order-o1?at=99", None, {}, 3, 404),
    ("query orders --where nothing=1", "GET", "/projections/orders?where=nothing=1", None, {}, 2, 400),
    ("query orders --wait @999 --timeout 0", "GET", "/projections/orders?wait=@999", None, {}, 7, 503),
    ("run --drop none --reason x", "POST", "/dead-letters/none/drop", {"reason": "x"}, {}, 3, 404),
    ("sql DELETE", "GET", "/sql?q=DELETE", None, {}, 2, 400),
]  # fmt: skip


@pytest.mark.parametrize(("words", "method", "path", "body", "headers", "code", "status"), ASKED)
def test_what_fails_in_one_fails_in_the_other(
    both: Any, monkeypatch: pytest.MonkeyPatch, words: str, method: str, path: str, body: Any, headers: Any, code: int, status: int
) -> None:  # fmt: skip
    shell, served = both
    served.app.face.options.__dict__["patience"] = 0.01
    ran = shell(*words.split(), "--json")
    answer = served(method, path, headers=headers, **({} if body is None else {"json": body}))
    assert (ran.code, answer.status_code) == (code, status), (ran.err, answer.text)
    assert status in problems.STATUS_OF_EXIT[code]
    assert ran.error["code"] == answer.json()["code"]
    if code != 2 and "seconds" not in ran.error["message"] and status != 503:
        assert ran.error["message"] == answer.json()["detail"]


def test_hints_are_in_the_words_of_the_face(both: Any) -> None:
    """A client can't type what the shell would say."""
    _, served = both
    assert isinstance(served, Served)
    asked = [served.get("/aggregates/order-none"), served.get("/events/99"), served.get("/projections/none"),
             served.post("/commands/ship", {"order_id": "none"}), served.get("/sql?q=DELETE"),
             served.post("/commands/pay", {"order_id": "o9"}, headers={"Idempotency-Key": "pay-o1"})]  # fmt: skip
    for answer in asked:
        assert answer.status_code >= 400
        assert "cqrs " not in answer.json().get("hint", ""), answer.text
