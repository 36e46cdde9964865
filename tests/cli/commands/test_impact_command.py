"""`cqrs impact` in a shell: what it prints, its exit codes, Markdown that is inert, and what it leaves when it is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Shell

AMOUNT = ("amount=command.quantity * self.price", "amount=command.quantity * self.price - 1")
RULE = ("if command.quantity > self.in_stock:", "if command.quantity >= self.in_stock:")
HOSTILE = "<img src=x> @octocat https://evil.example www.evil.example #12 a|b `c` [d](e) \x1b[31m me@evil.example"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    ran = subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True)
    return ran.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop that all tests begin with, committed."""
    cqrs = Shell(tmp_path_factory.mktemp("shop"))
    cqrs("init", ".")
    data = {"name": HOSTILE, "price": "1.50"}
    lines = [{"command": "add-product", "data": {"sku": "pen", **data}}]
    lines += [{"command": "receive-stock", "data": {"sku": "pen", "quantity": 5}}]
    lines += [{"command": "sell-product", "data": {"sku": "pen", "quantity": quantity}} for quantity in (4, 1)]
    cqrs("send", "--batch", "-", stdin="\n".join(map(json.dumps, lines)))
    git(cqrs.folder, "init", "-q", "-b", "main")
    git(cqrs.folder, "add", "-A")
    git(cqrs.folder, "commit", "-qm", "first")
    return cqrs.folder


@pytest.fixture
def shop(made: Path, cqrs: Shell) -> Shell:
    shutil.copytree(made, cqrs.folder, dirs_exist_ok=True)
    return cqrs


def change(shop: Shell, *pairs: tuple[str, str]) -> None:
    path = shop.folder / "shop.py"
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def test_its_record_and_its_exit_codes(shop: Shell) -> None:
    found = shop.json("impact", "--against", "git:main")
    assert list(found) == ["against", "differs", "compared", "by_name", "effects", "schema", "not_judged"]
    assert (found["differs"], found["effects"], found["schema"], found["not_judged"]) == (False, [], [], [])
    assert found["compared"] == {"commands": 4, "states": 1, "rows": 1, "events": 4}
    assert found["by_name"][0] == {
        **{"kind": "command", "name": "AddProduct", "compared": 1},
        **{"differing": 0, "how": None},
    }
    change(shop, AMOUNT)
    (effect,) = shop.json("impact", "--against", "git:main", exit_code=1)["effects"]
    assert list(effect) == ["kind", "name", "verdict", "count", "fields", "examples"]
    assert effect["fields"] == [{"path": "ProductSold.amount", "count": 2}]
    assert effect["examples"][0]["position"] == 3
    assert effect["examples"][0]["changes"] == [{"path": "ProductSold.amount", "old": "6.00", "new": "5.00"}]
    shop("impact", "--against", "git:main", "--ignore", "ProductSold.amount")


def test_what_a_person_reads(shop: Shell) -> None:
    change(shop, RULE, ("quantity: int\n\n\nclass ProductSold", "quantity: int\n    by: str\n\n\nclass ProductSold"))
    change(shop, ("StockReceived(quantity=command.quantity)", "StockReceived(quantity=command.quantity, by='')"))
    ran = shop("impact", "--against", "git:main", exit_code=1)
    lines = [" ".join(line.split()) for line in ran.stdout.splitlines()]
    assert "state product 1 1 1 can't be folded any more" in lines
    assert "event StockReceived 1 1 1 no longer decoded" in lines
    assert "event StockReceived: 1 no longer decoded" in lines
    assert "@2, product-pen: version 1: 'StockReceived' does not fit StockReceived: by: Field required" in lines
    assert "classes: 1 change, 1 of them not compatible" in lines
    assert "not compared: 3" in lines
    assert ran.stderr.endswith(": 3 differences and 1 change of classes\n")
    shop("--store", "shop.db", "corpus", "refresh", "histories")
    assert shop("--store", "histories", "impact", "--against", "git:main", exit_code=1).stdout == ran.stdout


