"""Pages of read models: where they stand, their rows now and then, jobs, and the story of a row."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.http.identity import Identity
from cqrs_cli.http.pages import row_page
from tests import bank, office
from tests.http.page import Page, page, submit, walk
from tests.http.served import Served, serving

HOSTILE = "<script>alert(1)</script>\"'\u202e{{7*7}}"
APP = ("--app", "tests.bank:domain")


@pytest.fixture
def filled(served: Served) -> Served:
    """The bank with a few accounts, one of them with a name that means harm."""
    for name in ("ada", "bob", "cy", HOSTILE):
        assert served.post("/commands/open", {"account_id": name, "owner": f"{name}'s"}).status_code == 201
        served.post("/commands/deposit", {"account_id": name, "amount": 100 + len(name), "note": HOSTILE})
    served.post(
        "/commands/split", {"account_id": "ada", "legs": [{"to": "bob", "amount": 5}, {"to": "x,y", "amount": 1}]}
    )
    return served


def ended(served: Any, answer: Any) -> Page:
    """The page of a job, once it has ended."""
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    while 'data-state="running"' in served.get(path + "?fragment=true").text:
        pass
    return page(served, path)


def poison(path: str) -> None:
    """An event that the projection of balances can't take."""
    with Workbench.open(path, bank.domain) as bench:
        bench.send(bank.Deposit(account_id="ada", amount=777))


def test_all_read_models_and_what_their_links_lead_to(filled: Any, cqrs: Any) -> None:
    page(filled, "/ui/models/balance")  # which brings all of them to the head
    found = page(filled, "/ui/models")
    assert re.search(r"balance ready @9 0 4\b", found.text)
    assert re.search(r"flow ready @9 0 2\b", found.text)
    statuses = walk(filled, "/ui/models")
    assert len([path for path in statuses if "/row?" in path]) == 6
    assert set(statuses.values()) == {200}
    assert "balance" in cqrs(*APP, *found.shell).stdout


def test_an_empty_store(served: Any) -> None:
    for path in ("/ui/models", "/ui/models/balance", "/ui/models/flow", "/ui/commands", "/ui/processes"):
        assert page(served, path).status == 200
    assert "no rows" in page(served, "/ui/models/balance").text


def test_rows_with_conditions_in_an_order(filled: Any, cqrs: Any) -> None:
    found = page(filled, "/ui/models/balance?where=balance>102&where=rich=false&where=&order=-balance,owner")
    assert found.status == 200
    assert len([path for path in found.links if "/row?" in path]) == 3
    assert found.text.index("ada's") < found.text.index("bob's")
    assert "cy's" not in found.text
    assert [of.get("aria-sort") for tag, of in found.tags if of.get("aria-sort")] == ["descending"]
    told = json.loads(cqrs(*APP, *found.shell, "--json").stdout)
    assert [row["account_id"] for row in told][1:] == ["ada", "bob"]
    assert "/ui/streams/account-ada" in found.links
    assert "2026-01-01T12:00:00.000000Z" in found.answer.text  # a time as a time
    assert page(filled, "/ui/models/no-such").status == 404
    assert page(filled, "/ui/models/balance?wher=1").status == 422
    assert page(filled, "/ui/models/balance?order=nothing").status == 400
    assert page(filled, "/ui/models/balance?cursor=nothing").status == 400


def test_a_wrong_condition_is_told_at_its_field_and_the_rest_stays(filled: Any) -> None:
    asked = {"where": ["balance > 1", f"nothing = {HOSTILE}", "balance > x"], "order": "-balance", "at": "@3"}
    found = page(filled, "/ui/models/balance", params=asked)
    assert found.status == 400
    assert [found.fields[f"where-{n}"]["value"] for n in range(4)] == [*asked["where"], ""]
    assert found.fields["at"]["value"] == "@3"
    assert "wrong-0" not in found.ids
    told = dict(re.findall(r'id="(wrong-\d)"[^>]*>(.*?)</span>', found.answer.text))
    assert "nothing" in told["wrong-1"]
    assert "valid integer" in told["wrong-2"]
    assert "/row?" not in found.answer.text
    late = page(filled, "/ui/models/balance?at=nonsense")
    assert (late.status, "wrong-at" in late.ids) == (400, True)


