"""`cqrs send --batch` where much goes wrong: complaints by kind, reports for programs, and rejections that are wanted."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cqrs_cli.cli.printing.outcomes import Tally
from cqrs_cli.workbench.engine import Limits
from tests.cli.commands.test_batch import line
from tests.cli.conftest import PARCELS

REFUSED = [
    line("register", "A1"),
    *(line("refuse", "A1") for _ in range(4)),
    *(line("touch", f"B{n}") for n in range(3)),
]


def test_the_first_of_each_kind_is_told_and_the_others_are_counted(send: Any) -> None:
    ran = send([*REFUSED, "{bad", line("touch", "A1"), "[]", "{bad}"])
    assert ran.code == 2
    assert ran.err.splitlines() == [
        "line 2: rejected[never]: no",
        "line 6: not-found[aggregate-not-found]: Touch: there is no parcel-B0",
        "  hint: cqrs send register opens one",
        "line 9: invalid[invalid-input]: not JSON: expecting property name enclosed in double quotes at column 2",
        '  hint: a line of JSON: {"command": "create-order", "data": {…}}',
        "line 11: invalid[invalid-input]: expected a JSON object, found an array",
        '  hint: a line of JSON: {"command": "create-order", "data": {…}}',
        "… and 3 more like line 2 (lines 3–5)",
        "… and 2 more like line 6 (lines 7–8)",
        "… and 1 more like line 9 (line 12)",
        "4  rejected[never]                 lines 2–5",
        "3  not-found[aggregate-not-found]  lines 6–8",
        "3  invalid[invalid-input]          lines 9–12",
        "12 commands: 1 committed (1 event), 3 invalid, 3 not-found, 4 rejected, 1 unchanged",
        "made the store cqrs.db",
    ]


def test_programs_get_each_of_them(send: Any) -> None:
    ran = send(REFUSED, "--jsonl")
    assert [record["status"] for record in ran.lines] == ["committed", *["rejected"] * 4, *["not-found"] * 3]
    assert "more like" not in ran.err
    assert len(send(REFUSED, "--csv").out.splitlines()) == 1 + len(REFUSED)


def test_under_json_what_went_wrong_is_told_by_kind(send: Any) -> None:
    ran = send(REFUSED, "--json")
    assert ran.json["rejected"] == 7
    assert "… and 3 more like line 2 (lines 3–5)" in ran.err


def test_allowed_rejections_are_counted_as_notes(send: Any) -> None:
    assert "… and 3 more like it (lines 3–5)" in send(REFUSED[:5], "--allow-rejected").err
    ran = send(REFUSED[:5], "--allow-rejected -q")
    assert "refuse" not in ran.err
    assert "more like" not in ran.err


def test_names_that_are_no_command_are_one_kind(send: Any) -> None:
    ran = send([line("nopeabc", "A1"), line("nopexyzw", "A1")])
    assert "… and 1 more like it (line 2)" in ran.err


def test_complaints_about_different_fields_are_different(send: Any) -> None:
    ran = send([line("register", "A1", data={"weight": "x"}), line("register", "A2", data={"tags": "x"})])
    assert "line 1:" in ran.err
    assert "line 2:" in ran.err


def test_junit_has_a_case_a_line(send: Any) -> None:
    ran = send(REFUSED, "--format junit")
    assert ran.code == 1
    suite = ElementTree.fromstring(ran.out)[0]
    assert (suite.get("tests"), suite.get("failures")) == ("8", "7")
    names = [case.get("name") for case in suite]
    assert names[:2] == ["line 1: Register", "line 2: Refuse"]
    failures = [case.find("failure") for case in suite]
    assert [failure is not None for failure in failures] == [False] + [True] * 7
    assert failures[1] is not None
    assert failures[1].attrib == {"type": "never", "message": "rejected: no"}
    assert "8 commands: 1 committed" in ran.err
    assert "more like" not in ran.err


def test_github_has_a_line_a_kind(send: Any) -> None:
    ran = send(REFUSED, "--format github")
    assert ran.out.splitlines() == [
        "::error file=lines.jsonl,line=2,title=send --batch%3A line 2%3A Refuse::rejected: no … and 3 more like it (lines 3–5)",
        "::error file=lines.jsonl,line=6,title=send --batch%3A line 6%3A Touch::not-found: Touch: there is no parcel-B0"
        " … and 2 more like it (lines 7–8) (cqrs send register opens one)",
    ]
    allowed = send(REFUSED[1:3], "--format github --allow-rejected")
    assert (allowed.code, allowed.out[:9]) == (0, "::warning")


def test_sarif_names_the_line_of_the_file(send: Any) -> None:
    run = send(REFUSED, "--format sarif").json["runs"][0]
    where = run["results"][1]["locations"][0]["physicalLocation"]
    assert where == {"artifactLocation": {"uri": "lines.jsonl"}, "region": {"startLine": 6}}


def test_many_kinds_of_a_code_are_one_finding_more(send: Any) -> None:
    words = [line("register", "A1", data={f"{a}{b}": 1}) for a in "abcde" for b in "fghij"]
    found = send(words, "--format github").out.splitlines()
    assert len(found) == 21
    assert "lines 21–25::… and 5 more invalid[invalid-input], in other words (lines 21–25)" in found[-1]
    assert send(words, "--format sarif").json["runs"][0]["results"][-1]["ruleId"] == "invalid-input"


def test_what_is_no_report_is_refused_before_anything_is_written(send: Any, tmp_path: Path) -> None:
    ran = send(REFUSED, "--format dot")
    assert (ran.code, ran.out) == (2, "")
    assert not (tmp_path / "cqrs.db").exists()


# ── rejections that are expected ──────────────────────────────────────────────────────────────


def refused(parcel: str, code: str, command: str = "refuse", **more: Any) -> str:
    return line(command, parcel, expect={"rejected": code}, **more)


def test_a_rejection_that_was_expected_is_the_success(send: Any) -> None:
    ran = send([REFUSED[0], refused("A1", "never"), refused("Z", "aggregate-not-found"), refused("A1", "never")])
    assert ran.code == 0
    assert ran.err == "4 commands: 1 committed (1 event), 3 as-expected\nmade the store cqrs.db\n"
    again = send([refused("A1", "never", command_id="c7")], "--jsonl --fail-fast")
    assert (again.code, again.lines) == (
        0,
        [
            {
                "status": "as-expected",
                "line": 1,
                "command": "Refuse",
                "command_id": "c7",
                "reason": "no",
                "code": "never",
            }
        ],
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (refused("A2", "never", "register"), "it would append 1 event to parcel-A2; nothing was written"),
        (refused("A1", "never", "touch"), "parcel-A1 would stay as it is; nothing was written"),
        (refused("A1", "sold-out"), "it was never: no"),
        (refused("A9", "never"), "it was aggregate-not-found: Refuse: there is no parcel-A9"),
        (refused("A1", "never", "register", command_id="c1"), "it was committed before, at @1; nothing was written"),
    ],
)
def test_anything_else_is_the_failure(send: Any, parcels: Any, text: str, found: str) -> None:
    send([line("register", "A1", command_id="c1")])
    ran = send([text, line("register", "A3")], "--jsonl --allow-rejected")
    assert ran.code == 1
    assert ran.lines[0]["status"] == ran.lines[0]["code"] == "unexpected"
    assert ran.lines[0]["reason"].endswith(f"but {found}")
    assert ran.lines[1]["status"] == "committed"
    assert [event["stream"] for event in parcels("log --jsonl").lines] == ["parcel-A1", "parcel-A3"]
    assert send([text], "--json").json["unexpected"] == 1


def test_a_domain_that_raises_and_an_id_of_another_command_stay_what_they_are(send: Any) -> None:
    send([line("register", "A1", command_id="c1")])
    ran = send(
        [refused("A1", "never", "broken"), refused("A1", "never", "break"), refused("A2", "never", command_id="c1")]
    )
    assert ran.code == 2
    assert "1 conflict, 1 failed, 1 invalid" in ran.err


def test_with_fail_fast_nothing_follows_what_was_not_expected(send: Any, parcels: Any) -> None:
    ran = send([REFUSED[0], refused("A1", "x"), line("register", "A2")], "--fail-fast")
    assert ran.code == 1
    assert len(parcels("log --jsonl").lines) == 1


@pytest.mark.parametrize("expect", [{}, {"rejected": ""}, {"rejected": 1}, {"rejected": "a", "b": 1}, [], True])
def test_what_is_no_expectation_is_invalid(send: Any, expect: Any) -> None:
    ran = send([line("refuse", "A1", expect=expect)])
    assert ran.code == 2
    assert "expect: expected" in ran.err


# ── Ctrl-C ────────────────────────────────────────────────────────────────────────────────────


GROUP = Limits().written_together
MANY = [line("register", f"A{n}", command_id=f"c{n}") for n in range(2 * GROUP + 500)]


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ctrl-C so many times when the first outcome is told."""

    tell = Tally.add

    def arrange(times: int) -> None:
        def add(tally: Tally, outcome: Any) -> None:
            tell(tally, outcome)
            if outcome.line == 1:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(Tally, "add", add)

    return arrange


