"""`POST /commands`: lines of JSON, an outcome a line."""

import json
from typing import Any

import pytest

from cqrs_cli.http import batches
from cqrs_cli.http.identity import Identity
from tests import bank
from tests.http.served import serving

NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(*commands: Any) -> bytes:
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in commands).encode()


def line(command: str, **data: Any) -> dict[str, Any]:
    return {"command": command, "data": data}


def outcomes(answer: Any) -> list[Any]:
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(one) for one in answer.text.splitlines()]


def test_each_line_has_its_outcome_in_order(served: Any) -> None:
    body = lines(
        line("open", account_id="ada"),
        "",
        line("withdraw", account_id="ada", amount=5),
        "{",
        line("opne", account_id="x"),
        line("deposit", account_id="ada", amount="5"),
        {**line("deposit", account_id="ada", amount=7), "expect": 1},
    )
    found = outcomes(served.post("/commands", content=body, headers=NDJSON))
    assert [one["status"] for one in found] == ["committed", "rejected", "invalid", "invalid", "invalid", "committed"]
    assert [one.get("line") for one in found] == [None, 3, 4, 5, 6, None]
    assert served.get("/aggregates/account-ada").json()["state"]["balance"] == 7


def test_it_stops_at_the_first_failure_if_asked(served: Any) -> None:
    body = lines(line("open", account_id="a"), line("look", account_id="none"), line("open", account_id="b"))
    found = outcomes(served.post("/commands?fail_fast=true", content=body, headers=NDJSON))
    assert [one["status"] for one in found] == ["committed", "not-found"]
    assert [one["stream"] for one in served.get("/streams").json()] == ["account-a"]


def test_it_stops_at_the_first_failure_however_few_are_written_at_once(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "TOGETHER", 1)
    body = lines(line("open", account_id="a"), line("look", account_id="none"), line("open", account_id="b"))
    found = outcomes(served.post("/commands?fail_fast=true", content=body, headers=NDJSON))
    assert [one["status"] for one in found] == ["committed", "not-found"]


@pytest.mark.slow
def test_more_lines_than_are_written_at_once(served: Any) -> None:
    body = lines(*(line("open", account_id=f"a{number}") for number in range(600)))
    found = outcomes(served.post("/commands", content=body, headers=NDJSON))
    assert [one["position"] for one in found] == list(range(1, 601))


def test_a_form_can_send_none(served: Any) -> None:
    answer = served.post(
        "/commands", content=lines(line("open", account_id="a")), headers={"Content-Type": "text/plain"}
    )
    assert (answer.status_code, served.get("/events").json()) == (415, [])


def test_a_line_is_of_who_asks_and_nobody_elses(tmp_path: Any) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, authenticate=lambda _: Identity("ada")) as served:
        body = lines(line("open", account_id="a"), {**line("open", account_id="b"), "user_id": "eve"},
                     {**line("open", account_id="c"), "user_id": "ada", "command_id": "k"})  # fmt: skip
        found = outcomes(served.post("/commands", content=body, headers=NDJSON))
        assert [one["status"] for one in found] == ["committed", "invalid", "committed"]
        assert [one["user_id"] for one in served.get("/events").json()] == ["ada", "ada"]
        assert found[2]["command_id"] == "k"


def test_a_line_names_nobody_where_nobody_is_known(served: Any) -> None:
    """Who sends it may write anything: only a plug knows who asks."""
    body = lines({**line("open", account_id="a"), "user_id": "eve"}, line("open", account_id="b"))
    told = outcomes(served.post("/commands", content=body, headers=NDJSON))
    assert [one["status"] for one in told] == ["invalid", "committed"]
    assert "nobody that is known" in told[0]["reason"]


def test_a_packed_body_is_refused(served: Any) -> None:
    for path, kind in (("/commands", "application/x-ndjson"), ("/commands/open", "application/json")):
        headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
        answer = served("POST", path, content=b"{}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")
