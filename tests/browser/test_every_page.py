"""Every page, light and dark, wide and narrow: accessible, still while it loads, its console silent."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from tests.browser.places import Places
from tests.http.programs import Program

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
SHIFT = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => { for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value; })
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 250);
})"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
NUMBERS = range(23)


@pytest.fixture(scope="session")
def places(template: Path) -> Places:
    """Where to look."""
    return Places(str(template))


def test_all_places_are_looked_at(places: Places) -> None:
    assert len(places.all()) == len(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_page(page: Page, looked_at: Program, places: Places, number: int) -> None:
    path = places.all()[number]
    page.goto(looked_at.url + path)
    shifted = page.evaluate(SHIFT)
    told = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
        told += [(scheme, one["id"], one["impact"], [node["html"][:110] for node in one["nodes"][:3]]) for one in found]
    assert (path, told) == (path, [])
    assert shifted < 0.02
    page.set_viewport_size({"width": 420, "height": 800})
    assert page.evaluate(OVERFLOW) <= 0, "it is wider than a telephone"


def test_all_of_it_without_a_script(browser: Browser, looked_at: Program, places: Places) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for path in places.all():
        response = page.goto(looked_at.url + path)
        assert response is not None
        assert response.status in (200, 400, 404), path
        dead = "main button:visible:not([type=submit]):not(form button)"
        assert page.locator(dead).count() == 0, f"{path} shows buttons that do nothing without a script"
    context.close()


def test_printed_it_is_the_page_alone(page: Page, looked_at: Program, places: Places) -> None:
    page.goto(f"{looked_at.url}/ui/log")
    page.emulate_media(media="print")
    assert not page.locator(".rail").is_visible()
    assert page.locator("#log tbody tr").first.is_visible()
    assert page.pdf()[:5] == b"%PDF-"
