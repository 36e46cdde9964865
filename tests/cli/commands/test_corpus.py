"""`cqrs corpus` in a shell, and what reads one."""

import json

import pytest

from tests.cli.commands.test_rehearse import change
from tests.conftest import Shell


@pytest.fixture
def shop(cqrs: Shell) -> Shell:
    cqrs("init", ".")
    lines = [{"command": "add-product", "data": {"sku": sku, "name": sku, "price": "1.50"}} for sku in ("pen", "cap")]
    lines.append({"command": "receive-stock", "data": {"sku": "cap", "quantity": 5}})
    cqrs("send", "--batch", "-", stdin="\n".join(map(json.dumps, lines)))
    return cqrs


def test_its_record(shop: Shell) -> None:
    found = shop.json("corpus", "refresh")
    assert found == {
        "folder": "histories",
        "files": ["product.jsonl"],
        "streams": 1,
        "of_streams": 2,
        "events": 2,
        "rejections": 0,
        "covered": [
            {"what": "command AddProduct", "streams": 2},
            {"what": "command ReceiveStock", "streams": 1},
            {"what": "event product ProductAdded v1", "streams": 2},
            {"what": "event product StockReceived v1", "streams": 1},
        ],
    }
    assert shop.json("corpus", "show") == [{"category": "product", "streams": 1, "events": 2, "rejections": 0}]


def test_what_reads_a_store_reads_it(shop: Shell) -> None:
    shop("corpus", "refresh", "kept", "--from", "shop.db")
    assert [one["stream"] for one in shop.json("--store", "kept", "log")] == ["product-cap", "product-cap"]
    assert shop.json("--store", "kept/", "replay", "product-cap")["state"]["in_stock"] == 5
    assert len(shop.json("--store", "kept", "project", "product-sales")["rows"]) == 1
    assert shop.json("--store", "kept", "rehearse")["same"] == 2


def test_it_is_written_to_the_folder_of_o(shop: Shell) -> None:
    ran = shop("corpus", "refresh", "-o", "kept/", "--json")
    assert (json.loads(ran.stdout)["folder"], ran.stderr) == ("kept/", "kept/ has 1 stream of 2 with 2 events\n")
    assert [one.name for one in (shop.folder / "kept").iterdir()] == ["product.jsonl"]
    assert not (shop.folder / "histories").exists()
    shop("corpus", "refresh", "-o", "shop.db", exit_code=2)
    assert "goes to kept or to more" in shop("corpus", "refresh", "kept", "-o", "more", exit_code=2).stderr


def test_rejected_commands_go_with_their_streams(shop: Shell) -> None:
    change(shop, ("BestSellers)", "BestSellers, journal_rejections=True)"))
    shop("send", "sell-product", "--sku", "cap", "--quantity", "50", exit_code=1)
    ran = shop("corpus", "refresh")
    assert ran.stderr == "histories/ has 1 stream of 2 with 2 events and 1 rejected command\n"
    assert "rejection SellProduct out-of-stock" in ran.stdout
    assert shop.json("corpus", "show") == [{"category": "product", "streams": 1, "events": 2, "rejections": 1}]
    assert shop.json("--store", "histories", "rehearse")["same"] == 3
    change(shop, ("if command.quantity > self.in_stock:", "if command.quantity > 100:"))
    loosened = json.loads(shop("--store", "histories", "rehearse", "--json", exit_code=1).stdout)
    assert [(one["command"], one["verdict"]) for one in loosened["differences"]] == [("SellProduct", "accepted")]
    shop("--store", "histories", "rehearse", "--mask", "quantity", exit_code=1)
    ran = shop("import", "histories/product.jsonl", "--store", "other.db")
    assert "passed over 1 rejected command: no part of a log\n" in ran.stderr
    assert shop.json("--store", "other.db", "rehearse")["commands"] == 2


def test_of_some_categories(shop: Shell) -> None:
    shop("corpus", "refresh", "--category", "product")
    ran = shop("corpus", "refresh", "-o", "none", "--category", "invoice", exit_code=5)
    assert "has no events of invoice" in ran.stderr
    assert not (shop.folder / "none").exists()


def test_it_is_only_read(shop: Shell) -> None:
    shop("corpus", "refresh")
    before = (shop.folder / "histories/product.jsonl").read_bytes()
    for words in (("send", "receive-stock", "--sku", "cap", "--quantity", "1"), ("project",), ("run", "--once")):
        ran = shop("--store", "histories", *words, exit_code=0 if words == ("project",) else 2)
        assert "Traceback" not in ran.stderr
    assert (shop.folder / "histories/product.jsonl").read_bytes() == before
    assert [one.name for one in (shop.folder / "histories").iterdir()] == ["product.jsonl"]


def test_what_is_refused(shop: Shell) -> None:
    shop("corpus", "show", exit_code=3)
    shop("--store", ".", "log", exit_code=3)
    shop("corpus", "refresh", "--from", "no.db", exit_code=3)
    (shop.folder / "file").write_text("")
    for folder in ("file", "/proc/nowhere"):
        assert "error[output]" in shop("corpus", "refresh", folder, exit_code=2).stderr
    shop("corpus", "refresh")
    shop("--store", "histories", "corpus", "refresh", exit_code=2)
    (shop.folder / "histories/product.jsonl").write_text('{"cqrs_interchange":1,"source":"x","after":0,"position":0}\n')
    assert "is cut" in shop("--store", "histories", "log", exit_code=6).stderr
