"""The root: what it lists, what it imports, and global options before and after the command."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import __version__
from cqrs_cli.cli.printing.documents import Text
from cqrs_cli.cli.shell import app
from cqrs_cli.cli.shell.command import Group, global_parameters, make
from cqrs_cli.cli.shell.session import current, last_value
from cqrs_cli.near_names import did_you_mean

ROOT = Path(__file__).parents[3]


@pytest.fixture
def chosen(monkeypatch, here):
    """Run `cqrs log` as a command that tells the settings; name → (value, source)."""

    def log() -> None:
        for setting in current().settings.all():
            told[setting.name] = (setting.value, setting.source)

    told: dict[str, tuple[Any, str]] = {}
    monkeypatch.setattr(app, "_load", lambda entry: make(log))

    def run(words):
        ran = here(words)
        assert ran.code == 0, ran.err
        return told

    return run


def test_help_lists_every_command_by_area(here):
    ran = here("--help")
    assert (ran.code, ran.err) == (0, "")
    for entry in app.COMMANDS:
        assert f"{entry.name} " in ran.out
        assert f"{entry.area}:" in ran.out
    assert here("-h").out == ran.out
    for spelling in ("--store", "--app", "--format", "--json", "--jsonl", "--csv", "-o, --output", "--color"):
        assert spelling in ran.out
    assert "\x1b" not in here("--help --color always").out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_the_commands_of_the_issue_are_there():
    names = "init demo send log streams stats replay project query schema config doctor"
    assert set(names.split()) <= {entry.name for entry in app.COMMANDS}


@pytest.mark.parametrize("entry", app.COMMANDS, ids=lambda entry: entry.name)
def test_every_command_has_help_with_the_globals_in_a_line(here, entry):
    ran = here(entry.name, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: cqrs {entry.name} ")
    assert "cqrs --help explains them" in " ".join(ran.out.split())
    assert "-h, --help" in ran.out
    assert "The store: a path or URL" not in ran.out


def test_version(here):
    assert here("--version").out == here("-V").out == f"cqrs {__version__}\n"


def test_without_a_command_help_is_no_success(here):
    ran = here()
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: cqrs" in ran.err


def test_there_are_no_abbreviations(here):
    assert here("lo").code == 2
    assert here("log --js").code == 2


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("--store {} log", "store", "a.db"),
        ("log --store {}", "store", "a.db"),
        ("--app {} log", "app", "a:b"),
        ("log --app={}", "app", "a:b"),
        ("--json log", "format", "json"),
        ("log --jsonl", "format", "jsonl"),
        ("log --csv", "format", "csv"),
        ("log --spreadsheet", "format", "spreadsheet"),
        ("log --format md", "format", "md"),
        ("log -o x", "output", "x"),
        ("--output x log", "output", "x"),
        ("log --color never", "color", "never"),
        ("-q log", "quiet", True),
        ("log --quiet", "quiet", True),
        ("log --debug", "debug", True),
        ("log --no-progress", "no-progress", True),
    ],
)
def test_global_options_before_and_after_the_command(chosen, words, name, value):
    found = chosen(words.format(value))
    assert found[name] == (value, f"--{name}")
    assert [other for other, (_, source) in found.items() if source != "default"] == [name]


def test_the_last_one_wins(chosen):
    assert chosen("--store a log --store b")["store"] == ("b", "--store")
    assert chosen("--store a --store b log")["store"] == ("b", "--store")
    assert chosen("--json log --csv")["format"] == ("csv", "--format")
    assert chosen("log --json --format md")["format"] == ("md", "--format")
    assert chosen("log --format md --json")["format"] == ("json", "--format")


def test_every_global_option_has_a_setting():
    spelled = {option for parameter in global_parameters() for option in parameter.opts}
    assert spelled == {
        "--store", "--app", "--config", "--format", "--json", "--jsonl", "--csv", "--spreadsheet", "-o", "--output", "--color",
        "-q", "--quiet", "--debug", "--no-progress", "--no-pager", "--wide", "--local", "--mask", "--redact",
    }  # fmt: skip


def test_the_app_is_known_before_the_command_is_parsed():
    assert last_value(["send", "create-order", "--app", "a:b"], "--app") == "a:b"
    assert last_value(["--app=x:y", "send", "--app=a:b"], "--app") == "a:b"
    assert last_value(["send", "--", "--app", "a:b"], "--app") is None
    assert last_value(["send", "--app"], "--app") is None


def test_near_names():
    assert did_you_mean("craete-order", ["create-order", "ship-order"]) == "did you mean 'create-order'?"
    assert did_you_mean("zzz", ["create-order"]) is None


def test_a_dynamic_group_answers_unknown_names_its_own_way(here, monkeypatch):
    class Own(Group):
        def list_commands(self, ctx):
            return ["create-order"]

        def get_command(self, ctx, cmd_name):
            def create() -> None:
                """Create."""
                current().printer.print(Text(cmd_name))

            return make(create, cmd_name) if cmd_name == "create-order" else None

    monkeypatch.setattr(app, "_load", lambda entry: Own(name="send"))
    assert here("send create-order").out == "create-order\n"
    ran = here("send craete-order --json")
    assert (ran.code, ran.error["hint"]) == (2, "did you mean 'create-order'?")


def test_naming_a_command_loads_nothing(monkeypatch):
    monkeypatch.setattr(app, "_load", lambda entry: pytest.fail(f"{entry.name} was loaded"))
    group = app.root()
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        assert command
        assert command.get_short_help_str()


HEAVY = (
    "pydantic",
    "sqlite_utils",
    "rich",
    "asyncio",
    "sqlite3",
    "tomllib",
    "cqrs_cli.stores",
    "cqrs_cli.domain.domain",
)
VALUES = ("contract", "commits", "conditions", "stored_json", "streams", "rows", "moments", "names", "registry")
"""Of the stores: what a command's signature needs, and no driver."""


