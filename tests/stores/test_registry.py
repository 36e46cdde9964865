"""Stores are found by the scheme of their URL; one that a package brings passes the suites like the one built in."""

import subprocess
import sys
from pathlib import Path

import pytest

from cqrs_cli.errors import ConfigurationError
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import GROUP, open_store
from cqrs_cli.testing.making import commit
from cqrs_cli.testing.store_contract import StoreContract, store
from tests.conftest import ROOT, Shell

__all__ = ["store"]


def install(folder: Path, **schemes: str) -> Path:
    """What pip leaves of a package with these entry points."""
    info = folder / "another_store-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another-store\nVersion: 1.0\n")
    lines = [f"{scheme} = {value}" for scheme, value in schemes.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = install(
        tmp_path / "site",
        wrapped="tests.stores.wrapped:open_wrapped",
        broken="tests.stores.wrapped:nothing",
        absent="there_is_no_such_module:open",
    )
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def url(site: Path, tmp_path: Path) -> str:
    return f"wrapped:{tmp_path / 'log.db'}"


class TestStoreFromOutside(StoreContract):
    """The suites as they are, on a store that was found through its entry point."""

    def test_it_is_the_one_from_outside(self, store: Store, url: str) -> None:
        assert store.describe()["kind"] == "wrapped"
        assert store.url == url


def test_the_shell_finds_it(url: str, site: Path, cqrs: Shell) -> None:
    with open_store(url, create=True) as store:
        store.append(commit("c1"))
    cqrs.environ["PYTHONPATH"] = f"{site}:{ROOT}"
    assert [event["stream"] for event in cqrs.json("--store", url, "log")] == ["order-1"]
    cqrs.environ["PYTHONPATH"] = str(ROOT)
    refused = cqrs("--store", url, "log", exit_code=2)
    assert "no store understands" in refused.stderr


def test_an_unknown_scheme_is_told_which_there_are(site: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no store understands 'nope://host/log'") as caught:
        open_store("nope://host/log")
    assert caught.value.details["schemes"] == [
        "absent", "broken", "file", "memory", "postgres", "postgresql", "sqlite", "wrapped",
    ]  # fmt: skip
    assert caught.value.hint == (
        "the schemes there are: absent, broken, file, memory, postgres, postgresql, sqlite, wrapped; a path is understood, too: shop.db, as in sqlite:shop.db"
    )


@pytest.mark.parametrize("scheme", ["broken", "absent"])
def test_a_store_that_can_not_be_loaded(site: Path, scheme: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"the store for {scheme}: can't be loaded from "):
        open_store(f"{scheme}:log")


def test_no_package_takes_the_place_of_the_store_that_is_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path / "site", sqlite="tests.stores.wrapped:open_wrapped")))
    for url in (f"sqlite:{tmp_path / 'a.db'}", f"file:{tmp_path / 'b.db'}", str(tmp_path / "c.db"), tmp_path / "d.db"):
        with open_store(url, create=True) as store:
            assert store.describe()["kind"] == "sqlite"


def test_the_store_that_is_built_in_is_found_without_asking_packages(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom cqrs_cli.stores.registry import open_store\n"
        "for url in ('a.db', 'sqlite:a.db', 'file:a.db'):\n    open_store(url, create=True).close()\n"
        "found = [name for name in sys.modules if name.startswith('importlib.metadata')]\n"
    )
    # A store that is there: who makes one imports sqlite-utils, which asks packages for its plugins.
    open_store(str(tmp_path / "a.db"), create=True).close()
    subprocess.run(
        [sys.executable, "-c", script + "assert not found, found"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
    )
