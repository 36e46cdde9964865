"""`cqrs init`: a project that works at once, and files that are there stay as they are."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cqrs_cli.cli.commands.init.command import TEMPLATES
from tests.conftest import ROOT, Shell

FILES = sorted(TEMPLATES)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_project_works_at_once(cqrs: Shell) -> None:
    made = cqrs("init", "my shop")
    assert made.stdout.splitlines() == [f"created my shop/{name}" for name in TEMPLATES]
    following = made.stderr.strip().removeprefix("next: cd 'my shop' && cqrs ")
    assert following != made.stderr.strip()

    shop = Shell(cqrs.folder / "my shop")
    shop(*shlex.split(following))
    assert [event["type"] for event in shop.json("log")] == ["ProductAdded"]
    assert (shop.folder / "shop.db").is_file()
    shop("send", "receive-stock", "--sku", "pen", "--quantity", "3")
    shop("send", "sell-product", "--sku", "pen", "--quantity", "2")
    assert "error[out-of-stock]" in shop("send", "sell-product", "--sku", "pen", "--quantity", "2", exit_code=1).stderr
    [best] = shop.json("query", "best-sellers")
    assert best == {"sku": "pen", "name": "Pen", "in_stock": 1, "sold": 2, "revenue": "3.00"}


def test_its_scenarios_pass_and_can_fail(cqrs: Shell) -> None:
    cqrs("init")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    def tested() -> str:
        return subprocess.run(
            words, cwd=cqrs.folder, env=cqrs.environ, capture_output=True, encoding="utf-8", timeout=120
        ).stdout

    assert "3 passed" in tested()
    code = (cqrs.folder / "shop.py").read_text()
    (cqrs.folder / "shop.py").write_text(code.replace("command.quantity > self.in_stock", "False"))
    assert "1 failed, 2 passed" in tested()


def test_git_minds_neither_the_store_nor_what_lies_beside_it(cqrs: Shell) -> None:
    cqrs("init")
    cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1.50")
    left = subprocess.run(
        ["git", "init", "-q", ".", "--initial-branch=main"], cwd=cqrs.folder, capture_output=True, encoding="utf-8"
    )
    assert left.returncode == 0, left.stderr
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    seen = subprocess.run(status, cwd=cqrs.folder, capture_output=True, encoding="utf-8", check=True).stdout
    assert sorted(line.split()[1] for line in seen.splitlines()) == FILES
    ours = (ROOT / ".gitignore").read_text().splitlines()
    assert [line for line in (cqrs.folder / ".gitignore").read_text().splitlines() if line not in ours] == []


def test_a_second_time_changes_nothing(cqrs: Shell) -> None:
    first = cqrs.json("init")
    assert (sorted(first["created"]), first["kept"]) == (FILES, [])
    before = contents(cqrs.folder)
    second = cqrs.json("init")
    assert (second["created"], sorted(second["kept"])) == ([], FILES)
    assert contents(cqrs.folder) == before


@pytest.mark.parametrize("name", ["shop.py", "test_shop.py", "cqrs.toml"])
def test_a_file_in_the_way_is_not_overwritten_and_nothing_is_written(cqrs: Shell, name: str) -> None:
    (cqrs.folder / name).write_text("# mine\n")
    refused = cqrs("init", exit_code=2)
    assert f"error[file-exists]: {name} is there already" in refused.stderr
    assert "hint: " in refused.stderr
    assert contents(cqrs.folder) == {name: "# mine\n"}


def test_a_gitignore_is_kept(cqrs: Shell) -> None:
    (cqrs.folder / ".gitignore").write_text("mine\n")
    made = cqrs.json("init")
    assert made["kept"] == [".gitignore"]
    assert (cqrs.folder / ".gitignore").read_text() == "mine\n"


def test_a_link_that_leads_nowhere_is_not_written_through(cqrs: Shell) -> None:
    (cqrs.folder / "shop.py").symlink_to("elsewhere.py")
    assert "shop.py is there already" in cqrs("init", exit_code=2).stderr
    assert not (cqrs.folder / "elsewhere.py").exists()


@pytest.mark.parametrize("target", ["file", "file/below"])
def test_a_file_where_the_folder_should_be(cqrs: Shell, target: str) -> None:
    (cqrs.folder / "file").write_text("mine\n")
    refused = cqrs("init", target, exit_code=2)
    assert "error[file-exists]" in refused.stderr
    assert contents(cqrs.folder) == {"file": "mine\n"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written(cqrs: Shell) -> None:
    (cqrs.folder / "closed").mkdir(mode=0o500)
    assert "error[not-writable]" in cqrs("init", "closed", exit_code=7).stderr


def test_a_name_that_is_too_long(cqrs: Shell) -> None:
    assert "error[not-writable]" in cqrs("init", "x" * 300, exit_code=7).stderr
