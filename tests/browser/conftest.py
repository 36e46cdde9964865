"""A browser, and pages for it to look at: a server for who only looks, one of their own for who changes something."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect, sync_playwright

from tests.browser import shop
from tests.conftest import NO_BROWSER
from tests.http.programs import Program
from tests.missing import missing

APP = "tests.browser.shop:domain"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
expect.set_options(timeout=60_000)  # of its own it waits five seconds, which a busy machine lets pass


def chromium() -> str | None:
    """The program, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here are slow."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.file)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Where there is none: skipped, and a failure under CI.

    Gone before tests of other files: while it is there, a loop is running in this thread, and nobody could run one.
    """
    path = chromium()
    if path is None:
        missing(f"{NO_BROWSER}: apt-get install chromium, or .ci/programs as root")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a week, to be copied."""
    path = tmp_path_factory.mktemp("week") / "shop.db"
    shop.write(str(path))
    return path


def served(folder: Path, template: Path, *words: str) -> Iterator[Program]:
    shutil.copy(template, folder / "cqrs.db")
    made = Program(folder, *words, app=APP)
    yield made
    if made.process.poll() is not None:
        return  # the test has ended it
    code, said = made.end()
    assert (code, said.count("Traceback"), said.count(" failed")) == (0, 0, 0), said


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Program]:
    """A server whose store nobody changes."""
    yield from served(tmp_path_factory.mktemp("looked-at"), template)


@pytest.fixture
def changed(tmp_path: Path, template: Path) -> Iterator[Program]:
    """A server of the test's own."""
    yield from served(tmp_path, template)


class Watched:
    """A page, and what its console complains about."""

    def __init__(self, page: Page) -> None:
        self.page, self.complaints = page, list[str]()
        page.on("console", lambda said: self.complain(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complain(str(error)))
        page.on("dialog", self.dismiss)

    def dismiss(self, dialog: Dialog) -> None:
        """Nothing here may ask anything."""
        self.complain(f"dialog {dialog.message}")
        dialog.dismiss()

    def complain(self, text: str) -> None:
        """Keep it, unless it only says that there was no answer or one with an error, which a test may want."""
        if "the server responded with a status of" not in text and "ERR_CONNECTION_REFUSED" not in text:
            self.complaints.append(text)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Tabs that know nothing of other tests."""
    made = browser.new_context(viewport={"width": 1360, "height": 860})
    made.set_default_timeout(30_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab whose console must be silent."""
    watched = Watched(context.new_page())
    yield watched.page
    assert watched.complaints == []
