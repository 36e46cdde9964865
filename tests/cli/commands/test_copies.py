"""`export`, `import` and `copy` as they are typed."""

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.transfer.logs import awkward_commits, history, make, plain_commits


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make(tmp_path / "cqrs.db", awkward_commits())


@pytest.mark.parametrize("words", ["", "--json", "--jsonl", "--format cloudevents"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_there_and_back(here, shop: Path, tmp_path: Path, words: str, name: str) -> None:
    ran = here(f"export -o {name} {words}")
    assert (ran.code, ran.out) == (0, "")
    assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    assert here(f"import {name} --store again.db").code == 0
    assert history(tmp_path / "again.db") == history(shop)
    told = here(f"import {name} --store again.db --json").json
    assert (told["events"], told["commits"], told["duplicates"]) == (0, 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir() if ".tmp" in path.name) == []


def test_through_a_pipe(cqrs, tmp_path: Path) -> None:
    shop = make(tmp_path / "cqrs.db", awkward_commits())
    whole = cqrs("export").stdout
    told = cqrs("import", "-", "--store", "again.db", stdin=whole)
    assert "the same in both" in told.stdout
    assert history(tmp_path / "again.db") == history(shop)
    cut = cqrs("import", "-", "--store", "other.db", "--json", stdin=whole[: len(whole) // 2 + 1], exit_code=2)
    assert json.loads(cut.stderr)["error"]["code"] == "lines"
    head = whole[: whole.rindex("\n", 0, len(whole) - 1) + 1]
    cut = cqrs("import", "-", "--store", "other.db", "--json", stdin=head, exit_code=6)
    assert json.loads(cut.stderr)["error"]["code"] == "cut"
    assert not (tmp_path / "other.db").exists()


def test_garbage_is_told_by_kind_with_its_lines(here, tmp_path: Path) -> None:
    good = '{"stream":"a-1","type":"T","data":{}}\n'
    bad = '{"stream":"a-1","type":"T","dat":{}}\n'
    (tmp_path / "x.jsonl").write_text(good + bad * 500 + "nonsense\n" + good)
    ran = here("import x.jsonl")
    assert ran.code == 2
    told = ran.err.splitlines()
    assert told[0].startswith("line 2: nothing is called 'dat'; did you mean 'data'")
    assert told[1].startswith("line 502: it is no JSON")
    assert told[2] == "  … and 499 more like line 2 (lines 3–501)"
    assert told[3] == "error[lines]: x.jsonl: 501 lines can't be taken; nothing was"
    assert not (tmp_path / "cqrs.db").exists()
    assert here("import none.jsonl").code == 3
    assert here("import x.jsonl --json").error["lines"] == 501


def test_a_file_changed_on_the_way_is_exit_6(here, shop: Path, tmp_path: Path) -> None:
    here("export -o x.jsonl")
    text = (tmp_path / "x.jsonl").read_text(encoding="utf-8")
    (tmp_path / "x.jsonl").write_text(text.replace('"data":{"n":1}', '"data":{"n":7}', 1), encoding="utf-8")
    ran = here("import x.jsonl --store again.db")
    assert ran.code == 6
    assert "line 2: the commit 'c0' does not have the hash" in ran.err
    assert not (tmp_path / "again.db").exists()


def test_csv_is_a_table_for_people_and_what_has_no_form_is_refused(here, tmp_path: Path) -> None:
    make(tmp_path / "cqrs.db", plain_commits(3))
    rows = here("export --csv --stream order-1").out.splitlines()
    assert rows[0].startswith("position,stream,version,type")
    assert [row.split(",")[1] for row in rows[1:]] == ["order-1"]
    ran = here("export --format md")
    assert (ran.code, ran.err.splitlines()[1]) == (2, "hint: it prints json, jsonl, csv, spreadsheet, tsv, cloudevents")
    assert here("log --format cloudevents").code == 2


def test_an_export_goes_on_after_another(here, tmp_path: Path) -> None:
    make(tmp_path / "cqrs.db", plain_commits(6, a_commit=2))
    assert here("export --after @4 -o x").code == 0
    assert here("export --after @4 --type Type1").code == 2
    for form in ("", "--csv", "--format cloudevents"):
        ran = here(f"export --after @5 {form}")
        assert (ran.code, ran.err.splitlines()[-2].partition("]")[0]) == (2, "error[inside-commit")
        ran = here(f"export --after @99 {form}")
        assert (ran.code, ran.out) == (3, "")


def test_a_copy_is_proven(here, tmp_path: Path) -> None:
    make(tmp_path / "a.db", plain_commits(6))
    ran = here("copy a.db b.db")
    assert ran.code == 0
    assert "6 commits with 6 events of sqlite:" in ran.out
    assert "the same in both" in ran.out
    assert "states: not compared, there is no domain: --app" in ran.out
    record = here("copy a.db c.db --type Type1 --json").json
    assert [(one["type"], one["in"], one["out"]) for one in record["types"]] == [
        ("Type0", 2, 0), ("Type1", 2, 2), ("Type2", 2, 0),
    ]  # fmt: skip
    assert record["same_history"] is None
    assert history(tmp_path / "b.db") == history(tmp_path / "a.db")


@pytest.mark.parametrize("words", ["a.db a.db", "a.db ./a.db", "a.db link.db", "none.db b.db", "memory: b.db"])
def test_what_can_not_be_copied_makes_nothing(here, tmp_path: Path, words: str) -> None:
    make(tmp_path / "a.db", plain_commits(2))
    (tmp_path / "link.db").symlink_to("a.db")
    assert here(f"copy {words}").code in (2, 3)
    assert not (tmp_path / "b.db").exists()
    assert len(history(tmp_path / "a.db")) == 2


COUNTED = """
from cqrs_cli import Aggregate, Command, Domain, Event, decide, evolve

class Count(Command):
    counter_id: str
    n: int

class Counted(Event):
    n: int

class Counter(Aggregate):
    counter_id: str
    n: int = 0

    @decide(creates=True)
    def count(self, command: Count) -> Counted:
        return Counted(n=command.n)

    @evolve
    def counted(self, event: Counted) -> None:
        self.n += event.n

domain = Domain("counting", Counter)
"""


def test_states_are_compared_where_a_domain_is(cqrs, tmp_path: Path) -> None:
    (tmp_path / "counting.py").write_text(COUNTED)
    cqrs.environ["CQRS_APP"] = "counting:domain"
    for number in range(3):
        cqrs("send", "count", "--counter-id", f"o{number}", "--n", "7", "--store", "a.db")
    assert cqrs.json("copy", "a.db", "b.db")["states"] == {"compared": 3, "differing": []}
    assert cqrs.json("copy", "a.db", "c.db", "--category", "counter")["states"]["compared"] == 3
    assert cqrs.json("copy", "a.db", "d.db", "--type", "Counted")["states"] is None
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE events SET data = replace(data, '7', '8') WHERE position = 1")
        connection.commit()
    differing = cqrs.json("copy", "a.db", "b.db", exit_code=6)["states"]["differing"]
    assert differing == [{"stream": "counter-o0", "path": "n", "source": 7, "copy": 8}]


TIDY = """
def tidy(events):
    for event in events:
        if event.data["n"] % 2:
            yield event.but(type="Odd")
"""


def test_a_map_is_counted_and_another_code_is_another_copy(cqrs, tmp_path: Path) -> None:
    make(tmp_path / "a.db", plain_commits(6))
    (tmp_path / "tidy.py").write_text(TIDY)
    told = cqrs("copy", "a.db", "b.db", "--map", "tidy:tidy").stdout
    assert "on the way: 3 dropped, 0 split, 0 merged, 3 changed" in told
    assert cqrs.json("copy", "a.db", "b.db", "--map", "tidy:tidy")["commits_read"] == 0
    (tmp_path / "tidy.py").write_text(TIDY.replace("Odd", "Uneven"))
    ran = cqrs("copy", "a.db", "b.db", "--map", "tidy:tidy", exit_code=4)
    assert "error[command-id-reused]" in ran.stderr
    for words in ("tidy", "tidy:none", "none:tidy"):
        cqrs("copy", "a.db", "c.db", "--map", words, exit_code=2)
    assert not (tmp_path / "c.db").exists()


@pytest.mark.parametrize("form", ["", "--csv", "--format cloudevents"])
def test_what_a_map_prints_is_no_data(cqrs, tmp_path: Path, form: str) -> None:
    make(tmp_path / "cqrs.db", plain_commits(3))
    loud = "print('module')\n" + TIDY.replace("    for", "    print('call')\n    for")
    for name, text in (("quiet", TIDY), ("loud", loud)):
        (tmp_path / f"{name}.py").write_text(text)
    quiet, ran = (cqrs("export", *form.split(), "--map", f"{name}:tidy") for name in ("quiet", "loud"))
    assert ran.stdout.splitlines()[1:-1] == quiet.stdout.splitlines()[1:-1]
    assert len(ran.stdout.splitlines()) == len(quiet.stdout.splitlines())
    assert ran.stderr.splitlines().count("call") == 3
    assert ran.stderr.splitlines().count("module") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_mirror_follows_until_it_is_stopped(cqrs, tmp_path: Path, number: int) -> None:
    source, target = make(tmp_path / "a.db", plain_commits(3)), tmp_path / "b.db"
    words = [sys.executable, "-m", "cqrs_cli", "copy", "a.db", "b.db", "--follow", "--jsonl"]
    mirror = subprocess.Popen(words, cwd=tmp_path, env=cqrs.environ, stdout=subprocess.PIPE, text=True)
    try:
        assert mirror.stdout is not None
        assert json.loads(mirror.stdout.readline())["position"] == 3
        make(source, plain_commits(4, 3))
        while json.loads(mirror.stdout.readline())["position"] < 7:
            time.sleep(0.01)
        mirror.send_signal(number)
        assert mirror.wait(100) == 0
    finally:
        mirror.kill()
        mirror.communicate()
    assert history(target) == history(source)
    cqrs("copy", "a.db", "b.db", "--follow", "--json", exit_code=2)


def test_what_is_packed_is_the_same_file_for_the_same_data(here, shop: Path, tmp_path: Path) -> None:
    here("export -o 1.gz")
    here("export -o 2.gz")
    assert (tmp_path / "1.gz").read_bytes() == (tmp_path / "2.gz").read_bytes()
    assert gzip.decompress((tmp_path / "1.gz").read_bytes()).endswith(b"}}\n")


def test_an_export_onto_a_store_or_a_full_disk_leaves_what_was_there(here, shop: Path, tmp_path: Path) -> None:
    before = shop.read_bytes()
    assert here("export -o cqrs.db").code == 2
    assert shop.read_bytes() == before
    if os.path.exists("/dev/full"):
        assert here("export -o /dev/full").code == 7


def test_nothing_is_exported_from_nothing(here, tmp_path: Path) -> None:
    assert here("export").code == 3
    make(tmp_path / "cqrs.db", [])
    from cqrs_cli.stores.registry import open_store

    open_store(str(tmp_path / "cqrs.db"), create=True).close()
    ran = here("export -o x")
    assert (ran.code, len((tmp_path / "x").read_text().splitlines())) == (0, 2)
    told: Any = here("import x --store b.db --json").json
    assert (told["events"], told["same_history"]) == (0, True)
    (tmp_path / "empty").write_text("")
    assert here("import empty --store b.db --json").json["events"] == 0
