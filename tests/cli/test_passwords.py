"""The password in a store's URL is in no output: of no command, in no format, whoever complains."""

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cqrs_cli.errors import Unavailable
from cqrs_cli.stores.addresses import shown
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit
from tests.cli.test_masking import LINES
from tests.stores.postgres.administrator import run
from tests.stores.test_registry import install

SECRET = "hunter2secret"
COMMANDS = (
    "log", "log --json", "log -f --timeout 0.1", "streams", "stats --csv", "trace @1", "show @1", "doctor", "doctor --json",
    "config", "config --json", "config --csv", "sql 'SELECT 1'", "run --status", "run --once", "run --failed", "run --dropped",
    "replay order-1", "replay --verify", "project", "project --status", "project --check --format junit",
    "project --check --format github", "query order_summary", "snapshot list", "snapshot take", "schema",
    "send create-order --data '{}'", "send create-order --dry-run --data '{}'", "send --batch x.jsonl", "demo", "demo --keep",
    "nosuch", "log --nosuch", "init x", "--version",
)  # fmt: skip


def open_guarded(url: str, *, create: Any, read_only: bool, durability: str | None) -> Store:
    """A store behind a password that works."""
    return SQLiteStore("guarded.db", create=create, read_only=read_only, durability=durability)


def open_talking(url: str, **_: Any) -> Store:
    """A driver quotes what it was given, as drivers do."""
    raise Unavailable(f"can't connect to {url}", hint=f"is {SECRET!r} right?", details_of=url, code="cannot-open")


def open_failing(url: str, **_: Any) -> Store:
    raise RuntimeError(f"{url} {SECRET}")


