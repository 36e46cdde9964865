"""`cqrs test` in a shell: what it finds, how it tells it, its exit codes, and that no store is touched."""

import json
import linecache
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

GOOD = """\
scenario: {name}
given:
- ProductAdded: {{name: Pen, price: 1.50}}
- StockReceived: {{quantity: 5}}
when: {{sell-product: {{sku: pen, quantity: 2}}}}
then:
- ProductSold: {{quantity: 2, amount: {amount}}}
"""


@pytest.fixture
def shop(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The project of `cqrs init`, with its scenarios."""
    assert here("init").code == 0
    monkeypatch.syspath_prepend(str(tmp_path))
    return here


def test_all_hold(shop: Any, tmp_path: Path) -> None:
    ran = shop("test")
    assert (ran.code, ran.out, ran.err) == (0, "", "2 scenarios: 2 passed\n")
    assert not list(tmp_path.glob("*.db*"))


def test_what_does_not_is_told_with_its_place(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "wrong.scenario.yaml").write_text(GOOD.format(name="too dear", amount="3.01"))
    ran = shop("test")
    assert (ran.code, ran.err) == (1, "3 scenarios: 2 passed, 1 failed\n")
    assert ran.out.splitlines() == [
        "more/wrong.scenario.yaml:1: too dear",
        "  not the event that was expected:",
        "    ProductSold.amount: expected 3.01, was 3.00",
        "",
    ]
    assert shop("test", "shop.scenario.yaml").code == 0
    assert shop("test", "-k", "TOO").code == 1
    assert shop("test", "more", "-k", "dear", "-q").code == 1


def test_its_records(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "wrong.scenario.yaml").write_text(GOOD.format(name="a", amount="3.00") + "thn: x\n")
    ran = shop("test", "--json")
    found = json.loads(ran.out)
    assert (ran.code, found["passed"], found["failed"]) == (1, 2, 1)
    assert list(found["scenarios"][0]) == ["file", "name", "ok", "message", "line", "code", "hint", "traceback"]
    assert found["scenarios"][0] | {"message": None} == found["scenarios"][0]
    told = found["scenarios"][-1]
    assert (told["file"], told["line"], told["ok"]) == ("wrong.scenario.yaml", 8, False)
    assert (told["message"], told["hint"]) == ("thn: no member of a scenario", "did you mean 'then'?")
    assert shop("test", "--format", "md").out.startswith("| file | name | ok |")
    lines = [json.loads(line) for line in shop("test", "--jsonl").out.splitlines()]
    assert lines == found["scenarios"]


def test_formats_of_findings(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "wrong.scenario.yaml").write_text(GOOD.format(name="a, b", amount="3.01"))
    ran = shop("test", "--format", "github")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out == (
        "::error file=wrong.scenario.yaml,line=1,title=test%3A wrong.scenario.yaml%3A a%2C b::"
        "not the event that was expected:%0A  ProductSold.amount: expected 3.01, was 3.00\n"
    )
    suite = ElementTree.fromstring(shop("test", "--format", "junit").out)[0]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert [case.get("name") for case in suite][-1] == "wrong.scenario.yaml: a, b"
    (result,) = json.loads(shop("test", "--format", "sarif").out)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "wrong.scenario.yaml"


def test_nothing_to_try_is_exit_5(shop: Any, tmp_path: Path) -> None:
    ran = shop("test", "-k", "zebra")
    assert (ran.code, ran.err.splitlines()[0]) == (
        5,
        "error[nothing-matched]: none of 2 scenarios in 1 file has such a name",
    )
    (tmp_path / "shop.scenario.yaml").unlink()
    (tmp_path / "shop.py").unlink()  # what is not needed is not loaded
    ran = shop("test")
    assert (ran.code, ran.err.splitlines()[0]) == (5, "error[nothing-matched]: there are no scenarios in .")
    (tmp_path / "empty.scenario.yaml").write_text("")
    assert shop("test", "empty.scenario.yaml").code == 5


def test_what_can_not_be_tried(shop: Any, tmp_path: Path) -> None:
    assert shop("test", "nowhere").code == 3
    assert shop("test", "--app", "nowhere:domain").code == 2
    (tmp_path / "shop.scenario.yaml").write_text("scenario: [")
    ran = shop("test")
    assert (ran.code, ran.out.splitlines()[0]) == (1, "shop.scenario.yaml:2: line 2")


def test_an_error_of_the_domain_is_shown_with_its_line(shop: Any, tmp_path: Path) -> None:
    text = (tmp_path / "shop.py").read_text()
    (tmp_path / "broken_shop.py").write_text(text.replace("command.quantity * self.price", "command.quantity / 0"))
    ran = shop("test", "--app", "broken_shop:domain", "-k", "price")
    assert ran.code == 1
    assert "when: Product.sell (deciding SellProduct) raised ZeroDivisionError" in ran.out
    assert 'broken_shop.py", line' in ran.out


def test_what_a_domain_prints_is_no_data(shop: Any, tmp_path: Path) -> None:
    text = (tmp_path / "shop.py").read_text()
    (tmp_path / "loud_shop.py").write_text(
        text.replace("        if command.quantity", "        print('hey')\n        if command.quantity")
    )
    ran = shop("test", "--app", "loud_shop:domain", "--json")
    assert json.loads(ran.out)["passed"] == 2
    assert "hey" in ran.err


def test_control_characters_stay_what_they_are(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "wrong.scenario.yaml").write_text(
        'scenario: "a\\e[31m"\nwhen: {sell-product: {sku: "b\\e", quantity: 1}}\nthen: nothing\n'
    )
    ran = shop("test", "wrong.scenario.yaml")
    assert ran.code == 1
    assert "\x1b" not in ran.out


@pytest.fixture
def sold(shop: Any) -> Any:
    """A product that came in twice, and went out."""
    shop("send", "add-product", "--sku", "pencil", "--name", "Pen", "--price", "1.50")
    for quantity in ("4", "6"):
        shop("send", "receive-stock", "--sku", "pencil", "--quantity", quantity, "--as", "ada")
    shop("send", "sell-product", "--sku", "pencil", "--quantity", "9")
    return shop


def test_a_scenario_of_a_real_stream_holds(sold: Any, tmp_path: Path) -> None:
    for at in ("", "@2"):
        ran = sold("test", "--from", f"product-pencil{at}", "-o", "real.scenario.yaml")
        assert (ran.code, ran.out, ran.err) == (0, "", "")
        assert sold("test", "real.scenario.yaml").err == "1 scenario: 1 passed\n"
    assert "- StockReceived: {quantity: 4}" in (tmp_path / "real.scenario.yaml").read_text()
    assert sold("test", "--from", "product-pencil@9").code == 3
    assert sold("test", "--from", "product-pen").code == 3
    assert sold("test", "--from", "product-pencil", "-k", "x").code == 2
    assert sold("test", "--minimise", "state.in_stock > 1").code == 2


def test_what_is_hidden_is_nowhere_in_it(sold: Any, tmp_path: Path) -> None:
    ran = sold("test", "--from", "product-pencil@3", "--mask", "name", "--mask", "sku", "--mask", "user_id")
    assert ran.code == 0
    for value in ("Pen", "pencil", "ada"):
        assert value not in ran.out
        assert value not in ran.err
    (tmp_path / "masked.scenario.yaml").write_text(ran.out)
    assert sold("test", "masked.scenario.yaml").code == 0


def test_code_that_decides_otherwise_today_is_told(sold: Any, tmp_path: Path) -> None:
    text = (tmp_path / "shop.py").read_text()
    (tmp_path / "later_shop.py").write_text(text.replace("command.quantity * self.price", "self.price"))
    ran = sold("test", "--from", "product-pencil", "--app", "later_shop:domain")
    assert ran.code == 0
    assert "it fails: not the event that was expected:" in ran.err


def test_the_fewest_events_that_break_a_rule(sold: Any, tmp_path: Path) -> None:
    ran = sold("test", "--from", "product-pencil", "--minimise", "state.in_stock < 10", "-o", "few.scenario.yaml")
    assert (ran.code, ran.err) == (0, "2 events of product-pencil break state.in_stock < 10\n")
    ran = sold("test", "few.scenario.yaml")
    assert ran.code == 1
    assert "state.in_stock < 10 does not hold of Product(sku=pencil" in ran.out
    assert sold("test", "--from", "product-pencil", "--minimise", "state.in_stock >= 0").code == 5
    assert sold("test", "--from", "product-pencil", "--minimise", "state.in_stok >= 0").code == 2


def test_the_fewest_events_that_break_a_rule_in_python(
    sold: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = ["def few(state):", "    return state.in_stock < 10", "def grows(state, before):", "    return True"]
    rules += ["def broken(state):", "    return 1 // 0", "def of_a_row(row):", "    return True"]
    (tmp_path / "rules.py").write_text("\n".join(rules))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "rules", raising=False)
    minimise = ("test", "--from", "product-pencil", "--minimise")
    ran = sold(*minimise, "rules:few", "-o", "few.scenario.yaml")
    assert (ran.code, ran.err) == (0, "2 events of product-pencil break rules:few\n")
    assert 'holds: ["rules:few"]' in (tmp_path / "few.scenario.yaml").read_text()
    ran = sold("test", "few.scenario.yaml")
    assert ran.code == 1
    assert "few does not hold of Product(sku=pencil" in ran.out
    (tmp_path / "rules.py").write_text("\n".join(rules).replace("< 10", "< 100_000"))
    monkeypatch.delitem(sys.modules, "rules")
    linecache.clearcache()
    assert sold("test", "few.scenario.yaml").code == 0
    for rule, code, told in (
        ("rules:many", 2, "rules has no function 'many'"),
        ("rools:few", 2, "a rule is in the package of the domain, or in a module of"),
        ("os:getcwd", 2, "a rule is in the package of the domain, or in a module of"),
        ("rules:of_a_row", 2, "the rule rules:of_a_row asks for row"),
        ("rules:grows", 2, "rules:grows looks at before"),
        ("rules:broken", 8, "raised ZeroDivisionError"),
    ):
        ran = sold(*minimise, rule)
        assert (ran.code, ran.out) == (code, ""), rule
        assert told in ran.err
    (tmp_path / "few.scenario.yaml").write_text(
        (tmp_path / "few.scenario.yaml").read_text().replace("rules:few", "os:x")
    )
    ran = sold("test", "few.scenario.yaml")
    assert ran.code == 1
    assert "a rule is in the package of the domain" in ran.out


def test_the_schema_of_the_domain(shop: Any) -> None:
    found = json.loads(shop("schema", "--scenario").out)
    assert "sell-product" in found["$defs"]["tried"]["anyOf"][0]["properties"]
    assert shop("schema", "--scenario", "sell-product").code == 2
