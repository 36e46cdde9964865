"""`cqrs bisect` in a shell: what it finds, how it tells it, its exit codes."""

import json

import pytest

from tests.conftest import Shell

RULES = """\
def never_empty(state):
    return state.in_stock != 0 or state.name == ""

def few_rows(row):
    return row.in_stock < 9
"""


@pytest.fixture
def shop(cqrs: Shell) -> Shell:
    """Two products; the pen's stock goes 0, 10, 7, 0, 5."""
    cqrs("init", ".")
    for sku in ("pen", "ink"):
        cqrs("send", "add-product", "--sku", sku, "--name", sku.title(), "--price", "1.50")
    for words in (("receive-stock", "10"), ("sell-product", "3"), ("sell-product", "7"), ("receive-stock", "5")):
        cqrs("send", words[0], "--sku", "pen", "--quantity", words[1], "--as", "ada")
    return cqrs


def test_the_first_event_after_which_a_rule_fails(shop: Shell) -> None:
    ran = shop("bisect", "product-pen", "state.in_stock > 0 or type = ProductAdded", exit_code=1)
    assert ran.stdout.splitlines()[0] == (
        "state.in_stock > 0 or type = ProductAdded: fails at ProductSold by Product.sold (shop.py:86)"
    )
    assert "  product-pen  product-pen@4  @5\n" in ran.stdout
    assert " by ada, SellProduct " in ran.stdout
    assert "  in_stock: 7 → 0\n" in ran.stdout
    assert ran.stderr == "looked at 5 events of 1 stream, 1 rule\n"


def test_its_record(shop: Shell) -> None:
    (found,) = shop.json("bisect", "product", "pen", "state.in_stock > 0 or version = 1", exit_code=1)
    names = ["found", "rule", "subject", "position", "version", "type", "command_id", "recorded_at", "user_id"]
    assert list(found) == [*names, "stream", "command", "clause", "until", "before", "after"]
    assert (found["found"], found["position"], found["user_id"]) == (True, 5, "ada")
    assert (found["before"]["in_stock"], found["after"]["in_stock"]) == (7, 0)


def test_a_rule_that_holds_is_exit_0(shop: Shell) -> None:
    assert shop("bisect", "product-pen", "state.in_stock >= 0").stdout == "state.in_stock >= 0: holds\n"
    (found,) = shop.json("bisect", "product-pen", "state.in_stock >= 0")
    assert (found["found"], found["rule"], found["position"]) == (False, "state.in_stock >= 0", None)


def test_all_breaks_with_their_ends(shop: Shell) -> None:
    words = ("bisect", "product-pen", "state.in_stock > 0", "--all-breaks")
    found = shop.json(*words, exit_code=1)
    assert [(one["position"], one["until"]) for one in found] == [(1, 3), (5, 6)]
    assert "  holds again after @6\n" in shop(*words, exit_code=1).stdout


def test_only_where_it_fails_still(shop: Shell) -> None:
    shop("bisect", "product-pen", "state.in_stock > 0", "--still")
    (found,) = shop.json("bisect", "product-pen", "state.in_stock != 5", "--still", exit_code=1)
    assert (found["position"], found["until"]) == (6, None)


def test_over_all_streams_the_first_faults_are_grouped(shop: Shell) -> None:
    ran = shop("bisect", "--all", "product", "state.in_stock > 0", "state.price > 1", exit_code=1)
    head, *rest = ran.stdout.splitlines()
    assert head == "state.in_stock > 0: 2 streams at ProductAdded by Product.added (shop.py:77); the first:"
    assert rest[0] == "  product-pen  product-pen@1  @1"
    assert rest[-1] == "state.price > 1: holds"
    assert len(shop.json("bisect", "--all", "product", "state.in_stock > 0", exit_code=1)) == 2


def test_over_rows(shop: Shell) -> None:
    (found,) = shop.json("bisect", "--rows", "product-sales", "row.in_stock < 9", exit_code=1)
    assert (found["subject"], found["position"], found["after"]["in_stock"]) == ("product_sales/pen", 3, 10)
    assert shop.json("bisect", "--rows", "product-sales/ink", "row.in_stock < 9")[0]["found"] is False


def test_rules_from_files_and_settings(shop: Shell) -> None:
    (shop.folder / "rules.py").write_text(RULES)
    ran = shop("bisect", "--all", "product", "--rules", "rules.py", exit_code=1)
    assert ran.stdout.startswith("never_empty: 2 streams at ProductAdded")
    assert shop("bisect", "--rows", "product-sales", "--rules", "rules.py", exit_code=1).stdout.startswith("few_rows: ")
    shop("bisect", "product-ink", "--rule", "rules:never_empty", exit_code=1)
    with (shop.folder / "cqrs.toml").open("a") as file:
        file.write(
            '\n[rules.product]\nsound = "state.in_stock >= 0"\n[rules.product_sales]\nfew = "row.in_stock < 9"\n'
        )
    assert shop("bisect", "product-pen").stdout == "sound: holds\n"
    assert shop("bisect", "--rows", "product-sales", exit_code=1).stdout.startswith("few: 1 row at StockReceived")


def test_up_to_a_point(shop: Shell) -> None:
    for at, code in (("@4", 0), ("@5", 1), ("3", 0), ("4", 1)):
        shop("bisect", "product-pen", "state.in_stock > 0 or version = 1", "--at", at, exit_code=code)
    shop("bisect", "product-pen@3", "state.in_stock > 0 or version = 1")
    shop("bisect", "--all", "product", "state.in_stock < 8", "--at", "@2")
    shop("bisect", "--rows", "product-sales", "row.in_stock < 8", "--at", "@2")


def test_what_is_refused(shop: Shell) -> None:
    (shop.folder / "bad.py").write_text("def broken(state):\n    return 1 / 0\ndef odd(number):\n    return True\n")
    for words, code, exit_code in (
        ([], "usage", 2),
        (["product-pen"], "rule", 2),
        (["product-pen", "state.stock > 0"], "expression", 2),
        (["product-pen", "row.in_stock > 0"], "expression", 2),
        (["product-nib", "state.in_stock > 0"], "stream-not-found", 3),
        (["--all", "produkt", "state.in_stock > 0"], "category-not-found", 3),
        (["--rows", "sales", "row.in_stock > 0"], "projection-not-found", 3),
        (["--all", "product", "--rows", "product-sales", "x = 1"], "usage", 2),
        (["--all", "product", "state.in_stock > 0", "--at", "2"], "usage", 2),
        (["product-pen", "--rule", "bad:broken"], "domain-failed", 8),
        (["product-pen", "--rule", "bad:odd"], "rule", 2),
        (["product-pen", "--rule", "bad:none"], "rule", 2),
        (["product-pen", "--rule", "nowhere:rule"], "domain-not-loaded", 2),
        (["product-pen", "--rules", "nowhere.py"], "domain-not-loaded", 2),
        (["--all", "product", "state.in_stock >= 0", "--at", "1d"], "nothing-matched", 5),
    ):
        ran = shop("bisect", *words, "--json", exit_code=exit_code)
        assert json.loads(ran.stderr)["error"]["code"] == code, (words, ran.stderr)
