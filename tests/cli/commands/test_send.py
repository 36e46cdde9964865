"""`cqrs send COMMAND`: from words to appended events, in this process and as a user runs it."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ADA = "11111111-1111-4111-8111-111111111111"
PEN = "22222222-2222-4222-8222-222222222222"
CREATE = (
    f"send create-order --customer-id {ADA} --item product_id={PEN},product_name=Pen,quantity=2,unit_price=1.50 "
    "--shipping-address.street '1 Main' --shipping-address.city Paris "
    "--shipping-address.postal-code 75001 --shipping-address.country FR"
)


def stored(run: Any) -> int:
    ran = run("log --jsonl")
    assert ran.code in (0, 3), ran.err
    return len(ran.lines) if ran.code == 0 else 0


# ── what it does and says ─────────────────────────────────────────────────────────────────────


def test_the_events_are_a_table_and_what_happened_is_said(orders_app: Any) -> None:
    ran = orders_app(CREATE)
    assert ran.code == 0
    assert "OrderCreated" in ran.out
    assert "OrderItemAdded" in ran.out
    said, made = ran.err.splitlines()
    assert made == "made the store cqrs.db"
    assert said.startswith("appended 2 events to order-")
    assert said.endswith("(version 0 → 2, position 2)")


def test_the_json_shape_is_stable(parcels: Any) -> None:
    ran = parcels("send register --parcel-id A1 --weight 1.10 --command-id c1 --as ada --meta a=b --meta c=d=e --json")
    record = ran.json
    [event] = record.pop("events")
    assert record == {
        "status": "committed",
        "command": "Register",
        "command_id": "c1",
        "position": 1,
        "streams": [{"stream": "parcel-A1", "version": 1}],
    }
    assert event.pop("recorded_at").endswith("Z")
    assert event == {
        "position": 1,
        "stream": "parcel-A1",
        "version": 1,
        "type": "Registered",
        "schema_version": 1,
        "data": {"weight": "1.10", "express": None, "format": "box", "tags": [], "user": "ada"},
        "event_id": "c1:1",
        "command_id": "c1",
        "correlation_id": "c1",
        "causation_id": None,
        "user_id": "ada",
        "metadata": {"a": "b", "c": "d=e"},
    }
    assert len(parcels("send register --parcel-id A2 --jsonl").lines) == 1


def test_a_duplicate_and_nothing_to_do_are_said(parcels: Any, tmp_path: Path) -> None:
    first = parcels("send register --parcel-id A1 --command-id c1 --json").json
    again = parcels("send register --parcel-id A1 --command-id c1 --json")
    assert again.code == 0
    assert again.json == first | {"status": "duplicate"}
    assert "duplicate: c1 had appended 1 event to parcel-A1 (version 0 → 1, position 1)" in again.err
    nothing = parcels("send touch --parcel-id A1 --json")
    assert nothing.code == 0
    assert nothing.json["status"] == "unchanged"
    assert nothing.json["events"] == []
    assert nothing.json["position"] is None
    assert "unchanged: parcel-A1 stays at version 1" in nothing.err
    assert stored(parcels) == 1
    reused = parcels("send register --parcel-id A9 --command-id c1")
    assert reused.code == 4
    assert "command-id-reused" in reused.err


def test_a_dry_run_shows_events_and_rows_and_writes_nothing(parcels: Any, tmp_path: Path) -> None:
    dry = parcels("send register --parcel-id A1 --weight 2 --dry-run")
    assert dry.code == 0
    assert "Registered" in dry.out
    assert "parcels" in dry.out
    assert "dry run: would append 1 event to parcel-A1 (version 0 → 1); nothing was written" in dry.err
    assert not (tmp_path / "cqrs.db").exists(), "not even a store"
    parcels("send register --parcel-id A1 --weight 2")
    assert "would stay at version 1" in parcels("send touch --parcel-id A1 --dry-run").err
    record = parcels("send register --parcel-id A2 --weight 3 --dry-run --json").json
    assert record["status"] == "dry-run"
    assert record["events"][0]["stream"] == "parcel-A2"
    assert record["changes"] == [
        {
            "projection": "parcels",
            "key": {"parcel_id": "A2"},
            "before": None,
            "after": {"parcel_id": "A2", "weight": "3"},
        }
    ]
    assert stored(parcels) == 1


def test_fields_named_like_the_tools_options(parcels: Any) -> None:
    record = parcels("send register --parcel-id A1 --field.format bag --json").json
    assert record["events"][0]["data"]["format"] == "bag"


@pytest.mark.parametrize(
    ("words", "field", "option"),
    [
        ("--format json", "--field.format …", "cqrs --format … send register …"),
        ("--format=json", "--field.format json", "cqrs --format json send register …"),
        ("--field.format bag --format csv", "--field.format …", "cqrs --format … send register …"),
    ],
)
def test_an_option_of_the_tool_that_may_be_a_field_is_refused(
    parcels: Any, tmp_path: Path, words: str, field: str, option: str
) -> None:
    ran = parcels(f"send register --parcel-id A1 {words}")
    assert (ran.code, ran.out) == (2, "")
    assert "--format is an option of cqrs and a field of register" in ran.err
    assert f"the field: {field}; the option: {option}" in ran.err
    assert not (tmp_path / "cqrs.db").exists()
    assert parcels("--format json send register --parcel-id A1 --field.format bag").json["status"] == "committed"


def test_that_a_store_was_made_is_said_once_and_only_if_it_was(parcels: Any, tmp_path: Path) -> None:
    made = "made the store cqrs.db"
    assert made not in parcels("send register --parcel-id A1 --dry-run").err
    assert made not in parcels("send refuse --parcel-id A1").err
    first = parcels("send register --parcel-id A1 --json")
    assert first.err.splitlines()[1:] == [made]
    assert "made" not in first.out
    assert made not in parcels("send register --parcel-id A2").err
    assert "made the store other.db" in parcels("--store sqlite:other.db send register --parcel-id A1").err
    assert parcels("--store third.db -q send register --parcel-id A1").err == ""


def test_a_store_by_the_name_of_a_folder_is_none(parcels: Any, tmp_path: Path) -> None:
    for url in ("new.db/", "sqlite:new.db/"):
        ran = parcels(f"--store {url} send register --parcel-id A1")
        assert (ran.code, "is a folder by its name" in ran.err) == (2, True)
    assert not (tmp_path / "new.db").exists()


def test_names_of_commands_and_options_in_every_spelling(parcels: Any) -> None:
    for number, words in enumerate(
        ("register --parcel-id", "Register --parcel_id", "register --parcel_id=", "register --parcel-id="), 1
    ):
        assert parcels(f"send {words}{'' if words.endswith('=') else ' '}A{number}").code == 0


def test_globals_before_and_after(parcels: Any, tmp_path: Path) -> None:
    assert parcels("--store x.db send register --parcel-id A1 -q").err == ""
    assert parcels("send --store y.db register --parcel-id A1").code == 0
    assert parcels("send register --store z.db --parcel-id A1").code == 0
    assert {file.name for file in tmp_path.glob("*.db")} == {"x.db", "y.db", "z.db"}


# ── refusals: the exit code, a hint, nothing written ──────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("send registr --parcel-id A1", 3, "did you mean 'register'?"),
        ("send register --parcelid A1", 2, "did you mean --parcel-id"),
        ("send register --parcel-id A2 --weight x", 2, "--weight: Input should be a valid decimal (got 'x')"),
        ("send register", 2, "--parcel-id: Field required"),
        ("send register --parcel-id --dry-run", 2, "--parcel-id=--dry-run"),
        ("send register --parcel-id --json=1", 2, "--json=1 is an option"),
        ("send register --parcel-id A2 --express --tag -d", 2, "-d is an option"),
        ("send register --parcel-id A2 -d {", 2, "not JSON"),
        ("send register -d @nowhere.json", 2, "No such file"),
        ("send register --parcel-id A2 --expect five", 2, "--expect: expected a version, 'new' or 'any' (got 'five')"),
        ("send register --parcel-id A2 --meta a", 2, "KEY=VALUE"),
        ("send register --parcel-id A2 --meta a=1 --meta a=2", 2, "twice"),
        ("send register --parcel-id A2 --command-id ''", 2, "--command-id can't be ''"),
        ("send register --parcel-id A2 extra", 2, "unexpected extra argument"),
        ("send register --parcel-id A1", 1, "already-exists"),
        ("send register --parcel-id A2 --expect 3", 4, "parcel-A2 is at version 0, expected 3"),
        ("send touch --parcel-id A1 --expect new", 4, "parcel-A1 is at version 1, expected new"),
        ("send touch --parcel-id A3", 3, "aggregate-not-found"),
        ("send refuse --parcel-id A1", 1, "error[never]: no"),
        ("send break --parcel-id A1", 8, "boom"),
        ("send", 2, "cqrs send --help"),
        ("send --allow-rejected register --parcel-id A2", 2, "go without a command"),
    ],
)
def test_refusals(parcels: Any, tmp_path: Path, words: str, code: int, said: str) -> None:
    parcels("send register --parcel-id A1")
    ran = parcels(words)
    assert ran.code == code, ran.err
    assert said in ran.err
    assert ran.out == ""
    assert stored(parcels) == 1


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("send touch --parcel-id A1", "hint: cqrs send register opens one"),
        ("send register --parcel-id A1 --expect 3", "hint: it is not there yet, so `new` is what to expect"),
    ],
)
def test_hints_where_there_is_nothing_to_look_at(parcels: Any, words: str, hint: str) -> None:
    assert parcels(words).err.splitlines()[-1] == hint


def test_a_dry_run_only_reads(parcels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parcels("send register --parcel-id A1")
    (tmp_path / "cqrs.db-lock").unlink()
    assert parcels("send register --parcel-id A2 --dry-run").code == 0
    assert not (tmp_path / "cqrs.db-lock").exists(), "whoever opens it for writing takes the lock at the end"


def test_an_invalid_command_makes_no_store(parcels: Any, tmp_path: Path) -> None:
    assert parcels("send register").code == 2
    assert not list(tmp_path.glob("cqrs.db*"))


@pytest.mark.parametrize(
    ("words", "code"),
    [("touch --parcel-id A1", 3), ("register --parcel-id A1 --expect 2", 4), ("register --parcel-id ''", 0)],
)
def test_a_store_is_made_for_a_command_that_appends(parcels: Any, tmp_path: Path, words: str, code: int) -> None:
    assert parcels(f"send {words}").code == code
    assert (tmp_path / "cqrs.db").exists() is (code == 0)


@pytest.mark.parametrize(
    "words", ["break --parcel-id A1", "refuse --parcel-id A1", "register --parcel-id A1 --dry-run"]
)
def test_nothing_is_left_of_a_command_that_appends_nothing(parcels: Any, tmp_path: Path, words: str) -> None:
    before = set(tmp_path.iterdir())
    parcels(f"send {words}")
    assert {path for path in tmp_path.iterdir() if path.name != "__pycache__"} == before


def test_the_first_command_is_decided_once_and_no_projection_has_a_say(members: Any, tmp_path: Path) -> None:
    once = ("return Joined(", "print('decided', file=__import__('sys').stderr); return Joined(")
    broken = (
        "self.city = event.city\n\n    @evolve\n    def scored",
        "raise ValueError\n\n    @evolve\n    def scored",
    )
    ran = members("send join --member-id ann --email ann@x.org --dry-run", broken)
    assert ran.code == 0, ran.err  # as what it says is
    ran = members("send join --member-id ann --email ann@x.org", once, broken)
    assert ran.code == 0, ran.err
    assert ran.err.count("decided") == 1
    assert (tmp_path / "cqrs.db").exists()


def test_an_inline_projection_that_refuses_the_first_command_leaves_nothing(members: Any, tmp_path: Path) -> None:
    broken = (
        "self.email = event.email\n\n    @evolve\n    def changed",
        "raise ValueError\n\n    @evolve\n    def changed",
    )
    ran = members("send join --member-id ann --email ann@x.org", broken)
    assert ran.code == 8
    (tmp_path / "lines").write_text('{"command": "join", "data": {"member_id": "ann", "email": "a"}}')
    assert members("send --batch lines", broken).code == 8
    assert not list(tmp_path.glob("cqrs.db*"))


def test_words_that_are_no_utf8(here: Any, parcels: Any) -> None:
    ran = here("send", "register", "--parcel-id", "A\udcff", "--tag", "x")
    assert ran.code == 2
    assert r"--parcel-id: not a text in UTF-8 (got 'A\udcff')" in ran.err


def test_a_forgotten_value_is_said_with_the_command_it_belongs_to(parcels: Any) -> None:
    ran = parcels("send register --parcel-id")
    assert ran.code == 2
    assert "hint: cqrs send register --help" in ran.err


def test_errors_are_json_when_asked_for(parcels: Any) -> None:
    error = parcels("send register --weight x --json").error
    assert error["code"] == "invalid-input"
    assert error["complaints"] == ["--parcel-id: Field required", "--weight: Input should be a valid decimal (got 'x')"]
    assert "cqrs send register --help" in error["hint"]


def test_expect_any_and_new(parcels: Any) -> None:
    assert parcels("send register --parcel-id A1 --expect new").code == 0
    assert parcels("send touch --parcel-id A1 --expect any").code == 0
    assert parcels("send touch --parcel-id A1 --expect 1").code == 0


# ── help ──────────────────────────────────────────────────────────────────────────────────────


def test_help_lists_the_domains_commands(parcels: Any) -> None:
    ran = parcels("send --help")
    assert ran.code == 0
    for word in ("register", "Take a parcel in.", "touch", "--batch"):
        assert word in ran.out
    assert "second paragraph" not in ran.out


def test_help_of_a_command_shows_its_fields(parcels: Any) -> None:
    out = parcels("send register --help").out
    for word in (
        "second paragraph",
        "--parcel-id",
        "required",
        "--express / --no-express",
        "--tags, --tag",
        "--field.format",
    ):
        assert word in out
    assert out.index("--parcel-id") < out.index("--expect")


def test_help_without_a_domain(here: Any) -> None:
    ran = here("send --help")
    assert ran.code == 0
    assert "--batch" in ran.out
    assert "No domain" in ran.out


@pytest.mark.parametrize("group", ["send", "query"])
def test_help_of_a_domain_that_can_not_be_loaded_shows_where_it_fails(here: Any, tmp_path: Path, group: str) -> None:
    (tmp_path / "bad.py").write_text("limit = 1 / 0\n")
    ran = here(f"--app bad:domain {group} --help")
    assert ran.code == 0
    assert "see the traceback" in ran.out
    assert ran.err.count("limit = 1 / 0") == 1
    assert "ZeroDivisionError" in ran.err
    assert here("send create-order").code == 2


def completed(run: Any, monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    """What bash is offered at the end of a line."""
    monkeypatch.setenv("_CQRS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    words: list[str] = run("").out.split()
    return words


def test_completion_knows_commands_options_and_choices(orders_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed(orders_app, monkeypatch, "cqrs send can") == ["cancel-order"]
    assert completed(orders_app, monkeypatch, "cqrs send cancel-order --re") == ["--reason"]
    assert completed(orders_app, monkeypatch, "cqrs query orders-by-customer --status s") == ["submitted", "shipped"]
    monkeypatch.setenv("CQRS_APP", "nowhere:domain")
    assert completed(orders_app, monkeypatch, "cqrs send can") == []


def test_only_the_command_asked_for_is_built(parcels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from cqrs_cli.cli.options import parameters as options

    built = []
    real = options.Options.__init__

    def spy(self: Any, model: Any, *rest: Any) -> None:
        built.append(model.__name__)
        real(self, model, *rest)

    monkeypatch.setattr(options.Options, "__init__", spy)
    assert parcels("send --help").code == 0
    with monkeypatch.context() as typing:
        assert completed(parcels, typing, "cqrs send ") == ["break", "refuse", "register", "touch"]
    assert built == []
    assert parcels("send register --parcel-id A1").code == 0
    assert built == ["Register"]


# ── as a user runs it ─────────────────────────────────────────────────────────────────────────


def test_in_a_process_of_its_own(cqrs: Any) -> None:
    app = ("--app", "samples.orders:domain")
    ran = cqrs(*app, *shlex.split(CREATE))
    assert "appended 2 events to order-" in ran.stderr
    example = cqrs(*app, "schema", "create-order", "--example").stdout
    outcome = cqrs.json(*app, "send", "create-order", "-d", "@-", "--shipping-address.city", "Rome", stdin=example)
    assert outcome["events"][0]["data"]["shipping_address"]["city"] == "Rome"
    bad = cqrs(*app, "send", "create-order", "-d", "@-", "--item", "@-", exit_code=2, stdin=example)
    assert "stdin can't be read by -d/--data and --items" in bad.stderr
    assert len(cqrs("log", "--jsonl").stdout.splitlines()) == 4


def test_stdin_is_read_only_when_asked_for(cqrs: Any) -> None:
    ran = cqrs("--app", "samples.orders:domain", *shlex.split(CREATE), "--json", stdin='{"customer_id": "not this"}')
    assert json.loads(ran.stdout)["status"] == "committed"


def test_what_send_imports(cqrs: Any) -> None:
    """Start-up: no rich unless a table is drawn, and none of what only examples, batches and migrations need."""
    cqrs("--app", "samples.orders:domain", *shlex.split(CREATE))  # makes the store: that takes the migrations
    heavy = ("rich", "sqlite_utils", "cqrs_cli.cli.options.examples", "cqrs_cli.cli.options.patterns")
    program = (
        "import sys; from cqrs_cli.cli.shell.boundary import run\n"
        f"code = run({['--app', 'samples.orders:domain', *shlex.split(CREATE), '--json']!r})\n"
        f"print(code, *[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=cqrs.folder, env=cqrs.environ, capture_output=True, text=True, check=False
    )
    assert ran.stderr.splitlines()[-1] == "0", ran.stderr


def test_a_store_in_memory_would_be_gone_at_once(parcels: Any) -> None:
    ran = parcels("--store memory:shop send register --parcel-id A1 --weight 1")
    assert ran.code == 2
    assert ran.err.splitlines()[0] == "error[configuration]: the store memory:shop would be gone when the command ends"
    assert parcels("--store memory:shop log").code == 3
