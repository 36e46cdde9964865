"""`cqrs trace`: the story behind an id, as text, JSON and graphs, without the domain."""

import json
import subprocess
import sys

import pytest

from cqrs_cli import Workbench
from cqrs_cli.log import outbox
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.registry import open_store
from tests import office
from tests.conftest import ROOT
from tests.reacting import pay

SHIP = outbox.command_id("pay-bad1:1", "fulfilment", 1)


@pytest.fixture
def story(here, tmp_path):
    """An order that could not be shipped, and one whose shipping failed and whose deadline stands."""
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as bench:
        bench.runner().drain()
        pay(bench, "bad1", "boom1")
        bench.runner().drain()
    return here


def test_the_tree_as_text(story):
    lines = story("trace pay-bad1").out.splitlines()
    cancel = outbox.command_id(f"{SHIP}:1", "fulfilment", 1)
    assert lines == [
        "Pay  pay-bad1",
        "└─ Paid  order-bad1 @1",
        "   └─ (fulfilment.ship)",
        f"      └─ Ship  {SHIP}",
        "         └─ command-rejected  fulfilment-bad1 @3",
        "            └─ (fulfilment.give_up)",
        f"               └─ CancelOrder  {cancel}",
        "                  └─ Cancelled  order-bad1 @4",
    ]


@pytest.mark.parametrize("what", ["pay-bad1", "pay-bad1:1", "@1", "@4", SHIP, f"{SHIP}:1"])
def test_any_id_of_the_story_leads_to_it(story, what):
    (root,) = story(f"trace {what} --json").json
    assert (root["id"], root["kind"], root["name"], root["position"], root["stream"]) == (
        "pay-bad1",
        "command",
        "Pay",
        1,
        "order-bad1",
    )
    (event,) = root["children"]
    assert (event["id"], event["kind"], event["name"], event["position"], event["stream"]) == (
        "pay-bad1:1",
        "event",
        "Paid",
        1,
        "order-bad1",
    )
    (reaction,) = event["children"]
    assert (reaction["kind"], reaction["name"], reaction["position"]) == ("reaction", "fulfilment.ship", 1)
    assert set(reaction) == {"id", "kind", "name", "position", "stream", "children"}
    assert json.dumps(root).count('"kind"') == 8


def test_what_is_not_in_the_log_yet_is_in_the_tree(story):
    (root,) = story("trace pay-boom1 --json").json
    (reaction,) = root["children"][0]["children"]
    found = {node["kind"]: node for node in reaction["children"]}
    assert set(found) == {"failed", "deadline"}
    assert (found["failed"]["name"], found["failed"]["position"]) == ("Ship", None)
    assert found["deadline"]["due_at"].endswith("Z")
    letter = story(f"trace {found['failed']['id']} --jsonl")
    assert letter.lines == [root]
    assert "due " in story("trace pay-boom1").out


def test_a_dropped_command_stays_in_the_story(story):
    ship = outbox.command_id("pay-boom1:1", "fulfilment", 1)
    assert story("run", "--drop", ship, "--as", "ada", "--reason", 'by\nhand "<b>').code == 0
    (root,) = story(f"trace {ship} --json").json
    assert root["id"] == "pay-boom1"
    dropped, deadline = root["children"][0]["children"][0]["children"]
    assert dropped.pop("dropped_at").endswith("Z")
    assert dropped == {
        "id": ship,
        "kind": "dropped",
        "name": "Ship",
        "position": None,
        "stream": None,
        "dropped_by": "ada",
        "dropped_because": 'by\nhand "<b>',
        "children": [],
    }
    assert deadline["kind"] == "deadline"
    assert f'Ship  dropped by ada: by\\nhand "<b>, {ship}' in story("trace pay-boom1").out
    mermaid = story("trace pay-boom1 --format mermaid").out
    assert '"Ship (dropped by ada: by#92;nhand #quot;#lt;b#gt;)"' in mermaid
    assert "n3 -.-> n4" in mermaid
    assert '"Ship (dropped by ada: by\\\\nhand \\"<b>)"' in story("trace pay-boom1 --format dot").out