def test_rows_come_page_by_page(served: Any, monkeypatch: pytest.MonkeyPatch, cqrs: Any) -> None:
    for number in range(120):
        served.post("/commands/open", {"account_id": f"a{number:03}", "owner": f"o{number % 7}"})
    path, seen = "/ui/models/balance?order=owner", list[str]()
    while path:
        found = page(served, path)
        rows = [html.unescape(one) for one in re.findall(r"row\?key=(a\d+)", found.answer.text)]
        assert [one["account_id"] for one in json.loads(cqrs(*APP, *found.shell, "--json").stdout)] == list(
            dict.fromkeys(rows)
        )
        seen += dict.fromkeys(rows)
        path = next((of["href"] for tag, of in found.tags if of.get("id") == "older"), "")
    assert (len(seen), len(set(seen))) == (120, 120)


def test_rows_as_they_were(filled: Any, cqrs: Any) -> None:
    found = page(filled, "/ui/models/balance?at=@3")
    assert len({path for path in found.links if "/row?" in path}) == 2
    assert all("at=%403" in path for path in found.links if "/row?" in path)
    assert "as they were at @3" in found.text
    told = json.loads(cqrs(*APP, *found.shell, "--json").stdout)
    assert [row["account_id"] for row in told] == ["ada", "bob"]
    then = page(filled, "/ui/models/balance/row?key=bob&at=@3")
    assert ("Opened" in then.text, "Deposited" in then.text) == (True, False)


def test_the_story_of_a_row(filled: Any, cqrs: Any) -> None:
    found = page(filled, "/ui/models/balance/row?key=ada")
    assert found.status == 200
    assert "balance 103 Deposited @2" in found.text
    assert "owner ada's Opened @1" in found.text
    assert "new row" in found.text
    assert {"/ui/events/1", "/ui/events/2", "/ui/streams/account-ada?at=1"} <= set(found.links)
    told = json.loads(cqrs(*APP, *found.shell, "--json").stdout)
    assert {one["path"]: one["position"] for one in told}["balance"] == 2
    pair = page(filled, "/ui/models/flow/row", params={"key": "ada,x%2Cy"})
    assert (pair.status, "x,y" in pair.text) == (200, True)
    filled.post("/commands/close", {"account_id": "bob"})
    gone = page(filled, "/ui/models/balance/row?key=bob")
    assert "There is no such row any more" in gone.text
    [before] = {path for path in gone.links if "at=" in path and "/row?" in path}
    assert page(filled, before).status == 200
    for asked, status in (("key=nobody", 404), ("key=a,b", 400), ("", 422), ("key=ada&at=x", 400)):
        assert page(filled, f"/ui/models/balance/row?{asked}").status == status


def test_in_a_long_log_a_story_is_a_job(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_page, "AT_ONCE", 3)
    path = "/ui/models/balance/row?key=ada"
    found = page(filled, path)
    assert ("look" in found.ids, "103" in found.text, "blame" in found.ids) == (True, True, False)
    done = ended(filled, submit(filled, path, {}))
    assert "balance 103 Deposited @2" in done.text
    missing = ended(filled, submit(filled, path.replace("ada", "nobody"), {}))
    assert "row-not-found" in missing.text


def test_what_differs_from_a_fresh_fold_is_listed_and_a_rebuild_mends_it(filled: Any, tmp_path: Any, cqrs: Any) -> None:
    page(filled, "/ui/models/balance")  # which brings it to the head
    with Workbench.open(str(tmp_path / "cqrs.db"), bank.domain) as bench, bench.store.transaction() as rows:
        kind = bench.domain.rows_of("balance")
        all_rows = [tuple(one) for one in bench.store.rows.select(kind.table)]
        place = [column.name for column in kind.table.columns].index("owner")
        rows.put(kind.table, [(*one[:place], "eve <b>", *one[place + 1 :]) for one in all_rows])
    checked = ended(filled, submit(filled, "/ui/models/balance/check", {}))
    assert "4 rows compared: 4 differences" in checked.text
    assert "owner eve <b> ada's" in checked.text
    assert "1" in cqrs(*APP, *checked.shell, exit_code=1).stdout
    rebuilt = ended(filled, submit(filled, "/ui/models/balance/rebuild", {}))
    assert "4 rows at @9 ready" in rebuilt.text
    assert "no difference" in ended(filled, submit(filled, "/ui/models/balance/check", {})).text
    assert cqrs(*APP, *rebuilt.shell)


def test_jobs_are_of_their_read_model_and_can_be_stopped(filled: Any) -> None:
    answer = submit(filled, "/ui/models/balance/check", {})
    ended(filled, answer)
    path = answer.headers["location"]
    part = filled.get(path + "?fragment=true").text
    assert part.lstrip().startswith("<div")
    assert "<main" not in part
    assert page(filled, path.replace("balance", "flow")).status == 404
    assert page(filled, "/ui/models/balance/jobs/nothing").status == 404
    assert submit(filled, path + "/cancel", {}).headers["location"] == path


