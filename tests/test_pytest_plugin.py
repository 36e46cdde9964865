"""The pytest plugin, in a pytest of its own: what it collects, its fixtures, what it shows, and what it doesn't cost."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cqrs_cli.cli.commands.init.command import scaffold
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs pytest in the project of `cqrs init`, with no plugin but ours."""
    scaffold(tmp_path)
    (tmp_path / "test_shop.py").unlink()

    def ran(*words: str, exit_code: int = 0, **files: str) -> str:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("CQRS_", "PYTEST_"))}
        environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "cqrs_cli.pytest_plugin",
            "-p",
            "no:cacheprovider",
            "-q",
            *words,
        ]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100)
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stdout

    return ran


def test_files_of_scenarios_are_tests(run: Run, tmp_path: Path) -> None:
    assert "2 passed" in run()
    (tmp_path / "wrong.scenario.yaml").write_text(
        "scenario: too dear\ngiven:\n- ProductAdded: {name: Pen, price: 1.50}\n- StockReceived: {quantity: 5}\n"
        "when: {sell-product: {sku: pen, quantity: 2}}\nthen:\n- ProductSold: {quantity: 2, amount: 3.01}\n---\nthen: x\n"
    )
    told = run(exit_code=1)
    assert (
        "wrong.scenario.yaml:1: too dear\nnot the event that was expected:\n  ProductSold.amount: expected 3.01, was 3.00\n"
        in told
    )
    assert "wrong.scenario.yaml:9: line 9\nscenario: a scenario has a name\n" in told
    assert "2 failed, 2 passed" in told
    assert "1 failed" in run("-k", "dear", exit_code=1)
    assert "shop.scenario.yaml::what is not in stock is not sold" in run("--collect-only")


def test_a_project_without_a_domain_is_told_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cqrs.toml").unlink()
    (tmp_path / "pyproject.toml").unlink()
    assert 'no setting names a domain: app = "module:attr"' in run(exit_code=1)
    assert "2 passed" in run("-o", "cqrs_app=shop:domain")
    assert "no module named 'nowhere'" in run("-o", "cqrs_app=nowhere:domain", exit_code=1)


FIXTURES = """
import pytest
from shop import *

def test_scenario(scenario):
    scenario.when(AddProduct(sku="pen", name="Pen", price=1)).then(ProductAdded(name="Pen", price=1))

def test_memory(workbench):
    assert workbench.send(AddProduct(sku="pen", name="Pen", price=1)).events
    assert workbench.store.url == "memory:"

@pytest.mark.cqrs_store("file")
def test_file(workbench, tmp_path):
    assert not list(workbench.log())
    workbench.send(AddProduct(sku="pen", name="Pen", price=1))
    assert (tmp_path / "cqrs.db").exists()

@pytest.mark.cqrs_store("paper")
def test_paper(workbench): ...
"""


def test_fixtures(run: Run) -> None:
    told = run("--strict-markers", "test_fixtures.py", test_fixtures=FIXTURES, exit_code=1)
    assert "3 passed, 1 error" in told
    assert "cqrs_store is memory or file, not 'paper'" in told
    assert "4 passed" in run(
        "test_fixtures.py",
        "-o",
        "cqrs_store=file",
        test_fixtures=FIXTURES.replace('("paper")', '("memory")').replace('== "memory:"', '!= "memory:"'),
    )


FAILING = """
from decimal import Decimal
from cqrs_cli import Scenario
from shop import *

def test_then(scenario):
    scenario.when(AddProduct(sku="pen", name="Pen", price=1)).then(ProductAdded(name="Pen", price=2))

def test_domain(workbench):
    workbench.load(Product, "pen")

def test_compare():
    assert ProductAdded(name="Pen", price=1) == ProductAdded(name="Pen", price=2)

def test_compare_lists():
    assert [ProductAdded(name="Pen", price=1)] == [ProductAdded(name="Ink", price=1), StockReceived(quantity=2)]

def test_unfinished(scenario):
    scenario.when(AddProduct(sku="pen", name="Pen", price=1))

def test_finished(scenario):
    assert scenario.when(AddProduct(sku="pen", name="Pen", price=1)).state.name == "Pen"
"""


def test_what_fails_is_shown_where_it_was_asked(run: Run, tmp_path: Path) -> None:
    told = run("test_failing.py", "-W", "error", test_failing=FAILING, exit_code=1)
    assert "5 failed, 1 passed" in told
    assert "  ProductAdded.price: expected 2, was 1" in told
    assert "ProductAdded.price: 1 == 2" in told
    assert "1. ProductAdded.name: right: Ink, left: Pen" in told
    assert f"{tmp_path}/test_failing.py:19: the scenario ends with a when, so it proves nothing" in told
    assert "there is no product-pen" in told or "NotFound" in told
    assert "cqrs_cli/" not in told.replace("cqrs_cli.errors", "")
    assert "cqrs_cli/workbench" in run("test_failing.py", "-k", "domain", "--full-trace", exit_code=1)


def test_it_imports_nothing_before_it_is_asked(run: Run) -> None:
    text = (
        "import sys\ndef test_imports():\n    found = {name for name in sys.modules if name.startswith('cqrs_cli')}\n"
    )
    text += "    assert found == {'cqrs_cli', 'cqrs_cli.pytest_plugin', 'cqrs_cli.scenario', 'cqrs_cli.scenario.unfinished'}\n"
    assert "1 passed" in run(
        "test_alone.py", test_alone=text + "    assert not {'pydantic', 'yaml', 'typer'} & set(sys.modules)\n"
    )