def test_ctrl_c_says_how_far_it_came(send: Any, parcels: Any, interrupt: Any) -> None:
    interrupt(1)
    ran = send(MANY)
    assert ran.code == 130
    written = len(parcels("log --jsonl").lines)
    assert written == GROUP, "what is being written ends, and nothing more begins"
    assert ran.err.splitlines() == [
        "made the store cqrs.db",
        f"error[interrupted]: stopped after line {written:,}, position {written:,}: "
        f"{written:,} commands: {written:,} committed ({written:,} events)",
        "hint: sending the same lines again goes on where it stopped",
    ]


def test_after_ctrl_c_the_same_lines_go_on(send: Any, parcels: Any, interrupt: Any) -> None:
    interrupt(1)
    ran = send(MANY, "--json")
    assert (ran.code, ran.out, ran.error["code"]) == (130, "", "interrupted")
    written = ran.error["line"]
    assert (ran.error["position"], ran.error["done"]["committed"]) == (written, written)
    interrupt(0)
    again = send(MANY, "--json")
    assert (again.code, again.json["duplicate"], again.json["committed"]) == (0, written, len(MANY) - written)


def test_what_was_read_already_is_not_begun(send: Any, interrupt: Any) -> None:
    interrupt(1)
    short = [line("touch", "A") for _ in range(2 * GROUP + 500)]  # in one piece of the file
    assert send(short, "--json").error["line"] == GROUP


