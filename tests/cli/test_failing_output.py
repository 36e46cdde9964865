"""Output that can't be: found out before anything is written, and never at the cost of a store."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from cqrs_cli.stores.registry import open_store

ADD = "send add-product --sku pen --name Pen --price 1.50"
RECEIVE = {"command": "receive-stock", "data": {"sku": "pen", "quantity": 1}}


@pytest.fixture
def shop(cqrs: Any) -> Any:
    """A new project with a product, as a user has it after the first two commands."""
    cqrs("init")
    cqrs(*ADD.split())
    return cqrs


def head(shop: Any) -> int:
    with open_store(str(shop.folder / "shop.db"), read_only=True) as store:
        return store.head()


def full(shop: Any, words: str) -> subprocess.CompletedProcess[str]:
    with open("/dev/full", "w") as disk:
        return subprocess.run(
            [sys.executable, "-m", "cqrs_cli", *words.split()],
            cwd=shop.folder,
            env=shop.environ,
            stdout=disk,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )


@pytest.mark.parametrize("bad", ["-o missing/x", "--format mermaid", "--format github"])
@pytest.mark.parametrize(
    "words",
    ["send receive-stock --sku pen --quantity 1", "send --batch lines", "project --rebuild", "project", "init other"],
)
def test_what_can_not_be_printed_is_not_done(shop: Any, words: str, bad: str) -> None:
    (shop.folder / "lines").write_text(json.dumps(RECEIVE))
    bad = bad.replace("github", "dot") if "--batch" in words else bad  # of a batch there are findings
    before = (head(shop), shop("sql", "SELECT count(*) FROM cqrs_checkpoints").stdout, sorted(os.listdir(shop.folder)))
    ran = shop(*words.split(), *bad.split(), exit_code=2)
    assert ran.stdout == ""
    assert "hint: " in ran.stderr
    assert before == (
        head(shop), shop("sql", "SELECT count(*) FROM cqrs_checkpoints").stdout, sorted(os.listdir(shop.folder))
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["shop.db", "./shop.db", "link", "shop.db-wal", "shop.db-lock", "other.db", "absent.db"]
)
def test_no_store_is_overwritten(shop: Any, name: str) -> None:
    open_store(str(shop.folder / "other.db"), create=True).close()
    (shop.folder / "link").symlink_to("shop.db")
    store = ("--store", "absent.db") if name == "absent.db" else ()
    words = ADD.split() if store else ["streams"]
    ran = shop(*store, *words, "-o", name, exit_code=2)
    assert "belongs to a store" in ran.stderr
    assert head(shop) == 1
    assert not (shop.folder / "absent.db").exists()
    with open_store(str(shop.folder / "other.db"), read_only=True) as other:
        assert other.head() == 0


def test_any_other_file_is_replaced(shop: Any) -> None:
    (shop.folder / "out.txt").write_text("SQLite is not all that begins like this")
    shop("streams", "--jsonl", "-o", "out.txt")
    assert json.loads((shop.folder / "out.txt").read_text())["stream"] == "product-pen"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
class TestFullDisk:
    """Standard output fails after the command was committed."""

    def test_the_error_says_what_was_written(self, shop: Any) -> None:
        ran = full(shop, "send receive-stock --sku pen --quantity 1 --json")
        assert ran.returncode == 7
        assert "appended 1 event to product-pen (version 1 → 2, position 2)" in json.loads(ran.stderr)["error"]["hint"]
        assert head(shop) == 2

    def test_a_batch_says_how_far_it_came_and_how_to_go_on(self, shop: Any) -> None:
        (shop.folder / "lines").write_text((json.dumps(RECEIVE) + "\n") * 3)
        ran = full(shop, "send --batch lines --jsonl")
        assert ran.returncode == 7
        hint = json.loads(ran.stderr)["error"]["hint"]
        assert "stopped after 3 commands: 3 committed (3 events); go on after line 3" in hint
        assert "would be sent a second time" in hint
        assert head(shop) == 4

    def test_lines_with_ids_can_be_sent_again(self, shop: Any) -> None:
        (shop.folder / "lines").write_text(
            "".join(json.dumps(RECEIVE | {"command_id": f"c{n}"}) + "\n" for n in range(3))
        )
        ran = full(shop, "send --batch lines --jsonl")
        assert "sending the same lines again goes on where it stopped" in ran.stderr
        assert head(shop) == 4
        assert shop.json("send", "--batch", "lines")["duplicate"] == 3

    def test_nothing_that_was_not_decided_yet_is_sent(self, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        (shop.folder / "lines").write_text((json.dumps(RECEIVE) + "\n") * 5_000)
        ran = full(shop, "send --batch lines --jsonl")
        written = head(shop) - 1
        assert written < 5_000
        assert f"go on after line {written:,}" in ran.stderr


@pytest.mark.parametrize("words", ["send --batch -", "send add-product -d @-", "sql -"])
def test_a_closed_standard_input_can_not_be_read(shop: Any, words: str) -> None:
    command = f"exec {sys.executable} -m cqrs_cli {words} <&-"
    ran = subprocess.run(
        ["sh", "-c", command], cwd=shop.folder, env=shop.environ, capture_output=True, encoding="utf-8"
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("error[unreadable-file]")
    assert "it is closed" in ran.stderr


@pytest.mark.parametrize("words", ["send receive-stock --sku pen --quantity 1 --json", "send --batch lines --jsonl"])
def test_what_the_domain_and_its_programs_print_is_no_data(shop: Any, words: str) -> None:
    module = shop.folder / "shop.py"
    text = module.read_text()
    at = text.index("        return StockReceived(")
    noise = "        import os, subprocess\n        print('one')\n        os.write(1, b'two\\n')\n        subprocess.run(['echo', 'three'])\n"
    module.write_text(text[:at] + noise + text[at:])
    (shop.folder / "lines").write_text(json.dumps(RECEIVE))
    ran = shop(*words.split())
    assert json.loads(ran.stdout)["status"] == "committed"
    assert {"one", "two", "three"} <= set(ran.stderr.splitlines())
    with open(shop.folder / "out", "w") as out:
        subprocess.run(
            [sys.executable, "-m", "cqrs_cli", *words.split(), "-o", "data"],
            cwd=shop.folder, env=shop.environ, stdout=out, stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
    assert (shop.folder / "out").read_text() == ""
    assert json.loads((shop.folder / "data").read_text())["status"] == "committed"


def test_standard_output_is_given_back(shop: Any) -> None:
    code = """if True:
        import os, sys
        from cqrs_cli.cli.shell import boundary
        print("before")
        boundary.run(["send", "receive-stock", "--sku", "pen", "--quantity", "1", "--csv", "-q"])
        print("between")
        sys.stdout.flush()
        os.write(1, b"raw\\n")
        boundary.run(["query", "product-sales", "--csv"])
        print("after")
    """
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=shop.folder, env=shop.environ, capture_output=True, encoding="utf-8"
    )
    lines = ran.stdout.splitlines()
    assert [line for line in lines if line.isalpha()] == ["before", "between", "raw", "after"], ran.stderr
    assert lines[-2].startswith("pen,")


@pytest.mark.parametrize(("words", "code"), [("check nosuch", 2), ("show @999", 3), ("stats", 0)])
def test_the_exit_code_stays_when_nobody_reads_the_errors(shop: Any, words: str, code: int) -> None:
    """As behind `2>&1 | head`: Python's own end would make it 120."""
    read, write = os.pipe()
    os.close(read)
    environ = {name: value for name, value in shop.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "cqrs_cli", *words.split()]
    ran = subprocess.run(command, cwd=shop.folder, env=environ, stdout=subprocess.DEVNULL, stderr=write)
    os.close(write)
    assert ran.returncode == code
