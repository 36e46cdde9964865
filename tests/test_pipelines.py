"""The action, the hooks and the examples of docs/ci.md: they are what their readers want, and their steps do what is said."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for

from tests.conftest import ROOT, Shell
from tests.pipelines import ACTION, HOOKS, PAGE, WORKFLOW, examples, plain, steps_of_action

if not all(path.is_file() for path in (ACTION, HOOKS, PAGE)):
    pytest.skip("they are not here", allow_module_level=True)

SCHEMAS = ROOT / "tests" / "data" / "schemas"
GITHUB, USED, GITLAB, PRE_COMMIT = examples()


def complaints(schema: str, value: Any) -> list[str]:
    known = json.loads((SCHEMAS / schema).read_text(encoding="utf-8"))
    validator: Any = validator_for(known)(known)
    return [error.message for error in validator.iter_errors(value)]


@pytest.mark.parametrize(
    ("schema", "value", "broken"),
    [
        ("github-action.json", plain(ACTION.read_text()), {"runs": {"using": "composite"}}),
        ("pre-commit-hooks.json", plain(HOOKS.read_text()), [{"id": "cqrs-check"}]),
        ("github-workflow.json", plain(WORKFLOW.read_text()), {"on": "push", "jobs": {"a": {"step": []}}}),
        ("github-workflow.json", GITHUB, {"on": "pushed", "jobs": {}}),
    ],
    ids=["action", "hooks", "scaffold", "page"],
)
def test_they_fit_the_schemas_of_those_who_read_them(schema: str, value: Any, broken: Any) -> None:
    assert complaints(schema, value) == []
    assert complaints(schema, broken)


def test_no_input_stands_in_a_script() -> None:
    """What a workflow is given is a value of its environment: in a script it would be code."""
    for step in plain(ACTION.read_text())["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_page_names_every_input_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| .* \| (.*) \|$", PAGE.read_text(), re.MULTILINE))
    inputs = plain(ACTION.read_text())["inputs"]
    assert [name for name in inputs if name not in rows] == []
    assert inputs["python-version"]["default"] in rows["python-version"]
    assert set(USED[0]["with"]) <= set(inputs)


def test_the_hooks_name_commands_that_there_are() -> None:
    hooks = plain(HOOKS.read_text())
    assert [hook["entry"] for hook in hooks] == ["cqrs check model lock", "cqrs test"]
    assert [hook["id"] for hook in PRE_COMMIT["repos"][0]["hooks"]] == [hook["id"] for hook in hooks]
    for hook in hooks:
        pattern = re.compile(hook["files"])
        assert pattern.search("shop.py")
        assert not pattern.search("README.md")
        assert not hook["pass_filenames"]


# ── in a folder that `cqrs init` made ─────────────────────────────────────────────────────────


@pytest.fixture
def bash(cqrs: Shell, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Runs a step as a pipeline does, in a project, with `cqrs` on the path."""
    cqrs("init", ".")
    outside = tmp_path_factory.mktemp("outside")
    for name, words in (("cqrs", "-m cqrs_cli"), ("python", "")):
        (outside / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (outside / name).chmod(0o755)

    def run(line: str, **environ: str) -> tuple[int, str, str]:
        known = {
            **cqrs.environ,
            "PATH": f"{outside}:{os.environ['PATH']}",
            "GITHUB_STEP_SUMMARY": str(outside / "told.md"),
        }
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", line]
        ran = subprocess.run(words, cwd=cqrs.folder, env=known | environ, capture_output=True, encoding="utf-8")
        told = outside / "told.md"
        return ran.returncode, ran.stdout + ran.stderr, told.read_text() if told.is_file() else ""

    run.folder = cqrs.folder  # type: ignore[attr-defined]
    run.fill = lambda: [cqrs("send", *words.split(), "--sku", "pen") for words in COMMANDS]  # type: ignore[attr-defined]
    return run


COMMANDS = ("add-product --name Pen --price 1.50", "receive-stock --quantity 5", "sell-product --quantity 2")


def broken(folder: Path) -> None:
    path = folder / "shop.py"
    path.write_text(
        path.read_text().replace("amount=command.quantity * self.price", "amount=command.quantity * self.price + 1")
    )


def test_the_steps_of_the_action(bash: Any) -> None:
    (install, at_install), (check, environ) = steps_of_action({})
    assert "pip install" in install, "tests/test_packaging.py runs it, where there is an index"
    assert at_install["CQRS_SOURCE"] == str(ROOT)
    code, told, summary = bash(check, **environ)
    assert (code, summary.splitlines()[0]) == (0, "## cqrs ci: 7 checks: 3 passed, 4 had nothing to look at")
    broken(bash.folder)
    code, told, summary = bash(check, **environ)
    assert code == 1
    assert "::error file=shop.scenario.yaml,line=2," in told
    assert "| test | failed |" in summary


def test_the_inputs_of_the_action(bash: Any) -> None:
    bash.fill()
    bash("cqrs corpus refresh 'my histories' && mv shop.db other.db")
    _, (check, environ) = steps_of_action({"store": "my histories", "args": "--part rehearse --report junit=a.xml"})
    code, told, _ = bash(check, **environ)
    assert (code, "judged 3 commands again" in told) == (0, True)
    assert (bash.folder / "a.xml").is_file()
    _, (check, environ) = steps_of_action({"against": "no; touch evil", "args": "--part $(touch evil)"})
    assert bash(check, **environ)[0] == 2
    assert not (bash.folder / "evil").exists()


def test_the_examples_of_the_page(bash: Any) -> None:
    [install, *lines] = [step["run"] for step in GITHUB["jobs"]["cqrs"]["steps"] if "run" in step]
    [same, *others] = GITLAB["cqrs"]["script"]
    assert install == same == "python -m pip install -e '.[test]'"
    bash.fill()
    for line in (*lines, *others):
        code, told, _ = bash(line)
        assert code == 0, (line, told)
    reports = GITLAB["cqrs"]["artifacts"]["reports"]
    assert json.loads((bash.folder / reports["codequality"]).read_text()) == []
    assert "<testsuite " in (bash.folder / reports["junit"]).read_text()
    assert (bash.folder / "cqrs.sarif").is_file()
    broken(bash.folder)
    for line in (*lines, *others):
        assert bash(line)[0] == 1, line
    found = json.loads((bash.folder / reports["codequality"]).read_text())
    assert {one["check_name"] for one in found} == {"failed", "rehearsal-different"}


def test_the_hooks_pass_and_fail(bash: Any) -> None:
    for hook in plain(HOOKS.read_text()):
        code, told, _ = bash(hook["entry"])
        assert code == 0, told
    broken(bash.folder)
    assert bash("cqrs test")[0] == 1


def test_a_clone_that_has_only_the_newest_commit_is_told(bash: Any) -> None:
    """What GitHub checks out unless it is told otherwise."""
    git = "git -c user.name=a -c user.email=a@b -c init.defaultBranch=main"
    _, (check, environ) = steps_of_action({})
    whole = f"{git} init -q . && {git} add . && {git} commit -qm one && {git} checkout -qb change && {git} commit -q --allow-empty -m two"
    assert bash(whole)[0] == 0
    bash("git clone -q --depth 1 --branch change file://$PWD shallow && git clone -q --branch change . whole")
    code, told, summary = bash(f"cd shallow && {check}", GITHUB_BASE_REF="main", **environ)
    assert code == 2
    assert "::error title=against origin/main%3A" in told
    assert "fetch-depth: 0" in told
    assert "| against origin/main | error |" in summary
    code, told, _ = bash(f"cd whole && {check}", GITHUB_BASE_REF="main", **environ)
    assert (code, "against origin/main (GITHUB_BASE_REF)" in told) == (0, True)
