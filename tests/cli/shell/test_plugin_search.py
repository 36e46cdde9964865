"""Pydantic's search for plugins, shortened: nothing is missed, and what pydantic asks for is there."""

import os
import subprocess
import sys
import zipfile

import pydantic.plugin._schema_validator
import pytest

from cqrs_cli.cli.shell.plugin_search import may_declare_plugin

PLUGIN = """
from pydantic.plugin import PydanticPluginProtocol

class Plugin:
    def new_schema_validator(self, *args, **keywords):
        print("asked")
        return None, None, None

plugin = Plugin()
"""
PROGRAM = """
import sys
from cqrs_cli.cli.shell import plugin_search
plugin_search.shorten()
from pydantic import BaseModel

class Model(BaseModel):
    number: int

assert Model(number="1").number == 1
print("importlib.metadata" in sys.modules)
"""


def declare(folder, name, text):
    (folder / name).mkdir()
    (folder / name / "METADATA").write_text("Metadata-Version: 2.1\nName: one\nVersion: 1\n")
    (folder / name / "entry_points.txt").write_text(text)


def run(*folders):
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [os.getcwd(), *folders]))}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_without_a_plugin_no_package_is_asked():
    assert run() == ["False"]


def test_a_plugin_that_is_installed_is_used(tmp_path):
    (tmp_path / "one.py").write_text(PLUGIN)
    declare(tmp_path, "one-1.dist-info", "[pydantic]\none = one:plugin\n")
    said = run(tmp_path)
    assert said[-1] == "True"
    assert "asked" in said


@pytest.mark.parametrize(
    ("name", "text", "may"),
    [
        ("one-1.dist-info", "[pydantic]\none = one:plugin\n", True),
        ("one.egg-info", "[console_scripts]\na = b:c\n[pydantic]\none = one:plugin\n", True),
        ("one-1.dist-info", "[console_scripts]\npydantic = one:main\n", False),
        ("one-1.egg", "", True),
        ("one", "[pydantic]\none = one:plugin\n", False),
    ],
)
def test_what_may_declare_one(tmp_path, name, text, may):
    declare(tmp_path, name, text)
    assert may_declare_plugin(str(tmp_path)) is may


def test_a_folder_that_is_none(tmp_path):
    with zipfile.ZipFile(tmp_path / "packages.zip", "w") as file:
        file.writestr("one.py", "")
    assert may_declare_plugin(str(tmp_path / "packages.zip"))
    assert not may_declare_plugin(str(tmp_path / "missing"))
    assert not may_declare_plugin(str(tmp_path))


def test_pydantic_takes_one_function_from_what_is_replaced():
    with open(pydantic.plugin._schema_validator.__file__) as file:
        named = [line.strip() for line in file if "_loader" in line]
    assert named == ["from ._loader import get_plugins"]
