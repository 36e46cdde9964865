"""`cqrs check` in a shell: its parts, what it prints, its exit codes."""

from typing import Any
from xml.etree import ElementTree

import pytest


@pytest.fixture
def shop(here: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`here` in a project that `cqrs init` made, with changes of its module before a run."""
    import sys

    assert here("init", ".").code == 0
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = (tmp_path / "shop.py").read_text()

    def run(line: str, *changes: tuple[str, str]) -> Any:
        changed = text
        for old, new in changes:
            assert old in changed
            changed = changed.replace(old, new)
        (tmp_path / "shop.py").write_text(changed)
        monkeypatch.delitem(sys.modules, "shop", raising=False)
        return here(line)

    return run


UNSEEN = (
    "    @evolve\n    def stock_received(self, event: StockReceived) -> None:\n        self.in_stock += event.quantity\n\n",
    "",
)


def test_a_new_project_is_all_right(shop: Any) -> None:
    ran = shop("check model")
    assert ran.out == "model: 1 aggregate, 3 commands, 3 events, 1 read model, 1 query\n"
    assert (ran.code, ran.err) == (0, "looked at model: all right\n")


def test_what_was_found_is_told_with_what_to_do(shop: Any) -> None:
    ran = shop("check model", UNSEEN)
    assert ran.code == 1
    assert ran.out.splitlines()[1:] == [
        "warning[unseen-event] ProductSales: has no evolve for StockReceived, which carries its key",
        "  hint: add one, or ignores=(StockReceived,) behind its key= if the row does not change",
    ]
    assert ran.err == "looked at model: 1 warning\n"


def test_its_record(shop: Any) -> None:
    ran = shop("check model --json", UNSEEN)
    (part,), (found,) = ran.json["parts"], ran.json["findings"]
    assert list(ran.json) == ["ok", "parts", "findings"]
    assert list(part) == ["part", "ok", "looked_at", "nothing", "findings", "rows", "paste"]
    assert list(found) == ["part", "code", "severity", "where", "message", "hint"]
    assert (ran.json["ok"], part["ok"], part["findings"], found["where"]) == (False, False, 1, "ProductSales")


def test_formats_of_findings(shop: Any, tmp_path: Any) -> None:
    assert "title=check%3A ProductSales::has no evolve" in shop("check model --format github", UNSEEN).out
    sarif = shop("check model --format sarif", UNSEEN).json["runs"][0]["results"][0]
    place = sarif["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "shop.py"
    line = place["region"]["startLine"]
    assert (tmp_path / "shop.py").read_text().splitlines()[line - 1].startswith("class ProductSales")
    suite = ElementTree.fromstring(shop("check model --format junit", UNSEEN).out)[0]
    assert (suite.get("name"), suite.get("failures")) == ("cqrs check", "1")
    assert int(suite.get("tests", "")) > 5
    rows = shop("check model --csv", UNSEEN).out.splitlines()
    assert rows[0] == "part,code,severity,where,message,hint"
    assert shop("check model --csv").out == rows[0] + "\n"


def test_notes_are_no_findings_that_fail(shop: Any) -> None:
    ran = shop("check model", ("@decide(creates=True)", "@decide"))
    assert (ran.code, ran.err) == (0, "looked at model: 1 note\n")
    assert "note[never-opened] Product: no command opens one" in ran.out


def test_a_check_of_nothing_is_not_green(here: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "partless_under_test.py").write_text("from cqrs_cli import Domain\ndomain = Domain('empty')\n")
    ran = here("check --app partless_under_test:domain")
    assert ran.code == 5
    assert "error[nothing-checked]: there was nothing to look at: " in ran.err


def test_what_is_no_part_and_what_is_no_domain(shop: Any) -> None:
    ran = shop("check modle")
    assert (ran.code, "did you mean 'model'?" in ran.err) == (2, True)
    assert shop("check", ("@decide(creates=True)", "@nothing")).code == 2
    assert shop("check --app nowhere:domain").code == 2


# ── the lock ──────────────────────────────────────────────────────────────────────────────────

RENAMED = ("class StockReceived(Event):\n    quantity: int", "class StockReceived(Event):\n    pieces: int = 0")


def test_the_lock_is_written_and_compared(shop: Any, tmp_path: Any) -> None:
    ran = shop("check lock")
    assert (ran.code, "error[nothing-checked]: there was nothing to look at: lock: there is no" in ran.err) == (
        5,
        True,
    )
    assert "cqrs schema --lock writes it" in ran.err
    ran = shop("schema --lock")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "wrote cqrs.lock.json: 3 events, 3 commands, 1 read model, 1 aggregate\n"
    assert shop("check lock").out == "lock: no change since cqrs.lock.json, which has 7 classes\n"
    assert (
        shop("schema --lock").err
        == "nothing changed\nlocked cqrs.lock.json: 3 events, 3 commands, 1 read model, 1 aggregate\n"
    )


def test_a_rename_is_found_and_not_locked(shop: Any, tmp_path: Any) -> None:
    assert shop("schema --lock").code == 0
    before = (tmp_path / "cqrs.lock.json").read_bytes()
    ran = shop("check lock", RENAMED)
    assert ran.code == 1
    assert "error[needs-upcaster] StockReceived: event StockReceived: pieces: has a default" in ran.out
    assert 'data["pieces"] = data.pop("quantity")' in ran.out
    ran = shop("schema --lock", RENAMED)
    assert (ran.code, "error[not-accepted]: 1 change of 1 can't be locked" in ran.err) == (1, True)
    assert "cqrs schema --lock --accept" in ran.err
    assert (tmp_path / "cqrs.lock.json").read_bytes() == before
    assert shop("schema --lock --accept", RENAMED).code == 0
    assert shop("check lock", RENAMED).code == 0
    assert (tmp_path / "cqrs.lock.json").read_bytes() != before


def test_its_rows_in_json_and_what_is_behind(shop: Any) -> None:
    assert shop("schema --lock").code == 0
    ran = shop("check lock --json", ("class ProductSold(Event):\n", "class ProductSold(Event):\n    till: str = ''\n"))
    (part,), (found,) = ran.json["parts"], ran.json["findings"]
    assert part["rows"] == [
        {
            "kind": "event",
            "name": "ProductSold",
            "path": "till",
            "change": "compatible",
            "what": "is new, and has a default",
        }
    ]
    assert (ran.code, found["code"], found["hint"]) == (1, "lock-behind", "cqrs schema --lock, and commit it")


def test_words_that_do_not_go_together(shop: Any) -> None:
    assert "--against is for the lock" in shop("check model --against git:main").err
    assert "--accept goes with --lock" in shop("schema --accept").err
    assert "--lock is of all classes" in shop("schema sell-product --lock").err
    assert shop("check --against git:main").code == 2
    assert "hint: the path of a file" in shop("check lock --against .").err
    for words in ("check model --against x", "schema --accept", "check lock --against nowhere.json"):
        assert shop(words).code == 2


def test_a_lock_that_is_damaged_or_can_not_be_written(shop: Any, tmp_path: Any) -> None:
    (tmp_path / "cqrs.lock.json").write_text("{}")
    ran = shop("check")
    assert (ran.code, "hint: cqrs schema --lock writes one" in ran.err) == (2, True)
    (tmp_path / "cqrs.lock.json").unlink()
    (tmp_path / "cqrs.lock.json").mkdir()
    assert shop("schema --lock").code == 2
    assert not list(tmp_path.glob(".cqrs.lock*"))


# ── the log ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sold(shop: Any) -> Any:
    """`shop` with a pen of which one was sold."""
    assert shop("send add-product --sku pen --name Pen --price 1.50").code == 0
    assert shop("send receive-stock --sku pen --quantity 5").code == 0
    assert shop("send sell-product --sku pen --quantity 1").code == 0
    return shop


def test_what_is_stored_is_read(sold: Any) -> None:
    ran = sold("check log --commands")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "log: 3 events of 3 types, 3 commands")
    assert ran.err == "looked at log: all right\n"
    ran = sold("check log", (RENAMED[0], RENAMED[1].removesuffix(" = 0")))
    assert ran.code == 1
    assert "error[undecodable] StockReceived: 1 event of StockReceived version 1: " in ran.out
    assert "the first is @2 (product-pen@2)" in ran.out


def test_no_store_is_said_and_one_that_was_named_has_to_be_there(shop: Any) -> None:
    ran = shop("check")
    assert (ran.code, "log: nothing to look at, no store at " in ran.out) == (0, True)
    assert "nothing to look at for lock, log" in ran.err
    assert shop("check --fail-if-empty").code == 5
    assert shop("check log").code == 5
    assert shop("check --store typo.db").code == 3
    assert "--commands is for the log" in shop("check model --commands").err


def test_a_store_that_is_no_store_is_no_finding(shop: Any, tmp_path: Any) -> None:
    (tmp_path / "shop.db").write_bytes(b"not a database, and not empty either" * 100)
    assert shop("check").code == 6


# ── determinism ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_folds_that_come_to_the_same_and_one_that_does_not(sold: Any) -> None:
    ran = sold("check determinism")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "determinism: the code of 6 evolves; 2 folds, each twice")
    clock = (
        "        self.name = event.name\n        self.price",
        "        self.name = event.name + str(id(self))\n        self.price",
    )
    ran = sold("check determinism --json", clock)
    assert ran.code == 1
    assert [(one["code"], one["where"]) for one in ran.json["findings"]] == [
        ("impure", "Product.added"),
        ("nondeterministic", "Product.added"),
    ]
    assert "addresses in memory by id (shop.py:" in ran.json["findings"][1]["message"]
    assert ran.json["parts"][0]["rows"][0] == {"kind": "aggregate", "name": "product", "compared": 1, "differing": 1}


# ── rules, and all parts together ─────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_all_parts_together(sold: Any, tmp_path: Any) -> None:
    assert sold("schema --lock").code == 0
    settings = (tmp_path / "cqrs.toml").read_text()
    (tmp_path / "cqrs.toml").write_text(settings + "\n[rules.product]\nin_stock = 'state.in_stock >= 0'\n")
    ran = sold("check")
    assert ran.code == 0
    assert [line.partition(":")[0] for line in ran.out.splitlines() if ": " in line] == [
        *("model", "lock", "log", "determinism", "rules"),
    ]
    assert ran.err == "looked at model, lock, log, determinism, rules: all right\n"
    (tmp_path / "cqrs.toml").write_text(settings + "\n[rules.product]\nfull = 'state.in_stock > 4 or version = 1'\n")
    ran = sold("check rules model")
    assert ran.code == 1
    assert "error[rule-broken] product: full fails for 1 stream at ProductSold by Product.sold" in ran.out
    assert "hint: cqrs bisect --all CATEGORY" in ran.out
    (tmp_path / "cqrs.toml").write_text(settings + "\n[rules.prodct]\nfull = 'state.in_stock > 4'\n")
    assert sold("check rules").code == 2


@pytest.mark.slow
def test_a_corpus_is_as_good_as_a_store(sold: Any) -> None:
    assert sold("corpus refresh").code == 0
    ran = sold("check log determinism --store histories/")
    assert (ran.code, "log: 3 events of 3 types\n" in ran.out) == (0, True)
    assert "determinism: the code of 6 evolves; 2 folds, each twice\n" in ran.out
    narrowed = (
        "class ProductSold(Event):\n    quantity: int",
        "class ProductSold(Event):\n    quantity: bool\n    till: str",
    )
    assert sold("check log --store histories/", narrowed).code == 1
