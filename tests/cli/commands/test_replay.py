"""`cqrs replay` for people: tables and steps."""

from pathlib import Path
from typing import Any

import pytest

SHOP = """
from cqrs_cli import Aggregate, Command, Domain, Event, decide, evolve


class Rename(Command):
    product_id: str
    name: str


class Renamed(Event):
    name: str


class Product(Aggregate):
    product_id: str
    name: str = ""

    @decide(creates="either")
    def rename(self, command: Rename) -> Renamed:
        return Renamed(name=command.name)

    @evolve
    def renamed(self, event: Renamed) -> None:
        self.name = event.name


domain = Domain("names", Product)
"""


def test_the_table_of_all_leaves_out_the_key_that_the_stream_says(here: Any, tmp_path: Path) -> None:
    (tmp_path / "names_of_products.py").write_text(SHOP)
    app = ("--app", "names_of_products:domain")
    for name in ("pen", "ink"):
        assert here(*app, "send", "rename", "--product-id", name, "--name", name.upper()).code == 0
    title, head, *_ = here(*app, "replay").out.splitlines()
    assert (title, head.split()) == ("product", ["stream", "version", "name"])
    assert {"product_id": "ink", "name": "INK"} in [one["state"] for one in here(*app, "replay", "--json").json]
    assert "product_id" in here(*app, "replay", "product-pen").out


def test_an_empty_text_is_seen_in_a_step(here: Any, tmp_path: Path) -> None:
    (tmp_path / "names_of_things.py").write_text(SHOP)
    app = ("--app", "names_of_things:domain")
    for name in ("Pen", ""):
        assert here(*app, "send", "rename", "--product-id", "1", "--name", name).code == 0
    shown = here(*app, "replay", "product-1", "--steps").out
    assert "name: '' → Pen" in shown
    assert "name: Pen → ''" in shown


@pytest.mark.parametrize("words", ["product-1 product-2", "product-1 product-1@9", "product-1@9", "product-1 --at @0"])
@pytest.mark.parametrize("more", ["--json", "--steps --json", "", "--steps", "--csv", "--steps --jsonl"])
def test_what_is_not_there_is_said_before_anything_is_printed(here: Any, tmp_path: Path, words: str, more: str) -> None:
    (tmp_path / "missing_products.py").write_text(SHOP)
    app = ("--app", "missing_products:domain")
    assert here(*app, "send", "rename", "--product-id", "1", "--name", "Pen").code == 0
    ran = here(*app, "replay", *words.split(), *more.split())
    assert (ran.code, ran.out) == (3, "")
