"""The frame and the log: keys, the jump, theme and time, what moves, following, signing in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import served
from tests.browser.places import Places
from tests.http.programs import Program

PEN = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def places(template: Path) -> Places:
    """Where to look."""
    return Places(str(template))


def receive(server: Program, quantity: int = 7, product: str = PEN) -> int:
    """A command from elsewhere; the position of its event."""
    with server.client() as client:
        answer = client.post("/commands/receive-stock", json={"product_id": product, "quantity": quantity})
        assert answer.status_code == 201, answer.text
        return int(answer.headers["log-position"])


def test_keys(page: Page, looked_at: Program, places: Places) -> None:
    page.goto(f"{looked_at.url}/ui/")
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url("**/ui/log")
    for key in ("j", "j", "k", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url(f"**/ui/events/{places.head}")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type(f"{places.order}@3")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/ui/streams/{places.order}?at=3")


def test_every_section_has_its_key(page: Page, looked_at: Program) -> None:
    for key, path in {
        "o": "/ui/",
        "s": "/ui/streams",
        "m": "/ui/models",
        "p": "/ui/processes",
        "c": "/ui/commands",
        "d": "/ui/domain",
        "q": "/ui/sql",
    }.items():
        page.goto(f"{looked_at.url}/ui/log")
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url("**" + path)


def test_theme_and_zone_are_kept(browser: Browser, looked_at: Program) -> None:
    context = browser.new_context(color_scheme="light", timezone_id="Asia/Tokyo")
    page = context.new_page()
    page.goto(f"{looked_at.url}/ui/log")
    utc = page.locator("#log time").first.inner_text()
    page.click("#theme")
    page.click("#zone")
    tokyo = page.locator("#log time").first.inner_text()
    assert tokyo[-4:] == utc[-4:]
    assert tokyo != utc
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.locator("#log time").first.inner_text() == tokyo
    context.close()


def test_what_moves_in_the_frame(page: Page, changed: Program) -> None:
    page.goto(f"{changed.url}/ui/")
    expect(page.locator("#link")).to_have_class(re.compile("on"))
    head = receive(changed)
    expect(page.locator("#head")).to_have_text(f"@{head}")
    changed.process.kill()
    changed.process.communicate()
    expect(page.locator("#link")).not_to_have_class(re.compile(r"\bon\b"))


def test_following(page: Page, changed: Program) -> None:
    """An event is seen when it comes, each once; what does not match is not; while it is held nothing is lost."""
    page.goto(f"{changed.url}/ui/log?category=stock")
    page.locator("h1").first.click()  # which takes the focus away from the page, and no key
    page.keyboard.press(" ")
    expect(page.locator("#tail")).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(300)
    first = receive(changed)
    page.locator("#log tr.fresh").first.wait_for()
    assert "StockReceived" in page.locator("#log tbody tr").first.inner_text()
    page.keyboard.press(" ")
    second = receive(changed)
    page.keyboard.press(" ")
    expect(page.locator("#log tbody tr").first).to_contain_text(f"@{second}")
    shown = page.locator("#log tbody tr td:first-child").all_inner_texts()
    assert shown[:2] == [f"@{second}", f"@{first}"]
    assert len(set(shown)) == len(shown)


HIDE = """() => {
  Object.defineProperty(document, "hidden", { get: () => true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_seven_tabs(context: BrowserContext, looked_at: Program) -> None:
    """A browser has six connections for a host: those that follow give theirs back when they are hidden."""
    for _ in range(7):
        page = context.new_page()
        page.goto(f"{looked_at.url}/ui/log", timeout=60_000)
        assert page.locator("#log tbody tr").count() == 50
        page.click("#tail")
        page.wait_for_timeout(100)
        page.evaluate(HIDE)


def test_signing_in(browser: Browser, tmp_path: Path, template: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-that-nobody-guesses\n")
    token.chmod(0o600)
    for server in served(tmp_path, template, "--token-file", str(token)):
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{server.url}/ui/log?type=OrderPaid")
        assert "/ui/login" in page.url
        page.fill("#token", "a-token-that-somebody-guesses")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        page.fill("#token", "a-token-that-nobody-guesses")
        page.keyboard.press("Enter")
        page.wait_for_url("**/ui/log?type=OrderPaid")
        assert "a-token" not in page.evaluate("document.cookie"), "a script can read the session"
        page.click("#tail")  # the stream of events comes with the session, too
        page.wait_for_timeout(300)
        expect(page.locator("#link")).to_have_class(re.compile("on"))
        page.click("text=sign out")
        page.goto(f"{server.url}/ui/log")
        assert "/ui/login" in page.url
        context.close()
