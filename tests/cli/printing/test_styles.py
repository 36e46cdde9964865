"""Colours mean something, and nothing is said by a colour alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from cqrs_cli.cli.printing.documents import Column, Table
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.printing.styles import of_state, of_stream, painted
from cqrs_cli.config import Settings
from cqrs_cli.workbench.processors import status
from tests.cli.shell.test_app import CREATE

COLOR = r"\x1b\[[0-9;]*m"


@pytest.mark.parametrize(
    "line",
    ["log", "streams", "stats", "trace @1", "show @1", "replay parcel-P1 --steps", "replay", "project",
     "project --status", "run --status", "query", "sql 'SELECT 1 AS one'", "doctor"],
)  # fmt: skip
def test_colours_change_no_letter(parcels: Callable[[str], Any], line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "lag_seconds", lambda store, position: 90.0)  # it grows while one looks
    parcels("send register --parcel-id P1 --weight 1 --command-id c1 -q")
    plain, colored = parcels(line), parcels(f"{line} --color always")
    assert re.sub(COLOR, "", colored.out) == plain.out
    assert "\x1b" not in plain.out


def test_what_they_mean(parcels: Callable[[str], Any]) -> None:
    parcels("send register --parcel-id P1 --weight 1 --command-id c1 -q")
    parcels("send register --parcel-id P2 --weight 2 --command-id c2 -q")
    color = of_stream("parcel-P1")
    log = parcels("log --color always").out.splitlines()
    assert all(line.startswith("\x1b[2m@") for line in log), "positions and times are dim"
    assert all(line.count("\x1b[2m") == 2 and f"\x1b[{color}mparcel-P" in line for line in log)
    assert f"\x1b[{color}mRegistered  parcel-P1 @1\x1b[0m" in parcels("trace c1 --color always").out


def test_changes_are_red_then_green(orders_app: Callable[[str], Any]) -> None:
    created = orders_app(f"{CREATE} --json").json
    order = created["events"][0]["stream"]
    told = "status: \x1b[31mpending\x1b[0m → \x1b[32msubmitted\x1b[0m"
    orders_app(f"send submit-order --order-id {order.removeprefix('order-')} -q")
    assert told in orders_app(f"replay {order} --steps --color always").out
    assert told in orders_app(f"show {order}@3 --color always").out
    assert painted("a: 1 → 2; b: x → y", "changes").count("\x1b[31m") == 2


def test_states_of_processors_and_categories() -> None:
    assert [of_state(state) for state in ("ready", "behind", "stopped", "needs-rebuild", "whatever")] == [
        "good", "late", "bad", "bad", None,
    ]  # fmt: skip
    assert of_stream("order-1") == of_stream("order-2@5")
    assert len({of_stream(f"{name}-1") for name in ("order", "stock", "user", "invoice", "parcel", "cart")}) > 2
    assert of_stream("") is None


def test_a_payload_paints_nothing(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(Settings({"color": "always"}, {}, tmp_path), {})
    evil = "\x1b[31mred\x1b[0m: a → b; [red]"
    printer.print(Table([{"stream": evil, "changes": evil, "status": "ready\x1b[5m"}], [Column("stream"), "changes"]))
    out = capsys.readouterr().out
    assert "\x1b[5m" not in out
    assert "\\x1b[31mred" in re.sub(COLOR, "", out)
    assert set(re.findall(COLOR, out)) <= {f"\x1b[{code}m" for code in ("0", "1", "31", "32", "33", "34", "35", "36")}
    assert re.sub(COLOR, "", out).count("→") == 2


def test_off_and_on(parcels: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    parcels("send register --parcel-id P1 --weight 1 -q")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in parcels("log").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in parcels("log").out
    assert painted("x", None) == "x"