def test_graphs(story):
    mermaid = story("trace pay-bad1 --format mermaid").out
    assert mermaid.startswith(
        'flowchart LR\n  n1["Pay"]\n  n2("Paid order-bad1 @1")\n  n1 --> n2\n  n3{{"fulfilment.ship"}}\n'
    )
    dot = story("trace pay-bad1 --format dot").out
    assert dot.startswith('digraph trace {\n  rankdir=LR;\n  n1 [label="Pay", shape=box];\n')
    assert "  n1 -> n2;" in dot
    assert dot.endswith("}\n")
    assert "n4 -.-> " not in mermaid
    assert "-.->" in story("trace pay-boom1 --format mermaid").out
    assert story("trace pay-bad1 --format csv").code == 2


@pytest.mark.parametrize("what", ["nothing", "@99", "@0", "nothing:1", ":1", "@x"])
def test_an_id_that_is_not_there_is_exit_3(story, what):
    ran = story(f"trace {what}")
    assert (ran.code, ran.out) == (3, "")


def test_an_id_can_not_draw_a_branch_or_begin_a_line(fill, here, tmp_path):
    """A line of its own could be a branch of the tree that never was, or a command to the CI job that prints it."""
    from cqrs_cli.stores.registry import open_store

    evil = "c1\n::error title=build::broken\n└─ Approved  account-a @99"
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        sent = SentCommand("Pay", 1, b"d" * 32, b"{}", 0)
        store.append(
            Commit(evil, (NewEvent("s-1", "Paid", 1, b"{}"),), sent, metadata=json.dumps({"reaction": "a\nb"}))
        )
    for format, lines in (("table", 2), ("mermaid", 6), ("dot", 8)):
        out = here(f"trace @1 --format {format}").out
        assert len(out.splitlines()) <= lines, out
        assert not [line for line in out.splitlines() if line.lstrip().startswith(("::", "└─ Approved"))]


def test_names_from_the_store_are_made_inert(fill, here, tmp_path):
    from cqrs_cli.stores.registry import open_store

    evil = 'A"]\x1b[31m<b>'
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        store.append(Commit("c1", (NewEvent("s-1", evil, 1, b"{}"),), SentCommand(evil, 1, b"d" * 32, b"{}", 0)))
    for format in ("table", "json", "mermaid", "dot"):
        ran = here(f"trace c1 --format {format}")
        assert ran.code == 0
        assert "\x1b" not in ran.out
    assert '\\"]' in here("trace c1 --format dot").out
    assert "#quot;]" in here("trace c1 --format mermaid").out
    assert "#lt;b#gt;" in here("trace c1 --format mermaid").out


def test_imports_and_several_roots(here, tmp_path):
    from cqrs_cli.stores.registry import open_store

    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        for number in (1, 2):
            store.append(Commit(f"c{number}", (NewEvent("s-1", "Seen", 1, b"{}"),), correlation_id="story"))
    first, second = here("trace story --json").json
    assert (first["kind"], first["name"], second["id"]) == ("import", "import", "c2")
    assert [len(one["children"]) for one in (first, second)] == [1, 1]
    assert len(here("trace story --jsonl").lines) == 2


def test_a_story_deeper_than_python_recurses(here, tmp_path):
    from cqrs_cli.stores.registry import open_store

    deep = 2_000
    commits = [
        Append(
            Commit(
                f"c{number}",
                (NewEvent("s-1", "Done", 1, b"{}"),),
                SentCommand("Do", 1, b"d" * 32, b"{}", 0),
                correlation_id="story",
                causation_id=f"c{number - 1}:1" if number else None,
                metadata='{"reaction": "loop.again"}',
            )
        )
        for number in range(deep)
    ]
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        for at in range(0, deep, 500):
            store.append_many(commits[at : at + 500])
    assert len(here("trace story").out.splitlines()) == 3 * deep - 1
    text = here("trace story --json").out
    assert text.count('"children":[') == 3 * deep - 1
    assert text.count("[") == text.count("]")
    assert text.count("{") == text.count("}")
    assert here("trace story --format dot").code == 0


