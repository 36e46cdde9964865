"""Settings: where each value comes from, and what can't be used."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cqrs_cli import ownership
from cqrs_cli.config import KNOWN, Settings
from cqrs_cli.errors import ConfigurationError


def sources(settings: Settings) -> dict[str, tuple[Any, str]]:
    return {setting.name: (setting.value, setting.source) for setting in settings.all()}


def test_defaults(tmp_path):
    settings = Settings({}, {}, tmp_path)
    expected = {known.name: (known.default, "default") for known in KNOWN}
    assert sources(settings) == expected | {"durability": ("full", "default")}
    assert settings.durability is None, "a store that is there keeps its own"
    assert (settings.store, settings.app, settings.format, settings.output) == ("cqrs.db", None, "table", None)
    assert settings.progress
    assert settings.folder == tmp_path


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.cqrs]\nstore = "file.db"\nformat = "csv"\nquiet = true\n')
    found = sources(Settings({"store": "flag.db"}, {"CQRS_STORE": "environ.db", "CQRS_FORMAT": "json"}, tmp_path))
    file = str(tmp_path / "pyproject.toml")
    assert found["store"] == ("flag.db", "--store")
    assert found["format"] == ("json", "CQRS_FORMAT")
    assert found["quiet"] == (True, file)
    assert found["debug"] == (False, "default")


def test_the_nearest_file_counts_and_its_paths_are_relative_to_it(tmp_path):
    deep = tmp_path / "project" / "src"
    deep.mkdir(parents=True)
    (tmp_path / "cqrs.toml").write_text('app = "far:domain"\n')
    (tmp_path / "project" / "pyproject.toml").write_text('[tool.cqrs]\napp = "near:domain"\nstore = "shop.db"\n')
    (deep / "pyproject.toml").write_text('[project]\nname = "says nothing of cqrs"\n')
    settings = Settings({}, {}, deep)
    assert settings.app == "near:domain"
    assert settings.store == str(tmp_path / "project" / "shop.db")
    assert settings.folder == tmp_path / "project"
    assert Settings({"store": "here.db"}, {}, deep).store == "here.db"
    assert Settings({}, {"CQRS_STORE": "here.db"}, deep).store == "here.db"
    assert Settings({}, {}, tmp_path / "project").store == "shop.db"


def test_the_default_store_is_beside_the_file(tmp_path):
    (tmp_path / "cqrs.toml").write_text("")
    deep = tmp_path / "src"
    deep.mkdir()
    assert Settings({}, {}, deep).store == str(tmp_path / "cqrs.db")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("sqlite:shop.db", "sqlite:{}/shop.db"),
        ("file:shop.db", "file:{}/shop.db"),
        ("sqlite:///var/shop.db", "sqlite:///var/shop.db"),
        ("/var/shop.db", "/var/shop.db"),
        ("data/a:b.db", "{}/data/a:b.db"),
        ("postgres://x/y", "postgres://x/y"),
    ],
)
def test_urls_of_stores(tmp_path, written, expected):
    (tmp_path / "cqrs.toml").write_text(f'store = "{written}"')
    deep = tmp_path / "src"
    deep.mkdir()
    assert Settings({}, {}, deep).store == expected.format(tmp_path)


def test_where_data_goes_is_never_read_from_a_file(tmp_path):
    assert Settings({"output": "here.csv"}, {}, tmp_path).output == "here.csv"
    assert Settings({}, {"CQRS_OUTPUT": "here.csv"}, tmp_path).output == "here.csv"
    assert Settings({}, {"CQRS_OUTPUT": "-"}, tmp_path).output is None
    for name, text in (("cqrs.toml", 'output = "-"'), ("pyproject.toml", '[tool.cqrs]\noutput = "x.csv"')):
        file = tmp_path / name
        file.write_text(text)
        with pytest.raises(ConfigurationError, match="output is never read from a file") as caught:
            Settings({}, {}, tmp_path)
        assert caught.value.hint == "-o FILE, or CQRS_OUTPUT, says where data goes"
        file.unlink()


def test_a_tilde_is_the_home_wherever_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/jo")
    (tmp_path / "cqrs.toml").write_text('store = "sqlite:~/shop.db"')
    assert Settings({}, {}, tmp_path).store == "sqlite:/home/jo/shop.db"
    assert Settings({"store": "~/b.db", "output": "~/o.csv"}, {}, tmp_path).store == "/home/jo/b.db"
    assert Settings({"output": "~/o.csv"}, {}, tmp_path).output == "/home/jo/o.csv"
    assert Settings({}, {"CQRS_STORE": "~/c.db"}, tmp_path).store == "/home/jo/c.db"
    assert Settings({"store": "postgresql://~/x"}, {}, tmp_path).store == "postgresql://~/x"


def test_a_file_that_begins_with_a_byte_order_mark(tmp_path):
    (tmp_path / "cqrs.toml").write_text('store = "a.db"', encoding="utf-8-sig")
    assert Settings({}, {}, tmp_path).store == "a.db"


# ── a file that is named, and files of others ─────────────────────────────────────────────────


@pytest.fixture
def foreign(monkeypatch):
    """Makes a file or folder look like that of another user."""
    theirs = set()
    real = os.stat

    def stat(path, **options):
        found = real(path, **options)
        if str(path) not in theirs:
            return found
        return os.stat_result([*found[:4], 4711, *found[5:10]])

    monkeypatch.setattr(os, "stat", stat)
    return lambda path: theirs.add(str(path))


@pytest.mark.parametrize("name", ["cqrs.toml", "pyproject.toml"])
def test_a_file_of_another_user_is_refused_wherever_it_was_found(tmp_path, foreign, name):
    file = tmp_path / name
    file.write_text(("[tool.cqrs]\n" if name == "pyproject.toml" else "") + 'store = "theirs.db"')
    foreign(file)
    deep = tmp_path / "mine"
    deep.mkdir()
    for folder in (tmp_path, deep):
        with pytest.raises(ConfigurationError, match=f"{file} belongs to 4711, not to you") as caught:
            Settings({}, {}, folder)
        assert (caught.value.code, caught.value.exit_code) == ("foreign-settings", 2)
        assert caught.value.hint == f"if you trust it, name it: --config {file}, or CQRS_CONFIG"
        assert Settings({"config": str(file)}, {}, folder).store == str(tmp_path / "theirs.db") or folder == tmp_path


def test_what_another_user_says_about_other_tools_is_no_matter(tmp_path, foreign):
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.other]\nx = "cqrs"')
    foreign(file)
    assert Settings({}, {}, tmp_path).file is None


def test_files_of_root_are_trusted_and_under_sudo_those_of_the_caller(tmp_path, monkeypatch):
    for euid, caller, uid, expected in (
        (1000, None, 1000, True),
        (1000, None, 0, True),
        (1000, None, 1001, False),
        (1000, "1001", 1001, False),  # whoever is not root was not made another user by sudo
        (0, None, 1000, False),
        (0, "1000", 1000, True),
        (0, "", 1000, False),
        (0, "²", 2, False),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", lambda path, uid=uid: SimpleNamespace(st_uid=uid))
            patch.setattr(os, "geteuid", lambda euid=euid: euid)
            patch.delenv("SUDO_UID", raising=False)
            if caller is not None:
                patch.setenv("SUDO_UID", caller)
            trusted = ownership.is_trusted(tmp_path)
        assert trusted is expected, (euid, caller, uid)


def test_a_folder_that_may_not_be_searched_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "cqrs.toml").write_text('store = "a.db"')
    deep = tmp_path / "shut" / "mine"
    deep.mkdir(parents=True)
    real = Path.is_file

    def is_file(self):
        if self.parent == tmp_path / "shut":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self)

    monkeypatch.setattr(Path, "is_file", is_file)
    monkeypatch.setattr(os, "access", lambda folder, how: folder != tmp_path / "shut")
    assert Settings({}, {}, deep).store == str(tmp_path / "a.db")


def test_a_file_that_is_named_is_the_only_one(tmp_path):
    (tmp_path / "cqrs.toml").write_text('format = "csv"')
    named = tmp_path / "else" / "settings.toml"
    named.parent.mkdir()
    named.write_text('store = "b.db"')
    settings = Settings({"config": str(named)}, {"CQRS_CONFIG": "nothing.toml"}, tmp_path)
    assert (settings.format, settings.store, settings.folder) == ("table", str(named.parent / "b.db"), named.parent)
    assert Settings({}, {"CQRS_CONFIG": "else/settings.toml"}, tmp_path).store == str(named.parent / "b.db")
    assert Settings({}, {"CQRS_CONFIG": ""}, tmp_path).format == "csv"


def test_a_project_file_that_is_named_may_say_nothing(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'")
    assert Settings({"config": "pyproject.toml"}, {}, tmp_path).file == tmp_path / "pyproject.toml"


@pytest.mark.parametrize("text", [None, "format = ", "stor = 1"])
def test_a_file_that_is_named_but_of_no_use(tmp_path, text):
    if text is not None:
        (tmp_path / "named.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"named\.toml") as caught:
        Settings({}, {"CQRS_CONFIG": "named.toml"}, tmp_path)
    assert caught.value.exit_code == 2


def test_a_store_outside_of_the_folder_that_names_it(tmp_path):
    file = tmp_path / "cqrs.toml"
    for text, expected in (
        ('store = "in.db"', False),
        ('store = "data/../in.db"', False),
        ('store = "../out.db"', True),
        ('store = "/var/lib/out.db"', True),
        ("", False),
    ):
        file.write_text(text)
        assert Settings({}, {}, tmp_path).store_is_elsewhere is expected, text
    file.write_text('store = "/var/lib/out.db"')
    assert not Settings({"store": "/tmp/x.db"}, {}, tmp_path).store_is_elsewhere


def test_in_one_folder_cqrs_toml_counts(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.cqrs]\napp = "shared:domain"\nstore = "shared.db"\n')
    (tmp_path / "cqrs.toml").write_text('app = "own:domain"\n')
    settings = Settings({}, {}, tmp_path)
    assert settings.file == tmp_path / "cqrs.toml"
    assert (settings.app, settings.store) == ("own:domain", "cqrs.db"), "the tables are not merged"


@pytest.mark.parametrize(("word", "value"), [("1", True), ("TRUE", True), ("no", False), ("0", False)])
def test_flags_in_the_environment(tmp_path, word, value):
    assert Settings({}, {"CQRS_QUIET": word}, tmp_path).quiet is value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stor = 1", "did you mean 'store'"),
        ("format = 'xml'", "table, json"),
        ("quiet = 'perhaps'", "true or false"),
        ("store = 5", "must be a text"),
        ("store = ''", "can't be ''"),
        ("store = ", "not valid TOML"),
    ],
)
def test_what_can_not_be_used_is_named_with_its_file(tmp_path, text, said):
    (tmp_path / "cqrs.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        Settings({}, {}, tmp_path)
    assert caught.value.exit_code == 2
    assert "cqrs.toml" in caught.value.message
    assert said in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("format", "xyz", "no format is called 'xyz'"),
        ("color", "red", "no color is called 'red'"),
        ("durability", "FULL", "no durability is called 'FULL'"),
        ("quiet", "perhaps", "quiet is 'perhaps'"),
        ("store", "a\0b", "store can't be"),
    ],
)
def test_what_can_not_be_used_is_named_with_its_variable_or_flag(tmp_path, name, value, said):
    for flags, environ, source in (
        ({}, {f"CQRS_{name.upper()}": value}, f"CQRS_{name.upper()}"),
        ({name: value}, {}, f"--{name}"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            Settings(flags, environ, tmp_path)
        assert caught.value.message.startswith(f"{source}: {said}")
        assert caught.value.hint


def test_a_table_that_is_none(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool]\ncqrs = 1\n")
    with pytest.raises(ConfigurationError, match="must be a table"):
        Settings({}, {}, tmp_path)
