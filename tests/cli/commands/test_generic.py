"""Looking back without a domain: labelled in every form, never a fallback, and refused where only a domain has a say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.printing.formats import format_named
from cqrs_cli.config import FORMATS
from cqrs_cli.stores.registry import open_store
from tests.history.carts import fill as fill_carts

LABEL = "generic fold, without a domain: fields of the payloads overwrite each other\n"
ANSWERS = (
    "replay order-1",
    "replay order-1 order-2",
    "replay",
    "replay --category order",
    "replay order-1 --steps",
    "blame order-1",
    "blame order-1 --history total",
    "diff order-1@1..3",
    "diff order-1@0..3 --blame",
    "diff order-1 order-2",
    "bisect order-1 state.total=1",
    "bisect order-1 state.total=12.5",
    "bisect --all order state.total=1",
    "bisect --all order state.total!=1",
)


@pytest.fixture(autouse=True)
def log(orders: Path) -> Path:
    return orders


@pytest.mark.parametrize("line", [*ANSWERS, "show order-1@3"])
def test_every_record_says_by_which_fold_it_is(here: Any, line: str) -> None:
    for one in ("--json", "--jsonl"):
        ran = here(f"{line} {one}")
        assert ran.code in (0, 1)
        found = ran.lines if one == "--jsonl" else ran.json if isinstance(ran.json, list) else [ran.json]
        assert found
        assert {record["fold"] for record in found} == {"generic"}
        assert LABEL not in ran.err  # for programs standard error has nothing but errors and what was looked at
    head, *rows = here(f"{line} --csv").out.splitlines()
    assert head.endswith(",fold")
    assert rows
    assert all(row.endswith(",generic") for row in rows)


@pytest.mark.parametrize("line", ANSWERS)
@pytest.mark.parametrize("width", ["", "60"])
def test_a_person_sees_it_in_the_output_and_beside_it(
    here: Any, line: str, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    for options in ("", "-q", "--format md"):
        ran = here(f"{line} {options}")
        assert "generic" in ran.out
        assert (LABEL in ran.err) == (options != "-q")


def test_a_patch_says_it_too(here: Any) -> None:
    patch = here("diff order-1@1..3 --format jsonpatch").json
    assert patch
    assert all(operation["fold"] == "generic" for operation in patch)


def test_no_format_forgets_it(here: Any) -> None:
    """Whoever adds a format sees here that it says by which fold an answer is."""
    for name in FORMATS:
        ran = here(f"replay order-1 order-2 --format {name}")
        assert "generic" in ran.out if ran.code == 0 else ran.code == 2
        assert format_named(name)


def test_what_a_domain_answers_has_no_such_member(carts: Any) -> None:
    for line in ("replay cart-1", "replay cart-1 --steps", "blame cart-1", "diff cart-1@1..5", "bisect cart-1 1=1"):
        ran = carts(f"{line} --json")
        assert "fold" not in ran.out.replace("folded", "")
        assert "generic fold" not in carts(line).out + ran.err


@pytest.fixture
def carts(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("CQRS_APP", "tests.history.carts:domain")
    monkeypatch.setenv("CQRS_STORE", str(tmp_path / "carts.db"))
    with open_store(str(tmp_path / "carts.db"), create=True) as store:
        fill_carts(store, 2, 10, seed=3)
    return here


# ── what it says ──────────────────────────────────────────────────────────────────────────────


def test_the_state_of_a_stream(here: Any) -> None:
    assert here("replay order-1 --json").json == {
        "stream": "order-1",
        "version": 3,
        "state": {"total": "12.50", "n": "1.1"},
        "fold": "generic",
    }
    assert here("replay order 1 --json").json == here("replay order-1 --json").json
    assert here("replay order-1@1 --json").json["state"] == {"total": "12.50"}
    assert here("replay order-1 --at @4 --json").json["version"] == 2
    assert [one["stream"] for one in here("replay --json").json] == ["credit_note-C1", "order-1", "order-2"]
    assert here("replay credit-note C1 --json").json["stream"] == "credit_note-C1"


def test_what_one_event_changed_is_what_the_steps_say(here: Any, tmp_path: Path) -> None:
    (tmp_path / "cqrs.toml").write_text('[fold]\nItemAdded = "add total from n"\n')
    steps = here("replay order-1 --steps --json").json
    assert len(steps) == 3
    for version, step in enumerate(steps, 1):
        shown = here(f"show order-1@{version} --json").json
        assert (shown["changes"], shown["rows"]) == (step["changes"], None)
    assert "\nchanged (generic fold)\n  total: " in here("show order-1@2 -q").out
    (tmp_path / "cqrs.toml").write_text('[fold]\nItemAdded = "add total from no_such_field"\n')
    ran = here("show order-1@2 --json")
    assert (ran.code, ran.json["changes"], ran.json["fold"]) == (0, None, "generic")
    assert "what @3 changed is not known: event 3 (order-1 version 2, ItemAdded) can't be folded by" in ran.err


def test_rules_of_the_settings(here: Any, tmp_path: Path) -> None:
    (tmp_path / "cqrs.toml").write_text('[fold]\nItemAdded = "add total from n"\nOrderShipped = "remove total"\n')
    assert here("replay order-1@2 --json").json["state"] == {"total": "13.60"}
    found = here("blame order-1@2 --json").json
    assert [(one["path"], one["version"], one["clause"]) for one in found] == [
        ("total", 2, "generic fold: add total from n")
    ]
    assert here("replay order-1 --json").json["state"] == {}
    assert "or as [tool.cqrs.fold] says" in here("replay order-1").err
    ran = here("bisect --all order state.total<13 --json")
    assert (ran.code, ran.json[0]["stream"], ran.json[0]["version"]) == (1, "order-1", 2)


def test_a_rule_for_what_the_log_has_not_is_said(here: Any, tmp_path: Path) -> None:
    (tmp_path / "cqrs.toml").write_text('[fold]\nItemAded = "append items"\n')
    ran = here("replay order-1 --json")
    assert ran.err == "[tool.cqrs.fold]: the log has no ItemAded; did you mean 'ItemAdded'?\n"


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ('[fold]\nItemAdded = "apend items"', "fold"),
        ('[fold]\nItemAdded = "add price"', "fold"),
        ("[fold]\nItemAdded = 7", "fold"),
        ('fold = "overwrite"', "configuration"),
    ],
)
def test_a_rule_that_is_none_or_does_not_fit(here: Any, tmp_path: Path, settings: str, code: str) -> None:
    (tmp_path / "cqrs.toml").write_text(settings + "\n")
    for line in ("replay order-1", "blame order-1", "diff order-1@1..2", "bisect order-1 state.total=1", "replay"):
        ran = here(f"{line} --json")
        assert (ran.code, ran.error["code"]) == (2, code)
        assert ran.error["hint"]


def test_a_field_named_like_what_stands_before_the_state(here: Any, fill: Any) -> None:
    fill(("order-7", "T", {"fold": "mine", "version": 99, "stream": "x"}))
    assert here("replay order-7 -q").out.splitlines() == [
        "stream         order-7",
        "version        1",
        "fold           generic",
        "state.fold     mine",
        "state.version  99",
        "state.stream   x",
    ]


def test_a_function_as_a_rule_gets_a_dict_and_may_not_change_it(here: Any, tmp_path: Path) -> None:
    (tmp_path / "rules_of_dicts.py").write_text(
        "def kept(state):\n    return 'total' in state\n\n\ndef bad(state):\n    state['x'] = 1\n    return True\n"
    )
    assert here("bisect order-1 --rule rules_of_dicts:kept").code == 0
    ran = here("bisect order-1 --rule rules_of_dicts:bad --json")
    assert (ran.code, ran.error["code"]) == (8, "domain-failed")


# ── never by itself, and never instead of a domain ────────────────────────────────────────────


def test_a_domain_that_does_not_know_the_stream(carts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQRS_STORE", "cqrs.db")
    for line in ("replay order-1", "blame order-1", "diff order-1@1..2", "bisect order-1 state.total=1"):
        ran = carts(f"{line} --json")
        assert (ran.code, ran.error["code"], ran.out) == (3, "category-not-found", "")
        assert "--generic" in ran.error["hint"]
        assert carts(f"{line} --generic --json").code in (0, 1)
    assert "--generic" not in carts("replay order-99 --json").error.get("hint", "")  # nothing is there to fold


@pytest.mark.parametrize("app", ["no_such_module:domain", "broken_module:domain", "wrong_module:domain"])
def test_a_domain_that_can_not_be_loaded(here: Any, tmp_path: Path, app: str) -> None:
    (tmp_path / "broken_module.py").write_text("import no_such_library\n")
    (tmp_path / "wrong_module.py").write_text(
        "from cqrs_cli import Aggregate, Domain\n\n\nclass A(Aggregate): ...\n\n\ndomain = Domain('a', A)\n"
    )
    ran = here(f"replay order-1 --app {app} --json")
    assert (ran.code, ran.out) == (2, "")
    assert "--generic" in ran.error["hint"]
    assert here(f"replay order-1 --app {app} --generic --json").json["fold"] == "generic"


def test_a_read_model_with_generic_beside_a_domain(carts: Any) -> None:
    ran = carts("blame totals/ann --generic --json")
    assert (ran.code, ran.error["code"], ran.error["hint"]) == (2, "no-domain", "leave --generic out")


def test_snapshots_are_not_looked_at(carts: Any) -> None:
    before = carts("replay cart-1 --generic --json").json
    assert carts("snapshot take cart-1").code == 0
    assert carts("replay cart-1 --generic --json").json == before
    assert carts("replay cart-1 --json").json["state"] != before["state"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("replay --verify", "no-domain"),
        ("replay --verify --generic", "usage"),
        ("blame totals/ann", "no-domain"),
        ("diff totals/ann@1..2", "no-domain"),
        ("diff totals@1 totals@2", "no-domain"),
        ("diff totals --since today", "no-domain"),
        ("bisect --rows totals row.a=1", "no-domain"),
        ("query totals --at @3", "no-domain"),
        ("query totals", "no-domain"),
        ("project", "no-domain"),
        ("what-if pay-order --order-id 1", "no-domain"),
        ("snapshot take order-1", "no-domain"),
    ],
)
def test_what_only_a_domain_has(here: Any, line: str, code: str) -> None:
    ran = here(f"{line} --json")
    assert (ran.code, ran.out, ran.error["code"]) == (2, "", code)
    assert ran.error["hint"]


@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        ("replay order-9", 3, "stream-not-found"),
        ("replay order-1@9", 3, "version-not-found"),
        ("replay nothing", 3, "stream-not-found"),
        ("replay --category nothing", 3, "category-not-found"),
        ("bisect --all nothing state.a=1", 3, "category-not-found"),
        ("blame order-1 nothing", 3, "field-not-found"),
        ("diff order-1 credit_note-C1", 2, "usage"),
        ("bisect --all order state.a=1 --at @0", 5, "nothing-matched"),
        ("replay order-1 --store other.db", 3, "store-not-found"),
    ],
)
def test_what_is_not_there(here: Any, line: str, code: int, error: str) -> None:
    ran = here(f"{line} --json")
    assert (ran.code, ran.error["code"]) == (code, error)


def test_an_empty_folder(here: Any, tmp_path: Path) -> None:
    for path in tmp_path.iterdir():
        path.unlink()
    ran = here("replay order-1")
    assert ran.code == 3
    assert ran.err.startswith("error[store-not-found]")
    assert not list(tmp_path.iterdir())


def test_the_trace_of_a_stream_needs_none(here: Any) -> None:
    ran = here("trace order-1 --json")
    assert ran.code == 0
    assert json.loads(ran.out)