def test_for_a_pull_request_data_is_inert(shop: Shell) -> None:
    """No HTML, no link, no mention: what a page would look for stands in code."""
    change(shop, ("self.name = event.name", "self.name = event.name[:-1]"))
    text = shop("impact", "--against", "git:main", "--format", "md", exit_code=1).stdout
    lines = text.splitlines()
    assert lines[0].startswith("## Impact against git:main (")
    assert "| state | product | 1 | 1 | 1 changed: name |" in lines
    assert "<details><summary><code>state product: 1 changed: name</code></summary>" in lines
    assert text.count("<details>") == text.count("</details>") == 2
    (row,) = [line for line in lines if line.startswith("| product-pen |")]
    cells = row.removeprefix("| product-pen | name | ").removesuffix(" |").split(" | ")
    assert len(cells) == 2
    for cell in cells:
        assert cell.startswith("``<img src=x> @octocat")
        assert cell.endswith("``")
        assert "a\\|b `c` [d](e) \\x1b[31m me@evil" in cell
    assert "\x1b" not in text


def test_findings_for_a_pipeline(shop: Shell) -> None:
    change(shop, AMOUNT)
    lines = shop("impact", "--against", "git:main", "--format", "github", exit_code=1).stdout.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("::error file=shop.py,line=")
    assert "command SellProduct: 2 decided differently: ProductSold.amount, the first @3 " in lines[0]
    rules = json.loads(shop("impact", "--against", "git:main", "--format", "sarif", exit_code=1).stdout)
    assert rules["runs"][0]["results"][0]["ruleId"] == "impact-different"


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("--against", "git:nothing"), 2, "git"),
        (("--against", "main"), 2, "usage"),
        (("--against", "nothing:domain"), 2, "domain-not-loaded"),
        (("--against", "git:main", "--old-app", "old:domain"), 2, "domain-not-loaded"),
        (("--against", "git:main", "--ignore", "Nothing.x"), 2, "configuration"),
        (("--against", "git:main", "--store", "other.db"), 3, "store-not-found"),
        ((), 2, "usage"),
    ],
)
def test_refusals(shop: Shell, words: tuple[str, ...], exit_code: int, code: str) -> None:
    ran = shop("impact", *words, "--json", exit_code=exit_code)
    error = json.loads(ran.stderr.splitlines()[-1])["error"]
    assert error["code"] == code
    assert error["hint"]
    assert "Traceback" not in ran.stderr


def test_nothing_to_look_at(shop: Shell) -> None:
    shop("migrate", "--store", "empty.db")
    ran = shop("impact", "--against", "git:main", "--store", "empty.db", "--json", exit_code=5)
    assert json.loads(ran.stderr.splitlines()[-1])["error"]["code"] == "nothing-checked"


# ── killed ────────────────────────────────────────────────────────────────────────────────────


def is_there(id: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{id}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never held")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="processes are looked for in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["int", "term", "kill"])
def test_killed_it_leaves_nothing(
    shop: Shell, number: signal.Signals, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither a process nor a folder, nor anything in the repository, however it ends."""
    mark, temporary = tmp_path_factory.mktemp("mark") / "mark", tmp_path_factory.mktemp("temporary")
    today = (shop.folder / "shop.py").read_text()
    waits = (
        f"import os, pathlib, time\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()) + '.')\ntime.sleep(600)\n"
    )
    (shop.folder / "shop.py").write_text(waits + today)
    git(shop.folder, "commit", "-qam", "waits")
    (shop.folder / "shop.py").write_text(today)
    before = sorted((shop.folder / ".git").rglob("*"))
    environ = {**shop.environ, "TMPDIR": str(temporary)}
    words = [sys.executable, "-m", "cqrs_cli", "impact", "--against", "git:HEAD"]
    with subprocess.Popen(
        words, cwd=shop.folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as run:
        try:
            until(lambda: mark.exists() and mark.read_text().endswith("."))
            child = int(mark.read_text()[:-1])
            assert is_there(child)
            assert any(path.name.startswith("cqrs-impact-") for path in temporary.iterdir())
            os.kill(run.pid, number)
            run.wait()
            until(lambda: not is_there(child))
            until(lambda: not list(temporary.iterdir()))
        finally:
            run.kill()
    assert sorted((shop.folder / ".git").rglob("*")) == before
