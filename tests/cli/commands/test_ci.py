"""`cqrs ci`: which checks are made of what there is, their verdicts, and how it ends."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cqrs_cli.cli.commands.ci.base import Base, base_of
from cqrs_cli.errors import ConfigurationError

EVOLVE = ("self.in_stock -= event.quantity", "self.in_stock -= event.quantity + 1")
AMOUNT = ("amount=command.quantity * self.price", "amount=command.quantity * self.price - 1")
FIELD = (
    "class StockReceived(Event):\n    quantity: int",
    "class StockReceived(Event):\n    quantity: int\n    dock: str",
)
RULE = '[rules.product]\nin_stock = "state.in_stock < 5"\n'
ALONE = ["check model", "check lock", "check log", "check determinism", "check rules", "test", "rehearse"]

pytestmark = pytest.mark.slow


class Project:
    """A project that `cqrs init` made, in this process. Its module is read anew at each run."""

    def __init__(self, here: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._here, self.folder, self._monkeypatch = here, folder, monkeypatch
        assert here("init", ".").code == 0
        self._settings = (folder / "cqrs.toml").read_text()

    def __call__(self, line: str) -> Any:
        self._monkeypatch.delitem(sys.modules, "shop", raising=False)
        return self._here(line)

    def change(self, *pairs: tuple[str, str], file: str = "shop.py") -> None:
        text = (self.folder / file).read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        (self.folder / file).write_text(text)

    def set(self, text: str) -> None:
        (self.folder / "cqrs.toml").write_text(f"{self._settings}\n{text}\n")

    def fill(self) -> None:
        for words in ("add-product --name Pen --price 1.50", "receive-stock --quantity 5", "sell-product --quantity 2"):
            assert self(f"send {words} --sku pen").code == 0

    def verdicts(self, line: str = "ci") -> dict[str, str]:
        return {one["check"]: one["verdict"] for one in self(f"{line} --json").json["checks"]}

    def git(self, *words: str) -> None:
        named = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *named, *words], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture
def project(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Project(here, tmp_path, monkeypatch)


# ── what is run ───────────────────────────────────────────────────────────────────────────────


def test_a_new_project_passes_with_what_it_has(project: Project) -> None:
    ran = project("ci")
    assert ran.code == 0
    assert project.verdicts() == dict(
        zip(ALONE, ["passed", "nothing", "nothing", "passed", "nothing", "passed", "nothing"], strict=True)
    )
    assert "nothing to look at for rehearse: no store at shop.db" in ran.out
    assert "nothing to look at for check lock: there is no cqrs.lock.json" in ran.out
    assert ran.err == "on shop.db\n7 checks: 3 passed, 4 had nothing to look at\n"


def test_all_parts_have_something_with_a_log_and_a_lock(project: Project) -> None:
    project.fill()
    project("schema --lock")
    project.set('[rules.product]\nin_stock = "state.in_stock >= 0"')
    assert project.verdicts() == dict.fromkeys(ALONE, "passed")


def test_each_fault_is_found_by_its_check(project: Project) -> None:
    project.fill()
    project("schema --lock")
    project.change(AMOUNT)
    assert [name for name, word in project.verdicts().items() if word == "failed"] == ["test", "rehearse"]
    project.change((AMOUNT[1], AMOUNT[0]), FIELD)
    found = project("ci --json").json
    assert [one["check"] for one in found["checks"] if one["verdict"] == "failed"] == [
        "check lock",
        "check log",
        "check determinism",
        "test",
    ]
    assert "upcaster" in next(iter(found["checks"][1]["paste"].values()))
    project.change((FIELD[1], FIELD[0]))
    project.set(RULE)
    assert project("ci").code == 1
    assert [name for name, word in project.verdicts().items() if word == "failed"] == ["check rules"]


def test_a_corpus_is_looked_at_before_the_store(project: Project) -> None:
    project.fill()
    project("corpus refresh")
    assert project("send sell-product --sku pen --quantity 1").code == 0
    ran = project("ci --part rehearse")
    assert ran.err.startswith("on histories/\n")
    assert "judged 3 commands again" in ran.out
    assert project("ci --part rehearse --store shop.db").err.startswith("on shop.db\n")
    (project.folder / "shop.db").unlink()
    assert project("ci --part rehearse").code == 0


def test_of_several_corpora_each_is_looked_at(project: Project) -> None:
    project.fill()
    project("corpus refresh one")
    project("corpus refresh two")
    project.set('[ci]\ncorpus = ["one", "two"]')
    assert list(project.verdicts("ci --part rehearse")) == ["rehearse one", "rehearse two"]
    project.set('[ci]\ncorpus = ["one", "three"]')
    ran = project("ci --json")
    assert ran.code == 3
    assert {one["check"]: one["verdict"] for one in ran.json["checks"] if "three" in one["check"]} == {
        "check log three": "error",  # it is told once
        "check determinism three": "passed",  # by the code
        "check rules three": "nothing",
        "rehearse three": "nothing",
    }


def test_differences_of_a_rehearsal_are_told_by_kind(project: Project) -> None:
    project.fill()
    for _ in range(2):
        project("send sell-product --sku pen --quantity 1")
    project.change(AMOUNT)
    ran = project("ci --part rehearse --json")
    (found,) = ran.json["findings"]
    assert found["message"].startswith("3 commands different, the first @3 ")
    assert "ProductSold.amount" in found["message"]
    project.set('[ci]\nignore = ["ProductSold.amount"]')
    assert project("ci --part rehearse").code == 0
    project.set('[ci]\naccept = "known.json"')
    assert project("ci --part rehearse").code == 2
    project("rehearse --accept known.json --accept-all")
    ran = project("ci --part rehearse")
    assert (ran.code, "3 of the differences known" in ran.out) == (0, True)


def test_it_is_the_same_from_a_folder_below(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.fill()
    project("corpus refresh")
    (project.folder / "below").mkdir()
    monkeypatch.chdir(project.folder / "below")
    ran = project("ci --part test --part rehearse")
    assert (ran.code, "2 scenarios in 1 file" in ran.out) == (0, True)
    assert ran.err.startswith("on ../histories/\n")
    project.set('[ci]\ncorpus = "histories"\naccept = "known.json"')
    (project.folder / "known.json").write_text('{"accepted": []}')
    assert project("ci --part rehearse").code == 0


# ── what a change is compared with ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "setting", "environ", "base"),
    [
        (None, None, {}, None),
        ("git:main", None, {}, Base("main", "--against")),
        ("main", "other", {}, Base("main", "--against")),
        (None, "other", {"GITHUB_BASE_REF": "main"}, Base("other", "[tool.cqrs.ci]")),
        (None, None, {"GITHUB_BASE_REF": "main"}, Base("origin/main", "GITHUB_BASE_REF")),
        (None, None, {"GITHUB_BASE_REF": ""}, None),  # of a push
        (None, False, {"GITHUB_BASE_REF": "main"}, None),
        (
            None,
            None,
            {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "trunk", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "0a1b"},
            Base("0a1b", "CI_MERGE_REQUEST_DIFF_BASE_SHA"),
        ),
        (None, None, {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "trunk"}, Base("origin/trunk", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")),
    ],
    ids=str,
)  # fmt: skip
def test_who_names_the_commit(typed: Any, setting: Any, environ: dict[str, str], base: Base | None) -> None:
    assert base_of(typed, setting, environ) == base


@pytest.mark.parametrize("value", ["", "git:", True, 7, "a\0b"], ids=repr)
def test_what_names_no_commit(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="names no commit"):
        base_of(None, value, {})


def test_the_lock_is_compared_with_that_of_the_commit(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project("schema --lock")
    project.git("init", "-q")
    project.git("add", ".")
    project.git("commit", "-qm", "one")
    project.change(FIELD)
    project("schema --lock --accept")
    ran = project("ci --part check --against main")
    assert ran.code == 1
    assert "against main (--against)" in ran.err
    assert project.verdicts("ci --part check --against git:main") | {"check lock": "passed"} == {
        **project.verdicts("ci --part check"),
        "check lock against main": "failed",
    }
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    project.git("update-ref", "refs/remotes/origin/main", "main")
    assert project.verdicts("ci --part check")["check lock against origin/main"] == "failed"
    project.git("rm", "-q", "--cached", "cqrs.lock.json")
    project.git("commit", "-qm", "two")
    assert project.verdicts("ci --part check --against main")["check lock against main"] == "nothing"


def test_a_commit_that_is_not_there_is_no_pass(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.git("init", "-q")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    ran = project("ci")
    assert ran.code == 2
    assert "no commit 'origin/main'" in ran.out
    assert "(GITHUB_BASE_REF names it)" in ran.out
    assert "fetch-depth: 0" in ran.out
    assert project.verdicts()["check model"] == "passed", "the others are made all the same"
    project.set("[ci]\nagainst = false")
    assert project("ci").code == 0


EVOLVED = (
    "    def sold(self, event: ProductSold) -> None:\n",
    "    def sold(self, event: ProductSold) -> None:\n        self.name += '!'\n",
)


@pytest.fixture
def committed(project: Project) -> Project:
    """With a history, and all of it in a commit that is called main."""
    project.fill()
    project("corpus refresh")
    project.git("init", "-q")
    project.git("add", ".")
    project.git("commit", "-qm", "one")
    project.change(EVOLVED)
    return project


def test_what_old_and_new_code_make_of_the_log(committed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    words = committed.verdicts("ci --against main")
    assert {name: word for name, word in words.items() if name not in ALONE} == {
        "check lock against main": "nothing",  # nothing was locked then
        "impact against main": "failed",
    }
    assert (words["rehearse"], words["test"]) == ("passed", "passed")
    ran = committed("ci --against main --part impact")
    assert (ran.code, "error[impact-changed] product: state product: 1 changed: name" in ran.out) == (1, True)
    monkeypatch.setenv("CI_MERGE_REQUEST_DIFF_BASE_SHA", "main")
    assert committed("ci --part impact").code == 1
    committed.change((EVOLVED[1], EVOLVED[0]))
    assert committed("ci --part impact").code == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('impact = "tell"', 0),
        ('ignore = ["Product.name"]', 0),
        ('ignore = ["product.name"]', 0),
        ('ignore = ["product.in_stock"]', 1),
        ('ignore = ["product.nope"]', 2),
        ('impact = "no"', 2),
    ],
)
def test_what_is_meant_does_not_fail(committed: Project, text: str, code: int) -> None:
    committed.set(f'[ci]\nparts = ["rehearse", "impact"]\n{text}')
    ran = committed("ci --against main")
    assert ran.code == code
    assert ("note[impact-changed]" in ran.out) == (text == 'impact = "tell"')


def test_without_something_to_compare_with_there_is_no_impact(project: Project) -> None:
    project.fill()
    assert "impact" not in " ".join(project.verdicts())
    ran = project("ci --part impact")
    assert (ran.code, "nothing says what to compare with (--against REF" in ran.err) == (5, True)


# ── how it ends ───────────────────────────────────────────────────────────────────────────────


def test_a_part_that_was_asked_for_by_name_has_something(project: Project) -> None:
    ran = project("ci --part rehearse --part test")
    assert ran.code == 5
    assert "error[nothing-checked]: there was nothing to look at: rehearse: no store at shop.db" in ran.err
    project.set('[ci]\nparts = ["rehearse"]')
    assert project("ci").code == 5
    assert project("ci --part check").code == 0


@pytest.mark.parametrize("store", ["", " --store shop.db"])
def test_a_damaged_log_is_no_pass(project: Project, store: str) -> None:
    project.fill()
    project("corpus refresh")
    file = project.folder / ("shop.db" if store else "histories/product.jsonl")
    file.write_bytes(file.read_bytes()[:200] + b"?" * 2000)
    ran = project(f"ci --json{store}")
    assert ran.code == (6 if store else 2)
    words = {one["check"]: one["verdict"] for one in ran.json["checks"]}
    assert (words["check log"], words["rehearse"], words["check model"]) == ("error", "nothing", "passed")


def test_a_check_that_can_not_be_made_is_no_pass(project: Project) -> None:
    (project.folder / "cqrs.lock.json").write_text("{")
    ran = project("ci --json")
    assert ran.code == 2
    (one,) = [one for one in ran.json["checks"] if one["verdict"] == "error"]
    assert (one["check"], one["error"]["code"]) == ("check lock", "lock")
    assert project.verdicts()["test"] == "passed"


def test_a_domain_that_can_not_be_loaded_is_exit_2(project: Project) -> None:
    project.change(("class AddProduct(Command):", "class AddProduct(Comand):"))
    ran = project("ci")
    assert (ran.code, ran.out) == (2, "")
    assert "error[domain-not-loaded]" in ran.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ci = 3", "ci must be a table"),
        ("[ci]\npart = 1", "has no 'part'"),
        ('[ci]\nparts = ["tests"]', "no part of cqrs ci is called 'tests'"),
        ("[ci]\nparts = []", "parts is empty"),
        ("[ci]\nparts = 3", "parts must be text"),
        ("[ci]\ncorpus = [3]", "corpus must be text"),
        ("[ci]\nagainst = true", "names no commit"),
        ('[ci]\naccept = ["a"]', "accept must be text"),
        ('[ci]\nignore = ["Nope.x"]', ""),
    ],
    ids=lambda value: value.partition("\n")[2] or value,
)
def test_settings_that_can_not_be(project: Project, text: str, told: str) -> None:
    project.fill()
    project.set(text)
    ran = project("ci")
    assert ran.code == 2
    assert told in ran.err
    assert "hint: " in ran.err + ran.out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ci --part tests", "no part of cqrs ci is called 'tests'"),
        ("ci --against git:", "names no commit"),
        ("ci --report junit", "names no format and file"),
        ("ci --report junit=-", "names no format and file"),
        ("ci --report junitt=a.xml", "no format is called 'junitt'"),
        ("ci --report dot=a.dot", "can't print dot"),
        ("ci --format mermaid", "can't print mermaid"),
        ("ci --report junit=no/where.xml", "can't be written"),
        ("ci --report junit=a.xml --report md=a.xml", "named for two formats"),
        ("ci --json -o a.xml --report junit=a.xml", "named for two formats"),
    ],
)
def test_options_that_can_not_be(project: Project, line: str, told: str) -> None:
    ran = project(line)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert sorted(path.name for path in project.folder.iterdir() if path.name.startswith(("a.", "."))) == [
        ".github",
        ".gitignore",
    ]


# ── what is printed ───────────────────────────────────────────────────────────────────────────


def test_its_record(project: Project) -> None:
    found = project("ci --json").json
    assert list(found) == ["ok", "against", "logs", "checks", "findings"]
    assert list(found["checks"][0]) == [
        "check",
        "part",
        "verdict",
        "seconds",
        "looked_at",
        "nothing",
        "findings",
        "rows",
        "paste",
        "error",
    ]
    assert (found["ok"], found["against"], found["logs"]) == (True, None, ["shop.db"])
    assert project("ci --csv").out == "part,code,severity,where,message,hint\n"


def test_one_run_writes_all_reports(project: Project) -> None:
    project.change(EVOLVE)
    words = " ".join(f"--report {name}={name}.txt" for name in ("junit", "sarif", "gitlab", "md", "json"))
    ran = project(f"ci --format github {words}")
    assert ran.code == 1
    files = {path.stem: path.read_text() for path in project.folder.glob("*.txt")}
    root = ElementTree.fromstring(files["junit"])
    suites = {suite.get("name"): suite for suite in root}
    assert [suite.get("failures") for suite in suites.values() if suite.get("failures") != "0"] == ["1"]
    skipped = suites["cqrs rehearse"].find("testcase/skipped")
    assert skipped is not None
    assert "no store at shop.db" in skipped.get("message", "")
    (result,) = json.loads(files["sarif"])["runs"][0]["results"]
    (issue,) = json.loads(files["gitlab"])
    (found,) = json.loads(files["json"])["findings"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("shop.scenario.yaml", 2)
    assert issue["location"] == {"path": "shop.scenario.yaml", "lines": {"begin": 2}}
    assert "::error file=shop.scenario.yaml,line=2," in ran.out
    assert found["code"] == result["ruleId"] == issue["check_name"]
    assert files["md"].startswith("## cqrs ci: 7 checks: 1 failed (test), 2 passed, 4 had nothing to look at\n")
    assert "failed   test: 2 scenarios in 1 file\n" in ran.err


def test_a_report_is_there_where_a_named_part_had_nothing(project: Project) -> None:
    assert project("ci --part rehearse --report junit=a.xml").code == 5
    assert "<skipped " in (project.folder / "a.xml").read_text()


@pytest.mark.parametrize("format", ["table", "github", "junit", "sarif", "gitlab", "md", "json"])
def test_what_a_payload_holds_is_read_by_nobody(project: Project, format: str) -> None:
    name = "\n::error::x\x1b[31m\u202e<img src=x>|[a](https://evil)##[error]y"
    data = json.dumps({"sku": "pen", "name": name, "price": "1.50"})
    assert project._here("send", "add-product", "-d", data).code == 0
    project.change(("name=command.name, ", "name=command.name + '!', "))
    ran = project(f"ci --part rehearse --format {format}")
    assert ran.code == 1
    assert "evil" in ran.out
    assert not set(ran.out + ran.err) & set("\x1b\u202e\r")
    assert "##[" not in ran.out + ran.err
    commands = [line for line in ran.out.splitlines() if line.lstrip().startswith("::")]
    assert len(commands) == (1 if format == "github" else 0)
    if format in ("md", "junit"):
        read = (
            re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", ran.out) if format == "md" else ran.out
        )  # nothing in code is read
        assert "<img" not in read
        assert format == "junit" or "evil" not in read


def test_nothing_is_written_to_a_store(project: Project) -> None:
    project.fill()
    before = (project.folder / "shop.db").read_bytes()
    project("ci")
    assert (project.folder / "shop.db").read_bytes() == before


def test_it_asks_no_network(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: Any) -> Any:
        raise AssertionError("a connection")

    project.fill()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert project("ci").code == 0
    assert "GITHUB_TOKEN" not in os.environ
