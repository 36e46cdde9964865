"""The page of a stream: the state at a version, what changed in it, which version set what, long streams, two states."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import Workbench
from cqrs_cli.cli.shell import boundary
from cqrs_cli.history.folds import DomainFolds
from cqrs_cli.http.pages.json_lines import MOST_LINES, Marked, json_lines
from cqrs_cli.http.pages.states import States
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Append
from samples.orders import domain as orders_domain
from tests import bank
from tests.http.page_text import text_of, walk
from tests.http.served import Served, serving

ORDER, OTHER = f"order-{UUID(int=17)}", f"order-{UUID(int=18)}"
PEN, INK, NIB = (str(UUID(int=number)) for number in (7, 8, 9))
CUSTOMER = str(UUID(int=99))
ADDRESS = {"street": "1 Main", "city": "Oslo", "postal_code": "0150", "country": "NO"}


def item(product: str, name: str, price: str) -> dict[str, Any]:
    """The payload of an item that was put on an order."""
    return {
        "customer_id": CUSTOMER, "product_id": product, "product_name": name, "quantity": 2, "unit_price": price
    }  # fmt: skip


EVENTS = [
    ("OrderCreated", {"customer_id": CUSTOMER, "shipping_address": ADDRESS}),
    ("OrderItemAdded", item(PEN, "Pen <script>alert(1)</script>", "24.50")),
    ("OrderItemAdded", item(INK, "Ink\u202e", "9.80")),
    ("OrderItemAdded", item(NIB, "Nib", "58.00")),
    ("OrderItemRemoved", {"customer_id": CUSTOMER, "product_id": PEN, "amount": "49.00"}),
    ("OrderSubmitted", {}),
]


def append(url: str, stream: str, *events: tuple[str, Any], domain: Any = orders_domain) -> None:
    """Events as somebody else's program wrote them, a commit each."""
    with Workbench.open(url, domain) as bench:
        begun = bench.store.version(stream)
        for number, (type, data) in enumerate(events, begun + 1):
            new = NewEvent(stream, type, 1, json.dumps(data).encode())
            bench.store.append(Commit(f"{stream}.{number}", (new,), user_id="kim"))


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = str(tmp_path / "cqrs.db")
    append(url, ORDER, *EVENTS)
    append(url, OTHER, *EVENTS[:2])
    return url


@pytest.fixture
def served_orders(store: str) -> Any:
    with serving(store, orders_domain) as served:
        yield served


def margin(page: str) -> dict[str, str]:
    """The lines of the state, each with the version in its margin and its mark."""
    state = page.partition('aria-label="State"')[2].partition('aria-label="Event"')[0]
    line = r'<div class="l ([a-z]*)"><span class="by">(.*?)</span><span class="t [^>]*>(.*?)(?: <del.*?)?</span></div>'
    found = [[unescape(re.sub("<[^>]+>", "", part)) for part in parts] for parts in re.findall(line, state)]
    return {text: f"{by} {mark}".strip() for mark, by, text in found}


# ── the state at a version ────────────────────────────────────────────────────────────────────


def test_the_newest_version_is_shown_without_any(served_orders: Served) -> None:
    page = served_orders.get(f"/ui/streams/{ORDER}")
    assert page.status_code == 200
    told = text_of(page.text)
    for part in ("version 6 of 6", "State after version 6", "OrderSubmitted", "status", "kim", "Order.submitted ("):
        assert part in told, part
    assert '"pending" → "submitted"' in told
    assert re.search(r"Order\.submitted \(samples/orders/order\.py:\d+\)", told)


def test_the_margin_follows_the_element_and_not_its_place(served_orders: Served) -> None:
    """The pen was removed: what was second is first now, and was still set by the version that added it."""
    lines = margin(served_orders.get(f"/ui/streams/{ORDER}?at=5").text)
    assert lines['"product_name": "Nib",'] == "v4"
    assert lines[f'"product_id": "{INK}",'] == "v3"
    assert lines['"status": "pending",'] == "", "as it began"
    assert not [text for text, by in lines.items() if "edit" in by or "add" in by], "nothing else is marked"


def test_what_came_is_green_what_changed_is_yellow_what_went_is_told(served_orders: Served) -> None:
    came = margin(served_orders.get(f"/ui/streams/{ORDER}?at=4").text)
    assert came['"product_name": "Nib",'] == "v4 add"
    assert came[f'"product_id": "{INK}",'] == "v3"
    changed = served_orders.get(f"/ui/streams/{ORDER}?at=6").text
    assert '<del title="before">&#34;pending&#34;</del>' in changed
    went = served_orders.get(f"/ui/streams/{ORDER}?at=5").text
    assert re.search(rf'class="gone mono"><del>items\[product_id={PEN}\]: \{{', went)


