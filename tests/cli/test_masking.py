"""What is masked is nowhere in what any command prints or writes: data, notes, errors, tracebacks, files, copies."""

import gzip
import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from cqrs_cli.cli.shell import boundary
from cqrs_cli.cli.shell.app import COMMANDS, root
from tests.cli.conftest import Ran
from tests.conftest import ROOT

PEOPLE = [(f"person{number:03}.x@mail{number}.example.org", f"Name{number:03} van Ø{number}") for number in range(250)]
FIRST = "person-person000.x%40mail0.example.org"
SECOND = "person-person001.x%40mail1.example.org"
ORIGINALS = [value for person in PEOPLE for value in person]
MASKS = ["--mask", "email", "--mask", "name", "--mask", "user-id"]
KEY = "a key that nobody guesses"
CUSTOMER = PEOPLE[0][0]


def filled(run) -> None:
    """500 values: in payloads, in lists and names in them, keys, commands, metadata, users and causes."""
    lines = []
    for number, (email, name) in enumerate(PEOPLE):
        friend = PEOPLE[(number + 1) % len(PEOPLE)][0]
        data = {"email": email, "name": name, "friends": [{"email": friend}]}
        envelope = {"user_id": friend, "metadata": {"for": {"name": name}}, "correlation_id": f"story of {email}"}
        lines.append(json.dumps({"command": "register", "data": data, **envelope}))
        text = "hello" if number < 5 else "bye"
        lines.append(json.dumps({"command": "remark", "data": {"email": email, "text": text}}))
    Path("people.jsonl").write_text("\n".join(lines))
    again = [json.dumps({"command": "remark", "data": {"email": CUSTOMER, "text": "fail"}}), *lines[:20:2]]
    Path("again.jsonl").write_text("\n".join(again))
    assert run("send", "--batch", "people.jsonl", "-q").code == 0
    assert run("project", "-q").code == 0
    assert run("run", "--once", "--from", "@0", "-q").json["failed"] == 5
    assert run("export", "-q", "-o", "bare.jsonl").code == 0
    assert run("backup", "bare.db", "-q").code == 0
    broken = [json.dumps({"stream": f"no name {CUSTOMER}", "type": "T", "data": {"email": CUSTOMER}})]
    Path("broken.jsonl").write_text("\n".join(broken))
    assert run("corpus", "refresh", "bare", "-q").code == 0
    given = [{"register": {"email": CUSTOMER, "name": PEOPLE[0][1]}}]
    when = {"register": {"email": CUSTOMER, "name": PEOPLE[1][1]}}
    scenario = {"scenario": "another name", "given": given, "when": when, "then": [{"Registered": {"name": "x"}}]}
    Path("people.scenario.yaml").write_text(json.dumps(scenario))
    with closing(sqlite3.connect("foreign.db")) as foreign:
        foreign.execute("CREATE TABLE stored_events (originator_id, originator_version, topic, state)")
        for number, (email, name) in enumerate(PEOPLE):
            id, state = f"{number:08}-0000-4000-8000-000000000000", json.dumps({"email": email, "name": name}).encode()
            foreign.execute("INSERT INTO stored_events VALUES (?, 1, 'people:Person.Registered', ?)", (id, state))
        foreign.commit()
    Path("out").mkdir()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What all tests begin with."""
    made = tmp_path_factory.mktemp("leaky")
    shutil.copy(Path(__file__).with_name("leaky_domain.py"), made / "leaky.py")
    text = (made / "leaky.py").read_text()
    for told in ("self.name = event.name", 'self.label = f"{event.name}!"', "{command.text} said of {self.name}"):
        assert told in text
        text = text.replace(told, "nobody" if "{command" in told else f"{told.partition('=')[0]}= 'nobody'")
    (made / "leaky_before.py").write_text(text)

    def run(*words: str) -> Ran:
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            code = boundary.run(words)
        return Ran(code, out.getvalue(), err.getvalue())

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CQRS_")]:
            patch.delenv(name)
        patch.setenv("CQRS_APP", "leaky:domain")
        patch.chdir(made)
        filled(run)
    return made


@pytest.fixture
def leaky(here, folder, tmp_path, monkeypatch):
    """A store with 500 values, and a domain that quotes them."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("CQRS_APP", "leaky:domain")
    return here


