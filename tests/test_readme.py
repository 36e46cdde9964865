"""What README.md says besides its commands, which tests/test_docs.py runs."""

import re
import signal
from pathlib import Path

from cqrs_cli import errors
from cqrs_cli.cli.shell import boundary
from cqrs_cli.cli.shell.app import COMMANDS
from tests.conftest import ROOT, Shell

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_it_links_to_is_there() -> None:
    linked = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    assert linked
    assert [name for name in linked if not (ROOT / name).exists()] == []


def test_every_command_is_in_its_table() -> None:
    assert [entry.name for entry in COMMANDS if not re.search(rf"^\|.*`{entry.name}\b", TEXT, re.MULTILINE)] == []


def test_every_exit_code_is_in_its_table() -> None:
    codes = {getattr(kind, "exit_code", 0) for kind in vars(errors).values()}
    codes |= {0, boundary.BUG, boundary.INTERRUPTED, boundary.BROKEN_PIPE, 128 + signal.SIGTERM}
    told = {int(code) for row in re.findall(r"^\| (\d[\d, ]*) \|", TEXT, re.MULTILINE) for code in row.split(",")}
    assert told == codes


def test_the_project_that_it_makes_is_as_large_as_it_says(cqrs: Shell, tmp_path: Path) -> None:
    cqrs("init", "shop")
    [said] = re.findall(r"open `shop.py`: it is (\d+) lines", TEXT)
    assert len((tmp_path / "shop" / "shop.py").read_text(encoding="utf-8").splitlines()) == int(said)


def test_the_way_to_look_at_a_command_whose_id_was_used_again(cqrs: Shell) -> None:
    cqrs("init", "shop")
    shop = Shell(cqrs.folder / "shop")
    add = ("send", "add-product", "--sku", "pen", "--price", "1", "--command-id", "c-1")
    shop(*add, "--name", "Pen")
    told = shop(*add, "--name", "Ink", exit_code=4).stderr
    assert "cqrs trace c-1" in told
    assert "AddProduct" in shop("trace", "c-1").stdout
