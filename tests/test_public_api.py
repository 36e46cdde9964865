"""The public names: sorted, lazy, each documented."""

import subprocess
import sys
from pathlib import Path

import pytest

import cqrs_cli

ROOT = str(Path(__file__).parent.parent)


def test_all_is_sorted_and_complete() -> None:
    constants_classes_functions = sorted(
        cqrs_cli.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)
    )
    assert cqrs_cli.__all__ == constants_classes_functions
    assert dir(cqrs_cli) == sorted(cqrs_cli.__all__)
    assert set(cqrs_cli._HOME_OF) == set(cqrs_cli.__all__)


@pytest.mark.parametrize("name", cqrs_cli.__all__)
def test_each_name_is_there_and_documented(name: str) -> None:
    value = getattr(cqrs_cli, name)
    assert value is getattr(cqrs_cli, name)
    documented = value if hasattr(value, "__name__") else type(value)
    assert documented.__doc__
    assert documented.__doc__.strip()
    assert not documented.__doc__.startswith(f"{name}("), "a docstring that a NamedTuple made up says nothing"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Agregate'"):
        _ = cqrs_cli.Agregate


def in_a_process_of_its_own(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout.strip()


def test_importing_the_package_imports_nothing_heavy() -> None:
    told = in_a_process_of_its_own(
        "import sys, cqrs_cli; print({'pydantic', 'sqlite3', 'typer', 'rich', 'asyncio'} & set(sys.modules))"
    )
    assert told == "set()"


def test_a_workbench_imports_no_shell() -> None:
    told = in_a_process_of_its_own(
        "import sys; from cqrs_cli import *; print({'typer', 'rich', 'sqlite_utils', 'asyncio'} & set(sys.modules))"
    )
    assert told == "set()"