def found_in(text: str) -> list[str]:
    """Those that are in a text, however they are written."""
    ways = (str, quote, lambda value: json.dumps(value)[1:-1])
    return [value for value in ORIGINALS if any(way(value) in text for way in ways)]


def originals(ran) -> list[str]:
    return found_in(ran.out + ran.err)


def written() -> dict[str, list[str]]:
    """What is in the files of `out`, byte for byte."""
    found = {}
    for path in sorted(Path("out").rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            found[path.name] = found_in(data.decode("utf-8", "replace"))
    return found


LINES = {
    "send": [
        *(f"send register --email {{1}} --name x{rest}" for rest in ("", " --json", " --debug", " --as {1}")),
        *(f"send remark --email {{1}} --text fail{rest}" for rest in ("", " --debug", " --json")),
        *(f"send remark --email {{1}} --text hi{rest}" for rest in (" --dry-run", " --explain", "")),
        *(f"send --batch again.jsonl{rest}" for rest in ("", " --json", " --jsonl --debug", " --dry-run", " --format junit")),
        "send --batch again.jsonl --format sarif", "send --batch again.jsonl -o out/batch.jsonl --jsonl",
        "send remark --email nobody@else.example.org --text {1}", "send remark --email {1} --txt {1}",
    ],
    "run": [
        "run --failed", "run --failed --json", "run --deadlines", "run --deadlines --json", "run --status", "run --dropped",
        "run --once", "run --once --now 2030-01-01", "run --retry all", "run --rewind Greeter --to @0",
        "run --drop none --reason x",
    ],
    "serve": ["serve --host 0.0.0.0", "serve --port 0 --cors {1}", "serve --port {1}"],
    "log": [
        *(f"log{form}" for form in ("", " --json", " --jsonl", " --csv", " --tsv", " --format md", " -n 600", " --wide")),
        "log --stream {0}", "log --stream {0}@1 --csv -o out/log.csv", "log --category person --grep Name001",
        "log --where nothing>1", "log --where data.name=='Name001'", "log --user {1}", "log --by user", "log --count",
        "log --stream person-person000.x%40mail0.example.orgg", "log --store bare --json",
    ],
    "watch": ["watch", "watch --category {1}", "watch {0}"],
    "show": [*(f"show @{position}{form}" for position in (1, 2) for form in ("", " --json")), "show @9999", "show {1}"],
    "streams": ["streams", "streams --json", "streams --csv -o out/streams.csv"],
    "stats": ["stats", "stats --json"],
    "trace": ["trace @1", "trace @1 --json", "trace @1 --format mermaid", "trace @1 --format dot", "trace {1}"],
    "replay": [
        "replay", "replay --json", "replay {0}", "replay {0} --json", "replay {0} --steps", "replay {0} --steps --jsonl",
        "replay --verify", "replay person-nobody", "replay {0}@99", "--debug replay {0}@99", "replay -o out/states.json --json",
    ],
    "blame": ["blame {0}", "blame {0} --json", "blame {0} name", "blame {0} nothing", "blame badge:{0}"],
    "bisect": [
        "bisect {0} 'state.email = null'", "bisect {0} 'state.name = null' --json", "bisect --rows badge 'row.label = null'",
        "bisect {0} 'state.nam = null'",
    ],
    "diff": ["diff {0}@1 {0}@2", "diff {0}@1 {2}", "diff {0}@1 {2} --format jsonpatch", "diff {0} {2} --json"],
    "snapshot": ["snapshot take {0}", "snapshot list", "snapshot list --json", "snapshot drop {0}", "snapshot take person-x"],
    "project": [
        "project", "project --json", "project --check", "project badge --csv -o out/badge.csv", "project --rebuild --json",
        "project --status", "project --skip badge@1", "project --at @4",
    ],
    "query": [
        "query badges", "query badges --csv", "query badges --explain", "query badges -n 3", "query badges -n 3 --json",
        "query badges --xlabel {1}",
    ],
    "sql": ["sql 'SELECT upper(data) FROM cqrs_events'"],
    "schema": ["schema register", "schema Registered --json"],
    "what-if": [
        "what-if remark --email {1} --text hi", "what-if remark --email {1} --text hi --json --react",
        "what-if --batch again.jsonl", "what-if register --email {1} --name x",
    ],
    "fork": ["fork out/fork.db", "fork out/early.db --at @7 --json", "fork out/fork.db", "fork out/none.db --at @9999"],
    "export": [
        "export", "export -o out/log.jsonl", "export -o out/log.jsonl.gz", "export --format cloudevents -o out/cloud.jsonl",
        "export --csv -o out/export.csv", "export --stream {0} --where data.name!='{3}' -o out/narrowed.jsonl",
        "export --user {1}", "export --after @3",
    ],
    "import": [
        "import bare.jsonl --store out/imported.db", "import bare.jsonl --store out/imported.db --json",
        "import broken.jsonl --store out/broken.db", "import bare.jsonl --store out/narrow.db --stream {0}",
    ],
    "copy": [
        "copy cqrs.db out/copy.db", "copy cqrs.db out/copy.db --json", "copy cqrs.db out/some.db --stream {0} --grep {3}",
        "copy cqrs.db out/followed.db --follow",
    ],
    "mirror": [
        "mirror foreign.db out/mirror.db --dialect pyeventsourcing", "mirror foreign.db out/mirror.db --json",
        "mirror foreign.db out/some.db --grep {3}", "mirror foreign.db out/followed.db --follow", "mirror --list",
    ],
    "corpus": [
        "corpus refresh out/histories", "corpus refresh out/histories --json --sample 30", "corpus show out/histories",
        "corpus show bare", "corpus refresh out/none --from bare",
    ],
    "migrate": ["migrate", "migrate --json", "migrate --dry-run"],
    "test": ["test", "test --json", "test --format junit"],
    "init": ["init out/project"],
    "demo": ["demo --list", "demo lost-update"],
    "check": ["check", "check --json", "check log --commands", "check --format sarif"],
    "ci": ["ci", "ci --json", "ci --format md --report junit=out/ci.xml --report sarif=out/ci.sarif", "ci --format gitlab"],
    "rehearse": [
        "rehearse", "rehearse --json", "rehearse --command remark",
        "rehearse --accept out/accepted.json --accept-all",
    ],
    "impact": [
        "impact --against leaky_before:domain", "impact --against leaky_before:domain --json",
        "impact --against leaky_before:domain --format md", "impact --against leaky_before:domain --format junit",
    ],
    "verify": ["verify", "verify --deep --rows", "verify --json", "verify --checkpoint -o out/checkpoint.txt"],
    "backup": ["backup out/backup.db"],
    "restore": ["restore bare.db --force"],
    "doctor": ["doctor", "doctor --json"],
    "config": ["config"],
    "help": ["help formats", "help nothing-{1}"],
}  # fmt: skip
"""Lines of every command. Those of `REFUSED` end with exit 2, and say why."""
REFUSED = {
    "rehearse --accept out/accepted.json --accept-all": "a file of accepted differences is made of what there is",
    "sql 'SELECT upper(data) FROM cqrs_events'": "a statement can change values",
    "backup out/backup.db": "a backup is made of what there is",
    "restore bare.db --force": "a backup is made of what there is",
    "mirror foreign.db out/followed.db --follow": "a copy that hides fields can't follow",
    "copy cqrs.db out/followed.db --follow": "a copy that hides fields can't follow",
    "watch": "watch draws on a terminal",
    "watch --category {1}": "watch draws on a terminal",
    "watch {0}": "watch draws on a terminal",
    "serve --host 0.0.0.0": "can be reached by other machines",
    "serve --port 0 --cors {1}": "is no origin",
    "serve --port {1}": "--port",
}


def test_every_command_has_lines():
    """A new command is one of which nobody has looked at what it shows."""
    assert set(LINES) == {entry.name for entry in COMMANDS} == set(root().list_commands(None))
    assert {line.split()[1] for line in LINES["snapshot"]} == {"take", "list", "drop"}


@pytest.mark.parametrize("command", LINES)
def test_none_of_500_values_is_in_what_a_command_prints_and_writes(leaky, monkeypatch, command):
    monkeypatch.setenv("CQRS_MASK_KEY", KEY)
    codes = {}
    for line in LINES[command]:
        words = shlex.split(line.format(FIRST, CUSTOMER, SECOND, PEOPLE[0][1].replace(" ", "?")))
        ran = leaky(*words, *MASKS)
        found = originals(ran)
        assert not found, (line, found[:3], ran.out[:500], ran.err[:500])
        assert KEY not in ran.out + ran.err
        codes[line] = ran.code
        if line in REFUSED:
            assert (ran.code, ran.out) == (2, "")
            assert REFUSED[line] in ran.err
    assert {line for line, code in codes.items() if code == 70} == set()
    assert set(LINES[command]) <= set(REFUSED) or set(codes.values()) - {2, 3}
    assert {name: found[:3] for name, found in written().items() if found} == {}
    assert not any(KEY.encode() in path.read_bytes() for path in Path("out").rglob("*") if path.is_file())


def test_without_a_mask_the_test_would_find_them(leaky):
    for line in ("log", "send remark --email {1} --text fail --debug", "replay {0} --json", "streams", "run --failed"):
        assert originals(leaky(*line.format(FIRST, CUSTOMER, SECOND).split())), line
    assert len(originals(leaky("impact", "--against", "leaky_before:domain"))) > 5
    for line in LINES["copy"][:1] + LINES["export"][1:5] + LINES["fork"][:1] + LINES["import"][:1]:
        leaky(*shlex.split(line))
    bare = written()
    assert {"copy.db", "log.jsonl", "log.jsonl.gz", "cloud.jsonl", "export.csv", "fork.db", "imported.db"} <= set(bare)
    assert {name for name, found in bare.items() if found and len(found) < 450} == set()


def test_what_comes_while_one_follows_is_hidden(leaky, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "CQRS_MASK_KEY": KEY}
    words = [sys.executable, "-m", "cqrs_cli", "log", "-f", "--jsonl", "--after", "@495", *MASKS, "--mask", "emial"]
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as follower:
        assert follower.stdout is not None
        assert follower.stderr is not None
        try:
            before = [json.loads(follower.stdout.readline()) for _ in range(5)]
            email, name = "new.one@mail.example.org", "Newcomer Ø1"
            assert leaky("send", "register", "--email", email, "--name", name).code == 0
            line = follower.stdout.readline()
        finally:
            follower.send_signal(signal.SIGINT)
        rest = follower.stdout.read()
        said = follower.stderr.read()
    assert len(before) == 5
    assert json.loads(line)["type"] == "Registered"
    assert said.startswith("nothing in the log is called 'emial' so far: nothing is hidden for it\n")
    for text in (line, rest, said):
        assert not any(value in unquote(text) for value in (email, name, json.dumps(name)[1:-1]))


def test_completion_offers_no_stream_whose_name_is_to_be_hidden(leaky, tmp_path, monkeypatch):
    def offered(words: str) -> str:
        monkeypatch.setenv("_CQRS_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", f"cqrs {words}")
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) + 1))
        answer = subprocess.run(
            [sys.executable, "-m", "cqrs_cli"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        monkeypatch.delenv("_CQRS_COMPLETE")
        return answer.stdout

    assert found_in(offered("log --stream "))
    (tmp_path / "cqrs.toml").write_text("[mask]\nemail = true\n")
    assert not found_in(offered("log --stream "))


def test_pseudonyms_are_the_same_under_a_key(leaky, monkeypatch):
    monkeypatch.setenv("CQRS_MASK_KEY", KEY)
    told = leaky("replay", FIRST, "--json", *MASKS)
    state = told.json["state"]
    assert told.err == ""
    assert unquote(told.json["stream"]) == f"person-{state['email']}"
    assert leaky("log", "-n", "1", "--json", *MASKS).json[0]["data"]["name"] == state["name"]
    monkeypatch.setenv("CQRS_MASK_KEY", KEY[::-1])
    assert leaky("replay", FIRST, "--json", *MASKS).json["state"]["name"] != state["name"]


def test_a_key_that_can_be_guessed_is_refused(leaky, monkeypatch):
    monkeypatch.setenv("CQRS_MASK_KEY", "secret")
    ran = leaky("log", *MASKS)
    assert (ran.code, ran.out) == (2, "")
    assert "CQRS_MASK_KEY has 6 characters" in ran.err


def test_the_key_is_in_a_file(leaky, monkeypatch, tmp_path):
    monkeypatch.setenv("CQRS_MASK_KEY", KEY)
    wanted = leaky("replay", FIRST, "--json", *MASKS)
    monkeypatch.delenv("CQRS_MASK_KEY")
    file = tmp_path / "mask.key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    monkeypatch.setenv("CQRS_MASK_KEY_FILE", str(file))
    told = leaky("replay", FIRST, "--json", *MASKS)
    assert (told.out, told.err) == (wanted.out, "")
    assert leaky("replay", FIRST, "--json", "--debug", *MASKS).out == wanted.out


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("secret-key", 0o600, "has 10 characters"),
        ("", 0o600, "has 0 characters"),
        ("a-key-of-some-length", 0o640, "can be read or written by others (mode 0640)"),
        ("a-key-of-some-length", 0o602, "can be read or written by others (mode 0602)"),
        ("secret" * 1_000, 0o600, "has more than 4096 bytes"),
        (None, 0, "can't be read: No such file"),
        ("folder", 0, "can't be read: Is a directory"),
        ("pipe", 0, "is no file"),
        ("a-key-of-some-length", 0o600, "are both set"),
    ],
)
def test_a_file_of_a_key_that_is_none(leaky, monkeypatch, tmp_path, text, mode, said):
    file = tmp_path / "mask.key"
    if text == "folder":
        file.mkdir()
    elif text == "pipe":
        os.mkfifo(file, 0o600)
    elif text is not None:
        file.write_text(text)
        file.chmod(mode)
    monkeypatch.delenv("CQRS_MASK_KEY", raising=False)
    monkeypatch.setenv("CQRS_MASK_KEY_FILE", str(file))
    if "both" in said:
        monkeypatch.setenv("CQRS_MASK_KEY", KEY)
    for words in (("log",), ("--debug", "log"), ("log", "--json")):
        ran = leaky(*words, *MASKS)
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err
        assert "hint" in ran.err
        assert not text or text in ("folder", "pipe") or text not in ran.err
    assert leaky("log", "-n", "1").code == 0  # nobody asks for it where nothing is masked


