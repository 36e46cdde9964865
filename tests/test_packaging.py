"""The wheel by itself: in an empty venv, outside the checkout, it does what the README promises."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import cqrs_cli
from tests.conftest import ROOT

pytestmark = pytest.mark.timeout(600)  # pip installs from wherever it is told to


def run(*words: str | Path, cwd: Path, exit_code: int = 0) -> str:
    """Run a program with nothing of this process's Python or settings in its environment."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CQRS_", "PYTHON", "VIRTUAL_ENV", "PYTEST_")) and name != "FORCE_COLOR"
    }
    ran = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environ, capture_output=True, encoding="utf-8", timeout=300
    )
    assert ran.returncode == exit_code, f"{words} gave {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a venv that holds the wheel, its declared dependencies and pytest."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    installing = subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel, "pytest"],
        capture_output=True,
        encoding="utf-8",
    )
    if installing.returncode != 0 and "No matching distribution" in installing.stderr:
        pytest.skip(f"no package index to install the dependencies from: {installing.stderr.splitlines()[-1]}")
    assert installing.returncode == 0, installing.stderr
    return folder / "bin"


def test_the_wheel_holds_the_package_the_samples_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"cqrs_cli-{cqrs_cli.__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"cqrs_cli", f"cqrs_cli-{cqrs_cli.__version__}.dist-info"}
    tracked = subprocess.run(
        ["git", "ls-files", "cqrs_cli", "samples"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout.splitlines()
    expected = {name.replace("samples/", "cqrs_cli/_samples/", 1) if name[0] == "s" else name for name in tracked}
    packed = {name for name in names if ".dist-info/" not in name}
    assert expected - packed == set()
    assert not [name for name in packed if "__pycache__" in name or name.endswith((".pyc", ".db"))]


def test_the_demo_runs_from_the_wheel(bin_folder: Path, tmp_path: Path) -> None:
    shown = run(bin_folder / "cqrs", "demo", cwd=tmp_path)
    assert "$ cqrs send create-order" in shown
    assert list(tmp_path.iterdir()) == []


def test_a_project_begins_with_init(bin_folder: Path, tmp_path: Path) -> None:
    run(bin_folder / "cqrs", "init", "shop", cwd=tmp_path)
    shop = tmp_path / "shop"
    run(bin_folder / "cqrs", *shlex.split("send add-product --sku pen --name Pen --price 1.50"), cwd=shop)
    run(bin_folder / "cqrs", *shlex.split("send receive-stock --sku pen --quantity 3"), cwd=shop)
    run(bin_folder / "cqrs", *shlex.split("send sell-product --sku pen --quantity 2"), cwd=shop)
    refused = run(bin_folder / "cqrs", *shlex.split("send sell-product --sku pen --quantity 2"), cwd=shop, exit_code=1)
    assert "error[out-of-stock]" in refused
    best = run(bin_folder / "cqrs", *shlex.split("query best-sellers --json"), cwd=shop)
    assert json.loads(best) == [{"sku": "pen", "name": "Pen", "in_stock": 1, "sold": 2, "revenue": "3.00"}]
    assert "3 passed" in run(bin_folder / "pytest", "-q", cwd=shop)


def test_the_samples_are_in_the_wheel(bin_folder: Path, tmp_path: Path) -> None:
    for app in ("orders", "orders.fulfilment", "inventory", "users", "retail"):
        words = ["--app", f"cqrs_cli._samples.{app}:domain", "project", "--status"]
        assert "no store at" in run(bin_folder / "cqrs", *words, cwd=tmp_path, exit_code=3)
    usage = run(bin_folder / "python", "-m", "cqrs_cli._samples.retail.convert", cwd=tmp_path, exit_code=2)
    assert "usage: python -m samples.retail.convert" in usage


def test_it_imports_without_the_extras(bin_folder: Path, tmp_path: Path) -> None:
    script = (
        "import cqrs_cli; print(*(getattr(cqrs_cli, name).__name__ for name in cqrs_cli.__all__ if name != 'DELETE'))"
    )
    assert "Workbench" in run(bin_folder / "python", "-W", "error", "-c", script, cwd=tmp_path)


def test_make_has_what_the_readme_promises() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    for target in ("demo", "quick", "test", "lowest", "newest", "lint", "bench", "peers", "faults"):
        assert run(make, "-n", target, cwd=ROOT)
