"""A trial that is ended by a signal or by Ctrl-C leaves nothing behind: no fork, no half of one."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Shell

LINE = json.dumps({"command": "sell-product", "data": {"sku": "pen", "quantity": 1}})
SELL = ("sell-product", "--sku", "pen", "--quantity", "1")
ENDINGS = {
    signal.SIGTERM: -signal.SIGTERM,
    signal.SIGHUP: -signal.SIGHUP,
    signal.SIGINT: 130,
}


@pytest.fixture
def shop(cqrs: Shell) -> Shell:
    """A shop whose sales end the process that decides them; what is temporary is in a folder of its own."""
    (cqrs.folder / "temporary").mkdir()
    cqrs.environ["TMPDIR"] = str(cqrs.folder / "temporary")
    cqrs("init", ".")
    cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1.50")
    cqrs("send", "receive-stock", "--sku", "pen", "--quantity", "5")
    return cqrs


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
@pytest.mark.parametrize("words", [("what-if", *SELL), ("send", "--batch", "-", "--dry-run")], ids=["what-if", "batch"])
def test_the_fork_of_a_trial_is_gone(shop: Shell, number: signal.Signals, words: tuple[str, ...]) -> None:
    text = (shop.folder / "shop.py").read_text()
    seen = f"__import__('pathlib').Path('seen').write_text(str(__import__('os').listdir({shop.environ['TMPDIR']!r})))"
    ends = f"        {seen}\n        __import__('os').kill(__import__('os').getpid(), {int(number)})\n"
    sells = "        if command.quantity > self.in_stock:"
    (shop.folder / "shop.py").write_text(text.replace(sells, ends + sells))
    ran = subprocess.run(
        [sys.executable, "-c", _UNHEARD, *words],
        cwd=shop.folder, env=shop.environ, input=LINE, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == ENDINGS[number], ran.stderr
    assert "cqrs-what-if-" in (shop.folder / "seen").read_text()
    assert list((shop.folder / "temporary").iterdir()) == []
    assert len(shop.json("log")) == 2


_UNHEARD = """
import signal, sys
for number in (signal.SIGTERM, signal.SIGHUP):  # whoever runs the tests may ignore them
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[0] = "cqrs"
from cqrs_cli.__main__ import main
sys.exit(main())
"""


def test_half_a_fork_is_gone(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "from cqrs_cli.transfer import fork\n"
        "from cqrs_cli.stores.registry import open_store\n"
        "def ended(path):\n"
        "    assert os.path.exists(path)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "fork.sync = ended\n"
        "fork.fork(open_store('source.db', create=True), 'fork.db')\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=False)
    assert ran.returncode == -signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("fork")] == []
