"""Reading and using the dashboard by keyboard, on a small screen, in the dark."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from api.dashboard.static import CONTENT_SECURITY_POLICY
from tests.api.dashboard.conftest import SignIn
from tests.api.dashboard.yard import Yard


def test_everything_from_sign_in_to_a_confirmed_cancel_works_by_keyboard(page: Page, yard: Yard) -> None:
    job_id = yard.submit(name="by keyboard", labels={"team": "keyboard"})
    page.goto(f"{yard.url}/#/?label=team%3Dkeyboard")
    expect(page.get_by_label("Key")).to_be_focused()
    page.keyboard.type(yard.key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="by keyboard")).to_be_visible()
    walk_to(page, "by keyboard")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="by keyboard")).to_be_visible()
    expect(page.locator("#main")).to_be_focused()
    walk_to(page, "Cancel")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Not now")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".standing")).to_contain_text("Cancelled")
    assert yard.call("GET", f"/v1/jobs/{job_id}").json()["status"] == "cancelled"


def test_the_skip_link_leads_past_the_header(page: Page, sign_in: SignIn) -> None:
    sign_in(page)
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_arrow_keys_read_a_chart_point_by_point(page: Page, yard: Yard, sign_in: SignIn) -> None:
    hand = yard.begin()
    hand.points("train/loss", [3.0, 2.0, 1.0])
    sign_in(page, f"#/jobs/{hand.job_id}")
    chart = page.locator("figure").first
    expect(chart).to_contain_text("train 1")
    chart.get_by_role("img").focus()
    page.keyboard.press("ArrowLeft")
    expect(chart).to_contain_text(re.compile(r"train 2.*step 2"))
    page.keyboard.press("ArrowLeft")
    expect(chart).to_contain_text(re.compile(r"train 3.*step 1"))


@pytest.mark.parametrize("room", ["#/", "#/submit", "job"])
def test_nothing_is_wider_than_a_small_screen(browser: Browser, yard: Yard, sign_in: SignIn, room: str) -> None:
    hand = yard.begin(name="a-very-long-name-" * 11, labels={"key": "long" * 15})
    hand.points("train/loss", [2.0, 1.0])
    hand.checkpoint(b"weights", step=2, scores={"validation/loss": 1.0})
    hand.log("x" * 500 + "\n")
    context = browser.new_context(viewport={"width": 375, "height": 812})
    page = context.new_page()
    sign_in(page, f"#/jobs/{hand.job_id}" if room == "job" else room)
    expect(page.locator("table.jobs, #spec, .checkpoints").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    context.close()


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(250, 249, 245)"), ("dark", "rgb(17, 21, 20)")])
def test_the_page_follows_the_colour_scheme_of_the_system(
    browser: Browser, yard: Yard, scheme: str, paper: str
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(yard.url)
    expect(page.get_by_label("Key")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == paper
    context.close()


def test_nothing_moves_for_whoever_asked_for_less_motion(browser: Browser, yard: Yard, sign_in: SignIn) -> None:
    hand = yard.begin()
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    sign_in(page, f"#/jobs/{hand.job_id}")
    expect(page.locator(".status.running")).to_be_visible()
    moving = "(e) => getComputedStyle(e, '::before').animationName"
    assert page.locator(".status.running i").evaluate(moving) == "none"
    context.close()


def test_every_control_has_a_name(page: Page, yard: Yard, sign_in: SignIn) -> None:
    hand = yard.begin()
    hand.points("train/loss", [2.0, 1.0])
    hand.checkpoint(b"weights", step=2, scores={})
    for room in ("#/", "#/submit", f"#/jobs/{hand.job_id}"):
        sign_in(page, room) if room == "#/" else page.goto(f"{yard.url}/{room}")
        expect(page.locator("table.jobs, #spec, .checkpoints").first).to_be_visible()
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, a, input, select, textarea, summary")]
                .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML)"""
        )
        assert nameless == []


def test_the_policy_that_the_service_sends_keeps_foreign_code_from_running(browser: Browser, yard: Yard) -> None:
    context = browser.new_context()
    page = context.new_page()
    answer = page.goto(yard.url)
    assert answer is not None
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    page.evaluate(
        """() => {
            window.refused = [];
            document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            fetch("https://example.org/").catch(() => undefined);
        }"""
    )
    page.wait_for_function("() => refused.length === 2")
    assert sorted(page.evaluate("refused")) == ["connect-src", "script-src-elem"]
    assert page.evaluate("window.ran") is None
    context.close()


def walk_to(page: Page, name: str) -> None:
    """Press Tab until the element with this text has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    pytest.fail(f"{name!r} is not reached by the Tab key")
