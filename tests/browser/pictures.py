"""`make pictures`: a picture of every page in docs/pictures, of the store of the week. Look at them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import shop
from tests.browser.conftest import APP, FLAGS, chromium
from tests.browser.places import Places
from tests.conftest import NO_BROWSER, ROOT
from tests.http.programs import program

FOLDER = ROOT / "docs" / "pictures"
PEN = "22222222-2222-4222-8222-222222222222"


class Shot(NamedTuple):
    """A picture. do: what is done on the page before it is taken. high: in pixels."""

    name: str
    path: str
    scheme: str = "light"
    width: int = 1200
    high: int = 760
    do: Callable[[Page], object] = lambda page: None


def _preview(page: Page) -> None:
    page.fill("#f-product_id", PEN)
    page.fill("#f-quantity", "5")
    page.click("#preview")


def shots(places: Places) -> list[Shot]:
    """All of them."""
    return [
        Shot("overview", "/ui/"),
        Shot("log", "/ui/log?category=order", "dark"),
        Shot("log-narrow", "/ui/log", width=420),
        Shot("event", f"/ui/events/{places.shipped}"),
        Shot("stream", f"/ui/streams/{places.order}?at=5", "dark"),
        Shot("trace", f"/ui/trace/{places.story}"),
        Shot("read-model", "/ui/models/order_summary?order=-total_amount"),
        Shot("processes", "/ui/processes", "dark"),
        Shot("command", "/ui/commands/receive-stock", do=_preview),
        Shot("domain", "/ui/domain", do=lambda page: page.hover("[data-id='e:OrderPaid']")),
        Shot("sql", "/ui/sql?q=SELECT+type,+count(*)+AS+n+FROM+event_log+GROUP+BY+type+ORDER+BY+n+DESC", "dark"),
    ]


def take(browser: Browser, url: str, one: Shot) -> Path:
    """Take a picture; the file that it is in."""
    context = browser.new_context(viewport={"width": one.width, "height": one.high}, color_scheme=one.scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url + one.path)
    one.do(page)
    page.wait_for_timeout(600)
    path = FOLDER / f"ui-{one.name}.png"
    page.screenshot(path=path)
    context.close()
    return path


def main() -> None:
    """Take all."""
    path = chromium()
    if path is None:
        raise SystemExit(f"{NO_BROWSER}: .ci/programs as root installs it")
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        shop.write(str(folder / "shop.db"))
        places = Places(str(folder / "shop.db"))
        shutil.copy(folder / "shop.db", folder / "cqrs.db")
        with program(folder, app=APP) as server:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            for one in shots(places):
                print(take(browser, server.url, one).relative_to(ROOT))
            browser.close()


if __name__ == "__main__":
    main()