def test_a_margin_leads_to_the_version(served_orders: Served) -> None:
    page = served_orders.get(f"/ui/streams/{ORDER}?at=5").text
    assert '<a href="?at=3" title="set by version 3">v3</a>' in page


def test_the_timeline_tells_what_each_version_changed(served_orders: Served) -> None:
    page = served_orders.get(f"/ui/streams/{ORDER}?at=2").text
    rows = re.findall(
        r'<li data-version="(\d+)"( aria-current="true")?>.*?<span class="what">(.*?)</span></a>', page, re.S
    )
    assert [number for number, *_ in rows] == ["6", "5", "4", "3", "2", "1"]
    assert [number for number, here, _ in rows if here] == ["2"]
    assert "status" in rows[0][2]
    assert f"items[product_id={NIB[:8]}…]" in rows[2][2]


def test_at_takes_a_position_and_a_time(served_orders: Served) -> None:
    assert "version 3 of 6" in text_of(served_orders.get(f"/ui/streams/{ORDER}?at=@3").text)
    assert "version 6 of 6" in text_of(served_orders.get(f"/ui/streams/{ORDER}?at=now").text)
    assert "version 2 of 2" in text_of(served_orders.get(f"/ui/streams/{OTHER}?at=@8").text)


def test_a_fragment_is_what_moves(served_orders: Served) -> None:
    part = served_orders.get(f"/ui/streams/{ORDER}?at=3&fragment=true").text
    assert "<html" not in part
    assert 'class="history" data-version="3" data-last="6"' in part.lstrip()[:60]
    assert part.strip() in served_orders.get(f"/ui/streams/{ORDER}?at=3").text


def test_the_beginning_of_an_id_is_enough(tmp_path: Path) -> None:
    url = str(tmp_path / "cqrs.db")
    append(url, "order-6db370b2-1111-4111-8111-111111111111", *EVENTS[:1])
    with serving(url, orders_domain) as served:
        page = served.get("/ui/streams/order-6db370b2")
        assert "order-6db370b2-1111-4111-8111-111111111111" in text_of(page.text)


# ── two states ────────────────────────────────────────────────────────────────────────────────


def test_two_versions_are_compared(served_orders: Served) -> None:
    told = text_of(served_orders.get(f"/ui/streams/{ORDER}?at=6&with=4").text)
    assert "From version 4 to 6 2 differences" in told
    assert f"items[product_id={PEN}]" in told.partition("From version 4")[2]
    assert "From version 0 to 1" in text_of(served_orders.get(f"/ui/streams/{ORDER}?at=1&with=0").text)
    assert "no differences" in text_of(served_orders.get(f"/ui/streams/{ORDER}?at=3&with=3").text)
    assert "From version 6 to 4 2 differences" in text_of(served_orders.get(f"/ui/streams/{ORDER}?at=4&with=6").text)


def test_another_stream_is_beside_it(served_orders: Served) -> None:
    page = served_orders.get(f"/ui/streams/{ORDER}?at=2&beside={OTHER}")
    told = text_of(page.text).partition("beside it")[2]
    assert f"{OTHER}@2" in told
    assert "1 difference in colour" in told, "the id alone"
    assert f'"{UUID(int=17)}"' in told.partition("field old new")[2]
    named = served_orders.get(f"/ui/streams/{ORDER}?beside={OTHER}@1").text
    assert f"{OTHER}@1" in text_of(named)


def test_a_stream_of_another_kind_is_beside_it_without_a_comparison(store: str) -> None:
    append(store, "ship-1", ("Sailed", {"to": "Oslo"}))
    with serving(store, orders_domain) as served:
        told = text_of(served.get(f"/ui/streams/{ORDER}?beside=ship-1").text).partition("beside it")[2]
        assert '"to": "Oslo"' in told
        assert "difference" not in told
        assert "cqrs replay ship-1@1 --generic" in told


# ── what can't be ─────────────────────────────────────────────────────────────────────────────


