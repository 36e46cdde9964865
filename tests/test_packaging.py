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
from cqrs_cli.cli.commands.help import TOPICS
from tests.cli.commands.test_init import lines_of_ci
from tests.conftest import ROOT
from tests.pipelines import ACTION, steps_of_action

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
    pages = {Path(name).stem for name in names if name.startswith("cqrs_cli/_docs/")}
    assert pages == set(TOPICS), "pyproject.toml lists the pages that `cqrs help` knows"
    tracked = subprocess.run(
        ["git", "ls-files", "cqrs_cli", "samples"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout.splitlines()
    expected = {name.replace("samples/", "cqrs_cli/_samples/", 1) if name[0] == "s" else name for name in tracked}
    packed = {name for name in names if ".dist-info/" not in name}
    assert expected - packed == set()
    assert not [name for name in packed if "__pycache__" in name or name.endswith((".pyc", ".db"))]


def test_the_pytest_plugin_by_itself(bin_folder: Path, tmp_path: Path) -> None:
    """Found by its entry point; a project that has nothing of ours is not burdened with it."""
    run(bin_folder / "cqrs", "init", "shop", cwd=tmp_path)
    (tmp_path / "shop" / "test_more.py").write_text(
        "from shop import AddProduct, ProductAdded\n\n"
        "def test_more(scenario):\n"
        "    scenario.when(AddProduct(sku='pen', name='Pen', price=1)).then(ProductAdded(name='Pen', price=1))\n"
    )
    told = run(bin_folder / "python", "-m", "pytest", ".", "-v", "-p", "no:cacheprovider", cwd=tmp_path / "shop")
    assert "shop.scenario.yaml::what is not in stock is not sold PASSED" in told
    assert "6 passed" in told
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "test_other.py").write_text(
        "import sys\n\n"
        "def test_other():\n"
        "    found = {name for name in sys.modules if name.partition('.')[0] in ('cqrs_cli', 'pydantic', 'typer', 'yaml')}\n"
        "    ours = 'cqrs_cli cqrs_cli.pytest_plugin cqrs_cli.scenario cqrs_cli.scenario.unfinished'\n"
        "    assert found == set(ours.split())\n"
    )
    assert "1 passed" in run(bin_folder / "python", "-m", "pytest", "-p", "no:cacheprovider", cwd=tmp_path / "other")


def test_the_demo_runs_from_the_wheel(bin_folder: Path, tmp_path: Path) -> None:
    shown = run(bin_folder / "cqrs", "demo", cwd=tmp_path)
    assert "$ cqrs send announce" in shown
    assert "9 commands answered as they should" in run(bin_folder / "cqrs", "demo", "lost-update", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_topics_are_in_the_wheel(bin_folder: Path, tmp_path: Path) -> None:
    listed = json.loads(run(bin_folder / "cqrs", "help", "-q", "--json", cwd=tmp_path))
    for one in listed:
        told = run(bin_folder / "cqrs", "help", one["topic"], cwd=tmp_path)
        assert told.startswith(one["title"])


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


def test_the_ci_of_a_project_passes(bin_folder: Path, tmp_path: Path) -> None:
    """Word for word, in an environment that has the wheel; what it builds with comes from a package index."""
    run(bin_folder / "cqrs", "init", "shop", cwd=tmp_path)
    environ = f'export PATH="{bin_folder}:$PATH" GITHUB_STEP_SUMMARY=told.md; '
    for line in lines_of_ci(tmp_path / "shop"):
        run("bash", "-ec", environ + line, cwd=tmp_path / "shop")


def test_the_action_in_an_environment_of_its_own(tmp_path: Path) -> None:
    """Its shell steps, as a runner has them after it has set up a Python; what they install comes from an index."""
    if not ACTION.is_file():
        pytest.skip(f"there is no {ACTION.name} here")
    venv.create(tmp_path / "venv", with_pip=True)
    run(Path(sys.executable).parent / "cqrs", "init", "shop", cwd=tmp_path)
    known = {
        "PATH": f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "told.md"),
    }
    for line, environ in steps_of_action({"install": "-e ."}):
        ran = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", line],
            cwd=tmp_path / "shop",
            env={"HOME": os.environ.get("HOME", ""), **_of_pip(), **known, **environ},
            capture_output=True,
            encoding="utf-8",
        )
        if "No matching distribution" in ran.stderr:
            pytest.skip("no package index to install the dependencies from")
        assert ran.returncode == 0, (line, ran.stdout, ran.stderr)
    assert "cqrs ci: 7 checks: 3 passed" in (tmp_path / "told.md").read_text()


def _of_pip() -> dict[str, str]:
    """Where pip is told to look."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_")}


def test_the_samples_are_in_the_wheel(bin_folder: Path, tmp_path: Path) -> None:
    for app in ("orders", "orders.fulfilment", "inventory", "users", "retail", "lessons.concerts"):
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
    for target in ("demo", "quick", "test", "lowest", "newest", "lint", "bench", "peers", "site", "faults"):
        assert run(make, "-n", target, cwd=ROOT)