@pytest.fixture(params=["guarded", "talking", "failing", "nosuchscheme"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    openers = {name: f"tests.cli.test_passwords:open_{name}" for name in ("guarded", "talking", "failing")}
    monkeypatch.syspath_prepend(str(install(tmp_path / "site", **openers)))
    return f"{request.param}://ada:{SECRET}@db.example/shop?sslpassword={SECRET}"


@pytest.mark.parametrize("way", ["option", "environment", "file"])
def test_no_output_has_it(url: str, way: str, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQRS_APP", "samples.orders:domain")
    (tmp_path / "x.jsonl").write_text('{"command": "create-order"}\n')
    if way == "environment":
        monkeypatch.setenv("CQRS_STORE", url)
    elif way == "file":
        (tmp_path / "cqrs.toml").write_text(f'store = "{url}"\n')
    said = ""
    for line in COMMANDS:
        words = [*(["--store", url] if way == "option" else []), "--debug", *shlex.split(line)]
        ran = here(*words)
        assert SECRET not in ran.out + ran.err, line
        assert ran.code != 70 or url.startswith("failing"), (line, ran.err)
        said += ran.out + ran.err
    assert "***@db.example/shop" in said


ARGUMENTS = (
    "copy {url} x.db", "copy {url} y.db --json", "copy own.db {url}", "copy own.db {url} --json", "copy {url} {url}",
    "copy own.db {url} --stream order-1 --debug", "mirror {url} z.db", "mirror own.db {url}", "fork {url}", "backup {url}",
    "export -o {url}", "import {url}", "diff {url}", "verify --against {url}", "corpus pull {url}", "rehearse {url}",
)  # fmt: skip


def test_nor_has_it_where_the_url_is_an_argument(url: str, here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQRS_APP", "samples.orders:domain")
    monkeypatch.setenv("CQRS_STORE", "own.db")
    with open_store("own.db", create=True) as store:
        store.append(commit("c1"))
    said = ""
    for line in ARGUMENTS:
        ran = here(*shlex.split(line.format(url=url)))
        assert SECRET not in ran.out + ran.err, line
        said += ran.out + ran.err
    assert "***@db.example/shop" in said


def test_a_library_that_opens_it_reads_no_password_in_our_errors() -> None:
    with pytest.raises(Exception, match=r"postgresnot://ada:\*\*\*@db") as caught:
        open_store(f"postgresnot://ada:{SECRET}@db/shop")
    assert SECRET not in str(caught.value)


def test_who_waits_for_the_store_does_not_say_it(
    url: str, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cqrs_cli.cli.commands.run.running.time.sleep", interrupted)
    ran = here("--store", url, "--app", "samples.orders.fulfilment:domain", "run")
    assert SECRET not in ran.out + ran.err
    assert not url.startswith("guarded") or "waiting for the store guarded://ada:***@" in ran.err


HARD = "hünter:2/s@cret %é"
SCHEMA = "guarded_store"
FORMS: dict[str, str] = {
    "in its place": "postgresql://{role}:{quoted}@{host}/tester?schema={schema}",
    "a parameter": "postgresql://{host}/tester?schema={schema}&user={role}&password={quoted}",
    "a file": "postgresql://{role}@{host}/tester?schema={schema}&passfile={folder}/passwords",
    "a service": "postgresql:///?service=guarded&schema={schema}",
}
WRONG = {
    "another database": lambda url: url.replace("/tester?", "/nosuch?"),
    "another port": lambda url: url.replace("127.0.0.1:", "127.0.0.1:1,127.0.0.1:"),
    "another schema": lambda url: url.replace(f"schema={SCHEMA}", "schema=none"),
    "no schema": lambda url: url.replace(f"schema={SCHEMA}", "schema=A%20B"),
    "no TLS there": lambda url: f"{url}&sslmode=require",
    "an unknown word": lambda url: f"{url}&nosuch=1",
    "keywords": lambda url: f"host=127.0.0.1 user=ada password='{HARD}' dbname=tester",
    "keywords without quotes": lambda url: f"host=127.0.0.1 password={quote(HARD, safe='')} dbname=tester",
}


@pytest.fixture
def hard(postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """URLs of a store on a server whose password has every letter that is hard to mask, by form."""
    role, host = "guarded_role", postgresql.rpartition("@")[2].partition("/")[0]
    text = HARD.replace("'", "''")
    run(postgresql, f"CREATE ROLE {role} LOGIN PASSWORD '{text}'")
    run(postgresql, f"GRANT CREATE ON DATABASE tester TO {role}")
    run(postgresql, f"GRANT {role} TO CURRENT_USER")
    address, port = host.split(":")
    escaped = HARD.replace("\\", "\\\\").replace(":", "\\:")
    (tmp_path / "passwords").write_text(f"*:*:*:*:{escaped}\n")
    (tmp_path / "passwords").chmod(0o600)
    service = f"[guarded]\nhost={address}\nport={port}\ndbname=tester\nuser={role}\npassword={HARD}\n"
    (tmp_path / "services").write_text(service)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    words = {"role": role, "host": host, "schema": SCHEMA, "folder": str(tmp_path), "quoted": quote(HARD, safe="")}
    yield lambda form: FORMS[form].format(**words)
    run(postgresql, f"DROP OWNED BY {role} CASCADE")
    run(postgresql, f"DROP ROLE {role}")


def has_none(said: str) -> None:
    for secret in (HARD, quote(HARD), quote(HARD, safe=""), HARD.split()[0], HARD[:8]):
        assert secret not in said


@pytest.mark.file
@pytest.mark.parametrize("form", FORMS)
def test_every_command_on_a_server_keeps_it(
    hard: Callable[[str], str], form: str, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All commands for the first form, and those that say most of the store for the others."""
    monkeypatch.setenv("CQRS_APP", "tests.cli.leaky_domain:domain")
    url = hard(form)
    assert here("--store", url, "migrate").code == 0
    (tmp_path / "again.jsonl").write_text('{"command": "register", "data": {"email": "a@b.org", "name": "n"}}\n')
    every = [(command, line) for command, lines in LINES.items() for line in lines if "--store" not in line]
    few = ("log", "doctor", "config", "migrate", "verify", "check")
    for command, line in every if form == "in its place" else [(one, one) for one in few]:
        words = shlex.split(line.format("person-1", "a@b.org", "person-1", "n"))
        ran = here("--store", url, "--debug", *words)
        has_none(ran.out + ran.err)
        assert ran.code != 70, (command, line, ran.err)
        assert "can't be reached" not in ran.err, (line, ran.err)


@pytest.mark.file
@pytest.mark.parametrize("wrong", WRONG)
def test_nor_does_an_error_tell_it(hard: Callable[[str], str], wrong: str, here: Any) -> None:
    for form in FORMS:
        url = WRONG[wrong](hard(form))
        for words in (
            "log --debug",
            "doctor --json",
            "config",
            "migrate",
            "run --once",
            "sql 'SELECT 1/0'",
            "copy . x.db",
        ):
            ran = here("--store", url, *shlex.split(words))
            has_none(ran.out + ran.err)
            assert ran.code != 70, (words, url, ran.err)
        has_none(shown(url))