def test_lines_without_ids_are_not_to_be_sent_again(send: Any, interrupt: Any) -> None:
    interrupt(1)
    ran = send([line("register", f"A{n}") for n in range(2_500)], "--json")
    assert ran.error["hint"].startswith(f"go on after line {ran.error['line']:,}: lines without command_id")


def test_a_second_ctrl_c_ends_it_at_once(send: Any, parcels: Any, interrupt: Any) -> None:
    interrupt(2)
    ran = send(MANY)
    assert ran.code == 130
    assert "stopped after line 1, position 1: 1 command: 1 committed (1 event)" in ran.err
    assert "hint: what was being written may be in the log too: cqrs log --last 5; sending the same lines" in ran.err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_complaints_are_counted_when_it_is_interrupted(send: Any, interrupt: Any) -> None:
    interrupt(1)
    assert "… and 2 more like it (lines 2–3)" in send([*(line("touch", "X") for _ in range(3)), *MANY]).err


def test_an_interrupted_report_is_none(send: Any, interrupt: Any) -> None:
    interrupt(1)
    ran = send(MANY, "--format junit")
    assert (ran.code, ran.out) == (130, "")


def test_who_ignores_ctrl_c_goes_on_doing_so(send: Any, interrupt: Any) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupt(1)
        assert send(MANY[:3]).code == 0
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("count", [0, 2])
def test_ctrl_c_ends_the_wait_for_a_line(cqrs: Any, count: int) -> None:
    (cqrs.folder / "parcels_domain.py").write_text(PARCELS.read_text())
    app = ["--app", "parcels_domain:domain", "send", "--batch", "-", "--jsonl"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", "cqrs_cli", *app],
        cwd=cqrs.folder,
        env=cqrs.environ,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(f"{one}\n" for one in MANY[:count]).encode())
        process.stdin.flush()
        for _ in range(count):
            process.stdout.readline()
        if not count:  # nothing tells when it listens
            process.stdin.write(b"\n{bad\n")
            process.stdin.flush()
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    told = next(json.loads(text) for text in error.decode().splitlines() if text.startswith("{"))["error"]
    assert process.returncode == 130
    assert (told["code"], told["line"], told["position"]) == ("interrupted", count or 2, count or None)