def test_what_is_not_there(served_orders: Served) -> None:
    for path, status, code in [
        (f"/ui/streams/order-{UUID(int=55)}", 404, "stream-not-found"),
        ("/ui/streams/nothing-1", 404, "stream-not-found"),
        (f"/ui/streams/{ORDER}?at=7", 404, "version-not-found"),
        (f"/ui/streams/{ORDER}?at=0", 400, "usage"),
        (f"/ui/streams/{OTHER}?at=@2", 404, "stream-not-found"),
        (f"/ui/streams/{ORDER}?at=soon", 400, "address"),
        (f"/ui/streams/{ORDER}?with=7", 422, "invalid-input"),
        (f"/ui/streams/{ORDER}?with=-1", 422, "invalid-input"),
        (f"/ui/streams/{ORDER}?beside=order-nobody", 404, "stream-not-found"),
        (f"/ui/streams/{ORDER}?to=7", 422, "invalid-input"),
        (f"/ui/streams/{ORDER}?fragment=maybe", 422, "invalid-input"),
        ("/ui/streams/a:b", 400, "stream-name"),
    ]:
        page = served_orders.get(path)
        assert (page.status_code, code in page.text) == (status, True), (path, page.status_code, text_of(page.text))


def test_what_today_cant_fold_is_shown_all_the_same(store: str) -> None:
    append(store, ORDER, ("Frozen", {"why": 1}), EVENTS[5])
    with serving(store, orders_domain) as served:
        for at in (7, 8):
            page = served.get(f"/ui/streams/{ORDER}?at={at}")
            assert page.status_code == 200
            assert "Frozen" in text_of(page.text)
            assert "State after version" in text_of(page.text)
            assert "event 9" in text_of(page.text), "why there is no state"
        before = served.get(f"/ui/streams/{ORDER}?at=6")
        assert '"status": "submitted"' in text_of(before.text), "what is before it is told"


def test_a_stream_of_no_aggregate_is_folded_generically(store: str) -> None:
    append(store, "ship-1", ("Sailed", {"to": "Oslo", "crew": 3}), ("Turned", {"to": "Graz"}))
    with serving(store, orders_domain) as served:
        page = served.get("/ui/streams/ship-1")
        told = text_of(page.text)
        assert "generic fold" in told
        assert '"to": "Graz"' in told
        assert '"Oslo" → "Graz"' in told
        assert "cqrs replay ship-1 --at 2 --generic" in told


def test_an_empty_store(tmp_path: Path) -> None:
    with serving(str(tmp_path / "cqrs.db"), orders_domain) as served:
        assert served.get(f"/ui/streams/{ORDER}").status_code == 404
        assert "no stream" in text_of(served.get("/ui/streams").text)


# ── what is hostile, what is hidden ───────────────────────────────────────────────────────────


def test_what_is_hostile_is_text(served_orders: Served) -> None:
    for at in range(1, 7):
        page = served_orders.get(f"/ui/streams/{ORDER}?at={at}&with=0&beside={OTHER}").text
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert " style=" not in page
    assert "Ink\\u202e" in page


def test_what_is_hidden_is_nowhere(store: str) -> None:
    mask = {"product_name": "", "product_id": "", "customer_id": "", "user_id": "", "status": ""}
    with serving(store, orders_domain, mask=mask) as served:
        for at in range(1, 7):
            page = served.get(f"/ui/streams/{ORDER}?at={at}&with=1&beside={OTHER}").text
            for hidden in (PEN, INK, NIB, PEN[:8] + "…", "Nib", "Pen ", "kim", CUSTOMER, "pending"):
                assert hidden not in page, (at, hidden)
        lines = margin(served.get(f"/ui/streams/{ORDER}?at=5").text)
        assert "v4" in lines.values(), "whose the fields are is told all the same"


# ── long streams ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def long_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An account of 5,001 versions."""
    url = str(tmp_path_factory.mktemp("long") / "cqrs.db")
    with Workbench.open(url, bank.domain) as bench:
        bench.send(bank.Open(account_id="1"))
        event = NewEvent("account-1", "Withdrawn", 1, b'{"amount": 1}')
        bench.store.append_many([Append(Commit(f"c{n}", (event,) * 100)) for n in range(50)])
    return url


def test_a_long_stream_has_windows(long_store: str) -> None:
    with serving(long_store, bank.domain) as served:
        page = served.get("/ui/streams/account-1?at=2050").text
        rows = re.findall(r'<li data-version="(\d+)"', page)
        assert (rows[0], rows[-1], len(rows)) == ("2100", "2001", 100)
        assert 'id="later" href="?at=2101"' in page
        assert 'id="earlier" href="?at=2000"' in page
        lines = margin(page)
        assert lines['"balance": -2049,'] == "v2050 edit"
        assert lines['"owner": "ada",'] == "≤v1800", "older than what is looked through"
        assert 'href="?at=1800" title="set by version 1800 or one before it"' in page
        first = served.get("/ui/streams/account-1?at=1").text
        assert 'id="earlier"' not in first
        assert len(page) < 120_000


