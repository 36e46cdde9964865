"""Settings: where each value comes from, and what can't be used."""

from typing import Any

import pytest

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


def test_a_file_for_data_is_beside_the_settings_that_name_it(tmp_path):
    (tmp_path / "cqrs.toml").write_text('output = "out/rows.csv"\n')
    deep = tmp_path / "src"
    deep.mkdir()
    assert Settings({}, {}, deep).output == str(tmp_path / "out" / "rows.csv")
    assert Settings({}, {}, tmp_path).output == "out/rows.csv"
    assert Settings({"output": "here.csv"}, {}, deep).output == "here.csv"
    assert Settings({}, {"CQRS_OUTPUT": "here.csv"}, deep).output == "here.csv"


def test_in_one_folder_cqrs_toml_counts(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.cqrs]\napp = "shared:domain"\nstore = "shared.db"\n')
    (tmp_path / "cqrs.toml").write_text('app = "own:domain"\n')
    settings = Settings({}, {}, tmp_path)
    assert settings.file == tmp_path / "cqrs.toml"
    assert (settings.app, settings.store) == ("own:domain", "cqrs.db"), "the tables are not merged"


def test_standard_output_is_no_file_beside_the_settings(tmp_path):
    (tmp_path / "cqrs.toml").write_text('output = "-"')
    deep = tmp_path / "src"
    deep.mkdir()
    assert Settings({}, {}, deep).output is None
    assert Settings({}, {}, tmp_path).output is None


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
