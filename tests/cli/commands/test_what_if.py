"""`cqrs what-if` in a shell."""

import json

import pytest

from tests.conftest import Shell


@pytest.fixture
def shop(cqrs: Shell) -> Shell:
    cqrs("init", ".")
    cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1.50")
    cqrs("send", "receive-stock", "--sku", "pen", "--quantity", "5")
    return cqrs


def test_what_would_be(shop: Shell) -> None:
    ran = shop("what-if", "sell-product", "--sku", "pen", "--quantity", "2")
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert ["product-pen", "in_stock", "5", "3"] in lines
    assert ["product_sales/pen", "revenue", "0", "3.00"] in lines
    assert ran.stderr == "what if: 1 event would be recorded after @2; nothing was written\n"
    assert len(shop.json("log")) == 2


def test_its_record(shop: Shell) -> None:
    found = shop.json("what-if", "sell-product", "--sku", "pen", "--quantity", "2", "--as", "ada")
    assert list(found) == ["position", "commands", "events", "states", "rows", "outgoing", "reactions"]
    assert found["commands"][0]["status"] == "committed"
    assert found["events"][0]["user_id"] == "ada"
    assert found["states"] == [{"subject": "product-pen", "path": "in_stock", "old": 5, "new": 3}]
    assert found["reactions"] is False


def test_a_rejection_is_exit_1(shop: Shell) -> None:
    ran = shop("what-if", "sell-product", "--sku", "pen", "--quantity", "9", exit_code=1)
    assert "SellProduct would be rejected: Pen: 5 in stock, 9 wanted\n" in ran.stderr


def test_many_at_once_and_on_an_earlier_history(shop: Shell) -> None:
    lines = [{"command": "sell-product", "data": {"sku": "pen", "quantity": 2}}] * 3
    text = "\n".join(map(json.dumps, lines))
    ran = shop("what-if", "--batch", "-", "--json", stdin=text, exit_code=1)
    assert [one["status"] for one in json.loads(ran.stdout)["commands"]] == ["committed", "committed", "rejected"]
    assert "line 3: SellProduct would be rejected" in ran.stderr
    assert shop.json("what-if", "receive-stock", "--sku", "pen", "--quantity", "1", "--at", "@1")["position"] == 1


def test_other_code(shop: Shell) -> None:
    text = (shop.folder / "shop.py").read_text()
    (shop.folder / "other.py").write_text(text.replace("self.in_stock -= event.quantity", "self.in_stock -= 1"))
    words = ("what-if", "sell-product", "--sku", "pen", "--quantity", "3", "--with", "other:domain")
    assert shop.json(*words)["states"][0]["new"] == 4


def test_a_command_that_comes_to_nothing_has_the_exit_code_of_its_sending(shop: Shell) -> None:
    for words, exit_code in (
        (("sell-product", "--sku", "pen", "--quantity", "9"), 1),
        (("sell-product", "--sku", "nib", "--quantity", "1"), 3),
        (("sell-product", "--sku", "pen", "--quantity", "1", "--expect", "7"), 4),
    ):
        shop("what-if", *words, exit_code=exit_code)
        shop("send", *words, exit_code=exit_code)
    (shop.folder / "other.py").write_text(
        (shop.folder / "shop.py").read_text().replace("if command.quantity >", "if 1 / 0 >")
    )
    ran = shop("what-if", "sell-product", "--sku", "pen", "--quantity", "1", "--with", "other:domain", exit_code=8)
    assert "SellProduct would be failed: Product.sell (deciding" in ran.stderr
    assert "1 / 0" in ran.stderr


def test_lines_that_are_no_commands_are_told_in_full_and_the_rest_is_tried(shop: Shell) -> None:
    lines = ['{"command": "sell-product"', "", '{"command": "sell-product", "data": {"sku": "pen", "quantity": "x"}}']
    good = '{"command": "sell-product", "data": {"sku": "pen", "quantity": 1}}'
    expected = (
        '{"command": "sell-product", "data": {"sku": "pen", "quantity": 9}, "expect": {"rejected": "out-of-stock"}}'
    )
    ran = shop("what-if", "--batch", "-", stdin="\n".join([*lines, good]), exit_code=2)
    assert "line 1: the command would be invalid: not JSON" in ran.stderr
    assert "  quantity: Input should be a valid integer" in ran.stderr
    assert "what if: 1 event would be recorded" in ran.stderr
    code = json.loads(shop("what-if", "--batch", "-", "--json", stdin=f"{good}\n{good}").stdout)
    assert [one["status"] for one in code["commands"]] == ["committed", "committed"]
    ran = shop("what-if", "--batch", "-", stdin=expected)
    assert "would be" not in ran.stderr.replace("would be recorded", "")


