"""What is only on the way is gone when its process has ended, wherever Ctrl-C came."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = """
from cqrs_cli.transfer import placement
placement.passed = interrupted
with placement.made_beside("made.db") as made:
    for suffix in placement.SUFFIXES:
        open(made + suffix, "w").close()
"""
FOLDER = """
import tempfile
tempfile.TemporaryDirectory._rmtree = interrupted
from cqrs_cli.passing import passing_folder
with passing_folder("x", within=".") as folder:
    open(folder + "/file", "w").close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", [FILES, FOLDER], ids=["files", "a folder"])
def test_ctrl_c_while_it_is_taken_away(tmp_path: Path, what: str) -> None:
    code = "def interrupted(*_, **__):\n    raise KeyboardInterrupt\n" + what
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert b"KeyboardInterrupt" in ran.stderr
    assert list(tmp_path.iterdir()) == []
