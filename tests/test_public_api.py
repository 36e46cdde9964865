"""The public names: sorted, lazy, each documented."""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import cqrs_cli
import cqrs_cli.errors
from cqrs_cli.workbench.engine import Clock

ROOT = str(Path(__file__).parent.parent)
PUBLIC = {name: getattr(cqrs_cli, name) for name in cqrs_cli.__all__} | {"Clock": Clock}
"""Where annotations find what the workbench imports only when it is used."""


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


def classes_in(annotation: Any) -> Iterator[type]:
    """The classes of this package that an annotation names."""
    for part in (annotation, get_origin(annotation)):
        if isinstance(part, type) and not get_args(part) and part.__module__.startswith("cqrs_cli"):
            yield part
    for argument in get_args(annotation):
        for part in argument if isinstance(argument, list | tuple) else (argument,):
            yield from classes_in(part)


def given_back() -> set[type]:
    """What public methods of a workbench and its runner give, what fields and properties of that hold, and so on."""
    methods = [
        value
        for cls in (cqrs_cli.Workbench, cqrs_cli.Runner)
        for name, value in inspect.getmembers(cls, inspect.isfunction)
        if name[0] != "_"
    ]
    found: set[type] = set()
    waiting = [cls for method in methods for cls in classes_in(get_type_hints(method, localns=PUBLIC)["return"])]
    while waiting:
        cls = waiting.pop()
        if cls in found:
            continue
        found.add(cls)
        if cls is not cqrs_cli.Aggregate:  # its class variables are the engine's
            hints = list(get_type_hints(cls).items()) if issubclass(cls, tuple) else []
            properties = [value.fget for value in vars(cls).values() if isinstance(value, property)]
            hints += [("value", get_type_hints(getter).get("return")) for getter in properties]
            waiting += [part for name, hint in hints if name[0] != "_" for part in classes_in(hint)]
    return found


def test_what_a_workbench_gives_can_be_imported() -> None:
    found = given_back()
    assert {
        cqrs_cli.State,
        cqrs_cli.Outcome,
        cqrs_cli.RowChange,
        cqrs_cli.Drift,
        cqrs_cli.Round,
        cqrs_cli.Stop,
    } <= found
    assert [cls.__name__ for cls in found if getattr(cqrs_cli, cls.__name__, None) is not cls] == []


def test_all_errors_can_be_imported() -> None:
    errors = [
        value
        for value in vars(cqrs_cli.errors).values()
        if isinstance(value, type) and value.__module__ == "cqrs_cli.errors"
    ]
    assert len(errors) > 15
    assert [error.__name__ for error in errors if getattr(cqrs_cli, error.__name__) is not error] == []


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


def test_what_a_commit_is_appended_under_is_found_beside_it() -> None:
    from cqrs_cli.stores import commits, conditions

    assert (commits.AtVersion, commits.NewStream) == (conditions.AtVersion, conditions.NewStream)
