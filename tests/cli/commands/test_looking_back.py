"""`cqrs blame` and `cqrs diff` as they are typed."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.stores.registry import open_store
from tests.history.carts import fill
from tests.history.states import apply_patch


@pytest.fixture
def carts(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("CQRS_APP", "tests.history.carts:domain")
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        fill(store, 3, 20, seed=9)
    return here


def state(carts: Any, *words: str) -> Any:
    return carts("replay", *words, "--json").json["state"]


@pytest.mark.parametrize(
    ("words", "old", "new"),
    [
        ("cart-1@3 cart-1@7", 3, 7),
        ("cart-1@3..7", 3, 7),
        ("cart-1@7..3", 7, 3),
        ("cart-1@3..", 3, 20),
        ("cart-1@3", 3, 20),
        ("cart-1@3..now", 3, 20),
        ("cart-1@3 cart-1", 3, 20),
        ("cart 1 cart-1@3", 20, 3),
        ("cart-1@3..@57", 3, 19),
        ("cart-1@@8 cart-1@now", 3, 20),
    ],
)
def test_the_two_points_of_a_stream(carts: Any, words: str, old: int, new: int) -> None:
    patch = carts(f"diff {words} --format jsonpatch").json
    assert apply_patch(state(carts, f"cart-1@{old}"), patch) == state(carts, f"cart-1@{new}")
    changes = carts(f"diff {words} --json").json
    assert {frozenset(change) for change in changes} == {frozenset(("path", "old", "new"))}


def test_from_nothing_and_since(carts: Any) -> None:
    whole = carts("diff cart-1@0.. --json").json
    assert whole == carts("diff cart-1@..20 --json").json == carts("diff cart-1 --since 2h --json").json
    assert whole == carts("diff cart-1 --since yesterday --json").json
    assert carts("diff cart-1 --since yesterday --until yesterday --json").json == []
    ran = carts("diff cart-1@5..5")
    assert (ran.code, ran.out, ran.err) == (0, "", "no differences\n")


def test_the_exit_code_says_whether_there_are_differences(carts: Any) -> None:
    for more in ("", "--json", "--format jsonpatch", "--blame"):
        assert carts(f"diff cart-1@5..9 --exit-code {more}").code == 1
        assert carts(f"diff cart-1@5..5 --exit-code {more}").code == 0
    assert carts("diff cart-1@5..9").code == 0


def test_rows(carts: Any) -> None:
    before, now = (
        {f"{row['cart_id']},{row['what']}": row for row in carts(f"project cart-totals --at @{at} --json").json["rows"]}
        for at in (20, 60)
    )
    for words in ("cart_totals@20 cart_totals@now", "cart-totals@@20..", "cart_totals@20"):
        assert apply_patch(before, carts(f"diff {words} --format jsonpatch").json) == now
    [both] = carts("diff", "cart_totals@20..", "--where", "cart_id = 1 and what = leg", "--json", "--blame").json[:1]
    assert both["path"].startswith("[cart_id=1][what=leg]")
    assert both["stream"] == "cart-1"
    assert both["clause"].startswith("CartTotals.changed (")
    assert carts("diff", "cart_totals/1,leg@20..", "--json").json


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("diff cart-1", 2, "one state"),
        ("diff cart-1 cart-2 cart-3", 2, "one too many"),
        ("diff cart-1@1 --since today", 2, "goes with one stream"),
        ("diff cart-1 --until today", 2, "goes with one stream"),
        ("diff cart-1 cart-2 --blame", 2, "one history"),
        ("diff cart-1@9..2 --blame", 2, "from the earlier"),
        ("diff cart-1@1 cart_totals@5", 2, "two kinds"),
        ("diff cart_totals/1,leg cart_totals/1,tag", 2, "two things"),
        ("diff cart-1@1..2 --where total>1", 2, "read model"),
        ("diff cart_totals@1 --where nothing>1", 2, "nothing"),
        ("diff cart-1@1..99", 3, "no version 99"),
        ("diff cart-9@1..2", 3, "no stream cart-9"),
        ("diff order-1@1..2", 3, "order"),
        ("diff nothing/1@1..2", 3, "nothing"),
        ("diff cart_totals/9,leg@1..2", 3, "no cart_totals/9,leg"),
        ("diff cart_totals/9@1..2", 2, "key parts"),
        ("diff cart-1@x..2", 2, "not a time"),
        ("diff cart-1@1..2 --format dot", 2, "can't print dot"),
        ("blame cart-1@99", 3, "no version 99"),
        ("blame cart-1@2 --at 3", 2, "version already"),
        ("blame cart-1 --at @0", 3, "at that point"),
        ("blame cart-9", 3, "no stream cart-9"),
        ("blame order-1", 3, "order"),
        ("blame cart-1 notes", 2, "no field 'notes'"),
        ("blame cart-1 a]b", 2, "no field"),
        ("blame cart-1 note total", 2, "too many"),
        ("blame cart-1 note --history total", 2, "too many"),
        ("blame cart_totals/1,lag", 3, "no cart_totals/1,lag"),
        ("blame cart_totals/1,leg --at 5", 2, "a row has none"),
        ("blame cart_totals/1", 2, "key parts"),
        ("blame nothing/1", 3, "nothing"),
        ("blame @7", 2, "not a stream"),
    ],
)
def test_what_is_refused(carts: Any, words: str, code: int, said: str) -> None:
    ran = carts(words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "hint: " in ran.err


def test_a_slip_of_the_pen(carts: Any) -> None:
    carts("project")
    assert "did you mean '1,leg'" in carts("blame cart_totals/1,lge").err
    assert "did you mean 'note'" in carts("blame cart-1 noet").err


def test_blame_as_json(carts: Any) -> None:
    found = carts("blame cart-1@9 total --json").json
    [one] = found
    assert list(one) == [
        *("path", "value", "position", "version", "type", "command_id", "recorded_at", "user_id"),
        *("stream", "command", "clause"),
    ]  # fmt: skip
    assert one["value"] == state(carts, "cart-1@9")["total"]
    first = carts("blame cart-1 cart_id --json").json
    assert first == [dict.fromkeys(one) | {"path": "cart_id", "value": "1"}]
    at_position = carts(f"blame cart-1 total --at @{3 * 9} --json").json
    assert at_position == found


def test_the_history_of_a_field(carts: Any) -> None:
    found = carts("blame cart-1 --history total --json").json
    assert found
    for change in found:
        assert change["old"] == state(carts, f"cart-1@{change['version'] - 1}")["total"]
        assert change["new"] == state(carts, f"cart-1@{change['version']}")["total"]
    assert carts("blame cart-1 --history cart_id").err == "cart_id never changed\n"


def test_control_characters_stay_harmless(carts: Any, tmp_path: Path) -> None:
    from cqrs_cli.stores.commits import Commit, NewEvent

    data = json.dumps({"what": "price", "name": "a\x1b[31m\n]", "number": 5}).encode()
    with open_store(str(tmp_path / "cqrs.db")) as store:
        store.append(Commit("x", (NewEvent("cart-7", "Changed", 1, data),)))
        note = json.dumps({"what": "note", "name": "\x1b]0;x\x07\n", "number": 5}).encode()
        store.append(Commit("y", (NewEvent("cart-7", "Changed", 1, note),)))
    for words in (
        "blame cart-7",
        "diff cart-7@0..",
        "blame cart-7 --history prices",
        "blame cart-7 --json",
        "replay cart-7 --steps",
    ):
        out = carts(f"{words} --color always" if "json" not in words else words).out
        assert "\x1b]" not in out
        assert "\x07" not in out
        assert "\x1b[31m\n" not in out
    [path] = [one["path"] for one in carts("blame cart-7 --json").json if one["path"].startswith("prices")]
    assert len(carts("blame", "cart-7", path, "--json").json) == 1


def test_a_renamed_type_is_told_by_its_stored_name(carts: Any, tmp_path: Path) -> None:
    from cqrs_cli.stores.commits import Commit, NewEvent

    with open_store(str(tmp_path / "cqrs.db")) as store:
        store.append(Commit("x", (NewEvent("cart-7", "Vanished", 1, b"{}"),)))
    for words in ("blame cart-7", "diff cart-7@0..", "blame cart-7 --history total"):
        ran = carts(words)
        assert (ran.code, ran.out) == (8, "")
        assert "Vanished" in ran.err


def test_on_a_terminal_ids_are_cut_to_what_tells_them_apart(monkeypatch: Any, tmp_path: Path) -> None:
    from cqrs_cli.cli.printing.changes import PATH, change_table
    from cqrs_cli.cli.printing.documents import Column
    from cqrs_cli.cli.printing.printer import Printer
    from cqrs_cli.config import Settings

    ids = ["0f0e0d0c-1111-4111-8111-111111111111", "0f0e0d0c-1211-4111-8111-111111111111"]
    records = [{"path": f"items[product_id={one}]", "value": one} for one in ids]

    def shown(width: int | None) -> list[list[str]]:
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda: width is not None)
        monkeypatch.setattr(sys, "stdout", stream)
        settings = Settings({"format": "table", "color": "never", "no-pager": True}, {}, tmp_path)
        printer = Printer(settings, {"COLUMNS": str(width or 80)})
        printer.print(change_table(records, [PATH, Column("value")], ["path", "value"], ""))
        printer.close()
        return [line.split() for line in stream.getvalue().splitlines()[2:]]

    assert shown(80) == [[f"items[product_id=0f0e0d0c-1{one}]", f"0f0e0d0c-1{one}"] for one in (1, 2)]
    assert shown(None) == [[one["path"], one["value"]] for one in records]


def versions(found: Any) -> list[int]:
    return [one["version"] for one in found]


def test_steps_can_be_chosen(carts: Any) -> None:
    every = carts("replay cart-1 --steps --json").json
    assert versions(every) == list(range(1, 21))
    assert [one["state"] for one in every] == [state(carts, f"cart-1@{at}") for at in range(1, 21)]
    assert carts("replay cart-1 --steps -n 3 --json").json == every[:3]
    assert carts("replay cart-1 --steps --reverse --json").json == every[::-1]
    assert carts("replay cart-1 --steps --reverse -n 3 --json").json == every[:-4:-1]
    assert carts("replay cart-1@9 --steps --reverse -n 2 --json").json == [every[8], every[7]]
    assert (
        carts("replay cart-1 --steps -n 0 --json").json
        == carts("replay cart-1 --steps --reverse -n 0 --json").json
        == []
    )
    middle = every[7]["event"]["recorded_at"]
    assert carts(f"replay cart-1 --steps --since {middle} --json").json == [
        one for one in every if one["event"]["recorded_at"] >= middle
    ]
    assert carts(f"replay cart-1 --steps --until {middle} --json").json == [
        one for one in every if one["event"]["recorded_at"] < middle
    ]
    assert [one["stream"] for one in carts("replay cart-1 cart-2 --steps --reverse -n 1 --json").json] == [
        "cart-1",
        "cart-2",
    ]


def test_steps_that_changed_a_field(carts: Any) -> None:
    every = carts("replay cart-1 --steps --json").json
    before = [{"total": "0", "items": []}, *(one["state"] for one in every)]
    for field in ("total", "items"):
        wanted = [at for at in range(1, 21) if before[at][field] != before[at - 1][field]]
        found = carts(f"replay cart-1 --steps --changed {field} --json").json
        assert versions(found) == wanted
        assert all(change["path"].startswith(field) for one in found for change in one["changes"])
    quantities = [{item["product_id"]: item["quantity"] for item in one["items"]} for one in before]
    assert versions(carts("replay cart-1 --steps --changed items.quantity --json").json) == [
        at for at in range(1, 21) if quantities[at] != quantities[at - 1]
    ]
    ran = carts("replay cart-1 --steps --changed cart_id")
    assert (ran.code, ran.out, ran.err) == (0, "", "no event changed cart_id\n")


def test_steps_say_when_and_by_whom(carts: Any) -> None:
    title, head, _, first, *_ = carts("replay cart-1 --steps").out.splitlines()
    assert title == "cart-1"
    assert head.split() == ["ver", "pos", "recorded", "at", "type", "user", "changes"]
    assert first.split()[:2] == ["1", "2"]
    assert "user-0" in first


@pytest.mark.parametrize("more", ["-n 1", "--reverse", "--since today", "--until today", "--changed total"])
def test_what_chooses_among_steps_wants_them(carts: Any, more: str) -> None:
    assert (carts(f"replay cart-1 {more}").code, carts(f"replay {more}").code) == (2, 2)


def test_a_step_that_nothing_can_change_is_refused(carts: Any) -> None:
    ran = carts("replay cart-1 --steps --changed totl")
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean 'total'" in ran.err


@pytest.mark.parametrize("at", ["@0", "@1", "@17", "@40", "@60", "@999", "now", "1h", "2999-01-01"])
def test_rows_as_they_were(carts: Any, tmp_path: Path, at: str) -> None:
    carts("project")
    carts("send change --cart-id 1 --what total --number 8")
    before = (tmp_path / "cqrs.db").read_bytes()
    rows = carts(f"project cart_totals --at {at} --json").json["rows"]
    assert carts(f"query cart-totals --at {at} --json").json == rows
    some = carts("query", "cart_totals", "--at", at, "--where", "times > 1", "--order=-times", "--json").json
    assert some == sorted(
        (row for row in rows if row["times"] > 1), key=lambda row: (-row["times"], row["cart_id"], row["what"])
    )
    assert carts(
        f"query cart-totals --at {at} --where last like %e% --json".replace("last like %e%", "last=pen")
    ).json == [row for row in rows if row["last"] == "pen"]
    assert (tmp_path / "cqrs.db").read_bytes() == before


def test_pages_of_rows_as_they_were(carts: Any) -> None:
    every = carts("query cart-totals --at @40 --json").json
    first = carts("query cart-totals --at @40 --limit 4 --json")
    cursor = first.err.split("--cursor ")[1].split()[0]
    assert "--at @40" in first.err
    assert first.json + carts(f"query cart-totals --at @40 --limit 100 --cursor {cursor} --json").json == every


@pytest.mark.parametrize("more", ["--stale", "--wait @5", "--timeout 3", "--wait @5 --timeout 3"])
def test_the_past_is_not_waited_for(carts: Any, more: str) -> None:
    assert carts(f"query cart-totals --at @5 {more}").code == 2


def test_a_query_of_the_domain_as_it_was(orders_app: Any) -> None:
    pen, customer = "22222222-2222-4222-8222-222222222222", "11111111-1111-4111-8111-111111111111"
    opened = orders_app(
        f"send create-order --customer-id {customer} --shipping-address street=S,city=P,postal_code=1,country=F "
        f"--item product_id={pen},product_name=Pen,quantity=2,unit_price=1.50 --json"
    ).json
    order = opened["streams"][0]["stream"].removeprefix("order-")
    assert orders_app(f"send submit-order --order-id {order}").code == 0
    assert orders_app(f"query order-by-id --order-id {order} --at @1 --json").json["item_count"] == 0
    assert orders_app(f"query order-by-id --order-id {order} --at @2 --json").json["status"] == "pending"
    assert orders_app(f"query order-by-id --order-id {order} --at @0 --json").json is None
    assert orders_app(f"query order-by-id --order-id {order} --json").json["status"] == "submitted"
    assert [
        one["status"] for one in orders_app(f"query orders-by-customer --customer-id {customer} --at @2 --json").json
    ] == ["pending"]
    assert orders_app("query order-by-id --order-id nothing --at 5").code == 2


def test_rows_of_the_past_that_can_t_be_folded(carts: Any, tmp_path: Path) -> None:
    from cqrs_cli.stores.commits import Commit, NewEvent

    with open_store(str(tmp_path / "cqrs.db")) as store:
        store.append(Commit("x", (NewEvent("cart-7", "Changed", 1, b'{"number": 1}'),)))
    assert carts("query cart-totals --at @60").code == 0
    ran = carts("query cart-totals --at now")
    assert (ran.code, ran.out) == (1, "")
    assert "@61" in ran.err
    for words in ("blame cart_totals/1,leg", "diff cart_totals@60 cart_totals"):
        ran = carts(words)
        assert (ran.code, ran.out) == (8, "")
        assert "61" in ran.err
        assert "hint: " in ran.err


def test_rows_are_folded_afresh_whatever_the_live_ones_are(carts: Any, tmp_path: Path) -> None:
    asked = (
        "blame cart_totals/1,leg --json",
        "diff cart_totals@20.. --json --blame",
        "blame cart_totals/1,tag --history times --json",
    )
    before = [carts(words).json for words in asked]
    assert all(before)
    carts("project")
    assert [carts(words).json for words in asked] == before


def test_what_a_read_model_skips_is_skipped(carts: Any, tmp_path: Path) -> None:
    from cqrs_cli.stores.commits import Commit, NewEvent

    with open_store(str(tmp_path / "cqrs.db")) as store:
        store.append(Commit("x", (NewEvent("cart-7", "Changed", 1, b'{"number": 1}'),)))
        store.append(Commit("y", (NewEvent("cart-7", "Changed", 1, b'{"what":"note", "number": 1}'),)))
    assert carts("blame cart_totals/7,note").code == 8
    assert carts("project").code == 1
    assert carts("project cart_totals --skip @61 --reason broken").code == 0
    for words in ("blame cart_totals/7,note", "diff cart_totals@60 cart_totals --blame", "query cart_totals --at now"):
        assert carts(words).code == 0
    assert [one["position"] for one in carts("blame cart_totals/7,note --json").json] == [62, 62, 62, 62, 62]


def test_old_is_red_and_new_is_green(carts: Any) -> None:
    shown = carts("diff cart-1@0.. --color always").out
    assert "\x1b[31m0" in shown
    assert "\x1b[32m" in shown
    assert "\x1b[" not in carts("diff cart-1@0.. --color never").out
    assert "\x1b[" not in carts("diff cart-1@0.. --color always --json").out


def test_a_row_is_called_by_its_key_alone_or_among_others(carts: Any) -> None:
    alone = carts("diff cart_totals/1,leg@20.. --json").json
    among = carts("diff", "cart_totals@20..", "--where", "cart_id = 1 and what = leg", "--json").json
    assert alone == among
    [whole] = carts("diff cart_totals/1,leg@0..@20 --json").json
    assert (whole["path"], whole["old"], whole["new"]["what"]) == ("[cart_id=1][what=leg]", None, "leg")