def test_neither_the_domain_nor_pydantic_is_loaded(story, tmp_path):
    code = (
        "import sys; from cqrs_cli.cli.shell import boundary; code = boundary.run(['trace', 'pay-bad1']);"
        "loaded = {name.partition('.')[0] for name in sys.modules};"
        "print(code, sorted({'pydantic', 'rich', 'sqlite_utils', 'tests'} & loaded))"
    )
    environ = {"PYTHONPATH": str(ROOT), "CQRS_APP": "no_such_module:domain", "PATH": ""}
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, encoding="utf-8")
    assert ran.stdout.splitlines()[-1] == "0 []"


def test_a_position_beyond_all_positions(story):
    for digits in (20, 21, 5_000):
        assert story("trace", "@" + "9" * digits).code == 3


@pytest.fixture
def two_streams(here, tmp_path):
    """Days of one order: two commands of its own, one of another that it answers, and what has nothing to do with it."""
    day = 86_400_000_000_000
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:

        def commit(id, stream, days, user=None, cause=None, correlation=None):
            store.clock = lambda: 1_800_000_000_000_000_000 + int(days * day)
            told = '{"reaction":"shipping.ship"}' if cause else None
            sent = SentCommand(f"Do{id}", 1, b"d" * 32, None, 0)
            events = (NewEvent(stream, f"Did{id}", 1, b"{}"),)
            store.append(Commit(id, events, sent, correlation or id, cause, user, told))

        commit("a", "order-1", 0, "ada")
        commit("x", "order-2", 0.5)
        commit("b", "parcel-1", 1, None, "a:1", "a")
        commit("y", "parcel-2", 1, None, "x:1", "x")
        commit("c", "order-1", 3 + 2 / 24, "bob")
        commit("d", "parcel-3", 3.5, "cid", None, "story")
        commit("e", "order-1", 4, "bob", "d:1", "story")
        commit("f", "parcel-4", 4, None, "d:1", "story")
    return here


def test_the_story_of_a_stream(two_streams):
    assert two_streams("trace order-1").out.splitlines() == [
        "Doa  a  2027-01-15T08:00:00.000Z  by ada",
        "└─ Dida  order-1 @1",
        "   └─ (shipping.ship)",
        "      └─ Dob  b  2027-01-16T08:00:00.000Z  (1 d later)",
        "         └─ Didb  parcel-1 @3",
        "Doc  c  2027-01-18T10:00:00.000Z  by bob  (2 d 2 h later)",
        "└─ Didc  order-1 @5",
        "Dod  d  2027-01-18T20:00:00.000Z  by cid  (10 h later)",
        "└─ Didd  parcel-3 @6",
        "   └─ (shipping.ship)",
        "      └─ Doe  e  2027-01-19T08:00:00.000Z  by bob  (12 h later)",
        "         └─ Dide  order-1 @7",
    ]


def test_the_story_of_a_stream_as_json(two_streams):
    roots = two_streams("trace order-1 --json").json
    assert [root["id"] for root in roots] == ["a", "c", "d"]
    assert list(roots[0]) == ["id", "kind", "name", "position", "stream", "recorded_at", "user_id", "children"]
    assert roots[0]["recorded_at"] == "2027-01-15T08:00:00.000000Z"
    assert list(roots[2]["children"][0]["children"][0]) == list(roots[0])
    assert "parcel-4" not in two_streams("trace order-1 --format dot").out
    (alone,) = two_streams("trace story --json").json
    assert "recorded_at" not in alone  # of an id it is as it was


def test_what_is_an_id_and_a_stream_is_the_id(two_streams, tmp_path):
    with open_store(str(tmp_path / "cqrs.db")) as store:
        store.append(Commit("order-2", (NewEvent("other-1", "Else", 1, b"{}"),)))
    assert [root["id"] for root in two_streams("trace order-2 --json").json] == ["order-2"]


def test_a_stream_that_is_not_there(two_streams):
    ran = two_streams("trace order-11")
    assert (ran.code, ran.out) == (3, "")
    assert "did you mean 'order-1'" in ran.err
