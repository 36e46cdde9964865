"""`cqrs trace`: the story behind an id, as text, JSON and graphs, without the domain."""

import json
import subprocess
import sys

import pytest

from cqrs_cli import Workbench
from cqrs_cli.log import outbox
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.contract import Append
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