def test_one_that_stopped_says_so_and_what_to_do(filled: Any, tmp_path: Any, cqrs: Any) -> None:
    poison(str(tmp_path / "cqrs.db"))
    for path, status in (("/ui/models/balance", 500), ("/ui/models", 200)):
        found = page(filled, path)
        assert found.status == status
        assert "can't take 777" in found.text
        assert "/ui/events/10" in found.links
        assert "cqrs project balance --skip @10 --reason why" in found.text
    assert page(filled, "/ui/models/flow").status == 200
    stale = page(filled, "/ui/models/balance?stale=true")
    assert (stale.status, "ada's" in stale.text) == (200, True)
    failed = ended(filled, submit(filled, "/ui/models/balance/rebuild", {}))
    assert "domain-failed" in failed.text
    assert "/ui/events/10" in failed.links
    cqrs(*APP, "project", "balance", "--skip", "@10", "--reason", "a <test>")
    found = page(filled, "/ui/models/balance")
    assert (found.status, "1 skipped" in found.text, "a <test>" in found.text) == (200, True, True)


def test_what_means_harm_does_none(filled: Any) -> None:
    for path in ("/ui/models/balance", "/ui/models/balance/row"):
        found = page(
            filled,
            path,
            params={"key": "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27%E2%80%AE%7B%7B7*7%7D%7D"}
            if "row" in path
            else {},
        )
        assert found.status == 200
        assert "<script>alert" not in found.answer.text
        assert "\u202e" not in found.answer.text
        assert "{{7*7}}" in found.text
        assert not [of for tag, of in found.tags if any(name.startswith("on") or name == "style" for name in of)]


def test_rights_and_reading_only(filled: Any, tmp_path: Any) -> None:
    path = str(tmp_path / "cqrs.db")
    with serving(path, bank.domain, read_only=True) as one:
        found = page(one, "/ui/models/balance")
        assert ("check" in found.ids, "rebuild" in found.ids) == (True, False)
        assert submit(one, "/ui/models/balance/rebuild", {}).status_code == 403
        assert "no difference" in ended(one, submit(one, "/ui/models/balance/check", {})).text
    with serving(path, bank.domain, authenticate=lambda _: Identity("eve", frozenset({"read"}))) as one:
        found = page(one, "/ui/models/balance")
        assert ("check" in found.ids, "rebuild" in found.ids) == (False, False)
        for name in ("check", "rebuild"):
            assert submit(one, f"/ui/models/balance/{name}", {}).status_code == 403
    with serving(path, bank.domain, authenticate=lambda _: Identity("nobody", frozenset())) as one:
        for place in ("/ui/models", "/ui/models/balance", "/ui/models/balance/row?key=ada"):
            assert page(one, place).status == 403


@pytest.fixture
def hidden(filled: Any, tmp_path: Any) -> Iterator[Served]:
    """The same with what is hidden."""
    with serving(
        str(tmp_path / "cqrs.db"), bank.domain, mask={"account_id": "", "owner": "", "note": "", "notes": ""}
    ) as one:
        yield one


def test_what_is_masked_is_told_nowhere(hidden: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs_cli.http.pages.models.PAGE", 2)
    for path in ("/ui/models", "/ui/models/balance", "/ui/models/balance?order=-balance"):
        text = page(hidden, path).answer.text
        assert not re.search(r"\bada\b|\bbob\b|alert", text), path
    found = page(hidden, "/ui/models/balance")
    [more] = [path for path in found.links if "cursor=" in path and "order=" not in path]
    assert not re.search("ada|bob", more)
    assert page(hidden, more).text.count("account")
    assert page(hidden, more).text != found.text
    assert not [path for path in found.links if "/row?" in path or "/ui/streams/" in path]
    assert "account-ada" not in page(hidden, "/ui/models/balance/row?key=ada").answer.text


def test_rows_of_process_managers(tmp_path: Any) -> None:
    path = str(tmp_path / "cqrs.db")
    with Workbench.open(path, office.domain) as bench:
        runner = bench.runner()
        runner.drain()
        bench.send(office.Pay(order_id="o1"))
        runner.drain()
    with serving(path, office.domain) as one:
        assert "fulfilment" in page(one, "/ui/models").text
        found = page(one, "/ui/models/fulfilment")
        assert "shipped" in found.text
        assert "/ui/models/fulfilment/row?key=o1" in found.links
        assert "Shipped" in page(one, "/ui/models/fulfilment/row?key=o1").text
        assert page(one, "/ui/models/welcome").status == 404
        assert one.get("/ui/go?to=welcome").headers["location"] == "/ui/processes#welcome"
