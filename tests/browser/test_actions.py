"""What people do on pages: versions, forms, rebuilds, letters, with a script and without; and what payloads can't do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.places import Places
from tests.http.programs import Program

PRODUCT = "99999999-9999-4999-8999-999999999999"
STREAM = f"stock-{PRODUCT}"
EVIL = "<img src=x onerror=alert(1)></script><script>alert(2)</script>'\"{{7*7}}\u202e&lt;"


@pytest.fixture
def places(template: Path) -> Places:
    """Where to look."""
    return Places(str(template))


def events(server: Program, stream: str) -> list[str]:
    """The types of a stream's events."""
    with server.client() as client:
        answer = client.get("/events", params={"stream": stream})
        return [] if answer.status_code == 404 else [one["type"] for one in answer.json()]


def test_through_the_versions(page: Page, looked_at: Program, places: Places) -> None:
    page.goto(f"{looked_at.url}/ui/streams/{places.order}?at=3")
    expect(page.locator("#at-text")).to_contain_text("3")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**at=4")
    expect(page.locator("#at-text")).to_contain_text("4")
    page.locator("#before").click()
    page.wait_for_url("**at=3")
    page.locator(".json.blamed .by a", has_text="v1").first.click()
    page.wait_for_url("**at=1")
    page.locator("li[data-version='2'] a").first.click()
    page.wait_for_url("**at=2")
    expect(page.locator("#state .l.add, #state .l.edit").first).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
def test_from_a_form_to_the_log(browser: Browser, changed: Program, script: bool) -> None:
    context = browser.new_context(java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{changed.url}/ui/commands/receive-stock")
    page.fill("#f-product_id", "x")
    page.fill("#f-quantity", "-1")
    page.click("#preview")
    expect(page.locator("#f-product_id--wrong")).to_be_visible()
    expect(page.locator("#f-quantity--wrong")).to_be_visible()
    assert page.input_value("#f-product_id") == "x"
    page.fill("#f-product_id", PRODUCT)
    page.fill("#f-quantity", "3")
    page.click("#preview")
    expect(page.locator("#outcome")).to_contain_text("version 0 → 1")
    expect(page.locator("#outcome")).to_contain_text("availability")
    assert events(changed, STREAM) == []
    page.dblclick("#send")
    expect(page.locator("#done")).to_be_visible()
    page.reload()
    assert events(changed, STREAM) == ["StockReceived"], "a double click and a reload are one command"
    context.close()


@pytest.mark.parametrize(("button", "told"), [("#check", "no "), ("#rebuild", "rebuilt")])
@pytest.mark.parametrize("script", [True, False])
def test_a_job(browser: Browser, changed: Program, button: str, told: str, script: bool) -> None:
    context = browser.new_context(java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{changed.url}/ui/models/order_summary")
    page.click(button)
    done = page.locator("[data-state=done]")
    for _ in range(300):  # without a script, whoever wants to know asks again
        if script or done.count():
            break
        page.wait_for_timeout(200)
        page.reload()
    expect(done.first).to_be_visible()
    context.close()


@pytest.mark.parametrize("script", [True, False])
def test_letters(browser: Browser, changed: Program, script: bool) -> None:
    context = browser.new_context(java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{changed.url}/ui/processes")
    before = page.locator(".letter").count()
    assert before == 3
    page.locator(".letter .retry").first.click()
    expect(page.locator("#came")).to_be_visible()
    assert page.locator(".letter").count() == before, "it came to nothing again"
    page.locator(".letter .drop").first.click()
    expect(page.locator("#unreasoned").or_(page.locator(".letter [name=reason]:invalid").first)).to_be_visible()
    page.locator(".letter [name=reason]").first.fill("known")
    page.locator(".letter .drop").first.click()
    expect(page.locator("#gone")).to_be_visible()
    assert page.locator(".letter").count() == before - 1
    context.close()


def test_conditions_and_pages_of_rows(page: Page, looked_at: Program) -> None:
    page.goto(f"{looked_at.url}/ui/models/order_summary")
    page.fill("#where-0", "total_amount >")
    page.keyboard.press("Enter")
    expect(page.locator("#wrong-0")).to_be_visible()
    page.fill("#where-0", "total_amount > 30")
    page.keyboard.press("Enter")
    expect(page.locator("#wrong-0")).to_have_count(0)
    page.get_by_role("columnheader", name="total_amount").get_by_role("link").click()
    page.wait_for_url(re.compile("order="))
    assert "where=" in page.url


def test_hostile_payloads_are_text(page: Page, changed: Program) -> None:
    order = {
        "customer_id": PRODUCT, "shipping_address": dict.fromkeys(("street", "city", "postal_code", "country"), EVIL),
        "items": [{"product_id": PRODUCT, "product_name": EVIL, "quantity": 1, "unit_price": "1"}],
    }  # fmt: skip
    with changed.client() as client:
        made = client.post("/commands/create-order", json=order, headers={"Idempotency-Key": "evil'\"<b>1"})
        assert made.status_code == 201, made.text
        stream, head = made.headers["location"].rpartition("/")[2], int(made.headers["log-position"])
        paths = [
            "/ui/log", f"/ui/events/{head}", f"/ui/streams/{stream}", "/ui/trace/evil'%22%3Cb%3E1", "/ui/models/order_items",
            f"/ui/commands/create-order?customer_id={EVIL}", "/ui/log?contains=%3Cscript%3Ealert(3)%3C/script%3E", "/ui/processes",
            "/ui/streams/%3Cscript%3Ealert(4)%3C%2Fscript%3E", "/ui/sql?q=select+'%3Cscript%3Ealert(5)%3C/script%3E'",
            "/ui/commands/%3Cimg%20onerror=alert(6)%3E", "/ui/go?to=%3Cscript%3Ealert(7)%3C/script%3E",
        ]  # fmt: skip
        for path in paths:
            page.goto(changed.url + path)
            assert page.evaluate("document.querySelectorAll('main script, main img').length") == 0, path
            assert "\u202e" not in page.inner_text("main"), path
        page.goto(f"{changed.url}/ui/log")
        page.click("#tail")
        page.wait_for_timeout(300)
        client.post("/commands/create-order", json=order)
        page.locator("#log tr.fresh").first.wait_for()
    assert page.evaluate("document.querySelectorAll('main script, main img').length") == 0
    assert "\u202e" not in page.inner_text("main")


def test_pointing_at_the_map(page: Page, looked_at: Program) -> None:
    page.goto(f"{looked_at.url}/ui/domain")
    page.hover("[data-id='e:OrderPaid']")
    lit = set(page.locator(".node.lit").evaluate_all("all => all.map(one => one.dataset.id)"))
    assert {"c:pay-order", "a:order", "e:OrderPaid", "r:fulfilment"} <= lit
    assert "p:availability" not in lit


def test_sql_by_the_keyboard(page: Page, looked_at: Program) -> None:
    page.goto(f"{looked_at.url}/ui/sql")
    page.fill("#q", "SELECT count(*) AS n FROM event_log")
    page.keyboard.press("Control+Enter")
    expect(page.locator("table.rows td")).to_have_text("58")
