"""`cqrs rehearse` in a shell: a change of the domain's file, and what it would have done to what was asked of it."""

import json
from typing import Any

import pytest

from tests.conftest import Shell

AMOUNT = ("amount=command.quantity * self.price", "amount=command.quantity * self.price - 1")
RULE = ("if command.quantity > self.in_stock:", "if command.quantity >= self.in_stock - 2:")


@pytest.fixture
def shop(cqrs: Shell) -> Shell:
    cqrs("init", ".")
    cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1.50")
    cqrs("send", "receive-stock", "--sku", "pen", "--quantity", "5")
    for quantity in ("2", "1"):
        cqrs("send", "sell-product", "--sku", "pen", "--quantity", quantity)
    return cqrs


def error(shop: Shell, *words: str, exit_code: int) -> Any:
    """The error that the words end with, as a program gets it."""
    return json.loads(shop(*words, "--json", exit_code=exit_code).stderr.splitlines()[-1])["error"]


def change(shop: Shell, *pairs: tuple[str, str]) -> None:
    """Another text of another length: Python takes one of the same length and second for the same."""
    path = shop.folder / "shop.py"
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        assert len(old) != len(new)
        text = text.replace(old, new)
    path.write_text(text)


def test_its_record(shop: Shell) -> None:
    change(shop, AMOUNT)
    found = json.loads(shop("rehearse", "--json", exit_code=1).stdout)
    assert list(found) == [
        *("commands", "same", "different", "rejected", "accepted", "nondeterministic", "unjudged"),
        *("known", "by_command", "differences", "not_judged"),
    ]
    assert (found["commands"], found["same"], found["different"]) == (4, 2, 2)
    one = found["differences"][0]
    assert list(one) == ["command", "command_id", "position", "verdict", "recorded", "today", "changes", "why"]
    assert one["changes"] == [{"path": "ProductSold.amount", "old": "3.00", "new": "2.00"}]
    assert one["today"]["events"] == [{"type": "ProductSold", "data": {"quantity": 2, "amount": "2.00"}}]
    assert (one["today"]["stream"], one["today"]["code"]) == ("product-pen", None)


def test_a_rule_that_was_tightened(shop: Shell) -> None:
    change(shop, RULE)
    ran = shop("rehearse", exit_code=1)
    lines = [" ".join(line.split()) for line in ran.stdout.splitlines()]
    assert "SellProduct 2 1 1" in lines
    assert "4 SellProduct now rejected outcome ProductSold out-of-stock: Pen: 3 in stock, 1 wanted" in lines
    assert ran.stderr == "judged 4 commands again\n"


def test_findings_for_a_pipeline(shop: Shell) -> None:
    change(shop, AMOUNT)
    lines = shop("rehearse", "--format", "github", exit_code=1).stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("::error file=shop.py,line=") for line in lines)


def test_known_differences(shop: Shell) -> None:
    change(shop, AMOUNT)
    shop("rehearse", "--accept", "known.json", exit_code=2)
    ran = shop("rehearse", "--accept", "known.json", "--accept-all")
    assert ran.stderr.endswith("known.json accepts 2 differences\n")
    assert "2 of the differences known" in shop("rehearse", "--accept", "known.json").stderr
    change(shop, (AMOUNT[1], AMOUNT[1].replace("1", "20")))
    shop("rehearse", "--accept", "known.json", exit_code=1)
    change(shop, (AMOUNT[1].replace("1", "20"), AMOUNT[0]))
    assert "2 accepted differences no more" in shop("rehearse", "--accept", "known.json").stderr
    (shop.folder / "known.json").write_text("[]")
    assert error(shop, "rehearse", "--accept", "known.json", exit_code=2)["code"] == "configuration"


def test_a_file_that_can_t_be_written(shop: Shell) -> None:
    for place in ("nowhere/known.json", "."):
        words = ("rehearse", "--accept", place, "--accept-all")
        assert error(shop, *words, exit_code=2)["code"] == "output"


def test_nothing_to_judge(shop: Shell) -> None:
    """Neither an empty store nor a selection of nothing is a success."""
    assert error(shop, "rehearse", "--command", "add-product", "--since", "2099-01-01", exit_code=5)
    assert error(shop, "rehearse", "--command", "no-such", exit_code=3)["code"] == "command-not-found"
    assert error(shop, "rehearse", "--store", "other.db", exit_code=3)["code"] == "store-not-found"


def test_commands_that_today_s_code_has_not(shop: Shell) -> None:
    """They are told; when nothing could be judged that is no success."""
    change(shop, ("class SellProduct(Command):", "class SellProduct(Command, name='SellPieces'):"))
    ran = shop("rehearse")
    assert "2 commands not judged (first @3): no command of this domain is stored as 'SellProduct'" in ran.stderr
    found = shop.json("rehearse")
    assert (found["unjudged"], found["same"]) == (2, 2)
    change(shop, ("class AddProduct(Command):", "class AddProduct(Command, name='Add'):"))
    change(shop, ("class ReceiveStock(Command):", "class ReceiveStock(Command, name='Receive'):"))
    assert error(shop, "rehearse", exit_code=5)["code"] == "nothing-matched"


def test_fields_that_may_differ_are_fields(shop: Shell) -> None:
    for typed in ("amount", "Sold.amount", "ProductSold", "ProductSold.price"):
        assert error(shop, "rehearse", "--ignore", typed, exit_code=2)["code"] == "configuration"


def test_another_domain_s_log(shop: Shell) -> None:
    assert error(shop, "--app", "samples.bank:domain", "rehearse", exit_code=2)


def test_the_store_is_as_it_was(shop: Shell) -> None:
    before = shop.json("stats")
    shop("rehearse")
    assert shop.json("stats") == before
