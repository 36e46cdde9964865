"""`cqrs init`: a project that works at once, and files that are there stay as they are."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import installation
from cqrs_cli.cli.commands.init.command import APP, PROJECT
from tests.conftest import ROOT, Shell

FILES = sorted(PROJECT)


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_project_works_at_once(cqrs: Shell) -> None:
    made = cqrs("init", "my shop")
    assert made.stdout.splitlines() == [f"created my shop/{name}" for name in PROJECT]
    following = made.stderr.strip().removeprefix("next: cd 'my shop' && cqrs ")
    assert following != made.stderr.strip()

    shop = Shell(cqrs.folder / "my shop")
    shop(*shlex.split(following))
    assert [event["type"] for event in shop.json("log")] == ["ProductAdded"]
    assert (shop.folder / "shop.db").is_file()
    shop("send", "receive-stock", "--sku", "pen", "--quantity", "3")
    shop("send", "sell-product", "--sku", "pen", "--quantity", "2")
    assert "error[out-of-stock]" in shop("send", "sell-product", "--sku", "pen", "--quantity", "2", exit_code=1).stderr
    [best] = shop.json("query", "best-sellers")
    assert best == {"sku": "pen", "name": "Pen", "in_stock": 1, "sold": 2, "revenue": "3.00"}


def test_its_scenarios_pass_and_can_fail(cqrs: Shell) -> None:
    cqrs("init")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    def tested() -> str:
        return subprocess.run(
            words, cwd=cqrs.folder, env=cqrs.environ, capture_output=True, encoding="utf-8", timeout=120
        ).stdout

    assert "3 passed" in tested()
    code = (cqrs.folder / "shop.py").read_text()
    (cqrs.folder / "shop.py").write_text(code.replace("command.quantity > self.in_stock", "False"))
    assert "1 failed, 2 passed" in tested()


def test_git_minds_neither_the_store_nor_what_lies_beside_it(cqrs: Shell) -> None:
    cqrs("init")
    cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1.50")
    left = subprocess.run(
        ["git", "init", "-q", ".", "--initial-branch=main"], cwd=cqrs.folder, capture_output=True, encoding="utf-8"
    )
    assert left.returncode == 0, left.stderr
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    seen = subprocess.run(status, cwd=cqrs.folder, capture_output=True, encoding="utf-8", check=True).stdout
    assert sorted(line.split()[1] for line in seen.splitlines()) == FILES
    ours = (ROOT / ".gitignore").read_text().splitlines()
    assert [line for line in (cqrs.folder / ".gitignore").read_text().splitlines() if line not in ours] == []


def test_a_second_time_changes_nothing(cqrs: Shell) -> None:
    first = cqrs.json("init")
    assert (sorted(first["created"]), first["kept"]) == (FILES, [])
    before = contents(cqrs.folder)
    second = cqrs.json("init")
    assert (second["created"], sorted(second["kept"])) == ([], FILES)
    assert contents(cqrs.folder) == before


@pytest.mark.parametrize("name", [name for name in PROJECT if name != ".gitignore"])
def test_a_file_in_the_way_is_not_overwritten_and_nothing_is_written(cqrs: Shell, name: str) -> None:
    (cqrs.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (cqrs.folder / name).write_text("# mine\n")
    refused = cqrs("init", exit_code=2)
    assert f"error[file-exists]: {name} is there already" in refused.stderr
    assert "hint: " in refused.stderr
    assert contents(cqrs.folder) == {name: "# mine\n"}


def test_a_gitignore_is_kept(cqrs: Shell) -> None:
    (cqrs.folder / ".gitignore").write_text("mine\n")
    made = cqrs.json("init")
    assert made["kept"] == [".gitignore"]
    assert (cqrs.folder / ".gitignore").read_text() == "mine\n"


def test_a_link_that_leads_nowhere_is_not_written_through(cqrs: Shell) -> None:
    (cqrs.folder / "shop.py").symlink_to("elsewhere.py")
    assert "shop.py is there already" in cqrs("init", exit_code=2).stderr
    assert not (cqrs.folder / "elsewhere.py").exists()


@pytest.mark.parametrize("target", ["file", "file/below"])
def test_a_file_where_the_folder_should_be(cqrs: Shell, target: str) -> None:
    (cqrs.folder / "file").write_text("mine\n")
    refused = cqrs("init", target, exit_code=2)
    assert "error[file-exists]" in refused.stderr
    assert contents(cqrs.folder) == {"file": "mine\n"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written(cqrs: Shell) -> None:
    (cqrs.folder / "closed").mkdir(mode=0o500)
    assert "error[not-writable]" in cqrs("init", "closed", exit_code=7).stderr


def test_a_name_that_is_too_long(cqrs: Shell) -> None:
    assert "error[not-writable]" in cqrs("init", "x" * 300, exit_code=7).stderr


def lines_of_ci(folder: Path) -> list[str]:
    text = (folder / ".github" / "workflows" / "test.yml").read_text()
    return re.findall(r"(?m)^ *- run: (.*)$", text)


def test_what_its_ci_runs_passes(cqrs: Shell, tmp_path: Path) -> None:
    cqrs("init", "shop")
    shop, programs = tmp_path / "shop", tmp_path / "bin"
    programs.mkdir()
    for name, words in (("cqrs", "-m cqrs_cli"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    environ = {
        **cqrs.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "told.md"),
    }
    install, *lines = lines_of_ci(shop)
    assert install == "python -m pip install -e '.[test]'"  # tests/test_packaging.py runs it, where there is an index
    assert any("pytest" in line for line in lines)
    assert any("--check" in line for line in lines)
    assert any(line.startswith("cqrs ci ") for line in lines)
    for line in lines:
        ran = subprocess.run(["bash", "-ec", line], cwd=shop, env=environ, capture_output=True, encoding="utf-8")
        assert ran.returncode == 0, (line, ran.stdout, ran.stderr)
    assert (tmp_path / "told.md").read_text().startswith("## cqrs ci: 7 checks: 3 passed")
    told = tomllib.loads((shop / "pyproject.toml").read_text())
    assert told["project"]["dependencies"] == ["cqrs-cli"]
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(built, cwd=shop, capture_output=True, check=True)
    [wheel] = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info" not in name}
    assert packed == {"shop.py"}


def test_the_domain_alone_for_a_project_that_there_is(cqrs: Shell) -> None:
    theirs = "[project]\nname = 'theirs'\n"
    (cqrs.folder / "pyproject.toml").write_text(theirs)
    assert "cqrs init --app-only" in cqrs("init", exit_code=2).stderr
    made = cqrs("init", "--app-only")
    assert made.stdout.splitlines() == [f"created {name}" for name in APP]
    assert "let version control pass *.db* over" in made.stderr
    assert contents(cqrs.folder).keys() == {"pyproject.toml", *APP}
    assert (cqrs.folder / "pyproject.toml").read_text() == theirs
    cqrs(*shlex.split(made.stderr.splitlines()[0].removeprefix("next: cqrs ")))
    again = cqrs.json("init", "--app-only")
    assert (again["created"], again["kept"]) == ([], list(APP))


def test_settings_that_are_there_are_not_hidden_by_others(cqrs: Shell) -> None:
    theirs = '[tool.cqrs]\napp = "theirs:domain"\n'
    (cqrs.folder / "pyproject.toml").write_text(theirs)
    (cqrs.folder / ".gitignore").write_text("*.db\n")
    made = cqrs("init", "--app-only")
    assert made.stdout.splitlines() == ["created shop.py", "kept    pyproject.toml"]
    assert "version control" not in made.stderr
    following = made.stderr.splitlines()[0].removeprefix("next: cqrs ")
    assert following.startswith("--app shop:domain ")
    cqrs(*shlex.split(following))
    assert (cqrs.folder / "pyproject.toml").read_text() == theirs


def test_nothing_is_overwritten_with_app_only_either(cqrs: Shell) -> None:
    (cqrs.folder / "shop.py").write_text("mine\n")
    assert "error[file-exists]" in cqrs("init", "--app-only", exit_code=2).stderr
    assert contents(cqrs.folder) == {"shop.py": "mine\n"}


@pytest.mark.parametrize(
    ("mark", "installer", "tests", "hint"),
    [
        ("uv-receipt.toml", "uv_tool", "uv run pytest", "uv tool install cqrs-cli --with PACKAGE"),
        ("pipx_metadata.json", "pipx", ".venv/bin/pip install -e '.[test]'", "pipx inject cqrs-cli PACKAGE"),
        (None, "environment", "pytest", f"{sys.executable} -m pip install PACKAGE"),
    ],
)
def test_which_python_loads_the_domain(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str | None, installer: str, tests: str, hint: str
) -> None:
    prefix = tmp_path / "prefix"
    prefix.mkdir()
    if mark:
        (prefix / mark).touch()
    monkeypatch.setattr(sys, "prefix", str(prefix))
    assert installation.installed_by() == installer
    assert tests in here("init project --json").json["next"][-1]
    (tmp_path / "needy.py").write_text("import no_such_package_under_test.parts\n")
    for words in ("send x", "query x", "project", "replay"):
        ran = here(f"--app needy:domain {words}")
        assert ran.code == 2
        assert "error[domain-not-loaded]: importing 'needy' failed" in ran.err
        told = ran.err.splitlines()[-1]
        assert told.startswith("hint: no_such_package_under_test is neither in ")
        assert f"among the packages of {sys.executable}, which loads the domain" in told
        assert hint in told
    assert sys.executable in here("doctor").out


def test_an_import_that_fails_for_another_reason_is_no_missing_package(here: Any, tmp_path: Path) -> None:
    (tmp_path / "broken_under_test.py").write_text("raise ModuleNotFoundError('by hand')\n")
    ran = here("--app broken_under_test:domain project")
    assert "hint: the module must import without errors" in ran.err
