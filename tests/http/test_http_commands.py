"""Commands over HTTP: what they answer, what they refuse and where it was wrong, and who of many is first."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import pytest

from cqrs_cli import Workbench
from tests import bank

ORDER = {
    "customer_id": "7d2b3c1e-0000-4000-8000-000000000001",
    "items": [
        {
            "product_id": "7d2b3c1e-0000-4000-8000-000000000002",
            "product_name": "pen",
            "quantity": 1,
            "unit_price": "1.10",
        }
    ],
    "shipping_address": {"street": "a", "city": "b", "postal_code": "c", "country": "d"},
}


def opened(served: Any, id: str = "ada", amount: int = 0) -> None:
    assert served.post("/commands/open", {"account_id": id}).status_code == 201
    if amount:
        assert served.post("/commands/deposit", {"account_id": id, "amount": amount}).status_code == 201


def test_a_command_is_committed_and_answered_with_where_it_is(served: Any) -> None:
    answer = served.post("/commands/open", {"account_id": "ada", "owner": "Ada"}, headers={"Idempotency-Key": "k-1"})
    assert answer.status_code == 201
    record = answer.json()
    assert (record["status"], record["command_id"], record["key"]) == ("committed", "k-1", {"account_id": "ada"})
    assert answer.headers["location"] == "/aggregates/account-ada"
    assert (answer.headers["etag"], answer.headers["log-position"]) == ('"1"', "1")
    assert served.get(answer.headers["location"]).json()["state"]["owner"] == "Ada"


def test_sent_again_it_has_the_first_answer_and_with_other_fields_none(served: Any) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = served.post("/commands/open", {"account_id": "ada"}, headers=key)
    again = served.post("/commands/open", {"account_id": "ada"}, headers=key)
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert again.json()["events"] == first.json()["events"]
    assert again.headers["etag"] == first.headers["etag"]
    other = served.post("/commands/open", {"account_id": "bob"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "command-id-reused")
    assert served.get("/events").json()[0]["stream"] == "account-ada"


def test_nothing_to_do_is_no_creation(served: Any) -> None:
    opened(served)
    answer = served.post("/commands/look", {"account_id": "ada"})
    assert (answer.status_code, answer.json()["status"], answer.headers["etag"]) == (200, "unchanged", '"1"')
    assert "location" not in answer.headers


def test_a_dry_run_tells_events_and_rows_and_writes_nothing(served: Any) -> None:
    answer = served.post("/commands/open?dry_run=true", {"account_id": "ada"})
    assert (answer.status_code, answer.json()["status"]) == (200, "dry-run")
    assert [change["projection"] for change in answer.json()["changes"]] == ["balance"]
    assert "etag" not in answer.headers
    assert "log-position" not in answer.headers
    assert served.get("/events").json() == []


@pytest.mark.parametrize(
    ("headers", "status", "version"),
    [
        ({"If-Match": '"1"'}, 201, 2),
        ({"If-Match": "1"}, 201, 2),
        ({"If-Match": 'W/"1"'}, 201, 2),
        ({"If-Match": '"7"'}, 412, 1),
        ({"If-None-Match": "*"}, 412, 1),
        ({"If-None-Match": '"1"'}, 400, 1),
        ({"If-Match": "five"}, 400, 1),
        ({"If-Match": ""}, 400, 1),
        ({"If-Match": "*"}, 400, 1),  # for it to hold, any stream would do: no version is expected
        ([("If-Match", '"1"'), ("If-Match", '"7"')], 400, 1),
        ([("If-None-Match", "*"), ("If-None-Match", '"7"')], 400, 1),
        ({"If-Match": '"1"', "If-None-Match": "*"}, 400, 1),
    ],
)
def test_what_is_expected_is_in_a_header(served: Any, headers: Any, status: int, version: int) -> None:
    opened(served)
    answer = served.post("/commands/deposit", {"account_id": "ada", "amount": 1}, headers=headers)
    assert answer.status_code == status
    if status in (201, 412):
        assert answer.headers["etag"] == f'"{version}"'
    assert served.get("/aggregates/account-ada").headers["etag"] == f'"{version}"'


REFUSED = [
    ("open", {"account_id": "ada"}, 400, "already-exists"),
    ("withdraw", {"account_id": "ada", "amount": 5}, 400, "overdrawn"),
    ("deposit", {"account_id": "bob", "amount": 5}, 404, "aggregate-not-found"),
    ("deposit", {"account_id": "ada", "amount": 13}, 500, "domain-failed"),
    ("deposit", {"account_id": "ada", "amount": "5"}, 422, "invalid-input"),
    ("deposit", {"account_id": "ada"}, 422, "invalid-input"),
    ("deposit", ["ada"], 422, "invalid-input"),
    ("deposits", {}, 404, "command-not-found"),
]


@pytest.mark.parametrize(("name", "body", "status", "code"), REFUSED)
def test_a_refusal_is_a_problem(served: Any, name: str, body: Any, status: int, code: str) -> None:
    opened(served)
    answer = served.post(f"/commands/{name}", body)
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code)
    assert told["type"] == f"urn:cqrs:problem:{code}"
    assert told["title"]
    assert "Traceback" not in answer.text
    assert "unlucky" not in answer.text or "RuntimeError" in answer.text
    assert len(served.get("/events").json()) == 1


def test_complaints_have_pointers_into_what_was_sent(served: Any) -> None:
    legs = [{"to": "bob", "amount": 1}, {"to": "cid", "amount": True}, {"amount": "x/~"}]
    answer = served.post("/commands/split", {"account_id": "ada", "legs": legs, "more": 1})
    assert answer.status_code == 422
    found = {one["pointer"] for one in answer.json()["errors"]}
    assert found == {"/legs/1/amount", "/legs/2/to", "/legs/2/amount", "/more"}


@pytest.mark.parametrize(
    ("content", "type", "status", "code"),
    [
        (b'{"account_id": "ada"}', "text/plain", 415, "unsupported-media-type"),
        (b'{"account_id": "ada"}', "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b'{"account_id": "ada"}', "", 415, "unsupported-media-type"),
        (b'{"account_id": "ada"', "application/json", 400, "not-json"),
        (b'{"account_id": NaN}', "application/json", 400, "not-json"),
        (b'{"account_id": "ada", "account_id": "bob"}', "application/json", 400, "not-json"),
        (b'{"account_id": "\xff"}', "application/json", 400, "not-json"),
        (b"", "application/json", 400, "not-json"),
        (b'{"account_id": "ada"}', "application/vnd.bank+json", 201, None),
        (b'{"account_id": "ada"}', "application/json; charset=utf-8", 201, None),
    ],
)
def test_a_body_is_strict_json_of_its_type(served: Any, content: bytes, type: str, status: int, code: Any) -> None:
    answer = served.post("/commands/open", content=content, headers={"Content-Type": type} if type else {})
    assert (answer.status_code, answer.json().get("code")) == (status, code)


def test_a_number_keeps_its_digits(orders: Any) -> None:
    """A framework's own reading of bodies would make a float of it."""
    body = json.dumps(ORDER).replace('"1.10"', "12345678.1000")
    answer = orders.post("/commands/create-order", content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["events"][1]["data"]["unit_price"] == "12345678.1000"


@pytest.mark.parametrize("key", ["×ø".encode(), b"", b" ", b"x" * 201, b"a\tb"])
def test_a_key_that_a_header_can_not_say_for_sure_is_refused(served: Any, key: bytes) -> None:
    answer = served.post("/commands/open", {"account_id": "ada"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert served.get("/events").json() == []


def test_a_key_of_other_letters_is_committed_and_its_location_leads_there(served: Any) -> None:
    """A header holds ASCII alone: the place of what was committed must not fail for that."""
    answer = served.post("/commands/open", {"account_id": "ключ/ø 1%,x"})
    assert answer.status_code == 201
    place = answer.headers["location"]
    assert place.isascii()
    assert unquote(place).startswith("/aggregates/account-")
    assert served.get(place).json()["state"]["account_id"] == "ключ/ø 1%,x"
    assert answer.json()["key"] == {"account_id": "ключ/ø 1%,x"}


def test_the_envelope_comes_from_headers_and_never_the_user(served: Any) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"Correlation-Id": "story-1", "traceparent": parent, "user_id": "eve", "X-User": "eve"}
    event = served.post("/commands/open", {"account_id": "ada"}, headers=headers).json()["events"][0]
    assert (event["correlation_id"], event["metadata"], event["user_id"]) == ("story-1", {"traceparent": parent}, None)


def test_an_unknown_parameter_is_refused(served: Any) -> None:
    answer = served.post("/commands/open?dryrun=true", {"account_id": "ada"})
    assert (answer.status_code, answer.json()["hint"]) == (422, "did you mean 'dry_run'?")
    assert served.get("/events").json() == []


# ── many at once ──────────────────────────────────────────────────────────────────────────────


def statuses(served: Any, count: int, ask: Any) -> list[int]:
    with ThreadPoolExecutor(count) as threads:
        return sorted(answer.status_code for answer in threads.map(ask, range(count)))


@pytest.mark.slow
def test_one_key_from_many_is_one_command(served: Any) -> None:
    def ask(_: int) -> Any:
        return served.post("/commands/open", {"account_id": "ada"}, headers={"Idempotency-Key": "k-1"})

    assert statuses(served, 32, ask) == [200] * 31 + [201]
    assert len(served.get("/events").json()) == 1


@pytest.mark.slow
def test_one_version_is_expected_by_many_and_one_has_it(served: Any) -> None:
    opened(served)

    def ask(number: int) -> Any:
        body = {"account_id": "ada", "amount": number + 20}
        return served.post("/commands/deposit", body, headers={"If-Match": '"1"'})

    assert statuses(served, 16, ask) == [201] + [412] * 15


@pytest.mark.slow
def test_who_wrote_reads_it(served: Any) -> None:
    def ask(number: int) -> bool:
        id = f"a-{number}"
        position = served.post("/commands/open", {"account_id": id}).headers["log-position"]
        rows = served.get("/projections/balance", params={"where": f"account_id={id}", "wait": f"@{position}"})
        return [row["account_id"] for row in rows.json()] == [id]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(100))) == [True] * 100


@pytest.mark.slow
def test_commands_that_wait_are_written_together_each_with_its_own_end(served: Any, tmp_path: Any) -> None:
    opened(served, "ada", 100)

    def ask(number: int) -> Any:
        if number % 2:
            return served.post("/commands/withdraw", {"account_id": "ada", "amount": 1_000})
        return served.post("/commands/deposit", {"account_id": "ada", "amount": 20})

    assert statuses(served, 24, ask) == [201] * 12 + [400] * 12
    with Workbench.open(str(tmp_path / "cqrs.db"), bank.domain, read_only=True) as bench:
        assert bench.load(bank.Account, "ada").state.balance == 100 + 12 * 20
