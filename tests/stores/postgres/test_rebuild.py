"""A projection on a server is rebuilt while others read it, and a run outlives the server."""

import json
import signal
import subprocess
import sys
import time

import pytest

from cqrs_cli.stores.registry import open_store
from tests.conftest import Shell
from tests.postgres_server import Server, programs
from tests.stores.postgres.administrator import connected


@pytest.fixture
def shop(cqrs: Shell, postgres_url: str) -> str:
    with open_store(postgres_url, create=True):
        pass
    cqrs("init", "shop")
    cqrs.folder = cqrs.folder / "shop"
    cqrs.environ["CQRS_STORE"] = postgres_url
    cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1.50")
    cqrs("project")
    return postgres_url


def test_a_rebuild_waits_for_who_reads_and_holds_nothing_meanwhile(shop: str, cqrs: Shell) -> None:
    with connected(shop) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM product_sales")
        rebuilding = subprocess.Popen(
            [sys.executable, "-m", "cqrs_cli", "project", "product-sales", "--rebuild"],
            cwd=cqrs.folder, env=cqrs.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        cqrs("send", "receive-stock", "--sku", "pen", "--quantity", "10")
        assert cqrs.json("query", "product-sales")
        assert rebuilding.poll() is None, rebuilding.communicate()
        reader.execute("COMMIT")
        _, said = rebuilding.communicate(timeout=60)
        assert rebuilding.returncode == 0, said
    assert '"in_stock":10' in cqrs("query", "product-sales", "--jsonl").stdout.replace(" ", "")
    cqrs("project", "--check")


def test_other_columns_under_a_view_of_somebody_elses_are_refused(shop: str, cqrs: Shell) -> None:
    """It is said by whose view, nothing has changed, and without it the rebuild is done."""
    with connected(shop) as somebody:
        somebody.execute("CREATE VIEW report AS SELECT sku, revenue FROM product_sales")
        before = somebody.execute("SELECT * FROM product_sales").fetchall()
        source = cqrs.folder / "shop.py"
        source.write_text(
            source.read_text().replace("    revenue: Decimal = ", "    times: int = 0\n    revenue: Decimal = ")
        )
        ran = cqrs("project", "product-sales", "--rebuild", "--json", exit_code=2)
        error = json.loads(ran.stderr)["error"]
        assert (error["code"], error["table"]) == ("table-depended-on", "product_sales"), error
        assert "report depends on" in error["message"]
        assert "drop them, rebuild, make them anew" in error["hint"]
        assert somebody.execute("SELECT * FROM product_sales").fetchall() == before
        assert somebody.execute("SELECT sku FROM report").fetchall() == [("pen",)]
        somebody.execute("DROP VIEW report")
    cqrs("project", "product-sales", "--rebuild")
    assert cqrs.json("query", "product-sales")[0]["times"] == 0


def test_a_run_goes_on_when_the_server_is_back(cqrs: Shell) -> None:
    server = Server(programs())
    running = None
    try:
        cqrs("init", "shop")
        cqrs.folder = cqrs.folder / "shop"
        cqrs.environ["CQRS_STORE"] = f"{server.dsn()}?timeout=0"
        cqrs("migrate")
        cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1.50")
        log = cqrs.folder / "run.log"
        with log.open("w") as file:
            running = subprocess.Popen(
                [sys.executable, "-m", "cqrs_cli", "run"], cwd=cqrs.folder, env=cqrs.environ, stdout=file, stderr=file
            )
        _until(lambda: _is_projected(cqrs, 1))
        server.kill()
        _until(lambda: "it is tried again until it goes on" in log.read_text())
        server.start()
        cqrs("send", "receive-stock", "--sku", "pen", "--quantity", "10")
        _until(lambda: _is_projected(cqrs, 2))
        assert running.poll() is None, log.read_text()
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0, log.read_text()
    finally:
        if running is not None:
            running.kill()
            running.wait()
        server.close()


def test_a_follower_and_a_batch_go_on_when_the_server_is_back(cqrs: Shell) -> None:
    """Each event is printed once, and each line of the batch, of which some came while the server was away, written once."""
    server = Server(programs())
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, url: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "cqrs_cli", "--store", url, *words], cwd=cqrs.folder, env=cqrs.environ,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        started.append(process)
        return process

    def send(*numbers: int) -> None:
        assert batch.stdin is not None
        for number in numbers:
            data = {"sku": f"pen-{number}", "name": "Pen", "price": "1.50"}
            line = {"command": "add-product", "command_id": f"c{number}", "data": data}
            batch.stdin.write(json.dumps(line) + "\n")
        batch.stdin.flush()

    def answers(count: int) -> list[str]:
        assert batch.stdout is not None
        lines = [json.loads(batch.stdout.readline()) for _ in range(count)]
        assert {line["status"] for line in lines} == {"committed"}
        return [line["command_id"] for line in lines]

    def followed(count: int) -> list[int]:
        assert follower.stdout is not None
        return [json.loads(follower.stdout.readline())["position"] for _ in range(count)]

    try:
        cqrs("init", "shop")
        cqrs.folder = cqrs.folder / "shop"
        cqrs("--store", server.dsn(), "migrate")
        follower = start("log", "--follow", "--jsonl", url=f"{server.dsn()}?timeout=0")
        batch = start("send", "--batch", "-", "--jsonl", url=server.dsn())
        send(1, 2)
        assert (answers(2), followed(2)) == (["c1", "c2"], [1, 2])
        server.kill()
        assert follower.stderr is not None
        assert "it is tried again until it goes on" in follower.stderr.readline()
        send(3, 4, 5)
        server.start()
        assert answers(3) == ["c3", "c4", "c5"]
        assert followed(3) == [3, 4, 5]
        assert batch.communicate(timeout=100)[0] == ""
        assert batch.returncode == 0
        follower.send_signal(signal.SIGINT)
        rest, _ = follower.communicate(timeout=100)
        assert (rest, follower.returncode) == ("", 130)
        assert cqrs("--store", server.dsn(), "log", "--count").stdout == "5\n"
    finally:
        for process in started:
            process.kill()
            process.communicate()
        server.close()


def _is_projected(cqrs: Shell, position: int) -> bool:
    return any(one["position"] == position for one in cqrs.json("project", "--status"))


def _until(holds) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