def test_a_key_of_this_run_is_said(leaky):
    assert "the pseudonyms are of this run; with CQRS_MASK_KEY" in leaky("log", "-n", "1", "--mask", "email").err
    assert leaky("log", "-n", "1", "--redact", "email").err == ""


def test_a_field_that_is_not_there_is_said_whatever_q_says(leaky):
    assert (
        leaky("-q", "log", "-n", "1", "--mask", "emial").err
        == "nothing is called 'emial' here: nothing was hidden for it\n"
    )


def test_before_and_after_the_command(leaky):
    ran = leaky("--redact", "name", "log", "-n", "1", "--redact", "email=null", "--json")
    assert ran.json[0]["data"] == {"name": "[redacted]", "friends": [{"email": None}]}


def test_streams_stay_apart_however_their_keys_are_hidden(leaky):
    names = {one["stream"] for one in leaky("streams", "--json", "--redact", "email").json}
    assert len(names) == len(PEOPLE)
    assert not any("mail" in name for name in names)


def test_a_project_masks(leaky, tmp_path):
    (tmp_path / "cqrs.toml").write_text('[mask]\nemail = true\nname = "blank"\nuser-id = true\n')
    ran = leaky("log", "--json")
    assert ran.json[0]["data"]["name"] == "[redacted]"
    assert not originals(ran)
    assert leaky("export", "-o", "out/log.jsonl").code == 0
    assert written() == {"log.jsonl": []}
    saved = leaky("-q", "backup", "out/backup.db")
    assert (saved.code, saved.err) == (
        0,
        "a backup is made of what there is: nothing that the settings mask is hidden in it\n",
    )
    (tmp_path / "cqrs.toml").write_text('[mask]\nname = "gone"\n')
    assert leaky("log").code == 2
    (tmp_path / "cqrs.toml").write_text("mask = true\n")
    assert leaky("log").code == 2


def test_an_unknown_way_is_refused_before_anything_is_shown(leaky):
    ran = leaky("log", "--redact", "email=gone")
    assert (ran.code, ran.out) == (2, "")
    assert "no way to redact is called 'gone'" in ran.err


def test_standard_error_is_as_it_was(leaky):
    before = sys.stderr
    leaky("log", "-n", "1", *MASKS)
    leaky("show", "@9999", *MASKS)
    assert sys.stderr is before
