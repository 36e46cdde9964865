"""Queries and read models over HTTP: parameters, pages, what is fresh and what is told if it is not."""

from typing import Any

import pytest

from cqrs_cli import Workbench
from tests import bank
from tests.http.served import serving


def accounts(served: Any, count: int) -> None:
    for number in range(count):
        served.post("/commands/open", {"account_id": f"a{number}"})
        served.post("/commands/deposit", {"account_id": f"a{number}", "amount": 100 * (number + 1)})


def followed(served: Any, path: str) -> list[Any]:
    """All pages, by their links."""
    found: list[Any] = []
    while path:
        answer = served.get(path)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        link = answer.headers.get("link", "")
        path = link.partition(">")[0].removeprefix("<")
        assert not link or link.endswith('rel="next"')
    return found


def test_a_query_has_typed_parameters_and_pages(served: Any) -> None:
    accounts(served, 5)
    pages = followed(served, "/queries/richest?least=2&limit=2")
    assert [[row["account_id"] for row in page] for page in pages] == [["a4", "a3"], ["a2", "a1"]]


def test_a_read_model_has_conditions_an_order_and_pages(served: Any) -> None:
    accounts(served, 5)
    pages = followed(served, "/projections/balance?where=balance>=200&where=rich=false&order=-balance&limit=3")
    assert [[row["balance"] for row in page] for page in pages] == [[500, 400, 300], [200]]


def test_rows_as_they_were(served: Any) -> None:
    accounts(served, 2)
    assert [row["balance"] for row in served.get("/projections/balance?at=@3").json()] == [100, 0]
    assert served.get("/projections/balance?at=5").status_code == 400
    assert served.get("/projections/balance?at=@3&wait=@3").status_code == 400


def test_what_has_not_changed_is_not_sent_again(served: Any) -> None:
    accounts(served, 1)
    for path in ("/queries/richest", "/projections/balance"):
        first = served.get(path)
        tag = {"If-None-Match": first.headers["etag"]}
        same = served.get(path, headers=tag)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    served.post("/commands/deposit", {"account_id": "a0", "amount": 1})
    changed = served.get("/projections/balance", headers=tag)
    assert (changed.status_code, changed.json()[0]["balance"]) == (200, 101)
    assert changed.headers["log-position"] == "3"
    assert changed.headers["log-lag"] == "0"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/queries/richest?least=x", 422, "invalid-input"),
        ("/queries/richest?most=1", 422, "invalid-input"),
        ("/queries/richest?least=1&least=2", 422, "invalid-input"),
        ("/queries/richest?limit=0", 422, "invalid-input"),
        ("/queries/richest?limit=1001", 422, "invalid-input"),
        ("/queries/richest?cursor=zzz", 400, "cursor"),
        ("/queries/richest?wait=x", 422, "invalid-input"),
        ("/queries/poorest", 404, "query-not-found"),
        ("/projections/balances", 404, "projection-not-found"),
        ("/projections/balance?where=nothing>1", 400, "expression"),
        ("/projections/balance?where=balance>", 400, "expression"),
        ("/projections/balance?order=nothing", 400, "unknown-column"),
        ("/projections/balance?stale=maybe", 422, "invalid-input"),
    ],
)
def test_what_can_not_be_asked(served: Any, path: str, status: int, code: str) -> None:
    answer = served.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_fields_that_are_called_like_a_parameter_of_ours(tmp_path: Any) -> None:
    from cqrs_cli import Domain, Page, Query, Read

    class Some(Query[bank.Balance]):
        limit: int
        tags: list[str] = []
        leg: bank.Leg | None = None
        kind: bank.Kind | None = None
        sure: bool = False

        def run(self, read: Read) -> Page[bank.Balance]:
            asked.append(self)
            return Page([])

    asked: list[Some] = []
    domain = Domain("bank", bank.Account, bank.Balance, bank.Flow, Some)
    domain.provide(bank.the_moment)
    with serving(str(tmp_path / "cqrs.db"), domain) as served:
        leg = '{"to":"x","amount":2}'
        given = {"field.limit": "7", "tags": ["a", "b"], "leg": leg, "kind": "firm", "sure": "true", "limit": "5"}
        assert served.get("/queries/some", params=given).status_code == 200
        assert served.get("/queries/some", params={"field.limit": "7", "leg": "{"}).status_code == 422
    wanted = Some(limit=7, tags=["a", "b"], leg=bank.Leg(to="x", amount=2), kind=bank.Kind.FIRM, sure=True)
    assert asked
    assert all(query == wanted for query in asked), asked  # asked twice where the rows came to their place meanwhile


def test_a_query_without_pages_takes_no_cursor(orders: Any) -> None:
    id = "7d2b3c1e-0000-4000-8000-000000000001"
    assert orders.get(f"/queries/order-by-id?order_id={id}").text == "null\n"
    assert orders.get(f"/queries/order-by-id?order_id={id}&cursor=x").status_code == 422


def test_a_read_model_that_stands_still_is_no_answer(served: Any) -> None:
    """Rows without the last events, and nothing that says so, would be wrong."""
    accounts(served, 1)
    served.post("/commands/deposit", {"account_id": "a0", "amount": 777})
    for path in ("/queries/richest", "/projections/balance"):
        answer = served.get(path)
        assert (answer.status_code, answer.json()["code"], answer.json()["position"]) == (500, "domain-failed", 3)
        stale = served.get(path, params={"stale": "true"})
        assert (stale.status_code, stale.json()[0]["balance"], stale.headers["log-lag"]) == (200, 100, "1")
    ready = served.get("/health/ready")
    assert (ready.status_code, ready.json()["stopped"]) == (503, ["balance"])
    assert served.get("/projections/flow").status_code == 200


def test_waiting_ends(tmp_path: Any) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, patience=0.05) as served:
        answer = served.get("/queries/richest?wait=@9")
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "timed-out", "1")


def test_a_server_that_only_reads_says_how_far_behind_it_is(tmp_path: Any) -> None:
    path = str(tmp_path / "cqrs.db")
    with Workbench.open(path, bank.domain) as bench:
        bench.send(bank.Open(account_id="ada"))
        bench.project()
        bench.send(bank.Open(account_id="bob"))
    with serving(path, bank.domain, read_only=True, patience=0.05) as served:
        answer = served.get("/projections/balance")
        assert [row["account_id"] for row in answer.json()] == ["ada"]
        assert (answer.headers["log-position"], answer.headers["log-lag"]) == ("1", "1")
        assert served.get("/projections/balance?wait=@2").json()["code"] == "timed-out"
        for path in ("/commands/open", "/projections/balance/rebuild", "/dead-letters/x/retry"):
            refused = served.post(path, {"account_id": "cid"} if "commands" in path else None)
            assert (refused.status_code, refused.json()["code"]) == (403, "read-only")
        assert served.post("/commands/open?dry_run=true", {"account_id": "cid"}).status_code == 200


def test_a_tag_that_a_proxy_made_weak_is_known_all_the_same(served: Any) -> None:
    served.post("/commands/open", {"account_id": "ada"})
    tag = served.get("/projections/balance").headers["etag"]
    for header in (tag, f"W/{tag}", f'"other", W/{tag}', f'{tag}, "other"'):
        assert served.get("/projections/balance", headers={"If-None-Match": header}).status_code == 304, header
    assert served.get("/projections/balance", headers={"If-None-Match": 'W/"other"'}).status_code == 200
