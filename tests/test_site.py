"""The site: every page is in its menu, nothing links out of it, and where its generator is there it builds strictly."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

DOCS = ROOT / "docs"
CONFIG = ROOT / "zensical.toml"
PAGES = sorted(DOCS.rglob("*.md"))


def listed(menu: Any) -> Iterator[str]:
    for entry in menu:
        for target in entry.values():
            yield from [target] if isinstance(target, str) else listed(target)


def test_every_page_is_in_the_menu() -> None:
    menu = list(listed(tomllib.loads(CONFIG.read_text(encoding="utf-8"))["project"]["nav"]))
    assert len(menu) == len(set(menu))
    assert sorted(menu) == sorted(page.name for page in DOCS.glob("*.md")), "zensical.toml lists the pages"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_lead_to_pages_and_pictures_of_the_site(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            found = (page.parent / target).resolve()
            assert found.is_relative_to(DOCS), f"{target} is not on the site"
            assert found.is_file(), f"{target} is no page"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("the extra `docs` is not installed: make site")
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(CONFIG, tmp_path)
    return tmp_path


def built(site: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    return subprocess.run(words, cwd=site, capture_output=True, encoding="utf-8", timeout=110)


def test_it_builds(site: Path) -> None:
    ran = built(site)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for page in DOCS.glob("*.md"):
        assert (site / "site" / ("" if page.stem == "index" else page.stem) / "index.html").is_file()
    assert (site / "site" / "pictures" / "one-log.svg").is_file()
    assert 'class="mermaid"' in (site / "site" / "concepts" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("link", ["[x](nothing.md)", "[x](concepts.md#nowhere)"])
def test_a_link_that_leads_nowhere_ends_it(site: Path, link: str) -> None:
    with (site / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{link}\n")
    assert built(site).returncode != 0