def test_a_state_that_is_far_is_folded_a_part_at_a_time(long_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs_cli.http.pages.states.BUDGET", -1.0)
    with serving(long_store, bank.domain) as served:
        seen = []
        for _ in range(6):
            page = served.get("/ui/streams/account-1").text
            found = re.search(r'id="folding" data-reached="(\d+)"', page)
            if found is None:
                break
            seen.append(int(found[1]))
            assert "Withdrawn" in text_of(page), "the event is there at once"
            assert "balance" not in margin(page)
        assert seen == [2000, 4000]
        assert "-5000" in text_of(page)


def test_a_snapshot_saves_the_way(long_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Workbench.open(long_store, bank.domain) as bench:
        list(bench.snapshots.take(["account-1"]))
        bench.store.append(Commit("late", (NewEvent("account-1", "Withdrawn", 1, b'{"amount": 1}'),)))
    monkeypatch.setattr("cqrs_cli.http.pages.states.BUDGET", -1.0)
    with serving(long_store, bank.domain) as served:
        page = served.get("/ui/streams/account-1").text
        assert "folding" not in page
        assert "-5001" in text_of(page)
        assert "version 5 001" in text_of(page).replace("\u202f", " ").partition("snapshot")[2]
        assert "valid" in text_of(page)


def test_states_are_kept_and_are_each_callers_own(long_store: str) -> None:
    states = States()
    with Workbench.open(long_store, bank.domain) as bench:
        folds = DomainFolds(bench)
        one = states.towards(folds, "account-1", 3000)
        one.state.balance = 99
        two = states.towards(folds, "account-1", 3001)
        assert (one.version, two.version, two.state.balance) == (3000, 3001, -3000)
        assert states.towards(folds, "account-1", 2999).state.balance == -2998
        assert states.towards(folds, "account-1", 0).version == 0


# ── lines ─────────────────────────────────────────────────────────────────────────────────────


def test_very_many_lines_are_cut_but_not_what_changed() -> None:
    value = {"items": list(range(MOST_LINES * 3)), "end": 1}
    lines = json_lines(value, {("items", 4000): Marked("edit", 7)})
    told = [str(line.text) for line in lines]
    assert len(lines) < MOST_LINES
    assert [line.old for line in lines if line.mark == "edit"] == ["7"]
    left_out = [int(found[1]) for text in told if (found := re.search(r"… (\d+) lines", text))]
    assert sum(left_out) + len(lines) - len(left_out) == MOST_LINES * 3 + 5
    assert told[-1] == "}"


# ── the shell says the same ───────────────────────────────────────────────────────────────────


@pytest.fixture
def cqrs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Run a line of a page, on its store; gives its JSON."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CQRS_APP", "samples.orders:domain")

    def run(line: str) -> Any:
        capsys.readouterr()
        words = shlex.split(line)
        assert words[0] == "cqrs"
        assert boundary.run([*words[1:], "--json"]) == 0, line
        return json.loads(capsys.readouterr().out)

    return run


def shells(page: str) -> list[str]:
    """The lines for the shell that a page ends with."""
    return [unescape(line) for line in re.findall(r'<p class="shell">.*?<code tabindex="0">(.*?)</code>', page)]


def test_the_lines_give_what_the_page_shows(store: str, cqrs: Callable[[str], Any]) -> None:
    append(store, "ship-1", ("Sailed", {"to": "Oslo"}))
    with serving(store, orders_domain) as served:
        page = served.get(f"/ui/streams/{ORDER}?at=5&with=2&beside={OTHER}").text
        lines, generic = shells(page), shells(served.get("/ui/streams/ship-1").text)
    diff, beside, replay, blame, step = map(cqrs, lines)
    told = text_of(page)
    assert len(diff) == 3
    assert all(change["path"] in told for change in [*diff, *beside])
    assert [item["product_name"] for item in replay["state"]["items"]] == ["Ink\u202e", "Nib"]
    found = {(one["path"].rpartition(".")[2], one["version"]) for one in blame}
    assert {("product_name", 3), ("product_name", 4)} <= found
    assert step[0]["event"]["version"] == 5 if isinstance(step, list) else step["event"]["version"] == 5
    assert cqrs(generic[0])["state"] == {"to": "Oslo"}


def test_links_lead_somewhere(served_orders: Served) -> None:
    seen = walk(served_orders, f"/ui/streams/{ORDER}?at=4", "/ui/streams", "/ui/trace/@3", most=60)
    assert len(seen) > 30
