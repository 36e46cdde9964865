"""`cqrs serve`: what it refuses before it listens."""

import logging
import os
import socket
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cqrs_cli.cli.commands.serve import _Notes
from cqrs_cli.errors import DomainFailed, Unavailable
from cqrs_cli.http import serving, tokens
from cqrs_cli.http.app import Application

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def served(here: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`here`, where a server is looked at instead of run: the applications that would be."""
    monkeypatch.setenv("CQRS_APP", "tests.bank:domain")
    found: list[Any] = []

    def run(app: Application, made: socket.socket, ready: Any, root_path: str) -> None:
        with closing(made):
            found.append((app.face.options, made.getsockname(), root_path))
            ready()

    monkeypatch.setattr(serving, "serve", run)
    here.found = found
    return here


def token_file(mode: int = 0o600, text: str = TOKEN) -> str:
    path = Path("token")
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_it_prints_where_it_answers(served: Any) -> None:
    ran = served("serve --port 0")
    [(options, (host, port), _)] = served.found
    assert (ran.code, ran.out) == (0, f"http://{host}:{port}\n")
    assert ran.err == "made the store cqrs.db\nreads and writes cqrs.db; Ctrl-C ends it\n"
    assert (options.read_only, options.sql, options.run, options.token) == (False, True, False, None)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--host 0.0.0.0", 2, "error[open-door]"),
        ("--host 0.0.0.0 --token-file none", 2, "error[token-file]"),
        ("--read-only --write", 2, "--read-only writes nothing, and --write does"),
        ("--read-only --run", 2, "--read-only writes nothing, and --run does"),
        ("--read-only", 3, "error[store-not-found]"),
        ("--port 70000", 2, "--port"),
        ("--port x", 2, "--port"),
        ("--cors *", 2, "is no origin"),
        ("--cors shop.example.org", 2, "is no origin"),
        ("--root-path shop/", 2, "is no path"),
        ("--allow-host *", 2, "is no name of a host"),
        ("--allow-host http://shop.example.org", 2, "is no name of a host"),
        ("--allow-host shop.example.org:8027", 2, "is no name of a host"),
        ("--host 8.8.8.8 --write --authenticate tests.bank:the_moment", 7, "error[no-address]"),
        ("--authenticate who", 2, "MODULE:FUNCTION"),
        ("--authenticate nothing.at_all:who", 2, "no module named"),
        ("--authenticate tests.bank:nobody", 2, "names no function"),
        ("--write --host nowhere.invalid --authenticate tests.bank:the_moment", 7, "error[no-address]"),
        ("--json", 2, "an array has an end"),
    ],
)
def test_what_can_not_be(served: Any, words: str, code: int, said: str) -> None:
    ran = served(f"serve --port 0 {words}" if "--port" not in words else f"serve {words}")
    assert (ran.code, served.found) == (code, []), ran.err
    assert said in ran.err
    assert "hint" in ran.err
    assert not Path("cqrs.db").exists()


def test_a_port_that_is_taken(served: Any) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        ran = served(f"serve --port {other.getsockname()[1]}")
    assert (ran.code, served.found) == (7, [])
    assert "error[port-taken]" in ran.err


def test_a_token_that_others_can_read_is_none(served: Any) -> None:
    for mode, text, said in ((0o644, TOKEN, "chmod 600"), (0o600, "short", "5 characters"), (0o600, "ø" * 20, "ASCII")):
        ran = served(f"serve --port 0 --token-file {token_file(mode, text)}")
        assert (ran.code, served.found) == (2, [])
        assert said in ran.err
        assert text not in ran.err
    ran = served(f"serve --port 0 --token-file {token_file()}")
    assert (ran.code, served.found[0][0].token) == (0, TOKEN)
    assert TOKEN not in ran.out + ran.err + repr(served.found[0][0])


def test_a_token_that_can_not_be_read_has_its_own_way_on(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("folder").mkdir()
    for name, said in (("nothing", "make one: "), ("folder", "a file with the token")):
        ran = served(f"serve --port 0 --token-file {name}")
        assert (ran.code, served.found) == (2, [])
        assert said in ran.err
    path = token_file()
    if os.geteuid() == 0:  # who may read everything
        monkeypatch.setattr(tokens, "open", refused, raising=False)
    else:
        os.chmod(path, 0)
    ran = served(f"serve --port 0 --token-file {path}")
    assert (ran.code, served.found) == (2, [])
    assert f"chown {os.geteuid()} {path}" in ran.err


def refused(*_: object, **__: object) -> Any:
    raise PermissionError(13, "Permission denied")


def test_outside_loopback_it_only_reads_unless_it_is_asked_to_write(served: Any) -> None:
    assert served("--store cqrs.db migrate").code == 0
    guarded = f"serve --host 0.0.0.0 --port 0 --token-file {token_file()}"
    for words, read_only, sql in (("", True, False), ("--write", False, False), ("--write --sql", False, True)):
        ran = served(f"{guarded} {words}")
        assert ran.code == 0, ran.err
        options = served.found.pop()[0]
        assert (options.read_only, options.sql) == (read_only, sql)


def test_options_stand_in_the_settings_too(served: Any) -> None:
    token_file()
    Path("cqrs.toml").write_text(
        'app = "tests.bank:domain"\n[http]\nport = 0\nreaders = 2\nallow-host = ["bank.example.org"]\n'
        'token-file = "token"\ncors = ["https://shop.example.org"]\nroot-path = "/bank"\nfollowers = 7\n'
    )
    Path("inside").mkdir()
    os.chdir("inside")
    assert served("serve --readers 3").code == 0
    [(options, _, root_path)] = served.found
    assert (options.readers, options.followers, options.token, root_path) == (3, 7, TOKEN, "/bank")
    assert options.hosts == {"bank.example.org", "127.0.0.1"}
    assert options.origins == {"https://shop.example.org"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "did you mean 'port'?"),
        ('port = "8027"', "port is a number"),
        ("port = true", "port is a number"),
        ('cors = "x"', "cors is a list of texts"),
        ("readers = 0", "out of bounds"),
        ("sql = 1", "sql is true or false"),
    ],
)
def test_settings_that_can_not_be(served: Any, text: str, said: str) -> None:
    Path("cqrs.toml").write_text(f"[http]\n{text}\n")
    ran = served("serve")
    assert (ran.code, served.found) == (2, [])
    assert said in ran.err


def test_a_plug_is_loaded_beside_the_domain(served: Any) -> None:
    Path("cqrs.toml").write_text('app = "tests.bank:domain"\n[http]\nauthenticate = "doorman:who"\nport = 0\n')
    Path("doorman.py").write_text("def who(headers):\n    return None\n")
    assert served("serve").code == 0
    assert served.found[0][0].authenticate({}) is None


def test_another_domains_store_is_refused(served: Any) -> None:
    assert served("--app samples.users:domain --store cqrs.db migrate").code == 0
    served("--app tests.office:domain send pay --order-id o1")
    ran = served("serve --port 0")
    assert (ran.code, served.found) == (2, [])
    assert "error[foreign-log]" in ran.err
    assert served("serve --port 0 --foreign").code == 0


def test_reactions_that_do_not_know_where_to_begin(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQRS_APP", "tests.office:domain")
    assert served("send pay --order-id o1").code == 0
    ran = served("serve --port 0 --run")
    assert (ran.code, served.found) == (2, [])
    assert "error[new-reaction]" in ran.err


def test_without_its_packages_it_is_one_line(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from cqrs_cli.http import extra

    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "fastapi" else object())
    ran = served("serve")
    assert (ran.code, served.found) == (2, [])
    assert ran.err == (
        "error[no-http]: the HTTP face needs fastapi, which is not installed\nhint: pip install 'cqrs-cli[http]'\n"
    )


def test_a_mask_that_names_nothing_is_told_before_anybody_asks(served: Any) -> None:
    assert served("serve --port 0 --mask owner").err.startswith("made the store"), "nothing is in it yet"
    assert served("send open --account-id ada").code == 0
    ran = served("serve --port 0 --mask ownr --mask owner")
    told, then = ran.err.splitlines()[:2]
    assert told == "nothing in the log is called 'ownr' so far: nothing is hidden for it"
    assert "reads and writes" in then


def test_it_leaves_no_handler_behind(served: Any) -> None:
    before = [list(logging.getLogger(name).handlers) for name in ("cqrs.http", "uvicorn")]
    assert served("serve --port 0").code == 0
    assert [logging.getLogger(name).handlers for name in ("cqrs.http", "uvicorn")] == before
    assert logging.getLogger("uvicorn").propagate


def test_notes_say_where_a_bug_is() -> None:
    """The answer does not, and says that they do."""
    said: list[str] = []
    session: Any = SimpleNamespace(settings=SimpleNamespace(debug=False), printer=SimpleNamespace(error=said.append))
    notes = _Notes(session)
    for error, where in (
        (KeyError("x"), "KeyError: 'x'"),
        (DomainFailed("open raised", traceback="  shop.py, line 7, in open"), "shop.py, line 7"),
        (Unavailable("it is locked"), None),
    ):
        said.clear()
        notes.emit(
            logging.LogRecord("cqrs.http", logging.ERROR, "", 0, "GET /x failed", (), (type(error), error, None))
        )
        assert said[0] == "GET /x failed"
        assert any(where in line for line in said) if where else len(said) == 1