@pytest.mark.parametrize("words", ["--help", "--version", "lgo", "log --help", "config --json", "help", "help formats"])
def test_nothing_heavy_is_imported_to_say_what_there_is(tmp_path, words):
    loaded = modules(tmp_path, words)
    light = {"cqrs_cli.stores"} | {f"cqrs_cli.stores.{name}" for name in VALUES}
    assert [name for name in loaded if name.startswith(HEAVY) and name not in light] == []
    if words in ("--help", "lgo", "--version"):
        own = {name for name in loaded if name.startswith("cqrs_cli.cli.")}
        assert not own & {f"cqrs_cli.cli.{entry.name}" for entry in app.COMMANDS}


def modules(folder, words):
    """The modules that a run of the shell imports; what stands in for pydantic's search for plugins is none."""
    script = (
        "import sys\nfrom cqrs_cli.__main__ import main\nsys.argv = ['cqrs'] + sys.argv[1:]\ncode = main()\n"
        "loaded = [name for name, module in sys.modules.items() if getattr(module, '__spec__', None)]\n"
        "sys.stderr.write('\\n'.join(['', 'LOADED', *loaded]))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, *words.split()],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return ran.stderr.split("\nLOADED\n")[1].splitlines()


@pytest.mark.parametrize(
    "words",
    ["log --json", "log --jsonl --type x --since 2h order-1", "log --csv", "streams --json", "stats --json",
     "log --reverse -n 1 --format md"],
)  # fmt: skip
def test_data_commands_start_light(orders, tmp_path, words):
    """The list of modules, not milliseconds: what makes a start slow is what it imports."""
    (tmp_path / "user_module.py").write_text("raise RuntimeError")
    (tmp_path / "cqrs.toml").write_text('app = "user_module:domain"')
    loaded = modules(tmp_path, words)
    banned = ("pydantic", "sqlite_utils", "rich", "asyncio", "user_module", "typing_extensions")
    assert [name for name in loaded if name.split(".")[0] in banned] == []
    light = (
        "__main__",
        "cli",
        "config",
        "errors",
        "finding",
        "json_text",
        "json_text",
        "jsonable",
        "log",
        "near_names",
        "ownership",
        "records",
        "stores",
    )
    own = [name.split(".")[1] for name in loaded if name.startswith("cqrs_cli.")]
    assert [name for name in own if name not in light] == []


def test_rich_comes_for_what_is_not_ascii_only(orders, fill, tmp_path):
    assert "rich" not in {name.split(".")[0] for name in modules(tmp_path, "log --color always")}
    fill(("order-3", "OrderCreated", {"name": "漢字"}))
    loaded = modules(tmp_path, "log --color always")
    assert "rich.cells" in loaded
    assert not {"rich.console", "rich.table", "pydantic"} & set(loaded)


CREATE = (
    "send create-order --customer-id 11111111-1111-4111-8111-111111111111 "
    "--item product_id=11111111-1111-4111-8111-111111111111,product_name=Tea,quantity=1,unit_price=2 "
    "--shipping-address street=Main,city=Paris,postal_code=1,country=FR"
)


@pytest.mark.parametrize(
    ("words", "own"),
    [
        (CREATE, set()),
        (CREATE + " --dry-run --format md", {"dry_run"}),
        ("replay order --csv", set()),
        ("query orders-by-customer --customer-id 11111111-1111-4111-8111-111111111111", {"query_reader"}),
        ("project order_summary", set()),
    ],
)
def test_commands_on_a_domain_import_what_they_use(tmp_path, words, own):
    """Nothing that draws, waits or belongs to another command. On a pipe nothing is drawn."""
    modules(tmp_path, f"--app samples.orders:domain {CREATE}")
    loaded = modules(tmp_path, f"--app samples.orders:domain {words}")
    assert {name.split(".")[0] for name in loaded} & {"rich", "sqlite_utils", "asyncio", "logging"} == set()
    rare = {"batch", "dry_run", "query_reader", "runner", "rebuild", "refold", "delivery", "reactions"}
    assert {name.rpartition(".")[2] for name in loaded if name.startswith("cqrs_cli.workbench.")} & rare <= own
    assert "cqrs_cli.cli.commands.send.lines" not in loaded


def test_code_is_gone_through_when_definitions_are_asked_for():
    """It is slow: a send has no use for it, unless rows are written with it."""
    script = (
        "from cqrs_cli.domain import row_model\nrow_model.code_digest = None\nfrom samples.orders import domain\n"
        "try:\n    next(iter(domain.projections.values())).definition\nexcept TypeError:\n    print('asked')"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert (ran.stdout, ran.stderr) == ("asked\n", "")


def test_what_the_users_module_leaves_open_is_written_at_the_end(tmp_path):
    """Searches for garbage are saved for what is there before it, not for what it leaves."""
    (tmp_path / "audited.py").write_text(
        "from samples.orders import domain\n\naudit = open('audit.txt', 'w')\naudit.write('loaded')\n\n"
        "def told():\n    return audit\n"
    )
    env = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"}
    words = f"--app audited:domain {CREATE}".split()
    subprocess.run([sys.executable, "-m", "cqrs_cli", *words], cwd=tmp_path, env=env, capture_output=True, check=True)
    assert (tmp_path / "audit.txt").read_text() == "loaded"


def test_a_number_that_is_none_is_shown(here):
    ran = here("log -n x")
    assert ran.code == 2
    assert "'x'" in ran.err
    assert "unable to parse" not in ran.err


def test_the_durability_without_a_setting_is_full(here):
    rows = {row["name"]: row for row in here("config --json").json}
    assert rows["durability"] == {"name": "durability", "value": "full", "source": "default"}
    assert [row for name, row in rows.items() if row["value"] is None and name not in ("app", "output")] == []


def test_nothing_that_the_domain_prints_while_it_works_is_data(cqrs):
    (cqrs.folder / "chatty.py").write_text(
        """
from cqrs_cli import Aggregate, Command, Domain, Event, decide, evolve

class Open(Command):
    door_id: str

class Opened(Event):
    pass

class Door(Aggregate):
    door_id: str
    opened: int = 0

    @decide(creates="either")
    def open(self, command: Open) -> Opened:
        print("deciding")
        return Opened()

    @evolve
    def on(self, event: Opened) -> None:
        print("evolving")
        self.opened += 1

domain = Domain("chatty", Door)
"""
    )
    chatty = ("--app", "chatty:domain", "--store", "chatty.db")
    (cqrs.folder / "lines").write_text('{"command": "open", "data": {"door_id": "a"}}\n' * 3)
    for words, printed in (
        ("send open --door-id a --json", {"deciding", "evolving"}),
        ("send --batch lines --jsonl", {"deciding", "evolving"}),
        ("replay door-a --json", {"evolving"}),
        ("replay --csv", {"evolving"}),
    ):
        ran = cqrs(*chatty, *words.split())
        assert not {"deciding", "evolving"} & set(ran.stdout.split())
        assert ran.stdout
        assert printed <= set(ran.stderr.split())


def test_nothing_that_a_module_prints_when_imported_is_data(cqrs):
    (cqrs.folder / "loud.py").write_text(
        "import os, sys\n"
        "from cqrs_cli import Domain\n"
        "print('printed')\n"
        "sys.__stdout__.write('written\\n')\n"
        "os.write(1, b'raw\\n')\n"
        "os.system('echo started')\n"
        "domain = Domain('loud')\n"
    )
    ran = cqrs("--app", "loud:domain", "schema", "--json")
    assert ran.stdout == "[]\n"
    assert {"printed", "written", "raw", "started"} <= set(ran.stderr.splitlines())