def test_a_name_that_other_code_has_not_is_told_of_that_code(shop: Shell) -> None:
    ran = shop("what-if", "sell-product", "--sku", "pen", "--with", "samples.users:domain", exit_code=3)
    assert "no command 'sell-product' in the domain 'users'" in ran.stderr


def test_a_log_of_another_domain_is_refused_unless_it_is_meant(shop: Shell) -> None:
    words = ("what-if", "register-user", "--email", "a@b.c", "--name", "Ann", "--app", "samples.users:domain")
    assert "error[foreign-log]" in shop(*words, exit_code=2).stderr
    assert "1 event would be recorded" in shop(*words, "--foreign").stderr
    line = '{"command": "register-user", "data": {"email": "a@b.c", "name": "Ann"}}'
    batch = ("what-if", "--batch", "-", "--app", "samples.users:domain")
    assert "error[foreign-log]" in shop(*batch, stdin=line, exit_code=2).stderr
    shop(*batch, "--foreign", stdin=line)


def test_what_is_refused(shop: Shell) -> None:
    for words, code, exit_code in (
        (["what-if"], "usage", 2),
        (["what-if", "sell-produkt"], "command-not-found", 3),
        (["what-if", "--react", "sell-product", "--sku", "pen", "--quantity", "1"], "usage", 2),
        (["what-if", "sell-product", "--sku", "pen", "--quantity", "x"], "invalid-input", 2),
        (["what-if", "sell-product", "--sku", "pen", "--quantity", "1", "--at", "@9"], "position", 3),
        (["what-if", "sell-product", "--sku", "pen", "--quantity", "1", "--with", "nope:x"], "domain-not-loaded", 2),
        (["--store", "none.db", "what-if", "sell-product", "--sku", "pen", "--quantity", "1"], "store-not-found", 3),
    ):
        ran = shop(*words, "--json", exit_code=exit_code)
        assert json.loads(ran.stderr)["error"]["code"] == code, (words, ran.stderr)


def test_a_batch_in_a_dry_run_is_decided_line_after_line_and_writes_nothing(shop: Shell) -> None:
    line = json.dumps({"command": "sell-product", "data": {"sku": "pen", "quantity": 2}})
    ran = shop("send", "--batch", "-", "--dry-run", stdin=f"{line}\n{line}\n{line}\n", exit_code=1)
    assert "3 commands: 2 would be committed (2 events), 1 rejected\ndry run: nothing was written\n" in ran.stderr
    assert len(shop.json("log")) == 2
    statuses = shop("send", "--batch", "-", "--dry-run", "--jsonl", stdin=f"{line}\n{line}\n{line}\n", exit_code=1)
    assert [json.loads(one)["status"] for one in statuses.stdout.splitlines()] == ["dry-run", "dry-run", "rejected"]
    summary = json.loads(shop("send", "--batch", "-", "--dry-run", "--json", stdin=line).stdout)
    assert (summary["committed"], summary["dry_run"], summary["events"]) == (0, 1, 1)


def test_a_batch_in_a_dry_run_makes_no_store(shop: Shell) -> None:
    line = json.dumps({"command": "add-product", "data": {"sku": "ink", "name": "Ink", "price": "1"}})
    shop("--store", "none.db", "send", "--batch", "-", "--dry-run", stdin=line)
    assert not (shop.folder / "none.db").exists()
    shop("send", "--dry-run", "sell-product", "--sku", "pen", "--quantity", "1", exit_code=2)


def test_what_the_domain_prints_is_no_data(shop: Shell) -> None:
    text = (shop.folder / "shop.py").read_text()
    text = text.replace(
        "        if command.quantity > self.in_stock:",
        '        print("hello")\n        if command.quantity > self.in_stock:',
    )
    (shop.folder / "shop.py").write_text(text)
    words = ("sell-product", "--sku", "pen", "--quantity", "1")
    assert shop.json("what-if", *words)["states"][0]["new"] == 4
    line = json.dumps({"command": "sell-product", "data": {"sku": "pen", "quantity": 2}})
    assert shop("send", "--batch", "-", "--dry-run", "--jsonl", stdin=line).stdout.count("\n") == 1
